//! What a node says of itself: its role and why, what it waits for, which change is complete.

use std::time::Duration;

use ha_proto::{Epoch, Event, Input, Mode, Role, Seq};
use ha_sim::hand::Hand;

/// Asks for a mode, and lets the answers come that are not held.
fn tell(h: &mut Hand, i: usize, mode: Mode) {
    let now = h.now();
    h.seats[i].node.change_mode(now, mode).expect("it takes a mode");
    h.pump();
}

fn settled(h: &Hand, i: usize) -> Vec<Mode> {
    let events = h.seats[i].events.iter();
    events
        .filter_map(|e| match e {
            Event::ModeSettled(mode) => Some(*mode),
            _ => None,
        })
        .collect()
}

/// The words of the last change to a role.
fn why(h: &Hand, i: usize, role: Role) -> String {
    let events = h.seats[i].events.iter().rev();
    let mut words = events.filter_map(|e| match e {
        Event::RoleChanged { to, why, .. } if *to == role => Some(why.clone()),
        _ => None,
    });
    words
        .next()
        .unwrap_or_else(|| panic!("n{i} has not become {role}"))
}

/// A leader with something to load, and a warm standby.
fn warm() -> Hand {
    let mut h = Hand::plane(1);
    h.commit(0, 1..9);
    h.boot(1, Mode::Standby);
    h.run(300);
    assert_eq!(h.role(1), Role::Standby);
    h
}

#[test]
fn a_mode_is_settled_when_its_role_is_reached_and_not_before() {
    for (mode, role) in [
        (Mode::HotStandby, Role::HotStandby),
        (Mode::HotBackup, Role::HotBackup),
        (Mode::Auto, Role::HotStandby),
    ] {
        let mut h = warm();
        h.hold(1, "get parts");
        tell(&mut h, 1, mode);
        h.run(50);
        assert_eq!((h.role(1), settled(&h, 1)), (Role::Initializing, vec![]));
        h.free(1);
        h.run(200);
        assert_eq!((h.role(1), settled(&h, 1)), (role, vec![mode]));
        tell(&mut h, 1, Mode::Standby);
        assert_eq!(settled(&h, 1), [mode, Mode::Standby]);
    }
}

#[test]
fn a_wish_to_lead_is_settled_by_leading() {
    let mut h = Hand::plane(2);
    tell(&mut h, 1, Mode::Master);
    assert_eq!(settled(&h, 1), []);
    h.run(400);
    assert_eq!((h.role(1), settled(&h, 1)), (Role::Master, vec![Mode::Master]));
    assert_eq!(h.seats[0].node.mode(), Mode::Auto);
    assert_eq!(h.role(0), Role::HotStandby);
}

#[test]
fn a_change_that_ends_in_a_failure_is_not_settled_later() {
    let mut h = Hand::plane(2);
    tell(&mut h, 1, Mode::Master);
    // Its journal has a hole, by a hand from outside, before the leader lets go.
    h.hold(0, "create");
    let slot = h.truth.pos + 2;
    let (junk, _) = h.forge(0, slot, 1, ha_proto::Digest([7; 32]), &ha_sim::hand::commit_of(1));
    h.land(&junk);
    h.input(1, Input::ClockJumped);
    h.store
        .objects
        .remove(&ha_proto::layout::entry_key(Seq(slot - 2)));
    h.suspect(1, 0);
    h.run(60);
    assert_eq!(h.role(1), Role::Failed, "{:?}", h.seats[1].node.failure());
    // It is under way no more.
    tell(&mut h, 1, Mode::HotStandby);
}

#[test]
fn who_is_to_serve_the_state_says_that_it_has_not_loaded_it() {
    let mut h = warm();
    let waits = |h: &Hand| h.seats[1].node.awaits_rebind();
    assert!(!waits(&h), "a warm standby serves none");
    h.hold(1, "get parts");
    tell(&mut h, 1, Mode::HotStandby);
    h.run(50);
    assert!(waits(&h), "it is loading");
    h.free(1);
    h.run(200);
    assert!(!waits(&h));
    tell(&mut h, 1, Mode::Disabled);
    assert!(!waits(&h), "it takes no part");
    h.held.push("list snapshot".to_string());
    h.boot(1, Mode::HotStandby);
    assert!(!waits(&h), "it is not known yet what it will be");
}

#[test]
fn a_warm_standby_that_has_won_leads_when_it_has_loaded_the_state() {
    let mut h = warm();
    h.hold(1, "get parts");
    tell(&mut h, 1, Mode::Master);
    h.run(300);
    assert!(h.seats[1].node.awaits_rebind());
    assert_eq!((h.role(0), h.role(1)), (Role::HotStandby, Role::Initializing));
    assert_eq!(h.seats[1].node.write_authority(), None);
    h.free(1);
    h.run(200);
    assert_eq!(h.role(1), Role::Master);
    assert!(!h.seats[1].node.awaits_rebind());
    assert_eq!(h.seats[1].node.applied(), Some(Seq(h.truth.pos)));
}

