//! Brooklyn's order of preference (`BasicMasterChooser`), line by line.

use ha_proto::{Candidate, Input, Mode, NodeId, Pace, Role, chooser};
use ha_sim::hand::{self, Hand};
use ha_sim::{MS, SEC, World};
use proptest::prelude::*;
use std::time::Duration;

fn node(id: &str, role: Role, priority: i64, version: Option<&str>) -> Candidate {
    Candidate::new(
        NodeId::new(id).expect("a good name"),
        role,
        priority,
        version.map(String::from),
    )
}

/// Best first, whatever the order in which they come.
fn order(nodes: &[Candidate], expected: &[&str]) {
    let ids = |ranked: Vec<Candidate>| ranked.iter().map(|c| c.node.to_string()).collect::<Vec<_>>();
    assert_eq!(ids(chooser::rank(nodes.iter().cloned())), expected);
    assert_eq!(ids(chooser::rank(nodes.iter().rev().cloned())), expected);
}

#[test]
fn priority_goes_before_everything_and_may_be_negative() {
    order(
        &[
            node("a", Role::Master, 0, Some("9")),
            node("b", Role::Standby, 1, None),
            node("c", Role::HotStandby, -1, Some("9")),
            node("d", Role::HotStandby, i64::MIN, Some("9")),
            node("e", Role::Standby, i64::MAX, Some("1-SNAPSHOT")),
        ],
        &["e", "b", "a", "c", "d"],
    );
}

#[test]
fn a_release_goes_before_a_snapshot_and_a_snapshot_before_no_version() {
    order(
        &[
            node("a", Role::Standby, 0, None),
            node("b", Role::Standby, 0, Some("2.0.0-SNAPSHOT")),
            node("c", Role::Standby, 0, Some("1.0.0")),
            node("d", Role::Standby, 0, Some("2.1.0-snapshot")),
        ],
        &["c", "d", "b", "a"],
    );
}

#[test]
fn numbers_in_versions_compare_as_numbers() {
    order(
        &[
            node("a", Role::Standby, 0, Some("1.9.0")),
            node("b", Role::Standby, 0, Some("1.10.0")),
            node("c", Role::Standby, 0, Some("1.10")),
            node("d", Role::Standby, 0, Some("1.2.0")),
            node("e", Role::Standby, 0, Some("10.0")),
            node("f", Role::Standby, 0, Some("184467440737095516160.1")),
            node("g", Role::Standby, 0, Some("x")),
        ],
        &["g", "f", "e", "b", "c", "a", "d"],
    );
}

#[test]
fn master_before_hot_before_warm_and_then_the_lowest_id() {
    order(
        &[
            node("a", Role::Standby, 0, Some("1")),
            node("z", Role::Master, 0, Some("1")),
            node("c", Role::HotStandby, 0, Some("1")),
            node("b", Role::HotStandby, 0, Some("1")),
            node("A", Role::HotStandby, 0, Some("1")),
        ],
        &["z", "A", "b", "c", "a"],
    );
}

#[test]
fn nobody_else_is_eligible() {
    for role in [
        Role::Initializing,
        Role::HotBackup,
        Role::Failed,
        Role::Terminated,
    ] {
        assert!(!chooser::is_eligible(role));
        order(
            &[node("a", role, 99, Some("1")), node("b", Role::Standby, 0, None)],
            &["b"],
        );
    }
    order(&[], &[]);
}

fn any_node() -> impl Strategy<Value = Candidate> {
    let role = prop::sample::select(vec![
        Role::Standby,
        Role::HotStandby,
        Role::Master,
        Role::HotBackup,
    ]);
    let version = prop::option::of("[0-9a-b.]{0,6}(-SNAPSHOT)?");
    ("[a-c][0-9]{1,2}", role, -2i64..3, version)
        .prop_map(|(id, role, priority, version)| node(&id, role, priority, version.as_deref()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Every node that ranks the same candidates comes to the same order.
    #[test]
    fn the_order_does_not_depend_on_who_asks(nodes in prop::collection::vec(any_node(), 0..8), turn in 0usize..8) {
        let mut nodes = nodes;
        nodes.sort_by(|a, b| a.node.cmp(&b.node));
        nodes.dedup_by(|a, b| a.node == b.node);
        let ranked = chooser::rank(nodes.clone());
        if !nodes.is_empty() {
            let by = turn % nodes.len();
            nodes.rotate_left(by);
        }
        prop_assert_eq!(chooser::rank(nodes), ranked.clone());
        prop_assert!(ranked.windows(2).all(|w| w[0].priority >= w[1].priority));
    }
}

#[test]
fn a_leader_that_stops_does_not_name_a_process_that_has_exited() {
    let mut w = World::quiet(7, &[Mode::Auto; 3]);
    w.start_all();
    w.until("all follow", SEC, |w| {
        w.masters().len() == 1 && !w.roles().contains(&Role::Initializing)
    });
    let first = w.master();
    let gone = w.members[first].live().process().clone();
    w.crash(first);
    for i in (0..3).filter(|i| *i != first) {
        w.input(i, Input::Exited(gone.clone()));
    }
    w.until("the next", 100 * MS, |w| w.masters().len() == 1);
    let second = w.master();
    w.stop(second);
    let third = 3 - first - second;
    w.until("the last, though the first's record looks alive", 200 * MS, |w| {
        w.masters() == [third]
    });
}

/// The look is as new as the order to go, though work takes longer to end than a look may.
#[test]
fn a_priority_that_was_set_a_moment_ago_counts_when_work_has_to_end_first() {
    let mut h = Hand::new();
    let ms = Duration::from_millis;
    let pace = Pace {
        beat: ms(2000),
        follower_beat: ms(2000),
        look: ms(2000),
        follower_look: ms(4000),
    };
    let config = hand::config()
        .pace(pace)
        .poll(ms(1000))
        .heartbeat_timeout(ms(5000))
        .lease_ttl(ms(4000))
        .request_timeout(ms(1000));
    h.config = config.build().expect("these settings agree");
    for i in 0..3 {
        h.boot(i, Mode::Auto);
        h.run(6000);
    }
    assert!(h.may_act(0));
    // Until it has just looked: the next time is two seconds away.
    h.hold(0, "list nodes");
    h.run(2500);
    h.free(0);
    h.run(50);
    let now = h.now();
    let act = h.seats[0].node.begin_act(now).expect("it may act");
    h.seats[2].node.set_priority(now, 50);
    h.pump();
    h.seats[0].node.stop(now);
    h.pump();
    h.run(1200);
    let now = h.now();
    h.seats[0].node.end_act(now, act);
    h.pump();
    h.run(2500);
    assert_eq!(h.role(2), Role::Master);
}
