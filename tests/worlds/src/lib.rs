//! What a plane manages, in simulated worlds: the state of `ha-rebind`, and the evaluation of proposals upon it, through all that goes wrong in
//! `ha-sim`.
//!
//! [`Managing`] is the state machine of a node, and [`run`] a world of such nodes with the checkers of [`check`] beside those of the protocol.

mod intent;
pub use intent::{Intent, Request};
mod managing;
pub use managing::{Managing, Taken};
pub mod check;
mod deeds;
mod offer;
pub use deeds::Deeds;

use std::sync::Arc;

use ha_sim::{Plan, Report, Violation};

/// Runs a world whose nodes manage applications, and counts what was done.
///
/// # Errors
/// If something does not hold.
pub fn run(plan: &Plan, deeds: &Arc<Deeds>) -> Result<Report, Violation> {
    ha_sim::run::<Managing>(plan, || check::all(deeds))
}
