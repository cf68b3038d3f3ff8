//! What may be on the disk after a crash.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::model::{Entries, Lies, Node, World};
use crate::faulty::Dice;

/// A name in a folder, and what may be found under it: what is durable, then what each change since has left, in their order.
struct Slot {
    folder: usize,
    name: String,
    versions: Vec<Option<usize>>,
}

/// What is left of bytes that were not made durable.
#[derive(Clone, Copy)]
enum Torn {
    /// So many of them, of each file.
    Kept(usize),
    /// Zeros in their place.
    Zeros,
}

impl World {
    /// What the disk holds if only the process dies.
    pub(in crate::directory) fn killed(&self) -> Self {
        let slots = self.slots();
        let last: Vec<_> = slots.iter().map(|slot| slot.versions.len() - 1).collect();
        let mut image = self.image(&slots, &last, Torn::Kept(usize::MAX));
        image.clock = self.clock;
        image
    }

    /// Shows every state that the disk may be in after a power failure now; first that in which nothing survives that was not made durable.
    #[cfg(test)]
    pub(in crate::directory) fn for_each_crash(&self, show: impl FnMut(Self)) {
        let most = 1 << 16;
        let (_, all) = self.crashes(most, 0, show);
        assert!(all, "more than {most} states are too many to enumerate");
    }

    /// Shows states that the disk may be in after a power failure now: all of them if they are at most `most`, else so many; first that in which
    /// nothing survives that was not made durable. Answers how many, and whether these are all.
    pub(super) fn crashes(&self, most: u64, seed: u64, mut show: impl FnMut(Self)) -> (u64, bool) {
        let slots = self.slots();
        let torn = self.torn();
        let radices: Vec<_> = slots.iter().map(|slot| slot.versions.len()).collect();
        let product = |sum: Option<u64>, radix: &usize| sum?.checked_mul(*radix as u64);
        let all = radices.iter().fold(Some(torn.len() as u64), product);
        if let Some(all) = all.filter(|all| *all <= most) {
            for number in 0..all {
                let (mut rest, mut choice) = (number / torn.len() as u64, Vec::with_capacity(radices.len()));
                for radix in &radices {
                    choice.push((rest % *radix as u64) as usize);
                    rest /= *radix as u64;
                }
                show(self.image(&slots, &choice, torn[(number % torn.len() as u64) as usize]));
            }
            return (all, true);
        }
        let mut dice = Dice::new(seed);
        let choices = some(&radices, most, &mut dice);
        for (i, choice) in choices.iter().enumerate() {
            let torn = if i == 0 {
                torn[0]
            } else {
                torn[(dice.throw() % torn.len() as u64) as usize]
            };
            show(self.image(&slots, choice, torn));
        }
        (choices.len() as u64, false)
    }

    /// Writes changes back, as a system does when it has time, until at most `keep` are left: in each folder in their order, bytes with their
    /// names.
    pub(super) fn settle(&mut self, keep: usize) {
        while self.nodes.iter().map(pending).sum::<usize>() > keep {
            let fullest = self.nodes.iter_mut().max_by_key(|node| pending(node));
            let Some(Node::Dir { durable, pending, .. }) = fullest else {
                return;
            };
            let change = pending.remove(0);
            match change.node {
                Some(node) => drop(durable.insert(change.name, node)),
                None => drop(durable.remove(&change.name)),
            }
            if let Some(Node::File {
                bytes, durable_len, ..
            }) = change.node.map(|node| &mut self.nodes[node])
            {
                *durable_len = bytes.len();
            }
        }
    }

