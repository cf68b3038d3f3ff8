//! Confirming the view by a listing, and reading on to what the listing shows.

use ha_proto::{
    Digest, Epoch, Event, FailureKind, Mode, Role, Seq, StoreFailure, StoreOp, StoreReply, layout,
};
use ha_sim::hand::{Hand, commit_of, config};
use std::time::Duration;

/// Two nodes that confirm every 300 ms, and write a snapshot after so many entries.
fn confirming(entries: u64) -> Hand {
    let mut h = Hand::new();
    let settings = config().snapshot_entries(entries);
    let settings = settings.confirm_period(Duration::from_millis(300));
    h.config = settings.build().expect("these settings agree");
    for i in 0..2 {
        h.boot(i, Mode::Auto);
        h.run(400);
    }
    h
}

fn loads(h: &Hand, i: usize) -> usize {
    let loaded = |e: &&Event| matches!(e, Event::StateLoaded { .. });
    h.seats[i].events.iter().filter(loaded).count()
}

#[test]
fn a_manifest_that_was_read_is_not_read_again() {
    let mut h = confirming(4);
    h.commit(0, 1..8);
    h.run(1000);
    h.hold(1, "get snapshot");
    h.run(1000);
    assert!(!h.asks_for(1, "get snapshot"), "it knows it");
    h.commit(0, 8..14);
    h.run(1000);
    assert!(h.asks_for(1, "get snapshot"), "that one is new");
}

#[test]
fn who_reads_on_to_a_snapshot_that_agrees_keeps_its_state_and_goes_on() {
    let mut h = confirming(20);
    h.commit(0, 1..5);
    h.run(300);
    let before = loads(&h, 1);
    h.hold(1, "get journal");
    h.commit(0, 5..30);
    assert_eq!(h.store.under("snapshot/").count(), 1);
    h.run(700);
    let behind = h.seats[1].node.view().pos;
    assert!(behind.0 < h.truth.pos - 20, "it reads on from {behind}");
    h.free(1);
    h.run(100);
    assert_eq!(h.seats[1].node.view().pos.0, h.truth.pos);
    assert_eq!(h.seats[1].host.line, h.seats[0].host.line);
    assert_eq!(loads(&h, 1), before, "nothing was loaded anew");
    h.sleep(0);
    h.run(600);
    assert_eq!(h.role(1), Role::Master);
}

#[test]
fn a_look_for_holes_that_ends_when_the_slot_it_began_at_was_collected_finds_nothing_wrong() {
    let mut h = confirming(4);
    h.hold(0, "list journal");
    h.run(400);
    let (mut look, mut last) = (h.take(0, "list journal"), h.seats[0].node.view().pos);
    for change in 1..40 {
        h.commit(0, change..change + 1);
        // It is asked again if the answer takes too long.
        if h.asks_for(0, "list journal") {
            (look, last) = (h.take(0, "list journal"), h.seats[0].node.view().pos);
        }
        if !h.store.objects.contains_key(&layout::entry_key(last)) {
            let reply = h.land(&look.op);
            h.answer(0, &look, reply);
            h.run(1000);
            assert_eq!((h.role(0), h.seats[0].node.failure()), (Role::Master, None));
            return;
        }
    }
    panic!("it is never collected");
}

#[test]
fn a_slot_that_nobody_could_have_collected_and_that_is_gone_is_told_by_its_name() {
    for (changes, is_newest_snapshot) in [(1..10, true), (1..11, false)] {
        let mut h = confirming(4);
        h.commit(0, changes);
        let last = h.seats[0].node.view().pos;
        let snapshot = layout::manifest_key(last);
        assert_eq!(h.store.objects.contains_key(&snapshot), is_newest_snapshot);
        let key = layout::entry_key(last);
        h.store.objects.remove(&key);
        h.sleep(1);
        let found_out = |h: &mut Hand| {
            h.run(5);
            h.seats[0].node.failure().map(str::to_owned)
        };
        let why = (0..200).find_map(|_| found_out(&mut h)).expect("it finds out");
        assert!(why.contains(&key) && why.contains("erased or rewound"), "{why}");
    }
}

