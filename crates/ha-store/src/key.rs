//! The names of objects and of the folders they lie in.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::{Error, ErrorKind};

/// The name of an object: `folder/…/name`.
///
/// One to four parts, separated by `/`. Each part has 1 to 128 characters of `A-Z a-z 0-9 . _ -`, does not begin
/// with a dot and does not end in `.swp`: so no key can leave the store's root, and none can be mistaken for a
/// temporary file, an editor's or NFS's. A key is checked once, here; what holds a `Key` need not look again.
///
/// ```
/// use ha_store::Key;
///
/// let key = Key::new("journal/00000000/00000000000000000001")?;
/// assert_eq!(key.folder(), "journal/00000000");
/// assert_eq!(key.name(), "00000000000000000001");
/// assert!(Key::new("../etc/passwd").is_err());
/// # Ok::<(), ha_store::Error>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Key(Arc<str>);

impl Key {
    /// A key from its text.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidKey`], saying which part is wrong and why.
    pub fn new(text: &str) -> Result<Self, Error> {
        check(text, KEY_PARTS_MAX)?;
        Ok(Self(text.into()))
    }

    /// The whole key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder that the object lies in, `""` at the top.
    pub fn folder(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// The object's name in its folder.
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Key {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

/// The name of a folder: the root, or one to three parts as in a [`Key`].
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Folder(Arc<str>);

impl Folder {
    /// A folder from its text, without a `/` at the end; `""` is the root.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidKey`], saying which part is wrong and why.
    pub fn new(text: &str) -> Result<Self, Error> {
        if !text.is_empty() {
            check(text, KEY_PARTS_MAX - 1)?;
        }
        Ok(Self(text.into()))
    }

    /// The store's root.
    pub fn root() -> Self {
        Self("".into())
    }

    /// The whole name, `""` for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Folder {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

/// Whether `part` can stand between two slashes of a key.
pub(crate) fn is_part(part: &str) -> bool {
    objection(part).is_none()
}

fn check(text: &str, parts_max: usize) -> Result<(), Error> {
    let invalid = |why: String| Err(Error::new(ErrorKind::InvalidKey, shorten(text), why));
    let parts = text.split('/').count();
    if parts > parts_max {
        return invalid(format!(
            "invalid name: {parts} parts, at most {parts_max} are allowed"
        ));
    }
    for part in text.split('/') {
        if let Some(objection) = objection(part) {
            let part = shorten(part);
            return invalid(format!(
                "invalid name: the part `{part}` {objection}; a part is 1 to 128 of A-Z a-z 0-9 . _ -"
            ));
        }
    }
    Ok(())
}

fn objection(part: &str) -> Option<&'static str> {
    if part.is_empty() {
        Some("is empty")
    } else if part.len() > PART_BYTES_MAX {
        Some("is too long")
    } else if part.starts_with('.') {
        Some("begins with a dot")
    } else if part.ends_with(".swp") {
        Some("ends in `.swp`, as editors' files do")
    } else if !part
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    {
        Some("has a character that is not allowed")
    } else {
        None
    }
}

/// What is shown of a name that may be anything: no control characters, and not megabytes of it.
fn shorten(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(PART_BYTES_MAX)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(PART_BYTES_MAX).is_some() {
        shown.push('…');
    }
    shown
}

const KEY_PARTS_MAX: usize = 4;
const PART_BYTES_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_key() {
        for (text, folder, name) in [("a", "", "a"), ("a/b", "a", "b"), ("a/b/c/d", "a/b/c", "d")] {
            let key = Key::new(text).unwrap();
            assert_eq!((key.as_str(), key.folder(), key.name()), (text, folder, name));
        }
    }

    #[test]
    fn a_name_that_could_leave_the_root_or_be_a_foreign_file_is_refused() {
        let long = "x".repeat(129);
        for text in [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "a/..",
            "../a",
            "a/../b",
            ".tmp-1",
            "a/.nfs0",
            "a b",
            "a\0b",
            "a\\b",
            "ä",
            "a~",
            "a.swp",
            "a/b/c/d/e",
            "a\n",
            &long,
        ] {
            let error = Key::new(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidKey, "{text:?}");
            assert!(!error.to_string().contains(['\0', '\n']), "{error}");
        }
        assert!(Key::new(&"x".repeat(128)).is_ok());
        assert!(Folder::new("a/b/c").is_ok() && Folder::new("").is_ok());
        assert!(Folder::new("a/b/c/d").is_err() && Folder::new("a/").is_err() && Folder::new("..").is_err());
    }
}
