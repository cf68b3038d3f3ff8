//! A store in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Error, ErrorKind, Folder, Key, Store};

/// A store in the memory of this process, for tests and examples. A clone is another client of the same store.
///
/// Every call is answered at once, so that no deadline ever passes, and under a paused clock no time goes by.
#[derive(Clone, Default)]
pub struct MemoryStore {
    objects: Arc<Mutex<BTreeMap<Key, Bytes>>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<Key, Bytes>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn create(&self, key: &Key, bytes: Bytes, _within: Duration) -> Result<(), Error> {
        let mut objects = self.objects();
        if objects.contains_key(key) {
            return Err(Error::new(
                ErrorKind::Exists,
                key.as_str(),
                "exists: read it to see whose it is",
            ));
        }
        objects.insert(key.clone(), bytes);
        Ok(())
    }

    async fn put(&self, key: &Key, bytes: Bytes, _within: Duration) -> Result<(), Error> {
        self.objects().insert(key.clone(), bytes);
        Ok(())
    }

    async fn get(&self, key: &Key, _within: Duration) -> Result<Bytes, Error> {
        let objects = self.objects();
        objects.get(key).cloned().ok_or_else(|| {
            let error = Error::new(ErrorKind::NotFound, key.as_str(), "not found");
            let holds_any = |folder: &str| objects.keys().any(|other| below(folder, other).is_some());
            if holds_any(key.folder()) {
                error
            } else {
                error.with_folder_missing()
            }
        })
    }

    async fn get_range(&self, key: &Key, range: Range<u64>, within: Duration) -> Result<Bytes, Error> {
        let whole = self.get(key, within).await?;
        let clip = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(whole.len());
        let (start, end) = (clip(range.start), clip(range.end));
        Ok(whole.slice(start..end.max(start)))
    }

    async fn list(&self, folder: &Folder, _within: Duration) -> Result<Vec<String>, Error> {
        let objects = self.objects();
        let mut names: Vec<String> = objects
            .keys()
            .filter_map(|key| below(folder.as_str(), key))
            .map(|rest| {
                rest.split_once('/')
                    .map_or_else(|| rest.to_owned(), |(sub, _)| format!("{sub}/"))
            })
            .collect();
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    async fn delete(&self, key: &Key, _within: Duration) -> Result<(), Error> {
        self.objects().remove(key);
        Ok(())
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("objects", &self.objects().len())
            .finish()
    }
}

impl fmt::Display for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory")
    }
}

/// The rest of `key` below `folder`, if it is there; everything is below the root, `""`.
fn below<'a>(folder: &str, key: &'a Key) -> Option<&'a str> {
    if folder.is_empty() {
        return Some(key.as_str());
    }
    key.as_str().strip_prefix(folder)?.strip_prefix('/')
}
