//! Loading the state: what is pinned meanwhile, what is tried again and when, and when it is live.

use std::sync::Arc;

use ha_proto::{
    Event, FailureKind, HostRequest, Input, LoadProgress, Manifest, Mode, Role, Seq, StoreFailure,
    StoreReply, layout,
};
use ha_sim::hand::Hand;

fn tell(h: &mut Hand, i: usize, mode: Mode) {
    let now = h.now();
    h.seats[i].node.change_mode(now, mode).expect("it takes a mode");
    h.pump();
}

/// A leader with a snapshot and entries behind it, and a warm standby that was told to be hot. What it asks for in these words waits.
fn loading(held: &str) -> Hand {
    let mut h = Hand::plane(1);
    h.commit(0, 1..8);
    h.boot(1, Mode::Standby);
    h.run(300);
    h.hold(1, held);
    tell(&mut h, 1, Mode::HotStandby);
    h
}

/// The newest manifest in the store.
fn newest(h: &Hand) -> Manifest {
    let (key, bytes) = h.store.under("snapshot/").last().expect("a snapshot");
    let seq = layout::seq_of(key.rsplit('/').next().expect("a name")).expect("a slot");
    Manifest::parse(seq, bytes).expect("a good manifest")
}

/// What a node's record says that it has pinned.
fn pin(h: &Hand, i: usize) -> Option<u64> {
    let record = String::from_utf8(h.store.objects[&format!("nodes/n{i}")].to_vec()).expect("text");
    let said = record.split_once("\"pin\":")?.1;
    let end = said.find([',', '}']).expect("an end");
    said[..end].parse().ok()
}

/// Answers a request for a part by other bytes than were written.
fn spoil(h: &mut Hand) {
    let part = h.take(1, "get parts");
    h.seats[1].asks.clear();
    h.answer(1, &part, StoreReply::Bytes(Arc::from(&b"spoilt"[..])));
    h.pump();
}

/// After how many milliseconds it asks for this.
fn asks_after(h: &mut Hand, words: &str) -> u64 {
    let began = h.ms;
    while !h.asks_for(1, words) {
        h.run(1);
        assert!(h.ms < began + 5000, "it never asks for `{words}`");
    }
    h.ms - began
}

#[test]
fn what_a_node_loads_is_not_collected() {
    let mut h = loading("get parts");
    h.run(150);
    let from = newest(&h).seq();
    assert_eq!(pin(&h, 1), Some(from.0));
    for change in 100..130 {
        h.commit(0, change..change + 1);
        h.run(20);
    }
    assert!(newest(&h).seq().0 > from.0 + 20);
    assert!(h.there(from.0 + 1), "the first entry behind what it loads");
    assert!(h.store.objects.contains_key(&layout::manifest_key(from)));
    h.free(1);
    h.run(300);
    assert_eq!(h.role(1), Role::HotStandby);
    assert_eq!(h.seats[1].host.line, h.seats[0].host.line);
    let loads = |e: &&Event| matches!(e, Event::StateLoaded { .. } | Event::StateNotLoaded(_));
    assert_eq!(
        h.seats[1].events.iter().filter(loads).count(),
        1,
        "at the first try"
    );
    assert_eq!(pin(&h, 1), None);
}

#[test]
fn a_load_shows_how_far_it_has_come() {
    let mut h = loading("get parts");
    assert_eq!(h.seats[0].node.loading(), None);
    h.run(150);
    let of_parts = newest(&h).parts.len();
    let (head, from) = (h.seats[1].node.view().pos, newest(&h).seq());
    assert!(of_parts > 0 && from < head);
    let begun = LoadProgress {
        parts: 0,
        of_parts,
        is_restored: false,
        seq: Seq(0),
        head,
    };
    assert_eq!(h.seats[1].node.loading(), Some(begun));
    h.free(1);
    h.run(100);
    assert_eq!(h.seats[1].node.loading(), None);
    let mut h = loading("get journal");
    h.run(20);
    let restored = LoadProgress {
        parts: of_parts,
        is_restored: true,
        seq: from,
        ..begun
    };
    assert_eq!(h.seats[1].node.loading(), Some(restored));
}

