//! What the machine asks of a store, and what it may be told.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use core::ops::Range;
use core::time::Duration;

use crate::time::Instant;

/// Tells a request from all others of this machine; the reply names it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RequestId(pub u64);

/// A request to the store. The reply may come late, twice or never; a request given up may still be carried out.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct StoreRequest {
    /// To be named in the reply.
    pub id: RequestId,
    /// What to do.
    pub op: StoreOp,
    /// How long it may take; after that the machine does not wait for it.
    pub within: Duration,
}

/// One operation. Exhaustive: a driver that forgets one does not compile.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_enums)]
pub enum StoreOp {
    /// Create if absent, durable before the reply.
    Create {
        /// Where.
        key: String,
        /// What.
        bytes: Arc<[u8]>,
    },
    /// Replace; need not be durable.
    Put {
        /// Where.
        key: String,
        /// What.
        bytes: Arc<[u8]>,
    },
    /// Read all of it.
    Get {
        /// What.
        key: String,
    },
    /// Read some of it.
    GetRange {
        /// What.
        key: String,
        /// Which bytes.
        range: Range<u64>,
    },
    /// The names in one folder.
    List {
        /// Which.
        folder: String,
    },
    /// Delete; it may be absent.
    Delete {
        /// What.
        key: String,
    },
}

/// What the store said.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_enums)]
pub enum StoreReply {
    /// `Create`, `Put`, `Delete`: done.
    Done,
    /// `Create`: an object lies there, durably.
    Exists,
    /// `Get`, `GetRange`: its bytes.
    Bytes(Arc<[u8]>),
    /// `Get`, `GetRange`: nothing lies there.
    Absent {
        /// Its whole folder is missing.
        folder_missing: bool,
    },
    /// `List`: the names; those of folders end with `/`.
    Names(Vec<String>),
    /// It did not work.
    Failed(StoreFailure),
}

/// Why a request did not work.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct StoreFailure {
    /// What follows from it.
    pub kind: FailureKind,
    /// For people: the object, the cause and the way out.
    pub message: String,
}

/// What follows from a failure.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[allow(clippy::exhaustive_enums)]
pub enum FailureKind {
    /// It may have been carried out, or may be yet.
    OutcomeUnknown,
    /// It was certainly not carried out; it may work later.
    NotDone,
    /// Certainly not carried out, and it will not work until someone changes something.
    Refused,
    /// The bytes there cannot be read.
    Corrupt,
    /// Durability was lost in this process: nothing it writes may be acknowledged until it restarts.
    Broken,
}

/// A request under way, or one due later.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ask {
    /// To be sent when its time has come.
    Due(Instant),
    /// Sent, waiting for the reply.
    Sent {
        id: RequestId,
        at: Instant,
        until: Instant,
    },
}

/// Which number a request has is not part of the state's hash.
impl Hash for Ask {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Due(at) => (0u8, at).hash(state),
            Self::Sent { at, until, .. } => (1u8, at, until).hash(state),
        }
    }
}

impl Ask {
    /// When this one wants attention.
    pub(crate) fn wake(self) -> Instant {
        match self {
            Self::Due(at) => at,
            Self::Sent { until, .. } => until,
        }
    }

    pub(crate) fn is(self, reply_to: RequestId) -> bool {
        matches!(self, Self::Sent { id, .. } if id == reply_to)
    }

    /// When the request was sent.
    pub(crate) fn sent_at(self) -> Option<Instant> {
        match self {
            Self::Due(_) => None,
            Self::Sent { at, .. } => Some(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unhashed::hashed;

    #[test]
    fn two_asks_that_differ_in_their_number_alone_are_one_state() {
        let t = Instant::from_millis;
        let sent = |id, at, until| Ask::Sent {
            id: RequestId(id),
            at: t(at),
            until: t(until),
        };
        assert_eq!(hashed(&sent(1, 10, 20)), hashed(&sent(2, 10, 20)));
        assert_ne!(hashed(&sent(1, 10, 20)), hashed(&sent(1, 11, 20)));
        assert_ne!(hashed(&sent(1, 10, 20)), hashed(&sent(1, 10, 21)));
        assert_ne!(hashed(&Ask::Due(t(10))), hashed(&Ask::Due(t(11))));
    }
}