    /// The same for two worlds in which the same names lead to the same bytes.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash_below(0, &mut hasher);
        hasher.finish()
    }

    fn hash_below(&self, node: usize, hasher: &mut DefaultHasher) {
        match &self.nodes[node] {
            Node::Dir { entries, .. } => {
                entries.len().hash(hasher);
                for (name, node) in entries {
                    name.hash(hasher);
                    self.hash_below(*node, hasher);
                }
            }
            Node::File { bytes, .. } => bytes.hash(hasher),
        }
    }

    fn slots(&self) -> Vec<Slot> {
        let mut slots: Vec<Slot> = Vec::new();
        for (folder, node) in self.nodes.iter().enumerate() {
            let Node::Dir { durable, pending, .. } = node else {
                continue;
            };
            let first = slots.len();
            for change in pending {
                let found = slots[first..].iter_mut().find(|slot| slot.name == change.name);
                match found {
                    Some(slot) => slot.versions.push(change.node),
                    None => slots.push(Slot {
                        folder,
                        name: change.name.clone(),
                        versions: vec![durable.get(&change.name).copied(), change.node],
                    }),
                }
            }
        }
        slots
    }

    /// What may be left of the bytes of the files that may be found. With many bytes not every length is tried.
    fn torn(&self) -> Vec<Torn> {
        let named = |node: &Node| match node {
            Node::Dir { durable, pending, .. } => {
                let changed = pending.iter().filter_map(|change| change.node);
                durable.values().copied().chain(changed).collect()
            }
            Node::File { .. } => Vec::new(),
        };
        let files = self.nodes.iter().flat_map(named);
        let most = files.map(|file| unsynced(&self.nodes[file])).max().unwrap_or(0);
        let mut lengths: Vec<usize> = if most <= 32 {
            (0..=most).collect()
        } else {
            vec![0, 1, most / 2, most - 1, most]
        };
        lengths.dedup();
        let zeros = (most > 0).then_some(Torn::Zeros);
        lengths.into_iter().map(Torn::Kept).chain(zeros).collect()
    }

    fn image(&self, slots: &[Slot], choice: &[usize], torn: Torn) -> Self {
        let mut nodes: Vec<Node> = self.nodes.iter().map(|node| after(node, torn)).collect();
        for (slot, version) in slots.iter().zip(choice) {
            let Node::Dir { entries, durable, .. } = &mut nodes[slot.folder] else {
                continue;
            };
            for names in [entries, durable] {
                match slot.versions[*version] {
                    Some(node) => drop(names.insert(slot.name.clone(), node)),
                    None => drop(names.remove(&slot.name)),
                }
            }
        }
        // Recovery is tried long after, so that leftovers are old.
        Self {
            nodes,
            clock: self.clock + 7200,
            failing_file_syncs: 0,
            failing_dir_syncs: 0,
            lies: Lies::default(),
            chunk: self.chunk,
            record: None,
        }
    }
}

/// The extremes, those next to them, and others by chance.
fn some(radices: &[usize], most: u64, dice: &mut Dice) -> Vec<Vec<usize>> {
    let none = vec![0; radices.len()];
    let all: Vec<usize> = radices.iter().map(|radix| radix - 1).collect();
    let mut choices = vec![none.clone(), all.clone()];
    for (i, radix) in radices.iter().enumerate() {
        for (base, from, to) in [(&none, 1, *radix), (&all, 0, radix - 1)] {
            choices.extend((from..to).map(|version| {
                let mut choice = base.clone();
                choice[i] = version;
                choice
            }));
        }
    }
    choices.truncate(most.max(1) as usize);
    while (choices.len() as u64) < most {
        choices.push(
            radices
                .iter()
                .map(|radix| (dice.throw() % *radix as u64) as usize)
                .collect(),
        );
    }
    choices
}

fn after(node: &Node, torn: Torn) -> Node {
    match node {
        Node::Dir { durable, removed, .. } => Node::Dir {
            entries: Entries::clone(durable),
            durable: Entries::clone(durable),
            pending: Vec::new(),
            removed: *removed,
        },
        Node::File {
            bytes,
            durable_len,
            modified,
            ..
        } => {
            let bytes = match torn {
                _ if *durable_len == bytes.len() => Arc::clone(bytes),
                Torn::Kept(more) => {
                    Arc::new(bytes[..bytes.len().min(durable_len.saturating_add(more))].to_vec())
                }
                Torn::Zeros => {
                    let mut zeroed = bytes.to_vec();
                    zeroed[*durable_len..].fill(0);
                    Arc::new(zeroed)
                }
            };
            Node::File {
                durable_len: bytes.len(),
                bytes,
                dropped: false,
                modified: *modified,
            }
        }
    }
}

fn pending(node: &Node) -> usize {
    match node {
        Node::Dir { pending, .. } => pending.len(),
        Node::File { .. } => 0,
    }
}

fn unsynced(node: &Node) -> usize {
    match node {
        Node::File {
            bytes, durable_len, ..
        } => bytes.len() - durable_len,
        Node::Dir { .. } => 0,
    }
}
