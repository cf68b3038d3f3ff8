//! The records of nodes: which are read when, what is said of bad ones, and another process that writes under the same id.

use ha_proto::{
    Event, Identity, Instant, Mode, Node, NodeId, NodeRecord, Nonce, Output, Pace, Role, StoreOp, StoreReply,
    StoreRequest,
};
use ha_sim::hand::{Hand, config};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

fn tell(h: &mut Hand, i: usize, mode: Mode) {
    let now = h.now();
    h.seats[i].node.change_mode(now, mode).expect("it takes a mode");
    h.pump();
}

/// So many nodes that look at all records once a second, and at those that matter once a poll.
fn looking_seldom(n: usize) -> Hand {
    let mut h = Hand::new();
    let pace = Pace {
        beat: 100 * MS,
        follower_beat: 100 * MS,
        look: 1000 * MS,
        follower_look: 1000 * MS,
    };
    let settings = config().pace(pace);
    h.config = settings.build().expect("these settings agree");
    for i in 0..n {
        h.boot(i, Mode::Auto);
        h.run(400);
    }
    h
}

/// Runs until just after its next look at all records.
fn look(h: &mut Hand, i: usize) {
    h.hold(i, "list nodes");
    while !h.asks_for(i, "list nodes") {
        h.run(5);
    }
    h.free(i);
}

#[test]
fn between_two_looks_a_follower_reads_its_leaders_record_alone() {
    let mut h = looking_seldom(3);
    look(&mut h, 1);
    h.hold(1, "get nodes");
    h.run(110);
    assert!(h.asks_for(1, "get nodes/n0") && !h.asks_for(1, "get nodes/n2"));
    h.free(1);
    look(&mut h, 0);
    h.hold(0, "get nodes");
    h.run(110);
    assert!(
        h.asks_for(0, "get nodes/n1") && h.asks_for(0, "get nodes/n2"),
        "a leader all"
    );
}

#[test]
fn looks_at_all_records_are_counted_and_those_at_some_are_not() {
    let mut h = looking_seldom(2);
    look(&mut h, 1);
    let before = h.seats[1].node.looks_at_all();
    h.run(300);
    assert_eq!(h.seats[1].node.looks_at_all(), before);
    look(&mut h, 1);
    assert_eq!(h.seats[1].node.looks_at_all(), before + 1);
}

#[test]
fn who_begins_again_looks_at_once() {
    let mut h = looking_seldom(2);
    tell(&mut h, 1, Mode::Disabled);
    h.run(100);
    look(&mut h, 1);
    h.run(20);
    tell(&mut h, 1, Mode::Auto);
    h.run(30);
    assert_eq!(h.role(1), Role::HotStandby);
}

#[test]
fn a_look_that_is_under_way_will_do_for_who_begins_again() {
    let mut h = looking_seldom(2);
    tell(&mut h, 1, Mode::Disabled);
    h.hold(1, "list nodes");
    while !h.asks_for(1, "list nodes") {
        h.run(5);
    }
    tell(&mut h, 1, Mode::Auto);
    h.run(20);
    assert_eq!(h.role(1), Role::Initializing, "and it waits for that");
    let list = h.take(1, "list nodes");
    let reply = h.land(&list.op);
    h.answer(1, &list, reply);
    h.run(30);
    assert!(!h.asks_for(1, "list nodes"));
    assert_eq!(h.role(1), Role::HotStandby);
}

#[test]
fn a_record_that_is_gone_when_it_is_read_is_forgotten() {
    let mut h = Hand::plane(2);
    let n1 = NodeId::new("n1").unwrap();
    assert!(h.seats[0].node.peers().contains_key(&n1));
    h.sleep(1);
    h.hold(0, "get nodes/n1");
    h.run(110);
    h.store.objects.remove("nodes/n1");
    let get = h.take(0, "get nodes/n1");
    let reply = h.land(&get.op);
    h.answer(0, &get, reply);
    assert!(!h.seats[0].node.peers().contains_key(&n1));
}

#[test]
fn what_is_wrong_with_a_record_is_said_once() {
    let mut h = Hand::plane(1);
    let skipped = |h: &Hand| {
        let says = |e: &&Event| matches!(e, Event::Warning(w) if w.contains("skipped"));
        h.seats[0].events.iter().filter(says).count()
    };
    h.store.objects.insert("nodes/n9".into(), (*b"{").into());
    h.run(1000);
    assert_eq!((skipped(&h), h.seats[0].node.bad_records().count()), (1, 1));
}

/// What a process writes as a node's record.
fn foreign(h: &Hand, i: usize, nonce: Nonce, beat: u64) -> std::sync::Arc<[u8]> {
    let own = &h.seats[i].node.process().nonce.to_string();
    let text = String::from_utf8(h.store.objects[&format!("nodes/n{i}")].to_vec()).expect("text");
    let (before, after) = text.split_once("\"beat\":").expect("a beat");
    let end = after.find([',', '}']).expect("an end");
    let text = format!("{before}\"beat\":{beat}{}", &after[end..]);
    assert!(text.contains(own), "{text}");
    text.replace(own, &nonce.to_string()).into_bytes().into()
}

/// Another process writes a node's record at every poll, by these nonces and beats; what the node itself writes does not come to lie there.
/// After how many milliseconds has it given up?
fn beside(h: &mut Hand, i: usize, writes: impl Iterator<Item = (Nonce, u64)>) -> Option<u64> {
    let key = format!("nodes/n{i}");
    let own = h.store.objects[&key].clone();
    let began = h.ms;
    for (nonce, beat) in writes {
        h.store.objects.insert(key.clone(), own.clone());
        let record = foreign(h, i, nonce, beat);
        h.store.objects.insert(key.clone(), record);
        h.hold(i, "put nodes");
        h.run(50);
        while h.asks_for(i, "put nodes") {
            let put = h.take(i, "put nodes");
            h.answer(i, &put, StoreReply::Done);
        }
        if h.role(i) == Role::Failed {
            return Some(h.ms - began);
        }
    }
    None
}

