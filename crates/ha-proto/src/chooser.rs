//! Who should be master among those that look alive. Order of Brooklyn's `BasicMasterChooser`, exact.

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::{Ordering, Reverse};

use crate::mode::Role;
use crate::names::NodeId;

/// What the choice depends on.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Candidate {
    /// Who.
    pub node: NodeId,
    /// What it reports itself to be.
    pub role: Role,
    /// The highest goes first.
    pub priority: i64,
    /// Version of the software; `None` counts as older than any.
    pub version: Option<String>,
}

impl Candidate {
    /// A candidate.
    #[must_use]
    pub fn new(node: NodeId, role: Role, priority: i64, version: Option<String>) -> Self {
        Self {
            node,
            role,
            priority,
            version,
        }
    }
}

/// Fields in the order of preference; the greatest is chosen.
#[derive(Eq, Ord, PartialEq, PartialOrd)]
struct Score<'a> {
    priority: i64,
    release: i8,
    version: Option<Natural<'a>>,
    warmth: u8,
    node: Reverse<&'a NodeId>,
}

fn score(c: &Candidate) -> Score<'_> {
    let snapshot = |v: &String| v.to_ascii_lowercase().contains("snapshot");
    Score {
        priority: c.priority,
        release: c
            .version
            .as_ref()
            .map_or(-2, |v| if snapshot(v) { -1 } else { 0 }),
        version: c.version.as_deref().map(Natural),
        warmth: match c.role {
            Role::Master => 3,
            Role::HotStandby => 2,
            Role::Standby => 1,
            Role::Initializing | Role::HotBackup | Role::Failed | Role::Terminated => 0,
        },
        node: Reverse(&c.node),
    }
}

/// Whether a node of this role may be chosen at all.
#[must_use]
pub fn is_eligible(role: Role) -> bool {
    matches!(role, Role::Standby | Role::HotStandby | Role::Master)
}

/// The eligible ones, best first.
///
/// ```
/// # use ha_proto::{chooser, Candidate, NodeId, Role};
/// let node = |id, role, priority| Candidate::new(NodeId::new(id).unwrap(), role, priority, Some("1.0.0".into()));
/// let order = chooser::rank([node("a", Role::Standby, 0), node("b", Role::HotStandby, 0), node("c", Role::HotBackup, 9)]);
/// assert_eq!(order[0].node.as_str(), "b"); // hot before warm, and a backup is never chosen
/// assert_eq!(order.len(), 2);
/// ```
#[must_use]
pub fn rank(nodes: impl IntoIterator<Item = Candidate>) -> Vec<Candidate> {
    let mut order: Vec<_> = nodes.into_iter().filter(|c| is_eligible(c.role)).collect();
    order.sort_by(|a, b| score(b).cmp(&score(a)));
    order
}

/// Text in which runs of digits compare as numbers: `1.10` after `1.9` (`NaturalOrderComparator`).
struct Natural<'a>(&'a str);

impl Natural<'_> {
    fn pieces(&self) -> impl Iterator<Item = (bool, &str)> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let digits = rest.chars().next()?.is_ascii_digit();
            let end = rest
                .find(|c: char| c.is_ascii_digit() != digits)
                .unwrap_or(rest.len());
            let (piece, tail) = rest.split_at(end);
            rest = tail;
            Some((digits, piece))
        })
    }
}

impl Ord for Natural<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let piece = |(a_is_number, a): (bool, &str), (b_is_number, b): (bool, &str)| {
            if a_is_number && b_is_number {
                let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
                a.len().cmp(&b.len()).then_with(|| a.cmp(b))
            } else {
                a.cmp(b)
            }
        };
        let (mut a, mut b) = (self.pieces(), other.pieces());
        loop {
            match (a.next(), b.next()) {
                (Some(x), Some(y)) => match piece(x, y) {
                    Ordering::Equal => {}
                    decided => return decided,
                },
                (x, y) => return x.is_some().cmp(&y.is_some()).then_with(|| self.0.cmp(other.0)),
            }
        }
    }
}

impl PartialOrd for Natural<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Natural<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Natural<'_> {}
