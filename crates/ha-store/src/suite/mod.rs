//! The conformance suite: what a [`Store`] must do, for whoever writes one.
//!
//! [`run`] makes all checks; each can also be called alone. A check that fails panics with a sentence. Every check
//! works in a folder of its own with a random name, so that the suite can run on a store that is in use, and removes
//! it at the end if it passes.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use std::sync::Arc;
//!
//! use ha_store::{MemoryStore, suite};
//!
//! let store = MemoryStore::default();
//! suite::run(|| Arc::new(store.clone())).await;
//! # }
//! ```

mod deadlines;
mod listing;
mod objects;
mod races;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

pub use self::deadlines::deadlines_are_kept;
pub use self::listing::{a_listing_is_current, a_listing_is_of_one_folder};
pub use self::objects::{
    a_create_keeps_what_is_there, a_put_replaces, a_range_is_clipped, objects_of_any_size_come_back,
    what_is_deleted_is_absent,
};
pub use self::races::{a_created_object_is_never_seen_torn, a_put_is_never_seen_torn, one_creator_wins};
use crate::{Error, ErrorKind, Folder, Key, Store};

/// Makes all checks. Each call of `open` gives a client of the same store: another connection, cache or handle if the
/// store has such.
///
/// # Panics
///
/// If the store does not conform, with a sentence that says how.
pub async fn run(open: impl Fn() -> Arc<dyn Store>) {
    run_as(Options::default(), open).await;
}

/// As [`run`], for a store that differs from others in what [`Options`] say.
///
/// # Panics
///
/// As [`run`].
pub async fn run_as(options: Options, open: impl Fn() -> Arc<dyn Store>) {
    a_create_keeps_what_is_there(options, &open).await;
    a_put_replaces(&open).await;
    what_is_deleted_is_absent(&open).await;
    a_range_is_clipped(&open).await;
    objects_of_any_size_come_back(&open).await;
    a_listing_is_of_one_folder(options, &open).await;
    a_listing_is_current(&open).await;
    one_creator_wins(options, &open).await;
    a_created_object_is_never_seen_torn(&open).await;
    a_put_is_never_seen_torn(&open).await;
    deadlines_are_kept(&open).await;
}

/// What the suite has to know about a store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Options {
    /// Whether folders exist by themselves, as those of a file system do, so that a [`get`](Store::get) can and must say
    /// that the whole folder is missing ([`Error::folder_missing`]). A bucket has none, and must never say so: there an
    /// absent object is all that can be known; and a sub-folder may be listed for a while after it was emptied. Default
    /// true.
    pub has_folders: bool,
    /// How many create one key at once, 2 to 16. Some servers let those who lose wait for seconds. Default 8.
    pub racers: usize,
    /// How many keys they race for. Default 24.
    pub keys: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            has_folders: true,
            racers: 8,
            keys: 24,
        }
    }
}

impl Options {
    /// For a store whose folders are but the beginnings of names.
    #[must_use]
    pub fn without_folders(mut self) -> Self {
        self.has_folders = false;
        self
    }

    /// For a store on which a race costs much.
    #[must_use]
    pub fn races(mut self, racers: usize, keys: usize) -> Self {
        self.racers = racers.clamp(2, 16);
        self.keys = keys.max(1);
        self
    }
}

/// A folder of one check's own.
#[derive(Clone, Debug)]
struct Ground(String);

impl Ground {
    fn new(check: &str) -> Self {
        Self(format!("suite-{check}-{:016x}", rand::random::<u64>()))
    }

    fn key(&self, rest: &str) -> Key {
        Key::new(&format!("{}/{rest}", self.0)).expect("the suite's names are valid")
    }

    fn folder(&self, rest: &str) -> Folder {
        let text = if rest.is_empty() {
            self.0.clone()
        } else {
            format!("{}/{rest}", self.0)
        };
        Folder::new(&text).expect("the suite's names are valid")
    }

    async fn clear(&self, store: &dyn Store, names: impl IntoIterator<Item = impl AsRef<str>>) {
        for name in names {
            ok(store.delete(&self.key(name.as_ref()), WITHIN).await, "a delete");
        }
    }
}

fn ok<T>(answer: Result<T, Error>, what: &str) -> T {
    match answer {
        Ok(value) => value,
        Err(error) => panic!("{what} failed, as {}: {}", error.kind(), chain(&error)),
    }
}

fn fails<T>(answer: Result<T, Error>, kind: ErrorKind, what: &str) -> Error {
    match answer {
        Ok(_) => panic!("{what} must fail as {kind}, but succeeded"),
        Err(error) if error.kind() == kind => error,
        Err(error) => panic!(
            "{what} must fail as {kind}, but failed as {}: {}",
            error.kind(),
            chain(&error)
        ),
    }
}

/// An error with all its causes.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

async fn sorted(store: &dyn Store, folder: &Folder) -> Vec<String> {
    let mut names = ok(store.list(folder, WITHIN).await, "a list");
    names.sort_unstable();
    names
}

/// Bytes that show if they were cut or mixed: all the same.
fn uniform(byte: u8, len: usize) -> Bytes {
    vec![byte; len].into()
}

/// Longer than any healthy store takes.
const WITHIN: Duration = Duration::from_secs(60);
