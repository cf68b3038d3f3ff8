//! Exhaustive model check of the production protocol code.
//!
//! What `ha_proto::Node` does is searched in every interleaving of single requests, within bounds: the nodes of a state are production nodes, and only
//! the store, the clocks and what operators say are the model's. See README.md for bounds, figures and what is not modelled.
//!
//! A node's state and what it becomes by an input are worked out once and kept under a number, so that a state of the world is a few numbers and a step
//! of it a few look-ups. Two states of a node are one if their hashes are, and the hash leaves out what no decision depends on (see `canon`).

mod authority;
mod canon;
mod cli;
mod crew;
mod journal;
mod mutants;
mod oracle;
mod runs;
mod search;
mod tables;

pub use cli::{Found, check, cli, slice_of};
pub use mutants::{Caught, Mutant, Workshop, mutants};
