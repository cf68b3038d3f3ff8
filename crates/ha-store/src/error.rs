//! One error for all stores, coarse and prescriptive.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// What a failed call means for its caller.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no such object, as of when the call was sent. An answer and not a failure: go on.
    NotFound,
    /// An object is there already, and it is durable. Read it: if it is what you meant to write (compare the write
    /// id, not the content), your create has succeeded; else the key is another's.
    Exists,
    /// The write may have been made, or may still be made at any time. Create: read the object back; your own write
    /// id means that it is there, and creating it again makes it durable and says [`Exists`](Self::Exists). If it is
    /// absent, send the same bytes again and never others to the same key.
    OutcomeUnknown,
    /// The store could not be asked, or could not do it just now, and **certainly has not written anything**.
    /// Try again later.
    Unavailable,
    /// The store refuses, and will refuse again until an operator has changed something. Nothing was written.
    /// Report it; do not retry at a pace.
    Denied,
    /// What lies there cannot be what was written: a damaged file, a folder or link in an object's place.
    /// Do not guess at its content; report it.
    Corrupt,
    /// The name is not one that a store can hold. A bug of the caller, or bad input to it.
    InvalidKey,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "not found",
            Self::Exists => "exists",
            Self::OutcomeUnknown => "outcome unknown",
            Self::Unavailable => "unavailable",
            Self::Denied => "denied",
            Self::Corrupt => "corrupt",
            Self::InvalidKey => "invalid key",
        })
    }
}

/// A failed call: its [kind](ErrorKind), the object it was about, the cause and the way out.
///
/// `Display` leaves the [source](StdError::source) out: log the chain.
#[derive(Clone, Debug)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: ErrorKind,
    key: String,
    message: String,
    needs_restart: bool,
    folder_missing: bool,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error about the object, folder or root named `key`. The `message` gives cause and way out, in lower case
    /// and without the name.
    pub fn new(kind: ErrorKind, key: impl Into<String>, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            key: key.into(),
            message: message.into(),
            needs_restart: false,
            folder_missing: false,
            source: None,
        }))
    }

    /// This error with what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// This error, saying that this process must acknowledge nothing more there.
    #[must_use]
    pub fn with_needs_restart(mut self) -> Self {
        self.0.needs_restart = true;
        self
    }

    /// This error, saying that the object's folder is absent too.
    #[must_use]
    pub fn with_folder_missing(mut self) -> Self {
        self.0.folder_missing = true;
        self
    }

    /// What it means for the caller.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The name of the object, folder or root that the call was about.
    pub fn key(&self) -> &str {
        &self.0.key
    }

    /// Whether the same call, with the same bytes, may do better later.
    pub fn is_retryable(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Unavailable | ErrorKind::OutcomeUnknown) && !self.0.needs_restart
    }

    /// Whether this process must not acknowledge anything in the object's folder any more: the folder could not be
    /// made durable, and the system reports that only once. Give up leadership and start again.
    pub fn needs_restart(&self) -> bool {
        self.0.needs_restart
    }

    /// On [`ErrorKind::NotFound`], whether the object's folder was absent as well. A store with folders, such as a
    /// directory, says so whenever it is the case. In one without, such as a bucket, a folder is but the beginning of
    /// names: it never says so, for finding out would cost a listing at every absent object.
    pub fn folder_missing(&self) -> bool {
        self.0.folder_missing
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.0.key, self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_its_object_and_leaves_its_source_to_the_chain() {
        let error = Error::new(
            ErrorKind::Unavailable,
            "a/b",
            "no space left on `/x`: free some or collect",
        )
        .with_source(std::io::Error::from_raw_os_error(28));
        assert_eq!(
            error.to_string(),
            "`a/b`: no space left on `/x`: free some or collect"
        );
        assert_eq!(
            error.source().unwrap().to_string(),
            "No space left on device (os error 28)"
        );
        assert!(error.is_retryable() && !error.clone().with_needs_restart().is_retryable());
    }
}
