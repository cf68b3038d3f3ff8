//! Objects, and the folders that they leave empty.

use rustix::io::Errno;

use super::engine::Engine;
use super::put::in_the_way;
use super::sys::Sys;
use crate::{Error, Key};

impl<S: Sys> Engine<S> {
    /// Deletes an object, then its folder if it is empty and not at the top.
    pub(super) fn delete(&self, key: &Key) -> Result<(), Error> {
        let Some(walked) = self.walk(key.as_str(), key.folder())? else {
            return Ok(());
        };
        let folder = walked.last().expect("the root is in it");
        match self.sys.unlink(folder, key.name()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::ISDIR) => return Err(in_the_way(key)),
            Err(errno) => return Err(self.explain.committing(key.as_str(), "deleting it", errno)),
        }
        if let ([.., parent, _], Some((_, name))) = (&*walked, key.folder().rsplit_once('/')) {
            // A folder that is not empty stays, and so does one that another is just now writing to.
            if self.sys.remove_dir(parent, name).is_ok() {
                self.folders.forget(key.folder());
            }
        }
        Ok(())
    }
}