#[test]
fn a_look_for_holes_that_fails_at_the_start_is_made_again_a_quarter_of_a_poll_later() {
    let mut h = Hand::plane(1);
    h.held.push("list journal".into());
    h.boot(1, Mode::Auto);
    h.run(7);
    let list = h.take(1, "list journal");
    let failure = StoreFailure {
        kind: FailureKind::NotDone,
        message: "no connection".into(),
    };
    h.answer(1, &list, StoreReply::Failed(failure));
    let began = h.ms;
    while !h.asks_for(1, "list journal") {
        h.run(1);
        assert!(h.ms < began + 500, "it is never made");
    }
    assert_eq!(h.ms, began + 25);
    h.free(1);
    h.run(200);
    assert_eq!(h.role(1), Role::HotStandby);
}

#[test]
fn a_bucket_whose_last_slot_is_gone_is_found_out_by_the_look_for_holes() {
    let mut h = Hand::new();
    h.store.is_bucket = true;
    let settings = config().confirm_period(Duration::from_millis(300));
    // Nothing but the look for holes is to find it out.
    let patient = settings.heartbeat_timeout(Duration::from_secs(30));
    h.config = patient.build().unwrap();
    h.boot(0, Mode::Auto);
    h.run(400);
    h.boot(1, Mode::Auto);
    h.run(400);
    h.commit(0, 1..3);
    h.run(1000);
    assert_eq!(h.role(1), Role::HotStandby, "all is there");
    h.sleep(0);
    let last = layout::entry_key(h.seats[1].node.view().pos);
    h.hold(1, "create");
    assert!(h.store.objects.remove(&last).is_some());
    h.run(1000);
    let says = |e: &Event| matches!(e, Event::Warning(w) if w.contains(&last) && w.contains("is gone"));
    assert!(h.seats[1].events.iter().any(says));
    let why = h.seats[1].node.failure().expect("it has failed");
    assert!(why.contains("had read slot"), "{why}");
}

#[test]
fn a_follower_finds_out_at_a_poll_that_the_whole_journal_is_gone() {
    let mut h = Hand::plane(2);
    h.sleep(0);
    // The records are there, so that nobody is suspected.
    let records = h.store.under("nodes/").map(|(k, b)| (k.clone(), b.clone()));
    let records: Vec<_> = records.collect();
    h.store = ha_sim::Store::default();
    for (key, bytes) in &records {
        h.store.put(key, bytes);
    }
    h.run(110);
    let says = |e: &Event| matches!(e, Event::Warning(w) if w.contains("is gone"));
    assert!(h.seats[1].events.iter().any(says));
}

#[test]
fn a_last_slot_that_holds_another_entry_is_no_ground_for_a_claim() {
    let mut h = Hand::plane(2);
    h.sleep(0);
    let last = h.truth.pos;
    let (other, _) = h.forge(0, last, 1, Digest([7; 32]), &commit_of(9));
    let StoreOp::Create { key, bytes } = other else {
        panic!("{other:?}");
    };
    h.store.objects.insert(key, bytes);
    h.suspect(1, 0);
    h.run(20);
    assert_eq!(h.role(1), Role::Failed);
    let why = h.seats[1].node.failure().expect("it has failed");
    assert!(why.contains("is gone"), "{why}");
}

#[test]
fn who_reads_on_past_a_takeover_asks_the_listing_again_and_not_after_other_entries() {
    let mut h = confirming(20);
    h.commit(0, 1..5);
    h.run(300);
    // Only a reader.
    let now = h.now();
    h.seats[1].node.change_mode(now, Mode::HotBackup).unwrap();
    h.hold(1, "get journal");
    h.commit(0, 5..8);
    for mode in [Mode::Standby, Mode::Auto] {
        let now = h.now();
        h.seats[0].node.change_mode(now, mode).unwrap();
        h.run(200);
    }
    assert_eq!(h.role(0), Role::Master);
    let takeover = h.seats[0].node.view().table[&Epoch(2)].began;
    h.commit(0, 8..30);
    h.run(700);
    assert!(h.seats[1].node.view().pos < takeover);
    h.sleep(1);
    h.free(1);
    h.hold(1, "list snapshot");
    h.wake(1);
    assert_eq!(h.seats[1].node.view().pos, takeover);
    h.free(1);
    h.run(50);
    assert_eq!(h.seats[1].node.view().pos.0, h.truth.pos);
}

