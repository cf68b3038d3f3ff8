//! Wall clocks that are stepped while the nodes run. Nothing that matters is measured by them.

use std::path::Path;

use ha_tests::{Acts, Counter, Counters, PATIENCE, skip, wait_for};

/// Where the library is that fakes clocks: where `HA_FAKETIME` says, or where Debian has it.
fn faketime() -> String {
    let installed = || "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1".to_owned();
    std::env::var("HA_FAKETIME").unwrap_or_else(|_| installed())
}

/// A counter whose wall clock is ahead by what a file says.
fn with_own_clock(plane: &Counters, name: &str) -> Counter {
    let file = plane.site.path(&format!("clock-{name}"));
    std::fs::write(&file, "+0\n").expect("the site is writable");
    plane
        .launch(name, 1_000_000)
        .environment("LD_PRELOAD", faketime())
        .environment("FAKETIME_TIMESTAMP_FILE", file)
        .environment("FAKETIME_NO_CACHE", "1")
        .environment("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .start()
}

fn wall_clock(node: &Counter) -> i64 {
    node.status()["wall_s"].as_i64().unwrap_or_default()
}

#[test]
fn a_wall_clock_that_is_stepped_by_an_hour_changes_nothing() {
    if !Path::new(&faketime()).exists() {
        return skip("libfaketime is not here");
    }
    let mut plane = Counters::of(0, 1_000_000);
    for (name, role) in [("a", "MASTER"), ("b", "HOT_STANDBY")] {
        let node = with_own_clock(&plane, name);
        node.becomes(role);
        plane.all.push(node);
    }
    wait_for(PATIENCE, "the master may act", || {
        plane.all[0].status()["may_act"] == true
    });
    let roles: Vec<_> = plane.all.iter().map(|node| node.roles()).collect();
    let epoch = plane.all[0].epoch();
    let clients = plane.clients(4);
    let act = plane.all[0].ask("act 2000").unwrap();
    for (name, step) in [
        ("a", 3_600_i64),
        ("b", -3_600),
        ("a", -3_600),
        ("b", 3_600),
        ("a", 0),
    ] {
        clients.commit_more(50);
        let node = &plane.all[usize::from(name == "b")];
        let before = wall_clock(node);
        std::fs::write(plane.site.path(&format!("clock-{name}")), format!("{step:+}\n")).unwrap();
        wait_for(PATIENCE, "the wall clock is stepped", || {
            (wall_clock(node) - before).abs() > 3_000
        });
        clients.commit_more(50);
    }
    assert_eq!(act.within(PATIENCE).unwrap()["acted"], epoch);
    Acts::of(&plane.site.path("acts")).assert_never_two_at_once();
    // Nobody has been suspected, and of every write it is known what became of it.
    assert_eq!(
        plane.all.iter().map(|node| node.roles()).collect::<Vec<_>>(),
        roles
    );
    assert_eq!(plane.all[1].epoch(), epoch);
    let history = clients.end();
    assert_eq!(history.unknown(), 0);
    plane.assert_kept(&history);
    // And with clocks that are an hour apart, one takes over from the other as ever.
    plane.all[0].kill();
    plane.all[1].becomes("MASTER");
    plane.all[0].start_again();
    plane.settle();
}
