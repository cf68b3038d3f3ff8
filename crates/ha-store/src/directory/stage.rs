//! Files being written, before readers can see them.

use rustix::io::Errno;
use tracing::warn;

use super::engine::{Engine, Trouble};
use super::folders::Open;
use super::probe::Method;
use super::sys::Sys;

/// A new file that holds all its bytes and is not an object yet.
#[derive(Debug)]
pub(super) struct Staged<F> {
    pub(super) file: F,
    /// Its temporary name in the root, if it has one.
    pub(super) name: Option<String>,
}

impl<S: Sys> Engine<S> {
    /// Writes a file and makes its bytes durable.
    ///
    /// A file whose fsync has failed is never synced again: the system has dropped the bytes that it could not
    /// write, and would report success. A new file is written instead, once.
    pub(super) fn stage_durably(
        &self,
        key: &str,
        folder: &Open<S::Dir>,
        bytes: &[u8],
    ) -> Result<Staged<S::File>, Trouble> {
        let mut failure = Errno::IO;
        for _ in 0..2 {
            let staged = match self.method {
                Method::Unnamed => self.open_unnamed(key, folder)?,
                Method::Link | Method::Rename => self.open_named(key)?,
            };
            let staged = self.fill(key, staged, bytes)?;
            match self.sys.sync_file(&staged.file) {
                Ok(()) => return Ok(staged),
                Err(errno) => failure = errno,
            }
            warn!(root = %self.explain.root, key, errno = %failure, "a file could not be made durable");
            self.discard(staged);
        }
        Err(Trouble::Failed(self.explain.before(
            key,
            "making it durable",
            failure,
        )))
    }

    /// Writes a file under a temporary name, to be renamed. Its bytes are not durable.
    pub(super) fn stage_named(&self, key: &str, bytes: &[u8]) -> Result<Staged<S::File>, Trouble> {
        let staged = self.open_named(key)?;
        self.fill(key, staged, bytes)
    }

    /// Removes what is left of a file: its temporary name.
    pub(super) fn discard(&self, staged: Staged<S::File>) {
        let Staged { file, name } = staged;
        // Closed first, or NFS would rename it to `.nfs…` and not remove it.
        drop(file);
        if let Some(name) = name {
            match self.sys.unlink(&self.root.dir, &name) {
                // Renamed, or swept by another.
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => {
                    warn!(root = %self.explain.root, name, %errno, "a temporary file is left over");
                }
            }
        }
    }

    fn open_unnamed(&self, key: &str, folder: &Open<S::Dir>) -> Result<Staged<S::File>, Trouble> {
        match self.sys.open_unnamed(&folder.dir) {
            Ok(file) => Ok(Staged { file, name: None }),
            // In a folder that was removed, ext4 says that it is not permitted.
            Err(errno) if errno == Errno::NOENT || self.is_removed(folder) => {
                Err(Trouble::Vanished(folder.path.clone()))
            }
            Err(errno) => Err(self.explain.before(key, "making a file", errno).into()),
        }
    }

    fn is_removed(&self, folder: &Open<S::Dir>) -> bool {
        self.sys
            .dir_status(&folder.dir)
            .map_or_else(|errno| errno == Errno::STALE, |status| status.links == 0)
    }

    fn open_named(&self, key: &str) -> Result<Staged<S::File>, Trouble> {
        let name = self.names.next();
        match self.sys.open_named(&self.root.dir, &name) {
            Ok(file) => Ok(Staged {
                file,
                name: Some(name),
            }),
            Err(errno) => Err(self.explain.before(key, "making a file", errno).into()),
        }
    }

    fn fill(&self, key: &str, staged: Staged<S::File>, bytes: &[u8]) -> Result<Staged<S::File>, Trouble> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let failure = match self.sys.write(&staged.file, rest) {
                // A regular file takes nothing only when there is no room.
                Ok(0) => Errno::NOSPC,
                Ok(written) => {
                    rest = rest.get(written..).unwrap_or_default();
                    continue;
                }
                Err(errno) => errno,
            };
            self.discard(staged);
            return Err(self.explain.before(key, "writing", failure).into());
        }
        Ok(staged)
    }
}
