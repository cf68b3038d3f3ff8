//! I5: every state is that after some prefix of the true journal; nothing else is ever shown.

use super::{Checker, Scene, Seen};
use crate::host::Line;
use crate::truth::Truth;

/// Holds each state against the true journal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prefix;

impl<S> Checker<S> for Prefix {
    fn name(&self) -> &'static str {
        "prefix"
    }

    fn see(&mut self, scene: &Scene<'_>, seen: &Seen<'_, S>) -> Result<(), String> {
        match *seen {
            Seen::Restored { who, host, seq } => {
                holds(scene.truth, host.line).map_err(|bad| format!("n{}, restored at {seq}: {bad}", who.0))
            }
            Seen::Applied { who, host, seq, .. } => {
                super::holds(host.loaded, || {
                    format!("I5: n{} applies slot {seq} to no state", who.0)
                })?;
                holds(scene.truth, host.line).map_err(|bad| format!("n{} at slot {seq}: {bad}", who.0))?;
                let len = scene.truth.count_at(seq);
                super::holds(len == host.line.len, || {
                    format!(
                        "I5: n{} has taken {} changes at slot {seq}, and not {len}",
                        who.0, host.line.len
                    )
                })
            }
            Seen::Healed { hosts } => hosts.iter().try_for_each(|(i, host)| {
                let all = scene.truth.state.len() as u64;
                super::holds(scene.truth.line(all) == Some(host.line), || {
                    format!(
                        "I2, I11: n{i} has taken {} changes in the end, and there are {all}",
                        host.line.len
                    )
                })
            }),
            _ => Ok(()),
        }
    }
}

pub(crate) fn holds(truth: &Truth, line: Line) -> Result<(), String> {
    super::holds(truth.line(line.len) == Some(line), || {
        format!(
            "I5: its {} changes, the last of them {}, are no prefix of the true journal",
            line.len, line.last
        )
    })
}
