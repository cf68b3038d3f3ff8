//! Nodes that slept while the journal was collected, nodes that come late, and reads that see all that was acknowledged.

use std::time::Duration;

use ha_tests::{Clients, Counters, Ground, PATIENCE, wait_for};

/// Where these stories are played: on a directory, and on a bucket as a module of `bucket`.
const GROUND: Ground = Ground::of(module_path!());

#[test]
fn a_standby_that_slept_past_a_collection_comes_back_with_the_right_state() {
    let Some(plane) = GROUND.counters(3, 20) else {
        return;
    };
    assert_sleeps_past_collection(&plane, 2);
}

#[test]
fn a_master_that_slept_past_a_collection_comes_back_as_a_standby_with_the_right_state() {
    let Some(plane) = GROUND.counters(3, 20) else {
        return;
    };
    assert_sleeps_past_collection(&plane, 0);
}

#[track_caller]
fn assert_sleeps_past_collection(plane: &Counters, sleeper: usize) {
    plane.all[0].append("begin");
    plane.settle();
    let slept_at = plane.all[sleeper].status()["seq"]
        .as_u64()
        .expect("it tells where it stands");
    plane.all[sleeper].pause();
    let others: Vec<_> = (0..3).filter(|place| *place != sleeper).collect();
    let remotes: Vec<_> = others.iter().map(|place| plane.all[*place].remote()).collect();
    // As they write on, the slots that the sleeper would read next are collected.
    let clients = Clients::at_work(4, &remotes);
    clients.commit_more(500);
    wait_for(
        PATIENCE,
        "the journal is collected beyond where the sleeper stands",
        || clients.committed() >= 500 && (1..=3).all(|ahead| !is_there(plane, slept_at + ahead)),
    );
    plane.all[sleeper].resume();
    wait_for(PATIENCE, "the sleeper follows", || {
        plane.all[sleeper].is("HOT_STANDBY")
    });
    let history = clients.end();
    plane.settle();
    let values = plane.all[sleeper].values();
    assert_eq!(values.first().map(String::as_str), Some("begin"));
    history.assert_agrees_with(&values[1..]);
    let new = plane.all[plane.master()].values();
    assert_eq!(new, values);
}

/// Whether a slot is there that is not kept for ever.
fn is_there(plane: &Counters, slot: u64) -> bool {
    let key = ha_core::proto::layout::entry_key(ha_core::Seq(slot));
    let bytes = plane.objects().read(&key);
    let header = bytes.and_then(|bytes| ha_core::proto::RawEntry::peek(&bytes));
    header.is_some_and(|header| !header.kind.is_fence())
}

#[test]
fn a_node_that_comes_late_begins_from_a_snapshot() {
    let Some(plane) = GROUND.counters(1, 20) else {
        return;
    };
    let clients = plane.clients(4);
    clients.commit_more(300);
    wait_for(PATIENCE, "the journal has been collected", || {
        clients.commit_more(1);
        let commits = plane.objects().entries().len();
        commits > 0 && (2..30).any(|slot| !plane.objects().entries().contains_key(&ha_core::Seq(slot)))
    });
    let late = plane.launch("late", 20).start();
    late.becomes("HOT_STANDBY");
    let history = clients.end();
    history.assert_agrees_with(&late.values());
    assert_eq!(late.values(), plane.all[0].values());
    assert!(late.log().contains("state loaded"), "{}", late.log());
}

#[test]
fn a_linearizable_read_on_a_hot_standby_sees_every_write_that_was_acknowledged_before() {
    let Some(plane) = GROUND.counters(2, 30) else {
        return;
    };
    let standby = &plane.all[1];
    for round in 0..60 {
        let value = format!("v{round}");
        let seq = plane.all[0].append(&value);
        let answer = standby.call("read");
        assert!(answer["error"].is_null(), "{answer}");
        assert_eq!(
            answer["values"].as_array().unwrap().last().unwrap(),
            value.as_str(),
            "slot {seq}"
        );
        assert!(answer["seq"].as_u64().unwrap() >= seq);
    }
    // A warm standby has no state to read; it says so.
    assert!(standby.call("mode STANDBY")["error"].is_null());
    assert!(
        standby.call("read")["error"]
            .as_str()
            .unwrap()
            .contains("keeps no state")
    );
    assert!(standby.call("mode HOT_STANDBY")["error"].is_null());
    assert_eq!(standby.values().len(), 60);
}

#[test]
fn an_idle_plane_adds_no_object_to_its_store() {
    let Some(plane) = GROUND.counters(2, 20) else {
        return;
    };
    plane.all[0].append("one");
    plane.settle();
    wait_for(PATIENCE, "the master may act", || {
        plane.all[0].status()["may_act"] == true
    });
    let before = (plane.objects().entries(), plane.objects().count());
    // Thirty polls.
    let until = std::time::Instant::now() + Duration::from_millis(1_500);
    while std::time::Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    let after = (plane.objects().entries(), plane.objects().count());
    assert_eq!(after, before);
    assert!(plane.all[0].is("MASTER") && plane.all[1].is("HOT_STANDBY"));
}

#[test]
fn nothing_grows_over_hundreds_of_handovers_and_bursts() {
    let Some(plane) = GROUND.counters(2, 20) else {
        return;
    };
    let mut master = 0;
    let mut count = 0;
    let mut burst = |master: usize| {
        let node = &plane.all[master];
        let answers: Vec<_> = (0..10)
            .map(|_| {
                count += 1;
                node.ask(&format!("append {count}")).expect("it runs")
            })
            .collect();
        let committed = answers
            .iter()
            .filter(|answer| answer.within(Duration::from_secs(5)).unwrap_or_default()["committed"].is_u64());
        committed.count()
    };
    let mut committed = 0;
    let mut turn = |times: usize| {
        for _ in 0..times {
            committed += burst(master);
            let told = plane.all[master].call("mode HOT_STANDBY");
            assert!(told["error"].is_null(), "{told}");
            plane.all[1 - master].becomes("MASTER");
            master = 1 - master;
        }
    };
    let size = || {
        plane
            .all
            .iter()
            .map(|node| (node.count_of("fd"), node.count_of("task"), node.resident_kib()))
            .collect::<Vec<_>>()
    };
    turn(20);
    let before = size();
    turn(180);
    let after = size();
    for ((fds, threads, kib), (fds_after, threads_after, kib_after)) in before.into_iter().zip(after) {
        // Requests under way hold a few; threads of the store begin as they are needed, and are sixteen at most.
        assert!(fds_after <= fds + 24, "{fds} descriptors became {fds_after}");
        assert!(
            threads_after <= threads.max(20) + 2,
            "{threads} threads became {threads_after}"
        );
        assert!(kib_after <= kib + 8_192, "{kib} KiB became {kib_after}");
    }
    // A term that lasts brings the collection to its end. Fences stay, one for each epoch; of all else there is no more than there was.
    let master = &plane.all[plane.settle()];
    let epochs = usize::try_from(master.epoch()).unwrap();
    wait_for(PATIENCE, "the journal is collected but for its fences", || {
        master.append("more");
        plane.objects().count() <= epochs + 100
    });
    assert!(committed > 1_000, "{committed} of 2000 writes were committed");
}
