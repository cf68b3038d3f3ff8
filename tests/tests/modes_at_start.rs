//! What each `--highAvailability` and each `--persist` comes to, by what it meets: Brooklyn's table of start-ups, with outcomes that a
//! user would want where Brooklyn's are defects.

use std::time::Duration;

use ha_tests::{PATIENCE, Plane, Request, Server, Site, stays, wait_for};

const MASTER_EXISTS: &str = "Master already exists; cannot run as master (master ";
const WAY_OUT: &str = "); to trigger a promotion, set a priority and demote the current master";

/// A master on this site.
fn master(site: &Site) -> Server {
    let mut master = site.server("first").start();
    master.becomes("MASTER");
    master
}

/// What a second server of this mode becomes beside a live master, which stays what it is.
#[track_caller]
fn beside_a_master(mode: &str, role: &str) {
    let site = Site::calm();
    let first = master(&site);
    let mut second = site.server("second").mode(mode).start();
    second.becomes(role);
    wait_for(PATIENCE, "the second names the first as master", || {
        second.master_id() == first.node_id()
    });
    assert!(first.is("MASTER"));
}

/// What a first server of this mode becomes.
#[track_caller]
fn alone(mode: &str, role: &str) {
    let site = Site::calm();
    site.server("first").mode(mode).start().becomes(role);
}

#[test]
fn auto_alone_is_master() {
    alone("auto", "MASTER");
}

#[test]
fn auto_beside_a_master_is_a_hot_standby() {
    beside_a_master("auto", "HOT_STANDBY");
}

#[test]
fn auto_after_a_crash_waits_for_the_silence_and_takes_over() {
    let site = Site::brisk();
    master(&site).kill();
    let mut second = site.server("second").start();
    second.becomes("MASTER");
    assert_eq!(second.master_id().as_deref(), Some("second"));
}

#[test]
fn master_alone_is_master() {
    alone("master", "MASTER");
}

#[test]
fn master_beside_a_live_master_fails_in_brooklyns_words() {
    let site = Site::calm();
    let first = master(&site);
    let second = site.server("second").mode("master").run();
    second.assert(2, &[MASTER_EXISTS, "first", WAY_OUT]);
    assert!(first.is("MASTER"));
}

#[test]
fn master_after_a_crash_takes_over_once_that_is_proven() {
    let site = Site::brisk();
    master(&site).kill();
    let mut second = site.server("second").mode("master").start();
    second.becomes("MASTER");
}

#[test]
fn master_after_an_orderly_end_is_master() {
    let site = Site::calm();
    master(&site).terminate().assert(0, &[]);
    site.server("second").mode("master").start().becomes("MASTER");
}

#[test]
fn standby_beside_a_master_is_a_standby() {
    beside_a_master("standby", "STANDBY");
}

#[test]
fn hot_standby_beside_a_master_is_a_hot_standby() {
    beside_a_master("hot_standby", "HOT_STANDBY");
}

#[test]
fn standby_without_a_master_fails() {
    let ended = Site::calm().server("first").mode("standby").run();
    ended.assert(2, &["No existing master; cannot start as STANDBY"]);
}

#[test]
fn hot_standby_without_a_master_fails() {
    let ended = Site::calm().server("first").mode("hot_standby").run();
    ended.assert(2, &["No existing master; cannot start as HOT_STANDBY"]);
}

#[test]
fn a_standby_that_failed_for_want_of_a_master_leaves_nothing_that_hinders_the_next() {
    let site = Site::calm();
    site.server("first").mode("standby").run().assert(2, &[]);
    site.server("first").start().becomes("MASTER");
}

#[test]
fn hot_backup_beside_a_master_is_a_hot_backup() {
    beside_a_master("hot_backup", "HOT_BACKUP");
}

#[test]
fn hot_backup_without_a_master_is_a_hot_backup_and_stays_one() {
    let site = Site::brisk();
    let mut backup = site.server("backup").mode("hot_backup").start();
    backup.becomes("HOT_BACKUP");
    stays(Duration::from_secs(3), "a hot backup without master", || {
        backup.is("HOT_BACKUP")
    });
    assert_eq!(backup.master_id(), None);
    // A master that comes later finds the way free.
    site.server("later").start().becomes("MASTER");
}

