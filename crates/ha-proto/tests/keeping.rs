//! A leader's housekeeping: when a snapshot is due, and what of the store is collected.

use ha_proto::{
    Digest, Event, FailureKind, HostRequest, Input, Manifest, Role, Seq, StoreFailure, StoreOp, StoreReply,
    WriteId, layout,
};
use ha_sim::hand::{Hand, config, takeover};

/// A plane of one whose snapshots are due after so many entries.
fn every(entries: u64) -> Hand {
    let mut h = Hand::new();
    let settings = config().snapshot_entries(entries);
    h.config = settings.build().expect("these settings agree");
    h.boot(0, ha_proto::Mode::Auto);
    h.run(400);
    assert_eq!(h.role(0), Role::Master);
    h
}

/// The newest manifest in the store, if there is one.
fn newest(h: &Hand) -> Option<Manifest> {
    let (key, bytes) = h.store.under("snapshot/").last()?;
    let seq = layout::seq_of(key.rsplit('/').next()?)?;
    Some(Manifest::parse(seq, bytes).expect("a good manifest"))
}

/// Commits until there is a newer snapshot, and a little longer.
fn snapshot(h: &mut Hand, i: usize) -> Manifest {
    let before = newest(h).map(|m| m.seq());
    for _ in 0..100 {
        let change = 1000 + h.truth.pos;
        h.commit(i, change..change + 1);
        if let Some(found) = newest(h).filter(|m| Some(m.seq()) > before) {
            h.run(100);
            return found;
        }
    }
    panic!("no snapshot is written");
}

#[test]
fn a_snapshot_is_due_after_so_many_bytes() {
    let mut h = Hand::new();
    let settings = config().snapshot_entries(1000).snapshot_bytes(3000);
    h.config = settings.build().unwrap();
    h.boot(0, ha_proto::Mode::Auto);
    h.run(400);
    h.commit(0, 1..5);
    assert_eq!(newest(&h), None);
    h.commit(0, 5..40);
    assert!(newest(&h).is_some());
}

#[test]
fn who_takes_over_collects_on_from_where_the_one_before_was_and_not_on_its_word() {
    let mut h = Hand::plane(1);
    h.commit(0, 1..30);
    h.boot(1, ha_proto::Mode::Auto);
    h.run(400);
    h.sleep(0);
    h.suspect(1, 0);
    h.run(300);
    assert_eq!(h.role(1), Role::Master);
    let theirs = newest(&h).expect("a snapshot");
    assert!(theirs.collected.0 > 0 && h.there(theirs.seq().0 - 1));
    let first = snapshot(&mut h, 1);
    assert!(first.collected >= theirs.collected, "{:?}", first.collected);
    assert!(
        h.there(theirs.seq().0 - 1),
        "one of the two snapshots is another's"
    );
    snapshot(&mut h, 1);
    assert!(!h.there(theirs.seq().0 - 1), "both are its own");
}

#[test]
fn who_is_deposed_writes_on_no_snapshot() {
    let mut h = Hand::plane(2);
    h.hold(0, "create parts");
    h.commit(0, 1..9);
    assert!(h.asks_for(0, "create parts"));
    h.suspect(1, 0);
    h.run(300);
    assert_eq!((h.role(0), h.role(1)), (Role::HotStandby, Role::Master));
    h.seats[0].asks.clear();
    h.run(500);
    assert!(!h.asks_for(0, "create parts"));
}

/// Serves the one node, and tells which snapshots it asks its owner for.
fn snapshots_asked(h: &mut Hand) -> Vec<u64> {
    let snapshot = |request| match request {
        HostRequest::Snapshot { id, .. } => Some(id),
        _ => None,
    };
    h.serve_store(0).into_iter().filter_map(snapshot).collect()
}

#[test]
fn each_snapshot_is_asked_for_under_its_own_number() {
    let mut h = Hand::plane(1);
    h.sleep(0);
    let mut ids = Vec::new();
    for change in 1..30 {
        h.ms += 5;
        let now = h.now();
        h.seats[0].node.handle_timeout(now);
        ids.extend(snapshots_asked(&mut h));
        let _ticket = h.seats[0]
            .node
            .propose(now, ha_sim::change(change, &[]))
            .expect("it leads");
        for id in snapshots_asked(&mut h) {
            ids.push(id);
            let parts = h.seats[0].host.snapshot();
            h.seats[0].node.handle_input(now, Input::Snapshot { id, parts });
        }
    }
    assert!(ids.len() > 1, "{ids:?}");
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
}

