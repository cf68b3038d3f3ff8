//! I2 and I3: what was acknowledged is in the true journal at its slot; what was answered "not applied" never is.

use ha_proto::{Seq, WriteId};

use crate::world::truth::Truth;

pub fn durable(truth: &Truth, change: u64, seq: Seq, write_id: WriteId) {
    assert_eq!(
        truth.slot_of.get(&change),
        Some(&seq),
        "I2: {change} was acknowledged in slot {seq}, and is not there"
    );
    assert_eq!(
        truth.valid.get(&seq).map(|(w, _)| *w),
        Some(write_id),
        "I2: another's write id in slot {seq}"
    );
}

pub fn not_applied(truth: &mut Truth, change: u64) {
    assert!(
        !truth.slot_of.contains_key(&change),
        "I2: {change} was answered 'not applied', and is applied"
    );
    truth.never.insert(change);
}
