//! One rule of the journal after the other, each shown by the shortest schedule that breaks a plane without it.
//!
//! The schedules are those that an exhaustive search of the rules gives when a rule is left out, played on real nodes.

use ha_proto::{Event, FailureKind, Input, Kind, Payload, Role, Seq, StoreFailure, StoreReply, layout};
use ha_sim::hand::{Hand, commit_of, takeover};

/// Rule 1: fences stay, so whoever slept through a takeover meets it.
#[test]
fn a_leader_that_slept_through_a_collection_meets_the_fence() {
    let mut h = Hand::plane(2);
    h.sleep(0);
    h.run(500);
    assert_eq!(h.role(1), Role::Master);
    h.commit(1, 1..30);
    let fence = h
        .truth
        .valid
        .iter()
        .filter(|(_, (_, k))| *k == Kind::Takeover)
        .map(|(s, _)| s.0)
        .max()
        .unwrap();
    assert!(
        !h.there(fence + 1),
        "what follows the takeover has been collected"
    );
    assert!(
        h.there(1) && h.there(2) && h.there(fence),
        "Genesis and both takeovers stay"
    );
    // It believes that it leads, and its slot is the fence's.
    h.seats[0].asleep = false;
    let now = h.now();
    let read = h.seats[0].node.read(now);
    h.propose(0, 99);
    h.run(500);
    assert_eq!((h.durable(0), h.refused(0)), (0, 1));
    assert_eq!(h.role(0), Role::HotStandby);
    assert!(
        h.seats[0]
            .events
            .iter()
            .all(|e| !matches!(e, Event::ReadReady { read: r, seq } if *r == read && seq.0 < fence))
    );
    assert_eq!(h.seats[0].host.state, h.seats[1].host.state);
}

/// Rule 2: a claim is validated. A Takeover that landed in a collected slot is void, though the store said "created".
#[test]
fn a_claim_that_lands_in_a_collected_slot_is_void() {
    let mut h = Hand::plane(2);
    h.hold(1, "create journal");
    h.suspect(1, 0);
    let claim = h.take(1, "Takeover");
    let slot = h.truth.pos + 1;
    h.sleep(1);
    h.commit(0, 1..30);
    assert!(!h.there(slot), "its slot was taken and collected");
    assert_eq!(h.land(&claim.op), StoreReply::Done);
    h.answer(1, &claim, StoreReply::Done);
    h.seats[1].asleep = false;
    h.free(1);
    h.run(300);
    assert_ne!(h.role(1), Role::Master);
    assert_eq!(h.role(0), Role::Master);
    assert_eq!(h.seats[1].host.state, h.seats[0].host.state);
}

/// Rule 3: a reader lists after each Takeover, before it applies anything behind it.
#[test]
fn nothing_behind_a_takeover_is_applied_before_a_listing_knows_it() {
    let mut h = Hand::plane(3);
    let slot = h.truth.pos + 1;
    let prev = h.entry(slot - 1).hash;
    h.sleep(2);
    h.commit(0, 1..30);
    assert!(!h.there(slot) && !h.there(slot + 1));
    // What n1 sent long ago: a claim, and a commit beside its validation.
    let (claim, hash) = h.forge(1, slot, 2, prev, &takeover());
    let (commit, _) = h.forge(1, slot + 1, 2, hash, &commit_of(666));
    assert_eq!(h.land(&claim), StoreReply::Done);
    assert_eq!(h.land(&commit), StoreReply::Done);
    h.wake(2);
    h.run(300);
    // The harness holds every state against the true journal after each entry.
    assert_eq!(h.seats[2].host.state, h.seats[0].host.state);
}

/// Rule 3, an entry that is not valid: whoever reads one lists as well, and reloads when its view was false.
#[test]
fn a_stale_entry_in_a_collected_slot_leads_to_a_reload() {
    let mut h = Hand::plane(3);
    let slot = h.truth.pos + 1;
    h.sleep(2);
    h.commit(0, 1..30);
    let (stale, _) = h.forge(1, slot, 1, ha_proto::Digest([7; 32]), &commit_of(666));
    assert_eq!(h.land(&stale), StoreReply::Done);
    h.wake(2);
    h.run(300);
    assert_eq!(h.seats[2].host.state, h.seats[0].host.state);
}

