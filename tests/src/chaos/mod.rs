//! A seeded campaign on real processes and real stores: planes of three nodes each are disturbed while clients write, read and act all the
//! time; afterwards what the clients were told is held beside what the nodes have applied and done.
//!
//! With entities the processes are `ha-server`s, and all is written over REST: see `rest`.
//!
//! Read in this order: [`Campaign`] (what is asked for), `round` (one plane), `injector` (what is done to it), `load` and `client` (who uses
//! it, and keeps the record), `witness` (what the nodes have applied), `check` (what must hold).

mod bug;
mod campaign;
mod check;
mod client;
mod clocks;
mod digest;
mod fault;
mod history;
mod injector;
mod load;
mod nodes;
mod place;
mod process;
mod resources;
pub mod rest;
mod round;
mod sentinel;
mod tally;
mod witness;

pub use bug::Bug;
pub use campaign::{Broken, Campaign, Store, Verdict};
pub use check::{Resource, Rule};
pub use digest::Digest;
pub use fault::Fault;
pub use tally::{Tally, TookOver};
pub use witness::Seen;
