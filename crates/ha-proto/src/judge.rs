//! What a reading means: a pure function of what was read. `Node` acts on the verdict in one place.

use alloc::vec::Vec;
use core::time::Duration;

use crate::chooser::{self, Candidate};
use crate::config::Config;
use crate::entry::Evidence;
use crate::names::Process;
use crate::time::Instant;

/// Takeovers on mere suspicion before they begin to be spaced out.
const FREE_TAKEOVERS: u32 = 3;
/// Spacing grows up to this many heartbeat time-outs.
const MOST_SPACING: u32 = 4;

/// All that the verdict depends on.
pub(crate) struct Situation<'a> {
    pub(crate) now: Instant,
    pub(crate) me: &'a Process,
    pub(crate) config: &'a Config,
    /// The leader of the current epoch, if it has not released it.
    pub(crate) leader: Option<&'a Process>,
    /// Since when there is none.
    pub(crate) vacant_since: Instant,
    /// The last sign of life that named the current epoch.
    pub(crate) last_sign: Instant,
    /// Better evidence than silence that the leader has gone.
    pub(crate) evidence: Option<(Evidence, Instant)>,
    /// Who looks alive and could be chosen, this node among them if it is one.
    pub(crate) candidates: Vec<Candidate>,
    /// An operator has told this node to lead: it does not wait for its turn.
    pub(crate) told: bool,
    /// Takeovers on mere suspicion that this node has seen lately.
    pub(crate) recent: u32,
    /// When the last look at all records that is complete was begun.
    pub(crate) looked_at: Option<Instant>,
}

/// What to do.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Verdict {
    /// There is a leader.
    Follow,
    /// What is known of the records is older than what has happened: they are to be read before anything is judged.
    Look(Instant),
    /// Not this node, or not yet; look again then.
    Await(Instant),
    /// It is this node's turn.
    Claim(Evidence),
    /// This node cannot lead.
    Ineligible,
}

pub(crate) fn judge(s: Situation<'_>) -> Verdict {
    // What happened, and when; and from when on a claim may follow from it.
    let (evidence, at, since) = match s.leader {
        None => (Evidence::Vacant, s.vacant_since, s.vacant_since),
        // This process leads by the journal and not in its own view: a naming that it never validated.
        Some(leader) if leader == s.me => (Evidence::Own, Instant::default(), s.now),
        Some(_) => match s.evidence {
            Some((evidence, at)) => (evidence, at, at),
            None => {
                let suspected = s.last_sign + s.config.heartbeat_timeout;
                if s.now <= suspected {
                    return Verdict::Follow;
                }
                (Evidence::Silent, suspected, suspected + spacing(s.recent, s.config))
            }
        },
    };
    let me = |c: &Candidate| c.node == s.me.node;
    if !s.candidates.iter().any(me) {
        return Verdict::Ineligible;
    }
    if s.looked_at.is_none_or(|looked| looked < at) {
        // This node may have slept through signs of life, and may not know yet who else could lead.
        return Verdict::Look(at);
    }
    let turn = if s.told {
        0
    } else {
        chooser::rank(s.candidates).iter().position(me).unwrap_or(0)
    };
    let at = since + s.config.stagger() * u32::try_from(turn).unwrap_or(u32::MAX);
    if s.now >= at {
        Verdict::Claim(evidence)
    } else {
        Verdict::Await(at)
    }
}

/// Anti-flap: takeovers on mere suspicion back off with the number of recent ones.
fn spacing(recent: u32, config: &Config) -> Duration {
    config.heartbeat_timeout * recent.saturating_sub(FREE_TAKEOVERS).min(MOST_SPACING)
}
