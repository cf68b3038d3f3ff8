//! What operators and applications ask of a node, and when they are refused.

use std::sync::Arc;

use ha_proto::{
    ChangeModeError, Epoch, Event, Kind, Mode, NotApplied, Resolution, Role, Seq, Ticket, WriteId,
};
use ha_sim::hand::{Hand, config, kinds};

/// The same change, in so many bytes.
fn change(bytes: usize) -> Arc<[u8]> {
    ha_sim::change(1, &vec![0; bytes - 8])
}

/// Asks for a mode, and lets the answers come that are not held.
fn tell(h: &mut Hand, i: usize, mode: Mode) -> Result<(), ChangeModeError> {
    let now = h.now();
    let told = h.seats[i].node.change_mode(now, mode);
    h.pump();
    told
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

#[test]
fn a_priority_is_set_published_at_once_and_answered_by_the_one_before() {
    let mut h = Hand::plane(1);
    let now = h.now();
    assert_eq!(h.seats[0].node.priority(), 10);
    assert_eq!(h.seats[0].node.set_priority(now, 7), 10);
    assert_eq!(h.seats[0].node.set_priority(now, -3), 7);
    h.pump();
    let record = String::from_utf8(h.store.objects["nodes/n0"].to_vec()).unwrap();
    assert!(record.contains("\"priority\":-3"), "{record}");
}

#[test]
fn a_second_change_waits_for_the_end_of_the_first() {
    let mut h = Hand::plane(2);
    let now = h.now();
    let act = h.seats[0].node.begin_act(now).unwrap();
    tell(&mut h, 0, Mode::HotStandby).unwrap();
    assert_eq!(tell(&mut h, 0, Mode::Standby), Err(ChangeModeError::Busy));
    let now = h.now();
    h.seats[0].node.end_act(now, act);
    h.run(300);
    assert_eq!(settled(&h, 0), [Mode::HotStandby]);
    assert_eq!(tell(&mut h, 0, Mode::Standby), Ok(()));
}

#[test]
fn a_change_to_a_mode_whose_state_is_being_loaded_is_under_way_too() {
    let mut h = Hand::plane(1);
    h.commit(0, 1..9);
    h.boot(1, Mode::Standby);
    h.run(300);
    h.hold(1, "get parts");
    tell(&mut h, 1, Mode::HotStandby).unwrap();
    h.run(50);
    assert!(h.seats[1].node.awaits_rebind() && !h.seats[1].node.in_transition());
    assert_eq!(tell(&mut h, 1, Mode::Standby), Err(ChangeModeError::Busy));
}

#[test]
fn a_wish_to_lead_may_be_replaced_while_it_waits_for_the_leader() {
    let mut h = Hand::plane(2);
    let now = h.now();
    let act = h.seats[0].node.begin_act(now).unwrap();
    tell(&mut h, 1, Mode::Master).unwrap();
    h.run(150);
    assert_eq!(settled(&h, 1), []);
    assert_eq!(tell(&mut h, 1, Mode::HotBackup), Ok(()));
    h.run(150);
    let now = h.now();
    h.seats[0].node.end_act(now, act);
    h.run(900);
    assert_eq!(settled(&h, 1), [Mode::HotBackup]);
    assert_eq!(h.role(1), Role::HotBackup);
}

#[test]
fn a_node_that_starts_takes_another_mode_at_once() {
    let mut h = Hand::new();
    h.held.push(String::from("list snapshot"));
    h.boot(0, Mode::Auto);
    assert!(h.seats[0].node.in_transition());
    assert_eq!(tell(&mut h, 0, Mode::HotBackup), Ok(()));
}

#[test]
fn a_node_that_is_told_to_stop_takes_no_mode() {
    let mut h = Hand::plane(2);
    let now = h.now();
    let act = h.seats[0].node.begin_act(now).unwrap();
    h.seats[0].node.stop(now);
    h.pump();
    assert_eq!(
        tell(&mut h, 0, Mode::Auto),
        Err(ChangeModeError::Stopping),
        "it waits for the act"
    );
    let now = h.now();
    h.seats[0].node.end_act(now, act);
    h.run(300);
    assert!(h.seats[0].events.contains(&Event::Stopped));
    assert_eq!(tell(&mut h, 0, Mode::Auto), Err(ChangeModeError::Stopping));
}

#[test]
fn a_node_that_was_refused_takes_no_mode_and_one_that_was_disabled_does() {
    let mut h = Hand::plane(2);
    tell(&mut h, 1, Mode::Disabled).unwrap();
    assert_eq!((h.role(1), settled(&h, 1)), (Role::Failed, vec![Mode::Disabled]));
    assert_eq!(tell(&mut h, 1, Mode::Auto), Ok(()));
    h.run(300);
    assert_eq!(h.role(1), Role::HotStandby);
    h.boot(2, Mode::Master);
    h.run(300);
    let said = h.seats[2].node.failure().unwrap().to_string();
    assert!(said.contains("Master already exists"), "{said}");
    assert_eq!(tell(&mut h, 2, Mode::Auto), Err(ChangeModeError::FailedForGood));
}

#[test]
fn a_start_is_complete_when_what_its_mode_demands_has_come_about() {
    let mut h = Hand::new();
    h.held.push(String::from("list snapshot"));
    h.boot(0, Mode::Auto);
    assert!(!h.seats[0].node.has_started(), "it knows nothing yet");
    h.free(0);
    h.run(400);
    assert!(h.seats[0].node.has_started());
    let mut h = Hand::new();
    h.held.push(String::from("create journal"));
    h.boot(0, Mode::Master);
    h.run(100);
    assert!(
        !h.seats[0].node.in_transition(),
        "it looks for the plane it is to lead"
    );
    assert!(
        !h.seats[0].node.has_started(),
        "it was told to lead, and does not"
    );
    h.free(0);
    h.run(400);
    assert!(h.seats[0].node.has_started());
}

#[test]
fn a_change_larger_than_an_entry_is_refused() {
    let mut h = Hand::new();
    h.config = config().batch_bytes(100).build().unwrap();
    h.boot(0, Mode::Auto);
    h.run(400);
    let now = h.now();
    assert!(h.seats[0].node.propose(now, change(100)).is_ok());
    assert_eq!(
        h.seats[0].node.propose(now, change(101)),
        Err(NotApplied::TooLarge)
    );
}

#[test]
fn what_waits_is_bounded() {
    let mut h = Hand::new();
    // Four changes of fifty bytes, each with its length.
    h.config = config().batch_bytes(100).queue_bytes(4 * 58).build().unwrap();
    h.boot(0, Mode::Auto);
    h.run(400);
    h.hold(0, "create journal");
    let now = h.now();
    let mut propose = || h.seats[0].node.propose(now, change(50));
    assert!(propose().is_ok(), "this one is on its way");
    for _ in 0..4 {
        assert!(propose().is_ok());
    }
    assert_eq!(propose(), Err(NotApplied::Overloaded));
}

#[test]
fn a_proposal_that_waits_can_be_taken_back_and_one_on_its_way_cannot() {
    let mut h = Hand::plane(1);
    h.hold(0, "create journal");
    let now = h.now();
    let mut propose = || h.seats[0].node.propose(now, change(8)).unwrap();
    let (sent, waits) = (propose(), propose());
    assert!(!h.seats[0].node.withdraw(sent));
    assert!(h.seats[0].node.withdraw(waits));
    h.free(0);
    h.run(200);
    let durable = |ticket: Ticket| {
        let said = |e: &Event| matches!(e, Event::Durable { tickets, .. } if (tickets.first..=tickets.last).contains(&ticket));
        h.seats[0].events.iter().any(said)
    };
    assert!(durable(sent) && !durable(waits));
}

#[test]
fn each_read_is_answered_under_its_own_number() {
    let mut h = Hand::plane(1);
    let now = h.now();
    let (one, two) = (h.seats[0].node.read(now), h.seats[0].node.read(now));
    assert_ne!(one, two);
    h.run(200);
    let answered = h.seats[0].events.iter().filter_map(|e| match e {
        Event::ReadReady { read, .. } => Some(*read),
        _ => None,
    });
    assert_eq!(answered.collect::<Vec<_>>(), [one, two]);
}

#[test]
fn the_records_of_others_can_be_cleared_and_the_own_cannot() {
    let mut h = Hand::plane(2);
    h.sleep(1);
    let ids = [0, 1].map(|i| h.seats[i].node.process().node.clone());
    h.run(150);
    let now = h.now();
    h.seats[0].node.forget_nodes(now, &ids);
    assert!(h.seats[0].node.peers().is_empty());
    h.pump();
    let left: Vec<_> = h
        .store
        .objects
        .keys()
        .filter(|k| k.starts_with("nodes/"))
        .collect();
    assert_eq!(left, ["nodes/n0"]);
}

/// The first write that a node has sent, as its caller knows it.
fn sent(h: &Hand, i: usize) -> (Epoch, Seq, WriteId) {
    let events = h.seats[i].events.iter();
    let mut found = events.filter_map(|e| match e {
        Event::Sent {
            write_id,
            epoch,
            slot,
            ..
        } => Some((*epoch, *slot, *write_id)),
        _ => None,
    });
    found.next().expect("it has sent something")
}

fn resolve(h: &Hand, i: usize, (epoch, slot, write_id): (Epoch, Seq, WriteId)) -> Resolution {
    h.seats[i].node.resolve(epoch, slot, write_id)
}

#[test]
fn a_write_whose_outcome_is_unknown_is_resolved_by_the_chain() {
    let mut h = Hand::plane(3);
    h.hold(0, "create journal");
    h.propose(0, 1);
    let lost = sent(&h, 0);
    assert_eq!(resolve(&h, 0, lost), Resolution::Undecided, "it is on its way");
    assert_eq!(resolve(&h, 1, lost), Resolution::Undecided, "its epoch goes on");
    h.sleep(0);
    h.hold(2, "list snapshot");
    h.suspect(1, 0);
    h.run(150);
    assert_eq!(h.entry(lost.1.0).header.kind, Kind::Takeover);
    assert_eq!(
        resolve(&h, 1, lost),
        Resolution::NotApplied,
        "another has its slot"
    );
    assert!(h.seats[2].node.view().epoch > lost.0);
    assert_eq!(
        resolve(&h, 2, lost),
        Resolution::Undecided,
        "no listing knows that takeover yet"
    );
    h.free(2);
    h.run(50);
    assert_eq!(resolve(&h, 2, lost), Resolution::NotApplied);
    h.free(0);
    h.wake(0);
    h.run(300);
    assert_eq!(resolve(&h, 0, lost), Resolution::NotApplied);
}

#[test]
fn a_write_in_the_chain_is_committed_wherever_it_is_asked_for() {
    let mut h = Hand::plane(2);
    h.commit(0, 1..3);
    h.run(150);
    let first = sent(&h, 0);
    for i in 0..2 {
        assert_eq!(resolve(&h, i, first), Resolution::Committed(first.1));
    }
}

#[test]
fn what_the_chain_has_not_passed_is_undecided_and_what_lies_before_all_writes_is_forgotten() {
    let mut h = Hand::plane(1);
    h.commit(0, 1..3);
    let now = h.now();
    let pos = h.truth.pos;
    let unknown = WriteId([9; 16]);
    assert_eq!(
        resolve(&h, 0, (Epoch(2), Seq(pos + 1), unknown)),
        Resolution::Undecided,
        "it may come yet"
    );
    h.seats[0].node.change_mode(now, Mode::Standby).unwrap();
    h.run(900);
    assert!(kinds(&h).contains(&Kind::Release));
    let end = h.truth.pos;
    assert_eq!(h.seats[0].node.view().epoch, Epoch(1));
    for (slot, expected) in [
        (pos, Resolution::NotApplied),
        (end, Resolution::NotApplied),
        (end + 1, Resolution::Undecided),
        (0, Resolution::Forgotten),
    ] {
        assert_eq!(
            resolve(&h, 0, (Epoch(1), Seq(slot), unknown)),
            expected,
            "slot {slot}, and the term ended at {end}"
        );
    }
}
