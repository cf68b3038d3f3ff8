//! What may happen to a request: how long it takes, whether it arrives, whether its answer does, and whether it arrives again.

use ha_proto::{FailureKind, StoreOp};

use super::rng::Rng;
use super::{MS, Micros, SEC};

/// Chances in 10,000 unless said otherwise.
#[derive(Clone, Debug)]
pub struct Faults {
    pub least: Micros,
    pub spread: Micros,
    /// A tail beyond every time-out.
    pub tail: u64,
    pub lost: u64,
    pub reply_lost: u64,
    pub unknown: u64,
    pub refused: u64,
    /// A create, delete or put that arrives again, maybe much later.
    pub again: u64,
    pub twice: u64,
    pub drift_ppm: u64,
    pub pauses: u64,
    pub crashes: u64,
    pub modes: u64,
    pub stops: u64,
}

/// What happens to one request.
pub struct Fate {
    pub there: Micros,
    /// None: it never arrives.
    pub back: Option<Micros>,
    pub silent: bool,
    pub unknown: bool,
    pub fails: Option<FailureKind>,
    pub again: Vec<Micros>,
    pub is_fault: bool,
}

impl Faults {
    pub fn none() -> Self {
        Self {
            least: MS / 2,
            spread: 2 * MS,
            tail: 0,
            lost: 0,
            reply_lost: 0,
            unknown: 0,
            refused: 0,
            again: 0,
            twice: 0,
            drift_ppm: 0,
            pauses: 0,
            crashes: 0,
            modes: 0,
            stops: 0,
        }
    }

    /// Which kinds of faults there are is drawn too: all at once hide each other.
    pub fn draw(rng: &mut Rng) -> Self {
        let mut some = |choices: &[u64]| rng.pick(choices);
        Self {
            least: MS / 2,
            spread: some(&[2, 10, 40]) * MS,
            tail: some(&[0, 50, 50, 200]),
            lost: some(&[0, 50, 300]),
            reply_lost: some(&[0, 50, 500]),
            unknown: some(&[0, 100, 1000]),
            refused: some(&[0, 0, 100]),
            again: some(&[0, 300, 2000]),
            twice: some(&[0, 100]),
            drift_ppm: some(&[0, 9_900]),
            pauses: some(&[0, 100, 300]),
            crashes: some(&[0, 50, 150]),
            modes: some(&[0, 100]),
            stops: some(&[0, 50]),
        }
    }

    pub fn latency(&self, rng: &mut Rng) -> Micros {
        if rng.chance(self.tail) {
            return rng.below(6 * SEC);
        }
        self.least + rng.below(self.spread)
    }

    pub fn twice(&self, rng: &mut Rng) -> bool {
        rng.chance(self.twice)
    }

    pub fn fate(&self, rng: &mut Rng, op: &StoreOp) -> Fate {
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
            let longest = rng.pick(&[SEC / 10, SEC, 20 * SEC]);
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
