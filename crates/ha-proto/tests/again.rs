//! A node that begins again or stops in the middle of something: what it waits for, and what it need not read again.

use ha_proto::{
    Digest, Event, FailureKind, Input, Mode, Pace, RequestId, Role, Seq, StoreFailure, StoreReply, layout,
};
use ha_sim::hand::{Hand, config, kinds, takeover};
use std::sync::Arc;
use std::time::Duration;

fn tell(h: &mut Hand, i: usize, mode: Mode) {
    let now = h.now();
    h.seats[i].node.change_mode(now, mode).expect("it takes a mode");
    h.pump();
}

fn stop(h: &mut Hand, i: usize) {
    let now = h.now();
    h.seats[i].node.stop(now);
    h.pump();
}

fn has_stopped(h: &Hand, i: usize) -> bool {
    h.seats[i].events.contains(&Event::Stopped)
}

#[test]
fn who_comes_back_does_not_read_the_journal_again() {
    let mut h = Hand::plane(1);
    h.boot(1, Mode::Standby);
    h.run(300);
    tell(&mut h, 1, Mode::Disabled);
    h.run(100);
    h.hold(1, "list snapshot");
    tell(&mut h, 1, Mode::Standby);
    h.run(150);
    assert_eq!(h.role(1), Role::Standby);
}

/// The second node has failed on an entry that is damaged. Its key, and what it was.
fn on_damage() -> (Hand, String, Arc<[u8]>) {
    let mut h = Hand::plane(1);
    h.boot(1, Mode::Standby);
    h.run(300);
    h.sleep(1);
    h.commit(0, 1..3);
    let key = layout::entry_key(Seq(h.truth.pos - 1));
    let entry = h.store.objects.insert(key.clone(), (*b"damaged").into());
    h.sleep(0);
    h.wake(1);
    let began = h.ms;
    while h.role(1) != Role::Failed {
        h.run(5);
        assert!(h.ms < began + 2000, "it has not met it");
    }
    (h, key, entry.expect("an entry"))
}

#[test]
fn who_begins_again_after_damage_takes_no_part_before_it_has_read_the_journal() {
    let (mut h, key, entry) = on_damage();
    h.store.objects.insert(key, entry);
    h.hold(1, "list snapshot");
    h.run(1000);
    assert_eq!(h.role(1), Role::Initializing, "{:?}", h.seats[1].node.failure());
    h.free(1);
    h.run(300);
    assert_ne!(h.role(1), Role::Initializing);
    assert_eq!(h.seats[1].node.view().plane, h.seats[0].node.view().plane);
}

#[test]
fn a_read_that_is_asked_for_amid_a_failure_is_answered_when_the_journal_can_be_read_again() {
    let (mut h, key, entry) = on_damage();
    let now = h.now();
    h.seats[1].node.read(now);
    h.store.objects.insert(key, entry);
    let pos = h.truth.pos;
    h.run(1000);
    assert!(h.answered(1) >= Some(Seq(pos)), "{:?}", h.answered(1));
}

#[test]
fn the_pauses_between_two_tries_double() {
    let mut h = Hand::plane(1);
    // The journal has a hole.
    let slot = h.truth.pos + 2;
    let (junk, _) = h.forge(0, slot, 1, Digest([7; 32]), &takeover());
    h.land(&junk);
    h.boot(1, Mode::HotStandby);
    let tries = |h: &Hand| {
        let tried = |e: &&Event| matches!(e, Event::RoleChanged { from, .. } if *from == Role::Failed);
        h.seats[1].events.iter().filter(tried).count()
    };
    let mut at = Vec::new();
    while at.len() < 4 {
        h.run(5);
        if tries(&h) > at.len() {
            at.push(h.ms);
        }
        assert!(h.ms < 9000, "it does not try on: {at:?}");
    }
    let pauses: Vec<_> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // And it takes a moment to find the hole.
    let are = |pause, at_least| (at_least..at_least + 200).contains(&pause);
    assert!(
        are(pauses[0], 200) && are(pauses[1], 400) && are(pauses[2], 800),
        "{pauses:?}"
    );
}

#[test]
fn a_failed_node_wakes_for_its_next_try() {
    let mut h = Hand::new();
    // It writes its record at other moments than it polls.
    let pace = Pace {
        follower_beat: Duration::from_millis(170),
        ..Pace::every(Duration::from_millis(100))
    };
    h.config = config().pace(pace).build().unwrap();
    h.boot(0, Mode::Auto);
    h.run(400);
    h.boot(1, Mode::Standby);
    h.run(300);
    h.hold(1, "get journal");
    h.commit(0, 1..2);
    let key = layout::entry_key(Seq(h.truth.pos));
    h.store.objects.insert(key, (*b"damaged").into());
    h.run(100);
    h.seats[1].asks.clear();
    while !h.asks_for(1, "get journal") {
        h.run(1);
    }
    h.run(37);
    h.hold(1, "list snapshot");
    let read = h.take(1, "get journal");
    let reply = h.land(&read.op);
    h.answer(1, &read, reply);
    h.pump();
    assert_eq!(h.role(1), Role::Failed);
    let began = h.ms;
    while !h.asks_for(1, "list snapshot") {
        h.run(1);
        assert!(h.ms < began + 1000, "it does not try again");
    }
    assert_eq!(h.ms, began + 100, "one poll later");
}