#[test]
fn disabled_alone_is_a_plane_of_one() {
    let site = Site::calm();
    let mut only = site.server("only").mode("disabled").start();
    only.becomes("MASTER");
    let states = only.states();
    assert_eq!(states["masterId"], "only");
    assert_eq!(states["nodes"].as_object().map(serde_json::Map::len), Some(1));
}

#[test]
fn disabled_on_a_live_plane_is_refused() {
    let site = Site::calm();
    let first = master(&site);
    let second = site.server("second").mode("disabled").run();
    assert!(
        second.code.is_some_and(|code| code == 2 || code == 3),
        "{second:?}"
    );
    assert!(
        second.log.contains("first"),
        "the live node is named: {}",
        second.log
    );
    assert!(first.is("MASTER"));
}

#[test]
fn disabled_without_persistence_touches_no_directory() {
    let site = Site::calm();
    let launch = site
        .server("only")
        .without("--persistenceDir")
        .option("--persist", "disabled");
    launch.start().becomes("MASTER");
    assert!(!site.plane().exists());
}

#[test]
fn clean_on_a_live_plane_is_refused() {
    let site = Site::calm();
    let first = master(&site);
    let second = site.server("second").option("--persist", "clean").run();
    assert!(
        second.code.is_some_and(|code| code == 2 || code == 3),
        "{second:?}"
    );
    assert!(
        second.log.contains("first"),
        "the live node is named: {}",
        second.log
    );
    assert!(first.is("MASTER"));
}

#[test]
fn clean_after_an_orderly_end_begins_anew() {
    let site = Site::calm();
    master(&site).terminate().assert(0, &[]);
    site.server("second")
        .option("--persist", "clean")
        .start()
        .becomes("MASTER");
}

#[test]
fn rebind_needs_a_directory_with_state() {
    let site = Site::calm();
    let launch = site.server("first").option("--persist", "rebind");
    let plane = site.plane();
    let path = plane.to_string_lossy();
    let missing = launch.run();
    assert!(matches!(missing.code, Some(2 | 3)), "{missing:?}");
    assert!(
        missing.log.contains("directory does not exist") && missing.log.contains(&*path),
        "{}",
        missing.log
    );
    assert!(!plane.exists(), "nothing is made");

    std::fs::create_dir(&plane).expect("the site is writable");
    let empty = site.server("other").option("--persist", "rebind").run();
    assert!(matches!(empty.code, Some(2 | 3)), "{empty:?}");
    assert!(
        empty.log.contains("directory is empty") && empty.log.contains(&*path),
        "{}",
        empty.log
    );
}

#[test]
fn rebind_uses_the_state_that_is_there() {
    let site = Site::calm();
    let mut first = master(&site);
    let plane = first.plane_id();
    first.terminate().assert(0, &[]);
    let mut second = site.server("second").option("--persist", "rebind").start();
    second.becomes("MASTER");
    assert_eq!(second.plane_id(), plane);
}

#[test]
fn of_two_standbys_the_one_with_the_higher_priority_is_next() {
    // Brooklyn's "no healthy master, another live standby outranks us".
    let mut plane = Plane::on(Site::calm(), &[0, 1, 2]);
    plane.servers[0].terminate().assert(0, &[]);
    assert_eq!(plane.settles_among(&[1, 2]), 2);
}

#[test]
fn a_restart_on_the_same_port_is_the_same_node_and_has_its_priority_back() {
    let site = Site::calm();
    let mut first = site.anonymous("first").start();
    first.becomes("MASTER");
    let mut second = site.anonymous("second").start();
    second.becomes("HOT_STANDBY");
    let id = second.node_id().expect("a node has an id");
    assert_ne!(
        first.node_id().as_ref(),
        Some(&id),
        "another port is another node"
    );
    let answer = second
        .send(&Request::post("/v1/server/ha/priority", "priority=7"))
        .expect("the server answers");
    assert_eq!((answer.status, answer.body.as_str()), (200, "0"));

    second.terminate().assert(0, &[]);
    let mut second = second.start_again();
    second.becomes("HOT_STANDBY");
    assert_eq!(second.node_id(), Some(id));
    let priority = second
        .send(&Request::get("/v1/server/ha/priority"))
        .expect("the server answers");
    assert_eq!((priority.status, priority.body.as_str()), (200, "7"));
}
