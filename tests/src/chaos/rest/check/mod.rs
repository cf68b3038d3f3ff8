//! What must hold of a plane of entities that was written to over REST: one file a rule, each tested on histories that break it.

mod adjuncts;
pub(crate) use adjuncts::adjuncts;
mod answers;
pub(crate) use answers::answers;
mod enrichers;
pub(crate) use enrichers::enrichers;
mod feeds;
pub(crate) use feeds::feeds;
mod forgotten;
mod kept;
pub(crate) use kept::kept;
mod marks;
pub(crate) use marks::{missed, nothing_happened};
mod policies;
pub(crate) use policies::policies;
mod sights;
pub(crate) use sights::sights;
mod strokes;
pub(crate) use strokes::{by_mark, each, strokes};
mod tasks;
pub(crate) use tasks::tasks;

#[cfg(test)]
mod forged;
