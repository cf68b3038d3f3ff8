//! A follower that has fallen behind a collection begins again from the newest snapshot, within polls and not at the next slow look, which
//! is an hour away here.

use ha_proto::{Mode, Role};
use ha_sim::hand::Hand;

/// The leader goes on until it has collected this slot.
fn collect_past(h: &mut Hand, slot: u64) {
    for change in 100.. {
        if !h.there(slot) {
            return;
        }
        assert!(change < 200, "slot {slot} is never collected");
        h.commit(0, change..change + 1);
    }
}

fn next(h: &Hand, i: usize) -> u64 {
    h.seats[i].node.view().pos.0 + 1
}

#[test]
fn a_sleeper_whose_next_slot_was_collected_reloads_when_it_wakes() {
    let mut h = Hand::plane(2);
    h.commit(0, 1..2);
    h.run(200);
    let slot = next(&h, 1);
    h.sleep(1);
    h.commit(0, 2..3);
    collect_past(&mut h, slot);
    h.wake(1);
    h.run(1000);
    assert_eq!(h.role(1), Role::HotStandby);
    assert_eq!(h.seats[1].host.line, h.seats[0].host.line);
}

#[test]
fn a_node_that_starts_from_a_snapshot_behind_a_collection_does_not_initialize_for_ever() {
    let mut h = Hand::plane(1);
    h.commit(0, 1..12);
    boot_held(&mut h, 1, Mode::Auto, "get journal/");
    h.run(50);
    let slot = next(&h, 1);
    assert!(slot > 1, "it has begun with a snapshot");
    h.commit(0, 12..13);
    collect_past(&mut h, slot);
    h.free(1);
    h.run(1000);
    assert_eq!(h.role(1), Role::HotStandby);
    assert_eq!(h.seats[1].host.line, h.seats[0].host.line);
}

#[test]
fn a_warm_standby_behind_a_collection_becomes_hot_when_it_is_told_to() {
    let mut h = Hand::plane(1);
    h.boot(1, Mode::Standby);
    h.run(500);
    assert_eq!(h.role(1), Role::Standby);
    let slot = next(&h, 1);
    h.sleep(1);
    h.commit(0, 1..3);
    collect_past(&mut h, slot);
    let now = h.now();
    h.seats[1].asleep = false;
    h.seats[1].node.change_mode(now, Mode::HotStandby).unwrap();
    h.pump();
    h.run(1000);
    assert_eq!(h.role(1), Role::HotStandby);
    assert_eq!(h.seats[1].host.line, h.seats[0].host.line);
}

#[test]
fn a_backup_that_loads_from_beyond_its_journal_lists_by_itself_whatever_others_say() {
    let mut h = Hand::plane(1);
    h.boot(1, Mode::Standby);
    h.run(500);
    let slot = next(&h, 1);
    h.sleep(1);
    h.commit(0, 1..3);
    collect_past(&mut h, slot);
    h.hold(1, "get nodes");
    let now = h.now();
    h.seats[1].asleep = false;
    h.seats[1].node.change_mode(now, Mode::HotBackup).unwrap();
    h.pump();
    h.run(1000);
    assert_eq!(h.role(1), Role::HotBackup);
    assert_eq!(h.seats[1].host.line, h.seats[0].host.line);
}

/// Boots a node that is held from its first request on.
fn boot_held(h: &mut Hand, i: usize, mode: Mode, words: &str) {
    h.held.push(words.to_string());
    h.boot(i, mode);
    h.held.clear();
}