/// Rule 5: a 404 is a proof for a follower only by a listing after it.
#[test]
fn a_followers_404_at_a_collected_slot_answers_no_read() {
    let mut h = Hand::plane(2);
    h.sleep(1);
    h.commit(0, 1..30);
    let acknowledged = h.truth.pos;
    assert!(!h.there(h.seats[1].node.view().pos.0 + 1));
    h.seats[1].asleep = false;
    let now = h.now();
    h.seats[1].node.read(now);
    h.pump();
    h.run(300);
    let seq = h.answered(1).expect("the read is answered in the end");
    assert!(
        seq.0 >= acknowledged,
        "at {seq}, and {acknowledged} was acknowledged before"
    );
}

/// Rule 5: the listing counts only if it was sent after the 404.
#[test]
fn a_listing_made_before_the_404_proves_nothing() {
    let mut h = Hand::plane(2);
    h.hold(1, "get journal");
    h.hold(1, "list snapshot");
    let now = h.now();
    h.seats[1].node.read(now);
    h.run(10);
    assert!(
        !h.asks_for(1, "list snapshot"),
        "nothing is listed before the slot was asked for"
    );
    let get = h.take(1, "get journal");
    let reply = h.land(&get.op);
    h.answer(1, &get, reply);
    let list = h.take(1, "list snapshot");
    h.commit(0, 1..30);
    let reply = h.land(&list.op);
    h.answer(1, &list, reply);
    h.pump();
    assert_eq!(
        h.answered(1),
        None,
        "a newer snapshot is there: the slot may have been collected"
    );
    h.free(1);
    h.run(300);
    assert!(h.answered(1).is_some());
}

/// Rule 6: a leader that meets a stranger in its slot asks the table whether its own entry was there before.
#[test]
fn a_commit_that_was_collected_before_a_stranger_came_is_still_acknowledged() {
    let mut h = Hand::plane(3);
    let slot = h.truth.pos + 1;
    // n1 sends a claim for that slot; it dawdles.
    h.hold(1, "create journal");
    h.suspect(1, 0);
    let stranger = h.take(1, "Takeover");
    h.sleep(1);
    // n0's commit lands there; its answer is lost, and n0 sleeps.
    h.hold(0, "create journal");
    h.propose(0, 42);
    let commit = h.take(0, "Commit");
    assert_eq!(h.land(&commit.op), StoreReply::Done);
    h.sleep(0);
    h.run(600);
    assert_eq!(h.role(2), Role::Master);
    h.commit(2, 50..90);
    assert!(!h.there(slot), "collected");
    assert_eq!(h.land(&stranger.op), StoreReply::Done, "the stranger comes");
    h.free(0);
    h.wake(0);
    h.run(300);
    assert_eq!(
        (h.durable(0), h.refused(0)),
        (1, 0),
        "it was committed, read and collected"
    );
    assert_eq!(h.seats[0].host.state, h.seats[2].host.state);
}

/// Rule 6 and `last`: the table's last valid slot decides; a slot that went to another's fence was lost.
#[test]
fn a_commit_whose_slot_is_a_fence_was_not_applied() {
    let mut h = Hand::plane(2);
    h.hold(0, "create journal");
    h.propose(0, 42);
    let commit = h.take(0, "Commit");
    h.sleep(0);
    h.run(600);
    assert_eq!(h.role(1), Role::Master);
    h.commit(1, 50..90);
    assert_eq!(h.land(&commit.op), StoreReply::Exists, "the fence is still there");
    h.free(0);
    h.wake(0);
    h.run(600);
    assert_eq!((h.durable(0), h.refused(0)), (0, 1));
    assert!(h.truth.slot_of(42).is_none());
}

/// An outcome that is unknown is neither success nor failure until the chain has decided.
#[test]
fn an_unknown_outcome_is_answered_by_the_chain_alone() {
    let mut h = Hand::plane(2);
    h.hold(0, "create journal");
    h.propose(0, 42);
    let unknown = || {
        StoreReply::Failed(StoreFailure {
            kind: FailureKind::OutcomeUnknown,
            message: "the connection broke".into(),
        })
    };
    let first = h.take(0, "Commit");
    h.answer(0, &first, unknown());
    h.run(100);
    let second = h.take(0, "Commit");
    assert_eq!(first.op, second.op, "the same bytes again, into the same slot");
    h.answer(0, &second, unknown());
    h.run(60);
    assert_eq!((h.durable(0), h.refused(0)), (0, 0), "not yet known");
    assert_eq!(h.land(&first.op), StoreReply::Done, "it lands after all");
    h.free(0);
    h.run(100);
    assert_eq!((h.durable(0), h.refused(0)), (1, 0));
}

