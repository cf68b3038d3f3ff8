//! What must hold, each in a file of its own.

pub mod acks;
pub mod acts;
pub mod manifests;
pub mod prefix;
pub mod reads;
pub mod takeovers;
