//! The stories of a plane once more, on a bucket of a real server.
//!
//! Each is a file and a test of its own beside this one, where it is played on a directory; see [`ha_tests::Ground`].

#[path = "collection.rs"]
mod collection;
#[path = "crashes.rs"]
mod crashes;
#[path = "failover.rs"]
mod failover;
#[path = "fencing.rs"]
mod fencing;