#[test]
fn a_part_that_was_not_written_is_written_again_a_quarter_of_a_poll_later() {
    let mut h = Hand::plane(1);
    h.hold(0, "create parts");
    h.commit(0, 1..9);
    h.run(7);
    let part = h.take(0, "create parts");
    h.seats[0].asks.clear();
    let failure = StoreFailure {
        kind: FailureKind::NotDone,
        message: "no connection".into(),
    };
    h.answer(0, &part, StoreReply::Failed(failure));
    let began = h.ms;
    while !h.asks_for(0, "create parts") {
        h.run(1);
        assert!(h.ms < began + 500, "it is never written");
    }
    assert_eq!(h.ms, began + 25);
}

#[test]
fn only_parts_below_what_is_kept_are_swept() {
    let mut h = every(4);
    let stray = |slot| layout::part_key(Seq(slot), WriteId([9; 16]), 0);
    for slot in [3, 5000] {
        h.store.put(&stray(slot), &(*b"part").into());
    }
    for _ in 0..3 {
        snapshot(&mut h, 0);
    }
    assert!(
        !h.store.objects.contains_key(&stray(3)),
        "of a snapshot that was never ended"
    );
    assert!(
        h.store.objects.contains_key(&stray(5000)),
        "another may be writing it"
    );
}

/// A stale claim came to lie where an entry had been collected, and nothing but its kind tells that it is to stay.
#[test]
fn a_fence_in_the_range_of_another_epoch_stays() {
    let mut h = every(8);
    h.commit(0, 1..6);
    let prev = h.entry(4).hash;
    let (claim, _) = h.forge(0, 5, 1, prev, &takeover());
    let StoreOp::Create { key, bytes } = claim else {
        panic!("{claim:?}");
    };
    h.store.objects.insert(key, bytes);
    snapshot(&mut h, 0);
    snapshot(&mut h, 0);
    assert!(!h.there(4) && !h.there(6), "its neighbours are collected");
    assert!(h.there(5));
}

#[test]
fn nothing_is_collected_while_a_part_of_the_newer_snapshot_is_damaged() {
    let mut h = every(8);
    snapshot(&mut h, 0);
    h.hold(0, "get parts");
    let newer = snapshot(&mut h, 0);
    let key = layout::part_key(newer.seq(), newer.write_id, 0);
    let old = h.store.objects.insert(key.clone(), (*b"damaged").into());
    assert!(old.is_some());
    h.free(0);
    h.run(200);
    let says = |e: &Event| matches!(e, Event::Warning(w) if w.contains(&key));
    assert!(h.seats[0].events.iter().any(says));
    assert!(h.there(4));
}

/// Its parts are what it says, and verify: only who wrote a snapshot of that slot knows that the state was another.
#[test]
fn nothing_is_collected_on_a_manifest_of_another_state_than_its_own() {
    let mut h = every(8);
    let mut older = snapshot(&mut h, 0);
    older.state = Digest::of(b"another");
    h.store
        .objects
        .insert(layout::manifest_key(older.seq()), older.encode());
    snapshot(&mut h, 0);
    assert!(h.there(4), "one of the two is not what it wrote");
    snapshot(&mut h, 0);
    assert!(!h.there(4), "that one is none of the two newest any more");
}

#[test]
fn sixteen_entries_are_looked_at_side_by_side_and_no_takeover_among_them() {
    let mut h = every(40);
    h.hold(0, "get journal");
    for change in 1..100 {
        h.commit(0, change..change + 1);
    }
    let looks: Vec<_> = h.seats[0]
        .asks
        .iter()
        .filter_map(|r| match &r.op {
            StoreOp::GetRange { key, .. } => Some(key.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(looks.len(), 16, "{looks:?}");
    assert!(
        !looks.contains(&layout::entry_key(Seq(2))),
        "where its epoch began"
    );
}
