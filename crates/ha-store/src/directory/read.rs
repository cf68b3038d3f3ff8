//! Whole objects and parts of them.

use std::ops::Range;

use bytes::Bytes;
use rustix::io::Errno;

use super::engine::Engine;
use super::explain::{folder_not_found, not_found, with};
use super::sys::{FileKind, Sys};
use crate::{Error, ErrorKind, Key};

impl<S: Sys> Engine<S> {
    /// The whole object.
    pub(super) fn get(&self, key: &Key) -> Result<Bytes, Error> {
        let (file, len) = self.open_object(key)?;
        self.read(key, &file, 0, len)
    }

    /// The object's bytes in `range`, as far as it has them.
    pub(super) fn get_range(&self, key: &Key, range: Range<u64>) -> Result<Bytes, Error> {
        let (file, len) = self.open_object(key)?;
        let start = range.start.min(len);
        self.read(key, &file, start, range.end.clamp(start, len) - start)
    }

    /// Each time by the whole path from the root, so that an absence is one.
    fn open_object(&self, key: &Key) -> Result<(S::File, u64), Error> {
        let Some(walked) = self.walk(key.as_str(), key.folder())? else {
            return Err(folder_not_found(key.as_str()));
        };
        let folder = walked.last().expect("the root is in it");
        let file = self
            .sys
            .open_file(folder, key.name())
            .map_err(|errno| match errno {
                Errno::NOENT => not_found(key.as_str()),
                Errno::LOOP => with(not_an_object(key), errno),
                errno => self.explain.reading(key.as_str(), errno),
            })?;
        let status = self
            .sys
            .status(&file)
            .map_err(|errno| self.explain.reading(key.as_str(), errno))?;
        if status.kind != FileKind::File {
            return Err(not_an_object(key));
        }
        Ok((file, status.len))
    }

    fn read(&self, key: &Key, file: &S::File, start: u64, len: u64) -> Result<Bytes, Error> {
        let Some(len) = usize::try_from(len).ok().filter(|len| *len <= OBJECT_BYTES_MAX) else {
            return Err(Error::new(
                ErrorKind::Corrupt,
                key.as_str(),
                format!(
                    "{len} bytes is more than an object can have ({OBJECT_BYTES_MAX}): it is not ours; move it away"
                ),
            ));
        };
        let mut bytes = vec![0; len];
        let mut filled = 0;
        while filled < len {
            let into = bytes.get_mut(filled..).unwrap_or_default();
            match self.sys.read_at(file, into, start + filled as u64) {
                // An object never shrinks, but a foreign hand can cut it.
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(errno) => return Err(self.explain.reading(key.as_str(), errno)),
            }
        }
        bytes.truncate(filled);
        Ok(bytes.into())
    }
}

fn not_an_object(key: &Key) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        key.as_str(),
        "a folder, a link or a device stands where the object belongs: move it away",
    )
}

/// Bounds what one call can allocate: no object of the plane comes near it.
const OBJECT_BYTES_MAX: usize = 1 << 30;
