//! Bugs that `ha-counter`, or `ha-chaos-server`, can be told to have: each must be seen by the rule that it breaks, or that rule proves nothing.

use std::fmt;
use std::str::FromStr;

use super::Rule;

/// A bug of a service, or of the plane as a client would see it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Bug {
    /// Some writes are acknowledged and never made.
    LoseWrite,
    /// Some writes are made twice.
    WriteTwice,
    /// Some writes are answered "not applied", and are made.
    RefuseWhatIsWritten,
    /// Linearizable reads are answered from memory, without a proof.
    StaleRead,
    /// Linearizable reads always fail.
    NoReads,
    /// What became of a write is answered by a guess: it was not applied.
    GuessResolution,
    /// Some changes are not applied, and not by all nodes the same.
    SkipChange,
    /// An act does not look at its leave: it goes on after its epoch.
    ActOn,
    /// An effector that must not be run twice is declared to be one that may.
    CallTwice,
    /// Effectors do nothing.
    DoNothing,
    /// Acts need no leave at all: any node acts, in the epoch that it knows of.
    ActWithoutLeave,
    /// The process ends, for no reason.
    Die,
    /// Memory is kept for ever.
    LeakMemory,
    /// Descriptors are kept for ever.
    LeakDescriptors,
    /// Threads are kept for ever.
    LeakThreads,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::LoseWrite,
        Self::WriteTwice,
        Self::RefuseWhatIsWritten,
        Self::StaleRead,
        Self::NoReads,
        Self::GuessResolution,
        Self::SkipChange,
        Self::ActOn,
        Self::ActWithoutLeave,
        Self::CallTwice,
        Self::DoNothing,
        Self::Die,
        Self::LeakMemory,
        Self::LeakDescriptors,
        Self::LeakThreads,
    ];

    /// How it is called on a command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LoseWrite => "lose-write",
            Self::WriteTwice => "write-twice",
            Self::RefuseWhatIsWritten => "refuse-what-is-written",
            Self::StaleRead => "stale-read",
            Self::NoReads => "no-reads",
            Self::GuessResolution => "guess-resolution",
            Self::SkipChange => "skip-change",
            Self::ActOn => "act-on",
            Self::ActWithoutLeave => "act-without-leave",
            Self::CallTwice => "call-twice",
            Self::DoNothing => "do-nothing",
            Self::Die => "die",
            Self::LeakMemory => "leak-memory",
            Self::LeakDescriptors => "leak-descriptors",
            Self::LeakThreads => "leak-threads",
        }
    }

    /// Whether nodes of entities can have it, or nodes of counters.
    #[must_use]
    pub fn suits(self, has_entities: bool) -> bool {
        match self {
            Self::ActOn => true,
            Self::CallTwice | Self::DoNothing => has_entities,
            _ => !has_entities,
        }
    }

    /// The rule that it breaks.
    #[must_use]
    pub fn breaks(self) -> Rule {
        match self {
            Self::LoseWrite => Rule::Lost,
            Self::WriteTwice => Rule::Duplicated,
            Self::RefuseWhatIsWritten => Rule::NeverApplied,
            Self::StaleRead => Rule::Stale,
            Self::NoReads => Rule::NothingHappened,
            Self::GuessResolution => Rule::Resolved,
            Self::SkipChange => Rule::Diverged,
            Self::ActOn | Self::ActWithoutLeave => Rule::TwoActed,
            Self::CallTwice => Rule::ActedTwice,
            Self::DoNothing => Rule::NotActed,
            Self::Die => Rule::Ended,
            Self::LeakMemory | Self::LeakDescriptors | Self::LeakThreads => Rule::Grew,
        }
    }
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Bug {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|bug| bug.name() == name)
            .ok_or_else(|| {
                let all = Self::ALL.map(Self::name).join(", ");
                format!("there is no bug `{name}`, only {all}")
            })
    }
}
