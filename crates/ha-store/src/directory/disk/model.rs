//! A file system that knows what of it is durable, and can be turned off.
//!
//! It is as unkind as POSIX allows: of the entries of a folder that were made or removed since its last fsync, any
//! choice may survive; of bytes since a file's last fsync, any prefix, or zeros in their place. An fsync that fails
//! drops what it should have written: the next one succeeds and the bytes are still not durable.
//!
//! What may then be on the disk is in `images`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::{Errno, Result};

use crate::directory::sys::{Entry, FileKind, Identity, Status, Sys};

#[derive(Clone, Debug)]
pub(in crate::directory) struct Model(Arc<Mutex<World>>);

#[derive(Clone, Debug)]
pub(in crate::directory) struct World {
    pub(super) nodes: Vec<Node>,
    /// Seconds.
    pub(in crate::directory) clock: i64,
    /// How many fsyncs of files fail from now on.
    pub(in crate::directory) failing_file_syncs: usize,
    /// The same for folders.
    pub(in crate::directory) failing_dir_syncs: usize,
    /// Fsyncs say that all went well, and do nothing.
    pub(super) lies: Lies,
    /// The most bytes that one write takes, and one read gives.
    pub(super) chunk: (usize, usize),
    /// What the world was after each call that changed something, if it is recorded.
    pub(super) record: Option<Vec<Self>>,
}

/// Which fsyncs are done by nobody.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Lies {
    pub(super) files: bool,
    pub(super) folders: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Dir {
        entries: Entries,
        durable: Entries,
        pending: Vec<Change>,
        removed: bool,
    },
    File {
        /// Shared by all images that have it.
        bytes: Arc<Vec<u8>>,
        durable_len: usize,
        dropped: bool,
        modified: i64,
    },
}

pub(super) type Entries = BTreeMap<String, usize>;

#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) name: String,
    /// None if it was removed.
    pub(super) node: Option<usize>,
    /// A failed fsync has dropped it: no later one makes it durable.
    pub(super) dropped: bool,
}

impl Model {
    pub(in crate::directory) fn new() -> Self {
        Self::boot(World {
            nodes: vec![new_dir()],
            clock: 0,
            failing_file_syncs: 0,
            failing_dir_syncs: 0,
            lies: Lies::default(),
            chunk: (3, 4),
            record: None,
        })
    }

    pub(in crate::directory) fn boot(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    pub(in crate::directory) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dir<T>(&self, dir: usize, act: impl FnOnce(&mut Entries, &mut Vec<Change>) -> Result<T>) -> Result<T> {
        match &mut self.world().nodes[dir] {
            Node::Dir { removed: true, .. } => Err(Errno::NOENT),
            Node::Dir { entries, pending, .. } => act(entries, pending),
            Node::File { .. } => Err(Errno::NOTDIR),
        }
    }

    fn find(&self, dir: usize, name: &str) -> Result<usize> {
        self.dir(dir, |entries, _| entries.get(name).copied().ok_or(Errno::NOENT))
    }

    fn enter(&self, dir: usize, name: &str, node: usize) -> Result<()> {
        self.dir(dir, |entries, pending| {
            entries.insert(name.to_owned(), node);
            pending.push(Change {
                name: name.to_owned(),
                node: Some(node),
                dropped: false,
            });
            Ok(())
        })
    }

    fn leave(&self, dir: usize, name: &str) -> Result<usize> {
        self.dir(dir, |entries, pending| {
            let node = entries.remove(name).ok_or(Errno::NOENT)?;
            pending.push(Change {
                name: name.to_owned(),
                node: None,
                dropped: false,
            });
            Ok(node)
        })
    }

    fn check_free(&self, dir: usize, name: &str) -> Result<()> {
        match self.find(dir, name) {
            Ok(_) => Err(Errno::EXIST),
            Err(Errno::NOENT) => self.dir(dir, |_, _| Ok(())),
            Err(errno) => Err(errno),
        }
    }

    /// Something has changed.
    fn note(&self) {
        let mut world = self.world();
        if let Some(mut record) = world.record.take() {
            record.push(world.clone());
            world.record = Some(record);
        }
    }

    fn add(&self, node: Node) -> usize {
        let mut world = self.world();
        world.nodes.push(node);
        world.nodes.len() - 1
    }

    fn new_file(&self) -> usize {
        let modified = self.world().clock;
        self.add(Node::File {
            bytes: Arc::default(),
            durable_len: 0,
            dropped: false,
            modified,
        })
    }
}

pub(super) fn new_dir() -> Node {
    Node::Dir {
        entries: Entries::new(),
        durable: Entries::new(),
        pending: Vec::new(),
        removed: false,
    }
}

impl Sys for Model {
    type Dir = usize;
    type File = usize;

