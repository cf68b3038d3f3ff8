//! One attempt at one check: calls that are repeated as the plane would, and that know what an answer proves.

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use super::Check;
use super::ground::Ground;
use crate::{Error, ErrorKind, Folder, Key, Operation};

/// Why an attempt came to an end before its time.
#[derive(Debug)]
pub(super) enum Stop {
    /// The store broke its word; what was seen.
    Lie(String),
    /// The store could not be asked.
    Failed(Error),
}

/// What a create led to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Created {
    Yes,
    Exists,
}

#[derive(Debug)]
pub(super) struct Trial {
    pub(super) ground: Arc<Ground>,
    check: Check,
    folder: Folder,
    /// A write has had no answer.
    unknown: AtomicBool,
    /// Something was replaced or deleted.
    changed: AtomicBool,
    /// Times are those of a race.
    raced: bool,
}

impl Trial {
    pub(super) fn new(ground: Arc<Ground>, check: Check, attempt: u32) -> Self {
        let folder = format!("{}/{}-{attempt}", ground.own(), check.name());
        Self {
            ground,
            check,
            folder: Folder::new(&folder).expect("the names of checks are names of folders"),
            unknown: AtomicBool::new(false),
            changed: AtomicBool::new(false),
            raced: check == Check::OneWinner,
        }
    }

    /// The folder of this attempt alone.
    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    pub(super) fn key(&self, name: &str) -> Key {
        Key::new(&format!("{}/{name}", self.folder)).expect("a folder of three parts takes a name")
    }

    /// Bytes that nobody else writes, and that show if they were cut or mixed.
    pub(super) fn content(&self, what: &str) -> Bytes {
        format!("{:016x} {} {what} ", self.ground.seed, self.check.name())
            .repeat(4)
            .into()
    }

    /// Whether a write that had no answer may explain what was seen: where only creates are made, one that lands late
    /// changes nothing, but a late delete or put, or a late create of what was deleted meanwhile, does.
    pub(super) fn proves_nothing(&self) -> bool {
        self.unknown.load(Ordering::SeqCst) && self.changed.load(Ordering::SeqCst)
    }

    /// Creates an object, again and again while the outcome is unknown.
    pub(super) async fn create(&self, client: usize, key: &Key, bytes: &Bytes) -> Result<Created, Stop> {
        self.ground.note(key);
        let store = self.ground.store(client);
        let created = self
            .call(Operation::Create, |within| {
                store.create(key, bytes.clone(), within)
            })
            .await;
        match created {
            Ok(()) => Ok(Created::Yes),
            Err(error) if error.kind() == ErrorKind::Exists => Ok(Created::Exists),
            Err(error) => Err(Stop::Failed(error)),
        }
    }

    /// Creates an object under a name that is new.
    pub(super) async fn create_new(&self, client: usize, key: &Key, bytes: &Bytes) -> Result<(), Stop> {
        if self.create(client, key, bytes).await? == Created::Yes {
            return Ok(());
        }
        // Its own first attempt may be what exists.
        match self.get(client, key).await? {
            Some(there) if there == bytes => Ok(()),
            Some(_) => Err(Stop::Lie(format!(
                "a create under a new name said that the object exists, and what a get found there was never written (`{key}`)"
            ))),
            None => Err(Stop::Lie(format!(
                "a create under a new name said that the object exists, and a get found nothing there (`{key}`)"
            ))),
        }
    }

    pub(super) async fn put(&self, client: usize, key: &Key, bytes: &Bytes) -> Result<(), Stop> {
        self.ground.note(key);
        self.changed.store(true, Ordering::SeqCst);
        let store = self.ground.store(client);
        self.call(Operation::Put, |within| store.put(key, bytes.clone(), within))
            .await
            .map_err(Stop::Failed)
    }

    pub(super) async fn delete(&self, client: usize, key: &Key) -> Result<(), Stop> {
        self.changed.store(true, Ordering::SeqCst);
        let store = self.ground.store(client);
        self.call(Operation::Delete, |within| store.delete(key, within))
            .await
            .map_err(Stop::Failed)
    }

    /// What a get finds.
    pub(super) async fn get(&self, client: usize, key: &Key) -> Result<Option<Bytes>, Stop> {
        let store = self.ground.store(client);
        found(self.call(Operation::Get, |within| store.get(key, within)).await)
    }

    /// What a get of a range finds.
    pub(super) async fn get_range(
        &self,
        client: usize,
        key: &Key,
        range: Range<u64>,
    ) -> Result<Option<Bytes>, Stop> {
        let store = self.ground.store(client);
        let range = || range.clone();
        found(
            self.call(Operation::GetRange, |within| {
                store.get_range(key, range(), within)
            })
            .await,
        )
    }

    /// The names in a folder, sorted.
    pub(super) async fn list(&self, client: usize, folder: &Folder) -> Result<Vec<String>, Stop> {
        let store = self.ground.store(client);
        let names = self
            .call(Operation::List, |within| store.list(folder, within))
            .await;
        let mut names = names.map_err(Stop::Failed)?;
        names.sort_unstable();
        Ok(names)
    }

    /// Makes a call, again if that may do better, a few times.
    async fn call<T, F: Future<Output = Result<T, Error>>>(
        &self,
        operation: Operation,
        call: impl Fn(Duration) -> F,
    ) -> Result<T, Error> {
        let mut pauses = PAUSES.iter();
        loop {
            self.ground.meter.count();
            let begun = Instant::now();
            let left = self.ground.deadline.saturating_duration_since(begun);
            let answer = call(self.ground.within.min(left)).await;
            let error = match answer {
                Err(error) if error.is_retryable() => error,
                answer => {
                    if !self.raced {
                        self.ground.meter.took(operation, begun.elapsed());
                    }
                    return answer;
                }
            };
            if error.kind() == ErrorKind::OutcomeUnknown {
                self.unknown.store(true, Ordering::SeqCst);
            }
            match pauses.next() {
                Some(pause) => sleep(*pause).await,
                None => return Err(error),
            }
        }
    }
}

/// An absent object is an answer, and one that does not verify was written whole by this probe.
fn found(answer: Result<Bytes, Error>) -> Result<Option<Bytes>, Stop> {
    match answer {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == ErrorKind::Corrupt => Err(Stop::Lie(format!(
            "what had just been written could not be read: {error}"
        ))),
        Err(error) => Err(Stop::Failed(error)),
    }
}

/// Between the repetitions of a call.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(10),
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
];
