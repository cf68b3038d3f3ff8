//! Fixtures of the whole-system tests: real `ha-server` processes on real directories and buckets, watched from outside over REST.
//!
//! A test makes a [`Site`], launches [`Server`]s on it, waits for what it expects with [`wait_for`], and lets all of it go: whatever
//! still runs is ended, and the logs are printed if the test failed. Nothing is shared between tests, so they run in parallel,
//! and the whole suite may run twice at once.

mod binary;
pub use binary::{built_chaos_server, built_counter, server_binary};
pub mod chaos;
mod http;
pub use http::{Answer, Request};
mod ports;
pub use ports::ReservedPort;
mod wait;
pub use wait::{PATIENCE, stays, wait_for};
mod administrator;
mod bucket_server;
mod daemon;
pub mod proxy;
pub use bucket_server::BucketServer;
mod objects;
pub use objects::Objects;
mod bucket;
pub use bucket::Bucket;
mod ground;
pub use ground::Ground;
mod site;
pub use site::{Site, Timings};
mod launch;
pub use launch::{Ended, Launch};
mod server;
pub use server::Server;
mod plane;
pub use plane::{Plane, assert_settled};
mod watch;
pub use watch::MasterWatch;
mod namespace;
pub use namespace::Mounts;
mod counter;
pub use counter::{Counter, CounterLaunch, Pending, Remote};
mod disk;
mod holder;
pub use disk::Disk;
mod juicefs;
pub use juicefs::JuiceFs;
mod links;
pub use links::{Ailment, Links};
mod strace;
pub use strace::Strace;
mod counters;
pub use counters::Counters;
mod clients;
pub use clients::{Clients, History};
mod journal;
pub use journal::{Entry, Journal};
mod command;
pub use command::{Said, server_says, server_says_in};
mod acts;
pub use acts::Acts;
pub mod archives;
mod deployers;
pub use deployers::{Deployers, Deployments};
mod skip;
pub use skip::skip;
