//! Who may act: one rule after the other, each shown by the shortest schedule that makes two act without it.
//!
//! Leases of 600 ms less 120 of grace, clocks that may differ by 10 %: who waits for a lease waits 734 ms of its own.

use std::time::Duration;

use ha_proto::{Input, Kind, Mode, Role, StoreReply};
use ha_sim::hand::{Hand, kinds};

const WAIT: u64 = 734;

/// n0 leads, may act and sleeps; n1 has taken over. Says when n1 learnt of its own takeover.
fn succeeded(h: &mut Hand) -> u64 {
    h.sleep(0);
    h.suspect(1, 0);
    h.run(5);
    assert_eq!(h.role(1), Role::Master);
    h.ms - 5
}

fn may_act_after(h: &mut Hand, i: usize, since: u64, least: u64) {
    while h.ms < since + least - 10 {
        h.run(5);
        assert!(!h.may_act(i), "it acts after {} ms", h.ms - since);
    }
    h.run(200);
    assert!(h.may_act(i), "and it does act in the end");
}

/// Full needs proof that its last holder has stopped: without better evidence, the end of its lease.
#[test]
fn a_successor_waits_for_the_lease_before_it_acts() {
    let mut h = Hand::plane(2);
    let since = succeeded(&mut h);
    h.propose(1, 1);
    h.run(10);
    assert_eq!(h.durable(1), 1, "it writes at once");
    may_act_after(&mut h, 1, since, WAIT);
}

/// Drift: who waits counts TTL (1+r)/(1-r) of its own clock, for the two clocks may differ by that much.
#[test]
fn a_successor_waits_longer_than_the_lease_because_clocks_differ() {
    let mut h = Hand::plane(2);
    let since = succeeded(&mut h);
    h.run(since + 700 - h.ms);
    assert!(!h.may_act(1), "600 ms of a slow clock may be 733 of a fast one");
}

/// Full is about the last holder of a Full, not the last leader: two short terms do not make two actors.
#[test]
fn a_short_term_in_between_proves_nothing_about_who_acted_before() {
    let mut h = Hand::plane(3);
    let since = succeeded(&mut h);
    h.run(350);
    // n1 leads without Full, is told to let go, and hands over: it has stopped, and that says nothing about n0.
    let now = h.now();
    h.seats[1].node.change_mode(now, Mode::Standby).unwrap();
    h.pump();
    h.run(150);
    assert_eq!(h.role(2), Role::Master, "{:?}", kinds(&h));
    may_act_after(&mut h, 2, since, WAIT);
}

/// A release ends its own epoch only.
#[test]
fn the_release_of_a_later_epoch_proves_nothing_about_an_earlier_holder() {
    let mut h = Hand::plane(2);
    let since = succeeded(&mut h);
    h.run(350);
    let now = h.now();
    h.seats[1].node.stop(now);
    h.run(100);
    assert!(h.truth.released);
    h.boot(1, Mode::Auto);
    h.run(300);
    assert_eq!(h.role(1), Role::Master);
    // The new process of n1 has seen the takeover later than the old one.
    assert!(!h.may_act(1));
    while h.ms < since + WAIT {
        h.run(5);
        assert!(!h.may_act(1));
    }
    h.run(600);
    assert!(h.may_act(1));
}

/// The holder's own Release or Handover is proof at once.
#[test]
fn who_is_handed_the_lead_acts_at_once() {
    let mut h = Hand::plane(2);
    let now = h.now();
    h.seats[0].node.change_mode(now, Mode::Standby).unwrap();
    h.pump();
    h.run(115);
    assert!(h.may_act(1), "{:?}", kinds(&h));
}

/// Receipt: the wait counts from when the takeover was received, not from when its create was sent.
#[test]
fn the_wait_counts_from_the_receipt_of_the_takeover() {
    let mut h = Hand::plane(2);
    h.hold(1, "create journal");
    h.suspect(1, 0);
    let first = h.take(1, "Takeover");
    // It dawdles; n0 reads on and on, and may act.
    h.run(150);
    assert!(h.may_act(0));
    h.sleep(0);
    let reply = h.land(&first.op);
    let landed = h.ms;
    h.answer(1, &first, reply);
    h.free(1);
    may_act_after(&mut h, 1, landed, WAIT);
}

