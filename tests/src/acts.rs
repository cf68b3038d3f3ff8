//! What was done to the world, as the world saw it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What was done, by epoch.
#[derive(Debug)]
pub struct Acts(BTreeMap<u64, Span>);

/// What was done in one epoch.
#[derive(Debug)]
struct Span {
    by: BTreeSet<String>,
    /// Times of the first and the last stroke, in microseconds.
    from: u64,
    to: u64,
}

impl Acts {
    /// Reads the file in which counters leave their strokes.
    ///
    /// # Panics
    /// If it is not in order.
    #[must_use]
    pub fn of(file: &Path) -> Self {
        let mut epochs = BTreeMap::new();
        let text = std::fs::read_to_string(file).unwrap_or_default();
        // The last line may be half written while this reads.
        for line in text
            .split_inclusive('\n')
            .filter_map(|line| line.strip_suffix('\n'))
        {
            let words: Vec<_> = line.split(' ').collect();
            let [epoch, node, _, time] = words[..] else {
                panic!("no stroke: {line}")
            };
            let (epoch, time) = (epoch.parse(), time.parse());
            let (epoch, time) = epoch
                .and_then(|epoch| Ok((epoch, time?)))
                .expect("epochs and times are numbers");
            let span = epochs.entry(epoch).or_insert_with(|| Span {
                by: BTreeSet::new(),
                from: time,
                to: time,
            });
            span.by.insert(node.to_owned());
            (span.from, span.to) = (span.from.min(time), span.to.max(time));
        }
        Self(epochs)
    }

    /// In how many epochs something was done.
    #[must_use]
    pub fn epochs(&self) -> usize {
        self.0.len()
    }

    /// The last epoch in which something was done.
    #[must_use]
    pub fn last_epoch(&self) -> u64 {
        self.0.keys().next_back().copied().unwrap_or_default()
    }

    /// Checks that in each epoch one node acted, and that nothing was done under an epoch after something was under a higher one: so no two
    /// nodes ever acted at once.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn assert_never_two_at_once(&self) {
        let mut until = 0;
        for (epoch, span) in &self.0 {
            assert_eq!(span.by.len(), 1, "in epoch {epoch} acted {:?}", span.by);
            assert!(
                until < span.from,
                "acts went on until {until}, and those of epoch {epoch} began at {}",
                span.from
            );
            until = span.to;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acts(strokes: &str) -> Acts {
        let dir = tempfile::tempdir().expect("there is a temporary directory");
        let file = dir.path().join("acts");
        std::fs::write(&file, strokes).expect("it is writable");
        Acts::of(&file)
    }

    #[test]
    fn acts_one_after_the_other_are_fine() {
        let acts = acts("1 a x 10\n1 a y 11\n1 a x 20\n2 b z 21\n2 b z 30\n4 a w 31\n4 a");
        acts.assert_never_two_at_once();
        assert_eq!((acts.epochs(), acts.last_epoch()), (3, 4));
    }

    #[test]
    #[should_panic(expected = "went on until 20")]
    fn two_at_once_are_seen() {
        acts("1 a x 10\n1 a x 20\n1 a y 12\n2 b z 15\n2 b z 30\n").assert_never_two_at_once();
    }

    #[test]
    #[should_panic(expected = "went on until 40")]
    fn an_older_epoch_after_a_newer_one_is_seen() {
        acts("2 b z 21\n1 a x 40\n").assert_never_two_at_once();
    }
}
