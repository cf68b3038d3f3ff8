//! What the listing after a claim shows, and what is remembered of it.

use ha_proto::{Digest, Event, Role, StoreReply};
use ha_sim::hand::{Hand, commit_of};

/// The slot of a claim was collected since, and another has won the epoch that it names: that the table has that epoch is not enough.
#[test]
fn a_claim_that_lands_in_a_collected_slot_is_void_also_when_another_has_won_its_epoch() {
    let mut h = Hand::plane(3);
    h.hold(1, "create journal");
    h.suspect(1, 0);
    let claim = h.take(1, "Takeover");
    let slot = h.truth.pos + 1;
    h.sleep(1);
    h.commit(0, 1..5);
    h.run(150);
    h.sleep(0);
    h.suspect(2, 0);
    h.run(600);
    assert_eq!((h.role(2), h.truth.epoch.0), (Role::Master, 2));
    h.commit(2, 5..40);
    assert!(!h.there(slot), "it was taken and collected");
    assert_eq!(h.land(&claim.op), StoreReply::Done);
    h.answer(1, &claim, StoreReply::Done);
    h.seats[1].asleep = false;
    h.free(1);
    h.run(300);
    assert_eq!((h.role(1), h.role(2)), (Role::HotStandby, Role::Master));
    assert_eq!(h.seats[1].host.state, h.seats[2].host.state);
}

#[test]
fn a_leader_misses_the_snapshot_that_the_listing_after_its_claim_showed() {
    let mut h = Hand::plane(2);
    // It does not hear how far the leader is, which would have it list before.
    h.hold(1, "get nodes");
    h.commit(0, 1..4);
    h.run(150);
    h.free(1);
    assert!(h.store.under("snapshot/").count() > 0);
    h.sleep(0);
    h.hold(1, "create parts");
    h.suspect(1, 0);
    h.run(150);
    assert_eq!(h.role(1), Role::Master);
    h.store.objects.retain(|key, _| !key.starts_with("snapshot/"));
    // Junk in its slot has it ask the listing once more.
    let slot = h.truth.pos + 1;
    let (junk, _) = h.forge(0, slot, 1, Digest([7; 32]), &commit_of(9));
    h.land(&junk);
    h.run(150);
    let says = |e: &Event| matches!(e, Event::Warning(w) if w.contains("and a snapshot at"));
    assert!(h.seats[1].events.iter().any(says), "{:?}", h.seats[1].events);
}
