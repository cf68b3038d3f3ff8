//! A decorator that counts.

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::Instant;

use crate::{Error, ErrorKind, Folder, Histogram, Key, Operation, Store};

/// A store that counts its calls, for metrics and for tests of how many there are.
///
/// ```
/// use std::time::Duration;
///
/// use ha_store::{Counted, Key, MemoryStore, Operation, Store};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ha_store::Error> {
/// let store = Counted::new(MemoryStore::default());
/// store.put(&Key::new("nodes/n1")?, "up".into(), Duration::from_secs(1)).await?;
/// assert_eq!(store.counts().of(Operation::Put).calls, 1);
/// assert_eq!(store.counts().of(Operation::Put).bytes, 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Counted<S> {
    inner: S,
    counts: Mutex<Counts>,
}

/// What a [`Counted`] store has counted so far, by operation.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts([OperationCounts; Operation::ALL.len()]);

/// The calls of one operation.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct OperationCounts {
    /// Calls begun.
    pub calls: u64,
    /// Calls that ended in an error, other than the answers [`NotFound`](ErrorKind::NotFound) and
    /// [`Exists`](ErrorKind::Exists).
    pub failures: u64,
    /// Bytes of objects written or read by calls that succeeded.
    pub bytes: u64,
    /// The time that all ended calls have taken.
    pub latency_total: Duration,
    /// The time that the latest ended call has taken.
    pub latency_last: Duration,
    /// How long ended calls have taken.
    pub latency: Histogram,
}

impl Counts {
    /// Those of one operation.
    pub fn of(&self, operation: Operation) -> OperationCounts {
        self.0[operation as usize]
    }

    /// Calls of all operations.
    pub fn calls(&self) -> u64 {
        self.0.iter().map(|counts| counts.calls).sum()
    }
}

impl<S> Counted<S> {
    /// Counts the calls to `inner` from here on.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            counts: Mutex::default(),
        }
    }

    /// What has been counted so far.
    pub fn counts(&self) -> Counts {
        *self.lock()
    }

    /// The store below.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    async fn count<T>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T, Error>>,
        bytes: impl FnOnce(&T) -> usize,
    ) -> Result<T, Error> {
        self.lock().0[operation as usize].calls += 1;
        let begun = Instant::now();
        let answer = call.await;
        let latency = begun.elapsed();
        let mut counts = self.lock();
        let counts = &mut counts.0[operation as usize];
        counts.latency_total += latency;
        counts.latency_last = latency;
        counts.latency.count(latency);
        match &answer {
            Ok(value) => counts.bytes += bytes(value) as u64,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Exists) => {}
            Err(_) => counts.failures += 1,
        }
        answer
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl<S: Store> Store for Counted<S> {
    async fn create(&self, key: &Key, bytes: Bytes, within: Duration) -> Result<(), Error> {
        let len = bytes.len();
        self.count(Operation::Create, self.inner.create(key, bytes, within), |()| len)
            .await
    }

    async fn put(&self, key: &Key, bytes: Bytes, within: Duration) -> Result<(), Error> {
        let len = bytes.len();
        self.count(Operation::Put, self.inner.put(key, bytes, within), |()| len)
            .await
    }

    async fn get(&self, key: &Key, within: Duration) -> Result<Bytes, Error> {
        self.count(Operation::Get, self.inner.get(key, within), Bytes::len)
            .await
    }

    async fn get_range(&self, key: &Key, range: Range<u64>, within: Duration) -> Result<Bytes, Error> {
        self.count(
            Operation::GetRange,
            self.inner.get_range(key, range, within),
            Bytes::len,
        )
        .await
    }

    async fn list(&self, folder: &Folder, within: Duration) -> Result<Vec<String>, Error> {
        self.count(Operation::List, self.inner.list(folder, within), |_| 0)
            .await
    }

    async fn delete(&self, key: &Key, within: Duration) -> Result<(), Error> {
        self.count(Operation::Delete, self.inner.delete(key, within), |()| 0)
            .await
    }
}

impl<S: fmt::Display> fmt::Display for Counted<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
