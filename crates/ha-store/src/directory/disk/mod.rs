//! A disk in memory that loses power: for whoever wants to know what a crash at any system call leaves of a store.

mod images;
mod model;
mod store;

#[cfg(test)]
pub(super) use model::{Model, World};
pub use store::{Cuts, Disk, DiskStore};
