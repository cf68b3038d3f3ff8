//! A state of the world: which state each process is in, what lies in the store, what may land yet, what was decided to be deleted.

use ha_proto::WriteId;

/// Nodes at most, slots at most, creates that may land yet at most, snapshots at most.
pub(crate) const NODES: usize = 3;
pub(crate) const SLOTS: usize = 20;
pub(crate) const SNAPS: usize = 8;

/// One snapshot: its parts and its manifest, each sent, there, or to be deleted.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Snap {
    pub(crate) seq: u8,
    pub(crate) write_id: WriteId,
    /// Objects of the parts; 0 if not sent yet.
    pub(crate) parts: [u32; 2],
    pub(crate) here: u8,
    pub(crate) swept: u8,
    pub(crate) manifest: u32,
    pub(crate) listed: bool,
}

/// What has been used of each bound.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Used {
    pub(crate) takeovers: u8,
    pub(crate) commits: u8,
    pub(crate) releases: u8,
    pub(crate) handovers: u8,
    pub(crate) snapshots: u8,
    pub(crate) restarts: u8,
    pub(crate) reads: u8,
    pub(crate) confirms: u8,
    pub(crate) beside: u8,
    pub(crate) unusable: u8,
}

impl Used {
    /// In the order of the bounds.
    pub(crate) fn all(&self) -> [u8; 10] {
        [
            self.takeovers,
            self.commits,
            self.releases,
            self.handovers,
            self.snapshots,
            self.restarts,
            self.reads,
            self.confirms,
            self.beside,
            self.unusable,
        ]
    }
}

#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) locals: [u32; NODES],
    /// The least that a read which waits must see, plus one.
    pub(crate) reads: [u8; NODES],
    pub(crate) slots: [u32; SLOTS],
    /// Entries that were sent and may land, again or for the first time.
    pub(crate) flight: Vec<u32>,
    /// Deletes in force: of slots, and of manifests.
    pub(crate) delete: u32,
    pub(crate) delete_manifest: u32,
    pub(crate) snaps: Vec<Snap>,
    /// The truth: what a reader knows who took every slot when it was first there, and how far that is.
    pub(crate) truth: u32,
    pub(crate) truth_at: u8,
    /// So many changes of the truth were acknowledged, and these were said not to be applied.
    pub(crate) acked: u8,
    pub(crate) refused: Vec<u8>,
    pub(crate) used: Used,
    pub(crate) wrong: u8,
}

impl State {
    /// The newest manifest and the one before it: place in the list and slot; slot 0 if there is none.
    pub(crate) fn kept(&self) -> ((usize, u8), (usize, u8)) {
        let (mut older, mut newest) = ((0, 0), (0, 0));
        for (at, snap) in self.snaps.iter().enumerate().filter(|(_, s)| s.listed) {
            if snap.seq > newest.1 {
                (older, newest) = (newest, (at, snap.seq));
            } else if snap.seq > older.1 {
                older = (at, snap.seq);
            }
        }
        (older, newest)
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        self.locals
            .iter()
            .for_each(|l| out.extend_from_slice(&l.to_le_bytes()));
        out.extend_from_slice(&self.reads);
        let top = self.slots.iter().rposition(|s| *s != 0).map_or(0, |t| t + 1);
        let low = self.slots.iter().position(|s| *s != 0).unwrap_or(0);
        let small = |n: usize| u8::try_from(n).expect("a state is small");
        out.extend_from_slice(&[
            small(low),
            small(top),
            small(self.flight.len()),
            small(self.snaps.len()),
        ]);
        let ids = self.slots[low.min(top)..top].iter().chain(&self.flight);
        ids.for_each(|i| out.extend_from_slice(&i.to_le_bytes()[..3]));
        out.extend_from_slice(&self.delete.to_le_bytes()[..3]);
        out.extend_from_slice(&self.delete_manifest.to_le_bytes()[..3]);
        for snap in &self.snaps {
            out.push(snap.seq);
            out.extend_from_slice(&snap.write_id.0);
            let ids = snap.parts.iter().chain([&snap.manifest]);
            ids.for_each(|i| out.extend_from_slice(&i.to_le_bytes()[..3]));
            out.push(snap.here | snap.swept << 2 | u8::from(snap.listed) << 4);
        }
        out.extend_from_slice(&self.truth.to_le_bytes());
        out.extend_from_slice(&[self.truth_at, self.acked, self.wrong, small(self.refused.len())]);
        out.extend_from_slice(&self.refused);
        let u = &self.used;
        out.extend_from_slice(&[u.takeovers, u.commits, u.releases, u.handovers]);
        out.extend_from_slice(&[u.snapshots, u.restarts, u.reads, u.confirms, u.beside, u.unusable]);
    }

    pub(crate) fn decode(bytes: &[u8]) -> Self {
        let mut read = Reader(bytes);
        let locals = std::array::from_fn(|_| read.word(4));
        let reads = std::array::from_fn(|_| read.byte());
        let (low, top, flight, snaps) = (read.byte(), read.byte(), read.byte(), read.byte());
        let mut slots = [0; SLOTS];
        for slot in &mut slots[usize::from(low.min(top))..usize::from(top)] {
            *slot = read.word(3);
        }
        let flight = (0..flight).map(|_| read.word(3)).collect();
        let (delete, delete_manifest) = (read.word(3), read.word(3));
        let snaps = (0..snaps).map(|_| read.snap()).collect();
        let truth = read.word(4);
        let (truth_at, acked, wrong, refused) = (read.byte(), read.byte(), read.byte(), read.byte());
        let refused = (0..refused).map(|_| read.byte()).collect();
        let used = Used {
            takeovers: read.byte(),
            commits: read.byte(),
            releases: read.byte(),
            handovers: read.byte(),
            snapshots: read.byte(),
            restarts: read.byte(),
            reads: read.byte(),
            confirms: read.byte(),
            beside: read.byte(),
            unusable: read.byte(),
        };
        Self {
            locals,
            reads,
            slots,
            flight,
            delete,
            delete_manifest,
            snaps,
            truth,
            truth_at,
            acked,
            refused,
            used,
            wrong,
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().expect("an encoded state is whole");
        self.0 = rest;
        *first
    }

    fn word(&mut self, bytes: usize) -> u32 {
        let mut word = [0; 4];
        word[..bytes].fill_with(|| self.byte());
        u32::from_le_bytes(word)
    }

    fn snap(&mut self) -> Snap {
        let seq = self.byte();
        let mut write_id = WriteId::default();
        write_id.0.fill_with(|| self.byte());
        let parts = [self.word(3), self.word(3)];
        let manifest = self.word(3);
        let flags = self.byte();
        Snap {
            seq,
            write_id,
            parts,
            here: flags & 3,
            swept: flags >> 2 & 3,
            manifest,
            listed: flags >> 4 & 1 == 1,
        }
    }
}
