//! What became of an own entry: won, lost to a stranger, void.

use alloc::boxed::Box;

use super::{Activity, Journal, Note, Pending, Validation};
use crate::entry::{Kind, RawEntry};
use crate::names::Seq;
use crate::newest::{Looked, Newest};
use crate::output::{Cx, NotApplied};
use crate::view::Read;

use super::pending::Tried;

impl Journal {
    pub(super) fn on_tried(&mut self, cx: &mut Cx<'_>, tried: Tried) {
        if matches!(tried, Tried::Waiting) {
            return;
        }
        let Activity::Pending(pending) = core::mem::replace(&mut self.activity, Activity::Idle) else {
            return;
        };
        match tried {
            Tried::Waiting => {}
            Tried::Won => self.won(cx, pending),
            Tried::Lost(bytes) => self.lost(cx, pending, &bytes),
            Tried::NotDone(failure) => {
                if self.lead.is_some() {
                    self.not_applied(&pending, NotApplied::Refused(failure.message));
                } else {
                    self.notes.push_back(Note::ClaimLost(failure.message));
                }
                self.tail.restart(cx.now);
                self.drive(cx);
            }
            Tried::Broken(failure) => {
                self.activity = Activity::Pending(pending);
                self.broken(&failure);
            }
        }
    }

    /// The store has shown this node its own entry in its slot.
    fn won(&mut self, cx: &mut Cx<'_>, pending: Pending) {
        self.tail.restart(cx.now);
        if pending.kind() == Kind::Takeover {
            let (newest, claim) = (Newest::begin(cx.now), Validation::Claimed(Box::new(pending)));
            self.activity = Activity::Validate {
                newest,
                claim,
                beside: None,
            };
            return self.drive(cx);
        }
        let entry = pending.entry();
        match self.consume(&entry) {
            Err(bad) => return self.halt_on(&bad),
            Ok(Read::Invalid) => {
                self.not_applied(&pending, NotApplied::Fenced);
                return self.begin_confirm(cx, false);
            }
            Ok(Read::Valid(_)) => {}
        }
        let took = cx.now.since(pending.first_sent);
        self.notes.push_back(Note::Durable {
            header: pending.header.clone(),
            tickets: pending.tickets,
            took,
        });
        self.proven(pending.first_sent);
        if pending.kind() == Kind::Handover {
            self.begin_confirm(cx, false);
        } else {
            // The next read of the tail is a poll away: this was one.
            let due = if self.reads.is_empty() {
                cx.now + cx.config.poll
            } else {
                cx.now
            };
            self.tail.restart(due);
            self.drive(cx);
        }
    }

    /// Another's bytes lie in its slot.
    fn lost(&mut self, cx: &mut Cx<'_>, pending: Pending, bytes: &[u8]) {
        let slot = pending.header.seq;
        self.tail.restart(cx.now);
        let entry = match self.parse(slot, bytes) {
            Ok(entry) => entry,
            Err(bad) => {
                self.activity = Activity::Pending(pending);
                return self.halt_on(&bad);
            }
        };
        if self.lead.is_some() {
            self.meet_stranger(cx, slot, entry, Some(pending));
        } else {
            let why = alloc::format!(
                "{} lost to {}'s {:?}",
                pending.describe(),
                entry.header.by,
                entry.header.kind
            );
            self.notes.push_back(Note::ClaimLost(why));
            self.take(cx, &entry);
            self.drive(cx);
        }
    }

    /// Rule 6: a leader that meets another's entry asks the table.
    pub(super) fn meet_stranger(
        &mut self,
        cx: &mut Cx<'_>,
        slot: Seq,
        entry: RawEntry,
        mine: Option<Pending>,
    ) {
        self.activity = Activity::Stranger {
            newest: Newest::begin(cx.now),
            slot,
            entry,
            mine,
        };
        self.drive(cx);
    }

