//! Archives of a state: zip files with the parts of the state and a manifest that holds their hashes, as `docs/archive.md` describes them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use rawzip::{CompressionMethod, ZipArchive, ZipArchiveEntryWayfinder, ZipArchiveWriter, ZipSliceArchive};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::level::Level;
use crate::state::State;
use crate::state::packed::LARGEST_REPLACEMENT;
use crate::state::snapshot::{Part, PartError};

/// The format of archives that is written here.
const FORMAT: u32 = 1;
const MANIFEST: &str = "data/manifest.json";
const PARTS: &str = "data/parts/";
/// A manifest names no more files than an archive may hold, and takes no more bytes.
const LARGEST_MANIFEST: usize = 1 << 20;
const MOST_FILES: usize = 1_024;

/// Where an archive comes from.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[allow(clippy::exhaustive_structs)]
pub struct About {
    /// The plane, if it was known.
    pub plane: Option<String>,
    /// The node that wrote it.
    pub node: String,
    /// The wall clock then, milliseconds since 1970.
    pub exported_ms: u64,
}

/// What an archive holds.
#[derive(Debug, Deserialize, Serialize)]
struct Manifest {
    format: u32,
    level: u16,
    #[serde(flatten)]
    about: About,
    /// The number of the last batch that the state holds.
    batch: u64,
    /// The plane's time of that batch, milliseconds.
    time_ms: u64,
    entities: u64,
    parts: Vec<File>,
}

#[derive(Debug, Deserialize, Serialize)]
struct File {
    name: String,
    bytes: u64,
    sha256: String,
}

/// Why an archive cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// It is no zip file, or has lost its end.
    #[error("it is no zip file, or is cut short ({0})")]
    NotZip(String),
    /// It has no manifest: it is of something else.
    #[error(
        "it has no `data/manifest.json`: it is no archive of this server (those of Apache Brooklyn cannot be imported)"
    )]
    NoManifest,
    /// The manifest makes no sense.
    #[error("its `data/manifest.json` makes no sense: {0}")]
    Manifest(String),
    /// A later version wrote it.
    #[error("it is of archive format {0}, and this version reads up to {FORMAT}: use a newer version")]
    TooNew(u32),
    /// It holds too many files.
    #[error("it holds more than {MOST_FILES} files")]
    TooMany,
    /// A file is there twice, or has no place in an archive.
    #[error("it holds `{0}`, which has no place there")]
    Unexpected(String),
    /// A file is missing.
    #[error("`{0}` is missing")]
    Missing(String),
    /// A file cannot be read, or is not what was written.
    #[error("`{name}` is not what was exported: {why}")]
    Altered {
        /// The file.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// What is in it is larger than a state may be that is imported.
    #[error("what is in it is larger than {LARGEST_REPLACEMENT} bytes")]
    TooLarge,
    /// A part of the state cannot be read.
    #[error(transparent)]
    Part(#[from] PartError),
    /// The parts are not those of one state.
    #[error("its parts are not those of the state that its manifest names")]
    OtherState,
}

/// Writes a state as an archive; holds one part at a time.
///
/// # Errors
/// Those of `out`.
pub fn write(state: &State, about: &About, out: impl Write) -> io::Result<()> {
    let mut zip = ZipArchiveWriter::new(out);
    let mut manifest = Manifest {
        format: FORMAT,
        level: state.level().0,
        about: about.clone(),
        batch: state.last(),
        time_ms: state.time_ms(),
        entities: state.entity_count() as u64,
        parts: Vec::new(),
    };
    state.each_part(|part| {
        let name = format!("{PARTS}{:08}", manifest.parts.len());
        add(&mut zip, &name, about, &part)?;
        manifest.parts.push(File {
            name,
            bytes: part.len() as u64,
            sha256: hex(&part),
        });
        io::Result::Ok(())
    })?;
    let text = serde_json::to_vec_pretty(&manifest)?;
    add(&mut zip, MANIFEST, about, &text)?;
    zip.finish().map_err(io::Error::other)?.flush()
}

fn add(zip: &mut ZipArchiveWriter<impl Write>, name: &str, about: &About, bytes: &[u8]) -> io::Result<()> {
    let file = zip.new_file(name).compression_method(CompressionMethod::DEFLATE);
    let file = file.last_modified(about.exported_at()).start();
    let (mut file, config) = file.map_err(io::Error::other)?;
    let mut packed = config.wrap(DeflateEncoder::new(&mut file, Compression::default()));
    packed.write_all(bytes)?;
    let (packed, size) = packed.finish().map_err(io::Error::other)?;
    packed.finish()?;
    file.finish(size).map(drop).map_err(io::Error::other)
}

/// Reads an archive. Nothing of it is believed: no more is inflated than [`LARGEST_REPLACEMENT`], and every byte is held against its hash.
///
/// # Errors
/// If it is none, was altered, or cannot be read by this version.
pub fn read(bytes: &[u8]) -> Result<(About, State), ArchiveError> {
    read_within(LARGEST_REPLACEMENT, bytes)
}

/// The same if all parts together have no more bytes than that.
fn read_within(mut room: usize, bytes: &[u8]) -> Result<(About, State), ArchiveError> {
    let archive = Archive::open(bytes)?;
    let manifest = archive.inflate(MANIFEST, LARGEST_MANIFEST)?;
    let manifest = manifest.ok_or(ArchiveError::NoManifest)?;
    let manifest = Manifest::read(&manifest)?;
    let mut state = State::default();
    for file in &manifest.parts {
        let part = archive.inflate(&file.name, room)?;
        let part = part.ok_or_else(|| ArchiveError::Missing(file.name.clone()))?;
        if part.len() as u64 != file.bytes || hex(&part) != file.sha256 {
            return Err(altered(&file.name, "its hash is not that of the manifest"));
        }
        room -= part.len();
        state.take(Part::read(Bytes::from(part))?);
    }
    archive.must_hold_only(&manifest)?;
    let is_that = (
        state.level(),
        state.last(),
        state.time_ms(),
        state.entity_count() as u64,
    ) == (
        Level(manifest.level),
        manifest.batch,
        manifest.time_ms,
        manifest.entities,
    );
    let has_any = !manifest.parts.is_empty();
    (is_that && has_any)
        .then_some((manifest.about, state))
        .ok_or(ArchiveError::OtherState)
}

/// A zip file in memory, with what it holds by name.
struct Archive<'a> {
    zip: ZipSliceArchive<&'a [u8]>,
    files: HashMap<String, (ZipArchiveEntryWayfinder, CompressionMethod)>,
}

