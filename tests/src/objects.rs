//! What lies in the store of a plane, seen from outside.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use ha_core::Seq;
use ha_core::proto::layout;
use ha_store::{ErrorKind, Folder, Key, Store};
use tokio::runtime::Runtime;

use crate::wait::{PATIENCE, wait_for};

/// The objects of a plane, whatever they lie in. Clones see the same.
#[derive(Clone, Debug)]
pub struct Objects(Place);

#[derive(Clone, Debug)]
enum Place {
    /// Read as files, by none of the code that wrote them.
    Directory(PathBuf),
    Store(Arc<Client>),
}

#[derive(Debug)]
struct Client {
    store: Box<dyn Store>,
    runtime: Runtime,
}

impl Objects {
    /// Those of a directory.
    #[must_use]
    pub fn of_directory(dir: &Path) -> Self {
        Self(Place::Directory(dir.into()))
    }

    /// Those of any store.
    ///
    /// # Panics
    /// If there can be no thread for it.
    #[must_use]
    pub fn of_store(store: impl Store + 'static) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let runtime = runtime.expect("a thread can be started");
        let store = Box::new(store);
        Self(Place::Store(Arc::new(Client { store, runtime })))
    }

    /// The names in a folder, `""` for the top; those of sub-folders end with a `/`.
    ///
    /// # Panics
    /// If the store does not tell in time.
    #[must_use]
    #[track_caller]
    pub fn names(&self, folder: &str) -> Vec<String> {
        match &self.0 {
            Place::Directory(dir) => {
                let entries = std::fs::read_dir(dir.join(folder))
                    .into_iter()
                    .flatten()
                    .flatten();
                let name = |entry: std::fs::DirEntry| {
                    let name = entry.file_name().into_string().ok()?;
                    Some(if entry.path().is_dir() { name + "/" } else { name })
                };
                // A file that a heartbeat is being written to has no key yet.
                entries
                    .filter_map(name)
                    .filter(|name| !name.starts_with('.'))
                    .collect()
            }
            Place::Store(client) => {
                let folder = match folder {
                    "" => Folder::root(),
                    folder => Folder::new(folder).expect("folders of a plane have good names"),
                };
                let mut names = None;
                wait_for(PATIENCE, "the store lists a folder", || {
                    let listed = client.runtime.block_on(client.store.list(&folder, WITHIN));
                    names = listed.ok();
                    names.is_some()
                });
                names.expect("the wait ended with them")
            }
        }
    }

    /// An object, if it is there.
    ///
    /// # Panics
    /// If the store does not tell in time.
    #[must_use]
    #[track_caller]
    pub fn read(&self, key: &str) -> Option<Vec<u8>> {
        self.read_all([key.to_owned()]).remove(0)
    }

    /// Some objects, each if it is there.
    ///
    /// # Panics
    /// If the store does not tell in time.
    #[must_use]
    #[track_caller]
    pub fn read_all(&self, keys: impl IntoIterator<Item = String>) -> Vec<Option<Vec<u8>>> {
        match &self.0 {
            Place::Directory(dir) => keys
                .into_iter()
                .map(|key| std::fs::read(dir.join(key)).ok())
                .collect(),
            Place::Store(client) => {
                let read = |key: String| async move {
                    let key = Key::new(&key).expect("objects of a plane have good names");
                    let begun = std::time::Instant::now();
                    loop {
                        match client.store.get(&key, WITHIN).await {
                            Ok(bytes) => return Some(bytes.into()),
                            Err(error) if error.kind() == ErrorKind::NotFound => return None,
                            Err(error) if begun.elapsed() > PATIENCE => panic!("{error}"),
                            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                        }
                    }
                };
                let all = stream::iter(keys).map(read).buffered(AT_ONCE).collect();
                client.runtime.block_on(all)
            }
        }
    }

    /// The keys of all slots of the journal that are there.
    #[must_use]
    #[track_caller]
    pub fn entries(&self) -> BTreeMap<Seq, String> {
        let segments = self.names("journal");
        let segments = segments.iter().filter_map(|name| name.strip_suffix('/'));
        segments
            .flat_map(|segment| self.slots(&format!("journal/{segment}")))
            .collect()
    }

    /// The keys of all manifests that are there.
    #[must_use]
    #[track_caller]
    pub fn snapshots(&self) -> BTreeMap<Seq, String> {
        self.slots(layout::SNAPSHOTS)
    }

    /// How many there are of any sort.
    #[must_use]
    #[track_caller]
    pub fn count(&self) -> usize {
        self.count_in("")
    }

    #[track_caller]
    fn count_in(&self, folder: &str) -> usize {
        let names = self.names(folder).into_iter();
        let count = |name: String| match name.strip_suffix('/') {
            Some(name) if folder.is_empty() => self.count_in(name),
            Some(name) => self.count_in(&format!("{folder}/{name}")),
            None => 1,
        };
        names.map(count).sum()
    }

    /// All objects of a folder that are named by a slot.
    #[track_caller]
    fn slots(&self, folder: &str) -> BTreeMap<Seq, String> {
        let names = self.names(folder).into_iter();
        names
            .filter_map(|name| Some((layout::seq_of(&name)?, format!("{folder}/{name}"))))
            .collect()
    }
}

const WITHIN: Duration = Duration::from_secs(10);

/// How many are read at once.
const AT_ONCE: usize = 16;
