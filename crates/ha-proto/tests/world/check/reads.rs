//! Linearizable reads see all that was acknowledged before they were asked for.

use ha_proto::Seq;

pub fn is_fresh(answered_at: Seq, acknowledged_before: Seq) {
    assert!(
        answered_at >= acknowledged_before,
        "a linearizable read at slot {answered_at} misses slot {acknowledged_before}, acknowledged before it was asked for"
    );
}
