//! Everything of ha-plane that reads bytes from outside, as functions that take any bytes at all and panic if something does not hold.
//!
//! A [`Target`] is such a function. libFuzzer calls it (`fuzz/`, by `cargo xtask fuzz`), and so does [`Campaign`], a small fuzzer of this
//! crate's own that needs nothing but stable Rust: it is what CI runs. The seeds are files in `corpus/`, one folder a target; an input that
//! once failed stays there.

mod answer;
mod archive;
mod arguments;
mod blueprint;
mod campaign;
pub use campaign::{Campaign, Found, Meter, Passed};
mod connection;
mod entities;
mod entry;
mod frame;
mod location;
mod managed;
mod manifest;
mod mutate;
mod node;
mod reader;
mod record;
mod request;
mod schedule;
mod seeds;
mod still;

use std::fmt;
use std::path::{Path, PathBuf};

/// A function that takes any bytes, and panics if something does not hold.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Target {
    /// Its name, as of its folder of seeds.
    pub name: &'static str,
    /// What it reads.
    pub about: &'static str,
    /// Reads them.
    pub run: fn(&[u8]),
    /// Inputs that go deep, made from real objects.
    seeds: fn() -> Vec<(String, Vec<u8>)>,
    /// Words that inputs may hold.
    words: &'static [&'static str],
    /// Memory that one input may take, in bytes, whatever its length.
    pub memory: usize,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "entry",
        about: "an entry of the journal",
        run: entry::run,
        seeds: seeds::entries,
        words: &["HAPJ"],
        memory: DECODED,
    },
    Target {
        name: "manifest",
        about: "a snapshot's manifest",
        run: manifest::run,
        seeds: seeds::manifests,
        words: &["HAPS"],
        memory: DECODED,
    },
    Target {
        name: "reader",
        about: "a store with damaged and forged objects, read by a node",
        run: reader::run,
        seeds: seeds::damages,
        words: &[],
        memory: DECODED,
    },
    Target {
        name: "record",
        about: "a node's record",
        run: record::run,
        seeds: seeds::records,
        words: record::WORDS,
        memory: SMALL,
    },
    Target {
        name: "request",
        about: "a REST request: verb, path, query, headers and form",
        run: request::run,
        seeds: seeds::requests,
        words: request::WORDS,
        memory: SMALL,
    },
    Target {
        name: "entities",
        about: "a request to what a plane manages: blueprints, sensors, config, effectors, tags, adjuncts",
        run: entities::run,
        seeds: entities::seeds,
        words: entities::WORDS,
        memory: REPEATED,
    },
    Target {
        name: "connection",
        about: "what a client of the REST API sends, from the first byte on",
        run: connection::run,
        seeds: seeds::connections,
        words: connection::WORDS,
        memory: SMALL,
    },
    Target {
        name: "location",
        about: "the address of a store, of a server of buckets, a key",
        run: location::run,
        seeds: seeds::locations,
        words: location::WORDS,
        memory: SMALL,
    },
    Target {
        name: "answer",
        about: "a bucket's answer: an error, a page of a listing, the bucket's settings",
        run: answer::run,
        seeds: seeds::answers,
        words: answer::WORDS,
        memory: SMALL,
    },
    Target {
        name: "arguments",
        about: "a command line: options, durations, prices, ports",
        run: arguments::run,
        seeds: seeds::command_lines,
        words: arguments::WORDS,
        memory: SMALL,
    },
    Target {
        name: "blueprint",
        about: "a blueprint in YAML or JSON, and the config of what it makes",
        run: blueprint::run,
        seeds: seeds::blueprints,
        words: blueprint::WORDS,
        memory: REPEATED,
    },
    Target {
        name: "archive",
        about: "an archive of a state, and a state that takes the place of another",
        run: archive::run,
        seeds: archive::seeds,
        words: archive::WORDS,
        memory: INFLATED,
    },
    Target {
        name: "batch",
        about: "a batch of changes to entities and tasks, after some good ones",
        run: managed::batch,
        seeds: managed::batches,
        words: &["hb"],
        memory: DECODED,
    },
    Target {
        name: "part",
        about: "a part of a snapshot of entities and tasks",
        run: managed::part,
        seeds: managed::parts,
        words: &["HARP"],
        memory: DECODED,
    },
    Target {
        name: "schedule",
        about: "what happens to a plane, step by step",
        run: schedule::run,
        seeds: seeds::schedules,
        words: &[],
        memory: DECODED,
    },
];

/// A length in an object may claim up to 64 MiB (`ha_proto`'s bound of an object), and no more.
const DECODED: usize = 96 << 20;
const SMALL: usize = 16 << 20;
/// Aliases of a small text may repeat up to a million values (`ha_rebind`'s bound of a blueprint), and no more.
const REPEATED: usize = 256 << 20;

/// What is inflated of an archive may be 256 MiB (`ha_rebind`'s bound of a state that is imported); a list that grows has twice the room.
const INFLATED: usize = 640 << 20;

impl Target {
    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.name == name)
    }

    /// The folder of its seeds.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(self.name)
    }

    /// Its seeds, in the order of their names.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn corpus(&self) -> std::io::Result<Vec<Vec<u8>>> {
        let files = std::fs::read_dir(self.folder())?.collect::<Result<Vec<_>, _>>()?;
        let mut paths: Vec<_> = files.iter().map(std::fs::DirEntry::path).collect();
        paths.sort_unstable();
        paths.iter().map(std::fs::read).collect()
    }

    /// Inputs made from real objects of this version, by their names: what `corpus/` was begun with.
    #[must_use]
    pub fn seeds(&self) -> Vec<(String, Vec<u8>)> {
        (self.seeds)()
    }
}
