//! The store: what a request finds and does there.

use ha_proto::{Kind, WriteId};

use super::local::{Ask, Input, Reply};
use super::state::{SLOTS, SNAPS, Snap, State};
use super::{Journal, check};
use crate::tables::{Key, What, part_name};

impl Journal {
    /// A create leaves the node: from now on it may land at any time. `false` if it is beyond the bounds.
    pub(super) fn sent(&self, state: &mut State, object: u32) -> bool {
        let sent = self.tables.objects.get(object);
        match sent.key {
            Key::Slot(slot) => {
                if usize::from(slot) + 1 >= SLOTS {
                    return false;
                }
                let Err(at) = state.flight.binary_search(&object) else {
                    return true;
                };
                state.flight.insert(at, object);
                let (used, most) = (&mut state.used, &self.bounds);
                match sent.kind() {
                    Some(Kind::Takeover) => used.takeovers += 1,
                    Some(Kind::Handover) => {
                        used.takeovers += 1;
                        used.handovers += 1;
                    }
                    _ => {}
                }
                used.takeovers <= most.takeovers && used.handovers <= most.handovers
            }
            Key::Part(seq, write_id, index) => {
                let Some(snap) = Self::snap_of(state, seq, write_id) else {
                    return false;
                };
                snap.parts[usize::from(index)] = object;
                true
            }
            Key::Manifest(seq) => {
                let What::Manifest { write_id, .. } = &sent.what else {
                    return true;
                };
                let snap = Self::snap_of(state, seq, *write_id);
                snap.map(|snap| snap.manifest = object).is_some()
            }
        }
    }

    /// The snapshot of this write id, new if it is not known; `None` if there are too many.
    fn snap_of(state: &mut State, seq: u8, write_id: WriteId) -> Option<&mut Snap> {
        let known = state.snaps.iter().position(|s| s.write_id == write_id);
        let at = known.unwrap_or(state.snaps.len());
        if at == SNAPS {
            return None;
        }
        if known.is_none() {
            state.snaps.push(Snap {
                seq,
                write_id,
                ..Snap::default()
            });
        }
        Some(&mut state.snaps[at])
    }

    /// A collector has decided to delete: from now on the delete may land at any time, on whatever lies there then.
    pub(super) fn decided(state: &mut State, key: Key) {
        match key {
            Key::Slot(slot) => state.delete |= 1 << slot,
            Key::Manifest(seq) => state.delete_manifest |= 1 << seq,
            Key::Part(_, write_id, index) => {
                if let Some(snap) = state.snaps.iter_mut().find(|s| s.write_id == write_id) {
                    snap.swept |= 1 << index;
                }
            }
        }
    }

    /// A create reaches the store. `false` if something lies there.
    pub(super) fn land(&self, state: &mut State, object: u32) -> bool {
        match self.tables.objects.get(object).key {
            Key::Slot(slot) => {
                if state.slots[usize::from(slot)] != 0 {
                    return false;
                }
                state.slots[usize::from(slot)] = object;
                self.advance_truth(state);
                true
            }
            Key::Part(_, write_id, index) => {
                let snap = state.snaps.iter_mut().find(|s| s.write_id == write_id);
                snap.is_none_or(|snap| {
                    let was = snap.here;
                    snap.here |= 1 << index;
                    was != snap.here
                })
            }
            Key::Manifest(seq) => {
                if state.snaps.iter().any(|s| s.listed && s.seq == seq) {
                    return false;
                }
                // Of one that nobody can reach any more nothing is kept.
                if let Some(snap) = state.snaps.iter_mut().find(|s| s.manifest == object) {
                    snap.listed = true;
                }
                true
            }
        }
    }

    fn advance_truth(&self, state: &mut State) {
        while let Some(entry) = state
            .slots
            .get(usize::from(state.truth_at) + 1)
            .filter(|e| **e != 0)
        {
            state.truth = self.tables.fold(state.truth, *entry);
            state.truth_at += 1;
        }
    }

    pub(super) fn acknowledged(&self, state: &mut State, change: u8) {
        let truth = self.tables.oracles.get(state.truth);
        match truth.commits.iter().position(|c| *c == change) {
            Some(at) => state.acked = state.acked.max(u8::try_from(at).unwrap_or(u8::MAX) + 1),
            None => state.wrong = check::LOST,
        }
    }

