//! The first commit of a new leader goes beside the listing that validates its claim: two round trips from the claim to the answer.

use ha_proto::{Event, FailureKind, NotApplied, Role, Seq, StoreFailure, StoreReply};
use ha_sim::hand::{Hand, takeover};

/// Two nodes; the second has claimed, its Takeover lies in its slot, and it waits for the listing.
fn validating() -> (Hand, u64) {
    let mut h = Hand::plane(2);
    h.sleep(0);
    h.run(250);
    h.hold(1, "list snapshot");
    h.hold(1, "create journal");
    h.suspect(1, 0);
    let slot = h.truth.pos + 1;
    let claim = h.take(1, "Takeover");
    assert_eq!(h.land(&claim.op), StoreReply::Done);
    h.answer(1, &claim, StoreReply::Done);
    (h, slot)
}

#[test]
fn a_write_goes_out_beside_the_listing_and_is_answered_when_both_have_come() {
    let (mut h, slot) = validating();
    h.propose(1, 7);
    assert!(
        h.asks_for(1, "list snapshot") && h.asks_for(1, "Commit"),
        "both are under way"
    );
    let commit = h.take(1, "Commit");
    assert_eq!(h.land(&commit.op), StoreReply::Done);
    h.answer(1, &commit, StoreReply::Done);
    h.run(20);
    assert_eq!(
        h.durable(1),
        0,
        "nothing is answered before the claim is validated"
    );
    assert_ne!(h.role(1), Role::Master);
    h.free(1);
    assert_eq!(h.durable(1), 1);
    assert_eq!(h.truth.state, [7]);
    let seq = Seq(slot + 1);
    assert!(
        h.seats[1]
            .events
            .iter()
            .any(|e| matches!(e, Event::Durable { seq: s, .. } if *s == seq))
    );
    h.run(50);
    assert_eq!(h.role(1), Role::Master);
}

#[test]
fn a_listing_that_comes_first_leaves_the_write_on_its_way() {
    let (mut h, _) = validating();
    h.propose(1, 7);
    let commit = h.take(1, "Commit");
    h.seats[1].asks.push(commit);
    let list = h.take(1, "list snapshot");
    let reply = h.land(&list.op);
    h.answer(1, &list, reply);
    h.pump();
    assert_eq!(h.durable(1), 0);
    h.free(1);
    assert_eq!((h.durable(1), h.truth.state.clone()), (1, vec![7]));
}

#[test]
fn what_waits_behind_the_first_write_goes_out_after_it() {
    let (mut h, _) = validating();
    for change in 7..10 {
        h.propose(1, change);
    }
    h.free(1);
    h.run(50);
    assert_eq!(h.truth.state, [7, 8, 9]);
    assert_eq!(h.refused(1), 0);
}

#[test]
fn a_void_claim_takes_its_write_along() {
    let mut h = Hand::plane(2);
    h.hold(1, "create journal");
    h.suspect(1, 0);
    let claim = h.take(1, "Takeover");
    let slot = h.truth.pos + 1;
    h.sleep(1);
    h.commit(0, 1..30);
    assert!(!h.there(slot), "its slot was taken and collected");
    h.seats[1].asleep = false;
    h.hold(1, "list snapshot");
    assert_eq!(h.land(&claim.op), StoreReply::Done);
    h.answer(1, &claim, StoreReply::Done);
    h.propose(1, 99);
    let commit = h.take(1, "Commit");
    assert_eq!(
        h.land(&commit.op),
        StoreReply::Done,
        "the slot behind it is a deleted one as well"
    );
    h.answer(1, &commit, StoreReply::Done);
    h.free(1);
    h.run(300);
    assert_eq!((h.durable(1), h.refused(1)), (0, 1));
    assert!(!h.truth.state.contains(&99));
    assert_eq!(h.role(0), Role::Master);
    assert_eq!(h.seats[1].host.state, h.seats[0].host.state);
}

