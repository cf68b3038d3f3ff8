//! Linearizability of appends and reads, with the journal as the witness: O(n log n), whatever the number of unknown outcomes.
//!
//! The journal gives each change a place, so nothing has to be searched for. An operation's *height* is how many changes there are once
//! it has had its effect: the place of an append, the length of what a read saw. A history is linearizable in the journal's order if and
//! only if whatever began after another had ended has no lower height, and an append a greater one; and every answer agrees with the
//! journal. An append whose outcome is unknown counts from its beginning on, if the journal has it. What empties the state is nobody's append; it
//! has its place like all others.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

/// In the journal, what empties the state: nobody appends it, and it may be there more than once.
pub const EMPTIED: u64 = u64::MAX;

/// What was called.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Call {
    /// Append this value; no other append has it.
    Append(u64),
    /// Read the state.
    Read,
}

/// What was answered.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Answer {
    /// The append is durable there.
    Appended {
        /// The entry's epoch.
        epoch: u64,
        /// Its slot.
        seq: u64,
    },
    /// The append is not applied, and never will be.
    Refused,
    /// The state held so many values, and this one last.
    Saw {
        /// How many.
        len: u64,
        /// The last; 0 if there was none.
        last: u64,
    },
    /// Nobody knows.
    Unknown,
}

/// One operation of one client. Times are of one clock, of any unit.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[allow(clippy::exhaustive_structs)]
pub struct Op {
    /// What was called.
    pub call: Call,
    /// When.
    pub invoked: u64,
    /// When it was answered; not asked for if that is unknown.
    #[serde(default)]
    pub returned: u64,
    /// What was answered.
    pub answer: Answer,
}

/// A value of the journal, in its order.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[allow(clippy::exhaustive_structs)]
pub struct Placed {
    /// The entry's epoch.
    pub epoch: u64,
    /// Its slot.
    pub seq: u64,
    /// The value.
    pub value: u64,
}

/// One line of a file of JSON lines: an operation, or a value of the journal.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Line {
    /// An operation; these may come in any order.
    Op(Op),
    /// A value of the journal as it was read in the end; these come in the journal's order.
    Journal(Placed),
}

/// What makes a history a bad one.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Flaw {
    /// Acknowledged, and not in the journal, or not there.
    Lost(Op),
    /// Answered "not applied", and in the journal.
    Refuted(Op),
    /// In the journal twice.
    Duplicated(Placed),
    /// Appended by two operations, or a value that is none.
    AppendedTwice(Op),
    /// In the journal, and appended by nobody.
    NeverWritten(Placed),
    /// A value of the journal behind one of a greater epoch or slot.
    Disordered(Placed),
    /// A read that saw what no prefix of the journal is.
    NoPrefix(Op),
    /// It began after another had ended, and took effect before it: a stale read, or writes in another order.
    Reordered {
        /// Which.
        op: Op,
        /// The height that had been reached before it began.
        after: u64,
        /// Its own.
        height: u64,
    },
    /// An answer to another question.
    Senseless(Op),
}

impl std::fmt::Display for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lost(op) => write!(
                f,
                "acknowledged, and not in the journal where it should be: {op:?}"
            ),
            Self::Refuted(op) => write!(f, "answered 'not applied', and in the journal: {op:?}"),
            Self::Duplicated(p) => write!(f, "in the journal twice: {p:?}"),
            Self::AppendedTwice(op) => write!(f, "another append has the same value: {op:?}"),
            Self::NeverWritten(p) => write!(f, "in the journal, and appended by nobody: {p:?}"),
            Self::Disordered(p) => write!(f, "behind a greater epoch or slot in the journal: {p:?}"),
            Self::NoPrefix(op) => write!(f, "saw what no prefix of the journal is: {op:?}"),
            Self::Reordered { op, after, height } => {
                write!(
                    f,
                    "took effect at {height}, though {after} had been reached before it began: {op:?}"
                )
            }
            Self::Senseless(op) => write!(f, "an answer to another question: {op:?}"),
        }
    }
}

impl std::error::Error for Flaw {}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Checked {
    /// Appends that were acknowledged.
    pub appended: u64,
    /// Reads.
    pub reads: u64,
    /// Appends that are not applied.
    pub refused: u64,
    /// Operations whose outcome nobody knows.
    pub unknown: u64,
}