    fn open_root(&self) -> Result<usize> {
        Ok(0)
    }

    fn root_identity(&self) -> Result<Identity> {
        Ok(Identity { device: 1, inode: 0 })
    }

    fn dir_status(&self, dir: &usize) -> Result<Status> {
        let removed = matches!(self.world().nodes[*dir], Node::Dir { removed: true, .. });
        Ok(Status {
            links: if removed { 0 } else { 2 },
            ..self.status(dir)?
        })
    }

    fn open_dir(&self, at: &usize, name: &str) -> Result<usize> {
        let node = self.find(*at, name)?;
        self.dir(node, |_, _| Ok(node))
    }

    fn make_dir(&self, at: &usize, name: &str) -> Result<()> {
        self.check_free(*at, name)?;
        let node = self.add(new_dir());
        self.enter(*at, name, node)?;
        self.note();
        Ok(())
    }

    fn remove_dir(&self, at: &usize, name: &str) -> Result<()> {
        let node = self.find(*at, name)?;
        self.dir(node, |entries, _| {
            if entries.is_empty() {
                Ok(())
            } else {
                Err(Errno::NOTEMPTY)
            }
        })?;
        self.leave(*at, name)?;
        if let Node::Dir { removed, .. } = &mut self.world().nodes[node] {
            *removed = true;
        }
        self.note();
        Ok(())
    }

    fn sync_dir(&self, dir: &usize) -> Result<()> {
        let mut world = self.world();
        let fails = world.failing_dir_syncs > 0;
        world.failing_dir_syncs -= usize::from(fails);
        if world.lies.folders {
            return Ok(());
        }
        let Node::Dir { durable, pending, .. } = &mut world.nodes[*dir] else {
            return Err(Errno::NOTDIR);
        };
        if fails {
            pending.iter_mut().for_each(|change| change.dropped = true);
            return Err(Errno::IO);
        }
        let (dropped, kept): (Vec<Change>, Vec<Change>) = std::mem::take(pending)
            .into_iter()
            .partition(|change| change.dropped);
        for change in kept {
            match change.node {
                Some(node) => durable.insert(change.name, node),
                None => durable.remove(&change.name),
            };
        }
        *pending = dropped;
        drop(world);
        self.note();
        Ok(())
    }

    fn entries(&self, dir: usize) -> Result<Vec<Entry>> {
        let entries = self.dir(dir, |entries, _| Ok(entries.clone()))?;
        let world = self.world();
        let kind = |node: usize| match world.nodes[node] {
            Node::Dir { .. } => FileKind::Folder,
            Node::File { .. } => FileKind::File,
        };
        Ok(entries
            .into_iter()
            .map(|(name, node)| Entry {
                name,
                kind: kind(node),
            })
            .collect())
    }

    fn open_unnamed(&self, at: &usize) -> Result<usize> {
        // As ext4 puts it.
        self.dir(*at, |_, _| Ok(())).map_err(|_| Errno::PERM)?;
        Ok(self.new_file())
    }

