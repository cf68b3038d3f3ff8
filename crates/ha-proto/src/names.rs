//! Names and numbers that must not be mixed up: nodes, processes, epochs, sequences, writes.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

/// The name of a node, stable over restarts: 1 to 64 characters of `A-Z a-z 0-9 . _ -`, not starting with a dot.
///
/// The alphabet is that of a file name on every backend, because a node's record is kept under it.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeId(String);

impl NodeId {
    /// Longest name in bytes.
    pub const LONGEST: usize = 64;

    /// Takes a name.
    ///
    /// # Errors
    /// If it is empty, too long, starts with a dot or holds a character outside the alphabet.
    ///
    /// ```
    /// # use ha_proto::NodeId;
    /// assert!(NodeId::new("yAVz0fzo").is_ok());
    /// assert!(NodeId::new("../escape").is_err());
    /// ```
    pub fn new(name: &str) -> Result<Self, NameError> {
        let fits = !name.is_empty()
            && name.len() <= Self::LONGEST
            && !name.starts_with('.')
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if fits {
            Ok(Self(name.to_owned()))
        } else {
            Err(NameError {
                name: name.chars().take(80).collect(),
            })
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for NodeId {
    type Error = NameError;
    fn try_from(name: String) -> Result<Self, NameError> {
        Self::new(&name)
    }
}

impl From<NodeId> for String {
    fn from(id: NodeId) -> Self {
        id.0
    }
}

/// A node name that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{name}` is no node id: use 1 to 64 characters of A-Z a-z 0-9 . _ - and no dot in front")]
pub struct NameError {
    name: String,
}

/// The name of a plane: drawn once, in its `Genesis`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct PlaneId(pub String);

impl fmt::Display for PlaneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Number of a mastership, and its fencing token: grows with every takeover and handover. 0 means that there was none yet.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Position in the journal; the first entry is 1, and 0 stands before it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Seq(pub u64);

impl Seq {
    /// The position after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! id128 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(pub [u8; 16]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }

        impl $name {
            /// Reads what [`Display`](fmt::Display) wrote: 32 hexadecimal digits.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let digits = text.as_bytes();
                if digits.len() != 32 {
                    return None;
                }
                let mut bytes = [0; 16];
                for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
                    let digit = |d: u8| char::from(d).to_digit(16);
                    *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
                }
                Some(Self(bytes))
            }
        }
    };
}

id128! {
    /// Drawn by each process at its start: tells one process of a node from the next.
    Nonce
}
id128! {
    /// Drawn for each batch, takeover and snapshot: content equality proves nothing, the write id does.
    WriteId
}

/// Who an entry, a leadership or a sign of life belongs to. A node id alone proves nothing: its process may have been replaced.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Process {
    /// The node.
    pub node: NodeId,
    /// The process of it.
    pub nonce: Nonce,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.node)
    }
}
