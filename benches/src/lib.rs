//! What the benches share: figures from samples, servers as processes, and their clients.
//!
//! Each bench prints lines of `what  figure  target`, ratios against a baseline that ran beside it. Nothing here asserts: machines are noisy.

mod bare;
pub use bare::{bare_create, bare_creates};
mod clients;
pub use clients::{CHANGE, appends, side_by_side};
pub mod latency;
pub mod rest;
mod samples;
pub use samples::Samples;
mod timed;
pub use timed::Timed;
mod server;
pub use server::{Server, state_of};
