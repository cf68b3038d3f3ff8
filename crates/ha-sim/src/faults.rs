//! What may go wrong, and how often. Which kinds there are in a world is drawn: all at once hide each other.

use crate::rng::Rng;
use crate::{HOUR, MS, Micros, SEC};

/// What goes wrong, and how often: chances in 10,000 unless said otherwise.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Faults {
    /// The shortest way to or from the store.
    pub least: Micros,
    /// By how much others are longer.
    pub spread: Micros,
    /// A tail beyond every time-out.
    pub tail: u64,
    /// How long that may be.
    pub longest: Micros,
    /// A request that never arrives.
    pub lost: u64,
    /// An answer that never arrives.
    pub reply_lost: u64,
    /// The answer says only that nobody knows.
    pub unknown: u64,
    /// The store certainly does not do it.
    pub refused: u64,
    /// Many requests in a row are refused for a while: the store is overloaded.
    pub throttled: u64,
    /// A create, delete or put that arrives again, maybe much later.
    pub again: u64,
    /// An answer that comes twice.
    pub twice: u64,
    /// A listing of what was there before. No store may do that: a world with it must end in a violation.
    pub stale_lists: u64,
    /// A record of a node, or the list of them, as it was before the last change. Records are hints, and may lag.
    pub stale_hints: u64,
    /// By how much clocks may run too fast or too slow.
    pub drift_ppm: u64,
    /// A wall clock that is set to any time, when an operator looks.
    pub wall_steps: u64,
    /// A process that is stopped for a while, when an operator looks.
    pub pauses: u64,
    /// A process that is stopped while an entry of its own is on a long way to the store.
    pub freezes: u64,
    /// A process that is stopped until the next slot it would read has been collected.
    pub sleeps: u64,
    /// All processes stop for hours or days, and wake at different times.
    pub naps: u64,
    /// How long that may be.
    pub longest_pause: Micros,
    /// A process that ends, when an operator looks.
    pub crashes: u64,
    /// All processes end at once.
    pub blackouts: u64,
    /// A crash that leaves the node's record torn, and a stray file in a folder.
    pub torn: u64,
    /// A node that does not reach the store for a while, or that the store does not reach, or both.
    pub cuts: u64,
    /// An operator who tells a node another mode.
    pub modes: u64,
    /// An operator who stops a node.
    pub stops: u64,
    /// An operator who starts a second process with a node's id.
    pub twins: u64,
    /// An operator who starts a node with a clean state, when it starts.
    pub cleans: u64,
    /// An operator who has a node remove the records of the others.
    pub forgets: u64,
    /// A node that is told that a live leader has gone.
    pub suspicions: u64,
    /// Bytes of a stored object that change or are cut off, until an operator puts them back.
    pub rot: u64,
    /// An entry of another history, or of an epoch that is over, in the slot that comes next.
    pub strangers: u64,
    /// For how long the owner of a state that does not lead may put off each thing that it is asked.
    pub lag: Micros,
}

/// The names of the kinds that a command can put in or leave out.
pub const KINDS: [&str; 28] = [
    "tail",
    "lost",
    "reply-lost",
    "unknown",
    "refused",
    "throttled",
    "again",
    "twice",
    "stale-hints",
    "drift",
    "wall-steps",
    "pauses",
    "freezes",
    "sleeps",
    "naps",
    "crashes",
    "blackouts",
    "torn",
    "cuts",
    "modes",
    "stops",
    "twins",
    "cleans",
    "forgets",
    "suspicions",
    "rot",
    "strangers",
    "lag",
];

impl Faults {
    /// All goes well, and quickly.
    #[must_use]
    pub fn none() -> Self {
        Self {
            least: MS / 2,
            spread: 2 * MS,
            tail: 0,
            longest: 6 * SEC,
            lost: 0,
            reply_lost: 0,
            unknown: 0,
            refused: 0,
            throttled: 0,
            again: 0,
            twice: 0,
            stale_lists: 0,
            stale_hints: 0,
            drift_ppm: 0,
            wall_steps: 0,
            pauses: 0,
            freezes: 0,
            sleeps: 0,
            naps: 0,
            longest_pause: 30 * HOUR,
            crashes: 0,
            blackouts: 0,
            torn: 0,
            cuts: 0,
            modes: 0,
            stops: 0,
            twins: 0,
            cleans: 0,
            forgets: 0,
            suspicions: 0,
            rot: 0,
            strangers: 0,
            lag: 0,
        }
    }

