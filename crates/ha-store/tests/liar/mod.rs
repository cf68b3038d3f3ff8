//! A store that breaks its word in one way.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use ha_store::{Error, ErrorKind, Folder, Key, MemoryStore, Store};
use tokio::time::sleep;

/// The way in which a [`Liar`] breaks its word.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Lie {
    /// A create overwrites, and says that it succeeded.
    CreateOverwrites,
    /// A create looks whether the object is there, and then writes it.
    CreateLooksThenWrites,
    /// A create of what is there succeeds, and changes nothing.
    CreateSucceedsTwice,
    /// A create of what is there with the same bytes succeeds.
    CreateOfTheSameSucceeds,
    /// A create of what is there says so, and overwrites it.
    CreateOverwritesAndSaysExists,
    /// A create of what is absent says that it exists, and does nothing.
    CreateSaysExistsOfNothing,
    /// What a client creates only it can read.
    CreateIsPrivate,
    /// Of two that create one object each is told that it exists, and each reads the other's.
    CreateHasNoWinner,
    /// A client that has found nothing under a name finds nothing there ever after.
    GetRemembersAbsence,
    /// A client that has read an object reads the same again while there is one.
    GetRemembersBytes,
    /// What has been deleted can still be read.
    GetFindsDeleted,
    /// A client lists the same names of a folder ever after.
    ListRemembers,
    /// What has been deleted is still listed.
    ListNamesDeleted,
    /// A listing has also what lies deeper.
    ListNamesAll,
    /// A listing has no folders.
    ListNamesNoFolders,
    /// A listing has names in small letters.
    ListFoldsCase,
    /// An object that is created can be seen in part.
    CreateIsTorn,
    /// An object that is put can be seen in part.
    PutIsTorn,
    /// An object that is put is absent for a moment.
    PutDeletesFirst,
    /// A range is not looked at.
    RangeIsWhole,
    /// A range beyond the end of the object finds nothing.
    RangeBeyondEndIsAbsent,
    /// An object of no bytes is not kept.
    EmptyIsNothing,
    /// Objects are cut at 64 KiB.
    LongIsCut,
}

/// A client of a store that lies.
#[derive(Debug)]
pub(crate) struct Liar {
    lie: Lie,
    client: usize,
    inner: MemoryStore,
    world: Arc<Mutex<World>>,
    own: Mutex<Own>,
}

/// What all clients share beside the objects.
#[derive(Debug, Default)]
pub(crate) struct World {
    clients: usize,
    creators: BTreeMap<Key, usize>,
    offered: BTreeMap<(Key, usize), Bytes>,
    deleted: BTreeMap<Key, Bytes>,
}

#[derive(Debug, Default)]
struct Own {
    absent: BTreeSet<Key>,
    bytes: BTreeMap<Key, Bytes>,
    lists: BTreeMap<Folder, Vec<String>>,
}

impl Liar {
    pub(crate) fn new(lie: Lie, inner: &MemoryStore, world: &Arc<Mutex<World>>) -> Self {
        let mut shared = world.lock().expect("no liar panics");
        let client = shared.clients;
        shared.clients += 1;
        drop(shared);
        Self {
            lie,
            client,
            inner: inner.clone(),
            world: world.clone(),
            own: Mutex::default(),
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no liar panics")
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().expect("no liar panics")
    }

    async fn peek(&self, key: &Key) -> Option<Bytes> {
        self.inner.get(key, MOMENT).await.ok()
    }

    async fn in_two_steps(&self, key: &Key, bytes: Bytes) -> Result<(), Error> {
        if bytes.len() > 100_000 {
            self.inner
                .put(key, bytes.slice(..bytes.len() / 2), MOMENT)
                .await?;
            sleep(MOMENT).await;
        }
        self.inner.put(key, bytes, MOMENT).await
    }

    /// The bytes of the other who offered some for this key, if it is raced for.
    async fn other_offer(&self, key: &Key) -> Option<Bytes> {
        for _ in 0..100 {
            let offers: Vec<_> = self
                .world()
                .offered
                .iter()
                .filter(|((offered, _), _)| offered == key)
                .map(|((_, client), bytes)| (*client, bytes.clone()))
                .collect();
            if let Some((_, bytes)) = offers.iter().find(|(client, _)| *client != self.client) {
                return Some(bytes.clone());
            }
            sleep(MOMENT).await;
        }
        None
    }
}

#[async_trait]
impl Store for Liar {
    async fn create(&self, key: &Key, bytes: Bytes, within: Duration) -> Result<(), Error> {
        let there = self.peek(key).await;
        match self.lie {
            Lie::CreateOverwrites => return self.inner.put(key, bytes, within).await,
            Lie::CreateLooksThenWrites if there.is_none() => {
                sleep(MOMENT).await;
                return self.inner.put(key, bytes, within).await;
            }
            Lie::CreateSucceedsTwice if there.is_some() => return Ok(()),
            Lie::CreateOfTheSameSucceeds if there.as_ref() == Some(&bytes) => return Ok(()),
            Lie::CreateOverwritesAndSaysExists if there.is_some() => {
                self.inner.put(key, bytes, within).await?;
                return Err(exists(key));
            }
            Lie::CreateSaysExistsOfNothing if there.is_none() => return Err(exists(key)),
            Lie::CreateHasNoWinner if key.folder().contains("one-winner") => {
                self.world().offered.insert((key.clone(), self.client), bytes);
                return Err(exists(key));
            }
            Lie::CreateIsTorn if there.is_none() => return self.in_two_steps(key, bytes).await,
            Lie::EmptyIsNothing if bytes.is_empty() => return Ok(()),
            Lie::LongIsCut => {
                let end = bytes.len().min(1 << 16);
                return self.inner.create(key, bytes.slice(..end), within).await;
            }
            _ => {}
        }
        self.inner.create(key, bytes, within).await?;
        self.world().creators.insert(key.clone(), self.client);
        Ok(())
    }

