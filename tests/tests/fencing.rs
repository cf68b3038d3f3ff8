//! A master that sleeps past its lease, and what it can still do when it wakes: nothing.

use std::time::Duration;

use ha_core::Epoch;
use ha_core::proto::Kind;
use ha_tests::{Acts, Ground, Journal, PATIENCE, wait_for};

/// Where these stories are played: on a directory, and on a bucket as a module of `bucket`.
const GROUND: Ground = Ground::of(module_path!());

/// Never a snapshot, so that the whole journal can be read.
const NEVER: u64 = 1_000_000;

#[test]
fn a_master_that_sleeps_past_its_lease_adds_nothing_to_the_journal_when_it_wakes() {
    let Some(plane) = GROUND.counters(3, NEVER) else {
        return;
    };
    let clients = plane.clients(8);
    for _ in 0..3 {
        let old = plane.settle();
        let epoch = plane.all[old].epoch();
        clients.commit_more(50);
        plane.all[old].pause();
        let others: Vec<_> = (0..3).filter(|place| *place != old).collect();
        let new = plane.master_among(&others);
        // Clients that have turned to the sleeper wait there, with their writes in its pipe; it wakes in the middle of the work of the new one.
        clients.commit_more(50);
        plane.all[old].resume();
        wait_for(PATIENCE, "the sleeper follows", || {
            plane.all[old].is("HOT_STANDBY")
        });
        assert!(plane.all[new].epoch() > epoch);
        let journal = Journal::of(&plane.objects());
        let of_old = |kind: Kind| kind == Kind::Commit || kind == Kind::Full || kind == Kind::Release;
        let taken = journal
            .beginnings()
            .find(|entry| entry.header.epoch > Epoch(epoch))
            .expect("another has taken over");
        let later = journal
            .valid
            .iter()
            .filter(|entry| entry.header.seq > taken.header.seq);
        let stale: Vec<_> = later
            .filter(|entry| entry.header.epoch <= Epoch(epoch) && of_old(entry.header.kind))
            .collect();
        assert!(stale.is_empty(), "epoch {epoch} goes on after its end: {stale:?}");
    }
    plane.assert_kept(&clients.end());
}

#[test]
fn no_two_nodes_ever_act_at_once() {
    let Some(mut plane) = GROUND.counters(3, NEVER) else {
        return;
    };
    let acting = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    // Every node is asked to act, all the time, and does when it may.
    let actors: Vec<_> = plane
        .remotes()
        .into_iter()
        .map(|node| {
            let acting = acting.clone();
            std::thread::spawn(move || {
                while acting.load(std::sync::atomic::Ordering::Relaxed) {
                    if node.call("act 120")["acted"].is_null() {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                }
            })
        })
        .collect();
    let file = plane.site.path("acts");
    let acts_under = |epoch: u64| {
        wait_for(PATIENCE, "the new master acts", || {
            Acts::of(&file).last_epoch() >= epoch
        })
    };
    // Asleep, killed, asleep, and told to go: in turn.
    for round in 0..8 {
        let master = plane.settle();
        let epoch = plane.all[master].epoch();
        acts_under(epoch);
        match round % 4 {
            0 | 2 => {
                plane.all[master].pause();
                let others: Vec<_> = (0..3).filter(|place| *place != master).collect();
                let new = plane.master_among(&others);
                acts_under(plane.all[new].epoch());
                plane.all[master].resume();
            }
            1 => {
                plane.all[master].kill();
                plane.all[master].start_again();
            }
            _ => {
                let told = plane.all[master].call("mode HOT_STANDBY");
                assert!(
                    told["error"].is_null()
                        || told["error"].as_str().is_some_and(|e| e.contains("under way")),
                    "{told}"
                );
            }
        }
        wait_for(PATIENCE, "another epoch has begun", || {
            plane.all.iter().any(|node| node.epoch() > epoch)
        });
    }
    acts_under(plane.all[plane.settle()].epoch());
    acting.store(false, std::sync::atomic::Ordering::Relaxed);
    actors
        .into_iter()
        .for_each(|actor| actor.join().expect("an actor does not panic"));
    let acts = Acts::of(&file);
    acts.assert_never_two_at_once();
    assert!(acts.epochs() >= 8, "{} epochs acted", acts.epochs());
}
