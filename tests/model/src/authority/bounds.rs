//! How much may happen.

use std::fmt;

/// No bound, and nothing is counted.
pub(crate) const ANY: u8 = u8::MAX;

/// How much may happen in the authority's model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Nodes, 2 or 3.
    pub(crate) nodes: u8,
    pub(crate) takeovers: u8,
    pub(crate) fulls: u8,
    pub(crate) commits: u8,
    pub(crate) releases: u8,
    pub(crate) handovers: u8,
    pub(crate) deaths: u8,
    /// Ticks of real time; usually any number.
    pub(crate) ticks: u8,
    /// How long a lease is, in thirds: a tick moves a clock by 2 or 4 of them, which is the most that clocks may drift.
    pub(crate) ttl: u8,
    /// What a driver owes to the machine is left out: work outlives its lease; it outlives its process, and counts as ended; a later epoch prolongs it.
    pub(crate) no_guard: bool,
    pub(crate) orphans: bool,
    pub(crate) untied: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            nodes: 2,
            takeovers: 2,
            fulls: 2,
            commits: 0,
            releases: 0,
            handovers: 0,
            deaths: 0,
            ticks: ANY,
            ttl: 4,
            no_guard: false,
            orphans: false,
            untied: false,
        }
    }
}

impl Bounds {
    /// How much there may be of what a state counts, in its order. Ticks without a bound are not counted.
    pub(crate) fn most(&self) -> [(&'static str, u8); 7] {
        [
            ("takeovers", self.takeovers),
            ("fulls", self.fulls),
            ("commits", self.commits),
            ("releases", self.releases),
            ("handovers", self.handovers),
            ("deaths", self.deaths),
            ("ticks", if self.ticks == ANY { 0 } else { self.ticks }),
        ]
    }

    /// Sets one by its name. `false` if there is none of that name, or it cannot be that much.
    pub(crate) fn set(&mut self, name: &str, n: u8) -> bool {
        let bound = match name {
            "nodes" => &mut self.nodes,
            "takeovers" => &mut self.takeovers,
            "fulls" => &mut self.fulls,
            "commits" => &mut self.commits,
            "releases" => &mut self.releases,
            "handovers" => &mut self.handovers,
            "ticks" => &mut self.ticks,
            "deaths" => &mut self.deaths,
            "ttl" => &mut self.ttl,
            "no-guard" => {
                self.no_guard = true;
                return true;
            }
            "orphans" => {
                self.orphans = true;
                return true;
            }
            "untied" => {
                self.untied = true;
                return true;
            }
            _ => return false,
        };
        *bound = n;
        n <= if name == "nodes" { 3 } else { 8 }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (nodes, takeovers, fulls) = (self.nodes, self.takeovers, self.fulls);
        write!(f, "nodes={nodes} takeovers={takeovers} fulls={fulls}")?;
        let others = [
            ("commits", self.commits, 0),
            ("releases", self.releases, 0),
            ("handovers", self.handovers, 0),
            ("deaths", self.deaths, 0),
            ("ticks", self.ticks, ANY),
            ("ttl", self.ttl, 4),
        ];
        let mut set = others.iter().filter(|(_, n, usual)| n != usual);
        set.try_for_each(|(name, n, _)| write!(f, " {name}={n}"))?;
        let switches = [
            ("no-guard", self.no_guard),
            ("orphans", self.orphans),
            ("untied", self.untied),
        ];
        let mut on = switches.iter().filter(|(_, on)| *on);
        on.try_for_each(|(name, _)| write!(f, " {name}"))
    }
}
