//! Kinds of faults that take more than a word: sleep past a collection, all ending at once, torn files, twins, damaged bytes, stale records.

use std::sync::Arc;

use ha_proto::{Evidence, Input, StoreOp, StoreReply, layout};

use super::{Ev, World};
use crate::check::Seen;
use crate::{MS, Micros, SEC, Service, Who};

impl<S: Service + 'static> World<S> {
    /// Stops a process until what it would read next has been collected.
    pub(super) fn sleep_past_collection(&mut self, i: usize) {
        let longest = 30 * SEC * self.load.slower;
        let step = 200 * MS * self.load.slower;
        self.pause(i, self.now + step);
        self.at(self.now + step - 1, Ev::Doze(i, self.now + longest));
    }

    pub(super) fn doze(&mut self, i: usize, until: Micros) {
        let member = &self.members[i];
        let Some(node) = member.node.as_ref().filter(|_| member.paused_until > self.now) else {
            return;
        };
        let next = node.view().pos.next();
        if next.0 <= self.truth.pos && !self.store.objects.contains_key(&layout::entry_key(next)) {
            self.marks.hit("a sleeper's next slot was collected");
            return self.haunt(i);
        }
        if self.now < until {
            let step = 200 * MS * self.load.slower;
            // All may sleep for days by now.
            let sleeps_until = member.paused_until.max(self.now + step);
            self.members[i].paused_until = sleeps_until;
            self.at(self.now + step - 1, Ev::Doze(i, until));
        }
    }

    /// All processes end at once, and come back one after the other.
    pub(super) fn blackout(&mut self) {
        for i in 0..self.members.len() {
            if self.members[i].node.is_none() {
                continue;
            }
            self.end_act_now(i);
            self.crash(i);
            if !self.members[i].is_twin {
                let back = self.now + self.rng.below(SEC * self.load.slower);
                self.at(back, Ev::Restart(i));
            }
        }
        self.marks.hit("all processes ended at once");
        self.show(&Seen::Blackout);
    }

    /// What a crash leaves of the record that was being written, and of a file on its way into a folder.
    pub(super) fn tear(&mut self, i: usize) {
        if !self.rng.chance_of_fault(self.faults.torn) {
            return;
        }
        self.tally.faults += 1;
        let key = layout::record_key(&self.members[i].id);
        if let Some(bytes) = self.store.objects.get(&key).cloned() {
            let length = self.rng.below(bytes.len().max(1) as u64) as usize;
            self.store.rot(&key, Arc::from(&bytes[..length]));
            self.marks.hit("a record was torn");
        }
        let next = ha_proto::Seq(self.truth.pos + 1);
        let folder = match self.rng.below(3) {
            0 => layout::journal_folder(next),
            1 => layout::SNAPSHOTS.to_string(),
            _ => String::from("nodes"),
        };
        let torn: Arc<[u8]> = Arc::from(&b"torn"[..]);
        self.store.put(&format!("{folder}/.tmp-n{i}"), &torn);
    }

    /// A second process with a node's id begins; it ends some time later.
    pub(super) fn begin_twin(&mut self, i: usize) {
        let twin = match self.members.iter().position(|m| m.is_twin) {
            Some(twin) if self.members[twin].node.is_some() => return,
            Some(twin) => twin,
            None => self.add(self.members[i].mode),
        };
        let id = self.members[i].id.clone();
        let member = &mut self.members[twin];
        (member.id, member.is_twin, member.clean) = (id, true, false);
        self.note(|| format!("n{twin} starts with the id of n{i}"));
        self.tally.faults += 1;
        self.start(twin);
        let ends = self.now + self.rng.below(20 * SEC * self.load.slower);
        self.at(ends, Ev::TwinEnds(self.members[twin].who()));
    }

    pub(super) fn end_twin(&mut self, who: Who) {
        let member = &self.members[who.0];
        if member.boots == who.1 && member.node.is_some() {
            self.crash(who.0);
        }
    }

    /// Some node is told that a live leader has gone.
    pub(super) fn suspect_falsely(&mut self, i: usize) {
        let leads = |m: &crate::Member<S>| m.node.as_ref().is_some_and(|n| n.write_authority().is_some());
        let Some(leader) = self.members.iter().position(leads).filter(|leader| *leader != i) else {
            return;
        };
        let process = self.members[leader].live().process().clone();
        let evidence = self
            .rng
            .pick(&[Evidence::Refused, Evidence::LinkClosed, Evidence::Silent]);
        self.tally.faults += 1;
        self.marks.hit("a live leader was suspected");
        self.input(i, Input::Suspect { process, evidence });
    }

    /// The bytes of some object change, or are cut off; mostly of one of the last entries or of a part of a snapshot, which somebody will read.
    pub(super) fn rot(&mut self) {
        let key = match self.rng.below(10) {
            0..=4 => layout::entry_key(ha_proto::Seq(self.truth.pos.saturating_sub(self.rng.below(5)))),
            5..=7 => self.any_key(layout::PARTS),
            _ => self.any_key(""),
        };
        let Some(bytes) = self.store.objects.get(&key).filter(|b| !b.is_empty()) else {
            return;
        };
        let at = self.rng.below(bytes.len() as u64) as usize;
        let mut damaged = bytes.to_vec();
        if self.rng.chance(3000) {
            damaged.truncate(at);
        } else {
            damaged[at] ^= 1 << self.rng.below(8);
        }
        self.note(|| format!("{key} rots at byte {at}"));
        self.tally.faults += 1;
        self.store.rot(&key, damaged.into());
        let repaired = self.now + self.rng.below(3 * SEC * self.load.slower);
        self.at(repaired, Ev::Repair(key));
    }

    fn any_key(&mut self, prefix: &str) -> String {
        let count = self.store.under(prefix).count() as u64;
        let at = self.rng.below(count.max(1)) as usize;
        self.store
            .under(prefix)
            .nth(at)
            .map_or_else(String::new, |(key, _)| key.clone())
    }

    /// The key, if the answer holds bytes that are not what was written.
    pub(super) fn gives_rotten(&self, op: &StoreOp, reply: &StoreReply) -> Option<String> {
        match (op, reply) {
            (StoreOp::Get { key }, StoreReply::Bytes(_)) if self.store.is_rotten(key) => Some(key.clone()),
            _ => None,
        }
    }

    pub(super) fn show_rotten(&mut self, who: Who, input: &Input) {
        self.rotten_key = match input {
            Input::Store { id, .. } if !self.rotten.is_empty() => self.rotten.remove(&(who, *id)),
            _ => None,
        };
        if let Some(key) = self.rotten_key.clone() {
            self.show(&Seen::Rotten { who, key: &key });
        }
    }

    /// What a record was before it is put anew.
    pub(super) fn keep_hint(&mut self, op: &StoreOp) {
        if let StoreOp::Put { key, .. } = op
            && let Some(bytes) = self.store.written(key)
        {
            self.hints.insert(key.clone(), bytes.clone());
        }
    }

    pub(super) fn stale_hint(&mut self, key: &str) -> Option<Arc<[u8]>> {
        let hint = self.hints.get(key)?.clone();
        let is_stale = self.rng.chance_of_fault(self.faults.stale_hints);
        if is_stale {
            self.tally.faults += 1;
            self.marks.hit("a record was read as it had been");
        }
        is_stale.then_some(hint)
    }
}
