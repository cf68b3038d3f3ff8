//! Worlds without faults: what a user sees when all is well, and when one thing happens.

use ha_proto::{Mode, Role};
use ha_sim::{MS, SEC, World};

#[test]
fn one_node_on_an_empty_store_becomes_master() {
    let mut w = World::quiet(1, &[Mode::Auto]);
    w.start_all();
    w.until("a master", 200 * MS, |w| w.masters() == [0]);
    w.until("authority to act", 200 * MS, |w| w.may_act(0));
}

fn three() -> World {
    let mut w = World::quiet(7, &[Mode::Auto; 3]);
    w.start_all();
    w.until("a master and two hot standbys", SEC, |w| {
        let mut roles = w.roles();
        roles.sort_unstable();
        roles == [Role::HotStandby, Role::HotStandby, Role::Master]
    });
    w.run_for(SEC);
    w
}

#[test]
fn three_nodes_make_one_master_and_two_hot_standbys() {
    let w = three();
    assert_eq!(w.truth.takeovers.len(), 1);
}

#[test]
fn a_proposal_becomes_durable_on_every_node() {
    let mut w = three();
    let master = w.master();
    let change = w.propose(master).unwrap();
    w.run_for(300 * MS);
    assert!(w.members.iter().all(|m| m.host.state == [change]));
    assert_eq!(w.tally.acknowledged, 1);
}

#[test]
fn an_idle_plane_adds_nothing_to_the_journal() {
    let mut w = three();
    w.run_for(SEC);
    let before = w.truth.pos;
    w.run_for(60 * SEC);
    assert_eq!(w.truth.pos, before);
}

#[test]
fn when_the_master_dies_another_writes_after_the_heartbeat_timeout_and_acts_after_the_lease() {
    let mut w = three();
    let old = w.master();
    w.crash(old);
    let took = w.until("another master", SEC, |w| w.masters().iter().any(|m| *m != old));
    assert!(
        (200 * MS..=600 * MS).contains(&took),
        "heartbeat time-out and a poll, not {took} us"
    );
    let new = w.master();
    assert!(!w.may_act(new), "the dead one's lease has not ended");
    let full = w.until("authority to act", SEC, |w| w.may_act(new));
    assert!(
        took + full >= 500 * MS,
        "not before the lease has ended: {full} us"
    );
    assert!(w.propose(new).is_some());
}

#[test]
fn a_known_exit_spares_both_waits() {
    let mut w = three();
    let old = w.master();
    let process = w.members[old].node.as_ref().unwrap().process().clone();
    w.crash(old);
    for i in 0..3 {
        w.input(i, ha_proto::Input::Exited(process.clone()));
    }
    let took = w.until("another master that may act", SEC, |w| {
        w.masters().iter().any(|m| *m != old && w.may_act(*m))
    });
    assert!(took <= 60 * MS, "it took {took} us");
}

#[test]
fn a_master_that_stops_hands_over_within_one_poll() {
    let mut w = three();
    let old = w.master();
    w.propose(old);
    w.run_for(20 * MS);
    w.stop(old);
    let took = w.until("another master that may act", SEC, |w| {
        w.masters().iter().any(|m| *m != old && w.may_act(*m))
    });
    assert!(took <= 150 * MS, "it took {took} us");
    assert!(w.members[old].stopped, "and it has stopped");
    let record = String::from_utf8(w.store.objects[&format!("nodes/n{old}")].to_vec()).unwrap();
    assert!(record.contains("TERMINATED"), "{record}");
    assert_eq!(w.tally.refused, 0, "nothing was refused");
}

/// The put of a record that was long under way lands over a later one: all see a master that does not claim to lead, until its next beat.
#[test]
fn a_record_that_lands_late_says_nothing_about_now() {
    let mut w = three();
    let (old, next) = (w.master(), (w.master() + 1) % 3);
    let key = format!("nodes/n{next}");
    let before = w.store.objects[&key].clone();
    assert!(w.change_mode(old, Mode::HotStandby));
    w.until("another master", SEC, |w| w.masters().iter().any(|m| *m != old));
    w.run_for(SEC);
    let (master, epochs) = (w.master(), w.truth.takeovers.len());
    assert_eq!(master, next, "the record kept is the new master's");
    for _ in 0..20 {
        w.store.objects.insert(key.clone(), before.clone());
        w.run_for(987 * MS);
    }
    assert_eq!(w.truth.takeovers.len(), epochs, "nobody suspected it");
    assert_eq!(w.masters(), [master]);
}

/// The same of a process that has been replaced: its last record lands over its successor's.
#[test]
fn a_record_of_the_process_before_says_nothing_about_the_one_of_now() {
    let mut w = three();
    let (old, next) = (w.master(), (w.master() + 1) % 3);
    let key = format!("nodes/n{next}");
    let before = w.store.objects[&key].clone();
    w.crash(next);
    w.start(next);
    w.run_for(2 * SEC);
    assert!(w.change_mode(old, Mode::HotStandby));
    w.until("the one that was started anew leads", SEC, |w| {
        w.masters() == [next]
    });
    w.run_for(SEC);
    let epochs = w.truth.takeovers.len();
    for _ in 0..20 {
        w.store.objects.insert(key.clone(), before.clone());
        w.run_for(987 * MS);
    }
    assert_eq!(w.truth.takeovers.len(), epochs, "nobody suspected it");
    assert_eq!(w.masters(), [next]);
}

