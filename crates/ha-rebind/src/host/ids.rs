//! Ids as Brooklyn draws them: short, and never twice.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::names::{EntityId, TaskId};

/// Draws ids.
#[derive(Debug)]
pub(crate) struct Ids(StdRng);

const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const MIXED: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

impl Ids {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self(StdRng::from_seed(seed))
    }

    /// Ten of a-z and 0-9, a letter first (Brooklyn's `Identifiers.makeRandomLowercaseId(10)`).
    pub(crate) fn entity(&mut self) -> EntityId {
        EntityId::new(&self.draw(LOWER, 26, 10)).expect("it is of the alphabet")
    }

    /// Ten of letters and digits, a letter first: unlike an entity's also when both are lists of tens of millions.
    pub(crate) fn task(&mut self) -> TaskId {
        TaskId::new(&self.draw(MIXED, 52, 10)).expect("it is of the alphabet")
    }

    /// A number for an import; never 0.
    pub(crate) fn import(&mut self) -> u64 {
        self.0.random_range(1..=u64::MAX)
    }

    fn draw(&mut self, alphabet: &[u8], letters: usize, length: usize) -> String {
        let mut pick = |from: &[u8]| char::from(from[self.0.random_range(0..from.len())]);
        let first = pick(&alphabet[..letters]);
        let rest = (1..length).map(|_| pick(alphabet));
        std::iter::once(first).chain(rest).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_begin_with_a_letter_and_do_not_repeat() {
        let mut ids = Ids::new([1; 32]);
        let mut seen = HashSet::new();
        for _ in 0..10_000 {
            let (entity, task) = (ids.entity().to_string(), ids.task().to_string());
            for id in [entity, task] {
                assert_eq!(id.len(), 10);
                assert!(id.as_bytes()[0].is_ascii_alphabetic(), "{id}");
                assert!(seen.insert(id));
            }
        }
    }
}
