//! Who leads, and the owner of its state, which works by itself and may lag.

use ha_proto::{HostRequest, Input, Kind, Mode, Role};
use ha_sim::hand::{Hand, kinds};

fn tell(h: &mut Hand, i: usize, mode: Mode) {
    let now = h.now();
    h.seats[i].node.change_mode(now, mode).expect("it takes a mode");
    h.pump();
}

/// What a node asks the owner of its state to pass.
fn barriers(asked: &[HostRequest]) -> Vec<u64> {
    let barrier = |request: &HostRequest| match request {
        HostRequest::Barrier { id } => Some(*id),
        _ => None,
    };
    asked.iter().filter_map(barrier).collect()
}

/// The leader hands over to the other, and this is what that one asks the owner of its state, who does nothing of it.
fn hand_over(h: &mut Hand) -> Vec<HostRequest> {
    tell(h, 0, Mode::HotStandby);
    h.sleep(1);
    h.run(250);
    assert!(kinds(h).contains(&Kind::Handover));
    let mut asked = Vec::new();
    for _ in 0..100 {
        h.ms += 5;
        let now = h.now();
        h.seats[1].node.handle_timeout(now);
        for ask in std::mem::take(&mut h.seats[1].asks) {
            let reply = h.land(&ask.op);
            h.answer(1, &ask, reply);
        }
        asked.extend(h.serve_store(1));
    }
    asked
}

#[test]
fn who_is_named_leads_when_the_owner_of_its_state_has_restored_it_and_not_before() {
    let mut h = Hand::plane(1);
    h.commit(0, 1..9);
    h.boot(1, Mode::Standby);
    h.run(300);
    let asked = hand_over(&mut h);
    let load = asked.iter().find_map(|request| match request {
        HostRequest::Restore { load, .. } => Some(*load),
        _ => None,
    });
    let load = load.expect("its owner is asked to restore the state");
    assert_eq!(h.seats[1].node.write_authority(), None);
    let (now, result) = (h.now(), Ok(()));
    let node = &mut h.seats[1].node;
    node.handle_input(now, Input::Restored { load, result });
    assert_eq!(
        node.write_authority(),
        None,
        "it may not have applied what came after the snapshot"
    );
    let id = barriers(&h.serve_store(1))[0];
    let node = &mut h.seats[1].node;
    node.handle_input(now, Input::Barrier { id: id - 1 });
    assert_eq!(node.write_authority(), None);
    node.handle_input(now, Input::Barrier { id });
    assert!(node.write_authority().is_some());
}

#[test]
fn who_takes_over_hot_leads_when_the_owner_of_its_state_has_applied_all_and_not_before() {
    let mut h = Hand::plane(2);
    h.run(300);
    assert_eq!(h.role(1), Role::HotStandby);
    h.commit(0, 1..4);
    h.run(300);
    assert_eq!(h.seats[1].host.line.len, 3);
    let asked = barriers(&hand_over(&mut h));
    let [id] = asked[..] else {
        panic!("it asks once: {asked:?}");
    };
    let (now, node) = (h.now(), &mut h.seats[1].node);
    assert_eq!(
        (node.role(now), node.write_authority()),
        (Role::Initializing, None)
    );
    node.handle_input(now, Input::Barrier { id });
    assert!(node.write_authority().is_some());
}
