//! An own entry on its way: failures that pass, failures that do not, and answers that come late.

use ha_proto::{
    Epoch, Event, FailureKind, Kind, Mode, NotApplied, Resolution, Role, Seq, StoreFailure, StoreReply,
    WriteId,
};
use ha_sim::hand::{Hand, commit_of, kinds};

fn failed(kind: FailureKind) -> StoreReply {
    StoreReply::Failed(StoreFailure {
        kind,
        message: "no space".into(),
    })
}

/// A leader with one commit on its way. Nothing of its is answered but by hand.
fn appending() -> Hand {
    let mut h = Hand::plane(1);
    h.hold(0, "create journal");
    h.propose(0, 1);
    h
}

/// The first write that the leader has sent, as its caller knows it.
fn first_sent(h: &Hand) -> (Epoch, Seq, WriteId) {
    let sent = |e: &Event| match e {
        Event::Sent {
            epoch,
            slot,
            write_id,
            ..
        } => Some((*epoch, *slot, *write_id)),
        _ => None,
    };
    h.seats[0].events.iter().find_map(sent).expect("it has sent one")
}

/// Answers the newest attempt so.
fn answer(h: &mut Hand, kind: FailureKind) {
    let mut create = h.take(0, "Commit");
    while h.asks_for(0, "Commit") {
        create = h.take(0, "Commit");
    }
    h.answer(0, &create, failed(kind));
    h.pump();
}

#[test]
fn a_passing_refusal_is_tried_again_for_one_requests_time() {
    let mut h = appending();
    let first_sent = h.ms;
    while h.ms < first_sent + 200 {
        answer(&mut h, FailureKind::NotDone);
        assert_eq!(
            h.refused(0),
            0,
            "{} ms after the first attempt",
            h.ms - first_sent
        );
        let failed_at = h.ms;
        while !h.asks_for(0, "Commit") {
            h.run(5);
        }
        assert_eq!(h.ms, failed_at + 25, "a quarter of a poll later");
    }
    assert_eq!(h.ms, first_sent + 200);
    answer(&mut h, FailureKind::NotDone);
    let refused =
        |e: &Event| matches!(e, Event::NotApplied { why: NotApplied::Refused(why), .. } if why == "no space");
    assert!(h.seats[0].events.iter().any(refused));
    assert_eq!(h.role(0), Role::Master, "and deposes nobody");
}

#[test]
fn what_became_of_a_write_that_was_refused_is_known_while_its_leader_leads_on() {
    let mut h = appending();
    let (epoch, slot, write_id) = first_sent(&h);
    let resolved = |h: &Hand| h.seats[0].node.resolve(epoch, slot, write_id);
    answer(&mut h, FailureKind::NotDone);
    assert_eq!(resolved(&h), Resolution::Undecided, "it is tried again");
    h.run(50);
    answer(&mut h, FailureKind::Refused);
    assert_eq!(h.refused(0), 1);
    assert_eq!(resolved(&h), Resolution::NotApplied);
    h.propose(0, 2);
    assert_eq!(
        resolved(&h),
        Resolution::NotApplied,
        "another is on its way there"
    );
    h.free(0);
    h.run(100);
    assert_eq!((h.durable(0), resolved(&h)), (1, Resolution::NotApplied));
    assert_eq!(h.role(0), Role::Master);
}

#[test]
fn what_may_have_been_carried_out_once_is_never_called_refused() {
    let mut h = appending();
    answer(&mut h, FailureKind::OutcomeUnknown);
    for kind in [FailureKind::NotDone, FailureKind::Refused] {
        for _ in 0..5 {
            h.run(50);
            answer(&mut h, kind);
        }
    }
    h.run(100);
    assert_eq!((h.durable(0), h.refused(0)), (0, 0));
    h.free(0);
    h.run(200);
    assert_eq!((h.durable(0), h.refused(0)), (1, 0));
}

