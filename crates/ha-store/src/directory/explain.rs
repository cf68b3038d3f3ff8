//! From what the system says to what the caller should do.

use std::io;

use rustix::io::Errno;

use crate::{Error, ErrorKind};

/// Makes errors about one store, whose root it names.
#[derive(Clone, Debug)]
pub(super) struct Explain {
    pub(super) root: String,
}

impl Explain {
    /// A step failed before which nothing can have been written for readers to see.
    pub(super) fn before(&self, key: &str, doing: &str, errno: Errno) -> Error {
        let root = &self.root;
        let (kind, message) = match errno {
            Errno::NOSPC => (
                ErrorKind::Unavailable,
                format!("no space left on `{root}`: free some or collect"),
            ),
            Errno::DQUOT => (
                ErrorKind::Unavailable,
                format!("the disk quota on `{root}` is used up: raise it, free some or collect"),
            ),
            Errno::ROFS => (
                ErrorKind::Denied,
                format!(
                    "`{root}` is on a read-only file system: remount it for writing, and look at the system's log for why"
                ),
            ),
            Errno::ACCESS | Errno::PERM => (
                ErrorKind::Denied,
                format!(
                    "{doing} is not permitted: give this process's user read and write access to all below `{root}`"
                ),
            ),
            Errno::NOTDIR | Errno::LOOP => (
                ErrorKind::Denied,
                format!(
                    "a file or a symbolic link stands where a folder of `{root}` belongs, and links are not followed: move it away"
                ),
            ),
            Errno::XDEV => (
                ErrorKind::Denied,
                format!("a folder of `{root}` is on another file system: the whole store must be on one"),
            ),
            Errno::MFILE | Errno::NFILE => (
                ErrorKind::Unavailable,
                format!("{doing} failed for want of file descriptors: raise the limit"),
            ),
            Errno::STALE => (
                ErrorKind::Unavailable,
                format!(
                    "{doing} failed: the server no longer knows a folder of `{root}`; if this lasts, mount it again"
                ),
            ),
            _ => (
                ErrorKind::Unavailable,
                format!("{doing} failed: look at the system's log for the disk or server of `{root}`"),
            ),
        };
        with(Error::new(kind, key, message), errno)
    }

    /// A read failed. An I/O error is taken for a passing one: it is what a soft NFS mount says of a server that is
    /// away, and it is not for one reader to declare an object lost.
    pub(super) fn reading(&self, key: &str, errno: Errno) -> Error {
        match errno {
            Errno::BADMSG | Errno::UCLEAN => with(
                Error::new(
                    ErrorKind::Corrupt,
                    key,
                    "the file system found its own data damaged: check it, then repair the object from another node",
                ),
                errno,
            ),
            _ => self.before(key, "reading", errno),
        }
    }

    /// The step failed that makes an object visible.
    pub(super) fn committing(&self, key: &str, doing: &str, errno: Errno) -> Error {
        if is_definite(errno) {
            self.before(key, doing, errno)
        } else {
            with(unknown(key, doing), errno)
        }
    }

    /// The root's path leads elsewhere than it did at the start.
    pub(super) fn replaced(&self, key: &str) -> Error {
        let root = &self.root;
        Error::new(
            ErrorKind::Unavailable,
            key,
            format!(
                "the directory `{root}` was replaced or unmounted: put it back, or restart to use the new one"
            ),
        )
    }

    /// The folder was once not to be made durable.
    pub(super) fn poisoned(&self, key: &str) -> Error {
        let root = &self.root;
        Error::new(
            ErrorKind::OutcomeUnknown,
            key,
            format!("its folder could not be made durable, and nothing in it is acknowledged any more: look at the system's log for the disk of `{root}`, then restart"),
        )
        .with_needs_restart()
    }

    /// Folders or temporary files went away as fast as they were made.
    pub(super) fn restless(&self, key: &str) -> Error {
        let root = &self.root;
        Error::new(
            ErrorKind::Unavailable,
            key,
            format!(
                "its folder is deleted again and again: see what else removes things below `{root}`, then retry"
            ),
        )
    }
}

/// Nothing tells whether the step has been made.
fn unknown(key: &str, doing: &str) -> Error {
    Error::new(
        ErrorKind::OutcomeUnknown,
        key,
        format!("{doing} may or may not have happened: read the object, or retry with the same bytes"),
    )
}

pub(super) fn exists(key: &str) -> Error {
    Error::new(ErrorKind::Exists, key, "exists: read it to see whose it is")
}

pub(super) fn not_found(key: &str) -> Error {
    Error::new(ErrorKind::NotFound, key, "not found")
}

pub(super) fn folder_not_found(key: &str) -> Error {
    Error::new(ErrorKind::NotFound, key, "not found, nor is its folder").with_folder_missing()
}

/// `error` with what the system said, in its own words, as the source.
pub(super) fn with(error: Error, errno: Errno) -> Error {
    error.with_source(io::Error::from_raw_os_error(errno.raw_os_error()))
}

/// Whether link or rename say this only when they have done nothing. The rest, EIO and ESTALE first, may come from a
/// lost reply or from a journal that failed half-way.
fn is_definite(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::ACCESS
            | Errno::PERM
            | Errno::ROFS
            | Errno::NOSPC
            | Errno::DQUOT
            | Errno::MLINK
            | Errno::NAMETOOLONG
            | Errno::NOTDIR
            | Errno::ISDIR
            | Errno::LOOP
            | Errno::XDEV
            | Errno::INVAL
            | Errno::NOSYS
            | Errno::OPNOTSUPP
    )
}