/// The write id alone shows whose an entry is: not the node, not the process, not the content.
#[test]
fn another_write_id_in_its_slot_is_not_its_own() {
    let mut h = Hand::plane(2);
    h.hold(0, "create journal");
    h.propose(0, 42);
    let commit = h.take(0, "Commit");
    let slot = h.truth.pos + 1;
    let (twin, _) = h.forge(0, slot, 1, h.entry(slot - 1).hash, &commit_of(43));
    assert_eq!(h.land(&twin), StoreReply::Done);
    let reply = h.land(&commit.op);
    h.answer(0, &commit, reply);
    h.free(0);
    h.run(300);
    assert_eq!((h.durable(0), h.refused(0)), (0, 1));
    assert!(h.truth.slot_of(42).is_none());
}

/// Validity, `prev`: an entry that does not follow the last valid one is skipped by every reader, and the leader goes on behind it.
#[test]
fn a_leader_displaced_by_junk_goes_to_the_next_slot_under_the_same_write_id() {
    let mut h = Hand::plane(2);
    let slot = h.truth.pos + 1;
    let (junk, _) = h.forge(1, slot, 1, h.entry(slot - 2).hash, &commit_of(666));
    assert_eq!(h.land(&junk), StoreReply::Done);
    h.propose(0, 42);
    h.run(300);
    assert_eq!(h.durable(0), 1);
    assert_eq!(h.truth.slot_of(42), Some(Seq(slot + 1)));
    assert_eq!(h.seats[1].host.state, [42]);
    assert_eq!(h.role(0), Role::Master, "junk deposes nobody");
    let write_id = |e: &Event| match e {
        Event::Sent { write_id, .. } => Some(*write_id),
        _ => None,
    };
    let sent: Vec<_> = h.seats[0].events.iter().filter_map(write_id).collect();
    assert!(sent.windows(2).all(|w| w[0] == w[1]), "one write id: {sent:?}");
}

/// Validity, `epoch`: a Takeover of an epoch that is not greater is none.
#[test]
fn a_takeover_of_the_same_epoch_is_none() {
    let mut h = Hand::plane(2);
    let slot = h.truth.pos + 1;
    let (claim, _) = h.forge(1, slot, 1, h.entry(slot - 1).hash, &takeover());
    h.land(&claim);
    h.run(300);
    assert_eq!(h.role(0), Role::Master);
    h.propose(0, 42);
    h.run(200);
    assert_eq!(h.seats[1].host.state, [42]);
}

/// Validity, `Release`: nothing of an epoch counts behind its Release.
#[test]
fn nothing_of_an_epoch_counts_behind_its_release() {
    let mut h = Hand::plane(1);
    let now = h.now();
    h.seats[0].node.stop(now);
    h.run(100);
    let slot = h.truth.pos + 1;
    assert!(h.truth.released);
    let (late, _) = h.forge(0, slot, 1, h.entry(slot - 1).hash, &commit_of(666));
    h.land(&late);
    h.boot(1, ha_proto::Mode::Auto);
    h.run(900);
    assert_eq!(h.role(1), Role::Master);
    assert!(h.seats[1].host.state.0.is_empty());
    h.commit(1, 1..3);
    assert_eq!(h.seats[1].host.state, [1, 2]);
}

/// Rule 7: the collector reads back every part of both snapshots; with one part damaged nothing is collected.
#[test]
fn nothing_is_collected_while_a_kept_part_is_damaged() {
    let mut h = Hand::plane(1);
    let first = h.truth.pos + 1;
    h.hold(0, "create snapshot");
    h.commit(0, 1..8);
    // The parts of the first snapshot are up; one goes bad before its manifest is there.
    let part = h
        .store
        .objects
        .keys()
        .find(|k| k.starts_with("parts/"))
        .unwrap()
        .clone();
    h.store.objects.insert(part.clone(), b"rotten".to_vec().into());
    h.free(0);
    h.commit(0, 8..14);
    assert!(
        h.there(first) && h.there(first + 1),
        "nothing is collected on the word of a damaged snapshot"
    );
    let warned = |e: &Event| matches!(e, Event::Warning(w) if w.contains(&part));
    assert!(h.seats[0].events.iter().any(warned), "and the part is named");
}

