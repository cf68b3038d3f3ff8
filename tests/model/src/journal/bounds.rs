//! How much may happen.

use std::fmt;

/// How much may happen in the journal's model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Nodes, 1 to 3.
    pub(crate) nodes: u8,
    /// Takeovers and handovers.
    pub(crate) takeovers: u8,
    pub(crate) commits: u8,
    /// Orderly releases.
    pub(crate) releases: u8,
    pub(crate) handovers: u8,
    /// Snapshots written.
    pub(crate) snapshots: u8,
    /// A snapshot is due after so many entries.
    pub(crate) every: u8,
    /// Parts of a snapshot, 1 or 2.
    pub(crate) parts: u8,
    /// Restarts of a node under its old name.
    pub(crate) restarts: u8,
    /// Linearizable reads.
    pub(crate) reads: u8,
    /// Confirmations at the slow period.
    pub(crate) confirms: u8,
    /// Commits sent beside the listing that validates a claim.
    pub(crate) beside: u8,
    /// Nodes that find that they cannot use their state.
    pub(crate) unusable: u8,
    /// It begins when the first node has sent a Takeover for a slot that the founder has filled since, read, and decided to collect.
    pub(crate) collected: bool,
    /// Rule 1 is left out, and what lies behind a fence may land again.
    pub(crate) fences_go: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            nodes: 2,
            takeovers: 2,
            commits: 1,
            releases: 0,
            handovers: 0,
            snapshots: 0,
            every: 1,
            parts: 1,
            restarts: 0,
            reads: 0,
            confirms: 0,
            beside: 0,
            unusable: 0,
            collected: false,
            fences_go: false,
        }
    }
}

impl Bounds {
    /// How much there may be of what a state counts.
    pub(crate) fn most(&self) -> [(&'static str, u8); 10] {
        [
            ("takeovers", self.takeovers),
            ("commits", self.commits),
            ("releases", self.releases),
            ("handovers", self.handovers),
            ("snapshots", self.snapshots),
            ("restarts", self.restarts),
            ("reads", self.reads),
            ("confirms", self.confirms),
            ("beside", self.beside),
            ("unusable", self.unusable),
        ]
    }

    /// Sets one by its name. `false` if there is none of that name, or it cannot be that much.
    pub(crate) fn set(&mut self, name: &str, n: u8) -> bool {
        let (bound, most) = match name {
            "nodes" => (&mut self.nodes, 3),
            "takeovers" => (&mut self.takeovers, 6),
            "commits" => (&mut self.commits, 6),
            "releases" => (&mut self.releases, 6),
            "handovers" => (&mut self.handovers, 6),
            "snapshots" => (&mut self.snapshots, 6),
            "every" => (&mut self.every, 9),
            "parts" => (&mut self.parts, 2),
            "restarts" => (&mut self.restarts, 3),
            "reads" => (&mut self.reads, 6),
            "confirms" => (&mut self.confirms, 3),
            "beside" => (&mut self.beside, 3),
            "unusable" => (&mut self.unusable, 3),
            "collected" => {
                self.collected = n == 1;
                return true;
            }
            "fences-go" => {
                self.fences_go = n == 1;
                return true;
            }
            _ => return false,
        };
        *bound = n;
        n <= most
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (nodes, takeovers, commits) = (self.nodes, self.takeovers, self.commits);
        write!(f, "nodes={nodes} takeovers={takeovers} commits={commits}")?;
        let others = [
            ("snapshots", self.snapshots, 0),
            ("every", self.every, 1),
            ("parts", self.parts, 1),
            ("releases", self.releases, 0),
            ("handovers", self.handovers, 0),
            ("restarts", self.restarts, 0),
            ("reads", self.reads, 0),
            ("confirms", self.confirms, 0),
            ("beside", self.beside, 0),
            ("unusable", self.unusable, 0),
        ];
        let set = others.iter().filter(|(_, n, usual)| n != usual);
        set.clone()
            .try_for_each(|(name, n, _)| write!(f, " {name}={n}"))?;
        let switches = [(" collected", self.collected), (" fences-go", self.fences_go)];
        let mut on = switches.iter().filter(|(_, on)| *on);
        on.try_for_each(|(name, _)| f.write_str(name))
    }
}
