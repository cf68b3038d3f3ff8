//! The ha-plane protocol: journal, election, leases and modes as one sans-IO state machine.
//!
//! Everything that must be agreed on is one chain of immutable objects in a store that can create if absent. A [`Node`] reads the chain,
//! becomes leader by creating its next link, commits by creating the next one, and is fenced by whoever creates a link first. It does
//! no I/O, reads no clock, spawns nothing and draws no randomness: a driver asks the store for it and tells it the time. The states are
//! `Clone + Hash`, so that a model checker can run this very code.
//!
//! Read in this order: [`Header`] and [`Payload`] (an entry), [`View`] (validity, the whole of consensus in one function), `journal`
//! (read, confirm, claim, append), `authority` (who may act on the world), [`chooser`], `judge` (what a reading means), [`Node`].
#![no_std]

extern crate alloc;

mod names;
pub use names::{Epoch, NameError, NodeId, Nonce, PlaneId, Process, Seq, WriteId};
mod mode;
pub use mode::{Mode, Role, UnknownMode};
mod time;
pub use time::Instant;
mod hash;
pub use hash::Digest;
mod codec;
mod entry;
mod unhashed;
pub use entry::{
    Evidence, FORMAT_LEVEL, FRAME_FORMAT, FormatError, Header, Kind, LONGEST_PAYLOAD, Payload, RawEntry,
};
pub mod layout;
mod view;
pub use view::{FullRecord, Leader, REMEMBERED_WRITES, Term, View};
mod load;
mod manifest;
pub use manifest::{Manifest, Part};
mod walk;
pub use walk::Walk;
mod record;
pub use record::{LONGEST_RECORD, NodeRecord, Timings};
mod config;
pub use config::{Config, ConfigBuilder, ConfigError, Pace};
mod idle;
pub use idle::IdleRequests;
mod request;
pub use request::{FailureKind, RequestId, StoreFailure, StoreOp, StoreReply, StoreRequest};
mod output;
mod owner;
pub use output::{
    Applied, Event, HostRequest, NotApplied, Output, ReadId, SnapshotParts, Ticket, Tickets, boot_nonce,
};
mod feed;
mod progress;
pub use progress::LoadProgress;
mod journal;
mod keeper;
mod newest;
mod peers;
mod tail;
pub use peers::Peer;
mod authority;
mod heart;
pub use authority::ActAuthority;
pub mod chooser;
pub use chooser::Candidate;
mod judge;
mod node;
pub use node::{ChangeModeError, HISTORY, Identity, Input, Node, Resolution, RoleChange};
