//! What the nodes of a plane have applied, as each process wrote it down outside the plane.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::digest::Digest;

/// One line of a process.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_enums)]
pub enum Seen {
    /// It has applied a value.
    Applied {
        /// The slot of its entry.
        seq: u64,
        /// Its place in the entry.
        index: u64,
        /// The entry's epoch.
        epoch: u64,
        /// The value.
        value: String,
    },
    /// Its state is now one of so many values: at the start, when it was reset, and when it was restored from a snapshot.
    StandsAt {
        /// How many.
        len: u64,
        /// What they come to.
        digest: Digest,
    },
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applied {
                seq,
                index,
                epoch,
                value,
            } => write!(f, "+ {seq} {index} {epoch} {value}"),
            Self::StandsAt { len, digest } => write!(f, "= {len} {digest}"),
        }
    }
}

impl FromStr for Seen {
    type Err = String;
    fn from_str(line: &str) -> Result<Self, String> {
        let bad = || format!("`{line}` is no line of a witness");
        let words: Vec<_> = line.split(' ').collect();
        let number = |word: &str| word.parse().map_err(|_| bad());
        match words[..] {
            ["+", seq, index, epoch, value] => Ok(Self::Applied {
                seq: number(seq)?,
                index: number(index)?,
                epoch: number(epoch)?,
                value: value.to_owned(),
            }),
            ["=", len, digest] => Ok(Self::StandsAt {
                len: number(len)?,
                digest: digest.parse().map_err(|_| bad())?,
            }),
            _ => Err(bad()),
        }
    }
}

/// What one process wrote.
#[derive(Clone, Debug)]
pub(crate) struct Testimony {
    /// Which process: its node and process id.
    pub(crate) by: String,
    pub(crate) lines: Vec<Seen>,
}

/// All that the processes of a plane wrote.
pub(crate) fn testimonies(dir: &Path) -> Result<Vec<Testimony>, String> {
    let cannot = |error: std::io::Error| format!("{}: {error}", dir.display());
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let text = std::fs::read_to_string(entry.path()).map_err(cannot)?;
        let by = entry.file_name().to_string_lossy().into_owned();
        // The last line of a process that was killed may be half written.
        let lines = text
            .split_inclusive('\n')
            .filter_map(|line| line.strip_suffix('\n'));
        let lines = lines
            .map(|line| line.parse().map_err(|error| format!("{by}: {error}")))
            .collect::<Result<_, _>>()?;
        all.push(Testimony { by, lines });
    }
    all.sort_by(|one, other| one.by.cmp(&other.by));
    Ok(all)
}
