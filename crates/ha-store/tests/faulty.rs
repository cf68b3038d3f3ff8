//! What a bad connection does to a call, under a clock that costs nothing.

// Clippy knows only of tests themselves that they may, and not of the functions that they share.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use ha_store::{Error, ErrorKind, Fault, Faulty, Folder, Key, MemoryStore, Operation, Rule, Store};
use tokio::time::{Instant, sleep};

const WITHIN: Duration = Duration::from_secs(5);
const MS: Duration = Duration::from_millis(1);

fn key() -> Key {
    Key::new("journal/1").unwrap()
}

/// A create through one fault: its error, how long it took, and whether the object is there at once.
async fn create_through(fault: Fault) -> (ErrorKind, Duration, bool, Faulty<MemoryStore>) {
    let store = Faulty::new(MemoryStore::new(), 7);
    store.add(Rule::new(fault).on(Operation::Create).times(1));
    let begun = Instant::now();
    let error: Error = store.create(&key(), "x".into(), WITHIN).await.unwrap_err();
    assert_eq!((error.key(), store.injected()), ("journal/1", 1));
    let there = store.inner().get(&key(), WITHIN).await.is_ok();
    (error.kind(), begun.elapsed(), there, store)
}

#[tokio::test(start_paused = true)]
async fn what_each_fault_does_to_a_create() {
    use ErrorKind::{Exists, OutcomeUnknown, Unavailable};
    let none = Duration::ZERO;
    let cases = [
        (Fault::Unavailable, Unavailable, none, false),
        (Fault::RequestLost { silent: true }, OutcomeUnknown, WITHIN, false),
        (Fault::RequestLost { silent: false }, OutcomeUnknown, none, false),
        (Fault::ReplyLost { silent: true }, OutcomeUnknown, WITHIN, true),
        (Fault::ReplyLost { silent: false }, OutcomeUnknown, none, true),
        (Fault::Late(7 * MS), OutcomeUnknown, none, false),
        (Fault::Duplicated, Exists, none, true),
    ];
    for (fault, kind, took, there) in cases {
        let (got_kind, got_took, got_there, store) = create_through(fault).await;
        assert_eq!((got_kind, got_took, got_there), (kind, took, there), "{fault:?}");
        // The rule is spent.
        let again = store.create(&key(), "y".into(), WITHIN).await;
        assert_eq!(again.is_ok(), !there, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_request_lands_after_its_caller_has_given_up() {
    let (_, _, there, store) = create_through(Fault::Late(7 * MS)).await;
    assert!(!there);
    sleep(8 * MS).await;
    assert_eq!(store.get(&key(), WITHIN).await.unwrap(), "x");
}

#[tokio::test(start_paused = true)]
async fn a_delay_beyond_the_deadline_makes_a_write_land_late_and_a_read_fail() {
    let store = Faulty::new(MemoryStore::new(), 7);
    store.add(Rule::new(Fault::delay(20 * MS)));
    let begun = Instant::now();
    let error = store.create(&key(), "x".into(), 5 * MS).await.unwrap_err();
    assert_eq!(
        (error.kind(), begun.elapsed()),
        (ErrorKind::OutcomeUnknown, 5 * MS)
    );
    assert_eq!(
        store.get(&key(), 5 * MS).await.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    assert!(store.inner().get(&key(), WITHIN).await.is_err());
    sleep(11 * MS).await;
    assert_eq!(store.get(&key(), 30 * MS).await.unwrap(), "x");
}

#[tokio::test(start_paused = true)]
async fn a_read_that_goes_wrong_is_unavailable() {
    for fault in [
        Fault::Unavailable,
        Fault::RequestLost { silent: true },
        Fault::ReplyLost { silent: true },
        Fault::ReplyLost { silent: false },
        Fault::Late(MS),
    ] {
        let store = Faulty::new(MemoryStore::new(), 7);
        store.create(&key(), "x".into(), WITHIN).await.unwrap();
        store.add(Rule::new(fault));
        let answers = [
            store.get(&key(), WITHIN).await.map(drop),
            store.get_range(&key(), 0..1, WITHIN).await.map(drop),
            store.list(&Folder::root(), WITHIN).await.map(drop),
        ];
        for answer in answers {
            assert_eq!(answer.unwrap_err().kind(), ErrorKind::Unavailable, "{fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rules_choose_by_operation_prefix_and_number() {
    let store = Faulty::new(MemoryStore::new(), 7);
    store.add(
        Rule::new(Fault::Unavailable)
            .on(Operation::Put)
            .under("nodes/")
            .skip(1)
            .times(2),
    );
    let mut failed = Vec::new();
    for number in 0..5 {
        for name in ["nodes/n1", "parts/p1"] {
            if store
                .put(&Key::new(name).unwrap(), "x".into(), WITHIN)
                .await
                .is_err()
            {
                failed.push((number, name));
            }
        }
        store.get(&Key::new("nodes/n1").unwrap(), WITHIN).await.unwrap();
    }
    assert_eq!(failed, [(1, "nodes/n1"), (2, "nodes/n1")]);
    store.add(Rule::new(Fault::Unavailable));
    assert!(store.get(&key(), WITHIN).await.unwrap_err().kind() == ErrorKind::Unavailable);
    store.clear();
    assert!(store.get(&key(), WITHIN).await.unwrap_err().kind() == ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_cut_loses_requests_and_replies_until_it_is_healed() {
    let store = Arc::new(Faulty::new(MemoryStore::new(), 7));
    store.add(Rule::new(Fault::delay(10 * MS)).on(Operation::Create));
    let under_way = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.create(&key(), "x".into(), WITHIN).await }
    });
    sleep(MS).await;
    store.cut();
    let begun = Instant::now();
    assert_eq!(
        store.get(&key(), WITHIN).await.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    assert_eq!(begun.elapsed(), WITHIN);
    let put = store
        .put(&Key::new("nodes/n1").unwrap(), "x".into(), WITHIN)
        .await;
    assert_eq!(put.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    assert_eq!(
        under_way.await.unwrap().unwrap_err().kind(),
        ErrorKind::OutcomeUnknown
    );
    store.heal();
    assert_eq!(
        store.get(&key(), WITHIN).await.unwrap(),
        "x",
        "the request had arrived before the cut"
    );
    assert!(store.get(&Key::new("nodes/n1").unwrap(), WITHIN).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn one_seed_gives_one_history() {
    async fn history(seed: u64) -> Vec<(bool, Duration)> {
        let store = Faulty::new(MemoryStore::new(), seed);
        store.add(Rule::new(Fault::Delay {
            p50: 60 * MS,
            p99: 300 * MS,
        }));
        store.add(Rule::new(Fault::Unavailable).per_mille(100));
        store.add(Rule::new(Fault::ReplyLost { silent: true }).per_mille(50));
        let mut history = Vec::new();
        for _ in 0..300 {
            let begun = Instant::now();
            let answer = store.put(&key(), "x".into(), Duration::from_secs(1)).await;
            history.push((answer.is_ok(), begun.elapsed()));
        }
        history
    }
    let first = history(42).await;
    assert_eq!(first, history(42).await);
    assert_ne!(first, history(43).await);
    let failed = first.iter().filter(|(ok, _)| !ok).count();
    assert!((20..80).contains(&failed), "{failed} of 300 failed");
}
