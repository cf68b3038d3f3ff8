//! A model store: atomic create-if-absent, current reads, listings of one folder with sub-folders ending in `/`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ha_proto::{StoreOp, StoreReply};

/// What every node of a world shares.
#[derive(Clone, Debug, Default)]
pub struct Store {
    /// What is in it, by key.
    pub objects: BTreeMap<String, Arc<[u8]>>,
    /// Folders stay when what was in them is deleted, as on a disk; a bucket knows none.
    pub is_bucket: bool,
    folders: BTreeSet<String>,
    /// Of objects whose bytes have changed by themselves: what they were.
    rotten: BTreeMap<String, Arc<[u8]>>,
}

impl Store {
    /// Does what a request asks for, at once.
    pub fn carry_out(&mut self, op: &StoreOp) -> StoreReply {
        match op {
            StoreOp::Create { key, bytes } => {
                if self.objects.contains_key(key) {
                    return StoreReply::Exists;
                }
                self.put(key, bytes);
                StoreReply::Done
            }
            StoreOp::Put { key, bytes } => {
                self.put(key, bytes);
                StoreReply::Done
            }
            StoreOp::Get { key } => self.get(key, |b| b.clone()),
            StoreOp::GetRange { key, range } => self.get(key, |b| {
                let end = (range.end as usize).min(b.len());
                Arc::from(&b[(range.start as usize).min(end)..end])
            }),
            StoreOp::List { folder } => StoreReply::Names(self.list(folder)),
            StoreOp::Delete { key } => {
                self.objects.remove(key);
                self.rotten.remove(key);
                StoreReply::Done
            }
        }
    }

    /// The bytes of an object change by themselves.
    pub fn rot(&mut self, key: &str, bytes: Arc<[u8]>) {
        if let Some(object) = self.objects.get_mut(key) {
            let was = std::mem::replace(object, bytes);
            self.rotten.entry(key.to_string()).or_insert(was);
        }
    }

    /// An operator puts back what an object was.
    pub fn repair(&mut self, key: &str) {
        if let Some(was) = self.rotten.remove(key) {
            self.objects.insert(key.to_string(), was);
        }
    }

    /// Puts back all.
    pub fn repair_all(&mut self) {
        self.objects.append(&mut self.rotten);
    }

    /// Whether the bytes of an object have changed by themselves.
    #[must_use]
    pub fn is_rotten(&self, key: &str) -> bool {
        self.rotten.contains_key(key)
    }

    /// What was written there.
    #[must_use]
    pub fn written(&self, key: &str) -> Option<&Arc<[u8]>> {
        self.rotten.get(key).or_else(|| self.objects.get(key))
    }

    /// Puts an object there, whatever was there.
    pub fn put(&mut self, key: &str, bytes: &Arc<[u8]>) {
        self.rotten.remove(key);
        let mut folder = key;
        while let Some((parent, _)) = folder.rsplit_once('/') {
            self.folders.insert(parent.to_string());
            folder = parent;
        }
        self.objects.insert(key.to_string(), bytes.clone());
    }

    fn get(&self, key: &str, take: impl FnOnce(&Arc<[u8]>) -> Arc<[u8]>) -> StoreReply {
        match self.objects.get(key) {
            Some(bytes) => StoreReply::Bytes(take(bytes)),
            None => {
                let folder = key.rsplit_once('/').map_or("", |(f, _)| f);
                let folder_missing = !self.is_bucket && !self.folders.contains(folder);
                StoreReply::Absent { folder_missing }
            }
        }
    }

    /// The names in one folder, in an order that means nothing.
    #[must_use]
    pub fn list(&self, folder: &str) -> Vec<String> {
        let inside = format!("{folder}/");
        let names = self
            .objects
            .range(inside.clone()..)
            .take_while(|(k, _)| k.starts_with(&inside))
            .map(|(k, _)| match k[inside.len()..].split_once('/') {
                Some((sub, _)) => format!("{sub}/"),
                None => k[inside.len()..].to_string(),
            });
        // Unordered, as stores may answer.
        let mut names: Vec<String> = names.collect::<BTreeSet<_>>().into_iter().collect();
        names.reverse();
        names
    }

    /// All objects whose keys begin with this.
    pub fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a String, &'a Arc<[u8]>)> {
        self.objects
            .range(prefix.to_string()..)
            .take_while(move |(k, _)| k.starts_with(prefix))
    }
}
