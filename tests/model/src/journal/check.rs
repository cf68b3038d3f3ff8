//! What is looked at in every state.

use ha_proto::Seq;

use super::Journal;
use super::local::Local;
use super::state::State;
use crate::tables::{Key, What};

pub(crate) const LOST: u8 = 1;
pub(crate) const STALE_READ: u8 = 2;
const WORDS: [&str; 3] = [
    "",
    "an acknowledged write is not in the true state",
    "a linearizable read misses an acknowledged write",
];

fn is_prefix(of: &[u8], part: &[u8]) -> bool {
    of.starts_with(part)
}

impl Journal {
    pub(super) fn check(&self, state: &State) -> Option<&'static str> {
        if state.wrong != 0 {
            return Some(WORDS[usize::from(state.wrong)]);
        }
        let truth = self.tables.oracles.get(state.truth);
        if truth.twice {
            return Some("one epoch has two valid Takeovers");
        }
        if truth.commits.iter().any(|c| state.refused.contains(c)) {
            return Some("a write answered 'not applied' is in the true state");
        }
        let locals: Vec<_> = (0..usize::from(self.bounds.nodes))
            .map(|i| self.local(state, i))
            .collect();
        for local in &locals {
            if local.wrong.is_some() {
                return local.wrong;
            }
            if local.holds_on && !self.is_letting_go(state, local) {
                return Some("a node that cannot use its state does not let go");
            }
            if !is_prefix(&truth.commits, &local.commits) {
                return Some("a view is no prefix of the true state");
            }
            if !is_prefix(&truth.commits, &local.host) {
                return Some("what a node's owner was fed is no prefix of the true state");
            }
            if let Some((epoch, write_id)) = &local.lead
                && truth.table.get(epoch) != Some(write_id)
            {
                return Some("a node believes in a Takeover that is not in the true journal");
            }
        }
        let leads = |l: &Local| l.lead.map(|(e, _)| e);
        for (i, a) in locals.iter().enumerate() {
            if leads(a).is_some() && locals[..i].iter().any(|b| leads(a) == leads(b)) {
                return Some("two leaders of one epoch");
            }
        }
        self.check_snapshots(state)
    }

    /// Something lies in its next slot that it has yet to read, or it has sent an entry for that, and reads what became of it.
    fn is_letting_go(&self, state: &State, local: &Local) -> bool {
        let next = local.pos + 1;
        let is_own = |object: &u32| {
            let object = self.tables.objects.get(*object);
            let by = match &object.what {
                What::Entry { header, .. } => Some(&header.by),
                What::Manifest { .. } | What::Part => None,
            };
            object.key == Key::Slot(next) && by == Some(local.node.process())
        };
        state.slots[usize::from(next)] != 0 || state.flight.iter().any(is_own)
    }

    fn check_snapshots(&self, state: &State) -> Option<&'static str> {
        let truth = self.tables.oracles.get(state.truth);
        for snap in state.snaps.iter().filter(|s| s.listed) {
            if let What::Manifest { oracle, .. } = &self.tables.objects.get(snap.manifest).what
                && !is_prefix(&truth.commits, &self.tables.oracles.get(*oracle).commits)
            {
                return Some("a snapshot is no prefix of the true state");
            }
        }
        let (_, (newest, seq)) = state.kept();
        if seq == 0 {
            return None;
        }
        let What::Manifest { oracle, parts, .. } = self.tables.objects.get(state.snaps[newest].manifest).what
        else {
            return None;
        };
        if state.snaps[newest].here != (1 << parts) - 1 {
            return Some("the newest manifest is not whole");
        }
        let (mut reader, mut at) = (oracle, Seq(u64::from(seq)));
        while let Some(entry) = state.slots.get(at.next().0 as usize).filter(|e| **e != 0) {
            reader = self.tables.fold(reader, *entry);
            at = at.next();
        }
        let there = (reader == state.truth && at.0 == u64::from(state.truth_at))
            || (at.0 >= u64::from(state.truth_at)
                && self.tables.oracles.get(reader).commits == truth.commits);
        (!there).then_some("a fresh reader does not reach the true state")
    }
}
