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
                (
                    Evidence::Silent,
                    suspected,
                    suspected + spacing(s.recent, s.config),
                )
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

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::mode::Role;
    use crate::names::{NodeId, Nonce};

    fn process(id: &str) -> Process {
        let node = NodeId::new(id).unwrap();
        Process {
            node,
            nonce: Nonce([1; 16]),
        }
    }

    fn candidate(id: &str, priority: i64) -> Candidate {
        Candidate::new(NodeId::new(id).unwrap(), Role::HotStandby, priority, None)
    }

    fn t(secs: u64) -> Instant {
        Instant::from_millis(secs * 1000)
    }

    /// At t = 10 s n2, beside n3, follows n1, which gave its last sign at t = 9 s; the heartbeat time-out is 3 s.
    fn check(change: impl FnOnce(&mut Situation<'_>), expected: Verdict) {
        let (me, leader, config) = (process("n2"), process("n1"), Config::default());
        let mut situation = Situation {
            now: t(10),
            me: &me,
            config: &config,
            leader: Some(&leader),
            vacant_since: t(0),
            last_sign: t(9),
            evidence: None,
            candidates: vec![candidate("n2", 0), candidate("n3", 0)],
            told: false,
            recent: 0,
            looked_at: Some(t(1_000)),
        };
        change(&mut situation);
        assert_eq!(judge(situation), expected);
    }

    #[test]
    fn a_leader_that_gives_signs_is_followed() {
        check(|_| {}, Verdict::Follow);
        check(|s| s.now = t(12), Verdict::Follow);
        check(|s| s.told = true, Verdict::Follow);
    }

    #[test]
    fn a_silent_leader_is_replaced_by_the_first_choice_at_once() {
        check(|s| s.now = t(13), Verdict::Claim(Evidence::Silent));
    }

    #[test]
    fn the_second_choice_waits_longer_than_a_poll() {
        let second = |s: &mut Situation<'_>| s.candidates[1].priority = 5;
        check(
            |s| {
                second(s);
                s.now = t(13);
            },
            Verdict::Await(Instant::from_millis(13_500)),
        );
        check(
            |s| {
                second(s);
                s.now = t(14);
            },
            Verdict::Claim(Evidence::Silent),
        );
        check(
            |s| {
                second(s);
                s.now = t(13);
                s.told = true;
            },
            Verdict::Claim(Evidence::Silent),
        );
    }

    #[test]
    fn better_evidence_spares_the_wait() {
        check(
            |s| s.evidence = Some((Evidence::Exited, t(10))),
            Verdict::Claim(Evidence::Exited),
        );
        check(
            |s| {
                s.evidence = Some((Evidence::Refused, t(10)));
                s.candidates[1].priority = 5;
            },
            Verdict::Await(Instant::from_millis(11_500)),
        );
    }

    #[test]
    fn a_vacant_plane_is_claimed_in_turn() {
        check(|s| s.leader = None, Verdict::Claim(Evidence::Vacant));
        check(
            |s| {
                s.leader = None;
                s.vacant_since = t(10);
                s.candidates[1].priority = 5;
            },
            Verdict::Await(Instant::from_millis(11_500)),
        );
    }

    #[test]
    fn who_is_no_candidate_claims_nothing() {
        check(
            |s| {
                s.candidates.remove(0);
                s.now = t(100);
            },
            Verdict::Ineligible,
        );
    }

    #[test]
    fn who_leads_by_the_journal_without_knowing_claims_anew() {
        check(|s| s.leader = Some(s.me), Verdict::Claim(Evidence::Own));
    }

    #[test]
    fn nothing_is_claimed_on_records_that_are_older_than_the_suspicion() {
        check(
            |s| {
                s.now = t(13);
                s.looked_at = Some(t(11));
            },
            Verdict::Look(t(12)),
        );
    }

    #[test]
    fn takeovers_on_suspicion_are_spaced_out() {
        let flapping = |recent, secs| move |s: &mut Situation<'_>| (s.recent, s.now) = (recent, t(secs));
        check(flapping(3, 13), Verdict::Claim(Evidence::Silent));
        check(flapping(4, 13), Verdict::Await(t(15)));
        check(flapping(99, 13), Verdict::Await(t(24)));
        check(flapping(99, 24), Verdict::Claim(Evidence::Silent));
    }
}
