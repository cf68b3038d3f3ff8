//! What the benches share: figures from samples, and servers as processes.
//!
//! Each bench prints lines of `what  figure  target`, ratios against a baseline that ran beside it. Nothing here asserts: machines are noisy.

mod paced;
pub use paced::Paced;
mod samples;
pub use samples::Samples;
mod timed;
pub use timed::Timed;
mod server;
pub use server::{Server, state_of};
