//! What must hold, each in a file of its own, behind [`Checker`].

use ha_proto::{Config, Epoch, Instant, Node, Process, Resolution, Seq, StoreOp, StoreReply, WriteId};

use crate::host::Host;
use crate::service::Service;
use crate::store::Store;
use crate::truth::Truth;
use crate::{Micros, Who};

pub mod acks;
pub mod acts;
pub mod choice;
pub mod digests;
pub mod fence;
pub mod gone;
pub mod lease;
pub mod manifests;
pub mod prefix;
pub mod reads;
pub mod recovery;
pub mod resolutions;
pub mod roles;
pub mod rot;
pub mod takeovers;

/// One step of a world, as a checker sees it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Seen<'a, S> {
    /// A node sends a request.
    Asked {
        /// Who.
        who: Who,
        /// It.
        node: &'a Node,
        /// What its clock shows.
        now: Instant,
        /// For what.
        op: &'a StoreOp,
        /// The owner of its state.
        host: &'a Host<S>,
        /// It signs an entry that it has not sent before.
        is_new: bool,
    },
    /// A request of a node has reached the store.
    Reached {
        /// Who asked.
        who: Who,
        /// When it was sent, by real time.
        sent: Micros,
        /// For what.
        op: &'a StoreOp,
        /// What came of it.
        reply: &'a StoreReply,
    },
    /// A node is given bytes that are not what was written.
    Rotten {
        /// Who.
        who: Who,
        /// Of which object.
        key: &'a str,
    },
    /// A node has said in words that something is wrong.
    Warned {
        /// Who.
        who: Who,
        /// Its words.
        words: &'a str,
    },
    /// A node is told that a process has exited.
    Exited {
        /// Who is told.
        who: Who,
        /// Which.
        process: &'a Process,
    },
    /// All processes have ended at once.
    Blackout,
    /// The store has done what a request asked for.
    Stored {
        /// For what.
        op: &'a StoreOp,
        /// What came of it.
        reply: &'a StoreReply,
    },
    /// A node has begun with a snapshot, or with the initial state.
    Restored {
        /// Who.
        who: Who,
        /// The owner of its state.
        host: &'a Host<S>,
        /// The slot of the snapshot.
        seq: Seq,
    },
    /// A node has applied an entry.
    Applied {
        /// Who.
        who: Who,
        /// The owner of its state.
        host: &'a Host<S>,
        /// The slot.
        seq: Seq,
        /// The entry's epoch.
        epoch: Epoch,
    },
    /// A node is asked for a snapshot of its state.
    Snapshot {
        /// Who.
        who: Who,
        /// The owner of its state.
        host: &'a Host<S>,
    },
    /// A client is told that its change is durable.
    Durable {
        /// Who says so.
        who: Who,
        /// Which.
        change: u64,
        /// Where.
        seq: Seq,
        /// The entry's write id.
        write_id: WriteId,
    },
    /// A client is told that its change is not, and never will be.
    NotApplied {
        /// Which.
        change: u64,
    },
    /// A node is asked what became of a write.
    Resolved {
        /// Who.
        who: Who,
        /// The first slot that was tried.
        slot: Seq,
        /// Which.
        write_id: WriteId,
        /// What it says.
        resolution: Resolution,
        /// It leads, all is healed, and nothing is under way.
        is_healed: bool,
    },
    /// A node has proven for a linearizable read up to where the journal goes.
    Proven {
        /// Who.
        who: Who,
        /// The state must have reached this slot.
        at: Seq,
        /// The last slot that had been acknowledged before it was asked for.
        acked: Seq,
    },
    /// A client is answered a linearizable read.
    Read {
        /// Where.
        who: Who,
        /// The last slot that had been acknowledged before it was asked for.
        acked: Seq,
        /// The state it is answered from.
        host: &'a Host<S>,
    },
    /// A process begins to act on the world.
    ActBegins {
        /// Who.
        who: Who,
        /// Under which epoch.
        epoch: u64,
        /// It will have ended by then, by real time.
        until: Micros,
    },
    /// It goes on with it.
    ActGoesOn {
        /// Who.
        who: Who,
        /// It will have ended by then, by real time.
        until: Micros,
    },
    /// What it did has ended.
    ActEnds {
        /// Who.
        who: Who,
    },
    /// A node has done all that it could do now.
    Rests {
        /// Who.
        who: Who,
        /// It.
        node: &'a Node,
        /// What its clock shows.
        now: Instant,
        /// The owner of its state.
        host: &'a Host<S>,
    },
    /// All is healed, one leads, and nothing is under way.
    Healed {
        /// The states of those that follow and of the one that leads, by node.
        hosts: &'a [(usize, &'a Host<S>)],
    },
}

/// Where it happens.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Real time.
    pub now: Micros,
    /// The store.
    pub store: &'a Store,
    /// What the journal truly says.
    pub truth: &'a Truth,
    /// The settings of all nodes.
    pub config: &'a Config,
}

/// Something that must hold at every step of every world.
pub trait Checker<S> {
    /// For the report of a violation.
    fn name(&self) -> &'static str;

    /// Looks at one step.
    ///
    /// # Errors
    /// If it does not hold: what was seen, in words.
    fn see(&mut self, scene: &Scene<'_>, seen: &Seen<'_, S>) -> Result<(), String>;
}

/// Those that every world has.
#[must_use]
pub fn all<S: Service + 'static>() -> Vec<Box<dyn Checker<S>>> {
    vec![
        Box::new(takeovers::Takeovers),
        Box::new(fence::Fence::default()),
        Box::new(recovery::Recovery::default()),
        Box::new(roles::Roles),
        Box::new(acks::Acks::default()),
        Box::new(acts::Acts::default()),
        Box::new(lease::Lease::default()),
        Box::new(prefix::Prefix),
        Box::new(reads::Reads),
        Box::new(manifests::Manifests::default()),
        Box::new(digests::Digests::default()),
        Box::new(choice::Choice::default()),
        Box::new(rot::Rot::default()),
        Box::new(gone::Gone::default()),
        Box::new(resolutions::Resolutions::default()),
    ]
}

/// `Ok` if it holds, and else the words.
pub(crate) fn holds(it: bool, words: impl FnOnce() -> String) -> Result<(), String> {
    if it { Ok(()) } else { Err(words()) }
}