/// Junk comes to lie in the leader's next slot, and the leader's next write behind it.
fn lay_junk(h: &mut Hand) -> Seq {
    let slot = h.truth.pos + 1;
    let (junk, _) = h.forge(0, slot, 1, Digest([7; 32]), &commit_of(9));
    h.land(&junk);
    Seq(slot)
}

#[test]
fn who_reads_an_entry_that_is_not_valid_asks_the_listing() {
    let mut h = Hand::plane(2);
    h.sleep(0);
    let slot = lay_junk(&mut h);
    h.hold(1, "list snapshot");
    h.run(110);
    assert_eq!(h.seats[1].node.view().pos, slot);
    assert!(h.asks_for(1, "list snapshot"), "its view may be a false one");
}

#[test]
fn who_reads_on_past_an_entry_that_is_not_valid_asks_the_listing_at_the_end_alone() {
    let mut h = confirming(20);
    h.commit(0, 1..5);
    h.run(300);
    let now = h.now();
    h.seats[1].node.change_mode(now, Mode::HotBackup).unwrap();
    h.hold(1, "get journal");
    let junk = lay_junk(&mut h);
    h.commit(0, 5..30);
    h.run(700);
    assert!(h.seats[1].node.view().pos < junk);
    h.sleep(0);
    h.sleep(1);
    h.free(1);
    h.hold(1, "list snapshot");
    h.wake(1);
    assert_eq!(h.seats[1].node.view().pos.0, h.truth.pos);
}

#[test]
fn who_reads_on_takes_what_has_come_before_its_turn() {
    let mut h = confirming(20);
    h.commit(0, 1..5);
    h.run(300);
    h.hold(1, "get journal");
    h.commit(0, 5..30);
    h.run(700);
    h.sleep(0);
    // The farthest is answered first.
    while let Some(read) = h.seats[1].asks.pop() {
        let reply = h.land(&read.op);
        h.answer(1, &read, reply);
        h.pump();
    }
    assert_eq!(h.seats[1].node.view().pos.0, h.truth.pos);
    assert_eq!(h.seats[1].host.line, h.seats[0].host.line);
}

#[test]
fn a_read_is_not_answered_before_a_start_has_looked_for_holes() {
    let mut h = Hand::plane(1);
    h.held.push("list journal".into());
    h.boot(1, Mode::Auto);
    let now = h.now();
    h.seats[1].node.read(now);
    h.run(300);
    assert_eq!(h.answered(1), None);
    h.free(1);
    h.run(150);
    assert_eq!(h.answered(1), Some(Seq(h.truth.pos)));
}

#[test]
fn a_leader_that_reads_of_another_asks_the_table_before_it_believes_that() {
    let mut h = Hand::plane(2);
    h.hold(0, "list snapshot");
    h.suspect(1, 0);
    h.run(150);
    assert_eq!(h.role(1), Role::Master);
    assert!(h.asks_for(0, "list snapshot"));
    assert_eq!(h.seats[0].node.view().epoch, Epoch(1));
    h.free(0);
    h.run(50);
    assert_eq!(h.seats[0].node.view().epoch, Epoch(2));
}

#[test]
fn who_has_loaded_the_state_leads_when_its_view_is_confirmed() {
    let mut h = confirming(4);
    h.commit(0, 1..9);
    h.boot(2, Mode::Standby);
    h.run(400);
    h.hold(2, "get parts");
    let now = h.now();
    h.seats[2].node.change_mode(now, Mode::Master).unwrap();
    let told = h.ms;
    while h.truth.epoch.0 < 2 {
        h.run(5);
        assert!(h.ms < told + 1000, "it is not handed the lead");
    }
    h.run(50);
    h.hold(2, "list snapshot");
    while !h.asks_for(2, "list snapshot") {
        h.run(5);
        assert!(h.ms < told + 3000, "it confirms nothing");
    }
    while h.asks_for(2, "get parts") {
        let part = h.take(2, "get parts");
        let reply = h.land(&part.op);
        h.answer(2, &part, reply);
        h.pump();
    }
    h.run(20);
    assert_eq!(h.seats[2].node.loading(), None);
    assert_eq!(
        (h.role(2), h.seats[2].node.write_authority()),
        (Role::Initializing, None)
    );
    h.free(2);
    h.run(150);
    assert_eq!(h.role(2), Role::Master);
}
