//! A run in which nothing happened proves nothing.

use std::time::Duration;

use super::{Finding, Rule};
use crate::chaos::fault::Fault;
use crate::chaos::tally::Tally;

/// What was to happen, and has not: each kind of fault, and what clients and nodes do all the time.
pub(crate) fn nothing_happened(kinds: &[Fault], tally: &Tally) -> Vec<Finding> {
    let missing = kinds.iter().filter(|kind| !tally.faults.contains_key(kind));
    let mut missing: Vec<_> = missing.map(|kind| format!("no {kind}")).collect();
    let figures = [
        ("faults", tally.faults()),
        ("takeovers", tally.takeovers),
        ("acknowledged writes", tally.acknowledged),
        ("reads", tally.reads),
        ("acts", tally.acts),
        (
            "acts in a second epoch",
            tally.epochs_that_acted.saturating_sub(1),
        ),
    ];
    let absent = figures.iter().filter(|(_, count)| *count == 0);
    missing.extend(absent.map(|(what, _)| format!("no {what}")));
    let finding = |how| Finding::new(Rule::NothingHappened, how);
    missing.into_iter().map(finding).collect()
}

/// A campaign of some length is at least so long.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// What was to happen in a campaign of some length, all planes together, and has not.
pub(crate) fn missed(tally: &Tally, churn: bool) -> Vec<Finding> {
    let figures = if churn {
        vec![("process that lived long enough", tally.quarters.len() as u64)]
    } else {
        vec![
            ("states from a snapshot", tally.restored),
            ("sleep past a collection", tally.slept_past_collection),
        ]
    };
    let absent = figures.iter().filter(|(_, count)| *count == 0);
    let finding = |what: &str| Finding::new(Rule::NothingHappened, format!("no {what}"));
    absent.map(|(what, _)| finding(what)).collect()
}

/// A campaign of takeovers that ended before it had them.
pub(crate) fn too_few(wanted: u64, tally: &Tally) -> Option<Finding> {
    let had = tally.took_over.len() as u64;
    let how = format!("{had} takeovers of {wanted} in the time");
    (had < wanted).then(|| Finding::new(Rule::NothingHappened, how))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::tally::TookOver;

    fn full() -> Tally {
        Tally {
            faults: [(Fault::Kill, 3)].into(),
            takeovers: 2,
            took_over: vec![
                TookOver {
                    time: Duration::from_secs(1),
                    was_another_awake: true,
                };
                2
            ],
            acknowledged: 100,
            reads: 50,
            acts: 70,
            epochs_that_acted: 2,
            restored: 1,
            slept_past_collection: 1,
            ..Tally::default()
        }
    }

    #[test]
    fn whatever_is_missing_is_told() {
        assert_eq!(nothing_happened(&[Fault::Kill], &full()), []);
        assert_eq!(nothing_happened(&[Fault::Kill, Fault::Pause], &full()).len(), 1);
        let lacking: [fn(&mut Tally); 6] = [
            |tally| tally.faults.clear(),
            |tally| tally.takeovers = 0,
            |tally| tally.acknowledged = 0,
            |tally| tally.reads = 0,
            |tally| tally.acts = 0,
            |tally| tally.epochs_that_acted = 1,
        ];
        for lack in lacking {
            let mut tally = full();
            lack(&mut tally);
            assert_eq!(nothing_happened(&[], &tally).len(), 1, "{tally:?}");
        }
    }

    #[test]
    fn what_a_long_campaign_misses_is_told() {
        assert_eq!(missed(&full(), false), []);
        assert_eq!(missed(&Tally::default(), false).len(), 2);
        assert_eq!(missed(&full(), true).len(), 1);
    }

    #[test]
    fn an_early_end_is_told() {
        assert_eq!(too_few(2, &full()), None);
        assert!(too_few(3, &full()).is_some());
    }
}
