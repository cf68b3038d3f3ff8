//! I7: whom a leader names as its successor is the best of those that look alive to it, by the order of the design and by what they have
//! truly written of themselves. The order is counted here anew.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use ha_proto::{
    Epoch, Kind, Mode, Node, NodeId, NodeRecord, Payload, Process, RawEntry, Role, StoreOp, layout,
};

use super::{Checker, Scene, Seen, holds};
use crate::Who;

/// Looks at each handover as it is sent for the first time.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Which processes each node knows to have exited.
    exited: BTreeSet<(Who, Process)>,
    /// Under which epoch a node has last wished to lead. It may change its mind, and be named nonetheless.
    wished: BTreeMap<NodeId, Epoch>,
}

/// How many of them are remembered.
const REMEMBERED: usize = 4096;

impl<S> Checker<S> for Choice {
    fn name(&self) -> &'static str {
        "choice"
    }

    fn see(&mut self, scene: &Scene<'_>, seen: &Seen<'_, S>) -> Result<(), String> {
        if let Seen::Exited { who, process } = *seen {
            self.exited.insert((who, process.clone()));
            if self.exited.len() > REMEMBERED {
                self.exited.pop_first();
            }
        }
        if let Seen::Asked {
            node,
            op: StoreOp::Put { .. },
            ..
        } = *seen
        {
            // Asking the node is cheaper than reading what it writes, and it writes at every change.
            if node.mode() == Mode::Master && node.write_authority().is_none() {
                self.wished.insert(node.process().node.clone(), scene.truth.epoch);
            }
            return Ok(());
        }
        let Seen::Asked {
            who,
            node,
            now,
            op: StoreOp::Create { key, bytes },
            is_new: true,
            ..
        } = *seen
        else {
            return Ok(());
        };
        if RawEntry::peek(bytes).is_none_or(|h| h.kind != Kind::Handover) {
            return Ok(());
        }
        let seq = layout::seq_of(&key[key.len() - 20..]).ok_or("a slot without a number")?;
        let entry = RawEntry::parse(key, seq, bytes).map_err(|bad| bad.to_string())?;
        let Ok(Payload::Handover { successor, .. }) = entry.decode(key) else {
            return Err(format!("I7: n{} hands over and names nobody", who.0));
        };
        holds(!self.exited.contains(&(who, successor.clone())), || {
            format!("I7: n{} names {successor}, and knows that it has exited", who.0)
        })?;
        let has_exited = |r: &NodeRecord| {
            let process = Process {
                node: r.node_id.clone(),
                nonce: r.nonce,
            };
            self.exited.contains(&(who, process))
        };
        let mut known = known(scene, node, now);
        known.retain(|r| !has_exited(r));
        if known.iter().all(|r| r.node_id != successor.node) {
            // What it knows is not what lies there now: nothing can be said.
            return Ok(());
        }
        let best = known.iter().max_by(|a, b| rank(a).cmp(&rank(b)));
        let best = best.map_or(&successor.node, |best| &best.node_id);
        let wished = self.wished.get(&successor.node);
        let has_wished = wished.is_some_and(|epoch| *epoch >= node.view().epoch);
        holds(has_wished || *best == successor.node, || {
            format!(
                "I7: n{} names {}, and {best} goes before it",
                who.0, successor.node
            )
        })
    }
}

/// Who looks alive to a node and could lead, and of whom it knows what truly lies in the store.
fn known(scene: &Scene<'_>, node: &Node, now: ha_proto::Instant) -> Vec<NodeRecord> {
    let timeout = scene.config.heartbeat_timeout();
    let alive = node
        .peers()
        .values()
        .filter(|p| p.seen_alive && p.is_alive(now, timeout));
    let same = |p: &&ha_proto::Peer| {
        let there = scene.store.written(&layout::record_key(&p.record.node_id));
        let there = there.and_then(|bytes| NodeRecord::parse(&p.record.node_id, bytes).ok());
        there.is_some_and(|there| {
            (there.nonce, there.status, there.priority)
                == (p.record.nonce, p.record.status, p.record.priority)
        })
    };
    alive
        .filter(same)
        .map(|p| p.record.clone())
        .filter(|r| matches!(r.status, Role::Standby | Role::HotStandby | Role::Master))
        .collect()
}

/// Priority, release before snapshot version, version, who led a moment ago before hot before warm, the lowest node id.
fn rank(record: &NodeRecord) -> (i64, bool, bool, [u64; 3], u8, Reverse<String>) {
    let version = record.version.as_deref();
    let is_release = version.is_some_and(|v| !v.ends_with("-SNAPSHOT"));
    let numbers = version
        .unwrap_or_default()
        .trim_end_matches("-SNAPSHOT")
        .split('.');
    let mut parts = [0; 3];
    for (part, number) in parts.iter_mut().zip(numbers) {
        *part = number.parse().unwrap_or(0);
    }
    let warmth = match record.status {
        Role::Master => 2,
        Role::HotStandby => 1,
        _ => 0,
    };
    (
        record.priority,
        version.is_some(),
        is_release,
        parts,
        warmth,
        Reverse(record.node_id.to_string()),
    )
}
