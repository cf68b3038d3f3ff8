//! Create if absent, durably.

use rustix::io::{Errno, Result as SysResult};

use super::engine::{Engine, Trouble};
use super::explain::exists;
use super::folders::Open;
use super::probe::Method;
use super::stage::Staged;
use super::sys::Sys;
use crate::{Error, Key};

impl<S: Sys> Engine<S> {
    /// Creates an object. The order is everything: the bytes are durable before the name is there, so that no crash
    /// shows them torn, and the name is durable before anyone is told.
    pub(super) fn create(&self, key: &Key, bytes: &[u8]) -> Result<(), Error> {
        self.check_root(key.as_str())?;
        self.retry(key, || self.try_create(key, bytes))
    }

    fn try_create(&self, key: &Key, bytes: &[u8]) -> Result<(), Trouble> {
        let folder = self.durable_folder(key.as_str(), key.folder())?;
        self.check_trusted(key.as_str(), &folder)?;
        let staged = self.stage_durably(key.as_str(), &folder, bytes)?;
        let named = match self.name(&staged, &folder, key.name()) {
            // The reply to an earlier transmission may have been lost, and this one is about our own success.
            Err(_) if self.has_landed(&staged, &folder, key.name()) => Ok(()),
            named => named,
        };
        self.discard(staged);
        match named {
            Ok(()) => Ok(self.make_durable(key.as_str(), &folder)?),
            Err(Errno::EXIST) => {
                // Its writer may have died before this, and its reader may count on it after this.
                self.make_durable(key.as_str(), &folder)?;
                Err(exists(key.as_str()).into())
            }
            Err(Errno::NOENT) => Err(Trouble::Vanished(folder.path.clone())),
            Err(errno) => {
                // The next attempt shall not stumble over the same stale handle.
                self.folders.forget(&folder.path);
                Err(self.explain.committing(key.as_str(), "creating it", errno).into())
            }
        }
    }

    fn name(&self, staged: &Staged<S::File>, folder: &Open<S::Dir>, name: &str) -> SysResult<()> {
        let root = &self.root.dir;
        match (&staged.name, self.method) {
            (None, _) => self.sys.link_unnamed(&staged.file, &folder.dir, name),
            (Some(temp), Method::Rename) => self.sys.rename_exclusive(root, temp, &folder.dir, name),
            (Some(temp), _) => self.sys.link_named(root, temp, &folder.dir, name),
        }
    }

    /// Whether the file has its name after all: what the file itself says is definite.
    fn has_landed(&self, staged: &Staged<S::File>, folder: &Open<S::Dir>, name: &str) -> bool {
        let links = match (&staged.name, self.method) {
            (None, _) => return self.sys.status(&staged.file).is_ok_and(|status| status.links > 0),
            (Some(_), Method::Rename) => return self.is_at(&staged.file, &folder.dir, name),
            // Opened anew, for NFS asks the server then.
            (Some(temp), _) => self
                .sys
                .open_file(&self.root.dir, temp)
                .and_then(|file| self.sys.status(&file))
                .map_or(0, |status| status.links),
        };
        links > 1
    }

    /// Whether it is this very file that bears the name.
    pub(super) fn is_at(&self, file: &S::File, folder: &S::Dir, name: &str) -> bool {
        let ours = self.sys.status(file).map(|status| status.identity);
        let there = self
            .sys
            .open_file(folder, name)
            .and_then(|file| self.sys.status(&file));
        ours.is_ok() && ours == there.map(|status| status.identity)
    }
}
