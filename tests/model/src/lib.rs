//! Exhaustive model check of the production protocol code.
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

pub use cli::cli;
pub use mutants::{Caught, Mutant, Workshop, mutants};
