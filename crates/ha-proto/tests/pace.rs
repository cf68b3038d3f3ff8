//! A plane on a store that charges for each request: what it asks while it is idle, and that it lives all the same.

use std::collections::BTreeMap;
use std::time::Duration;

use ha_proto::{Config, IdleRequests, Mode, Role};
use ha_sim::{MS, SEC, World};

/// Three nodes on a bucket by these settings, settled.
fn three(config: &Config) -> World {
    let mut w = World::new(11, config.clone());
    w.store.is_bucket = true;
    for _ in 0..3 {
        w.add(Mode::Auto);
    }
    w.start_all();
    w.until("a master and two hot standbys", 900 * SEC, |w| {
        let mut roles = w.roles();
        roles.sort_unstable();
        roles == [Role::HotStandby, Role::HotStandby, Role::Master]
    });
    w
}

fn bucket() -> Config {
    Config::bucket().build().expect("the preset agrees with itself")
}

#[test]
fn an_idle_plane_asks_what_was_predicted() {
    for config in [bucket(), Config::economy().build().unwrap(), Config::default()] {
        let mut w = three(&config);
        w.run_for(3600 * SEC);
        w.asked.clear();
        w.run_for(6 * 3600 * SEC);
        let predicted = IdleRequests::of(&config, 3, Duration::from_secs(6 * 3600));
        let seen = |kinds: &[&str]| {
            kinds
                .iter()
                .map(|k| w.asked.get(k).copied().unwrap_or(0))
                .sum::<u64>()
        };
        let pairs: BTreeMap<_, _> = [
            ("put", (predicted.puts, seen(&["put", "create"]))),
            ("get", (predicted.gets, seen(&["get"]))),
            ("list", (predicted.lists, seen(&["list"]))),
        ]
        .into();
        for (kind, (predicted, seen)) in &pairs {
            let ratio = *seen as f64 / *predicted as f64;
            assert!(
                (0.85..=1.08).contains(&ratio),
                "{kind}: {predicted} predicted, {seen} seen"
            );
        }
        assert_eq!(w.truth.takeovers.len(), 1, "and nobody was suspected");
    }
}

#[test]
fn a_silent_leader_is_replaced_after_the_heartbeat_timeout() {
    let mut w = three(&bucket());
    w.run_for(1000 * SEC);
    let old = w.master();
    w.crash(old);
    let took = w.until("another master", 120 * SEC, |w| {
        w.masters().iter().any(|m| *m != old)
    });
    // The last heartbeat may be ten seconds old, and was read up to ten seconds after it was written.
    assert!((14 * SEC..=41 * SEC).contains(&took), "not {took} us");
    let new = w.master();
    w.until("authority to act", 60 * SEC, |w| w.may_act(new));
}

#[test]
fn a_dead_first_choice_delays_the_next_and_does_not_block_it() {
    let mut w = three(&bucket());
    w.run_for(1000 * SEC);
    let old = w.master();
    let next = (0..3).find(|i| *i != old).unwrap();
    w.crash(next);
    w.run_for(5 * SEC);
    w.crash(old);
    w.until("the last one is master", 120 * SEC, |w| {
        w.masters().iter().any(|m| *m != old)
    });
}

#[test]
fn an_orderly_stop_hands_over_at_the_next_poll() {
    let mut w = three(&bucket());
    w.run_for(1000 * SEC);
    let old = w.master();
    w.stop(old);
    let took = w.until("another master that may act", 60 * SEC, |w| {
        w.masters().iter().any(|m| *m != old && w.may_act(*m))
    });
    assert!(took <= 6 * SEC, "a poll, not {took} us");
}

/// Followers may be silent for longer than a leader: one that was deposed for its silence is not handed the lead for that.
#[test]
fn a_leader_that_was_taken_for_dead_is_handed_nothing() {
    let mut w = three(&bucket());
    w.run_for(1000 * SEC);
    let first = w.master();
    w.crash(first);
    w.until("another leads", 60 * SEC, |w| {
        w.masters().iter().any(|i| *i != first)
    });
    let second = w.master();
    let third = (0..3).find(|i| ![first, second].contains(i)).unwrap();
    assert!(first < third, "it would go first, were it alive");
    w.stop(second);
    w.until("it is handed on to who lives", 20 * SEC, |w| {
        w.masters() == [third]
    });
    assert_eq!(w.truth.takeovers.len(), 3, "one entry has done it");
}

#[test]
fn a_follower_that_is_told_to_lead_is_handed_it_within_two_heartbeats() {
    let mut w = three(&bucket());
    w.run_for(1000 * SEC);
    let old = w.master();
    let told = (0..3).find(|i| *i != old).unwrap();
    assert!(w.change_mode(told, Mode::Master));
    let took = w.until("it leads", 60 * SEC, |w| w.masters() == [told]);
    assert!(took <= 20 * SEC, "not {took} us");
    assert_eq!(w.truth.takeovers.len(), 2, "one entry has done it");
}

#[test]
fn nodes_that_live_by_different_times_say_so() {
    let mut w = World::quiet(5, &[Mode::Auto]);
    w.start_all();
    w.run_for(SEC);
    w.config = ha_sim::config()
        .heartbeat_timeout(Duration::from_millis(500))
        .build()
        .unwrap();
    let other = w.add(Mode::Auto);
    w.start(other);
    w.until("both have said it", 2 * SEC, |w| {
        [0, other].iter().all(|i| {
            w.warnings.iter().any(|(who, said)| {
                who == i && said.contains("heartbeatTimeout 300 ms") && said.contains("500 ms")
            })
        })
    });
    w.run_for(500 * MS);
    assert_eq!(w.warnings.len(), 2, "once each: {:?}", w.warnings);
}

#[test]
fn a_bucket_that_was_emptied_under_an_idle_plane_is_found_out() {
    let mut w = three(&bucket());
    w.run_for(1000 * SEC);
    w.store.objects.retain(|key, _| key.starts_with("nodes/"));
    w.until("all have noticed", 1200 * SEC, |w| {
        w.members.iter().all(|m| {
            m.node
                .as_ref()
                .is_some_and(|n| n.failure().is_some_and(|why| why.contains("erased")))
        })
    });
}
