//! Collection on a store of which requests fail: a round goes on after them, and only what stays out of reach ends it.

use ha_proto::{Event, FailureKind, Seq, StoreFailure, StoreOp, StoreReply, layout};
use ha_sim::hand::Hand;

/// A plane that has written its first snapshot. With the second, collection begins; what it asks for in these words waits.
fn collecting(held: &str) -> Hand {
    let mut h = Hand::plane(1);
    h.commit(0, 1..8);
    h.hold(0, held);
    h.commit(0, 8..14);
    h
}

fn fails(kind: FailureKind) -> StoreReply {
    StoreReply::Failed(StoreFailure {
        kind,
        message: "the connection broke".into(),
    })
}

fn is_put_off(h: &Hand) -> bool {
    let says = |e: &Event| matches!(e, Event::Warning(w) if w.contains("collection put off"));
    h.seats[0].events.iter().any(says)
}

#[test]
fn each_request_of_a_round_is_asked_again_when_it_fails() {
    let entry = layout::entry_key(Seq(5));
    let (look, delete) = (format!("get {entry}"), format!("delete {entry}"));
    for words in [
        "list snapshot",
        "get snapshot",
        "get parts",
        "list parts",
        &look,
        &delete,
    ] {
        let mut h = collecting(words);
        for kind in [FailureKind::OutcomeUnknown, FailureKind::NotDone] {
            let request = h.take(0, words);
            h.answer(0, &request, fails(kind));
            h.run(200);
        }
        h.free(0);
        h.run(200);
        assert!(!h.there(5), "collected though `{words}` failed twice");
        assert!(!is_put_off(&h));
    }
}

#[test]
fn a_store_that_fails_on_and_on_ends_the_round_and_the_next_makes_up_for_it() {
    let mut h = collecting("get parts");
    while !is_put_off(&h) {
        let request = h.take(0, "get parts");
        h.answer(0, &request, fails(FailureKind::OutcomeUnknown));
        h.run(200);
    }
    assert!(h.there(5));
    h.free(0);
    h.run(2000);
    h.commit(0, 14..30);
    h.run(2000);
    assert!(!h.there(5), "by a later round");
}

#[test]
fn what_cannot_pass_ends_the_round_at_once() {
    let mut h = collecting("get parts");
    let request = h.take(0, "get parts");
    h.answer(0, &request, fails(FailureKind::Refused));
    h.run(200);
    assert!(is_put_off(&h) && !h.asks_for(0, "get parts"));
}

/// The delete that failed was done, and a stale claim has landed in its slot since: what is a fence stays.
#[test]
fn before_an_entry_is_deleted_again_it_is_looked_at_again() {
    let mut h = collecting("delete journal");
    let delete = h.take(0, "delete journal");
    assert_eq!(h.land(&delete.op), StoreReply::Done);
    let StoreOp::Delete { key } = &delete.op else {
        panic!("{delete:?}");
    };
    let fence = h.store.objects[&layout::entry_key(Seq(2))].clone();
    h.store.objects.insert(key.clone(), fence);
    h.answer(0, &delete, fails(FailureKind::OutcomeUnknown));
    h.run(200);
    h.free(0);
    h.run(200);
    assert!(h.store.objects.contains_key(key), "a fence is not deleted");
}

#[test]
fn who_waits_for_an_answer_amid_a_round_need_not_be_called_before_it_is_late() {
    let entry = format!("get {}", layout::entry_key(Seq(5)));
    for words in ["get parts", &entry] {
        let mut h = collecting(words);
        assert!(h.asks_for(0, words));
        let next = h.seats[0].node.poll_timeout().expect("it waits");
        assert!(next > h.now(), "amid `{words}`");
    }
}
