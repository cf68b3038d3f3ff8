//! What ha-plane asks of shared storage, and the stores that give it.
//!
//! A [`Store`] holds immutable objects under short keys. Two things carry the whole plane: **create if absent**, which
//! admits one writer of a key and is durable when it says so, and **reads that are current**: what was created before
//! a [`get`](Store::get) or a [`list`](Store::list) was sent is seen by it, from every client. There is no
//! compare-and-swap, no lock and no order of listings to rely on.
//!
//! Every call has a deadline, and every error says what to do: see [`ErrorKind`]. The one that is easily forgotten is
//! [`ErrorKind::OutcomeUnknown`]: the write may have been made, or may yet be made.
//!
//! In reading order: [`Key`] and [`Folder`], [`Error`], [`Store`]; the backends [`MemoryStore`] and [`DirectoryStore`];
//! the decorators [`Counted`] and [`Faulty`]; [`probe`], which finds out whether a store in use keeps its word; and the
//! conformance suite, `suite`, for whoever writes another backend
//! (feature `suite`); and `crash`, a disk that loses power, for whoever wants to see what is left of a store then (feature `crash`).
//!
//! ```
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use ha_store::{ErrorKind, Key, MemoryStore, Store};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), ha_store::Error> {
//! let store = MemoryStore::default();
//! let slot = Key::new("journal/00000000/00000000000000000001")?;
//! let within = Duration::from_secs(5);
//!
//! store.create(&slot, Bytes::from_static(b"mine"), within).await?;
//! let lost = store.create(&slot, Bytes::from_static(b"yours"), within).await.unwrap_err();
//! assert_eq!(lost.kind(), ErrorKind::Exists);
//! assert_eq!(store.get(&slot, within).await?, "mine");
//! # Ok(())
//! # }
//! ```

mod key;
pub use key::{Folder, Key};

mod error;
pub use error::{Error, ErrorKind};

mod store;
pub use store::{Operation, Store};

mod memory;
pub use memory::MemoryStore;

mod directory;
pub use directory::DirectoryStore;

mod location;
pub use location::{BucketLocation, Endpoint, Location, LocationError, Provider};

mod settings;
pub use settings::BucketSettings;

#[cfg(feature = "bucket")]
mod bucket;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub use bucket::read_answer;
#[cfg(feature = "bucket")]
pub use bucket::{BucketPolicies, BucketStore, Lifecycle, LifecycleRule, Versioning};

mod histogram;
pub use histogram::Histogram;

mod counted;
pub use counted::{Counted, Counts, OperationCounts};

mod faulty;
pub use faulty::{Dice, Fault, Faulty, Rule};

pub mod probe;

#[cfg(feature = "suite")]
pub mod suite;

/// A disk in memory that loses power, below the directory store: what does a crash at any system call leave?
#[cfg(any(test, feature = "crash"))]
pub mod crash {
    pub use crate::directory::disk::{Cuts, Disk, DiskStore};
}