#[test]
fn what_is_loaded_is_pinned_for_a_time_that_doubles_with_each_failure() {
    let mut h = loading("get parts");
    h.run(9_500);
    assert!(pin(&h, 1).is_some(), "ten seconds");
    h.run(1000);
    assert_eq!(pin(&h, 1), None);
    h.seats[1].asks.clear();
    asks_after(&mut h, "get parts");
    spoil(&mut h);
    h.run(19_500);
    assert!(pin(&h, 1).is_some(), "twenty, after a failure");
    h.run(1000);
    assert_eq!(pin(&h, 1), None);
}

#[test]
fn a_load_that_failed_is_tried_again_after_a_pause_that_doubles() {
    let mut h = loading("get parts");
    for pause in [50, 100, 200, 400] {
        h.run(7);
        spoil(&mut h);
        assert_eq!(asks_after(&mut h, "get parts"), pause);
    }
    let says =
        |e: &Event| matches!(e, Event::StateNotLoaded(why) if why.contains("is not what its manifest says"));
    assert!(h.seats[1].events.iter().any(says));
}

#[test]
fn a_read_of_the_journal_that_fails_while_loading_is_made_again_a_quarter_of_a_poll_later() {
    let mut h = loading("get parts");
    let key = layout::entry_key(newest(&h).seq().next());
    let words = format!("get {key}");
    h.hold(1, &words);
    while h.asks_for(1, "get parts") {
        let part = h.take(1, "get parts");
        let reply = h.land(&part.op);
        h.answer(1, &part, reply);
        h.pump();
    }
    h.run(7);
    let read = h.take(1, &words);
    let failure = StoreFailure {
        kind: FailureKind::NotDone,
        message: "the connection broke".into(),
    };
    h.answer(1, &read, StoreReply::Failed(failure));
    assert_eq!(asks_after(&mut h, &words), 25);
    // The journal itself is read on meanwhile.
    let pos = h.truth.pos;
    h.commit(0, 100..101);
    h.run(110);
    assert_eq!(h.seats[1].node.view().pos, Seq(pos + 1));
    h.free(1);
    h.run(50);
    assert_eq!(h.role(1), Role::HotStandby);
    assert_eq!(h.seats[1].host.line, h.seats[0].host.line);
}

#[test]
fn who_becomes_warm_forgets_the_state() {
    let mut h = Hand::plane(2);
    h.commit(0, 1..3);
    h.run(500);
    assert_eq!(h.role(1), Role::HotStandby);
    assert!(h.seats[1].host.line.len > 0 && h.seats[1].node.applied().is_some());
    tell(&mut h, 1, Mode::Standby);
    assert_eq!(h.seats[1].host.line.len, 0);
    assert_eq!(h.seats[1].node.applied(), None);
}

/// Which load it asks its owner for, from which slot, and of how many parts.
fn load(asked: &[HostRequest]) -> Option<(u64, Seq, usize)> {
    asked.iter().find_map(|request| match request {
        HostRequest::Restore { load, seq, parts } => Some((*load, *seq, parts.len())),
        _ => None,
    })
}

