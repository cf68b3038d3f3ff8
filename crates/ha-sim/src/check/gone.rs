//! A node that says that its store was erased is right: what it misses is not there, and no node has collected it.

use ha_proto::{StoreOp, StoreReply};

use super::{Checker, Scene, Seen, holds};

/// Knows up to where the journal was collected.
#[derive(Clone, Debug, Default)]
pub struct Gone {
    /// The highest key that a node has deleted; keys are in the order of their slots.
    collected: String,
}

/// Words that a node says of a slot that it misses.
const MISSED: &str = "was there and is gone";

impl<S> Checker<S> for Gone {
    fn name(&self) -> &'static str {
        "gone"
    }

    fn see(&mut self, scene: &Scene<'_>, seen: &Seen<'_, S>) -> Result<(), String> {
        match *seen {
            Seen::Stored {
                op: StoreOp::Delete { key },
                reply: StoreReply::Done,
            } if key.starts_with("journal/") && *key > self.collected => {
                self.collected.clone_from(key);
                Ok(())
            }
            Seen::Warned { who, words } if words.contains(MISSED) => {
                let key = words.split('`').nth(1).unwrap_or_default();
                let is_gone = !scene.store.objects.contains_key(key);
                holds(is_gone && key > self.collected.as_str(), || {
                    format!(
                        "n{} takes for erased what {}: {words}",
                        who.0,
                        if is_gone { "was collected" } else { "is there" }
                    )
                })
            }
            _ => Ok(()),
        }
    }
}