    /// Answers what is no step of its own: reads of what cannot change, and looks of collectors and loaders.
    pub(super) fn answer_at_once(&self, state: &mut State, i: usize) -> bool {
        let local = self.local(state, i);
        let at_once = |ask: &Ask| match ask {
            Ask::Peek(_) | Ask::Get(Key::Manifest(_) | Key::Part(..)) | Ask::Slots | Ask::Parts(..) => true,
            Ask::Get(Key::Slot(slot)) => *slot <= local.pos,
            Ask::Create(_) | Ask::Manifests | Ask::PartFolders => false,
        };
        match local.asks.iter().position(|(_, ask)| at_once(ask)) {
            None => true,
            Some(at) => self.answer(state, i, at),
        }
    }

    /// One request is carried out and answered.
    pub(super) fn answer(&self, state: &mut State, i: usize, at: usize) -> bool {
        let ask = self.local(state, i).asks[at].1;
        let names = |names: Vec<String>| Reply::Names(self.tables.name_list(names));
        let reply = match ask {
            Ask::Create(object) => {
                if self.land(state, object) {
                    Reply::Done
                } else {
                    Reply::Exists
                }
            }
            Ask::Get(key) | Ask::Peek(key) => match Self::find(state, key) {
                0 => Reply::Absent,
                object => Reply::Object(object),
            },
            Ask::Manifests => {
                let mut seqs: Vec<_> = state.snaps.iter().filter(|s| s.listed).map(|s| s.seq).collect();
                seqs.sort_unstable();
                names(seqs.iter().map(|s| format!("{s:020}")).collect())
            }
            Ask::PartFolders => {
                let there = state.snaps.iter().filter(|s| s.here != 0);
                names(there.map(|s| format!("{:020}-{}/", s.seq, s.write_id)).collect())
            }
            Ask::Parts(seq, write_id) => {
                let snap = state.snaps.iter().find(|s| s.write_id == write_id);
                let here = snap.map_or(0, |s| s.here);
                let there = (0..2).filter(|i| here >> i & 1 == 1);
                names(there.map(|i| part_name(seq, write_id, i)).collect())
            }
            Ask::Slots => {
                let slots = (1..SLOTS).filter(|s| state.slots[*s] != 0);
                names(slots.map(|s| format!("{s:020}")).collect())
            }
        };
        self.nudge(state, i, Input::Reply(at, reply))
    }

    /// The object under a key; 0 if there is none.
    fn find(state: &State, key: Key) -> u32 {
        match key {
            Key::Slot(slot) => state.slots[usize::from(slot)],
            Key::Manifest(seq) => {
                let snap = state.snaps.iter().find(|s| s.listed && s.seq == seq);
                snap.map_or(0, |s| s.manifest)
            }
            Key::Part(_, write_id, index) => {
                let snap = state.snaps.iter().find(|s| s.write_id == write_id);
                snap.filter(|s| s.here >> index & 1 == 1)
                    .map_or(0, |s| s.parts[usize::from(index)])
            }
        }
    }

    /// Forgets what nobody can see or feel any more.
    pub(super) fn tidy(&self, state: &mut State) {
        let (older, newest) = state.kept();
        let nodes = 0..usize::from(self.bounds.nodes);
        let positions = nodes.map(|i| self.local(state, i).pos);
        // A claimant looks once more at the last slot that it has read.
        let low = positions.min().unwrap_or(0).min(newest.1).saturating_sub(1);
        for slot in 1..=low {
            state.slots[usize::from(slot)] = 0;
            state.delete &= !(1 << slot);
        }
        let flight = std::mem::take(&mut state.flight);
        let may_land = |object: &u32| {
            let Key::Slot(slot) = self.tables.objects.get(*object).key else {
                return false;
            };
            let there = state.slots[usize::from(slot)];
            slot > low && (there == 0 || !self.stays(state, slot, there))
        };
        let kept = flight.into_iter().filter(may_land).collect();
        state.flight = kept;
        state.snaps.retain(|s| s.seq >= older.1 || s.listed);
        state.snaps.sort_unstable();
        if older.1 > 0 {
            // A delete of a manifest that is never created again.
            let live: u32 = state.snaps.iter().map(|s| 1 << s.seq).sum();
            state.delete_manifest &= live;
        }
    }

    /// What lies there is never deleted: a fence (rule 1). A check of that rule looks at the deletes in force.
    fn stays(&self, state: &State, slot: u8, there: u32) -> bool {
        let kind = self.tables.objects.get(there).kind();
        !self.bounds.fences_go
            && matches!(kind, Some(Kind::Takeover | Kind::Handover))
            && state.delete >> slot & 1 == 0
    }
}