    async fn put(&self, key: &Key, bytes: Bytes, within: Duration) -> Result<(), Error> {
        match self.lie {
            Lie::PutIsTorn => return self.in_two_steps(key, bytes).await,
            Lie::PutDeletesFirst => {
                self.inner.delete(key, within).await?;
                sleep(MOMENT).await;
            }
            Lie::EmptyIsNothing if bytes.is_empty() => return Ok(()),
            Lie::LongIsCut => {
                let end = bytes.len().min(1 << 16);
                return self.inner.put(key, bytes.slice(..end), within).await;
            }
            _ => {}
        }
        self.inner.put(key, bytes, within).await
    }

    async fn get(&self, key: &Key, within: Duration) -> Result<Bytes, Error> {
        match self.lie {
            Lie::CreateIsPrivate
                if self
                    .world()
                    .creators
                    .get(key)
                    .is_some_and(|creator| *creator != self.client) =>
            {
                return Err(absent(key));
            }
            Lie::CreateHasNoWinner if key.folder().contains("one-winner") => {
                return self.other_offer(key).await.ok_or_else(|| absent(key));
            }
            Lie::GetRemembersAbsence if self.own().absent.contains(key) => return Err(absent(key)),
            Lie::GetFindsDeleted => {
                if let Some(bytes) = self.world().deleted.get(key) {
                    return Ok(bytes.clone());
                }
            }
            _ => {}
        }
        let answer = self.inner.get(key, within).await;
        match &answer {
            Ok(bytes) if self.lie == Lie::GetRemembersBytes => {
                return Ok(self
                    .own()
                    .bytes
                    .entry(key.clone())
                    .or_insert_with(|| bytes.clone())
                    .clone());
            }
            Ok(_) => {}
            Err(_) => {
                self.own().absent.insert(key.clone());
            }
        }
        answer
    }

    async fn get_range(&self, key: &Key, range: Range<u64>, within: Duration) -> Result<Bytes, Error> {
        match self.lie {
            Lie::RangeIsWhole => return self.inner.get(key, within).await,
            Lie::RangeBeyondEndIsAbsent
                if self
                    .peek(key)
                    .await
                    .is_some_and(|bytes| bytes.len() as u64 <= range.start) =>
            {
                return Err(absent(key));
            }
            _ => {}
        }
        self.inner.get_range(key, range, within).await
    }

    async fn list(&self, folder: &Folder, within: Duration) -> Result<Vec<String>, Error> {
        let mut names = self.inner.list(folder, within).await?;
        match self.lie {
            Lie::ListRemembers => {
                return Ok(self.own().lists.entry(folder.clone()).or_insert(names).clone());
            }
            Lie::ListNamesDeleted => {
                let world = self.world();
                let gone = world.deleted.keys().filter(|key| key.folder() == folder.as_str());
                names.extend(gone.map(|key| key.name().to_owned()));
                names.sort_unstable();
                names.dedup();
            }
            Lie::ListNamesAll => {
                for below in names.clone().iter().filter_map(|name| name.strip_suffix('/')) {
                    let deeper = Folder::new(&format!("{folder}/{below}"))?;
                    for name in self.inner.list(&deeper, within).await? {
                        names.push(format!("{below}/{name}"));
                    }
                }
            }
            Lie::ListNamesNoFolders => names.retain(|name| !name.ends_with('/')),
            Lie::ListFoldsCase => names.iter_mut().for_each(|name| name.make_ascii_lowercase()),
            _ => {}
        }
        Ok(names)
    }

    async fn delete(&self, key: &Key, within: Duration) -> Result<(), Error> {
        if let Some(bytes) = self.peek(key).await {
            self.world().deleted.insert(key.clone(), bytes);
        }
        self.inner.delete(key, within).await
    }
}

impl fmt::Display for Liar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a liar ({:?})", self.lie)
    }
}

fn exists(key: &Key) -> Error {
    Error::new(ErrorKind::Exists, key.as_str(), "exists")
}

fn absent(key: &Key) -> Error {
    Error::new(ErrorKind::NotFound, key.as_str(), "not found")
}

/// Long enough for others to look in.
const MOMENT: Duration = Duration::from_millis(2);
