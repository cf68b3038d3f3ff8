//! What belongs to one node and outlives its process: its id and its priority, in a directory that one process holds at a time.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ha_core::NodeId;
use ha_store::BucketLocation;
use rand::Rng;
use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};

use crate::atomic_file;
use crate::failure::RunError;
use crate::launch::short;
use crate::listen::host_name;

/// A node's own directory, locked for as long as this lives.
#[derive(Debug)]
pub(crate) struct NodeState {
    dir: PathBuf,
    id: NodeId,
    priority: Mutex<i64>,
    /// Held for its lock, which the system drops when the process ends, however it ends.
    _lock: File,
}

impl NodeState {
    /// Opens the directory, which is made if there is none, and takes its lock.
    ///
    /// An id or a priority that is given holds, and is kept. Otherwise those of the last run hold; at first the id is drawn and the
    /// priority is 0.
    ///
    /// # Errors
    /// A [`NodeStateError`]; all of them are configuration errors.
    pub(crate) fn open(
        dir: &Path,
        id: Option<&NodeId>,
        priority: Option<i64>,
    ) -> Result<Self, NodeStateError> {
        let failed = |doing| {
            move |source| NodeStateError::Io {
                doing,
                dir: dir.to_owned(),
                source,
            }
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(failed("make"))?;
        let lock = lock(dir)?;
        let kept = Kept::read(dir)?;
        let kept_id = kept.as_ref().map(|kept| kept.id.clone());
        let state = Self {
            dir: dir.to_owned(),
            id: id.cloned().or(kept_id).unwrap_or_else(draw_id),
            priority: Mutex::new(priority.unwrap_or_else(|| kept.as_ref().map_or(0, |kept| kept.priority))),
            _lock: lock,
        };
        let now = Kept {
            id: state.id.clone(),
            priority: state.priority(),
        };
        if kept.as_ref() != Some(&now) {
            now.write(dir).map_err(failed("write to"))?;
        }
        Ok(state)
    }

    /// The node's id: the same after every restart.
    pub(crate) fn id(&self) -> &NodeId {
        &self.id
    }

    /// The node's priority: what it was set to last, also before a restart.
    pub(crate) fn priority(&self) -> i64 {
        *self.priority.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the priority and keeps it. Waits for the disk.
    ///
    /// # Errors
    /// If it cannot be kept; the priority is then what it was.
    pub(crate) fn set_priority(&self, priority: i64) -> Result<(), NodeStateError> {
        let mut current = self.priority.lock().unwrap_or_else(PoisonError::into_inner);
        if *current == priority {
            return Ok(());
        }
        Kept {
            id: self.id.clone(),
            priority,
        }
        .write(&self.dir)
        .map_err(|source| NodeStateError::Io {
            doing: "write to",
            dir: self.dir.clone(),
            source,
        })?;
        *current = priority;
        Ok(())
    }
}

/// Why a node's own directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodeStateError {
    /// Another process has it.
    #[error(
        "the state directory `{}` is in use by {holder}: stop that process, or start another node with another --port, --nodeId \
         or --stateDir",
        .dir.display()
    )]
    Held {
        /// The directory.
        dir: PathBuf,
        /// Who has it, in words.
        holder: String,
    },
    /// It cannot be made, read or written.
    #[error("cannot {doing} the state directory `{}`: make it writable for this user, or give another --stateDir", .dir.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The directory.
        dir: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The file with id and priority holds something else.
    #[error("`{}` holds no node's state ({found}): remove it, and the node gets a new id, or give another --stateDir", .file.display())]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        found: String,
    },
}

impl From<NodeStateError> for RunError {
    fn from(error: NodeStateError) -> Self {
        let failure = Self::configuration(error.to_string());
        match error {
            NodeStateError::Io { source, .. } => failure.because(source),
            NodeStateError::Held { .. } | NodeStateError::Corrupt { .. } => failure,
        }
    }
}

/// A name for the directory that holds the nodes of one plane: the last part of the plane's path for people, and a hash of all of it.
pub(crate) fn key_of(persistence_dir: &Path) -> String {
    let path = resolved(persistence_dir);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    key(&name, path.as_os_str().as_bytes())
}