/// Rule 7: entries are collected up to the older of the two newest snapshots, and both stay whole.
#[test]
fn the_older_of_two_snapshots_still_leads_to_the_present() {
    let mut h = Hand::plane(1);
    for change in 1..60 {
        h.commit(0, change..change + 1);
        let mut seqs: Vec<_> = h
            .store
            .list("snapshot")
            .iter()
            .filter_map(|n| layout::seq_of(n))
            .collect();
        seqs.sort_unstable();
        if let [.., older, _] = seqs[..] {
            assert!(
                (older.0 + 1..=h.truth.pos).all(|s| h.there(s)),
                "a slot behind the older snapshot is gone"
            );
            let manifest =
                ha_proto::Manifest::parse(older, &h.store.objects[&layout::manifest_key(older)]).unwrap();
            let whole = (0..manifest.parts.len()).all(|i| {
                h.store
                    .objects
                    .contains_key(&layout::part_key(older, manifest.write_id, i))
            });
            assert!(whole, "a part of the older snapshot is gone");
        }
        assert!(seqs.len() <= 3, "old ones are swept: {seqs:?}");
    }
    assert!(!h.there(5), "and something was collected");
}

/// Rule 7: a writer whose parts are gone gives up.
#[test]
fn a_snapshot_whose_parts_are_gone_gets_no_manifest() {
    let mut h = Hand::plane(1);
    h.hold(0, "list parts/");
    h.commit(0, 1..8);
    let parts: Vec<_> = h
        .store
        .objects
        .keys()
        .filter(|k| k.starts_with("parts/"))
        .cloned()
        .collect();
    assert!(!parts.is_empty());
    parts.iter().for_each(|p| drop(h.store.objects.remove(p)));
    h.free(0);
    h.run(50);
    assert!(h.store.list("snapshot").is_empty());
}

/// What is never deleted: junk around a failover, for it fills a slot that something might be sent to again.
#[test]
fn junk_around_a_failover_is_never_collected() {
    let mut h = Hand::plane(2);
    let slot = h.truth.pos + 1;
    let (junk, _) = h.forge(1, slot, 9, ha_proto::Digest([7; 32]), &commit_of(666));
    h.land(&junk);
    h.commit(0, 1..40);
    assert!(h.there(slot), "the junk is still there");
    assert!(!h.there(slot + 1), "and what followed it is not");
}

/// A hole is an error that names it, not the end of the journal.
#[test]
fn a_hole_stops_readers_and_is_named() {
    let mut h = Hand::plane(1);
    h.commit(0, 1..5);
    let slot = h.truth.pos - 1;
    h.sleep(0);
    h.store.objects.remove(&layout::entry_key(Seq(slot)));
    h.boot(1, ha_proto::Mode::HotBackup);
    h.run(100);
    assert_eq!(h.role(1), Role::Failed);
    h.run(300);
    assert!(
        h.seats[1]
            .node
            .failure()
            .unwrap()
            .contains(&layout::entry_key(Seq(slot)))
    );
}

/// A claimant looks whether the last slot it read is still there: a store that was erased is not claimed.
#[test]
fn a_store_that_was_erased_is_not_claimed() {
    let mut h = Hand::plane(2);
    h.sleep(0);
    h.store.objects.retain(|k, _| !k.starts_with("journal/"));
    h.run(1000);
    assert_eq!(h.role(1), Role::Failed);
    assert!(h.seats[1].node.failure().unwrap().contains("erased or rewound"));
    assert_eq!(h.store.under("journal/").count(), 0);
}

/// Who is named leads only after a listing, and a naming in a collected slot is void.
#[test]
fn a_naming_in_a_collected_slot_is_void() {
    let mut h = Hand::plane(2);
    let slot = h.truth.pos + 1;
    let prev = h.entry(slot - 1).hash;
    h.sleep(1);
    h.commit(0, 1..30);
    let successor = h.seats[1].node.process().clone();
    let (naming, _) = h.forge(
        0,
        slot,
        2,
        prev,
        &Payload::Handover {
            successor,
            uri: String::new(),
        },
    );
    assert_eq!(h.land(&naming), StoreReply::Done);
    h.wake(1);
    h.run(300);
    assert_eq!((h.role(0), h.role(1)), (Role::Master, Role::HotStandby));
}

/// A claim that was won by a node that had been told to take no part meanwhile is let go at once.
#[test]
fn a_disabled_node_that_wins_its_claim_releases_it() {
    let mut h = Hand::plane(2);
    h.sleep(0);
    h.hold(1, "create journal");
    h.suspect(1, 0);
    h.run(20);
    let claim = h.take(1, "Takeover");
    let now = h.now();
    h.seats[1]
        .node
        .change_mode(now, ha_proto::Mode::Disabled)
        .unwrap();
    assert_eq!(h.role(1), Role::Failed);
    let reply = h.land(&claim.op);
    h.answer(1, &claim, reply);
    h.free(1);
    h.run(100);
    assert_eq!(h.role(1), Role::Failed);
    assert!(h.truth.released, "{:?}", ha_sim::hand::kinds(&h));
}

