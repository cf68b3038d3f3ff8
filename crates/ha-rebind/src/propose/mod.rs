//! Proposals: what a leader evaluates, one after the other, before anything is written.

mod draft;
pub use draft::Draft;
mod layers;
mod refusal;
pub use refusal::Refusal;
mod replace;
mod staging;
pub use staging::{ClientKey, Evaluated, Staging};
