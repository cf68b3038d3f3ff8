//! A store in a directory: local, or on a network file system that several machines mount.

mod create;
mod delete;
#[cfg(any(test, feature = "crash"))]
pub(crate) mod disk;
mod engine;
mod explain;
mod folders;
mod list;
mod pool;
mod probe;
mod put;
mod read;
mod real;
mod root;
mod stage;
mod sweep;
mod sys;
mod temp;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use self::engine::Engine;
use self::pool::{Missed, Pool, Urgency};
use self::real::Real;
use crate::{Error, ErrorKind, Folder, Key, Operation, Store};

/// A store whose objects are files below one directory, the root.
///
/// - **create** writes a file that has no name yet, makes its bytes durable, gives it its name if that is free, and
///   makes the name durable. So readers never see half an object, and a crash at any point leaves a whole one or
///   none. Where there are no unnamed files it takes a temporary one, and `link` or an exclusive rename; a file
///   system that has neither is refused when the store is opened.
/// - **put** renames a temporary file into place and waits for no disk.
/// - **get and list** resolve the root's path and open the folder anew each time. If the path leads to another
///   directory than at the start, because that was unmounted or replaced, every call is
///   [`Unavailable`](ErrorKind::Unavailable), and never says that something is absent.
/// - **delete** also removes the folder if it is left empty and is not at the top.
///
/// A failed fsync is never repeated on the same file. Once a *folder* cannot be made durable, every create in it ends
/// with [`OutcomeUnknown`](ErrorKind::OutcomeUnknown) and [`Error::needs_restart`], until another process opens the
/// store.
///
/// Files are 0600 and directories 0700. Symbolic links below the root are not followed. Foreign names are left out of
/// listings, and [counted](Self::skipped). Temporary files, `.tmp-…` in the root, that a crash has left are removed
/// at the next opening.
///
/// The work is done on at most 16 threads of the store's own, the creates first. When a call's deadline passes, work
/// that no thread has begun is withdrawn, certainly without effect; work under way goes on, and a write's outcome is
/// unknown.
///
/// A local file system and NFS (version 3 or later, without `nocto`) serve; the root must be on one file system.
///
/// ```
/// use std::time::Duration;
///
/// use ha_store::{DirectoryStore, Key, Store};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// let store = DirectoryStore::open(&dir.path().join("plane"))?;
/// let slot = Key::new("journal/00000000/00000000000000000001")?;
/// store.create(&slot, "genesis".into(), Duration::from_secs(5)).await?;
/// assert_eq!(store.get(&slot, Duration::from_secs(5)).await?, "genesis");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct DirectoryStore {
    path: PathBuf,
    engine: Arc<Engine<Real>>,
    pool: Pool,
}

impl DirectoryStore {
    /// Opens the store in a directory, which is made if it is missing. The path is taken as from the current
    /// directory now; later changes of that do not matter. Tries out what the file system can do, and removes what
    /// crashed writers have left.
    ///
    /// This blocks on the disk: call it before the work begins, or off the async threads.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Denied`] if an operator must do something first: the path is a file, may not be written, or is on
    /// a file system that cannot keep what the store promises. [`ErrorKind::Unavailable`] if the disk or server does
    /// not serve just now. A full disk is no error yet, so that it can be read and collected.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let path = root::prepare(root)?;
        let engine = Engine::open(Real::new(&path), path.display().to_string())?;
        Ok(Self {
            path,
            engine: Arc::new(engine),
            pool: Pool::new(),
        })
    }

    /// The root's absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many names the listings of this client have left out so far because they cannot be those of objects. A
    /// foreign file counts in each listing of its folder.
    pub fn skipped(&self) -> u64 {
        self.engine.skipped.load(Ordering::Relaxed)
    }

    async fn run<T: Send + 'static>(
        &self,
        operation: Operation,
        name: &str,
        within: Duration,
        work: impl FnOnce(&Engine<Real>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let engine = Arc::clone(&self.engine);
        let urgency = if operation == Operation::Create {
            Urgency::First
        } else {
            Urgency::Later
        };
        match self.pool.run(urgency, within, move || work(&engine)).await {
            Ok(done) => done,
            Err(missed) => Err(self.missed(operation, name, missed)),
        }
    }

    fn missed(&self, operation: Operation, name: &str, missed: Missed) -> Error {
        let root = &self.engine.explain.root;
        let name = if name.is_empty() { root } else { name };
        let message = match missed {
            Missed::NotStarted | Missed::Crowded => format!(
                "{operation} was not begun in time, for the disk or server of `{root}` is slow or hangs: see what holds it up, then retry"
            ),
            Missed::Underway => format!(
                "{operation} was not answered in time by the disk or server of `{root}`: see what holds it up, then retry"
            ),
            Missed::Died => format!("{operation} ended in a panic, a defect of the store: please report it"),
        };
        let has_begun = matches!(missed, Missed::Underway | Missed::Died);
        let kind = if has_begun && operation.is_write() {
            ErrorKind::OutcomeUnknown
        } else {
            ErrorKind::Unavailable
        };
        Error::new(kind, name, message)
    }
}

#[async_trait]
impl Store for DirectoryStore {
    async fn create(&self, key: &Key, bytes: Bytes, within: Duration) -> Result<(), Error> {
        let owned = key.clone();
        self.run(Operation::Create, key.as_str(), within, move |engine| {
            engine.create(&owned, &bytes)
        })
        .await
    }

    async fn put(&self, key: &Key, bytes: Bytes, within: Duration) -> Result<(), Error> {
        let owned = key.clone();
        self.run(Operation::Put, key.as_str(), within, move |engine| {
            engine.put(&owned, &bytes)
        })
        .await
    }

    async fn get(&self, key: &Key, within: Duration) -> Result<Bytes, Error> {
        let owned = key.clone();
        self.run(Operation::Get, key.as_str(), within, move |engine| {
            engine.get(&owned)
        })
        .await
    }

    async fn get_range(&self, key: &Key, range: Range<u64>, within: Duration) -> Result<Bytes, Error> {
        let owned = key.clone();
        self.run(Operation::GetRange, key.as_str(), within, move |engine| {
            engine.get_range(&owned, range)
        })
        .await
    }

    async fn list(&self, folder: &Folder, within: Duration) -> Result<Vec<String>, Error> {
        let owned = folder.clone();
        self.run(Operation::List, folder.as_str(), within, move |engine| {
            engine.list(&owned)
        })
        .await
    }

    async fn delete(&self, key: &Key, within: Duration) -> Result<(), Error> {
        let owned = key.clone();
        self.run(Operation::Delete, key.as_str(), within, move |engine| {
            engine.delete(&owned)
        })
        .await
    }
}

impl fmt::Display for DirectoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "directory `{}`", self.path.display())
    }
}
