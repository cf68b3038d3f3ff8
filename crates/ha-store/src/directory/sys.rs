//! The system calls that the directory backend is made of, as a trait, so that tests can stop it between any two of
//! them and can decide what a power failure leaves behind.

use rustix::io::Result;

/// The calls. Names are single components, relative to an open folder; none of them follows a symbolic link, but for
/// the path of the root.
pub(super) trait Sys: Send + Sync + 'static {
    /// An open folder.
    type Dir: Send + Sync;
    /// An open file.
    type File: Send + Sync;

    /// Resolves the root's path anew and opens it.
    fn open_root(&self) -> Result<Self::Dir>;
    /// Resolves the root's path anew.
    fn root_identity(&self) -> Result<Identity>;
    fn dir_status(&self, dir: &Self::Dir) -> Result<Status>;
    fn open_dir(&self, at: &Self::Dir, name: &str) -> Result<Self::Dir>;
    fn make_dir(&self, at: &Self::Dir, name: &str) -> Result<()>;
    /// Removes an empty folder.
    fn remove_dir(&self, at: &Self::Dir, name: &str) -> Result<()>;
    /// Makes the folder's entries durable.
    fn sync_dir(&self, dir: &Self::Dir) -> Result<()>;
    fn entries(&self, dir: Self::Dir) -> Result<Vec<Entry>>;

    /// A new file without a name, for writing, that vanishes if it is never linked (`O_TMPFILE`).
    fn open_unnamed(&self, at: &Self::Dir) -> Result<Self::File>;
    /// A new file under a name that was free, for writing.
    fn open_named(&self, at: &Self::Dir, name: &str) -> Result<Self::File>;
    /// Opens a file for reading.
    fn open_file(&self, at: &Self::Dir, name: &str) -> Result<Self::File>;
    /// Writes some of `bytes` at the file's end and says how many.
    fn write(&self, file: &Self::File, bytes: &[u8]) -> Result<usize>;
    /// Makes the file's bytes durable.
    fn sync_file(&self, file: &Self::File) -> Result<()>;
    /// Reads some bytes and says how many; 0 at the end.
    fn read_at(&self, file: &Self::File, into: &mut [u8], offset: u64) -> Result<usize>;
    fn status(&self, file: &Self::File) -> Result<Status>;
    fn status_at(&self, at: &Self::Dir, name: &str) -> Result<Status>;

    /// Gives an unnamed file a name that is free.
    fn link_unnamed(&self, file: &Self::File, to: &Self::Dir, name: &str) -> Result<()>;
    /// Gives a file a second name that is free.
    fn link_named(&self, from: &Self::Dir, temp: &str, to: &Self::Dir, name: &str) -> Result<()>;
    /// Moves a file to a name that is free.
    fn rename_exclusive(&self, from: &Self::Dir, temp: &str, to: &Self::Dir, name: &str) -> Result<()>;
    /// Moves a file to a name, in place of what bore it.
    fn rename(&self, from: &Self::Dir, temp: &str, to: &Self::Dir, name: &str) -> Result<()>;
    fn unlink(&self, at: &Self::Dir, name: &str) -> Result<()>;
}

/// Which file or folder this is, whatever its name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Identity {
    pub(super) device: u64,
    pub(super) inode: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum FileKind {
    File,
    Folder,
    Other,
    /// The listing did not tell.
    Unknown,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) kind: FileKind,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Status {
    pub(super) kind: FileKind,
    pub(super) identity: Identity,
    pub(super) len: u64,
    /// How many names it has; a folder that was removed has none.
    pub(super) links: u64,
    /// Seconds, by the file system's clock, when it was last written.
    pub(super) modified: i64,
}