/// All that the process before had sent to a store that did not answer lands when the store comes back, one after the other: no process of that
/// id lives but the new one.
#[test]
fn records_of_the_process_before_that_land_in_a_row_are_no_second_process() {
    for seed in 0..20 {
        let mut w = World::quiet(seed, &[Mode::Auto; 2]);
        w.start_all();
        w.run_for(3 * SEC);
        let node = w.master();
        let key = format!("nodes/n{node}");
        let mut sent = Vec::new();
        for _ in 0..7 {
            w.run_for(100 * MS);
            sent.push(w.store.objects[&key].clone());
        }
        w.crash(node);
        w.start(node);
        w.run_for(120 * MS);
        for record in sent {
            // Again and again, so that it is there whenever somebody looks.
            for _ in 0..10 {
                w.store.objects.insert(key.clone(), record.clone());
                w.run_for(10 * MS);
            }
        }
        w.run_for(5 * SEC);
        assert_ne!(w.role(node), Some(Role::Failed), "seed {seed}");
    }
}

#[test]
fn a_lone_master_told_to_be_hot_standby_becomes_it_and_leads_again_when_told() {
    let mut w = World::quiet(3, &[Mode::Auto]);
    w.start_all();
    w.run_for(SEC);
    assert!(w.change_mode(0, Mode::HotStandby));
    w.run_for(5 * SEC);
    assert_eq!(w.roles(), [Role::HotStandby]);
    assert!(w.change_mode(0, Mode::Master));
    w.run_for(SEC);
    assert_eq!(w.roles(), [Role::Master]);
}

#[test]
fn each_mode_at_run_time_leads_to_its_role() {
    for (mode, role) in [
        (Mode::Standby, Role::Standby),
        (Mode::HotStandby, Role::HotStandby),
        (Mode::HotBackup, Role::HotBackup),
        (Mode::Disabled, Role::Failed),
        (Mode::Master, Role::Master),
        (Mode::Auto, Role::HotStandby),
    ] {
        let mut w = three();
        let other = (0..3).find(|i| *i != w.master()).unwrap();
        assert!(w.change_mode(other, mode));
        w.run_for(SEC);
        assert_eq!(w.role(other), Some(role), "a hot standby told {mode}");
        assert_eq!(w.masters().len(), 1);
        // And the master, told the same.
        let master = w.master();
        assert!(w.change_mode(master, mode), "n{master} told {mode}");
        w.run_for(2 * SEC);
        let expected = if mode == Mode::Auto { Role::Master } else { role };
        assert_eq!(w.role(master), Some(expected), "a master told {mode}");
        assert_eq!(w.masters().len(), 1, "told {mode}: {:?}", w.roles());
        // Back again.
        assert!(w.change_mode(master, Mode::Auto));
        w.run_for(2 * SEC);
        assert!(
            matches!(
                w.role(master),
                Some(Role::Standby | Role::HotStandby | Role::Master)
            ),
            "{mode}"
        );
    }
}

#[test]
fn a_hot_backup_never_leads() {
    let mut w = World::quiet(5, &[Mode::Auto, Mode::HotBackup]);
    w.start(0);
    w.run_for(SEC);
    w.start(1);
    w.run_for(SEC);
    assert_eq!(w.roles(), [Role::Master, Role::HotBackup]);
    w.crash(0);
    w.run_for(20 * SEC);
    assert_eq!(w.roles()[1], Role::HotBackup);
    w.start(0);
    w.run_for(5 * SEC);
    w.stop(0);
    w.run_for(20 * SEC);
    assert_eq!(w.roles()[1], Role::HotBackup);
    assert!(w.members[1].node.as_ref().unwrap().view().released);
}

#[test]
fn a_late_starter_loads_from_a_snapshot_what_has_been_collected() {
    let mut w = three();
    let master = w.master();
    for _ in 0..200 {
        w.propose(master);
        w.run_for(20 * MS);
    }
    assert!(w.tally.snapshots >= 3 && w.tally.collected > 50, "{:?}", w.tally);
    let late = w.add(Mode::Auto);
    w.start(late);
    w.run_for(2 * SEC);
    assert_eq!(w.role(late), Some(Role::HotStandby));
    assert_eq!(w.members[late].host, w.members[master].host);
    assert!(
        w.store.list("snapshot").len() <= 3 && w.store.list("parts").len() <= 4,
        "old snapshots are swept"
    );
    assert!(
        w.store.list("journal/00000000").len() < 60,
        "{:?}",
        w.store.list("journal/00000000").len()
    );
}

