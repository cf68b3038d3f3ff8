//! Reads and writes that are repeated while that may do better, and reads of many objects in order.

use std::sync::Arc;
use std::time::Duration;

use ha_store::{Error, ErrorKind, Folder, Key, Store};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::failure::RunError;

/// The bytes of an object. Clones share them.
pub(crate) type Object = Arc<[u8]>;

/// A side of a copy: a store, and what it is called.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    pub(crate) store: Arc<dyn Store>,
}

impl Side {
    /// An object, or `None` if there is none.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Object>, RunError> {
        let name = self.key(key)?;
        let mut pauses = PAUSES.iter();
        loop {
            match self.store.get(&name, WITHIN).await {
                Ok(bytes) => return Ok(Some(bytes.as_ref().into())),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => self.again(error, pauses.next()).await?,
            }
        }
    }

    /// The names in a folder, sorted.
    pub(crate) async fn list(&self, folder: &str) -> Result<Vec<String>, RunError> {
        let name = Folder::new(folder).map_err(|error| self.failed(error))?;
        let mut pauses = PAUSES.iter();
        loop {
            match self.store.list(&name, WITHIN).await {
                Ok(mut names) => {
                    names.sort_unstable();
                    return Ok(names);
                }
                Err(error) => self.again(error, pauses.next()).await?,
            }
        }
    }

    /// Creates an object durably. One that is there already must be the same.
    pub(crate) async fn create(&self, key: &str, bytes: &Object) -> Result<(), RunError> {
        let name = self.key(key)?;
        let mut pauses = PAUSES.iter();
        loop {
            match self.store.create(&name, bytes.to_vec().into(), WITHIN).await {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Exists => {
                    let there = self.get(key).await?;
                    if there.as_ref() == Some(bytes) {
                        return Ok(());
                    }
                    return Err(RunError::execution(format!(
                        "`{key}` in {} is there already, and is another object: somebody else writes there; empty it and begin again",
                        self.store
                    )));
                }
                Err(error) => self.again(error, pauses.next()).await?,
            }
        }
    }

    /// Deletes an object, if it is there.
    pub(crate) async fn delete(&self, key: &str) -> Result<(), RunError> {
        let name = self.key(key)?;
        let mut pauses = PAUSES.iter();
        loop {
            match self.store.delete(&name, WITHIN).await {
                Ok(()) => return Ok(()),
                Err(error) => self.again(error, pauses.next()).await?,
            }
        }
    }

    /// Some objects, in the order of their keys here; an absent one is an error that calls it a hole.
    pub(crate) async fn get_all(&self, keys: Vec<String>) -> Result<Vec<(String, Object)>, RunError> {
        let mut reads = JoinSet::new();
        for (number, key) in keys.into_iter().enumerate() {
            let side = self.clone();
            reads.spawn(async move {
                let object = side.get(&key).await?;
                let object = object.ok_or_else(|| {
                    RunError::execution(format!(
                        "`{key}` in {} is missing: put it back from a backup, or repair the plane by starting a node that has it",
                        side.store
                    ))
                })?;
                Ok::<_, RunError>((number, key, object))
            });
        }
        let mut read = Vec::new();
        while let Some(ended) = reads.join_next().await {
            read.push(ended.map_err(|error| RunError::execution("a read has died").because(error))??);
        }
        read.sort_unstable_by_key(|(number, ..)| *number);
        Ok(read.into_iter().map(|(_, key, object)| (key, object)).collect())
    }

    fn key(&self, key: &str) -> Result<Key, RunError> {
        Key::new(key).map_err(|error| self.failed(error))
    }

    async fn again(&self, error: Error, pause: Option<&Duration>) -> Result<(), RunError> {
        match pause {
            Some(pause) if error.is_retryable() => {
                sleep(*pause).await;
                Ok(())
            }
            _ => Err(self.failed(error)),
        }
    }

    fn failed(&self, error: Error) -> RunError {
        let what = format!("cannot go on with {}", self.store);
        let failure = match error.kind() {
            ErrorKind::Denied => RunError::configuration(what),
            _ => RunError::execution(what),
        };
        failure.because(error)
    }
}

/// Objects that are read at a time.
pub(crate) const SIDE_BY_SIDE: usize = 16;
/// Longer than any healthy store takes for the largest object.
const WITHIN: Duration = Duration::from_secs(60);
const PAUSES: [Duration; 5] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
];