#[test]
fn a_claim_that_is_lost_refuses_what_waits_for_it() {
    let (mut h, slot) = validating();
    h.propose(1, 7);
    // Another has taken over from it before its write arrived.
    let prev = h.entry(slot).hash;
    let (stranger, _) = h.forge(0, slot + 1, 3, prev, &takeover());
    h.land(&stranger);
    h.free(1);
    h.run(300);
    assert_eq!((h.durable(1), h.refused(1)), (0, 1));
    assert!(h.seats[1].events.iter().any(|e| matches!(
        e,
        Event::NotApplied {
            why: NotApplied::Fenced,
            ..
        }
    )));
    assert!(!h.truth.state.contains(&7));
}

#[test]
fn a_lost_reply_to_the_write_is_settled_by_the_chain() {
    let (mut h, _) = validating();
    h.propose(1, 7);
    let commit = h.take(1, "Commit");
    assert_eq!(h.land(&commit.op), StoreReply::Done);
    let lost = StoreReply::Failed(StoreFailure {
        kind: FailureKind::OutcomeUnknown,
        message: "the reply is lost".into(),
    });
    h.answer(1, &commit, lost);
    h.free(1);
    h.run(300);
    assert_eq!((h.durable(1), h.refused(1)), (1, 0));
    assert_eq!(h.truth.state, [7]);
}

#[test]
fn who_only_claims_takes_no_write() {
    let mut h = Hand::plane(2);
    h.sleep(0);
    h.run(250);
    h.hold(1, "create journal");
    h.suspect(1, 0);
    let now = h.now();
    let change = std::sync::Arc::from(&7u64.to_le_bytes()[..]);
    assert_eq!(h.seats[1].node.propose(now, change), Err(NotApplied::NotLeader));
}

#[test]
fn the_look_at_the_last_slot_is_made_beside_that_at_the_records() {
    let mut h = Hand::plane(2);
    let head = format!("get {}", ha_proto::layout::entry_key(Seq(h.truth.pos)));
    h.sleep(0);
    h.hold(1, "list nodes");
    h.hold(1, &head);
    h.run(450);
    assert!(
        h.asks_for(1, "list nodes") && h.asks_for(1, &head),
        "both before the claim, at once"
    );
    let looked = h.take(1, &head);
    let reply = h.land(&looked.op);
    h.answer(1, &looked, reply);
    while h.asks_for(1, "list nodes") {
        let list = h.take(1, "list nodes");
        let reply = h.land(&list.op);
        h.answer(1, &list, reply);
        h.pump();
    }
    assert!(!h.asks_for(1, &head), "it is not asked a second time");
    h.run(20);
    assert_eq!(h.role(1), Role::Master);
}

#[test]
fn a_new_leader_takes_writes_while_its_first_is_under_way() {
    let (mut h, _) = validating();
    h.propose(1, 7);
    let list = h.take(1, "list snapshot");
    let reply = h.land(&list.op);
    h.answer(1, &list, reply);
    h.pump();
    assert!(h.asks_for(1, "Commit"), "its first write is on its way");
    assert!(h.seats[1].node.write_authority().is_some());
    h.propose(1, 8);
    h.free(1);
    h.run(50);
    assert_eq!(h.truth.state, [7, 8]);
}

#[test]
fn a_write_beside_the_listing_that_was_not_carried_out_is_tried_again_a_quarter_of_a_poll_later() {
    let (mut h, _) = validating();
    h.propose(1, 7);
    h.run(7);
    let next = h.seats[1].node.poll_timeout().expect("it waits");
    assert!(next > h.now(), "and until then it need not be called");
    let commit = h.take(1, "Commit");
    let failure = StoreFailure {
        kind: FailureKind::NotDone,
        message: "no connection".into(),
    };
    h.answer(1, &commit, StoreReply::Failed(failure));
    let began = h.ms;
    while !h.asks_for(1, "Commit") {
        h.run(1);
        assert!(h.ms < began + 500, "it is never tried again");
    }
    assert_eq!(h.ms, began + 25);
}
