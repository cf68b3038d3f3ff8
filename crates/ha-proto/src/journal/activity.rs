//! What the journal is in the middle of, and what it tells the node.

use alloc::boxed::Box;
use alloc::string::String;

use super::Pending;
use super::beside::Beside;
use super::confirm::Confirm;
use crate::entry::{Evidence, Header, Kind, Payload, RawEntry};
use crate::names::{Epoch, Seq, WriteId};
use crate::newest::Newest;
use crate::output::{NotApplied, ReadId, Tickets};
use crate::request::Ask;
use crate::time::Instant;

/// What the node is told by its journal, in order.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Note {
    /// A valid entry was taken.
    Entry {
        header: Header,
        payload: Payload,
        length: usize,
    },
    /// As of that moment nothing lay beyond the view, and this view led or was confirmed.
    Proof { as_of: Instant },
    /// The store answered a read.
    Answered,
    /// This process leads; claim or naming validated.
    Leads(Epoch),
    /// A follower has found nothing in the next slot.
    Absent { sent_at: Instant },
    /// A claim did not come to lead.
    ClaimLost(String),
    /// A claim or a naming came to lie in a slot that had been collected.
    ClaimVoid(Epoch),
    /// Something was sent.
    Sent {
        tickets: Tickets,
        write_id: WriteId,
        epoch: Epoch,
        slot: Seq,
    },
    /// An own entry is durable.
    Durable {
        header: Header,
        tickets: Option<Tickets>,
        took: core::time::Duration,
    },
    /// An own entry was not applied.
    NotApplied {
        kind: Kind,
        tickets: Option<Tickets>,
        why: NotApplied,
    },
    /// What became of it cannot be known.
    Undecided { tickets: Tickets },
    /// A read may be answered.
    ReadReady { read: ReadId, seq: Seq },
    /// The view was replaced by a manifest's, or by nothing.
    Reloaded,
    /// A first view stands: the journal has been read as far as a listing knew.
    Loaded,
    /// It cannot go on; `for_good`: not in this process.
    Halted { why: String, for_good: bool },
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
// There is one of it in a node.
#[allow(clippy::large_enum_variant)]
pub(super) enum Activity {
    /// Reading what comes.
    Idle,
    /// Beginning again from the newest manifest.
    Load(Newest),
    /// Confirming the view.
    Confirm(Confirm),
    /// An own entry under way.
    Pending(Pending),
    /// Validating leadership that the slot gave.
    Validate {
        newest: Newest,
        claim: Validation,
        /// The first commit, sent beside the listing. Nothing is said of it before the listing has come.
        beside: Option<Box<Beside>>,
    },
    /// A leader met another's entry in its slot.
    Stranger {
        newest: Newest,
        slot: Seq,
        entry: RawEntry,
        mine: Option<Pending>,
    },
    /// A 404 was seen; a listing makes it a proof.
    Probe { newest: Newest, sent_at: Instant },
    /// Is the last slot read still there?
    Head { ask: Ask, then: AfterHead },
    /// Nothing more until the node restarts it.
    Halted,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Validation {
    /// An own `Takeover` lies in its slot.
    Claimed(Box<Pending>),
    /// A `Handover` that names this process was taken.
    Named {
        epoch: Epoch,
        slot: Seq,
        write_id: WriteId,
    },
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum AfterHead {
    Claim {
        evidence: Evidence,
        uri: String,
    },
    /// Nothing: it was a look ahead of a claim.
    Note {
        sent_at: Instant,
    },
    Absent {
        sent_at: Instant,
    },
}

/// Why the store may have been erased or rewound.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Suspect {
    Hole {
        found: Seq,
    },
    /// A slot that was read, the last one then.
    HeadGone {
        seq: Seq,
    },
}
