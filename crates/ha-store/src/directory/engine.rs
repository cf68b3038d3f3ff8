//! The backend proper: blocking, over any [`Sys`]. Its operations are in a file each.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use rustix::io::Errno;

use super::explain::Explain;
use super::folders::{Folders, Open};
use super::probe::{Method, probe};
use super::sys::{Identity, Sys};
use super::temp::TempNames;
use crate::{Error, Key};

#[derive(Debug)]
pub(super) struct Engine<S: Sys> {
    pub(super) sys: S,
    pub(super) root: Arc<Open<S::Dir>>,
    identity: Identity,
    pub(super) method: Method,
    pub(super) folders: Folders<S::Dir>,
    pub(super) names: TempNames,
    pub(super) explain: Explain,
    /// Names that listings have left out.
    pub(super) skipped: AtomicU64,
}

impl<S: Sys> Engine<S> {
    /// Opens the store, tries out what its file system can do, and sweeps what crashes have left.
    pub(super) fn open(sys: S, shown: String) -> Result<Self, Error> {
        let explain = Explain { root: shown };
        let names = TempNames::of_this_process();
        let failed = |errno| explain.before(&explain.root, "opening the directory", errno);
        let root = sys.open_root().map_err(failed)?;
        let identity = sys.dir_status(&root).map_err(failed)?.identity;
        let probed = probe(&sys, &root, &names, &explain)?;
        let engine = Self {
            sys,
            root: Open::new("", root),
            identity,
            method: probed.method,
            folders: Folders::new(),
            names,
            explain,
            skipped: AtomicU64::new(0),
        };
        engine.sweep(probed.now);
        Ok(engine)
    }

    /// Repeats what failed only because a folder or a temporary file was removed meanwhile.
    pub(super) fn retry(
        &self,
        key: &Key,
        mut attempt: impl FnMut() -> Result<(), Trouble>,
    ) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            match attempt() {
                Ok(()) => return Ok(()),
                Err(Trouble::Failed(error)) => return Err(error),
                Err(Trouble::Vanished(folder)) => self.folders.forget(&folder),
            }
        }
        Err(self.explain.restless(key.as_str()))
    }

    /// Makes sure that the root's path still leads to the directory that was opened at the start: what is written to
    /// another one, nobody would find.
    pub(super) fn check_root(&self, key: &str) -> Result<(), Error> {
        match self.sys.root_identity() {
            Ok(identity) if identity == self.identity => Ok(()),
            Ok(_) => Err(self.explain.replaced(key)),
            Err(errno) => Err(self.root_lost(key, errno)),
        }
    }

    /// Opens a folder anew, and each above it: what has been cached could hide what others did. `None` if there is
    /// no such folder; the last of the list is the folder, the first is the root.
    pub(super) fn walk(&self, key: &str, path: &str) -> Result<Option<Vec<S::Dir>>, Error> {
        let root = self.sys.open_root().map_err(|errno| self.root_lost(key, errno))?;
        let status = self
            .sys
            .dir_status(&root)
            .map_err(|errno| self.root_lost(key, errno))?;
        if status.identity != self.identity {
            return Err(self.explain.replaced(key));
        }
        let mut walked = vec![root];
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let parent = walked.last().expect("the root is in it");
            match self.sys.open_dir(parent, name) {
                Ok(dir) => walked.push(dir),
                Err(Errno::NOENT) => return Ok(None),
                Err(errno) => return Err(self.explain.before(key, "opening its folder", errno)),
            }
        }
        Ok(Some(walked))
    }

    fn root_lost(&self, key: &str, errno: Errno) -> Error {
        match errno {
            Errno::NOENT | Errno::NOTDIR => self.explain.replaced(key),
            errno => self.explain.before(key, "opening the directory", errno),
        }
    }
}

/// Why an attempt to write failed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// This folder, or a temporary file for it, is gone, and nothing has been written: worth another attempt.
    Vanished(String),
    Failed(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// How often one call starts over. Each time somebody else has removed the folder in the same instant.
const ATTEMPTS: usize = 8;
