//! Folders that are open for writing and known to be durable, and those that may not be trusted any more.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use tracing::error;

use super::engine::{Engine, Trouble};
use super::explain::with;
use super::sys::Sys;
use crate::Error;

/// A folder whose own entry, and that of each folder above it, this process has made durable.
#[derive(Debug)]
pub(super) struct Open<D> {
    pub(super) path: String,
    pub(super) dir: D,
    /// The system reports a failed write-back once for each descriptor: of two threads that share one, only one would
    /// hear of it. So one at a time makes a folder durable and notes the failure before the next.
    gate: Mutex<()>,
}

impl<D> Open<D> {
    pub(super) fn new(path: &str, dir: D) -> Arc<Self> {
        Arc::new(Self {
            path: path.to_owned(),
            dir,
            gate: Mutex::new(()),
        })
    }
}

/// What is known of a store's folders.
#[derive(Debug)]
pub(super) struct Folders<D> {
    /// The newest last.
    durable: Mutex<Vec<Arc<Open<D>>>>,
    poisoned: Mutex<BTreeSet<String>>,
}

impl<D> Folders<D> {
    pub(super) fn new() -> Self {
        Self {
            durable: Mutex::new(Vec::new()),
            poisoned: Mutex::new(BTreeSet::new()),
        }
    }

    /// Forgets a folder that has been removed.
    pub(super) fn forget(&self, path: &str) {
        lock(&self.durable).retain(|open| open.path != path);
    }

    fn find(&self, path: &str) -> Option<Arc<Open<D>>> {
        lock(&self.durable)
            .iter()
            .rev()
            .find(|open| open.path == path)
            .cloned()
    }

    fn remember(&self, folder: &Arc<Open<D>>) {
        let mut durable = lock(&self.durable);
        durable.retain(|open| open.path != folder.path);
        if durable.len() == OPEN_MAX {
            durable.remove(0);
        }
        durable.push(Arc::clone(folder));
    }

    fn is_poisoned(&self, path: &str) -> bool {
        lock(&self.poisoned).contains(path)
    }
}

impl<S: Sys> Engine<S> {
    /// The folder, open, its own entry durable; made if it is missing.
    pub(super) fn durable_folder(&self, key: &str, path: &str) -> Result<Arc<Open<S::Dir>>, Trouble> {
        if path.is_empty() {
            return Ok(Arc::clone(&self.root));
        }
        if let Some(folder) = self.folders.find(path) {
            return Ok(folder);
        }
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = self.durable_folder(key, above)?;
        let dir = self.open_or_make(key, &parent.dir, above, name)?;
        // Also if it was there: whoever made it may have died before this.
        self.make_durable(key, &parent)?;
        let folder = Open::new(path, dir);
        self.folders.remember(&folder);
        Ok(folder)
    }

    /// Opens a folder, or makes it; not durable yet.
    pub(super) fn open_or_make(
        &self,
        key: &str,
        parent: &S::Dir,
        above: &str,
        name: &str,
    ) -> Result<S::Dir, Trouble> {
        let failed = |errno| match errno {
            Errno::NOENT | Errno::STALE if !above.is_empty() => Trouble::Vanished(above.to_owned()),
            errno => Trouble::Failed(self.explain.before(key, "making its folder", errno)),
        };
        match self.sys.open_dir(parent, name) {
            Err(Errno::NOENT) => {}
            opened => return opened.map_err(failed),
        }
        match self.sys.make_dir(parent, name) {
            Ok(()) | Err(Errno::EXIST) => self.sys.open_dir(parent, name).map_err(failed),
            Err(errno) => Err(failed(errno)),
        }
    }

    /// Makes the folder's entries durable. If that ever fails, the folder is not trusted again.
    pub(super) fn make_durable(&self, key: &str, folder: &Open<S::Dir>) -> Result<(), Error> {
        let _one_at_a_time = lock(&folder.gate);
        self.check_trusted(key, folder)?;
        self.sys.sync_dir(&folder.dir).map_err(|errno| {
            error!(root = %self.explain.root, folder = folder.path, %errno, "a folder could not be made durable");
            lock(&self.folders.poisoned).insert(folder.path.clone());
            with(self.explain.poisoned(key), errno)
        })
    }

    /// Refuses a folder that once could not be made durable.
    pub(super) fn check_trusted(&self, key: &str, folder: &Open<S::Dir>) -> Result<(), Error> {
        if self.folders.is_poisoned(&folder.path) {
            Err(self.explain.poisoned(key))
        } else {
            Ok(())
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The plane writes to its newest journal segment and to a handful of folders beside it.
const OPEN_MAX: usize = 16;
