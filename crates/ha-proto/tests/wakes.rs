//! When a node wants to be called: what it owes at a moment it does at that moment, with nobody to call it earlier.

use ha_proto::{Event, Mode, Role};
use ha_sim::hand::{Hand, kinds};

/// Lets a node sleep until the moment that it asks for, again and again, until something holds. When that was, in milliseconds, rounded up.
fn sleeps_until(h: &mut Hand, i: usize, what: &str, holds: impl Fn(&Hand) -> bool) -> u64 {
    for _ in 0..1000 {
        let at = h.seats[i].node.poll_timeout().expect("it wants to be called");
        h.ms = h.ms.max(at.as_nanos().div_ceil(1_000_000));
        let now = h.now();
        h.seats[i].node.handle_timeout(now);
        h.pump();
        if holds(h) {
            return h.ms;
        }
    }
    panic!("waited in vain: {what}");
}

fn said(h: &Hand, i: usize, event: impl Fn(&Event) -> bool) -> bool {
    h.seats[i].events.iter().any(event)
}

#[test]
fn a_leader_wakes_for_the_end_of_its_leave_and_of_its_lease() {
    let mut h = Hand::plane(1);
    h.hold(0, "journal");
    h.hold(0, "nodes");
    h.run(7);
    let may = h.seats[0].node.act_authority(h.now()).expect("it may act").until;
    let end = h.seats[0].node.role_holds_until().expect("it leads");
    let at = sleeps_until(&mut h, 0, "no leave", |h| {
        said(h, 0, |e| matches!(e, Event::FullLost(_)))
    });
    assert_eq!(at, may.as_millis());
    let at = sleeps_until(&mut h, 0, "no lease", |h| h.role(0) == Role::Initializing);
    assert_eq!(at, end.as_millis());
}

#[test]
fn a_successor_wakes_when_the_lease_before_it_has_ended() {
    let mut h = Hand::plane(2);
    h.sleep(0);
    h.run(3);
    h.suspect(1, 0);
    let since = h.ms;
    assert!(kinds(&h).len() > 3, "it has taken over");
    let at = sleeps_until(&mut h, 1, "leave to act", |h| {
        said(h, 1, |e| matches!(e, Event::FullGained(_)))
    });
    // 600 ms by clocks that differ by a tenth: 600 * 1.1 / 0.9.
    assert_eq!(at, since + 734);
}

#[test]
fn a_leader_wakes_when_nobody_more_is_waited_for() {
    let mut h = Hand::plane(1);
    h.hold(0, "create journal");
    h.propose(0, 1);
    h.run(40);
    h.propose(0, 2);
    h.free(0);
    // The first took 40 ms: whom it has answered may join the second for a quarter of that.
    let (decided, pos) = (h.ms, h.truth.pos);
    let at = sleeps_until(&mut h, 0, "the second entry", |h| h.truth.pos > pos);
    assert_eq!(at, decided + 10);
}

#[test]
fn who_cannot_let_go_wakes_to_say_so() {
    let mut h = Hand::plane(2);
    h.run(3);
    let now = h.now();
    h.seats[0].node.begin_act(now).unwrap();
    h.seats[0].node.change_mode(now, Mode::HotStandby).unwrap();
    h.pump();
    let at = sleeps_until(&mut h, 0, "the change is given up", |h| {
        said(
            h,
            0,
            |e| matches!(e, Event::Warning(w) if w.contains("acts are still under way")),
        )
    });
    assert_eq!(at, now.as_millis() + 600);
    assert_eq!(
        h.role(0),
        Role::Initializing,
        "its lease was not renewed meanwhile"
    );
    h.run(150);
    assert_eq!(h.role(0), Role::Master, "it leads on");
    assert_eq!(h.seats[0].node.mode(), Mode::Auto);
}

#[test]
fn who_has_to_stop_does_not_wait_for_an_act_for_ever() {
    let mut h = Hand::plane(2);
    h.run(3);
    let now = h.now();
    h.seats[0].node.begin_act(now).unwrap();
    h.seats[0].node.stop(now);
    h.pump();
    let at = sleeps_until(&mut h, 0, "it stops", |h| {
        said(
            h,
            0,
            |e| matches!(e, Event::Warning(w) if w.contains("stopping without a release")),
        )
    });
    assert_eq!(at, now.as_millis() + 600);
    assert_eq!(h.role(0), Role::Terminated);
}

#[test]
fn who_starts_as_master_wakes_when_the_last_one_has_been_silent_long_enough() {
    let mut h = Hand::plane(1);
    h.run(3);
    h.sleep(0);
    h.run(1000);
    h.boot(1, Mode::Master);
    let began = h.ms;
    let at = sleeps_until(&mut h, 1, "it goes on", |h| !h.seats[1].node.in_transition());
    assert_eq!(at, began + 301);
}

#[test]
fn who_has_failed_wakes_for_its_next_try() {
    let mut h = Hand::plane(2);
    h.run(3);
    // The journal has a hole.
    let last = h.truth.pos;
    let (junk, _) = h.forge(
        0,
        last + 2,
        1,
        ha_proto::Digest([7; 32]),
        &ha_sim::hand::commit_of(1),
    );
    h.land(&junk);
    h.boot(1, Mode::HotStandby);
    for n in 0..200 {
        h.run(5);
        if h.role(1) == Role::Failed || n == 199 {
            break;
        }
    }
    assert_eq!(h.role(1), Role::Failed);
    let failed = h.ms;
    h.seats[1].events.clear();
    let at = sleeps_until(&mut h, 1, "it tries again", |h| {
        said(h, 1, |e| {
            matches!(
                e,
                Event::RoleChanged {
                    from: Role::Failed,
                    ..
                }
            )
        })
    });
    assert!(
        at <= failed + 100 && at > failed,
        "{at}, and it failed at {failed} ms"
    );
    h.store
        .objects
        .remove(&ha_proto::layout::entry_key(ha_proto::Seq(last + 2)));
    h.run(600);
    assert_eq!(h.role(1), Role::HotStandby);
}
