//! What came of a probe.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use super::{Check, Latency, servers_that_work};
use crate::{Error, ErrorKind, Operation};

/// What came of a probe.
///
/// `Display` is the whole of it, for people; [`summary`](Self::summary) is one line. All of it can be read, for machines.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProbeReport {
    /// The store, as it shows itself.
    pub store: String,
    /// What came of each check, in the order of [`Check::ALL`].
    pub checks: Vec<CheckReport>,
    /// How many calls were made, repetitions and clearing counted.
    pub requests: u64,
    /// How long the calls took that were answered, the racing ones not counted, by operation in the order of the trait.
    pub latencies: Vec<Latency>,
    /// How long all of it took.
    pub took: Duration,
    /// How many objects of crashed probes were removed.
    pub swept: u64,
}

/// What came of one check.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CheckReport {
    /// Which.
    pub check: Check,
    /// What came of it.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

/// What came of a check.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The store has kept to it, as often as it was tried.
    Passed,
    /// The store has broken it; what was seen.
    Violated(String),
    /// It came to no end, which says nothing of the store's honesty.
    Unjudged {
        /// Why not, in one line.
        why: String,
        /// The error of the store, if there was one.
        error: Option<Error>,
    },
}

/// What a probe says of a store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Verdict {
    /// All checks passed.
    Passed,
    /// At least one was violated: no plane can be kept there.
    Refused,
    /// None was violated, and at least one could not be judged.
    Unjudged,
}

impl ProbeReport {
    /// That of a store which could not be asked.
    pub(super) fn unreached(store: String, error: &Error) -> Self {
        let unjudged = |check| CheckReport {
            check,
            outcome: Outcome::unjudged(error.clone()),
            took: Duration::ZERO,
        };
        Self {
            store,
            checks: Check::ALL.map(unjudged).into(),
            requests: 0,
            latencies: Vec::new(),
            took: Duration::ZERO,
            swept: 0,
        }
    }

    /// What it says of the store.
    pub fn verdict(&self) -> Verdict {
        if self.violations().next().is_some() {
            Verdict::Refused
        } else if self
            .checks
            .iter()
            .all(|report| matches!(report.outcome, Outcome::Passed))
        {
            Verdict::Passed
        } else {
            Verdict::Unjudged
        }
    }

    /// The checks that the store has broken, with what was seen.
    pub fn violations(&self) -> impl Iterator<Item = (Check, &str)> {
        self.checks.iter().filter_map(|report| match &report.outcome {
            Outcome::Violated(seen) => Some((report.check, seen.as_str())),
            _ => None,
        })
    }

    /// The checks that came to no end, with the reason.
    pub fn unjudged(&self) -> impl Iterator<Item = (Check, &str)> {
        self.checks.iter().filter_map(|report| match &report.outcome {
            Outcome::Unjudged { why, .. } => Some((report.check, why.as_str())),
            _ => None,
        })
    }

    /// The error for which a check came to no end and which an operator must mend, if there is one: a wrong key, a missing
    /// bucket. To wait does not help.
    pub fn refusal(&self) -> Option<&Error> {
        self.checks.iter().find_map(|report| match &report.outcome {
            Outcome::Unjudged {
                error: Some(error), ..
            } if !error.is_retryable() => Some(error),
            _ => None,
        })
    }

    /// How long calls of an operation took, if there were any.
    pub fn latency(&self, operation: Operation) -> Option<Latency> {
        self.latencies
            .iter()
            .find(|latency| latency.operation == operation)
            .copied()
    }

    /// One line: the verdict, and what it rests on.
    pub fn summary(&self) -> String {
        let passed = self
            .checks
            .iter()
            .filter(|report| matches!(report.outcome, Outcome::Passed));
        let counted = format!(
            "{} of {} checks passed, {} requests in {}",
            passed.count(),
            self.checks.len(),
            self.requests,
            shown(self.took)
        );
        let of_first = |mut list: Box<dyn Iterator<Item = (Check, &str)> + '_>| {
            list.next()
                .map_or_else(String::new, |(check, what)| format!("{check}: {what}"))
        };
        match self.verdict() {
            Verdict::Passed => format!("the store keeps what a plane needs: {counted}"),
            Verdict::Refused => format!(
                "the store does not keep what a plane needs ({counted}). {}",
                of_first(Box::new(self.violations()))
            ),
            Verdict::Unjudged => format!(
                "the store could not be judged ({counted}). {}",
                of_first(Box::new(self.unjudged()))
            ),
        }
    }
}

impl Outcome {
    pub(super) fn unjudged(error: Error) -> Self {
        let mut why = error.to_string();
        let mut cause = error.source();
        while let Some(source) = cause {
            why.push_str(": ");
            why.push_str(&source.to_string());
            cause = source.source();
        }
        Self::Unjudged {
            why,
            error: Some(error),
        }
    }

    /// Whether another attempt may come to an end.
    pub(super) fn may_mend(&self) -> bool {
        match self {
            Self::Unjudged { error, .. } => error.as_ref().is_none_or(|error| {
                error.is_retryable() || matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Exists)
            }),
            _ => false,
        }
    }
}

impl fmt::Display for ProbeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Probe of {}", self.store)?;
        // A store that cannot be reached is one reason, and not one for each check.
        let mut said = None;
        for CheckReport { check, outcome, .. } in &self.checks {
            match outcome {
                Outcome::Passed => writeln!(f, "  passed      {check}")?,
                Outcome::Violated(seen) => writeln!(f, "  VIOLATED    {check}\n              seen: {seen}")?,
                Outcome::Unjudged { why, .. } if said == Some(why) => {
                    writeln!(f, "  not judged  {check}, for the same reason")?;
                }
                Outcome::Unjudged { why, .. } => {
                    said = Some(why);
                    writeln!(f, "  not judged  {check}\n              {why}")?;
                }
            }
        }
        if !self.latencies.is_empty() {
            writeln!(
                f,
                "  {:<12}{:>6}{:>11}{:>11}{:>11}",
                "latency", "calls", "p50", "p99", "max"
            )?;
        }
        for Latency {
            operation,
            calls,
            p50,
            p99,
            max,
        } in &self.latencies
        {
            let [p50, p99, max] = [p50, p99, max].map(|time| shown(*time));
            // Padding applies to text, not to what writes itself in pieces.
            let operation = operation.to_string();
            writeln!(f, "  {operation:<12}{calls:>6}{p50:>11}{p99:>11}{max:>11}")?;
        }
        if self.swept > 0 {
            writeln!(
                f,
                "  {} objects that earlier probes had left were removed",
                self.swept
            )?;
        }
        write!(f, "{}", self.summary())?;
        if self.verdict() == Verdict::Refused {
            write!(f, "\n{}", servers_that_work())?;
        }
        Ok(())
    }
}

/// A time with three digits that matter at most.
fn shown(time: Duration) -> String {
    let us = time.as_micros();
    match us {
        0..1_000 => format!("{us} us"),
        1_000..100_000 => format!("{:.1} ms", us as f64 / 1e3),
        100_000..1_000_000 => format!("{} ms", us / 1_000),
        _ => format!("{:.1} s", us as f64 / 1e6),
    }
}
