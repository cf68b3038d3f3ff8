//! What the states of the search point into: objects, nodes' states, and what a node's state becomes by an input. Filled as the search goes on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, RwLock};

use ha_proto::layout::{part_key, parts_of, seq_of};
use ha_proto::{Digest, Header, Kind, Manifest, Payload, RawEntry, Seq, WriteId};

use crate::canon::digest;
use crate::oracle::Oracle;

/// Where an object lies.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Key {
    Slot(u8),
    Manifest(u8),
    Part(u8, WriteId, u8),
}

impl Key {
    pub(crate) fn parse(key: &str) -> Option<Self> {
        let (folder, name) = key.rsplit_once('/')?;
        let small = |seq: Seq| u8::try_from(seq.0).expect("a model's journal is short");
        if let Some(of) = folder.strip_prefix("parts/") {
            let (seq, write_id) = parts_of(of)?;
            return Some(Self::Part(small(seq), write_id, name.parse().ok()?));
        }
        match folder {
            "snapshot" => seq_of(name).map(|s| Self::Manifest(small(s))),
            _ if folder.starts_with("journal/") => seq_of(name).map(|s| Self::Slot(small(s))),
            _ => None,
        }
    }
}

/// Something that was sent to be created.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) key: Key,
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) what: What,
}

#[derive(Debug)]
// Each lies behind an `Arc`, and there are few.
#[allow(clippy::large_enum_variant)]
pub(crate) enum What {
    Entry {
        header: Header,
        entry: RawEntry,
        payload: Payload,
    },
    Manifest {
        oracle: u32,
        write_id: WriteId,
        parts: u8,
    },
    Part,
}

impl Object {
    pub(crate) fn kind(&self) -> Option<Kind> {
        match &self.what {
            What::Entry { header, .. } => Some(header.kind),
            What::Manifest { .. } | What::Part => None,
        }
    }
}

struct Interned<T> {
    ids: HashMap<u128, u32>,
    all: Vec<Arc<T>>,
}

/// Equal things under one number. Number 0 is nothing.
pub(crate) struct Interner<T>(RwLock<Interned<T>>);

impl<T> Interner<T> {
    fn new() -> Self {
        Self(RwLock::new(Interned {
            ids: HashMap::new(),
            all: Vec::new(),
        }))
    }

    pub(crate) fn get(&self, id: u32) -> Arc<T> {
        self.0.read().expect("no holder panics").all[id as usize - 1].clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.read().expect("no holder panics").all.len()
    }

    pub(crate) fn find(&self, digest: u128) -> Option<u32> {
        self.0.read().expect("no holder panics").ids.get(&digest).copied()
    }

    /// The number of what has this digest, made if it is new.
    pub(crate) fn put(&self, digest: u128, make: impl FnOnce() -> T) -> u32 {
        if let Some(id) = self.find(digest) {
            return id;
        }
        let thing = Arc::new(make());
        let mut interned = self.0.write().expect("no holder panics");
        if let Some(id) = interned.ids.get(&digest) {
            return *id;
        }
        interned.all.push(thing);
        let id = u32::try_from(interned.all.len()).expect("fewer than four thousand million");
        interned.ids.insert(digest, id);
        id
    }
}

type Memo<E> = HashMap<(u32, u64), (u32, Arc<E>)>;
const SHARDS: usize = 64;

/// `L` is a node's state, `E` what a step of it does to the world.
pub(crate) struct Tables<L, E> {
    pub(crate) objects: Interner<Object>,
    pub(crate) locals: Interner<L>,
    pub(crate) names: Interner<Vec<String>>,
    pub(crate) oracles: Interner<Oracle>,
    /// An entry by its hash: the one before it, and the change that a commit holds.
    links: RwLock<HashMap<Digest, (Digest, Option<u8>)>>,
    memo: Vec<Mutex<Memo<E>>>,
    folds: Mutex<HashMap<(u32, u32), u32>>,
}

impl<L, E> Tables<L, E> {
    pub(crate) fn new() -> Self {
        Self {
            objects: Interner::new(),
            locals: Interner::new(),
            names: Interner::new(),
            oracles: Interner::new(),
            links: RwLock::new(HashMap::new()),
            memo: (0..SHARDS).map(|_| Mutex::new(HashMap::new())).collect(),
            folds: Mutex::new(HashMap::new()),
        }
    }

