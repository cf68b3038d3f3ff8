//! Evidence that a leader has gone, and the signs of life that refute it.

use ha_proto::{Event, Evidence, Input, Kind, Mode, Payload, Role, StoreReply, layout};
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

#[test]
fn the_second_choice_wakes_for_its_turn() {
    let mut h = Hand::plane(3);
    h.run(137);
    h.sleep(0);
    h.hold(1, "create");
    suspect(&mut h, 2, Evidence::Refused);
    let began = h.ms;
    while h.seats[2].node.view().epoch.0 < 2 {
        h.run(1);
        assert!(h.ms < began + 400, "it does not take its turn");
    }
    assert_eq!(h.ms, began + 150, "one poll and a half after the first");
}

#[test]
fn the_second_choice_waits_for_its_turn_after_a_leader_that_says_it_has_stopped() {
    let mut h = Hand::plane(3);
    h.run(50);
    h.hold(1, "create");
    let now = h.now();
    h.seats[0].node.begin_act(now).unwrap();
    h.seats[0].node.stop(now);
    h.pump();
    while h.role(0) != Role::Terminated {
        h.run(5);
        assert!(h.ms < 5000);
    }
    let stopped = h.ms;
    while h.role(2) != Role::Master {
        h.run(5);
        assert!(h.ms < stopped + 450);
    }
    assert!(h.ms >= stopped + 150, "{} ms", h.ms - stopped);
    assert_eq!(evidence(&h), Evidence::Stopped);
}

#[test]
fn who_comes_back_counts_silence_from_then() {
    let mut h = Hand::plane(2);
    let tell = |h: &mut Hand, mode| {
        let now = h.now();
        h.seats[1].node.change_mode(now, mode).unwrap();
        h.pump();
    };
    tell(&mut h, Mode::Disabled);
    h.sleep(0);
    h.run(3000);
    tell(&mut h, Mode::Auto);
    let began = h.ms;
    while h.role(1) != Role::Master {
        h.run(5);
        assert!(h.ms < began + 1000, "it never leads");
    }
    assert!(h.ms >= began + 300, "{} ms", h.ms - began);
}

#[test]
fn a_claim_whose_look_is_answered_by_nonsense_is_made_again() {
    let mut h = Hand::plane(2);
    h.sleep(0);
    h.hold(1, "get journal");
    h.suspect(1, 0);
    for _ in 0..2 {
        // The look ahead of the claim, and that of the claim.
        let look = h.take(1, "get journal");
        h.answer(1, &look, StoreReply::Done);
        h.pump();
    }
    h.free(1);
    h.run(200);
    assert_eq!((h.role(1), evidence(&h)), (Role::Master, Evidence::Refused));
}

/// Who leads, as a node was told last.
fn leader(h: &Hand, i: usize) -> Option<usize> {
    let told = h.seats[i].events.iter().rev().find_map(|e| match e {
        Event::LeaderChanged { leader, .. } => Some(leader.clone()),
        _ => None,
    });
    let leader = told.expect("it was told")?;
    h.seats.iter().position(|s| *s.node.process() == leader)
}

#[test]
fn everybody_is_told_who_leads_and_that_nobody_does() {
    let mut h = Hand::plane(2);
    let changes = |h: &Hand| {
        let changed = |e: &&Event| matches!(e, Event::LeaderChanged { .. });
        h.seats[1].events.iter().filter(changed).count()
    };
    assert_eq!((leader(&h, 0), leader(&h, 1), changes(&h)), (Some(0), Some(0), 1));
    let warned = |e: &Event| matches!(e, Event::Warning(w) if w.contains("is not emptied"));
    assert!(!h.seats[1].events.iter().any(warned), "nobody asked for that");
    h.hold(1, "create");
    let now = h.now();
    h.seats[1].node.change_mode(now, Mode::HotBackup).unwrap();
    h.run(150);
    let now = h.now();
    h.seats[0].node.change_mode(now, Mode::Standby).unwrap();
    h.run(300);
    assert_eq!((leader(&h, 0), leader(&h, 1), changes(&h)), (None, None, 2));
}

#[test]
fn who_let_go_with_nobody_to_take_it_is_a_candidate_again_when_another_has_led() {
    let mut h = Hand::plane(1);
    let now = h.now();
    h.seats[0].node.change_mode(now, Mode::HotStandby).unwrap();
    h.run(300);
    assert!(h.truth.released);
    h.boot(1, Mode::Auto);
    h.run(500);
    assert_eq!((h.role(0), h.role(1)), (Role::HotStandby, Role::Master));
    let warned = |e: &Event| matches!(e, Event::Warning(w) if w.contains("is not emptied"));
    assert!(!h.seats[0].events.iter().any(warned), "nobody asked for that");
    h.sleep(1);
    h.run(600);
    assert_eq!(h.role(0), Role::Master);
}

#[test]
fn the_second_choice_waits_for_its_turn_after_a_release() {
    let mut h = Hand::plane(3);
    // It does not see the others any more, so it hands over to nobody.
    h.hold(0, "get nodes");
    h.hold(0, "list nodes");
    h.hold(1, "create");
    h.run(400);
    let now = h.now();
    h.seats[0].node.stop(now);
    while !h.truth.released {
        h.run(5);
        assert!(h.ms < 5000, "it releases nothing");
    }
    let released = h.ms;
    while h.role(2) != Role::Master {
        h.run(5);
        assert!(h.ms < released + 500, "it never takes its turn");
    }
    assert!(h.ms >= released + 150, "{} ms", h.ms - released);
    assert_eq!(evidence(&h), Evidence::Vacant);
}
