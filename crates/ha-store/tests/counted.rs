//! What is counted.

use std::time::Duration;

use ha_store::{
    Counted, ErrorKind, Fault, Faulty, Folder, Key, MemoryStore, Operation, OperationCounts, Rule, Store,
};

const WITHIN: Duration = Duration::from_secs(5);

#[tokio::test(start_paused = true)]
async fn calls_failures_bytes_and_latencies_by_operation() {
    let faulty = Faulty::new(MemoryStore::new(), 1);
    faulty.add(
        Rule::new(Fault::delay(Duration::from_millis(10)))
            .on(Operation::Get)
            .times(1),
    );
    faulty.add(
        Rule::new(Fault::delay(Duration::from_millis(30)))
            .on(Operation::Get)
            .skip(1),
    );
    faulty.add(Rule::new(Fault::Unavailable).on(Operation::Put).times(1));
    let store = Counted::new(faulty);
    assert_eq!(store.counts(), Default::default());

    let key = Key::new("a/x").unwrap();
    store.create(&key, "12345".into(), WITHIN).await.unwrap();
    assert_eq!(
        store
            .create(&key, "12345".into(), WITHIN)
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::Exists
    );
    store.put(&key, "123".into(), WITHIN).await.unwrap_err();
    store.put(&key, "1234".into(), WITHIN).await.unwrap();
    store.get(&key, WITHIN).await.unwrap();
    store.get(&Key::new("a/y").unwrap(), WITHIN).await.unwrap_err();
    store.get_range(&key, 1..3, WITHIN).await.unwrap();
    store.list(&Folder::root(), WITHIN).await.unwrap();
    store.delete(&key, WITHIN).await.unwrap();

    let counts = store.counts();
    let of = |operation| {
        let OperationCounts {
            calls,
            failures,
            bytes,
            ..
        } = counts.of(operation);
        (calls, failures, bytes)
    };
    assert_eq!(
        Operation::ALL.map(of),
        [(2, 0, 5), (2, 1, 4), (2, 0, 4), (1, 0, 2), (1, 0, 0), (1, 0, 0)]
    );
    assert_eq!(counts.calls(), 9);
    let get = counts.of(Operation::Get);
    assert_eq!(get.latency_last, Duration::from_millis(30));
    assert_eq!(get.latency_total, Duration::from_millis(40));
}
