//! What POST `/v1/server/ha/state` comes to, from each role to each mode: Brooklyn's table, with a stable state and a 200 where Brooklyn
//! answers 500 or loses data.

use std::time::Duration;

use ha_tests::{PATIENCE, Plane, Request, Server, Site, stays, wait_for};

/// Each mode that can be asked for.
const MODES: [&str; 6] = [
    "AUTO",
    "MASTER",
    "STANDBY",
    "HOT_STANDBY",
    "HOT_BACKUP",
    "DISABLED",
];

/// The mode that brings a node to this role.
fn mode_for(role: &str) -> &str {
    if role == "FAILED" { "DISABLED" } else { role }
}

/// What a node of this role is after it was asked for this mode, while another can lead.
fn outcome(from: &str, mode: &'static str) -> &'static str {
    match mode {
        "AUTO" if from == "MASTER" => "MASTER",
        "AUTO" => "HOT_STANDBY",
        "DISABLED" => "FAILED",
        mode => mode,
    }
}

/// Asks, and checks that the answer is what the node was before.
#[track_caller]
fn ask(server: &Server, mode: &str, from: &str) {
    let answer = server.post_mode(mode);
    assert_eq!(
        (answer.status, answer.body),
        (200, format!("\"{from}\"")),
        "{from} asked for {mode}"
    );
}

/// Brings a node to a role from wherever it is, and the other to what goes with it.
#[track_caller]
fn bring(subject: &mut Server, other: &mut Server, role: &str) {
    if !subject.is(role) {
        let answer = subject.post_mode(mode_for(role));
        assert_eq!(answer.status, 200, "{role}: {}", answer.body);
    }
    subject.becomes(role);
    other.becomes(if role == "MASTER" { "HOT_STANDBY" } else { "MASTER" });
}

/// Goes through a row of the table on a plane of two.
#[track_caller]
fn row(from: &'static str) {
    let mut plane = Plane::of(2);
    let (others, subjects) = plane.servers.split_at_mut(1);
    let (other, subject) = (&mut others[0], &mut subjects[0]);
    for mode in MODES {
        eprintln!("-- from {from} by {mode}");
        bring(subject, other, from);
        ask(subject, mode, from);
        let role = outcome(from, mode);
        subject.becomes(role);
        other.becomes(if role == "MASTER" { "HOT_STANDBY" } else { "MASTER" });
        stays(Duration::from_millis(500), "the outcome is stable", || {
            subject.is(role)
        });
    }
}

#[test]
fn a_master_becomes_what_it_is_asked_to_and_another_takes_over() {
    row("MASTER");
}

#[test]
fn a_hot_standby_becomes_what_it_is_asked_to() {
    row("HOT_STANDBY");
}

#[test]
fn a_hot_backup_becomes_what_it_is_asked_to() {
    row("HOT_BACKUP");
}

#[test]
fn a_standby_becomes_what_it_is_asked_to() {
    row("STANDBY");
}

#[test]
fn a_failed_node_comes_back_as_what_it_is_asked_to() {
    row("FAILED");
}

/// A lone master that has been asked for a mode.
#[track_caller]
fn lone_master_asked_for(mode: &str, role: &str) -> (Site, Server) {
    let site = Site::calm();
    let mut only = site.server("only").start();
    only.becomes("MASTER");
    ask(&only, mode, "MASTER");
    only.becomes(role);
    stays(Duration::from_secs(1), "the outcome is stable", || only.is(role));
    (site, only)
}

#[test]
fn a_lone_master_asked_for_hot_standby_becomes_it_and_says_so() {
    let (_site, only) = lone_master_asked_for("HOT_STANDBY", "HOT_STANDBY");
    assert_eq!(only.master_id(), None);
}

#[test]
fn a_lone_master_asked_for_hot_backup_is_no_master_any_more_until_it_is_asked() {
    let (_site, mut only) = lone_master_asked_for("HOT_BACKUP", "HOT_BACKUP");
    ask(&only, "MASTER", "HOT_BACKUP");
    only.becomes("MASTER");
}

#[test]
fn a_lone_hot_backup_asked_for_auto_is_master() {
    let (_site, mut only) = lone_master_asked_for("HOT_BACKUP", "HOT_BACKUP");
    ask(&only, "AUTO", "HOT_BACKUP");
    only.becomes("MASTER");
}

#[test]
fn a_lone_node_that_was_disabled_comes_back_by_auto() {
    let (_site, mut only) = lone_master_asked_for("DISABLED", "FAILED");
    ask(&only, "AUTO", "FAILED");
    only.becomes("MASTER");
}

#[test]
fn a_lone_master_asked_to_be_what_it_is_stays_it() {
    let _ = lone_master_asked_for("MASTER", "MASTER");
    let _ = lone_master_asked_for("AUTO", "MASTER");
}

#[test]
fn brooklyns_hand_over_by_priority_works() {
    let mut plane = Plane::of(3);
    let answer = plane.servers[2].send(&Request::post("/v1/server/ha/priority", "priority=1"));
    assert_eq!(answer.expect("the server answers").body, "0");
    ask(&plane.servers[0], "HOT_STANDBY", "MASTER");
    plane.servers[2].becomes("MASTER");
    assert_eq!(plane.settles_among(&[0, 1, 2]), 2);
}

#[test]
fn a_mode_that_is_unknown_or_missing_is_a_400_and_changes_nothing() {
    let plane = Plane::of(2);
    for form in [
        "",
        "mode=",
        "mode=hot_standby",
        "mode=LEADER",
        "mode=MASTER%00",
        "Mode=MASTER",
    ] {
        for server in &plane.servers {
            let answer = server
                .send(&Request::post("/v1/server/ha/state", form))
                .expect("the server answers");
            assert_eq!(answer.status, 400, "{form:?}: {}", answer.body);
        }
    }
    assert!(plane.servers[0].is("MASTER") && plane.servers[1].is("HOT_STANDBY"));
}

#[test]
fn a_standby_changes_only_for_who_says_that_he_means_it() {
    let plane = Plane::of(2);
    let request = Request::post("/v1/server/ha/state", "mode=MASTER");
    let answer = plane.servers[1]
        .send(&request.bare())
        .expect("the server answers");
    assert_eq!(answer.status, 403, "{}", answer.body);
    assert_eq!(
        answer.json()["message"],
        "This request is only permitted against an active primary Brooklyn server"
    );
    assert!(plane.servers[1].is("HOT_STANDBY"));
}

#[test]
fn two_nodes_that_are_told_to_be_master_at_once_end_with_one_of_them() {
    let plane = Plane::of(3);
    std::thread::scope(|scope| {
        for server in &plane.servers[1..] {
            scope.spawn(|| {
                let answer = server.post_mode("MASTER");
                assert!(
                    answer.status == 200 || answer.status == 409 || answer.status == 503,
                    "{answer:?}"
                );
            });
        }
    });
    let master = plane.settles_among(&[0, 1, 2]);
    wait_for(PATIENCE, "one of the two is master", || master != 0);
}