    fn open_named(&self, at: &usize, name: &str) -> Result<usize> {
        self.check_free(*at, name)?;
        let node = self.new_file();
        self.enter(*at, name, node)?;
        self.note();
        Ok(node)
    }

    fn open_file(&self, at: &usize, name: &str) -> Result<usize> {
        self.find(*at, name)
    }

    fn write(&self, file: &usize, new: &[u8]) -> Result<usize> {
        let mut world = self.world();
        let written = new.len().min(world.chunk.0);
        let Node::File { bytes, .. } = &mut world.nodes[*file] else {
            return Err(Errno::ISDIR);
        };
        Arc::make_mut(bytes).extend_from_slice(&new[..written]);
        drop(world);
        self.note();
        Ok(written)
    }

    fn sync_file(&self, file: &usize) -> Result<()> {
        let mut world = self.world();
        let fails = world.failing_file_syncs > 0;
        world.failing_file_syncs -= usize::from(fails);
        if world.lies.files {
            return Ok(());
        }
        let Node::File {
            bytes,
            durable_len,
            dropped,
            ..
        } = &mut world.nodes[*file]
        else {
            return Err(Errno::ISDIR);
        };
        if fails {
            *dropped = true;
            return Err(Errno::IO);
        }
        if !*dropped {
            *durable_len = bytes.len();
        }
        drop(world);
        self.note();
        Ok(())
    }

    fn read_at(&self, file: &usize, into: &mut [u8], offset: u64) -> Result<usize> {
        let world = self.world();
        let Node::File { bytes, .. } = &world.nodes[*file] else {
            return Err(Errno::ISDIR);
        };
        let rest = bytes.get(offset as usize..).unwrap_or_default();
        let read = rest.len().min(into.len()).min(world.chunk.1);
        into[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn status(&self, file: &usize) -> Result<Status> {
        let world = self.world();
        let names = |node: &Node| match node {
            Node::Dir { entries, .. } => entries.values().filter(|node| *node == file).count(),
            Node::File { .. } => 0,
        };
        let (kind, len, modified) = match &world.nodes[*file] {
            Node::Dir { .. } => (FileKind::Folder, 0, 0),
            Node::File { bytes, modified, .. } => (FileKind::File, bytes.len(), *modified),
        };
        let links = world.nodes.iter().map(names).sum::<usize>() as u64;
        let identity = Identity {
            device: 1,
            inode: *file as u64,
        };
        Ok(Status {
            kind,
            identity,
            len: len as u64,
            links,
            modified,
        })
    }

    fn status_at(&self, at: &usize, name: &str) -> Result<Status> {
        self.status(&self.find(*at, name)?)
    }

    fn link_unnamed(&self, file: &usize, to: &usize, name: &str) -> Result<()> {
        self.check_free(*to, name)?;
        self.enter(*to, name, *file)?;
        self.note();
        Ok(())
    }

    fn link_named(&self, from: &usize, temp: &str, to: &usize, name: &str) -> Result<()> {
        let file = self.find(*from, temp)?;
        self.link_unnamed(&file, to, name)
    }

    fn rename_exclusive(&self, from: &usize, temp: &str, to: &usize, name: &str) -> Result<()> {
        self.find(*from, temp)?;
        self.check_free(*to, name)?;
        self.rename(from, temp, to, name)
    }

    fn rename(&self, from: &usize, temp: &str, to: &usize, name: &str) -> Result<()> {
        self.dir(*to, |_, _| Ok(()))?;
        let file = self.leave(*from, temp)?;
        self.enter(*to, name, file)?;
        self.note();
        Ok(())
    }

    fn unlink(&self, at: &usize, name: &str) -> Result<()> {
        let node = self.find(*at, name)?;
        if matches!(self.world().nodes[node], Node::Dir { .. }) {
            return Err(Errno::ISDIR);
        }
        self.leave(*at, name)?;
        self.note();
        Ok(())
    }
}
