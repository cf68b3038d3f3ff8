//! The plane's format level: a leader raises it once every node on record reads the next, so that nodes of two versions live in one plane.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use ha_core::NodeId;

use super::{Host, lock};
use crate::level::Level;
use crate::propose::Draft;
use crate::proposer::{ProposeError, Proposer};

/// How long who asks for a raise waits until all nodes are known, and between two looks whether they are.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// At which format levels a plane and its nodes are.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Levels {
    /// The level at which the plane's leader writes.
    pub plane: Level,
    /// The newest that each node on record reads.
    pub nodes: BTreeMap<NodeId, Level>,
    /// The newest that this node reads.
    pub own: Level,
}

/// Why the plane's level is not raised.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RaiseError {
    /// It is as high already.
    #[error("the plane is at format level {now} already, and never goes back")]
    NotHigher {
        /// The plane's.
        now: Level,
    },
    /// This node does not know such a level.
    #[error("this node reads up to format level {known}, and not {asked}")]
    Unknown {
        /// What was asked for.
        asked: Level,
        /// What this node reads.
        known: Level,
    },
    /// This node has just begun to lead.
    #[error("this node has just begun to lead, and does not know all nodes yet: try again in a moment")]
    NotAllKnown,
    /// Some nodes would be locked out.
    #[error(
        "nodes {} do not read format level {asked}, and would be locked out until they run a newer version: upgrade them, or force it",
        names(nodes)
    )]
    LocksOut {
        /// What was asked for.
        asked: Level,
        /// Who does not read it.
        nodes: Vec<NodeId>,
    },
    /// It was not written.
    #[error(transparent)]
    Propose(#[from] ProposeError),
}

impl Levels {
    /// The nodes on record that do not read a level.
    #[must_use]
    pub fn behind(&self, level: Level) -> Vec<NodeId> {
        let behind = self.nodes.iter().filter(|(_, reads)| **reads < level);
        behind.map(|(node, _)| node.clone()).collect()
    }

    /// The newest level that all nodes on record read.
    fn of_all(&self) -> Level {
        self.nodes.values().copied().fold(self.own, Level::min)
    }
}

impl Host {
    /// At which format levels the plane and its nodes are.
    #[must_use]
    pub fn levels(&self) -> Levels {
        let (plane, own) = self.read(|state| (state.level(), state.reads()));
        let nodes = self.0.plane.status().nodes.into_iter().map(|node| {
            // Who says nothing is as old as can be.
            let level = u16::try_from(node.state_level).unwrap_or(u16::MAX);
            (node.id, Level(level).max(Level::FIRST))
        });
        Levels {
            plane,
            nodes: nodes.collect(),
            own,
        }
    }

    /// Raises the plane's format level at once. Answers when that is durable. A node that does not read it fails, and says so: with
    /// `is_forced` also one that is on record. It cannot be taken back.
    ///
    /// # Errors
    /// If this node does not lead or does not read such a level, the plane is there already, or a node on record would be locked out.
    pub async fn raise_level(&self, asked: Level, is_forced: bool) -> Result<(), RaiseError> {
        self.know_all().await?;
        let levels = self.levels();
        if asked > levels.own {
            let known = levels.own;
            return Err(RaiseError::Unknown { asked, known });
        }
        if asked <= levels.plane {
            return Err(RaiseError::NotHigher { now: levels.plane });
        }
        let nodes = levels.behind(asked);
        if !nodes.is_empty() && !is_forced {
            return Err(RaiseError::LocksOut { asked, nodes });
        }
        self.propose(None, raised(asked)).await?;
        tracing::info!(level = %asked, "the plane's format level was raised as asked; locked out: {}", names(&nodes));
        Ok(())
    }

    /// Waits a while until this node has looked at the records of all nodes since it leads.
    async fn know_all(&self) -> Result<(), RaiseError> {
        let proposer = self.proposer().await?;
        let known = async {
            while !self.knows_all(&proposer) {
                tokio::time::sleep(PAUSE).await;
            }
        };
        let known = tokio::time::timeout(PATIENCE, known).await;
        known.map_err(|_| RaiseError::NotAllKnown)
    }

    /// Whether it has: of two looks that have ended since, the second began since.
    fn knows_all(&self, proposer: &Proposer) -> bool {
        let (status, epoch) = (self.0.plane.status(), proposer.leadership().epoch());
        if status.epoch != epoch {
            return false;
        }
        let now = status.looks_at_nodes;
        let mut before = lock(&self.0.looks_before);
        let (_, looks) = before.filter(|(of, _)| *of == epoch).unwrap_or((epoch, now));
        *before = Some((epoch, looks));
        now >= looks + 2
    }

    /// Raises it by itself for as long as this node leads.
    pub(super) async fn raise(&self, proposer: &Proposer) {
        let mut told = Vec::new();
        // From here on looks count.
        self.knows_all(proposer);
        while proposer.leadership().is_held() {
            tokio::time::sleep(self.0.settings.raise_period).await;
            if !self.knows_all(proposer) {
                continue;
            }
            let levels = self.levels();
            let (level, behind) = (levels.of_all(), levels.behind(levels.own));
            if behind != told && !behind.is_empty() {
                tracing::info!(level = %levels.plane, "the plane's format level waits for nodes {}", names(&behind));
            }
            told = behind;
            if level <= levels.plane {
                continue;
            }
            match proposer.propose(None, raised(level)).await {
                Ok(_) => {
                    tracing::info!(%level, "the plane's format level was raised: all nodes on record read it");
                }
                Err(why) => {
                    tracing::warn!(%level, "the plane's format level was not raised: {}", why.whole())
                }
            }
        }
    }
}

fn raised(level: Level) -> impl Fn(&mut Draft<'_>) -> Result<Bytes, crate::propose::Refusal> {
    move |draft| draft.raise_level(level).map(|()| Bytes::new())
}

fn names(nodes: &[NodeId]) -> String {
    let names: Vec<_> = nodes.iter().map(|node| format!("`{node}`")).collect();
    if names.is_empty() {
        "none".into()
    } else {
        names.join(", ")
    }
}
