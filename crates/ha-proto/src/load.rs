//! One load of the state: where it stands.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use crate::manifest::Manifest;
use crate::names::Seq;
use crate::newest::Newest;
use crate::progress::LoadProgress;
use crate::request::Ask;
use crate::tail::Tail;
use crate::time::Instant;
use crate::unhashed::Unhashed;
use crate::view::View;

/// Parts that are fetched side by side.
pub(crate) const SIDE_BY_SIDE: usize = 8;

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Load {
    pub(crate) number: Unhashed<u64>,
    pub(crate) began: Instant,
    pub(crate) step: Step,
    pub(crate) restored: bool,
    /// The owner is to have done so much before the feed is live: what it had been told when the end of the journal was first reached.
    pub(crate) until: Unhashed<Option<u64>>,
    /// How many parts there were.
    pub(crate) parts: Unhashed<usize>,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Step {
    Rest(Instant),
    Look(Newest),
    Parts {
        manifest: Arc<Manifest>,
        asks: BTreeMap<usize, Ask>,
        got: BTreeMap<usize, Arc<[u8]>>,
    },
    /// Reading on to where the journal stands.
    ReadOn {
        view: Box<View>,
        tail: Tail,
    },
}

impl Load {
    pub(crate) fn new(number: Unhashed<u64>, began: Instant, at: Instant) -> Self {
        Self {
            number,
            began,
            step: Step::Rest(at),
            restored: false,
            until: Unhashed(None),
            parts: Unhashed(0),
        }
    }

    /// How far it has come: the snapshot's slot, and what was read on from there.
    pub(crate) fn from(&self) -> Option<Seq> {
        match &self.step {
            Step::Rest(_) | Step::Look(_) => None,
            Step::Parts { manifest, .. } => Some(manifest.seq()),
            Step::ReadOn { view, .. } => Some(view.pos),
        }
    }

    /// The same, for people.
    pub(crate) fn progress(&self, head: Seq) -> LoadProgress {
        let (parts, of_parts, seq) = match &self.step {
            Step::Rest(_) | Step::Look(_) => (0, 0, Seq(0)),
            Step::Parts { asks, got, .. } => (got.len(), got.len() + asks.len(), Seq(0)),
            Step::ReadOn { view, .. } => (*self.parts, *self.parts, view.pos),
        };
        LoadProgress::of((parts, of_parts), self.restored, seq, head)
    }

    pub(crate) fn wake(&self, journal: Seq) -> Option<Instant> {
        match &self.step {
            Step::Rest(at) => Some(*at),
            Step::Look(newest) => Some(newest.wake()),
            Step::Parts { asks, .. } => asks.values().take(SIDE_BY_SIDE).map(|a| a.wake()).min(),
            Step::ReadOn { view, tail } => (view.pos < journal).then(|| tail.wake()),
        }
    }
}
