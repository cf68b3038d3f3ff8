//! I4: at most one process acts on the world at any real time, and none under an epoch lower than one that has acted.

use super::{Checker, Scene, Seen, holds};
use crate::Who;

/// Knows who acts.
#[derive(Clone, Debug, Default)]
pub struct Acts {
    under_way: Option<(Who, u64)>,
    highest: u64,
}

impl<S> Checker<S> for Acts {
    fn name(&self) -> &'static str {
        "acts"
    }

    fn see(&mut self, _: &Scene<'_>, seen: &Seen<'_, S>) -> Result<(), String> {
        match *seen {
            Seen::ActBegins { who, epoch, .. } => {
                if let Some((other, of)) = self.under_way {
                    return Err(format!(
                        "I4: {who:?} acts under epoch {epoch}, and {other:?} does under epoch {of}"
                    ));
                }
                self.under_way = Some((who, epoch));
                let highest = self.highest;
                self.highest = highest.max(epoch);
                holds(epoch >= highest, || {
                    format!("I4: an act under epoch {epoch} after one under {highest}")
                })
            }
            Seen::ActEnds { who } => {
                let was = self.under_way.take().map(|(w, _)| w);
                holds(was == Some(who), || {
                    format!("an act of {who:?} ends, and {was:?} acted")
                })
            }
            _ => Ok(()),
        }
    }
}
