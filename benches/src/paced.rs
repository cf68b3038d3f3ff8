//! A store whose creates take a set time.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use ha_store::{Error, Folder, Key, Store};

use crate::Samples;

/// Lets each create wait before it is done, and notes how long it took in all. The timer counts whole milliseconds.
#[derive(Debug)]
pub struct Paced {
    inner: Arc<dyn Store>,
    create: Duration,
    took: Mutex<Samples>,
}

impl Paced {
    /// Creates that take this long.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, create: Duration) -> Self {
        Self {
            inner,
            create,
            took: Mutex::default(),
        }
    }

    /// Forgets the creates so far.
    pub fn forget(&self) {
        *self.took.lock().unwrap_or_else(PoisonError::into_inner) = Samples::default();
    }

    /// How long each create took.
    #[must_use]
    pub fn creates(&self) -> Samples {
        self.took.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Display for Paced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl Store for Paced {
    async fn create(&self, key: &Key, bytes: Bytes, within: Duration) -> Result<(), Error> {
        let began = Instant::now();
        tokio::time::sleep(self.create).await;
        let created = self.inner.create(key, bytes, within).await;
        self.took
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(began.elapsed());
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
