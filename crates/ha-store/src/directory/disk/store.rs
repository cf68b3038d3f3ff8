//! The disk as others see it, and the directory store on it.

use std::ops::Range;

use bytes::Bytes;

use super::model::{Lies, Model, World};
use crate::directory::engine::Engine;
use crate::{Error, Folder, Key};

/// A disk in memory that knows what of it is durable, and can lose power. Clones are the same disk.
///
/// It is as unkind as POSIX allows: of the entries of a folder that were made or removed since its last fsync, any choice may survive; of bytes
/// since a file's last fsync, any prefix, or zeros in their place.
///
/// ```
/// use ha_store::Key;
/// use ha_store::crash::Disk;
///
/// let disk = Disk::new();
/// let (first, second) = (Key::new("journal/0/1")?, Key::new("journal/0/2")?);
/// let store = disk.open()?;
/// store.create(&first, b"acknowledged")?;
/// disk.record();
/// store.create(&second, b"under way")?;
/// for step in disk.recorded() {
///     step.cuts(1000, 0, |left| {
///         let store = left.open().expect("it opens after every crash");
///         assert_eq!(store.get(&first).expect("it is there"), "acknowledged");
///     });
/// }
/// # Ok::<(), ha_store::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Disk(Model);

/// How many states were shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Cuts {
    /// So many.
    pub shown: u64,
    /// Whether these are all that there are.
    pub all: bool,
}

impl Default for Disk {
    fn default() -> Self {
        Self::new()
    }
}

impl Disk {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        let model = Model::new();
        model.world().chunk = (1 << 16, 1 << 20);
        Self(model)
    }

    fn of(world: World) -> Self {
        Self(Model::boot(world))
    }

    /// Opens the store on it, as another process would.
    ///
    /// # Errors
    /// As [`DirectoryStore::open`](crate::DirectoryStore::open).
    pub fn open(&self) -> Result<DiskStore, Error> {
        Engine::open(self.0.clone(), "a disk in memory".to_owned()).map(DiskStore)
    }

    /// Keeps, from here on, what the disk is after each system call that changes something.
    pub fn record(&self) {
        self.0.world().record = Some(Vec::new());
    }

    /// What it was after each such call since this was last asked, or since [`record`](Self::record).
    #[must_use]
    pub fn recorded(&self) -> Vec<Self> {
        let taken = self.0.world().record.as_mut().map(std::mem::take);
        taken.unwrap_or_default().into_iter().map(Self::of).collect()
    }

    /// Shows what may be left after a power failure now: every state if there are at most `most`, else so many, drawn from `seed`. The first is the
    /// one in which nothing survives that was not made durable.
    pub fn cuts(&self, most: u64, seed: u64, mut show: impl FnMut(Self)) -> Cuts {
        let world = self.0.world().clone();
        let (shown, all) = world.crashes(most, seed, |left| show(Self::of(left)));
        Cuts { shown, all }
    }

    /// What is left if nothing survives that was not made durable.
    #[must_use]
    pub fn worst(&self) -> Self {
        let mut worst = None;
        self.cuts(1, 0, |left| worst = Some(left));
        worst.unwrap_or_default()
    }

    /// What is left if only the processes die: everything.
    #[must_use]
    pub fn killed(&self) -> Self {
        let world = self.0.world().killed();
        Self::of(world)
    }

    /// Writes back what was not made durable, as a system does when it has time, until at most `keep` changes of folders are left.
    pub fn write_back(&self, keep: usize) {
        self.0.world().settle(keep);
    }

    /// From here on an fsync of a file, or of a folder, says that all went well, and does nothing: a planted bug.
    pub fn lie(&self, about_files: bool, about_folders: bool) {
        self.0.world().lies = Lies {
            files: about_files,
            folders: about_folders,
        };
    }

    /// The same number for the same names with the same bytes.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.0.world().fingerprint()
    }
}

/// The directory store on such a disk: the production code, above other system calls. Blocking, and without deadlines.
#[derive(Debug)]
pub struct DiskStore(Engine<Model>);

impl DiskStore {
    /// As [`Store::create`](crate::Store::create).
    ///
    /// # Errors
    /// As there.
    pub fn create(&self, key: &Key, bytes: &[u8]) -> Result<(), Error> {
        self.0.create(key, bytes)
    }

    /// As [`Store::put`](crate::Store::put).
    ///
    /// # Errors
    /// As there.
    pub fn put(&self, key: &Key, bytes: &[u8]) -> Result<(), Error> {
        self.0.put(key, bytes)
    }

    /// As [`Store::get`](crate::Store::get).
    ///
    /// # Errors
    /// As there.
    pub fn get(&self, key: &Key) -> Result<Bytes, Error> {
        self.0.get(key)
    }

    /// As [`Store::get_range`](crate::Store::get_range).
    ///
    /// # Errors
    /// As there.
    pub fn get_range(&self, key: &Key, range: Range<u64>) -> Result<Bytes, Error> {
        self.0.get_range(key, range)
    }

    /// As [`Store::list`](crate::Store::list).
    ///
    /// # Errors
    /// As there.
    pub fn list(&self, folder: &Folder) -> Result<Vec<String>, Error> {
        self.0.list(folder)
    }

    /// As [`Store::delete`](crate::Store::delete).
    ///
    /// # Errors
    /// As there.
    pub fn delete(&self, key: &Key) -> Result<(), Error> {
        self.0.delete(key)
    }
}