impl<'a> Archive<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, ArchiveError> {
        let no_zip = |why: rawzip::Error| ArchiveError::NotZip(why.to_string());
        let zip = ZipArchive::from_slice(bytes).map_err(no_zip)?;
        let mut files = HashMap::new();
        let mut entries = zip.entries();
        while let Some(entry) = entries.next_entry().map_err(no_zip)? {
            let name = String::from_utf8_lossy(entry.file_path().as_bytes()).into_owned();
            if entry.is_dir() {
                // Whoever packs an archive again may add folders.
                continue;
            }
            let found = (entry.wayfinder(), entry.compression_method());
            if files.len() == MOST_FILES {
                return Err(ArchiveError::TooMany);
            }
            if files.insert(name.clone(), found).is_some() {
                return Err(ArchiveError::Unexpected(cut(&name)));
            }
        }
        Ok(Self { zip, files })
    }

    /// What a file holds, if there is one and it has no more bytes than that.
    fn inflate(&self, name: &str, most: usize) -> Result<Option<Vec<u8>>, ArchiveError> {
        let Some((place, method)) = self.files.get(name) else {
            return Ok(None);
        };
        let file = self.zip.get_entry(*place).map_err(|why| altered(name, why))?;
        let inside: Box<dyn Read> = match *method {
            CompressionMethod::STORE => Box::new(file.data()),
            CompressionMethod::DEFLATE => Box::new(DeflateDecoder::new(file.data())),
            _ => {
                return Err(altered(
                    name,
                    "it is packed in another way than stored or deflated",
                ));
            }
        };
        let mut inflated = Vec::new();
        let checked = file
            .verifying_reader(inside)
            .take(most as u64 + 1)
            .read_to_end(&mut inflated);
        if inflated.len() > most {
            return Err(ArchiveError::TooLarge);
        }
        checked.map_err(|why| altered(name, why))?;
        Ok(Some(inflated))
    }

    fn must_hold_only(&self, manifest: &Manifest) -> Result<(), ArchiveError> {
        let is_named = |name: &str| name == MANIFEST || manifest.parts.iter().any(|file| file.name == name);
        let other = self.files.keys().find(|name| !is_named(name));
        other.map_or(Ok(()), |name| Err(ArchiveError::Unexpected(cut(name))))
    }
}

impl Manifest {
    fn read(text: &[u8]) -> Result<Self, ArchiveError> {
        #[derive(Deserialize)]
        struct Front {
            format: u32,
        }
        let no_sense = |why: serde_json::Error| ArchiveError::Manifest(why.to_string());
        let Front { format } = serde_json::from_slice(text).map_err(no_sense)?;
        if format > FORMAT {
            return Err(ArchiveError::TooNew(format));
        }
        let read: Self = serde_json::from_slice(text).map_err(no_sense)?;
        if read.parts.len() > MOST_FILES {
            return Err(ArchiveError::TooMany);
        }
        Ok(read)
    }
}

impl About {
    /// The name that Brooklyn gives an archive: `brooklyn-state-yAVz0fzo-2016-06-20-0911.zip`.
    pub(crate) fn file_name(&self) -> String {
        let at = self.exported_at();
        format!(
            "brooklyn-state-{}-{:04}-{:02}-{:02}-{:02}{:02}.zip",
            self.node,
            at.year(),
            at.month(),
            at.day(),
            at.hour(),
            at.minute()
        )
    }

    fn exported_at(&self) -> rawzip::time::UtcDateTime {
        rawzip::time::UtcDateTime::from_unix(i64::try_from(self.exported_ms / 1_000).unwrap_or(i64::MAX))
    }
}

fn altered(name: &str, why: impl std::fmt::Display) -> ArchiveError {
    ArchiveError::Altered {
        name: cut(name),
        why: why.to_string(),
    }
}

/// A name that somebody else chose, in an error.
fn cut(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(80).collect()
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("memory takes all");
            text
        })
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
