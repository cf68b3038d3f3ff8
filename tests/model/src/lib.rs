//! Exhaustive model check of the production protocol code.
mod canon;
pub mod journal;
pub mod search;
