//! A run in which nothing happened proves nothing.

use std::collections::BTreeMap;

use crate::chaos::check::{Finding, Rule};
use crate::chaos::fault::Fault;
use crate::chaos::tally::Tally;

/// What clients, readers and calls do in each run, by what it is counted under.
const ALWAYS: [&str; 21] = [
    "deployed",
    "put",
    "put_taken",
    "deleted",
    "sensors_set",
    "sensors_removed",
    "config_set",
    "renamed",
    "called",
    "called_idempotent",
    "called_badly",
    "policies_attached",
    "feeds_attached",
    "adjuncts_removed",
    "levels_set",
    "policies_acted",
    "feeds_looked",
    "enrichers_made",
    "asked_again",
    "sights_of_leaders",
    "sights_of_standbys",
];

/// What needs some luck, and so some time.
const SOMETIMES: [&str; 4] = ["retried", "deployed_at_once", "interrupted", "begun_again"];

/// What was to happen in one plane, and has not.
pub(crate) fn nothing_happened(kinds: &[Fault], tally: &Tally) -> Vec<Finding> {
    let missing = kinds.iter().filter(|kind| !tally.faults.contains_key(kind));
    let mut missing: Vec<_> = missing.map(|kind| kind.name()).collect();
    let figures = [
        ("takeovers", tally.takeovers),
        ("acts", tally.acts),
        (
            "acts in a second epoch",
            tally.epochs_that_acted.saturating_sub(1),
        ),
    ];
    missing.extend(
        figures
            .iter()
            .filter(|(_, count)| *count == 0)
            .map(|(what, _)| *what),
    );
    missing.extend(absent(&ALWAYS, &tally.rest));
    missing.into_iter().map(finding).collect()
}

/// What was to happen in a campaign of some length, all planes together, and has not.
pub(crate) fn missed(tally: &Tally) -> Vec<Finding> {
    let slept = (tally.slept_past_collection == 0).then_some("sleep past a collection");
    absent(&SOMETIMES, &tally.rest)
        .chain(slept)
        .map(finding)
        .collect()
}

fn absent<'a>(
    names: &'a [&'static str],
    counts: &'a BTreeMap<&'static str, u64>,
) -> impl Iterator<Item = &'static str> + 'a {
    names
        .iter()
        .copied()
        .filter(|name| counts.get(name).copied().unwrap_or_default() == 0)
}

fn finding(what: &str) -> Finding {
    Finding::new(Rule::NothingHappened, format!("no {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Tally {
        Tally {
            faults: [(Fault::Kill, 3)].into(),
            takeovers: 2,
            acts: 70,
            epochs_that_acted: 2,
            slept_past_collection: 1,
            rest: ALWAYS.iter().chain(&SOMETIMES).map(|name| (*name, 1)).collect(),
            ..Tally::default()
        }
    }

    #[test]
    fn whatever_is_missing_is_told() {
        assert_eq!(nothing_happened(&[Fault::Kill], &full()), []);
        assert_eq!(nothing_happened(&[Fault::Kill, Fault::Pause], &full()).len(), 1);
        let lacking: [fn(&mut Tally); 3] = [
            |tally| tally.takeovers = 0,
            |tally| tally.acts = 0,
            |tally| tally.epochs_that_acted = 1,
        ];
        for lack in lacking {
            let mut tally = full();
            lack(&mut tally);
            assert_eq!(nothing_happened(&[], &tally).len(), 1, "{tally:?}");
        }
        for name in ALWAYS {
            let mut tally = full();
            tally.rest.remove(name);
            assert_eq!(nothing_happened(&[], &tally), [finding(name)]);
        }
    }

    #[test]
    fn what_a_long_campaign_misses_is_told() {
        assert_eq!(missed(&full()), []);
        for name in SOMETIMES {
            let mut tally = full();
            tally.rest.insert(name, 0);
            assert_eq!(missed(&tally), [finding(name)]);
        }
        let awake = Tally {
            slept_past_collection: 0,
            ..full()
        };
        assert_eq!(missed(&awake).len(), 1);
    }
}
