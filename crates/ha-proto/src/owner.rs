//! How far the owner of the state has come with what it was told: it works by itself, and may lag.

use crate::output::{Cx, HostRequest};

/// Counts what the owner was told. Kept out of hashes: with an owner that answers at once, as a model's does, two states that differ in it
/// alone behave alike.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Owner {
    told: u64,
    /// Up to where it was asked to say when it is done.
    asked: u64,
    done: u64,
}

impl Owner {
    /// Tells it something that changes the state.
    pub(crate) fn tell(&mut self, cx: &mut Cx<'_>, request: HostRequest) {
        self.told += 1;
        cx.out.host(request);
    }

    /// How much it was told.
    pub(crate) fn told(&self) -> u64 {
        self.told
    }

    /// Whether it has done so much.
    pub(crate) fn has_done(&self, much: u64) -> bool {
        self.done >= much
    }

    /// Whether it has done all.
    pub(crate) fn is_done(&self) -> bool {
        self.has_done(self.told)
    }

    /// Asks it to say when it has done all, unless it will.
    pub(crate) fn ask_when_done(&mut self, cx: &mut Cx<'_>) {
        if self.asked < self.told {
            self.asked = self.told;
            cx.out.host(HostRequest::Barrier { id: self.told });
        }
    }

    /// It has passed that barrier.
    pub(crate) fn on_barrier(&mut self, id: u64) {
        self.done = self.done.max(id);
    }
}
