//! What a fresh node makes of what is left.

use ha_proto::Mode;
use ha_store::crash::Disk;

use crate::process::{Plant, Process};

/// Longer than any suspicion.
const LONG: u64 = 20_000;

/// Starts a node on what is left, lets it lead, and holds its state against what was acknowledged and what was proposed; then it commits one more
/// change, and another node that reads it all must hold the same. Answers the state that was found.
pub(crate) fn judge(left: &Disk, acked: &[u64], proposed: &[u64], next: u64) -> Result<Vec<u64>, String> {
    let mut heir = Process::start(left, "heir", Mode::Auto, next, Plant::Nothing)?;
    heir.run(LONG, Process::leads, |_| {})?;
    let found = heir.host.state.0.clone();
    if !found.starts_with(acked) {
        return Err(format!("{acked:?} were acknowledged, and there are {found:?}"));
    }
    if !proposed.starts_with(&found) {
        return Err(format!("{proposed:?} were proposed, and there are {found:?}"));
    }
    heir.propose(next)?;
    heir.run(LONG, |p| !p.acked.is_empty(), |_| {})?;
    let mut reader = Process::start(left, "reader", Mode::HotBackup, next, Plant::Nothing)?;
    let goal = heir.node.view().last_valid;
    reader.run(LONG, |p| p.is_level() && p.node.view().last_valid == goal, |_| {})?;
    if reader.host.state != heir.host.state {
        return Err(format!(
            "the heir holds {:?}, and who reads it all {:?}",
            heir.host.state, reader.host.state
        ));
    }
    Ok(found)
}