/// A lease is read: it counts from when the read was sent, however late the answer comes.
#[test]
fn a_lease_counts_from_when_the_read_was_sent() {
    let mut h = Hand::plane(1);
    h.hold(0, "get journal");
    h.run(110);
    let read = h.take(0, "get journal");
    let sent = h.ms - 15;
    let reply = h.land(&read.op);
    h.run(150);
    h.answer(0, &read, reply);
    let until = h.seats[0]
        .node
        .act_authority(h.now())
        .expect("it may act")
        .until
        .as_millis();
    assert!(
        until <= sent + 15 + 480,
        "until {until}, and the read was sent at {sent}"
    );
    h.run(600);
    assert!(!h.may_act(0), "nothing was read since");
    assert_eq!(
        h.role(0),
        Role::Initializing,
        "and it does not call itself MASTER"
    );
    h.free(0);
    h.run(30);
    assert!(h.may_act(0), "a short outage is no failover");
}

/// First: an own entry proves as of its first sending, however often it was sent again.
#[test]
fn an_own_entry_proves_as_of_its_first_sending() {
    let mut h = Hand::plane(1);
    h.hold(0, "create journal");
    h.hold(0, "get journal");
    h.propose(0, 1);
    let first_sent = h.ms;
    let first = h.take(0, "Commit");
    assert_eq!(h.land(&first.op), StoreReply::Done);
    h.run(380);
    // The answer was lost; the same bytes again, and they are found there.
    h.seats[0].events.clear();
    let mut again = h.take(0, "create");
    while h.asks_for(0, "create") {
        again = h.take(0, "create");
    }
    assert_eq!(again.op, first.op);
    let reply = h.land(&again.op);
    assert_eq!(reply, StoreReply::Exists);
    h.answer(0, &again, reply);
    let read_back = h.take(0, "get journal");
    let reply = h.land(&read_back.op);
    h.answer(0, &read_back, reply);
    h.run(5);
    assert_eq!(h.durable(0), 1);
    let until = h.seats[0]
        .node
        .act_authority(h.now())
        .map_or(0, |a| a.until.as_millis());
    assert!(
        until <= first_sent + 480,
        "until {until}, and it was first sent at {first_sent}"
    );
}

/// Stop: work has ended before a Release or Handover is sent.
#[test]
fn nothing_is_handed_over_while_work_is_under_way() {
    let mut h = Hand::plane(2);
    let now = h.now();
    let act = h.seats[0].node.begin_act(now).expect("it may act");
    h.seats[0].node.stop(now);
    h.pump();
    h.run(200);
    assert!(!kinds(&h).contains(&Kind::Handover));
    assert!(!h.may_act(0), "no new work is begun meanwhile");
    let now = h.now();
    h.seats[0].node.end_act(now, act);
    h.pump();
    h.run(120);
    assert!(kinds(&h).contains(&Kind::Handover));
    assert!(h.may_act(1));
}

/// Resume: from the first sending of a Handover until the chain has decided it, its writer does not act, and no read renews.
#[test]
fn who_has_sent_a_handover_acts_no_more() {
    let mut h = Hand::plane(2);
    h.hold(0, "create journal");
    let now = h.now();
    h.seats[0].node.change_mode(now, Mode::HotStandby).unwrap();
    let handover = h.take(0, "Handover");
    assert!(!h.may_act(0));
    h.run(300);
    assert!(!h.may_act(0), "it is not decided");
    let reply = h.land(&handover.op);
    h.answer(0, &handover, reply);
    h.free(0);
    h.run(110);
    assert!(!h.may_act(0) && h.may_act(1));
}

