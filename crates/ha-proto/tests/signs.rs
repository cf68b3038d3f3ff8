//! Evidence that a leader has gone, and the signs of life that refute it.

use ha_proto::{Evidence, Input, Kind, Payload, Role, layout};
use ha_sim::hand::{Hand, kinds};

fn suspect(h: &mut Hand, i: usize, evidence: Evidence) {
    let process = h.seats[0].node.process().clone();
    h.input(i, Input::Suspect { process, evidence });
}

/// On what evidence the last takeover was made.
fn evidence(h: &Hand) -> Evidence {
    let mut takeovers = h
        .truth
        .valid
        .iter()
        .rev()
        .filter(|(_, (_, k))| *k == Kind::Takeover);
    let slot = *takeovers.next().expect("there has been one").0;
    match h.entry(slot.0).decode(&layout::entry_key(slot)) {
        Ok(Payload::Takeover { evidence, .. }) => evidence,
        other => panic!("{other:?}"),
    }
}

/// The second node has been told that the first has gone, and before it could judge by that it has heard from it.
fn refuted(said: Evidence) -> Hand {
    let mut h = Hand::plane(2);
    h.hold(1, "list nodes");
    h.hold(1, "get nodes");
    h.run(5);
    suspect(&mut h, 1, said);
    h.run(5);
    h.commit(0, 1..2);
    h.run(100);
    h.free(1);
    h.run(150);
    assert_eq!(h.role(0), Role::Master, "it lives");
    h
}

#[test]
fn what_a_sign_of_life_has_refuted_counts_anew_when_it_is_seen_again() {
    for said in [Evidence::Refused, Evidence::LinkClosed] {
        let mut h = refuted(said);
        h.sleep(0);
        suspect(&mut h, 1, said);
        h.run(50);
        assert_eq!((h.role(1), evidence(&h)), (Role::Master, said));
    }
}

#[test]
fn what_a_sign_of_life_has_refuted_gives_way_to_weaker_evidence() {
    let mut h = refuted(Evidence::Refused);
    h.sleep(0);
    suspect(&mut h, 1, Evidence::LinkClosed);
    h.run(50);
    assert_eq!((h.role(1), evidence(&h)), (Role::Master, Evidence::LinkClosed));
}

#[test]
fn the_same_evidence_again_and_again_does_not_put_off_a_turn() {
    let mut h = Hand::plane(3);
    h.run(100);
    h.sleep(0);
    h.hold(1, "create");
    let began = h.ms;
    while h.role(2) != Role::Master {
        suspect(&mut h, 2, Evidence::Refused);
        h.run(20);
        assert!(
            h.ms < began + 290,
            "its turn is one poll and a half after the first word"
        );
    }
    assert!(h.ms >= began + 150, "it waits for the first choice");
    assert_eq!(evidence(&h), Evidence::Refused);
    assert_eq!(kinds(&h).iter().filter(|k| **k == Kind::Takeover).count(), 2);
}
