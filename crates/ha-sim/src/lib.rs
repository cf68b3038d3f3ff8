//! A deterministic world for ha-plane: one store, some nodes with clocks of their own, one line of events drawn from a seed.
//!
//! The nodes run the production machine, [`ha_proto::Node`]; the world is its driver, its store, its operators and its accidents. What is
//! replicated is your [`Service`]; what must hold are the [`check::Checker`]s, those that are here and your own. A violation panics, as an
//! assertion in a test does, and names the seed; [`run`] catches it.
//!
//! ```
//! use ha_sim::{Plan, Sums, run};
//!
//! let report = run::<Sums>(&Plan::draw(7), Vec::new).unwrap();
//! assert!(report.tally.takeovers > 0);
//! ```
//!
//! Read in this order: [`World`] (the events), [`Faults`] (what may go wrong), [`Truth`] (the journal as it is), [`check`] (what must
//! hold), [`Plan`] and [`run`] (a whole world from a seed), [`linear`] (histories), [`hand`] (schedules made by hand).

pub mod rng;
mod service;
pub use service::{Desk, EMPTIED, Numbers, Service, Sums};
mod host;
pub use host::{Host, Line, change, number};
mod store;
pub use store::Store;
mod faults;
pub use faults::{Faults, KINDS};
mod fate;
mod tally;
pub use tally::{MARKS, Marks, Tally};
mod truth;
pub use truth::Truth;
mod member;
pub use member::{Act, Asked, Member};
pub mod check;
pub mod linear;
mod trace;
mod words;
pub use trace::Trace;
mod world;
pub use world::{Load, World, config};
mod campaign;
pub use campaign::{ENOUGH, Summary};
mod plan;
pub use plan::{Kind, Plan, Report, Violation, run};
mod heal;
pub use heal::heal;
mod shrink;
pub use shrink::shrink;
pub mod hand;
mod year;
pub use year::{Year, year};

pub use ha_proto::Instant;

/// Microseconds of real time.
pub type Micros = u64;
/// A millisecond.
pub const MS: Micros = 1_000;
/// A second.
pub const SEC: Micros = 1_000_000;
/// An hour.
pub const HOUR: Micros = 3600 * SEC;

/// Which process of which node.
pub type Who = (usize, u64);