    /// Some of each kind that the seed draws.
    #[must_use]
    pub fn draw(rng: &mut Rng) -> Self {
        let mut some = |choices: &[u64]| rng.pick(choices);
        Self {
            least: MS / 2,
            spread: some(&[2, 10, 40]) * MS,
            tail: some(&[0, 50, 50, 200]),
            longest: 6 * SEC,
            lost: some(&[0, 50, 300]),
            reply_lost: some(&[0, 50, 500]),
            unknown: some(&[0, 100, 1000]),
            refused: some(&[0, 0, 100]),
            throttled: some(&[0, 0, 5]),
            again: some(&[0, 300, 2000]),
            twice: some(&[0, 100]),
            stale_lists: 0,
            stale_hints: some(&[0, 0, 200]),
            drift_ppm: some(&[0, 9_900]),
            wall_steps: some(&[0, 50]),
            pauses: some(&[0, 100, 300]),
            freezes: some(&[0, 20, 200]),
            sleeps: some(&[0, 0, 20]),
            naps: some(&[0, 0, 0, 0, 10]),
            longest_pause: 30 * HOUR,
            crashes: some(&[0, 50, 150]),
            blackouts: some(&[0, 0, 20]),
            torn: some(&[0, 5000]),
            cuts: some(&[0, 0, 100]),
            modes: some(&[0, 100]),
            stops: some(&[0, 50]),
            twins: some(&[0, 0, 0, 20]),
            cleans: some(&[0, 0, 300]),
            forgets: some(&[0, 0, 20]),
            suspicions: some(&[0, 0, 50]),
            rot: some(&[0, 0, 0, 20]),
            strangers: some(&[0, 0, 0, 20]),
            lag: some(&[0, 0, 5, 50]) * MS,
        }
    }

    /// All that an operator does or sees when he looks, this many times rarer.
    pub(crate) fn rarer(&mut self, times: u64) {
        for rare in [
            &mut self.pauses,
            &mut self.sleeps,
            &mut self.naps,
            &mut self.modes,
            &mut self.stops,
            &mut self.cuts,
            &mut self.crashes,
            &mut self.blackouts,
            &mut self.freezes,
            &mut self.twins,
            &mut self.forgets,
            &mut self.rot,
            &mut self.strangers,
        ] {
            *rare = rare.div_ceil(times);
        }
    }

    /// The rate of a kind, and what it is where a command asks for it.
    fn kind(&mut self, name: &str) -> Option<(&mut u64, u64)> {
        Some(match name {
            "tail" => (&mut self.tail, 50),
            "lost" => (&mut self.lost, 50),
            "reply-lost" => (&mut self.reply_lost, 500),
            "unknown" => (&mut self.unknown, 100),
            "refused" => (&mut self.refused, 100),
            "throttled" => (&mut self.throttled, 5),
            "again" => (&mut self.again, 2000),
            "twice" => (&mut self.twice, 100),
            "stale-hints" => (&mut self.stale_hints, 200),
            "drift" => (&mut self.drift_ppm, 9_900),
            "wall-steps" => (&mut self.wall_steps, 50),
            "pauses" => (&mut self.pauses, 100),
            "freezes" => (&mut self.freezes, 20),
            "sleeps" => (&mut self.sleeps, 20),
            "naps" => (&mut self.naps, 10),
            "crashes" => (&mut self.crashes, 50),
            "blackouts" => (&mut self.blackouts, 20),
            "torn" => (&mut self.torn, 5000),
            "cuts" => (&mut self.cuts, 100),
            "modes" => (&mut self.modes, 100),
            "stops" => (&mut self.stops, 50),
            "twins" => (&mut self.twins, 20),
            "cleans" => (&mut self.cleans, 300),
            "forgets" => (&mut self.forgets, 20),
            "suspicions" => (&mut self.suspicions, 50),
            "rot" => (&mut self.rot, 20),
            "strangers" => (&mut self.strangers, 20),
            "lag" => (&mut self.lag, 5 * MS),
            _ => return None,
        })
    }

    /// Has a kind of faults in it, whatever the seed has drawn. `false`: there is no such kind.
    pub fn with(&mut self, name: &str) -> bool {
        let Some((rate, on)) = self.kind(name) else {
            return false;
        };
        if *rate == 0 {
            *rate = on;
        }
        true
    }

    /// Has none of a kind. `false`: there is no such kind.
    pub fn without(&mut self, name: &str) -> bool {
        self.kind(name).map(|(rate, _)| *rate = 0).is_some()
    }

    /// The kinds that are in it.
    #[must_use]
    pub fn kinds(&self) -> Vec<&'static str> {
        let mut all = self.clone();
        let is_on = |name: &&str| all.kind(name).is_some_and(|(rate, _)| *rate > 0);
        KINDS.into_iter().filter(is_on).collect()
    }

    pub(crate) fn latency(&self, rng: &mut Rng) -> Micros {
        if rng.chance(self.tail) {
            return rng.below(self.longest);
        }
        self.least + rng.below(self.spread)
    }

    pub(crate) fn twice(&self, rng: &mut Rng) -> bool {
        rng.chance(self.twice)
    }
}