/// Tied: a lease belongs to its Full. Leading again under a later epoch does not prolong what an earlier one allowed.
#[test]
fn a_later_epoch_of_the_same_node_prolongs_nothing() {
    let mut h = Hand::plane(2);
    let now = h.now();
    let act = h.seats[0].node.begin_act(now).expect("it may act");
    h.sleep(0);
    h.suspect(1, 0);
    h.run(5);
    // n0 wakes, reads that, and claims back while its work goes on.
    h.sleep(1);
    h.wake(0);
    h.run(120);
    h.suspect(0, 1);
    h.run(150);
    assert_eq!(h.role(0), Role::Master);
    assert!(!h.may_act(0), "the work of its earlier epoch is not over");
    h.run(2000);
    assert!(!h.may_act(0));
    let now = h.now();
    h.seats[0].node.end_act(now, act);
    h.pump();
    h.run(100);
    let authority = h.seats[0]
        .node
        .act_authority(h.now())
        .expect("the same process, and nothing is running");
    assert_eq!(authority.epoch, h.truth.epoch);
}

/// Death: an exit with nothing left running is proof; a refused connection is not.
#[test]
fn a_refused_connection_is_no_proof_of_death_and_an_exit_is() {
    let mut h = Hand::plane(2);
    let _since = succeeded(&mut h);
    h.run(500);
    assert!(
        !h.may_act(1),
        "it was suspected because its port refused connections"
    );
    let process = h.seats[0].node.process().clone();
    h.input(1, Input::Exited(process));
    h.run(10);
    assert!(h.may_act(1));
}

/// A process is not its successor: the exit of an earlier process of that node proves nothing about the one that holds Full.
#[test]
fn the_exit_of_an_earlier_process_proves_nothing() {
    let mut h = Hand::plane(2);
    let mut earlier = h.seats[0].node.process().clone();
    earlier.nonce = ha_proto::Nonce([1; 16]);
    let since = succeeded(&mut h);
    h.input(1, Input::Exited(earlier));
    may_act_after(&mut h, 1, since, WAIT);
}

/// A jump of the clock is the end of the lease, and what was sent before it proves nothing.
#[test]
fn a_jump_of_the_clock_ends_the_lease() {
    let mut h = Hand::plane(1);
    h.hold(0, "get journal");
    h.run(110);
    let read = h.take(0, "get journal");
    let reply = h.land(&read.op);
    h.run(5);
    h.input(0, Input::ClockJumped);
    assert!(!h.may_act(0));
    h.answer(0, &read, reply);
    h.pump();
    assert!(!h.may_act(0), "that read was sent before the jump");
    h.free(0);
    h.run(300);
    assert!(h.may_act(0));
}

/// Durable: nobody acts on a Full that is only on its way.
#[test]
fn nobody_acts_before_its_full_is_durable() {
    let mut h = Hand::new();
    h.held.push(String::from("Full"));
    h.boot(0, Mode::Auto);
    h.run(400);
    assert_eq!(h.role(0), Role::Master);
    assert!(!h.may_act(0));
    h.free(0);
    h.run(300);
    assert!(h.may_act(0));
}

/// A store that dawdles cannot keep a leader waiting beyond the end of its work: it hears of each request before that.
#[test]
fn a_request_is_given_up_before_the_lease_ends() {
    let mut h = Hand::plane(1);
    h.hold(0, "get journal");
    h.run(400);
    let until = h.seats[0].node.act_authority(h.now()).expect("it may act").until;
    let left = until.since(h.now());
    assert!(
        left.as_millis() < 200,
        "{left:?} are less than a request may take"
    );
    h.hold(0, "create journal");
    h.propose(0, 1);
    h.pump();
    let late = h.take(0, "create journal");
    assert!(late.within <= left, "{:?} of {left:?}", late.within);
    h.run(700);
    assert!(!h.may_act(0));
    let mut last = late;
    while h.asks_for(0, "create journal") {
        last = h.take(0, "create journal");
    }
    let longest = Duration::from_millis(200);
    assert_eq!(last.within, longest, "without a lease, as long as any");
}
