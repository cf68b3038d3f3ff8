//! What the benches share: figures from samples, and servers as processes.
//!
//! Each bench prints lines of `what  figure  target`, ratios against a baseline that ran beside it. Nothing here asserts: machines are noisy.

mod bare;
pub use bare::bare_create;
mod clients;
pub use clients::{CHANGE, appends, side_by_side};
mod samples;
pub use samples::Samples;
mod timed;
pub use timed::Timed;
mod server;
pub use server::{Server, state_of};
