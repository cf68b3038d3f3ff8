//! Masters that die, end or sleep, and who comes next.

use std::time::Duration;

use ha_tests::{Ground, MasterWatch, PATIENCE, Plane, stays, wait_for};

/// Where these stories are played: on a directory, and on a bucket as a module of `bucket`.
const GROUND: Ground = Ground::of(module_path!());

#[test]
fn when_the_master_is_killed_one_other_takes_over() {
    let Some(site) = GROUND.brisk() else { return };
    let mut plane = Plane::on(site, &[0, 0, 0]);
    let watch = MasterWatch::over(&plane.servers);
    plane.servers[0].kill();
    plane.settles_among(&[1, 2]);
    watch.saw_no_two_masters();
    wait_for(PATIENCE, "the dead node is shown as FAILED", || {
        plane.servers[1].states()["nodes"]["a"]["status"] == "FAILED"
    });
}

#[test]
fn when_the_master_ends_in_order_one_other_takes_over_at_once() {
    // Nobody suspects anybody for ten seconds on this site, so it is not by suspicion.
    let Some(site) = GROUND.calm() else { return };
    let mut plane = Plane::on(site, &[0, 0, 0]);
    let watch = MasterWatch::over(&plane.servers);
    let asked = std::time::Instant::now();
    plane.servers[0].terminate().assert(0, &[]);
    plane.settles_among(&[1, 2]);
    assert!(
        asked.elapsed() < Duration::from_secs(9),
        "it took {:?}",
        asked.elapsed()
    );
    watch.saw_no_two_masters();
}

#[test]
fn a_lone_master_that_ends_in_order_leaves_the_way_free_for_the_next() {
    let Some(site) = GROUND.calm() else { return };
    let mut first = site.server("first").start();
    first.becomes("MASTER");
    first.terminate().assert(0, &[]);
    let begun = std::time::Instant::now();
    site.server("second").start().becomes("MASTER");
    assert!(
        begun.elapsed() < Duration::from_secs(9),
        "it took {:?}",
        begun.elapsed()
    );
}

#[test]
fn a_master_that_sleeps_past_its_lease_wakes_up_as_a_standby() {
    let Some(site) = GROUND.brisk() else { return };
    let plane = Plane::on(site, &[0, 0, 0]);
    let watch = MasterWatch::over(&plane.servers);
    plane.servers[0].pause();
    plane.settles_among(&[1, 2]);
    // The lease of the sleeper ends too, so it wakes into a world that has gone on in every respect.
    stays(Duration::from_secs(3), "the sleeper is silent", || {
        plane.servers[0].role().is_none()
    });
    plane.servers[0].resume();
    assert_ne!(plane.settles_among(&[0, 1, 2]), 0);
    watch.saw_no_two_masters();
}

#[test]
fn a_standby_that_sleeps_is_a_standby_again() {
    let Some(site) = GROUND.brisk() else { return };
    let plane = Plane::on(site, &[0, 0]);
    let watch = MasterWatch::over(&plane.servers);
    plane.servers[1].pause();
    wait_for(PATIENCE, "the sleeper is shown as FAILED", || {
        plane.servers[0].states()["nodes"]["b"]["status"] == "FAILED"
    });
    plane.servers[1].resume();
    assert_eq!(plane.settles_among(&[0, 1]), 0);
    watch.saw_no_two_masters();
}

#[test]
fn after_a_crash_the_highest_priority_goes_first() {
    let Some(site) = GROUND.brisk() else { return };
    let mut plane = Plane::on(site, &[0, 1, 9, 5]);
    plane.servers[0].kill();
    assert_eq!(plane.settles_among(&[1, 2, 3]), 2);
    plane.servers[2].kill();
    assert_eq!(plane.settles_among(&[1, 3]), 3);
}

#[test]
fn a_dead_first_choice_delays_the_next_but_does_not_stop_it() {
    let Some(site) = GROUND.brisk() else { return };
    let mut plane = Plane::on(site, &[0, 9, 1]);
    plane.servers[1].kill();
    plane.servers[0].kill();
    assert_eq!(plane.settles_among(&[2]), 2);
}

#[test]
fn a_priority_that_was_set_by_rest_counts() {
    let Some(site) = GROUND.calm() else { return };
    let mut plane = Plane::on(site, &[0, 0, 0]);
    let request = ha_tests::Request::post("/v1/server/ha/priority", "priority=3");
    let answer = plane.servers[2].send(&request).expect("the server answers");
    assert_eq!((answer.status, answer.body.as_str()), (200, "0"));
    wait_for(PATIENCE, "the master knows of it", || {
        plane.servers[0].states()["nodes"]["c"]["priority"] == 3
    });
    plane.servers[0].terminate().assert(0, &[]);
    assert_eq!(plane.settles_among(&[1, 2]), 2);
}

#[test]
fn a_hot_backup_never_takes_over() {
    let Some(site) = GROUND.brisk() else { return };
    let mut plane = Plane::on(site, &[0, 0]);
    let mut backup = plane
        .site
        .server("backup")
        .mode("hot_backup")
        .option("--priority", "99")
        .start();
    backup.becomes("HOT_BACKUP");
    plane.servers[0].kill();
    plane.servers[1].becomes("MASTER");
    plane.servers[1].terminate().assert(0, &[]);
    stays(Duration::from_secs(4), "a hot backup without a master", || {
        backup.is("HOT_BACKUP")
    });
    wait_for(PATIENCE, "nobody is master", || backup.master_id().is_none());
    // Whoever comes next is not hindered.
    let mut back = plane.servers[1].start_again();
    back.becomes("MASTER");
    assert!(backup.is("HOT_BACKUP"));
}

#[test]
fn a_killed_master_comes_back_as_a_hot_standby_of_the_same_id() {
    let Some(site) = GROUND.brisk() else { return };
    let mut plane = Plane::on(site, &[0, 0]);
    plane.servers[0].kill();
    plane.servers[1].becomes("MASTER");
    let mut back = plane.servers[0].start_again();
    back.becomes("HOT_STANDBY");
    assert_eq!(back.node_id().as_deref(), Some("a"));
    assert!(plane.servers[1].is("MASTER"));
}

#[test]
fn a_plane_whose_nodes_were_all_killed_is_the_same_plane_afterwards() {
    let Some(site) = GROUND.brisk() else { return };
    let mut plane = Plane::on(site, &[0, 0, 0]);
    let id = plane.servers[0].plane_id();
    for server in &mut plane.servers {
        server.kill();
    }
    plane.servers = plane.servers.iter().map(ha_tests::Server::start_again).collect();
    let watch = MasterWatch::over(&plane.servers);
    let master = plane.settles_among(&[0, 1, 2]);
    assert_eq!(plane.servers[master].plane_id(), id);
    assert!(id.is_some());
    watch.saw_no_two_masters();
}

#[test]
fn masters_that_are_killed_one_after_the_other_all_find_a_successor() {
    let Some(site) = GROUND.brisk() else { return };
    let mut plane = Plane::on(site, &[0, 0, 0]);
    let mut master = 0;
    for _ in 0..3 {
        plane.servers[master].kill();
        let others: Vec<_> = (0..3).filter(|place| *place != master).collect();
        let next = plane.settles_among(&others);
        plane.servers[master] = plane.servers[master].start_again();
        plane.servers[master].becomes("HOT_STANDBY");
        master = next;
    }
}