#[test]
fn an_attempt_that_was_given_up_may_land_so_nothing_later_refuses_it() {
    let mut h = appending();
    let first = h.take(0, "Commit");
    h.run(250);
    answer(&mut h, FailureKind::Refused);
    assert_eq!(h.refused(0), 0, "the first attempt was not answered");
    let reply = h.land(&first.op);
    h.answer(0, &first, reply);
    h.pump();
    assert_eq!(h.durable(0), 1, "its late answer counts");
}

#[test]
fn only_created_is_news_of_an_attempt_that_was_given_up() {
    let mut h = appending();
    let first = h.take(0, "Commit");
    h.run(250);
    let second = h.take(0, "Commit");
    h.answer(0, &first, failed(FailureKind::Refused));
    h.pump();
    assert_eq!(h.refused(0), 0);
    // And an answer to a request that nobody has made is none to this one.
    let other = ha_proto::StoreRequest {
        id: ha_proto::RequestId(second.id.0 + 100_000),
        ..second.clone()
    };
    h.answer(0, &other, StoreReply::Done);
    h.pump();
    assert_eq!(h.durable(0), 0);
    let reply = h.land(&second.op);
    h.answer(0, &second, reply);
    h.pump();
    assert_eq!(h.durable(0), 1);
}

#[test]
fn a_process_that_has_lost_durability_acknowledges_nothing_any_more() {
    let mut h = appending();
    answer(&mut h, FailureKind::Broken);
    let undecided =
        |e: &Event| matches!(e, Event::Undecided { tickets } if tickets.first.0 == tickets.last.0);
    assert!(h.seats[0].events.iter().any(undecided), "{:?}", h.seats[0].events);
    assert_eq!(h.role(0), Role::Failed);
    let now = h.now();
    let told = h.seats[0].node.change_mode(now, Mode::Auto);
    assert!(told.is_err(), "for good");
    assert_eq!(h.seats[0].node.failure(), Some("no space"));
}

#[test]
fn a_write_sent_beside_a_claim_is_undecided_when_the_journal_cannot_be_read_on() {
    let mut h = Hand::plane(2);
    h.commit(0, 1..2);
    h.run(150);
    h.sleep(0);
    h.hold(1, "list snapshot");
    h.hold(1, "Commit");
    h.suspect(1, 0);
    h.propose(1, 42);
    assert!(h.asks_for(1, "Commit"));
    let later = ha_proto::layout::manifest_key(ha_proto::Seq(h.truth.pos));
    h.store.objects.insert(later, b"rotten"[..].into());
    h.free(1);
    h.run(5);
    assert_eq!(h.role(1), Role::Failed);
    let undecided = |e: &Event| matches!(e, Event::Undecided { .. });
    assert!(h.seats[1].events.iter().any(undecided), "{:?}", h.seats[1].events);
}

#[test]
fn a_claim_that_is_lost_says_what_it_was_and_to_whom() {
    let mut h = Hand::plane(2);
    h.hold(1, "create journal");
    h.suspect(1, 0);
    let claim = h.take(1, "Takeover");
    h.commit(0, 1..2);
    let reply = h.land(&claim.op);
    assert_eq!(reply, StoreReply::Exists);
    h.answer(1, &claim, reply);
    h.pump();
    let slot = h.truth.pos;
    let words = format!("Takeover of epoch 2 for slot {slot} lost to n0's Commit");
    let said = |e: &Event| matches!(e, Event::Note(note) if note.contains(&words));
    assert!(h.seats[1].events.iter().any(said), "{:?}", h.seats[1].events);
}

#[test]
fn a_claim_that_waits_for_its_look_is_given_up_when_its_node_is_told_otherwise() {
    let mut h = Hand::plane(2);
    h.hold(1, "get journal");
    h.suspect(1, 0);
    // The look ahead of the claim fails; the claim itself looks once more.
    while !h.seats[1]
        .events
        .iter()
        .any(|e| matches!(e, Event::Note(n) if n.contains("claiming")))
    {
        let look = h.take(1, "get journal");
        h.answer(1, &look, failed(FailureKind::OutcomeUnknown));
        h.pump();
        h.run(5);
    }
    let now = h.now();
    h.seats[1].node.change_mode(now, Mode::HotBackup).unwrap();
    h.pump();
    h.free(1);
    h.run(300);
    assert_eq!(
        kinds(&h).iter().filter(|k| **k == Kind::Takeover).count(),
        1,
        "nothing was claimed"
    );
    assert_eq!((h.role(0), h.role(1)), (Role::Master, Role::HotBackup));
}