    fn memo(&self, local: u32) -> std::sync::MutexGuard<'_, Memo<E>> {
        self.memo[local as usize % SHARDS]
            .lock()
            .expect("no holder panics")
    }

    /// What a node's state becomes by an input, worked out once.
    pub(crate) fn stepped(&self, local: u32, input: u64, work: impl FnOnce() -> (u32, E)) -> (u32, Arc<E>) {
        if let Some((to, effects)) = self.memo(local).get(&(local, input)) {
            return (*to, effects.clone());
        }
        let (to, effects) = work();
        let effects = Arc::new(effects);
        self.memo(local).insert((local, input), (to, effects.clone()));
        (to, effects)
    }

    pub(crate) fn steps(&self) -> usize {
        let sizes = self
            .memo
            .iter()
            .map(|m| m.lock().expect("no holder panics").len());
        sizes.sum()
    }

    pub(crate) fn object(&self, key: &str, bytes: &Arc<[u8]>) -> u32 {
        self.objects.put(digest(&(key, bytes)), || {
            let place = Key::parse(key).expect("only the journal, snapshots and parts are created");
            Object {
                key: place,
                bytes: bytes.clone(),
                what: self.what(key, place, bytes),
            }
        })
    }

    fn what(&self, key: &str, place: Key, bytes: &[u8]) -> What {
        match place {
            Key::Slot(seq) => {
                let seq = Seq(u64::from(seq));
                let entry = RawEntry::parse(key, seq, bytes).expect("what a node wrote can be read");
                let payload = entry.decode(key).expect("what a node wrote makes sense");
                let header = entry.header.clone();
                let change = change_of(&payload);
                let mut links = self.links.write().expect("no holder panics");
                links.insert(entry.hash, (header.prev, change));
                drop(links);
                What::Entry {
                    header,
                    entry,
                    payload,
                }
            }
            Key::Manifest(seq) => {
                let manifest =
                    Manifest::parse(Seq(u64::from(seq)), bytes).expect("what a node wrote can be read");
                let oracle = Oracle::of_view(&manifest.view, self.commits_of(manifest.view.chain));
                let parts =
                    u8::try_from(manifest.parts.len()).expect("a snapshot of the model has few parts");
                What::Manifest {
                    oracle: self.oracle(oracle),
                    write_id: manifest.write_id,
                    parts,
                }
            }
            Key::Part(..) => What::Part,
        }
    }

    /// The changes in a chain, in order.
    pub(crate) fn commits_of(&self, mut chain: Digest) -> Vec<u8> {
        let (links, mut commits) = (self.links.read().expect("no holder panics"), Vec::new());
        while let Some((before, change)) = links.get(&chain) {
            commits.extend(*change);
            chain = *before;
        }
        commits.reverse();
        commits
    }

    pub(crate) fn oracle(&self, oracle: Oracle) -> u32 {
        self.oracles.put(digest(&oracle.chain), || oracle)
    }

    /// Where a reader stands that takes one more entry, by the rule of the design and not by the code that is checked.
    pub(crate) fn fold(&self, oracle: u32, entry: u32) -> u32 {
        let lookup = |folds: &HashMap<_, _>| folds.get(&(oracle, entry)).copied();
        if let Some(to) = lookup(&self.folds.lock().expect("no holder panics")) {
            return to;
        }
        let (from, object) = (self.oracles.get(oracle), self.objects.get(entry));
        let to = match &object.what {
            What::Entry {
                header,
                entry,
                payload,
            } if from.is_valid(header) => {
                let next = from.take(header, entry.hash, payload, change_of(payload));
                self.oracle(next)
            }
            _ => oracle,
        };
        self.folds
            .lock()
            .expect("no holder panics")
            .insert((oracle, entry), to);
        to
    }

    pub(crate) fn name_list(&self, names: Vec<String>) -> u32 {
        self.names.put(digest(&names), || names)
    }
}

/// The name of a part in its folder.
pub(crate) fn part_name(seq: u8, write_id: WriteId, index: u8) -> String {
    let key = part_key(Seq(u64::from(seq)), write_id, usize::from(index));
    key.rsplit_once('/')
        .map_or_else(String::new, |(_, name)| name.to_owned())
}

/// The change that an entry holds, if it is a commit.
fn change_of(payload: &Payload) -> Option<u8> {
    match payload {
        Payload::Commit { changes, .. } => changes.first().map(|c| c[0]),
        _ => None,
    }
}
