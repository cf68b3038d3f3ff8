//! A file system that knows what of it is durable, and can be turned off.
//!
//! It is as unkind as POSIX allows: of the entries of a folder that were made or removed since its last fsync, any
//! choice may survive; of bytes since a file's last fsync, any prefix, or zeros in their place. An fsync that fails
//! drops what it should have written: the next one succeeds and the bytes are still not durable.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::io::{Errno, Result};

use crate::directory::sys::{Entry, FileKind, Identity, Status, Sys};

#[derive(Clone)]
pub(super) struct Model(Arc<Mutex<World>>);

#[derive(Clone)]
pub(super) struct World {
    nodes: Vec<Node>,
    /// Seconds.
    pub(super) clock: i64,
    /// How many fsyncs of files fail from now on.
    pub(super) failing_file_syncs: usize,
    /// The same for folders.
    pub(super) failing_dir_syncs: usize,
}

#[derive(Clone)]
enum Node {
    Dir {
        entries: Entries,
        durable: Entries,
        pending: Vec<Change>,
        removed: bool,
    },
    File {
        bytes: Vec<u8>,
        durable_len: usize,
        dropped: bool,
        modified: i64,
    },
}

type Entries = BTreeMap<String, usize>;

#[derive(Clone)]
struct Change {
    name: String,
    /// None if it was removed.
    node: Option<usize>,
    /// A failed fsync has dropped it: no later one makes it durable.
    dropped: bool,
}

impl Model {
    pub(super) fn new() -> Self {
        Self::boot(World {
            nodes: vec![new_dir()],
            clock: 0,
            failing_file_syncs: 0,
            failing_dir_syncs: 0,
        })
    }

    pub(super) fn boot(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
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

    fn add(&self, node: Node) -> usize {
        let mut world = self.world();
        world.nodes.push(node);
        world.nodes.len() - 1
    }

    fn new_file(&self) -> usize {
        let modified = self.world().clock;
        self.add(Node::File {
            bytes: Vec::new(),
            durable_len: 0,
            dropped: false,
            modified,
        })
    }
}

impl World {
    /// What the disk holds if only the process dies.
    pub(super) fn killed(&self) -> Self {
        let changes = self.changes();
        let mut image = self.image(u64::MAX, changes, |bytes, _| bytes.to_vec());
        image.clock = self.clock;
        image
    }

    /// Shows every state that the disk may be in after a power failure now.
    pub(super) fn for_each_crash(&self, mut show: impl FnMut(Self)) {
        let changes = self.changes();
        assert!(changes <= 12, "{changes} changes are too many to enumerate");
        let torn_max = self.nodes.iter().map(Node::unsynced).max().unwrap_or(0);
        for survivors in 0..1_u64 << changes {
            for torn in 0..=torn_max {
                show(self.image(survivors, changes, |bytes, durable| {
                    bytes[..bytes.len().min(durable + torn)].to_vec()
                }));
            }
            if torn_max > 0 {
                show(self.image(survivors, changes, |bytes, durable| {
                    let mut zeroed = bytes.to_vec();
                    zeroed[durable..].fill(0);
                    zeroed
                }));
            }
        }
    }

    fn changes(&self) -> usize {
        self.nodes
            .iter()
            .map(|node| {
                if let Node::Dir { pending, .. } = node {
                    pending.len()
                } else {
                    0
                }
            })
            .sum()
    }

    fn image(&self, survivors: u64, changes: usize, survive: impl Fn(&[u8], usize) -> Vec<u8>) -> Self {
        let mut number = 0;
        let nodes = self.nodes.iter().map(|node| match node {
            Node::Dir {
                durable,
                pending,
                removed,
                ..
            } => {
                let mut entries = durable.clone();
                for change in pending {
                    if survivors >> number & 1 == 1 {
                        match change.node {
                            Some(node) => entries.insert(change.name.clone(), node),
                            None => entries.remove(&change.name),
                        };
                    }
                    number += 1;
                }
                Node::Dir {
                    durable: entries.clone(),
                    entries,
                    pending: Vec::new(),
                    removed: *removed,
                }
            }
            Node::File {
                bytes,
                durable_len,
                modified,
                ..
            } => {
                let bytes = survive(bytes, *durable_len);
                Node::File {
                    durable_len: bytes.len(),
                    bytes,
                    dropped: false,
                    modified: *modified,
                }
            }
        });
        let nodes = nodes.collect();
        assert_eq!(number, changes);
        // Recovery is tried long after, so that leftovers are old.
        Self {
            nodes,
            clock: self.clock + 7200,
            failing_file_syncs: 0,
            failing_dir_syncs: 0,
        }
    }
}

impl Node {
    fn unsynced(&self) -> usize {
        if let Self::File {
            bytes, durable_len, ..
        } = self
        {
            bytes.len() - durable_len
        } else {
            0
        }
    }
}

fn new_dir() -> Node {
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
        self.enter(*at, name, node)
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
        Ok(())
    }

    fn sync_dir(&self, dir: &usize) -> Result<()> {
        let mut world = self.world();
        let fails = world.failing_dir_syncs > 0;
        world.failing_dir_syncs -= usize::from(fails);
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
        Ok(node)
    }

    fn open_file(&self, at: &usize, name: &str) -> Result<usize> {
        self.find(*at, name)
    }

    fn write(&self, file: &usize, new: &[u8]) -> Result<usize> {
        let Node::File { bytes, .. } = &mut self.world().nodes[*file] else {
            return Err(Errno::ISDIR);
        };
        let written = new.len().min(3);
        bytes.extend_from_slice(&new[..written]);
        Ok(written)
    }

    fn sync_file(&self, file: &usize) -> Result<()> {
        let mut world = self.world();
        let fails = world.failing_file_syncs > 0;
        world.failing_file_syncs -= usize::from(fails);
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
        Ok(())
    }

    fn read_at(&self, file: &usize, into: &mut [u8], offset: u64) -> Result<usize> {
        let Node::File { bytes, .. } = &self.world().nodes[*file] else {
            return Err(Errno::ISDIR);
        };
        let rest = bytes.get(offset as usize..).unwrap_or_default();
        let read = rest.len().min(into.len()).min(4);
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
        self.enter(*to, name, *file)
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
        self.enter(*to, name, file)
    }

    fn unlink(&self, at: &usize, name: &str) -> Result<()> {
        let node = self.find(*at, name)?;
        if matches!(self.world().nodes[node], Node::Dir { .. }) {
            return Err(Errno::ISDIR);
        }
        self.leave(*at, name).map(drop)
    }
}