#[test]
fn a_read_that_is_asked_for_while_another_answer_is_on_its_way_waits_for_one_of_its_own() {
    let mut h = Hand::plane(1);
    h.hold(0, "get journal");
    h.run(105);
    let before = h.take(0, "get journal");
    h.run(5);
    let now = h.now();
    h.seats[0].node.read(now);
    h.pump();
    let own = h.take(0, "get journal");
    let reply = h.land(&before.op);
    h.answer(0, &before, reply);
    h.pump();
    assert_eq!(h.answered(0), None, "that was sent before the read was asked for");
    // A second one asked for at the moment of the request does with it.
    h.seats[0].node.read(now);
    h.pump();
    assert!(!h.asks_for(0, "get journal"));
    let reply = h.land(&own.op);
    h.answer(0, &own, reply);
    h.pump();
    assert!(h.answered(0).is_some());
}

#[test]
fn a_jump_of_the_clock_has_the_store_read_at_once() {
    let mut h = Hand::plane(1);
    h.run(105);
    h.hold(0, "get journal");
    assert!(!h.asks_for(0, "get journal"), "the next is a poll away");
    h.input(0, ha_proto::Input::ClockJumped);
    assert!(h.asks_for(0, "get journal"));
}

#[test]
fn a_write_displaced_by_junk_is_undecided_until_it_has_a_slot() {
    let mut h = Hand::plane(2);
    h.hold(0, "create journal");
    h.propose(0, 1);
    let commit = h.take(0, "Commit");
    let slot = h.truth.pos + 1;
    let (junk, _) = h.forge(1, slot, 1, ha_proto::Digest([7; 32]), &commit_of(9));
    assert_eq!(h.land(&junk), StoreReply::Done);
    let reply = h.land(&commit.op);
    h.answer(0, &commit, reply);
    h.run(5);
    let again = h.take(0, "Commit");
    let (epoch, _, write_id) = first_sent(&h);
    let resolved = |h: &Hand| h.seats[0].node.resolve(epoch, Seq(slot), write_id);
    assert_eq!(resolved(&h), Resolution::Undecided);
    let reply = h.land(&again.op);
    h.answer(0, &again, reply);
    h.pump();
    assert_eq!(resolved(&h), Resolution::Committed(Seq(slot + 1)));
    assert_eq!(h.durable(0), 1);
}

#[test]
fn one_write_follows_the_other_without_a_listing() {
    let mut h = Hand::plane(1);
    h.hold(0, "list snapshot");
    h.commit(0, 1..3);
    assert_eq!(h.durable(0), 2);
}

#[test]
fn a_write_whose_slot_holds_anothers_entry_is_undecided_when_the_table_cannot_be_read() {
    let mut h = Hand::plane(2);
    h.hold(0, "create journal");
    h.propose(0, 1);
    let commit = h.take(0, "Commit");
    let slot = h.truth.pos + 1;
    let (junk, _) = h.forge(1, slot, 1, ha_proto::Digest([7; 32]), &commit_of(9));
    assert_eq!(h.land(&junk), StoreReply::Done);
    let later = ha_proto::layout::manifest_key(Seq(slot));
    h.store.objects.insert(later, b"rotten"[..].into());
    let reply = h.land(&commit.op);
    h.answer(0, &commit, reply);
    h.pump();
    assert_eq!(h.role(0), Role::Failed);
    let undecided = |e: &Event| matches!(e, Event::Undecided { .. });
    assert!(h.seats[0].events.iter().any(undecided), "{:?}", h.seats[0].events);
}
