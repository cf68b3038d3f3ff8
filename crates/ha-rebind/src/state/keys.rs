//! The keys that clients sent with their writes, and the first answers to them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::slot::Remembered;

/// How long a key is remembered, in the plane's time.
pub const KEY_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// How many keys are remembered at most; the oldest go first.
pub const MOST_KEYS: usize = 100_000;

#[derive(Clone, Debug, Default)]
pub(crate) struct Keys {
    by_key: BTreeMap<Box<str>, Remembered>,
    by_age: BTreeSet<(u64, Box<str>)>,
}

impl Keys {
    pub(crate) fn get(&self, key: &str) -> Option<&Remembered> {
        self.by_key.get(key)
    }

    /// Remembers a key, and forgets those that are too old by then, or too many.
    pub(crate) fn put(&mut self, key: Box<str>, remembered: Remembered) {
        let at_ms = remembered.at_ms;
        self.by_age.insert((at_ms, key.clone()));
        if let Some(before) = self
            .by_key
            .insert(key.clone(), remembered)
            .filter(|b| b.at_ms != at_ms)
        {
            self.by_age.remove(&(before.at_ms, key));
        }
        while self.by_age.first().is_some_and(|(at, _)| has_expired(*at, at_ms))
            || self.by_age.len() > MOST_KEYS
        {
            let Some((_, oldest)) = self.by_age.pop_first() else {
                break;
            };
            self.by_key.remove(&oldest);
        }
    }

    /// As they are where it is another time: as old as they were.
    pub(crate) fn moved(self, from_ms: u64, to_ms: u64) -> Self {
        let mut moved = Self::default();
        for (_, key) in self.by_age {
            if let Some(remembered) = self.by_key.get(&key) {
                let age_ms = from_ms.saturating_sub(remembered.at_ms);
                let at_ms = to_ms.saturating_sub(age_ms);
                moved.put(
                    key,
                    Remembered {
                        at_ms,
                        ..remembered.clone()
                    },
                );
            }
        }
        moved
    }

    /// All of them, by key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Remembered)> {
        self.by_key.iter().map(|(key, remembered)| (&**key, remembered))
    }
}

/// Whether a key that was remembered at one time is forgotten at another.
pub(crate) fn has_expired(at_ms: u64, now_ms: u64) -> bool {
    u128::from(now_ms.saturating_sub(at_ms)) > KEY_LIFE.as_millis()
}