/// A store that answers "no space" is no fence: the node goes on leading, and the client is told the truth.
#[test]
fn a_refused_commit_is_not_applied_and_deposes_nobody() {
    let mut h = Hand::plane(1);
    h.hold(0, "create journal");
    h.propose(0, 42);
    let commit = h.take(0, "Commit");
    let refused = StoreFailure {
        kind: FailureKind::Refused,
        message: "no space left".into(),
    };
    h.answer(0, &commit, StoreReply::Failed(refused));
    h.free(0);
    h.run(100);
    assert_eq!((h.durable(0), h.refused(0), h.role(0)), (0, 1, Role::Master));
    h.input(0, Input::Wall(1));
    h.propose(0, 43);
    h.run(50);
    assert_eq!(h.seats[0].host.state, [43]);
}

/// Validity, `prev`: a Takeover upon another history than the one that was read is none, however high its epoch.
#[test]
fn a_takeover_upon_another_history_is_none() {
    let mut h = Hand::plane(2);
    let slot = h.truth.pos + 1;
    let (claim, _) = h.forge(1, slot, 9, h.entry(slot - 2).hash, &takeover());
    h.land(&claim);
    h.run(300);
    assert_eq!(h.role(0), Role::Master);
    h.propose(0, 42);
    h.run(200);
    assert_eq!(h.seats[1].host.state, [42]);
}

/// A slot that was full and is absent a moment later was collected: that says nothing about whose entry it was.
#[test]
fn an_own_entry_collected_between_exists_and_the_read_back_is_not_called_lost() {
    let mut h = Hand::plane(2);
    h.hold(0, "create journal");
    h.hold(0, "get journal");
    let slot = h.truth.pos + 1;
    h.propose(0, 42);
    let commit = h.take(0, "Commit");
    assert_eq!(h.land(&commit.op), StoreReply::Done);
    h.sleep(0);
    h.run(600);
    assert_eq!(h.role(1), Role::Master);
    h.answer(0, &commit, StoreReply::Exists);
    let read_back = h.take(0, "get journal");
    h.commit(1, 50..90);
    assert!(!h.there(slot), "collected");
    let reply = h.land(&read_back.op);
    assert!(matches!(reply, StoreReply::Absent { .. }));
    h.answer(0, &read_back, reply);
    assert_eq!((h.durable(0), h.refused(0)), (0, 0), "not yet known");
    h.free(0);
    h.wake(0);
    h.run(400);
    assert_eq!((h.durable(0), h.refused(0)), (1, 0), "it was committed");
    assert_eq!(h.seats[0].host.state, h.seats[1].host.state);
}

/// A batch displaced by junk, and its writer deposed before it was sent again: certainly not applied, and nothing more is sent.
#[test]
fn a_displaced_batch_of_a_deposed_leader_is_answered_and_not_sent_again() {
    let mut h = Hand::plane(2);
    let slot = h.truth.pos + 1;
    h.hold(0, "list snapshot");
    let (junk, _) = h.forge(1, slot, 1, h.entry(slot - 2).hash, &commit_of(666));
    assert_eq!(h.land(&junk), StoreReply::Done);
    h.propose(0, 42);
    // It asks the table about the stranger, and then confirms its view; meanwhile another takes over.
    let table = h.take(0, "list snapshot");
    let reply = h.land(&table.op);
    h.answer(0, &table, reply);
    h.sleep(0);
    h.run(600);
    assert_eq!(h.role(1), Role::Master);
    h.commit(1, 50..60);
    h.free(0);
    h.wake(0);
    h.run(400);
    assert_eq!((h.durable(0), h.refused(0)), (0, 1));
    assert_eq!(h.truth.junk, 1, "no stale entry was added");
}

/// A Release that lost its slot to another's takeover let go of nothing: its writer is a candidate like any other.
#[test]
fn who_was_deposed_while_it_let_go_takes_over_again_when_it_is_needed() {
    let mut h = Hand::plane(2);
    h.sleep(1);
    h.run(400);
    h.hold(0, "create journal");
    let now = h.now();
    h.seats[0]
        .node
        .change_mode(now, ha_proto::Mode::HotStandby)
        .expect("nothing else is under way");
    assert!(h.asks_for(0, "Release"));
    h.sleep(0);
    h.wake(1);
    h.run(600);
    assert_eq!(h.role(1), Role::Master);
    h.free(0);
    h.wake(0);
    h.run(600);
    assert_eq!(h.role(0), Role::HotStandby);
    h.sleep(1);
    h.run(1500);
    assert_eq!(h.role(0), Role::Master, "nobody else is left");
}