/// The same for a plane in a bucket. The endpoint is left out: a server that gets another address keeps its nodes.
pub(crate) fn key_of_bucket(location: &BucketLocation) -> String {
    let whole = location.to_string();
    let name = whole.rsplit_once('/').map_or(&*whole, |(_, name)| name);
    key(name, whole.as_bytes())
}

fn key(name: &str, whole: &[u8]) -> String {
    let name: String = name
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .take(40)
        .collect();
    format!("{name}-{:016x}", fnv1a(whole))
}

/// What is written down.
#[derive(Debug, Eq, PartialEq)]
struct Kept {
    id: NodeId,
    priority: i64,
}

impl Kept {
    fn read(dir: &Path) -> Result<Option<Self>, NodeStateError> {
        let file = dir.join(STATE_FILE);
        let text = match read_start(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(NodeStateError::Io {
                    doing: "read",
                    dir: dir.to_owned(),
                    source,
                });
            }
        };
        let corrupt = |found: &str| NodeStateError::Corrupt {
            file: file.clone(),
            found: found.to_owned(),
        };
        let value: Value = serde_json::from_slice(&text).map_err(|_| corrupt("it is no JSON"))?;
        let id = value["id"]
            .as_str()
            .and_then(|id| NodeId::new(id).ok())
            .ok_or_else(|| corrupt("its `id` is no node id"))?;
        let priority = value["priority"]
            .as_i64()
            .ok_or_else(|| corrupt("its `priority` is no number"))?;
        Ok(Some(Self { id, priority }))
    }

    fn write(&self, dir: &Path) -> io::Result<()> {
        let text = json!({ "id": self.id.as_str(), "priority": self.priority }).to_string() + "\n";
        atomic_file::replace(&dir.join(STATE_FILE), text.as_bytes())
    }
}

fn lock(dir: &Path) -> Result<File, NodeStateError> {
    let failed = |source| NodeStateError::Io {
        doing: "lock",
        dir: dir.to_owned(),
        source,
    };
    let path = dir.join(LOCK_FILE);
    // Not truncated here: until the lock is ours, the content is its holder's.
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let holder = read_start(&path).unwrap_or_default();
            let holder = String::from_utf8_lossy(&holder);
            let holder = match holder.trim() {
                "" => "another process".to_owned(),
                holder => short(holder),
            };
            return Err(NodeStateError::Held {
                dir: dir.to_owned(),
                holder,
            });
        }
        Err(error) => return Err(failed(error.into())),
    }
    let holder = format!("process {} on {}\n", std::process::id(), host_name());
    file.set_len(0)
        .and_then(|()| file.write_all(holder.as_bytes()))
        .map_err(failed)?;
    Ok(file)
}

/// Reads a file of ours; a file that is longer than ours ever are is cut.
pub(crate) fn read_start(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(64 << 10).read_to_end(&mut content)?;
    Ok(content)
}

/// Eight letters and digits, a letter first: Brooklyn's shape of an id.
fn draw_id() -> NodeId {
    let mut random = rand::rng();
    let letters = &ALPHABET[..52];
    let id: String = (0..8)
        .map(|place| if place == 0 { letters } else { ALPHABET })
        .map(|choices| char::from(choices[random.random_range(0..choices.len())]))
        .collect();
    NodeId::new(&id).expect("eight letters and digits are a node id")
}

/// The path without symbolic links as far as it exists, and without `..` behind that: two spellings of one directory are one.
fn resolved(path: &Path) -> PathBuf {
    let mut resolved = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                resolved.pop();
            }
            Component::CurDir => {}
            part => {
                resolved.push(part);
                resolved = resolved.canonicalize().unwrap_or(resolved);
            }
        }
    }
    resolved
}

/// FNV-1a of 64 bits: the same in every build, which the standard library's hasher does not promise.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

const STATE_FILE: &str = "node.json";
const LOCK_FILE: &str = "lock";
const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

#[cfg(test)]
#[path = "node_state_tests.rs"]
mod tests;
