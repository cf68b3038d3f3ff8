//! What happens to one request: how long it takes, whether it arrives, whether its answer does, and whether it arrives again.

use ha_proto::{FailureKind, StoreOp};

use crate::rng::Rng;
use crate::{Faults, Micros, SEC};

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