#[test]
fn a_hot_node_that_is_told_to_be_hot_in_another_way_loads_nothing() {
    let mut h = Hand::plane(2);
    h.hold(1, "list snapshot");
    for (mode, role) in [
        (Mode::HotBackup, Role::HotBackup),
        (Mode::HotStandby, Role::HotStandby),
    ] {
        tell(&mut h, 1, mode);
        assert_eq!(h.role(1), role);
    }
}

/// The second node claims, is told to take no part, and to stop, before its Takeover has landed.
fn claims_and_stops() -> Hand {
    let mut h = Hand::plane(2);
    h.sleep(0);
    h.run(150);
    h.hold(1, "create journal");
    h.hold(1, "list snapshot");
    h.suspect(1, 0);
    assert!(h.asks_for(1, "Takeover"));
    tell(&mut h, 1, Mode::Disabled);
    stop(&mut h, 1);
    h
}

/// A request that waits is carried out and answered.
fn let_land(h: &mut Hand, i: usize, words: &str) {
    let request = h.take(i, words);
    let reply = h.land(&request.op);
    h.answer(i, &request, reply);
    h.pump();
}

#[test]
fn who_stops_while_its_claim_is_on_its_way_lets_go_of_what_it_wins() {
    let mut h = claims_and_stops();
    h.run(400);
    assert!(!has_stopped(&h, 1), "its claim may land yet");
    while h.asks_for(1, "Takeover") {
        let_land(&mut h, 1, "Takeover");
    }
    h.run(400);
    assert!(!has_stopped(&h, 1), "its claim is not validated yet");
    h.free(1);
    h.run(300);
    assert!(has_stopped(&h, 1));
    assert_eq!(kinds(&h).last(), Some(&ha_proto::Kind::Release));
}

#[test]
fn who_stops_while_another_lies_where_its_release_was_to_waits_until_that_is_judged() {
    let mut h = claims_and_stops();
    while h.asks_for(1, "Takeover") {
        let_land(&mut h, 1, "Takeover");
    }
    while h.asks_for(1, "list snapshot") {
        let_land(&mut h, 1, "list snapshot");
    }
    let slot = h.truth.pos + 1;
    let prev = h.entry(slot - 1).hash;
    let epoch = h.seats[1].node.view().epoch.0 + 1;
    let (stranger, _) = h.forge(0, slot, epoch, prev, &takeover());
    h.land(&stranger);
    let_land(&mut h, 1, "Release");
    h.run(400);
    assert!(h.asks_for(1, "list snapshot"), "it asks the table");
    assert!(!has_stopped(&h, 1), "its release may have been there before");
    h.free(1);
    h.run(300);
    assert!(has_stopped(&h, 1));
}

/// Replies to requests that nobody has made, as of a process before this one.
fn stray() -> Vec<StoreReply> {
    let failure = StoreFailure {
        kind: FailureKind::OutcomeUnknown,
        message: "late".into(),
    };
    vec![
        StoreReply::Done,
        StoreReply::Exists,
        StoreReply::Bytes((*b"bytes").into()),
        StoreReply::Absent { folder_missing: true },
        StoreReply::Names(vec!["00000000000000000009".into()]),
        StoreReply::Names(vec![]),
        StoreReply::Failed(failure),
    ]
}

/// A node takes no notice of them.
fn takes_no_notice(h: &mut Hand, i: usize, amid: &str) {
    let now = h.now();
    h.seats[i].node.handle_timeout(now);
    h.pump();
    let before = h.seats[i].node.clone();
    for reply in stray() {
        let id = RequestId(u64::MAX);
        let words = format!("{reply:?}");
        h.seats[i].node.handle_input(now, Input::Store { id, reply });
        assert!(h.seats[i].node == before, "{words} amid {amid}");
    }
}

#[test]
fn a_reply_to_no_request_changes_nothing() {
    let mut h = Hand::plane(1);
    takes_no_notice(&mut h, 0, "nothing");
    h.held.push("list snapshot".into());
    h.boot(1, Mode::Auto);
    takes_no_notice(&mut h, 1, "a start");
    h.free(1);
    h.run(400);
    h.hold(1, "list snapshot");
    let now = h.now();
    h.seats[1].node.read(now);
    h.run(150);
    assert!(h.asks_for(1, "list snapshot"), "the listing after a 404");
    takes_no_notice(&mut h, 1, "a read");
    h.free(1);
    h.run(20);
    h.hold(1, "create journal");
    h.hold(1, "list snapshot");
    h.suspect(1, 0);
    h.run(5);
    takes_no_notice(&mut h, 1, "a claim");
    let_land(&mut h, 1, "Takeover");
    takes_no_notice(&mut h, 1, "the validation of a claim");
    h.propose(1, 7);
    takes_no_notice(&mut h, 1, "a write beside it");
    h.hold(0, "list snapshot");
    h.run(150);
    assert!(h.asks_for(0, "list snapshot"), "the leader has met a stranger");
    takes_no_notice(&mut h, 0, "a stranger");
}
