//! Rule 3: a view is confirmed by listing `snapshot/`. Also the loads that follow when it is not confirmed.

use alloc::sync::Arc;

use super::{Activity, Journal, Note, Suspect};
use crate::layout::{journal_folder, seq_of};
use crate::manifest::Manifest;
use crate::names::Seq;
use crate::newest::{Looked, Newest};
use crate::output::Cx;
use crate::request::{Ask, RequestId, StoreReply};
use crate::tail::Tail;
use crate::time::Instant;
use crate::view::View;

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Confirm {
    step: Step,
    /// At the slow period: holes are looked for as well.
    slow: bool,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Step {
    /// Listing (`MUST`).
    Look(Newest),
    /// Reading on to the newest manifest's slot (`CONF`).
    ReadOn(Arc<Manifest>),
}

impl Confirm {
    pub(super) fn wake(&self, tail: &Tail) -> Instant {
        match &self.step {
            Step::Look(newest) => newest.wake(),
            Step::ReadOn(_) => tail.wake(),
        }
    }

    pub(super) fn drive(&mut self, cx: &mut Cx<'_>, tail: &mut Tail, next: Seq) {
        match &mut self.step {
            Step::Look(newest) => newest.drive(cx),
            Step::ReadOn(_) => tail.drive(cx, next),
        }
    }

    pub(super) fn is(&self, id: RequestId) -> bool {
        matches!(&self.step, Step::Look(newest) if newest.is(id))
    }

    pub(super) fn on_reply(
        &mut self,
        cx: &mut Cx<'_>,
        reply: StoreReply,
        known: Option<&Arc<Manifest>>,
    ) -> Looked {
        match &mut self.step {
            Step::Look(newest) => newest.on_reply(cx, reply, known),
            Step::ReadOn(_) => Looked::Waiting,
        }
    }

    /// The manifest to which it reads on.
    pub(super) fn target(&self) -> Option<&Arc<Manifest>> {
        match &self.step {
            Step::Look(_) => None,
            Step::ReadOn(manifest) => Some(manifest),
        }
    }
}

impl Journal {
    pub(super) fn begin_confirm(&mut self, cx: &mut Cx<'_>, slow: bool) {
        // What was read ahead is older than the listing; it is read again.
        self.tail.restart(cx.now);
        self.survey = None;
        self.activity = Activity::Confirm(Confirm {
            step: Step::Look(Newest::begin(cx.now)),
            slow,
        });
        self.drive(cx);
    }

    pub(super) fn on_load(&mut self, cx: &mut Cx<'_>, looked: Looked) {
        match looked {
            Looked::Waiting => {}
            Looked::Bad(bad) => self.halt_on(&bad),
            Looked::Found { manifest } => {
                self.load(cx, manifest);
                self.next_confirm = cx.now + cx.config.confirm_period;
            }
        }
    }

    /// Takes a manifest's view, or begins with nothing.
    pub(super) fn load(&mut self, cx: &mut Cx<'_>, manifest: Option<Arc<Manifest>>) {
        self.view = manifest.as_ref().map_or_else(View::empty, |m| m.view.clone());
        self.manifest = manifest;
        self.lead = None;
        self.suspect = None;
        self.survey = None;
        self.tail.restart(cx.now);
        // A slot behind it may have been collected since: soon look again.
        self.next_confirm = cx.now + cx.config.poll;
        self.activity = Activity::Idle;
        self.notes.push_back(Note::Reloaded);
        self.drive(cx);
    }

    /// The listing of a confirmation has come.
    pub(super) fn on_confirm(&mut self, cx: &mut Cx<'_>, looked: Looked) {
        match looked {
            Looked::Waiting => {}
            Looked::Bad(bad) => self.halt_on(&bad),
            Looked::Found { manifest } => self.listed(cx, manifest),
        }
    }

    fn listed(&mut self, cx: &mut Cx<'_>, manifest: Option<Arc<Manifest>>) {
        let newest = manifest.as_ref().map_or(Seq(0), |m| m.seq());
        let view = &self.view;
        if newest < view.base {
            let (object, base) = (crate::layout::SNAPSHOTS, view.base);
            let why = alloc::format!(
                "`{object}/` shows nothing newer than {newest}, and a snapshot at {base} was there: the store was erased or rewound. \
                 Put back what is missing, or stop every node and start again with --persist clean"
            );
            return self.halt(why, false);
        }
        let Some(manifest) = manifest else {
            return self.confirmed(cx, Seq(0));
        };
        let mine = view.table.get(&view.epoch).map(|t| t.write_id);
        let theirs = manifest.view.table.get(&view.epoch).map(|t| t.write_id);
        if newest >= view.pos && view.epoch.0 > 0 && theirs != mine {
            // It does not know the takeover that was read: that slot was a deleted one.
            self.load(cx, Some(manifest));
        } else if newest > view.pos {
            let slow = matches!(&self.activity, Activity::Confirm(c) if c.slow);
            self.tail.restart(cx.now);
            self.activity = Activity::Confirm(Confirm {
                step: Step::ReadOn(manifest),
                slow,
            });
            self.drive(cx);
        } else if view.chain_at(newest) == Some(manifest.view.chain) {
            self.manifest = Some(manifest);
            self.confirmed(cx, newest);
        } else {
            self.load(cx, Some(manifest));
        }
    }

    /// Reading on has come to the manifest's slot.
    pub(super) fn read_on(&mut self, cx: &mut Cx<'_>, manifest: Arc<Manifest>) {
        if self.view.chain_at(manifest.seq()) == Some(manifest.view.chain) {
            let seq = manifest.seq();
            self.manifest = Some(manifest);
            self.confirmed(cx, seq);
        } else {
            self.load(cx, Some(manifest));
        }
    }

    fn confirmed(&mut self, cx: &mut Cx<'_>, newest: Seq) {
        let next = self.view.pos.next();
        match self.suspect.take() {
            Some(Suspect::Hole { found }) => {
                let why = alloc::format!(
                    "`{}` is missing and slot {found} behind it is there: the journal has a hole. Put the object back from a copy",
                    crate::layout::entry_key(next)
                );
                return self.halt(why, false);
            }
            // Below the newest snapshot it may have been collected since it was read; a collector leaves what is above the newest but one.
            Some(Suspect::HeadGone { seq }) if seq >= newest => {
                let why = alloc::format!(
                    "`{}` was there and is gone: the store was erased or rewound. Put back what is missing, or stop every node and \
                     start again with --persist clean",
                    crate::layout::entry_key(seq)
                );
                return self.halt(why, false);
            }
            Some(Suspect::HeadGone { .. }) | None => {}
        }
        let slow = matches!(&self.activity, Activity::Confirm(c) if c.slow);
        self.view.confirm_up_to(newest);
        self.next_confirm = cx.now + cx.config.confirm_period;
        self.survey = slow.then_some(Ask::Due(cx.now));
        self.activity = Activity::Idle;
        self.tail.restart(cx.now);
        self.drive(cx);
    }

    /// The slow look for a hole: a key above an absent one.
    pub(super) fn on_survey(&mut self, cx: &mut Cx<'_>, reply: StoreReply) {
        self.survey = None;
        let StoreReply::Names(names) = reply else {
            if !self.surveyed {
                self.survey = Some(cx.later());
            }
            return;
        };
        if !self.surveyed {
            self.surveyed = true;
            self.tail.hurry(cx.now);
        }
        let next = self.view.pos.next();
        let ours = |seq: &Seq| journal_folder(*seq) == journal_folder(next);
        let seqs = || names.iter().filter_map(|n| seq_of(n)).filter(ours);
        if let Some(found) = seqs()
            .max()
            .filter(|max| *max > next && !seqs().any(|s| s == next))
        {
            // It may have come while the listing was made: the next read of that slot tells.
            self.suspect = Some(Suspect::Hole { found });
            self.tail.restart(cx.now);
            self.drive(cx);
        } else if ours(&self.surveyed_at)
            && self.surveyed_at > Seq(0)
            && !seqs().any(|s| s == self.surveyed_at)
        {
            // Unless it was collected: nothing else tells an erased store from an idle one where there are no folders.
            self.suspect = Some(Suspect::HeadGone {
                seq: self.surveyed_at,
            });
            self.begin_confirm(cx, false);
        }
    }
}
