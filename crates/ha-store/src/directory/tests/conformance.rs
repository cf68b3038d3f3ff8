//! The suite, on the methods that this machine's file system would not choose.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::scripted::Scripted;
use super::{METHODS, open};
use crate::directory::engine::Engine;
use crate::directory::real::Real;
use crate::{Error, ErrorKind, Folder, Key, Store, suite};

/// A store that blocks where it is called.
struct Blocking(Engine<Scripted<Real>>);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_method_conforms() {
    for method in METHODS {
        let dir = tempfile::tempdir().unwrap();
        suite::run(|| {
            Arc::new(Blocking(open(Scripted::with_method(
                Real::new(dir.path()),
                method,
            ))))
        })
        .await;
    }
}

fn check(key: &str, within: Duration) -> Result<(), Error> {
    if within.is_zero() {
        Err(Error::new(ErrorKind::Unavailable, key, "no time"))
    } else {
        Ok(())
    }
}

#[async_trait]
impl Store for Blocking {
    async fn create(&self, key: &Key, bytes: Bytes, within: Duration) -> Result<(), Error> {
        check(key.as_str(), within)?;
        self.0.create(key, &bytes)
    }

    async fn put(&self, key: &Key, bytes: Bytes, _within: Duration) -> Result<(), Error> {
        self.0.put(key, &bytes)
    }

    async fn get(&self, key: &Key, _within: Duration) -> Result<Bytes, Error> {
        self.0.get(key)
    }

    async fn get_range(&self, key: &Key, range: Range<u64>, _within: Duration) -> Result<Bytes, Error> {
        self.0.get_range(key, range)
    }

    async fn list(&self, folder: &Folder, _within: Duration) -> Result<Vec<String>, Error> {
        self.0.list(folder)
    }

    async fn delete(&self, key: &Key, _within: Duration) -> Result<(), Error> {
        self.0.delete(key)
    }
}

impl fmt::Debug for Blocking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Blocking")
    }
}

impl fmt::Display for Blocking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("directory, blocking")
    }
}
