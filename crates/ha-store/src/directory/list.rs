//! The names in a folder.

use std::sync::atomic::Ordering;

use tracing::debug;

use super::engine::Engine;
use super::sys::{Entry, FileKind, Sys};
use super::temp::is_temp;
use crate::key::is_part;
use crate::{Error, Folder};

impl<S: Sys> Engine<S> {
    /// The names in a folder, those of sub-folders with a `/` at the end. What cannot be ours is left out.
    pub(super) fn list(&self, folder: &Folder) -> Result<Vec<String>, Error> {
        let shown = if folder.as_str().is_empty() {
            self.explain.root.as_str()
        } else {
            folder.as_str()
        };
        let Some(mut walked) = self.walk(shown, folder.as_str())? else {
            return Ok(Vec::new());
        };
        let dir = walked.pop().expect("the root is in it");
        let entries = self
            .sys
            .entries(dir)
            .map_err(|errno| self.explain.reading(shown, errno))?;
        let mut names = Vec::with_capacity(entries.len());
        for entry in entries {
            let Entry { mut name, kind } = entry;
            let kind = match kind {
                FileKind::Unknown if is_part(&name) => self.kind_of(shown, folder, &name)?,
                kind => Some(kind),
            };
            match kind {
                Some(FileKind::File) if is_part(&name) => names.push(name),
                Some(FileKind::Folder) if is_part(&name) => {
                    name.push('/');
                    names.push(name);
                }
                // Deleted since.
                None => {}
                _ if is_temp(&name) => {}
                _ => {
                    self.skipped.fetch_add(1, Ordering::Relaxed);
                    debug!(root = %self.explain.root, folder = folder.as_str(), name, "a foreign name is skipped");
                }
            }
        }
        Ok(names)
    }

    /// What a name stands for, on a file system whose listings do not say.
    fn kind_of(&self, shown: &str, folder: &Folder, name: &str) -> Result<Option<FileKind>, Error> {
        let Some(walked) = self.walk(shown, folder.as_str())? else {
            return Ok(None);
        };
        let dir = walked.last().expect("the root is in it");
        match self.sys.status_at(dir, name) {
            Ok(status) => Ok(Some(status.kind)),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.explain.reading(shown, errno)),
        }
    }
}
