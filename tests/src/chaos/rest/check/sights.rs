//! What a process shows is the state after a prefix of the journal, never a shorter one than before, and never one without what it has
//! acknowledged itself.

use std::collections::HashMap;

use super::super::history::{Sight, Told, Write};
use super::super::ledger::{Ledger, Progress};
use super::super::mark::Mark;
use crate::chaos::check::{Finding, Rule};

/// Judges what readers saw, and when.
pub(crate) fn sights(ledger: &Ledger<'_>, writes: &[Write], sights: &[Sight]) -> Vec<Finding> {
    // What a process is known to have applied, and when that was known.
    let mut learned: Vec<(u64, &str, Mark)> = Vec::new();
    for write in writes {
        let acks = write.acks.iter();
        learned.extend(acks.filter_map(|ack| Some((ack.at, ack.by.as_deref()?, write.mark))));
    }
    for sight in sights {
        let seen = shown_in(ledger, sight).into_iter();
        learned.extend(seen.map(|mark| (sight.ended, sight.by.as_str(), mark)));
    }
    learned.sort();
    let mut learned = learned.into_iter().peekable();
    let mut in_order: Vec<_> = sights.iter().collect();
    in_order.sort_by_key(|sight| sight.began);
    let mut known: HashMap<&str, Progress> = HashMap::new();
    let mut findings = Vec::new();
    for sight in in_order {
        while let Some((_, by, mark)) = learned.next_if(|(at, ..)| *at < sight.began) {
            raise(known.entry(by).or_default(), mark);
        }
        let mut progress = known.get(sight.by.as_str()).cloned().unwrap_or_default();
        shown_in(ledger, sight)
            .into_iter()
            .for_each(|mark| raise(&mut progress, mark));
        let found = ledger.judge_all(&sight.apps, &progress, sight.ended);
        findings.extend(found.into_iter().map(|found| {
            let rule = if found.rule == Rule::Lost {
                Rule::Stale
            } else {
                found.rule
            };
            let how = format!("{} showed at {} us: {}", sight.by, sight.ended, found.how);
            Finding::new(rule, how)
        }));
    }
    findings
}

fn raise(progress: &mut Progress, mark: Mark) {
    let up_to = progress.entry(mark.client).or_default();
    *up_to = (*up_to).max(mark.number);
}

/// All acknowledged writes that an answer shows: what was acknowledged to the same client before must be in it, too.
fn shown_in(ledger: &Ledger<'_>, sight: &Sight) -> Vec<Mark> {
    let mut marks = Vec::new();
    for app in &sight.apps {
        if let Some((app, name)) = app.marks() {
            marks.push(app);
            marks.extend(name);
        }
        marks.extend(
            app.values
                .iter()
                .filter_map(|(_, text)| text.parse::<Mark>().ok()),
        );
    }
    marks.retain(|mark: &Mark| ledger.write(*mark).is_some_and(|write| write.told == Told::Done));
    marks
}

#[cfg(test)]
mod tests {
    use super::super::super::history::{Kind, Part, Shown};
    use super::super::forged::{app, done};
    use super::*;

    fn sight(by: &str, began: u64, apps: Vec<Shown>) -> Sight {
        Sight {
            by: by.into(),
            began,
            ended: began + 3,
            is_leader: false,
            apps,
        }
    }

    fn writes() -> Vec<Write> {
        vec![
            done(1, Kind::Deploy, 1),
            done(2, Kind::SetSensor(0), 1),
            done(3, Kind::SetSensor(1), 1),
            done(4, Kind::RemoveSensor(0), 1),
            done(5, Kind::Delete, 1),
        ]
    }

    fn rules(seen: &[Sight]) -> Vec<Rule> {
        let writes = writes();
        let found = sights(&Ledger::of(&writes), &writes, seen);
        found.into_iter().map(|found| found.rule).collect()
    }

    const BEFORE: &[(Part, u64)] = &[(Part::Sensor(0), 2)];
    const AFTER: &[(Part, u64)] = &[(Part::Sensor(0), 2), (Part::Sensor(1), 3)];

    #[test]
    fn a_state_that_goes_on_is_fine_and_another_process_may_be_behind() {
        let seen = [
            sight("b-1", 100, vec![app("c1n1", BEFORE)]),
            sight("b-1", 110, vec![app("c1n1", AFTER)]),
            sight("c-1", 120, vec![app("c1n1", &[])]),
            sight("b-1", 130, vec![app("c1n1", &[(Part::Sensor(1), 3)])]),
            sight("b-1", 140, vec![]),
            sight("b-2", 150, vec![app("c1n1", BEFORE)]),
        ];
        assert_eq!(rules(&seen), []);
    }

    #[test]
    fn a_step_back_is_found() {
        let seen = [
            sight("b-1", 100, vec![app("c1n1", AFTER)]),
            sight("b-1", 110, vec![app("c1n1", BEFORE)]),
        ];
        assert_eq!(rules(&seen), [Rule::Stale]);
        let gone = [sight("b-1", 12, vec![app("c1n1", &[])]), sight("b-1", 20, vec![])];
        assert_eq!(rules(&gone), [Rule::Stale], "it was not deleted by then");
    }

    #[test]
    fn a_mix_of_two_states_is_found() {
        let seen = [sight("b-1", 31, vec![app("c1n1", &[(Part::Sensor(1), 3)])])];
        assert_eq!(rules(&seen), [Rule::Stale]);
    }

    #[test]
    fn a_process_shows_what_it_has_acknowledged() {
        assert_eq!(
            rules(&[sight("a-1", 31, vec![app("c1n1", BEFORE)])]),
            [Rule::Stale]
        );
        assert_eq!(rules(&[sight("a-1", 29, vec![app("c1n1", BEFORE)])]), []);
        assert_eq!(rules(&[sight("a-2", 31, vec![app("c1n1", BEFORE)])]), []);
    }
}
