//! Counters that are killed at any instant, or told to go, while clients write all the time: what was acknowledged is kept.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ha_core::Mode;
use ha_tests::Ground;

/// Where these stories are played: on a directory, and on a bucket as a module of `bucket`.
const GROUND: Ground = Ground::of(module_path!());

/// Numbers that nobody foresees, and that can be had again: xorshift.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seed = u64::from(since.subsec_nanos()) | 1;
        println!("chance begins with {seed}");
        Self(seed)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[test]
fn killed_at_any_instant_they_keep_what_was_acknowledged_and_keep_it_once() {
    // With snapshots and collection all the time, so that the kills meet these too.
    let Some(mut plane) = GROUND.counters(3, 50) else {
        return;
    };
    let clients = plane.clients(6);
    let mut chance = Chance::new();
    let mut masters = 0;
    for round in 0..20 {
        clients.commit_more(5);
        std::thread::sleep(Duration::from_micros(chance.below(60_000)));
        let master = plane.all.iter().position(|node| node.is("MASTER"));
        // Mostly the master; now and then whoever it is, and once all of them.
        let victims = match (round, master) {
            (10, _) => vec![0, 1, 2],
            (_, Some(master)) if round % 4 != 3 => vec![master],
            _ => vec![usize::try_from(chance.below(3)).unwrap()],
        };
        masters += usize::from(master.is_some_and(|master| victims.contains(&master)));
        for victim in &victims {
            plane.all[*victim].kill();
        }
        std::thread::sleep(Duration::from_micros(chance.below(60_000)));
        for victim in victims {
            plane.all[victim].start_again();
        }
    }
    clients.commit_more(20);
    let history = clients.end();
    plane.assert_kept(&history);
    assert!(masters >= 10, "only {masters} masters were killed");
    println!(
        "{} acknowledged, {} unknown",
        history.committed(),
        history.unknown()
    );
}

#[test]
fn all_killed_at_once_they_come_back_with_what_was_acknowledged() {
    let Some(mut plane) = GROUND.counters(3, 1_000_000) else {
        return;
    };
    let clients = plane.clients(6);
    clients.commit_more(100);
    for counter in &mut plane.all {
        counter.kill();
    }
    let history = clients.end();
    for counter in &mut plane.all {
        counter.start_again();
    }
    plane.assert_kept(&history);
    // And the plane lives: what comes next is kept as well.
    let before = plane.all[0].values().len();
    plane.all[plane.master()].append("afterwards");
    assert_eq!(plane.all[0].values().len(), before + 1);
}

#[test]
fn masters_that_are_told_to_go_lose_nothing() {
    let Some(mut plane) = GROUND.counters(3, 100) else {
        return;
    };
    let clients = plane.clients(6);
    for round in 0..10 {
        let master = plane.settle();
        clients.commit_more(10);
        if round % 2 == 0 {
            plane.all[master].terminate();
        } else {
            assert_eq!(plane.all[master].call("stop")["stopped"], true);
            assert_eq!(plane.all[master].end().code(), Some(0));
        }
        plane.all[master].start_again();
    }
    clients.commit_more(10);
    let history = clients.end();
    assert_eq!(
        history.unknown(),
        0,
        "nobody is left in the dark by an orderly stop"
    );
    plane.assert_kept(&history);
}

#[test]
fn of_two_processes_with_one_node_id_one_stops_and_says_so() {
    let Some(plane) = GROUND.counters(1, 1_000_000) else {
        return;
    };
    plane.all[0].append("before");
    let twin = plane.launch("a", 1_000_000).logging_to("twin").start();
    let nodes = [&*plane.all[0], &*twin];
    let failed = || nodes.iter().position(|node| node.is("FAILED"));
    ha_tests::wait_for(ha_tests::PATIENCE, "one of them has failed", || {
        failed().is_some()
    });
    let out = failed().unwrap();
    nodes[out].fails_naming(&["`a`", "another process", "--nodeId"]);
    let stays = nodes[1 - out];
    stays.becomes("MASTER");
    stays.append("after");
    assert_eq!(stays.values(), ["before", "after"]);
    assert!(nodes[out].call("append x")["fenced"].is_string());
    // It stays out: no mode brings it back.
    assert!(nodes[out].call(&format!("mode {}", Mode::Auto))["error"].is_string());
    assert!(nodes[out].is("FAILED"));
}
