//! The two sides of the boundary that leave the machine: what the driver must do, and what observers are told.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::config::Config;
use crate::hash::{Digest, IdSource};
use crate::mode::{Mode, Role};
use crate::names::{Epoch, Nonce, PlaneId, Process, Seq, WriteId};
use crate::request::{Ask, RequestId, StoreOp, StoreRequest};
use crate::time::Instant;
use crate::unhashed::Unhashed;

/// What the machine wants done or known. Exhaustive: a driver that forgets one does not compile.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_enums)]
pub enum Output {
    /// To be asked of the store, and answered by `Input::Store`.
    Store(StoreRequest),
    /// To be done by the owner of the state, in this order.
    Host(HostRequest),
    /// For observers; only this may be dropped.
    Event(Event),
}

/// What the owner of the state does, in the order given.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_enums)]
pub enum HostRequest {
    /// Forget the state: this node is no longer hot.
    Unload,
    /// Begin with the state in these parts (none: the initial state). To be answered by `Input::Restored` with the number.
    Restore {
        /// To be named in the answer.
        load: u64,
        /// The slot of the snapshot; 0 for the initial state.
        seq: Seq,
        /// Its parts.
        parts: Arc<[Arc<[u8]>]>,
    },
    /// Apply a committed entry. Not answered.
    Apply(Applied),
    /// Say when all that was asked before this is done. To be answered by `Input::Barrier` with the number.
    Barrier {
        /// To be named in the answer.
        id: u64,
    },
    /// Say what the state is now. To be answered by `Input::Snapshot` with the number.
    Snapshot {
        /// To be named in the answer.
        id: u64,
        /// Where the state stands now.
        seq: Seq,
    },
}

/// A committed entry.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Applied {
    /// Its slot.
    pub seq: Seq,
    /// Its epoch.
    pub epoch: Epoch,
    /// Who wrote it.
    pub by: Process,
    /// The plane's time, milliseconds.
    pub time_ms: u64,
    /// Empty the state first.
    pub replaces: bool,
    /// The changes.
    pub changes: Arc<[Arc<[u8]>]>,
}

/// Numbers a proposal.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ticket(pub u64);

/// Proposals from the first to the last, both included.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Tickets {
    /// The first.
    pub first: Ticket,
    /// The last.
    pub last: Ticket,
}

/// Numbers a linearizable read.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ReadId(pub u64);

/// What observers are told.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The plane's id is known.
    PlaneKnown(PlaneId),
    /// This node reports itself to be something else.
    RoleChanged {
        /// Before.
        from: Role,
        /// Now.
        to: Role,
        /// The current epoch.
        epoch: Epoch,
        /// Why, in words for an operator.
        why: String,
    },
    /// The journal has a new leader.
    LeaderChanged {
        /// Its epoch.
        epoch: Epoch,
        /// Who; `None` after a release.
        leader: Option<Process>,
    },
    /// This node's claim, or its naming as successor, of this epoch lay in a slot that had been collected: it is void, and nothing came of it.
    ClaimVoid(Epoch),
    /// This node may act on the world from now on, under this epoch.
    FullGained(Epoch),
    /// It may not any more.
    FullLost(Epoch),
    /// Proposals are on their way, and where they would lie.
    Sent {
        /// Which.
        tickets: Tickets,
        /// Their entry's write id.
        write_id: WriteId,
        /// Their entry's epoch.
        epoch: Epoch,
        /// The slot tried.
        slot: Seq,
    },
    /// Proposals are durable, and in every later state.
    Durable {
        /// Which.
        tickets: Tickets,
        /// Their entry's slot.
        seq: Seq,
        /// Its write id.
        write_id: WriteId,
    },
    /// Proposals were certainly not applied, and never will be.
    NotApplied {
        /// Which.
        tickets: Tickets,
        /// Why.
        why: NotApplied,
    },
    /// What became of proposals cannot be known by this process any more.
    Undecided {
        /// Which.
        tickets: Tickets,
    },
    /// A linearizable read may be answered from the state at this slot.
    ReadReady {
        /// Which.
        read: ReadId,
        /// The state must have reached this slot.
        seq: Seq,
    },
    /// A linearizable read cannot be answered: this node stops.
    ReadFailed(ReadId),
    /// A change of mode is complete.
    ModeSettled(Mode),
    /// The node will not start, or has stopped for good: the reason, in words for an operator.
    Refused(String),
    /// The state is loaded, and follows the journal from here.
    StateLoaded {
        /// Up to this slot.
        seq: Seq,
        /// How long the load took.
        took: Duration,
    },
    /// The state could not be loaded; it is tried again. Why, in words for an operator.
    StateNotLoaded(String),
    /// The node has stopped in order.
    Stopped,
    /// Something an operator should know.
    Warning(String),
    /// Something an operator may like to know.
    Note(String),
}

