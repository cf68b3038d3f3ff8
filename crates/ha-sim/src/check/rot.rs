//! I10: a node that is given bytes which are not what was written says so, and names the object; the other checkers see that it never applies
//! them.

use std::collections::BTreeMap;

use super::{Checker, Scene, Seen, holds};
use crate::Who;

/// Knows what each process was given last.
#[derive(Clone, Debug, Default)]
pub struct Rot {
    given: BTreeMap<Who, String>,
}

/// Words that a node says of an object whose bytes do not verify.
const DAMAGED: [&str; 3] = ["corrupt", "does not verify", "is not what its manifest says"];

impl<S> Checker<S> for Rot {
    fn name(&self) -> &'static str {
        "rot"
    }

    fn see(&mut self, _: &Scene<'_>, seen: &Seen<'_, S>) -> Result<(), String> {
        match *seen {
            Seen::Rotten { who, key } => {
                self.given.insert(who, key.to_string());
                Ok(())
            }
            Seen::Warned { who, words } if DAMAGED.iter().any(|damaged| words.contains(damaged)) => {
                let given = self.given.get(&who);
                holds(given.is_some_and(|key| words.contains(key.as_str())), || {
                    format!("I10: n{} was given a damaged {given:?}, and says: {words}", who.0)
                })
            }
            Seen::Rests { who, .. } => {
                self.given.remove(&who);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
