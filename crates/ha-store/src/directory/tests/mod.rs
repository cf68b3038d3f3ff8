//! The backend on a file system that loses power, and on a real one that fails on demand.

mod conformance;
mod crashes;
mod failures;
mod folders;
mod reading;
mod scripted;
mod stops;

use bytes::Bytes;

use super::engine::Engine;
use super::probe::Method;
use super::sys::Sys;
use crate::{Error, ErrorKind, Folder, Key};

const METHODS: [Method; 3] = [Method::Unnamed, Method::Link, Method::Rename];

fn open<S: Sys>(sys: S) -> Engine<S> {
    Engine::open(sys, "/the/root".into()).unwrap()
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn folder(text: &str) -> Folder {
    Folder::new(text).unwrap()
}

/// What a reader sees: `None` is a proven absence.
fn read<S: Sys>(engine: &Engine<S>, name: &str) -> Option<Bytes> {
    match engine.get(&key(name)) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
            None
        }
    }
}

fn list<S: Sys>(engine: &Engine<S>, name: &str) -> Vec<String> {
    let mut names = engine.list(&folder(name)).unwrap();
    names.sort_unstable();
    names
}

/// Temporary files in the root.
fn leftovers<S: Sys>(sys: &S) -> Vec<String> {
    let entries = sys.entries(sys.open_root().unwrap()).unwrap();
    entries
        .into_iter()
        .map(|entry| entry.name)
        .filter(|name| name.starts_with('.'))
        .collect()
}

fn kind<T>(answer: Result<T, Error>) -> Option<ErrorKind> {
    answer.err().map(|error| error.kind())
}