/// Is the history linearizable, with this journal as its witness?
///
/// ```
/// use ha_sim::linear::{Answer, Call, Op, Placed, check};
///
/// let journal = [Placed { epoch: 1, seq: 4, value: 7 }];
/// let append = Op { call: Call::Append(7), invoked: 0, returned: 10, answer: Answer::Appended { epoch: 1, seq: 4 } };
/// let read = Op { call: Call::Read, invoked: 11, returned: 12, answer: Answer::Saw { len: 1, last: 7 } };
/// assert!(check(&[append, read], &journal).is_ok());
/// let stale = Op { answer: Answer::Saw { len: 0, last: 0 }, ..read };
/// assert!(check(&[append, stale], &journal).is_err());
/// ```
///
/// # Errors
/// The first flaw that was found.
pub fn check(history: &[Op], journal: &[Placed]) -> Result<Checked, Flaw> {
    let heights = heights(journal)?;
    let mut by_invocation: Vec<(&Op, Option<u64>)> = Vec::with_capacity(history.len());
    let mut written: Vec<bool> = journal.iter().map(|p| p.value == EMPTIED).collect();
    let mut appended = HashSet::with_capacity(history.len());
    let mut checked = Checked::default();
    for op in history {
        if let Call::Append(value) = op.call
            && (value == EMPTIED || !appended.insert(value))
        {
            return Err(Flaw::AppendedTwice(*op));
        }
        let height = height(op, journal, &heights, &mut checked)?;
        if let (Call::Append(_), Some(height)) = (op.call, height) {
            written[height as usize - 1] = true;
        }
        by_invocation.push((op, height));
    }
    if let Some(orphan) = written.iter().position(|is| !is) {
        return Err(Flaw::NeverWritten(journal[orphan]));
    }
    by_invocation.sort_by_key(|(op, _)| op.invoked);
    in_real_time(&by_invocation)?;
    Ok(checked)
}

fn heights(journal: &[Placed]) -> Result<HashMap<u64, u64>, Flaw> {
    let mut heights = HashMap::with_capacity(journal.len());
    let mut last = (0, 0);
    for (i, placed) in journal.iter().enumerate() {
        if placed.epoch < last.0 || placed.seq < last.1 {
            return Err(Flaw::Disordered(*placed));
        }
        last = (placed.epoch, placed.seq);
        if placed.value != EMPTIED && heights.insert(placed.value, i as u64 + 1).is_some() {
            return Err(Flaw::Duplicated(*placed));
        }
    }
    Ok(heights)
}

/// How many values there were once the operation had had its effect; `None` if it has had none.
fn height(
    op: &Op,
    journal: &[Placed],
    heights: &HashMap<u64, u64>,
    checked: &mut Checked,
) -> Result<Option<u64>, Flaw> {
    match (op.call, op.answer) {
        (Call::Append(value), Answer::Appended { epoch, seq }) => {
            checked.appended += 1;
            let height = heights.get(&value).copied().ok_or(Flaw::Lost(*op))?;
            let there = journal[height as usize - 1];
            if (there.epoch, there.seq) == (epoch, seq) {
                Ok(Some(height))
            } else {
                Err(Flaw::Lost(*op))
            }
        }
        (Call::Append(value), Answer::Refused) => {
            checked.refused += 1;
            if heights.contains_key(&value) {
                Err(Flaw::Refuted(*op))
            } else {
                Ok(None)
            }
        }
        (Call::Append(value), Answer::Unknown) => {
            checked.unknown += 1;
            Ok(heights.get(&value).copied())
        }
        (Call::Read, Answer::Saw { len, last }) => {
            checked.reads += 1;
            let is_prefix = match len.checked_sub(1) {
                None => last == 0,
                Some(before) => journal.get(before as usize).is_some_and(|p| p.value == last),
            };
            if is_prefix {
                Ok(Some(len))
            } else {
                Err(Flaw::NoPrefix(*op))
            }
        }
        (Call::Read, Answer::Unknown | Answer::Refused) => {
            checked.unknown += 1;
            Ok(None)
        }
        (Call::Append(_), Answer::Saw { .. }) | (Call::Read, Answer::Appended { .. }) => {
            Err(Flaw::Senseless(*op))
        }
    }
}

/// Sweeps over the beginnings, and knows the greatest height of all that has ended before each.
fn in_real_time(by_invocation: &[(&Op, Option<u64>)]) -> Result<(), Flaw> {
    let mut under_way: BinaryHeap<Reverse<(u64, u64)>> = BinaryHeap::new();
    let mut reached = 0;
    for (op, height) in by_invocation {
        let Some(height) = *height else { continue };
        while let Some(Reverse((returned, of))) = under_way.peek().copied() {
            if returned >= op.invoked {
                break;
            }
            under_way.pop();
            reached = reached.max(of);
        }
        let least = reached + u64::from(matches!(op.call, Call::Append(_)));
        if height < least {
            return Err(Flaw::Reordered {
                op: **op,
                after: reached,
                height,
            });
        }
        if op.answer != Answer::Unknown {
            under_way.push(Reverse((op.returned, height)));
        }
    }
    Ok(())
}
