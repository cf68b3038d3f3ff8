//! A store that notes when entries were sent and how long that took, and can let them take longer.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use ha_store::{Error, Folder, Key, Store};

use crate::Samples;

/// Notes of each create when it was sent and how long it took.
#[derive(Debug)]
pub struct Timed {
    inner: Arc<dyn Store>,
    wait: Duration,
    creates: Mutex<Vec<Instant>>,
    took: Mutex<Samples>,
}

impl Timed {
    /// A store that has noted nothing yet.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            wait: Duration::ZERO,
            creates: Mutex::default(),
            took: Mutex::default(),
        }
    }

    /// The same whose creates wait for this long before they are done. The timer counts whole milliseconds.
    #[must_use]
    pub fn with_wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// How long each create took since the last [`Self::forget`].
    #[must_use]
    pub fn creates(&self) -> Samples {
        self.took.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets how long the creates so far took.
    pub fn forget(&self) {
        *self.took.lock().unwrap_or_else(PoisonError::into_inner) = Samples::default();
    }

    /// The first create that was sent at or after a time.
    #[must_use]
    pub fn first_create_since(&self, since: Instant) -> Option<Instant> {
        let creates = self.creates.lock().unwrap_or_else(PoisonError::into_inner);
        creates.iter().copied().filter(|at| *at >= since).min()
    }
}

impl fmt::Display for Timed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl Store for Timed {
    async fn create(&self, key: &Key, bytes: Bytes, within: Duration) -> Result<(), Error> {
        let sent = Instant::now();
        self.creates
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(sent);
        if !self.wait.is_zero() {
            tokio::time::sleep(self.wait).await;
        }
        let created = self.inner.create(key, bytes, within).await;
        self.took
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(sent.elapsed());
        created
    }

    async fn put(&self, key: &Key, bytes: Bytes, within: Duration) -> Result<(), Error> {
        self.inner.put(key, bytes, within).await
    }

    async fn get(&self, key: &Key, within: Duration) -> Result<Bytes, Error> {
        self.inner.get(key, within).await
    }

    async fn get_range(&self, key: &Key, range: Range<u64>, within: Duration) -> Result<Bytes, Error> {
        self.inner.get_range(key, range, within).await
    }

    async fn list(&self, folder: &Folder, within: Duration) -> Result<Vec<String>, Error> {
        self.inner.list(folder, within).await
    }

    async fn delete(&self, key: &Key, within: Duration) -> Result<(), Error> {
        self.inner.delete(key, within).await
    }
}
