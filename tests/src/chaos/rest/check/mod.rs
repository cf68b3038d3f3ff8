//! What must hold of a plane of entities that was written to over REST: one file a rule, each tested on histories that break it.

mod answers;
pub(crate) use answers::answers;
mod kept;
pub(crate) use kept::kept;
mod marks;
pub(crate) use marks::{missed, nothing_happened};
mod sights;
pub(crate) use sights::sights;
mod strokes;
pub(crate) use strokes::strokes;
mod tasks;
pub(crate) use tasks::tasks;

#[cfg(test)]
mod forged;