#[test]
fn a_leader_says_until_when_it_is_proven_and_for_how_long_it_has_not_been() {
    let mut h = Hand::plane(2);
    assert_eq!(
        h.seats[1].node.role_holds_until(),
        None,
        "nobody has to prove that he follows"
    );
    h.hold(0, "journal");
    let leader = &h.seats[0].node;
    let end = leader.role_holds_until().expect("it leads");
    let may = leader.act_authority(h.now()).expect("it may act");
    assert_eq!(end.since(may.until), h.config.stop_grace());
    let before = ha_proto::Instant::from_nanos(end.as_nanos() - 1);
    assert_eq!(
        (leader.role(before), leader.unproven_for(before)),
        (Role::Master, None)
    );
    assert_eq!(
        (leader.role(end), leader.unproven_for(end)),
        (Role::Initializing, Some(Duration::ZERO))
    );
    let later = end + Duration::from_millis(70);
    assert_eq!(leader.unproven_for(later), Some(Duration::from_millis(70)));
    assert_eq!(h.seats[1].node.unproven_for(later), None);
}

#[test]
fn a_change_of_role_says_why() {
    let mut h = Hand::plane(2);
    assert_eq!(why(&h, 0, Role::Master), "leads epoch 1");
    assert_eq!(h.seats[0].node.reason(), "leads epoch 1");
    h.input(0, Input::ClockJumped);
    let said = why(&h, 0, Role::Initializing);
    assert!(said.contains("about to prove it by a read"), "{said}");
    h.run(200);
    h.hold(0, "journal");
    h.sleep(1);
    h.run(700);
    let said = why(&h, 0, Role::Initializing);
    assert!(said.contains("has not answered within its lease"), "{said}");
    h.free(0);
    h.run(100);
    assert_eq!(why(&h, 0, Role::Master), "leads epoch 1");
    h.wake(1);
    h.run(200);
    tell(&mut h, 0, Mode::HotStandby);
    h.run(300);
    assert_eq!(why(&h, 0, Role::HotStandby), "handed over");
    assert_eq!((h.role(0), h.role(1)), (Role::HotStandby, Role::Master));
}

#[test]
fn a_lone_master_that_lets_go_says_that_the_plane_has_none() {
    let mut h = Hand::plane(1);
    tell(&mut h, 0, Mode::HotStandby);
    h.run(300);
    let said = why(&h, 0, Role::HotStandby);
    assert!(said.contains("the plane has no master until"), "{said}");
    h.run(2000);
    assert_eq!(h.role(0), Role::HotStandby, "and takes nothing back");
    tell(&mut h, 0, Mode::Auto);
    h.run(300);
    assert_eq!(h.role(0), Role::Master, "until it is told");
}

#[test]
fn leave_to_act_is_told_once_when_it_comes_and_once_when_it_goes() {
    let mut h = Hand::plane(1);
    let told = |h: &Hand| {
        let events = h.seats[0].events.iter();
        events
            .filter_map(|e| match e {
                Event::FullGained(epoch) => Some((true, *epoch)),
                Event::FullLost(epoch) => Some((false, *epoch)),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&h), [(true, Epoch(1))]);
    h.hold(0, "journal");
    h.run(700);
    assert_eq!(told(&h), [(true, Epoch(1)), (false, Epoch(1))]);
    h.free(0);
    h.run(200);
    assert_eq!(told(&h).len(), 3);
}

#[test]
fn loads_snapshots_and_collections_are_told() {
    let mut h = warm();
    for change in 9..30 {
        h.commit(0, change..change + 1);
        h.run(50);
    }
    h.run(300);
    tell(&mut h, 1, Mode::HotStandby);
    h.run(200);
    let loaded = |e: &Event| matches!(e, Event::StateLoaded { seq, .. } if seq.0 == h.truth.pos);
    assert!(h.seats[1].events.iter().any(loaded));
    let noted = |words: &str| {
        let said = |e: &Event| matches!(e, Event::Note(note) if note.contains(words));
        h.seats[0].events.iter().any(said)
    };
    assert!(noted("snapshot written at slot") && noted("collected up to slot"));
}

#[test]
fn the_planes_time_goes_on_while_there_is_a_leader() {
    let mut h = Hand::plane(1);
    h.input(0, Input::Wall(1_000_000));
    h.commit(0, 1..2);
    let first = h.seats[0].node.view().time_ms;
    h.run(395);
    h.commit(0, 2..3);
    assert_eq!(h.seats[0].node.view().time_ms, first + 400);
    h.run(200);
    let record = String::from_utf8(h.store.objects["nodes/n0"].to_vec()).unwrap();
    let shown = record
        .split_once("\"localTimestamp\":")
        .expect("its wall clock")
        .1;
    let shown: u64 = shown.split(',').next().unwrap().parse().unwrap();
    assert!((1_000_500..=1_000_700).contains(&shown), "{shown}");
}
