//! Several clients at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::{Ground, Options, WITHIN, ok, uniform};
use crate::{ErrorKind, Store};

/// Of many that create one key at once, through several clients, exactly one succeeds; the others are told that it
/// exists; and everyone reads what the winner wrote.
pub async fn one_creator_wins(options: Options, open: &impl Fn() -> Arc<dyn Store>) {
    let Options {
        racers: count, keys, ..
    } = options;
    let ground = Ground::new("race");
    let clients = [open(), open()];
    let start = Arc::new(Barrier::new(count));
    let mut racers = JoinSet::new();
    for racer in 0..count {
        let (store, ground, start) = (
            Arc::clone(&clients[racer % 2]),
            ground.clone(),
            Arc::clone(&start),
        );
        racers.spawn(async move {
            let mut won = Vec::new();
            for number in 0..keys {
                let key = ground.key(&format!("{}/{number}", number % 3));
                start.wait().await;
                match store.create(&key, content(racer, number), WITHIN).await {
                    Ok(()) => won.push(number),
                    Err(error) if error.kind() == ErrorKind::Exists => {
                        // Whoever is told so can read it at once, and whole.
                        ok(store.get(&key, WITHIN).await, "a get of what exists");
                    }
                    Err(error) => panic!("a create in a race failed as {}: {error}", error.kind()),
                }
            }
            (racer, won)
        });
    }
    let mut winners = vec![None; keys];
    while let Some(ended) = racers.join_next().await {
        let (racer, won) = ended.expect("a racer does not panic");
        for number in won {
            let before = winners[number].replace(racer);
            assert_eq!(
                before, None,
                "two creators of one key were both told that they had succeeded"
            );
        }
    }
    for (number, winner) in winners.iter().enumerate() {
        let winner = winner.expect("someone is told that it has created a key that was absent");
        let key = ground.key(&format!("{}/{number}", number % 3));
        for client in &clients {
            let bytes = ok(client.get(&key, WITHIN).await, "a get");
            assert!(
                bytes == content(winner, number),
                "what is read is not what the winner wrote"
            );
        }
    }
    ground
        .clear(
            &*clients[0],
            (0..keys).map(|number| format!("{}/{number}", number % 3)),
        )
        .await;
}

/// While objects are created, a reader sees each whole or not at all.
pub async fn a_created_object_is_never_seen_torn(open: &impl Fn() -> Arc<dyn Store>) {
    const OBJECTS: usize = 30;
    const LEN: usize = 200_000;
    let (writer, reader) = (open(), open());
    let ground = Ground::new("whole");
    let of_writer = ground.clone();
    let writing = tokio::spawn(async move {
        for number in 0..OBJECTS {
            let key = of_writer.key(&number.to_string());
            ok(
                writer.create(&key, uniform(number as u8, LEN), WITHIN).await,
                "a create",
            );
        }
        writer
    });
    for number in 0..OBJECTS {
        let key = ground.key(&number.to_string());
        loop {
            match reader.get(&key, WITHIN).await {
                Ok(bytes) => {
                    assert!(
                        bytes == uniform(number as u8, LEN),
                        "a created object was seen torn"
                    );
                    break;
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    assert!(
                        !writing.is_finished() || reader.get(&key, WITHIN).await.is_ok(),
                        "the writer failed"
                    );
                    tokio::task::yield_now().await;
                }
                Err(error) => panic!("a get in a race failed as {}: {error}", error.kind()),
            }
        }
    }
    let writer = writing.await.expect("the writer does not panic");
    ground
        .clear(&*writer, (0..OBJECTS).map(|number| number.to_string()))
        .await;
}

/// While an object is replaced again and again by two clients, a reader always sees one of the versions, whole.
pub async fn a_put_is_never_seen_torn(open: &impl Fn() -> Arc<dyn Store>) {
    const READS: usize = 300;
    let ground = Ground::new("torn");
    let key = ground.key("x");
    let stop = Arc::new(AtomicBool::new(false));
    let first = open();
    ok(first.put(&key, uniform(0, 1), WITHIN).await, "a put");
    let mut writers = JoinSet::new();
    for (byte, len) in [(1, 100_000), (2, 70_000)] {
        let (store, key, stop) = (open(), key.clone(), Arc::clone(&stop));
        writers.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                ok(
                    store.put(&key, uniform(byte, len), WITHIN).await,
                    "a put in a race",
                );
                tokio::task::yield_now().await;
            }
        });
    }
    let reader = open();
    for _ in 0..READS {
        let bytes = ok(reader.get(&key, WITHIN).await, "a get of what is being replaced");
        let whole = [(0, 1), (1, 100_000), (2, 70_000)]
            .iter()
            .any(|&(byte, len)| bytes == uniform(byte, len));
        assert!(
            whole,
            "a reader saw {} bytes that nobody wrote as one object",
            bytes.len()
        );
        tokio::task::yield_now().await;
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = writers.join_next().await {
        ended.expect("a writer does not panic");
    }
    ground.clear(&*first, ["x"]).await;
}

fn content(racer: usize, number: usize) -> Bytes {
    format!("racer {racer} at {number}").repeat(50).into()
}
