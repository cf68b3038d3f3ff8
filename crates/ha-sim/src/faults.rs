//! What may happen to a request: how long it takes, whether it arrives, whether its answer does, and whether it arrives again.

use ha_proto::{FailureKind, StoreOp};

use crate::rng::Rng;
use crate::{HOUR, MS, Micros, SEC};

/// What goes wrong, and how often: chances in 10,000 unless said otherwise.
#[derive(Clone, Debug)]
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
    /// By how much clocks may run too fast or too slow.
    pub drift_ppm: u64,
    /// A process that is stopped for a while, when an operator looks.
    pub pauses: u64,
    /// A process that is stopped while an entry of its own is on a long way to the store.
    pub freezes: u64,
    /// How long that may be.
    pub longest_pause: Micros,
    /// A process that ends, when an operator looks.
    pub crashes: u64,
    /// A node that does not reach the store for a while, or that the store does not reach, or both.
    pub cuts: u64,
    /// An operator who tells a node another mode.
    pub modes: u64,
    /// An operator who stops a node.
    pub stops: u64,
}

/// What happens to one request.
#[derive(Debug)]
pub(crate) struct Fate {
    pub(crate) there: Micros,
    /// None: it never arrives.
    pub(crate) back: Option<Micros>,
    pub(crate) silent: bool,
    pub(crate) unknown: bool,
    pub(crate) fails: Option<FailureKind>,
    pub(crate) again: Vec<Micros>,
    pub(crate) is_fault: bool,
}

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
            drift_ppm: 0,
            pauses: 0,
            freezes: 0,
            longest_pause: 20 * SEC,
            crashes: 0,
            cuts: 0,
            modes: 0,
            stops: 0,
        }
    }

    /// Which kinds of faults there are is drawn too: all at once hide each other.
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
            drift_ppm: some(&[0, 9_900]),
            pauses: some(&[0, 100, 300]),
            freezes: some(&[0, 20, 200]),
            longest_pause: some(&[20 * SEC, 20 * SEC, 20 * SEC, 20 * SEC, 30 * HOUR]),
            crashes: some(&[0, 50, 150]),
            cuts: some(&[0, 0, 100]),
            modes: some(&[0, 100]),
            stops: some(&[0, 50]),
        }
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

    pub(crate) fn fate(&self, rng: &mut Rng, op: &StoreOp) -> Fate {
        let (there, back) = (self.latency(rng), self.latency(rng));
        let mut fate = Fate {
            there,
            back: Some(back),
            silent: false,
            unknown: false,
            fails: None,
            again: Vec::new(),
            is_fault: false,
        };
        let writes = matches!(
            op,
            StoreOp::Create { .. } | StoreOp::Delete { .. } | StoreOp::Put { .. }
        );
        let is_put = matches!(op, StoreOp::Put { .. });
        if writes && rng.chance(if is_put { self.again / 20 } else { self.again }) {
            let longest = rng.pick(&[SEC / 10, SEC, 20 * SEC, self.longest * 10]);
            (0..1 + rng.below(3)).for_each(|_| fate.again.push(rng.below(longest)));
        }
        if rng.chance(self.lost) {
            fate.back = None;
        } else if rng.chance(self.reply_lost) {
            fate.silent = true;
        } else if rng.chance(self.refused) {
            fate.fails = Some(if rng.chance(3000) {
                FailureKind::Refused
            } else {
                FailureKind::NotDone
            });
            // Certainly not carried out: no copy of it lands.
            fate.again.clear();
        } else if rng.chance(self.unknown) {
            fate.unknown = true;
            if rng.chance(3000) {
                fate.fails = Some(FailureKind::OutcomeUnknown);
            }
        }
        fate.is_fault = fate.back.is_none()
            || fate.silent
            || fate.unknown
            || fate.fails.is_some()
            || !fate.again.is_empty();
        fate
    }
}
