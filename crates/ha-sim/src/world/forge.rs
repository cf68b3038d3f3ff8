//! Entries that are not valid, in the slot that comes next: what another history, or an epoch that is over, would have left there.

use std::sync::Arc;

use ha_proto::{Digest, Epoch, Evidence, Header, Payload, Seq, StoreOp, StoreReply, WriteId, layout};

use super::World;
use crate::Service;

impl<S: Service + 'static> World<S> {
    /// Each breaks one condition of validity, and only that. Left out is another's commit under the current epoch: no process that runs this code
    /// writes one, and collection, which looks at epochs, would take it away as the leader's.
    pub(super) fn forge(&mut self) {
        let Some((_, (_, former))) = self.truth.takeovers.iter().rev().nth(1) else {
            return;
        };
        let (by, epoch, chain) = (former.clone(), self.truth.epoch, self.truth.chain);
        let takeover = Payload::Takeover {
            uri: String::new(),
            evidence: Evidence::Silent,
        };
        let change: Arc<[u8]> = Arc::from(&(u64::MAX - 1).to_le_bytes()[..]);
        let commit = Payload::Commit {
            time_ms: 1,
            replaces: false,
            changes: [change].into(),
        };
        let (payload, epoch, prev) = match self.rng.below(3) {
            0 => (takeover, epoch.next(), Digest::of(b"another history")),
            1 => (takeover, epoch, chain),
            _ => (commit, Epoch(epoch.0 - 1), chain),
        };
        // Who has led before does not lead now, or what it writes could be valid.
        if self.truth.leader.as_ref() == Some(&by) && matches!(payload, Payload::Commit { .. }) {
            return;
        }
        let seq = Seq(self.truth.pos + 1);
        let mut write_id = [0; 16];
        write_id[..8].copy_from_slice(&self.rng.draw().to_le_bytes());
        let header = Header {
            seq,
            epoch,
            kind: payload.kind(),
            by,
            write_id: WriteId(write_id),
            prev,
        };
        let (bytes, _) = header.encode(&payload);
        let key = layout::entry_key(seq);
        self.note(|| {
            format!(
                "{:?} of epoch {epoch} that is not valid comes into slot {seq}",
                payload.kind()
            )
        });
        if self.carry_out(&StoreOp::Create { key, bytes }) == StoreReply::Done {
            self.forged += 1;
            self.tally.faults += 1;
        }
    }
}
