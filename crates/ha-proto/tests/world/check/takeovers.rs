//! I1 and I7: who leads by its own word leads by the true journal; who may not lead does not try.

use std::collections::BTreeSet;

use ha_proto::{Kind, Mode, Node, RawEntry, Role, StoreOp, WriteId};

use crate::world::Instant;
use crate::world::truth::Truth;

pub fn leads_truly(node: &Node, truth: &Truth) {
    if let Some(epoch) = node.write_authority() {
        let (_, leader) = &truth
            .takeovers
            .get(&epoch)
            .expect("I1: a leader of an epoch that never began");
        assert_eq!(
            leader,
            node.process(),
            "I1: {} leads epoch {epoch}, which is {leader}'s",
            node.process()
        );
    }
}

/// A request that is leaving the node.
pub fn may_ask(node: &Node, now: Instant, op: &StoreOp, sent: &mut BTreeSet<WriteId>) {
    let StoreOp::Create { bytes, .. } = op else { return };
    let Some(header) = RawEntry::peek(bytes) else {
        return;
    };
    // What was sent once is sent again until the chain has decided, whatever the operator says meanwhile.
    if sent.insert(header.write_id) && header.kind == Kind::Takeover {
        assert_ne!(node.mode(), Mode::HotBackup, "I7: a HOT_BACKUP claims");
        let role = node.role(now);
        assert!(
            !matches!(role, Role::Terminated | Role::HotBackup | Role::Master),
            "I7: a node that is {role} claims epoch {}",
            header.epoch
        );
    }
    assert_eq!(header.by, *node.process(), "a node signs what it writes");
}
