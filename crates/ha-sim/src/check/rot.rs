//! I10: a node that is given bytes which are not what was written says so, and names the object; the other checkers see that it never applies
//! them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Checker, Scene, Seen, holds};
use crate::Who;

/// Knows what each process was given. It may complain later: what is read ahead is looked at when its turn has come.
#[derive(Clone, Debug, Default)]
pub struct Rot {
    given: BTreeMap<Who, BTreeSet<String>>,
}

/// Words that a node says of an object whose bytes do not verify.
const DAMAGED: [&str; 2] = ["is damaged or foreign", "is not what its manifest says"];

impl<S> Checker<S> for Rot {
    fn name(&self) -> &'static str {
        "rot"
    }

    fn see(&mut self, _: &Scene<'_>, seen: &Seen<'_, S>) -> Result<(), String> {
        match *seen {
            Seen::Rotten { who, key } => {
                self.given.entry(who).or_default().insert(key.to_string());
                Ok(())
            }
            Seen::Warned { who, words } if DAMAGED.iter().any(|damaged| words.contains(damaged)) => {
                let given = self.given.entry(who).or_default();
                holds(given.iter().any(|key| words.contains(key.as_str())), || {
                    format!(
                        "I10: n{} was given damaged bytes of {given:?}, and says: {words}",
                        who.0
                    )
                })
            }
            _ => Ok(()),
        }
    }
}