#[test]
fn a_state_is_live_when_its_owner_has_restored_it_and_not_before() {
    let mut h = loading("get parts");
    h.sleep(1);
    h.free(1);
    for ask in std::mem::take(&mut h.seats[1].asks) {
        let reply = h.land(&ask.op);
        h.answer(1, &ask, reply);
    }
    let (first, ..) = load(&h.serve_store(1)).expect("a load");
    assert_eq!((h.role(1), h.seats[1].node.applied()), (Role::Initializing, None));
    let answer = |load, result| Input::Restored { load, result };
    let now = h.now();
    h.seats[1]
        .node
        .handle_input(now, answer(first, Err("no memory".into())));
    h.serve_store(1);
    h.ms += 50;
    let now = h.now();
    h.seats[1].node.handle_timeout(now);
    let (second, ..) = load(&h.serve_store(1)).expect("another");
    // The owner ends the first load after all, and that says nothing about the second.
    h.seats[1].node.handle_input(now, answer(first, Ok(())));
    h.serve_store(1);
    assert_eq!(h.role(1), Role::Initializing);
    h.seats[1].node.handle_input(now, answer(second, Ok(())));
    assert_eq!(h.role(1), Role::Initializing, "there is more to be applied");
    let barrier = h.serve_store(1).into_iter().find_map(|request| match request {
        HostRequest::Barrier { id } => Some(id),
        _ => None,
    });
    let id = barrier.expect("it asks when all is done");
    h.seats[1].node.handle_input(now, Input::Barrier { id });
    h.serve_store(1);
    assert_eq!(h.role(1), Role::HotStandby);
    assert_eq!(h.seats[1].node.applied(), Some(Seq(h.truth.pos)));
}

#[test]
fn a_snapshot_without_parts_is_restored_as_well() {
    let mut h = Hand::plane(1);
    h.commit(0, 1..8);
    h.run(50);
    // An owner that keeps no state has a snapshot of its chain alone.
    let mut manifest = newest(&h);
    manifest.parts.clear();
    let key = layout::manifest_key(manifest.seq());
    h.store.objects.insert(key, manifest.encode());
    h.held.push(String::new());
    h.boot(1, Mode::Auto);
    h.sleep(1);
    h.free(1);
    for _ in 0..100 {
        for ask in std::mem::take(&mut h.seats[1].asks) {
            let reply = h.land(&ask.op);
            h.answer(1, &ask, reply);
        }
        if let Some((_, seq, parts)) = load(&h.serve_store(1)) {
            assert_eq!((seq, parts), (manifest.seq(), 0));
            return;
        }
        h.ms += 5;
        let now = h.now();
        h.seats[1].node.handle_timeout(now);
    }
    panic!("it restores nothing");
}

fn has_failed_to_load(h: &Hand) -> bool {
    let failed = |e: &Event| matches!(e, Event::StateNotLoaded(_));
    h.seats[1].events.iter().any(failed)
}

#[test]
fn a_snapshot_that_is_newer_than_the_journal_that_was_read_waits_for_it() {
    let mut h = Hand::plane(1);
    h.commit(0, 1..8);
    h.boot(1, Mode::Standby);
    h.run(300);
    h.hold(1, "get journal");
    h.commit(0, 8..30);
    tell(&mut h, 1, Mode::HotStandby);
    h.run(20);
    let load = h.seats[1].node.loading().expect("it loads");
    assert!(load.is_restored && load.seq > h.seats[1].node.view().pos);
    h.free(1);
    h.run(300);
    assert_eq!(h.role(1), Role::HotStandby);
    assert!(!has_failed_to_load(&h));
}

#[test]
fn nothing_is_loaded_that_the_journal_has_not_taken_itself() {
    let mut h = Hand::plane(1);
    h.commit(0, 1..8);
    h.boot(1, Mode::Standby);
    h.run(300);
    // What the journal asks for from here on is not answered.
    h.hold(1, "get journal");
    h.run(105);
    h.seats[1].asks.clear();
    let (pos, len) = (h.seats[1].node.view().pos, h.seats[0].host.line.len);
    h.hold(0, "create parts");
    h.commit(0, 8..18);
    tell(&mut h, 1, Mode::HotStandby);
    // The farthest first.
    while let Some(read) = h.seats[1].asks.pop() {
        let reply = h.land(&read.op);
        h.answer(1, &read, reply);
        h.pump();
    }
    assert_eq!(h.seats[1].node.view().pos, pos);
    assert_eq!(h.seats[1].host.line.len, len, "as far as the journal was read");
    h.free(1);
    h.run(400);
    assert_eq!(h.role(1), Role::HotStandby);
    assert_eq!(h.seats[1].host.line, h.seats[0].host.line);
}
