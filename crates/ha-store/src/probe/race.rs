//! Creates at once.
//!
//! Two racers a key, on different clients, and many keys: a server that looks whether the object is there and then writes
//! it lets both of some pair through, and one that makes the losers of a key wait for each other is not held up.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::trial::{Created, Stop, Trial};

/// Of two that create one object at once, one succeeds; the other is told that it exists, and reads the winner's bytes,
/// as a third client does that has not been there.
pub(super) async fn one_winner(trial: &Arc<Trial>) -> Result<(), Stop> {
    let mut failed = None;
    for wave in 0..WAVES {
        let start = Arc::new(Barrier::new(KEYS * RACERS));
        let mut racers = JoinSet::new();
        for number in 0..KEYS {
            for racer in 0..RACERS {
                let (trial, start) = (trial.clone(), start.clone());
                racers.spawn(async move {
                    start.wait().await;
                    (number, racer, race(&trial, wave, number, racer).await)
                });
            }
        }
        let mut keys = vec![[None; RACERS]; KEYS];
        while let Some(ended) = racers.join_next().await {
            match ended.expect("a racer does not panic and is not cancelled") {
                (number, racer, Ok(said)) => keys[number][racer] = Some(said),
                (_, _, Err(Stop::Failed(error))) => failed = Some(error),
                (_, _, Err(lie)) => return Err(lie),
            }
        }
        let mut double = 0;
        for said in &keys {
            if said.iter().all(|said| *said == Some(Said::Won)) {
                double += 1;
            } else if said.iter().all(|said| *said == Some(Said::Lost)) {
                return Err(Stop::Lie(
                    "two creates of one new object raced, and each was told that it exists and read the other's bytes".to_owned(),
                ));
            }
        }
        if double > 0 {
            return Err(Stop::Lie(format!(
                "two creates of one new object raced, and both were told that they had created it; of {KEYS} such races this happened in {double}"
            )));
        }
        witness(trial, wave, &keys).await?;
    }
    failed.map_or(Ok(()), |error| Err(Stop::Failed(error)))
}

/// What a racer concludes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Said {
    Won,
    Lost,
}

async fn race(trial: &Trial, wave: usize, number: usize, racer: usize) -> Result<Said, Stop> {
    let key = trial.key(&format!("{wave}-{number}"));
    let own = content(trial, number, racer);
    if trial.create(racer, &key, &own).await? == Created::Yes {
        return Ok(Said::Won);
    }
    match trial.get(racer, &key).await? {
        // The answer to its first attempt was lost.
        Some(bytes) if bytes == own => Ok(Said::Won),
        Some(bytes) if bytes == content(trial, number, 1 - racer) => Ok(Said::Lost),
        Some(_) => Err(Stop::Lie(
            "two creates of one new object raced, and one of them was told that it exists and read bytes that nobody wrote"
                .to_owned(),
        )),
        None => Err(Stop::Lie(
            "two creates of one new object raced, and one of them was told that it exists, and its get after that found nothing"
                .to_owned(),
        )),
    }
}

/// A client that had no part in it reads what the winners wrote.
async fn witness(trial: &Arc<Trial>, wave: usize, keys: &[[Option<Said>; RACERS]]) -> Result<(), Stop> {
    let mut reads = JoinSet::new();
    for (number, said) in keys.iter().enumerate() {
        let Some(winner) = said.iter().position(|said| *said == Some(Said::Won)) else {
            // Who wrote it has no answer.
            continue;
        };
        let trial = trial.clone();
        reads.spawn(async move {
            let key = trial.key(&format!("{wave}-{number}"));
            let there = trial.get(RACERS, &key).await?;
            Ok(there.is_some_and(|bytes| bytes == content(&trial, number, winner)))
        });
    }
    let mut stop = Ok(());
    while let Some(ended) = reads.join_next().await {
        match ended.expect("a read does not panic and is not cancelled") {
            Ok(true) => {}
            Ok(false) => {
                return Err(Stop::Lie(
                    "two creates of one new object raced, one was told that it had created it, and a get by a third client did not find its bytes"
                        .to_owned(),
                ));
            }
            Err(error) => stop = Err(error),
        }
    }
    stop
}

fn content(trial: &Trial, number: usize, racer: usize) -> Bytes {
    trial.content(&format!("race {number} by racer {racer}"))
}

/// More would find a race hardly sooner; SeaweedFS lets those who lose one key wait for each other, a second each.
const RACERS: usize = 2;
/// Keys that are raced for at a time.
const KEYS: usize = 16;
/// Times. In the first, connections are still to be made, and the racers may start apart.
const WAVES: usize = 2;