    pub(super) fn on_stranger(&mut self, cx: &mut Cx<'_>, looked: Looked) {
        let manifest = match looked {
            Looked::Waiting => return,
            Looked::Bad(bad) => return self.halt_on(&bad),
            Looked::Found { manifest } => manifest,
        };
        let Activity::Stranger {
            slot, entry, mine, ..
        } = core::mem::replace(&mut self.activity, Activity::Idle)
        else {
            return;
        };
        if let Some(manifest) = manifest.filter(|m| m.seq() >= slot) {
            // Collection has passed here: was it committed, read and collected before the stranger came?
            if let Some(pending) = mine {
                let epoch = self.lead.unwrap_or(pending.header.epoch);
                let last = manifest.view.table.get(&epoch).map_or(Seq(0), |t| t.last_valid);
                if pending.kind() != Kind::Handover && slot <= last {
                    let took = cx.now.since(pending.first_sent);
                    self.notes.push_back(Note::Durable {
                        header: pending.header,
                        tickets: pending.tickets,
                        took,
                    });
                } else {
                    self.not_applied(&pending, NotApplied::Fenced);
                }
            }
            return self.load(cx, Some(manifest));
        }
        match self.consume(&entry) {
            Err(bad) => {
                self.displaced = mine;
                self.halt_on(&bad);
            }
            Ok(Read::Invalid) => {
                self.displaced = mine;
                self.begin_confirm(cx, false);
            }
            Ok(Read::Valid(_)) => {
                self.lead = None;
                if let Some(pending) = mine {
                    self.not_applied(&pending, NotApplied::Fenced);
                }
                self.begin_confirm(cx, false);
            }
        }
    }

    /// Rule 2: a claim, or a naming, is validated by the listing.
    pub(super) fn on_validate(&mut self, cx: &mut Cx<'_>, looked: Looked) {
        let manifest = match looked {
            Looked::Waiting => return,
            Looked::Bad(bad) => return self.halt_on(&bad),
            Looked::Found { manifest } => manifest,
        };
        let Activity::Validate { claim, beside, .. } = core::mem::replace(&mut self.activity, Activity::Idle)
        else {
            return;
        };
        let (epoch, slot, write_id) = match &claim {
            Validation::Claimed(p) => (p.header.epoch, p.header.seq, p.header.write_id),
            Validation::Named {
                epoch,
                slot,
                write_id,
            } => (*epoch, *slot, *write_id),
        };
        let holds = manifest.as_ref().is_none_or(|m| {
            if m.seq() >= slot {
                m.view.table.get(&epoch).is_some_and(|t| t.write_id == write_id)
            } else {
                self.view.chain_at(m.seq()) == Some(m.view.chain)
            }
        });
        if !holds {
            self.void(beside);
            self.notes.push_back(Note::ClaimVoid(epoch));
            return self.load(cx, manifest);
        }
        let confirmed = manifest.as_ref().map_or(Seq(0), |m| m.seq());
        if let Validation::Claimed(pending) = &claim {
            let entry = pending.entry();
            match self.consume(&entry) {
                Err(bad) => {
                    self.void(beside);
                    return self.halt_on(&bad);
                }
                Ok(Read::Invalid) => {
                    self.void(beside);
                    return self.begin_confirm(cx, false);
                }
                Ok(Read::Valid(_)) => {}
            }
        }
        self.lead = Some(epoch);
        if confirmed <= self.view.pos {
            self.view.confirm_up_to(confirmed);
            self.manifest = manifest.or_else(|| self.manifest.take());
        }
        self.notes.push_back(Note::Leads(epoch));
        let next_read = if let Validation::Claimed(pending) = claim {
            self.proven(pending.first_sent);
            cx.now + cx.config.poll
        } else {
            // Who was named has proven nothing yet.
            cx.now
        };
        self.next_confirm = cx.now + cx.config.confirm_period;
        self.tail.restart(next_read);
        match beside {
            Some(beside) => self.go_on_with(cx, *beside),
            None => self.drive(cx),
        }
    }
}
