//! Commands of operators and applications: in the same sequence as everything else, and refused with an error of their own.

use alloc::sync::Arc;

use super::queue::weight;
use super::{Node, State};
use crate::mode::Mode;
use crate::names::{Epoch, NodeId, Seq, WriteId};
use crate::output::{NotApplied, ReadId, Ticket};
use crate::request::StoreOp;
use crate::time::Instant;

/// Why a mode cannot be taken.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeModeError {
    /// Another change is under way.
    #[error("another change of mode is under way: try again when it is complete")]
    Busy,
    /// The node is stopping.
    #[error("this node is stopping: start it again in the mode you want")]
    Stopping,
    /// The node has failed for good.
    #[error("this node has failed for good: its errors say why; restart it")]
    FailedForGood,
}

/// What is known of a write whose outcome was unknown.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Resolution {
    /// It is durable, in that slot.
    Committed(Seq),
    /// It was not applied, and never will be.
    NotApplied,
    /// The chain has not decided yet.
    Undecided,
    /// It lies too far back to tell.
    Forgotten,
}

impl Node {
    /// Asks for a mode. `Event::ModeSettled` tells when it has been reached.
    ///
    /// # Errors
    /// If another change is under way, or the node stops or has failed for good.
    pub fn change_mode(&mut self, now: Instant, mode: Mode) -> Result<(), ChangeModeError> {
        // One that waits for a leader to hand over may be replaced; one under way may not.
        if self.settling.is_some() && (self.in_transition() || self.awaits_rebind()) {
            return Err(ChangeModeError::Busy);
        }
        if self.stop_asked || matches!(self.state, State::Stopping | State::Stopped) {
            return Err(ChangeModeError::Stopping);
        }
        if matches!(&self.state, State::Failed(failed) if failed.is_for_good()) {
            return Err(ChangeModeError::FailedForGood);
        }
        self.settling = Some(mode);
        self.take_mode(now, mode);
        self.run(now);
        Ok(())
    }

    /// Sets the priority in the election, and publishes it at once. Answers the one before.
    pub fn set_priority(&mut self, now: Instant, priority: i64) -> i64 {
        let before = core::mem::replace(&mut self.priority, priority);
        self.heart.hurry(now);
        self.run(now);
        before
    }

    /// Stops in order: hands over or releases, then says so. `Event::Stopped` tells when it is done.
    pub fn stop(&mut self, now: Instant) {
        self.stop_asked = true;
        self.journal.cancel_claim(now);
        self.run(now);
    }

    /// Proposes one change for the next entry. A node whose claim is in the journal and is being validated takes it as well, sends it beside
    /// the validation, and answers when both have come. `Event::Durable` or `Event::NotApplied` answers the ticket; if neither comes in time, its
    /// outcome is unknown, and [`resolve`](Self::resolve) may tell later.
    ///
    /// # Errors
    /// If the change was certainly not, and will not be, applied.
    pub fn propose(&mut self, now: Instant, change: Arc<[u8]>) -> Result<Ticket, NotApplied> {
        if self.write_authority().is_none() && !self.is_about_to_lead() {
            return Err(NotApplied::NotLeader);
        }
        if change.len() > self.config.batch_bytes {
            return Err(NotApplied::TooLarge);
        }
        if self.queue.bytes() + weight(&change) > self.config.queue_bytes {
            return Err(NotApplied::Overloaded);
        }
        let ticket = self.queue.push(now, change);
        if self.queue.may_send(now) {
            self.run(now);
        }
        Ok(ticket)
    }

    /// Takes a proposal back that waits for its turn. `false` if it is on its way already, or decided.
    pub fn withdraw(&mut self, ticket: Ticket) -> bool {
        self.queue.withdraw(ticket)
    }

    /// Asks for a linearizable read. `Event::ReadReady` tells the slot at which the state may be read.
    pub fn read(&mut self, now: Instant) -> ReadId {
        self.next_read += 1;
        let read = ReadId(self.next_read);
        self.journal.read(now, read);
        self.run(now);
        read
    }

    /// What became of a write whose outcome was unknown, and which was sent in this epoch to this slot first.
    ///
    /// As long as its epoch goes on, only who leads can tell that it was not applied.
    #[must_use]
    pub fn resolve(&self, epoch: Epoch, slot: Seq, write_id: WriteId) -> Resolution {
        let view = &self.journal.view;
        if let Some(seq) = view.slot_of(write_id) {
            return Resolution::Committed(seq);
        }
        let is_decided = if !self.journal.is_settled() {
            false
        } else if self.journal.lead() == Some(epoch) {
            // All writes of the epoch are this process's own, one after the other: the store has refused what is not on its way any more.
            !self.journal.is_on_its_way(write_id)
        } else {
            view.pos >= slot && (view.epoch != epoch || view.released)
        };
        if !is_decided {
            return Resolution::Undecided;
        }
        if view.writes_since <= slot {
            Resolution::NotApplied
        } else {
            Resolution::Forgotten
        }
    }

    /// Begins an act on the world, if that is allowed now. To be ended with [`end_act`](Self::end_act).
    pub fn begin_act(&mut self, now: Instant) -> Option<u64> {
        self.act_authority(now).map(|_| self.authority.begin_act())
    }

    /// An act has ended.
    pub fn end_act(&mut self, now: Instant, act: u64) {
        self.authority.end_act(act);
        self.run(now);
    }

    /// Deletes the records of these nodes; a live one writes its own again.
    pub fn forget_nodes(&mut self, now: Instant, nodes: &[NodeId]) {
        let me = self.me.node.clone();
        for node in nodes.iter().filter(|n| **n != me) {
            self.peers.forget(node);
            let key = crate::layout::record_key(node);
            let _unanswered = self.with(now, |_, cx| cx.send(StoreOp::Delete { key }));
        }
        self.run(now);
    }
}
