//! What must hold of the history of a plane: one file a rule, each tested on histories that break it.

mod acts;
pub(crate) use acts::acts;
mod growth;
pub use growth::Resource;
pub(crate) use growth::{Sample, growth, quarters};
mod marks;
pub(crate) use marks::{LONG, missed, nothing_happened, too_few};
mod order;
pub(crate) use order::order;
mod state;
pub(crate) use state::agreed;
mod writes;
pub(crate) use writes::{resolutions, writes};

use std::fmt;

/// A rule that was broken.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Rule {
    /// A write that was acknowledged is not in the state, or not where its client was told.
    Lost,
    /// A write is in the state twice.
    Duplicated,
    /// A write that was answered "not applied" is in the state, or one that nobody sent.
    NeverApplied,
    /// A read did not see what it had to: a linearizable one what had been acknowledged before, any other what its process had shown before.
    Stale,
    /// Calls took effect in another order than that in which they were made.
    Disordered,
    /// What a node says of a write of unknown outcome is wrong.
    Resolved,
    /// Two nodes had states of which neither is a prefix of the other.
    Diverged,
    /// Two processes acted on the world at once, or an older epoch after a newer one.
    TwoActed,
    /// A retry with the same key was answered otherwise than the first time.
    Reanswered,
    /// A call that must not be made twice was.
    ActedTwice,
    /// A call that is shown as completed has not acted.
    NotActed,
    /// A task did not end as it must.
    Unended,
    /// A policy or feed is not at work, or one that was removed is.
    Unattended,
    /// A process took more and more memory, descriptors or threads.
    Grew,
    /// A process ended by itself, or called itself failed without a cause.
    Ended,
    /// Nobody led within the bound.
    NotRecovered,
    /// Something that was to happen has not: a fault, a takeover, an acknowledgement.
    NothingHappened,
    /// The campaign itself could not go on.
    Broken,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lost => "an acknowledged write is lost",
            Self::Duplicated => "a write is there twice",
            Self::NeverApplied => "what was never to be applied is there",
            Self::Stale => "a read was stale",
            Self::Disordered => "calls took effect in another order",
            Self::Resolved => "a wrong answer about an unknown write",
            Self::Diverged => "states diverged",
            Self::TwoActed => "two acted at once",
            Self::Reanswered => "a retry was answered otherwise",
            Self::ActedTwice => "a call was made twice",
            Self::NotActed => "a call was completed and not made",
            Self::Unended => "a task did not end as it must",
            Self::Unattended => "an adjunct is not at work as it must be",
            Self::Grew => "a process grew",
            Self::Ended => "a process ended or failed by itself",
            Self::NotRecovered => "the plane did not recover in time",
            Self::NothingHappened => "nothing happened",
            Self::Broken => "the campaign broke",
        })
    }
}

/// A rule that was broken, and how.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Finding {
    pub(crate) rule: Rule,
    pub(crate) how: String,
}

impl Finding {
    pub(crate) fn new(rule: Rule, how: impl Into<String>) -> Self {
        Self {
            rule,
            how: how.into(),
        }
    }

    /// The same, and after what it was found.
    pub(crate) fn after(self, why: &str) -> Self {
        Self {
            how: format!("{why}: {}", self.how),
            ..self
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.how)
    }
}