const LOWER: Nonce = Nonce([0; 16]);
const HIGHER: Nonce = Nonce([255; 16]);

#[test]
fn of_two_processes_the_one_with_the_lower_nonce_gives_the_other_time_to_stop() {
    let mut h = Hand::plane(2);
    let took = beside(&mut h, 1, (1..200).map(|beat| (LOWER, beat))).expect("it stops");
    assert!((900..1300).contains(&took), "{took}");
    let mut h = Hand::plane(2);
    let took = beside(&mut h, 1, (1..200).map(|beat| (HIGHER, beat))).expect("it stops as well");
    assert!((4500..5100).contains(&took), "{took}");
    assert!(
        h.seats[1]
            .node
            .failure()
            .is_some_and(|why| why.contains("another --nodeId"))
    );
    // Its record is the other's, and it does not wait to write a last one.
    let now = h.now();
    h.seats[1].node.stop(now);
    h.pump();
    assert!(h.seats[1].events.contains(&Event::Stopped));
}

#[test]
fn who_is_to_stop_stops_also_when_no_look_falls_on_that_moment() {
    let mut h = Hand::new();
    h.config = config().poll(70 * MS).build().unwrap();
    for i in 0..2 {
        h.boot(i, Mode::Auto);
        h.run(400);
    }
    let took = beside(&mut h, 1, (1..200).map(|beat| (LOWER, beat))).expect("it stops");
    assert!((900..1300).contains(&took), "{took}");
}

#[test]
fn a_leader_gives_another_process_of_its_id_time_to_stop_whatever_their_nonces() {
    let mut h = Hand::plane(1);
    let took = beside(&mut h, 0, (1..200).map(|beat| (LOWER, beat))).expect("it stops");
    assert!((4500..5100).contains(&took), "{took}");
}

/// A process of the leader's id, with a lower nonce than the leader's, that takes no part.
fn second_of_the_leaders_id() -> (Hand, Nonce) {
    let mut h = Hand::plane(1);
    let leader = h.seats[0].node.process().nonce;
    while h.seats[0].node.process().nonce >= leader {
        h.ms += 1;
        h.boot(0, Mode::HotBackup);
    }
    h.run(300);
    assert_eq!(h.role(0), Role::HotBackup);
    (h, leader)
}

#[test]
fn who_finds_that_the_leader_has_its_id_stops_first_whatever_their_nonces() {
    let (mut h, leader) = second_of_the_leaders_id();
    let took = beside(&mut h, 0, (1..200).map(|beat| (leader, beat))).expect("it stops");
    assert!((900..1300).contains(&took), "{took}");
}

#[test]
fn of_two_processes_of_which_a_third_led_the_one_with_the_lower_nonce_gives_time() {
    let (mut h, _) = second_of_the_leaders_id();
    let took = beside(&mut h, 0, (1..200).map(|beat| (HIGHER, beat))).expect("it stops");
    assert!((4500..5100).contains(&took), "{took}");
}

#[test]
fn what_the_process_before_had_sent_is_no_second_process_in_whatever_order_it_lands() {
    let mut h = Hand::plane(2);
    let same = (0..60).map(|_| (LOWER, 100));
    let falling = (0..60).map(|n| (LOWER, 99 - n));
    assert_eq!(beside(&mut h, 1, same.chain(falling)), None);
}

#[test]
fn a_second_process_that_is_replaced_by_a_third_is_waited_for_anew() {
    let mut h = Hand::plane(2);
    let second = (1..15).map(|beat| (LOWER, beat));
    let third = (1..200).map(|beat| (Nonce([1; 16]), beat));
    let took = beside(&mut h, 1, second.chain(third)).expect("it stops");
    assert!((14 * 50 + 900..14 * 50 + 1300).contains(&took), "{took}");
}

#[test]
fn who_stops_waits_for_its_last_record_no_longer_than_for_a_heartbeat() {
    let mut h = Hand::plane(2);
    h.hold(1, "put nodes");
    h.run(5);
    let now = h.now();
    h.seats[1].node.stop(now);
    h.pump();
    let stopped = h.ms;
    while !h.seats[1].events.contains(&Event::Stopped) {
        h.run(5);
        assert!(h.ms <= stopped + 210, "it waits for ever");
    }
    assert!(h.ms >= stopped + 95, "it does not wait");
    assert_eq!(h.role(1), Role::Terminated);
}

#[test]
fn a_record_says_up_to_which_level_its_node_reads_the_state_if_there_are_levels() {
    for level in [0, 2] {
        let id = NodeId::new("n1").unwrap();
        let identity = Identity {
            node: id.clone(),
            uri: String::new(),
            version: None,
            state_level: level,
            priority: 0,
            mode: Mode::Auto,
            clean: false,
            seed: [7; 32],
        };
        let mut node = Node::new(Instant::from_millis(0), identity, config().build().unwrap());
        let put = std::iter::from_fn(|| node.poll_output()).find_map(|output| match output {
            Output::Store(StoreRequest {
                op: StoreOp::Put { bytes, .. },
                ..
            }) => Some(bytes),
            _ => None,
        });
        let record = put.expect("it writes its record");
        assert_eq!(node.state_level(), level);
        assert_eq!(NodeRecord::parse(&id, &record).unwrap().state_level, level);
        let text = String::from_utf8(record.to_vec()).unwrap();
        assert_eq!(text.contains("stateLevel"), level > 0, "{text}");
    }
}