#[test]
fn the_second_process_with_one_id_does_not_last() {
    let mut w = three();
    let master = w.master();
    let twin = w.add(Mode::Auto);
    w.members[twin].id = w.members[master].id.clone();
    w.start(twin);
    w.run_for(5 * SEC);
    let roles = [w.role(master), w.role(twin)];
    assert!(roles.contains(&Some(Role::Failed)), "{roles:?}");
    assert_eq!(w.masters().len(), 1, "{:?}", w.roles());
}

#[test]
fn of_two_processes_with_one_id_exactly_one_stays_also_when_both_see_the_other() {
    for seed in (0..200).chain([499, 1174, 1772]) {
        let mut w = World::quiet(seed, &[Mode::Auto; 2]);
        w.faults.spread = 20 * MS;
        w.start(0);
        w.run_for(3 * SEC + seed * 7 * MS);
        w.members[1].id = w.members[0].id.clone();
        w.start(1);
        w.run_for(10 * SEC);
        let roles = [w.role(0), w.role(1)];
        let failed = roles.iter().filter(|role| **role == Some(Role::Failed)).count();
        assert_eq!((failed, w.masters().len()), (1, 1), "seed {seed}: {roles:?}");
        // The one that has stopped is no reason for the other to stop later, when nobody leads.
        let master = w.master();
        assert!(w.change_mode(master, Mode::Standby));
        w.run_for(SEC);
        assert_eq!(w.role(master), Some(Role::Standby), "seed {seed}");
    }
}

#[test]
fn a_node_that_starts_again_at_once_under_its_id_is_not_its_own_rival() {
    for seed in 0..40 {
        let mut w = World::quiet(seed, &[Mode::Auto; 2]);
        w.faults.spread = 60 * MS;
        w.start_all();
        w.run_for(3 * SEC);
        w.crash(1);
        w.run_for(seed * 7 * MS);
        w.start(1);
        w.run_for(5 * SEC);
        assert_ne!(w.role(1), Some(Role::Failed), "seed {seed}");
    }
}

#[test]
fn five_nodes_started_at_once_agree() {
    for seed in 0..50 {
        let mut w = World::quiet(seed, &[Mode::Auto; 5]);
        w.start_all();
        w.run_for(3 * SEC);
        assert_eq!(w.masters().len(), 1, "seed {seed}: {:?}", w.roles());
        assert_eq!(w.truth.takeovers.len(), 1, "seed {seed}: one takeover is enough");
    }
}

#[test]
fn an_outage_shorter_than_the_lease_is_no_failover_and_a_long_one_heals() {
    let mut w = three();
    w.faults.lost = 10_000;
    w.run_for(30 * MS);
    w.faults.lost = 0;
    w.run_for(2 * SEC);
    assert_eq!(w.truth.takeovers.len(), 1);
    w.faults.lost = 10_000;
    w.run_for(30 * SEC);
    assert!(
        w.masters().is_empty(),
        "nobody is MASTER without a store: {:?}",
        w.roles()
    );
    w.faults.lost = 0;
    w.until("a master again", 3 * SEC, |w| w.masters().len() == 1);
}

#[test]
fn a_failed_node_tries_again_by_itself() {
    let mut w = three();
    let master = w.master();
    let at = ha_proto::layout::entry_key(ha_proto::Seq(w.truth.pos));
    // Found when a node that starts reads it.
    w.store.rot(&at, std::sync::Arc::from(&b"garbage"[..]));
    let late = w.add(Mode::Auto);
    w.start(late);
    w.run_for(2 * SEC);
    assert_eq!(w.role(late), Some(Role::Failed));
    assert!(
        w.members[late]
            .node
            .as_ref()
            .unwrap()
            .failure()
            .unwrap()
            .contains(&at)
    );
    assert_eq!(w.master(), master);
    w.store.repair(&at);
    w.run_for(20 * SEC);
    assert_eq!(w.role(late), Some(Role::HotStandby));
}

#[test]
fn priority_decides_who_follows_a_dead_master() {
    for seed in 0..10 {
        let mut w = World::quiet(seed, &[Mode::Auto; 4]);
        w.start(0);
        w.run_for(SEC);
        for (i, priority) in [(1, 1), (2, 5), (3, -2)] {
            w.members[i].priority = priority;
            w.start(i);
        }
        w.run_for(SEC);
        w.crash(0);
        w.run_for(2 * SEC);
        assert_eq!(w.masters(), [2]);
        w.crash(2);
        w.run_for(2 * SEC);
        assert_eq!(w.masters(), [1]);
    }
}

#[test]
fn two_kinds_of_standby_hot_goes_first() {
    let mut w = World::quiet(9, &[Mode::Auto, Mode::Standby, Mode::HotStandby]);
    w.start(0);
    w.run_for(SEC);
    w.start(1);
    w.start(2);
    w.run_for(SEC);
    assert_eq!(w.roles(), [Role::Master, Role::Standby, Role::HotStandby]);
    w.crash(0);
    w.run_for(2 * SEC);
    assert_eq!(w.masters(), [2]);
    // The warm one alone takes over too, and loads the state first.
    w.crash(2);
    w.run_for(2 * SEC);
    assert_eq!(w.masters(), [1]);
}
