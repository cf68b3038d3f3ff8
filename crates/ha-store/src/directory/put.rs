//! Create or replace, at once for readers, without waiting for the disk.

use rustix::io::Errno;

use super::engine::{Engine, Trouble};
use super::sys::Sys;
use crate::{Error, ErrorKind, Key};

impl<S: Sys> Engine<S> {
    /// Puts an object: a temporary file and a rename, and no fsync.
    pub(super) fn put(&self, key: &Key, bytes: &[u8]) -> Result<(), Error> {
        self.retry(key, || self.try_put(key, bytes))
    }

    fn try_put(&self, key: &Key, bytes: &[u8]) -> Result<(), Trouble> {
        let folder = self.some_folder(key)?;
        let staged = self.stage_named(key.as_str(), bytes)?;
        let temp = staged.name.as_deref().expect("it was staged under a name");
        let renamed = match self.sys.rename(&self.root.dir, temp, &folder, key.name()) {
            // The reply to an earlier transmission may have been lost.
            Err(_) if self.is_at(&staged.file, &folder, key.name()) => Ok(()),
            renamed => renamed,
        };
        let Err(errno) = renamed else { return Ok(()) };
        self.discard(staged);
        match errno {
            Errno::NOENT => Err(Trouble::Vanished(key.folder().to_owned())),
            Errno::ISDIR => Err(in_the_way(key).into()),
            errno => Err(self
                .explain
                .committing(key.as_str(), "replacing it", errno)
                .into()),
        }
    }

    /// The object's folder, made if it is missing, and not durable.
    fn some_folder(&self, key: &Key) -> Result<S::Dir, Trouble> {
        let walked = self.walk(key.as_str(), key.folder())?;
        if let Some(folder) = walked.and_then(|mut walked| walked.pop()) {
            return Ok(folder);
        }
        let root = self.walk(key.as_str(), "")?.and_then(|mut walked| walked.pop());
        let mut dir = root.expect("a walk of no steps ends at the root");
        let mut above = String::new();
        for name in key.folder().split('/') {
            dir = self.open_or_make(key.as_str(), &dir, &above, name)?;
            above = if above.is_empty() {
                name.to_owned()
            } else {
                format!("{above}/{name}")
            };
        }
        Ok(dir)
    }
}

pub(super) fn in_the_way(key: &Key) -> Error {
    Error::new(
        ErrorKind::Denied,
        key.as_str(),
        "a folder stands where the object belongs: move it away",
    )
}