/// Why proposals were not applied.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum NotApplied {
    /// This node does not lead.
    NotLeader,
    /// Another's entry fenced them off.
    Fenced,
    /// The store refused them: its words.
    Refused(String),
    /// Too much is waiting already.
    Overloaded,
    /// One change is larger than an entry may be.
    TooLarge,
}

/// The owner's answer to [`HostRequest::Snapshot`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct SnapshotParts {
    /// The parts; they mean something to the owner only.
    pub parts: Vec<Arc<[u8]>>,
    /// Digest of the state: equal on every node that has applied the same entries.
    pub digest: Digest,
}

/// What waits to leave the machine.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Outbox {
    next_request: Unhashed<u64>,
    queue: VecDeque<Output>,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self {
            next_request: Unhashed(1),
            queue: VecDeque::new(),
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Output> {
        self.queue.pop_front()
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.queue.push_back(Output::Event(event));
    }

    pub(crate) fn host(&mut self, request: HostRequest) {
        self.queue.push_back(Output::Host(request));
    }

    fn send(&mut self, op: StoreOp, within: Duration) -> RequestId {
        let id = RequestId(*self.next_request);
        *self.next_request += 1;
        self.queue
            .push_back(Output::Store(StoreRequest { id, op, within }));
        id
    }
}

/// What every part of the machine works with, for the length of one call.
pub(crate) struct Cx<'a> {
    pub(crate) now: Instant,
    pub(crate) out: &'a mut Outbox,
    pub(crate) ids: &'a mut IdSource,
    pub(crate) config: &'a Config,
    /// Of the epoch that this node leads, if its lease is known.
    pub(crate) lease_ends: Option<Instant>,
}

impl Cx<'_> {
    /// Sends a request now.
    pub(crate) fn send(&mut self, op: StoreOp) -> Ask {
        let id = self.out.send(op, self.within());
        Ask::Sent {
            id,
            at: self.now,
            until: self.now + self.config.request_timeout,
        }
    }

    /// The deadline of a request that is sent now: a leader hears of its end before work must end, while there is time for that.
    fn within(&self) -> Duration {
        let longest = self.config.request_timeout;
        self.lease_ends
            .map(|end| end.since(self.now).saturating_sub(self.config.stop_grace))
            .filter(|left| !left.is_zero())
            .map_or(longest, |left| left.min(longest))
    }

    /// Sends the request if it is due, again if its time has passed. Says whether it was given up just now.
    pub(crate) fn drive(&mut self, ask: &mut Ask, op: impl FnOnce() -> StoreOp) -> bool {
        let late = matches!(*ask, Ask::Sent { until, .. } if until <= self.now);
        if late || matches!(*ask, Ask::Due(at) if at <= self.now) {
            *ask = self.send(op());
        }
        late
    }

    /// A request that failed: again, a little later.
    pub(crate) fn later(&self) -> Ask {
        Ask::Due(self.now + self.config.retry())
    }

    pub(crate) fn write_id(&mut self) -> WriteId {
        WriteId(self.ids.draw())
    }

    pub(crate) fn warn(&mut self, message: String) {
        self.out.event(Event::Warning(message));
    }
}

/// The boot nonce that a process with this seed has.
#[must_use]
pub fn boot_nonce(seed: &[u8; 32]) -> Nonce {
    let hash = Digest::of_all([&b"boot nonce"[..], seed]);
    let mut nonce = [0; 16];
    nonce.copy_from_slice(&hash.0[..16]);
    Nonce(nonce)
}
