//! The first commit of a new leader, sent beside the listing that validates its claim: one round trip less after a takeover.
//!
//! What becomes of it is kept back until the claim is validated. A claim that is void takes it along: an entry whose `prev` is the hash of
//! an entry that is not in the chain is valid for nobody, ever.

use alloc::boxed::Box;

use super::pending::Tried;
use super::{Activity, Journal, Note, Pending, Validation};
use crate::entry::{Kind, Payload};
use crate::output::{Cx, NotApplied, Tickets};
use crate::request::{RequestId, StoreReply};
use crate::time::Instant;

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Beside {
    pending: Pending,
    /// What its slot said, once it has.
    tried: Option<Tried>,
}

impl Beside {
    pub(super) fn wake(&self) -> Option<Instant> {
        self.tried.is_none().then(|| self.pending.wake())
    }

    pub(super) fn drive(&mut self, cx: &mut Cx<'_>) {
        if self.tried.is_none() {
            self.pending.drive(cx);
        }
    }

    /// Takes a reply, if it was to its request.
    pub(super) fn on_reply(&mut self, cx: &mut Cx<'_>, id: RequestId, reply: StoreReply) {
        if self.tried.is_none() {
            self.tried = Some(self.pending.on_reply(cx, id, reply)).filter(|t| !matches!(t, Tried::Waiting));
        }
    }

    pub(super) fn tickets(&self) -> Option<Tickets> {
        self.pending.tickets
    }
}

impl Journal {
    /// A claim or a naming of this process is being validated.
    pub(crate) fn is_validating(&self) -> bool {
        matches!(&self.activity, Activity::Validate { .. })
    }

    /// A commit of the epoch led is under way.
    pub(crate) fn commits(&self) -> bool {
        matches!(&self.activity, Activity::Pending(p) if p.kind() == Kind::Commit && self.lead == Some(p.header.epoch))
    }

    /// Whether a commit can be sent beside the listing that is under way.
    pub(crate) fn takes_beside(&self) -> bool {
        matches!(&self.activity, Activity::Validate { beside: None, .. })
    }

    /// Sends the first commit of the epoch that is being validated.
    pub(crate) fn append_beside(&mut self, cx: &mut Cx<'_>, payload: Payload, tickets: Tickets) {
        let Activity::Validate { claim, beside, .. } = &mut self.activity else {
            debug_assert!(false, "only while a claim is validated");
            return;
        };
        let at = match claim {
            Validation::Claimed(claim) => {
                let header = &claim.header;
                (header.seq.next(), header.epoch, claim.entry().hash)
            }
            Validation::Named { epoch, slot, .. } => (slot.next(), *epoch, self.view.chain),
        };
        let write_id = cx.write_id();
        let pending = Pending::new(cx.now, self.me.clone(), at, write_id, payload, Some(tickets));
        let (slot, epoch, _) = at;
        self.notes.push_back(Note::Sent {
            tickets,
            write_id,
            epoch,
            slot,
        });
        *beside = Some(Box::new(Beside { pending, tried: None }));
        self.drive(cx);
    }

    /// The claim is validated: what was sent beside the listing is an own entry like any other.
    pub(super) fn go_on_with(&mut self, cx: &mut Cx<'_>, beside: Beside) {
        self.activity = Activity::Pending(beside.pending);
        match beside.tried {
            Some(tried) => self.on_tried(cx, tried),
            None => self.drive(cx),
        }
    }

    /// The claim is void, and what was sent beside its validation with it.
    pub(super) fn void(&mut self, beside: Option<Box<Beside>>) {
        if let Some(beside) = beside {
            self.not_applied(&beside.pending, NotApplied::Fenced);
        }
    }
}
