//! A store that notes when entries were sent.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use ha_store::{Error, Folder, Key, Store};

/// Notes when each create was sent.
#[derive(Debug)]
pub struct Timed {
    inner: Arc<dyn Store>,
    creates: Mutex<Vec<Instant>>,
}

impl Timed {
    /// A store that has noted nothing yet.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            creates: Mutex::default(),
        }
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
        self.creates
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Instant::now());
        self.inner.create(key, bytes, within).await
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
