//! The campaign on entities: planes of `ha-server` processes whose entities act on the world, disturbed as all others, while clients write over
//! REST with idempotency keys and readers look at all nodes.
//!
//! Read in this order: `round` (one plane), `load` and `client` (who uses it), `history` (the record), `settled` (what the nodes show in the end),
//! `ledger` (what can be so), `check` (what must hold).

mod check;
pub(crate) use check::missed;
mod client;
mod history;
mod ledger;
mod load;
mod mark;
mod node;
pub use node::{ACTS, BUG, NODE};
mod request;
pub use request::{SEEN, STRIKER, WATCHER};
mod round;
mod sentinel;
mod settled;
