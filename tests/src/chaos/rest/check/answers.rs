//! A retry with the same key gets the first answer; and nothing is refused that had to be taken.

use super::super::history::{Told, Write};
use crate::chaos::check::{Finding, Rule};

/// Judges what clients were told of each write.
pub(crate) fn answers(writes: &[Write]) -> Vec<Finding> {
    writes.iter().flat_map(of_one).collect()
}

fn of_one(write: &Write) -> Vec<Finding> {
    let what = format!("{} of {}", write.kind.name(), write.mark);
    let mut findings = Vec::new();
    let mut found = |rule, how: String| findings.push(Finding::new(rule, format!("{what} {how}")));
    let tasks: Vec<_> = write.acks.iter().filter_map(|ack| ack.task.as_ref()).collect();
    let entities: Vec<_> = write.acks.iter().filter_map(|ack| ack.entity.as_ref()).collect();
    let adjuncts: Vec<_> = write.acks.iter().filter_map(|ack| ack.adjunct.as_ref()).collect();
    for ids in [tasks, entities, adjuncts] {
        if let Some(other) = ids.iter().find(|id| **id != ids[0]) {
            found(
                Rule::Reanswered,
                format!("was answered with {}, and later with {other}", ids[0]),
            );
        }
    }
    if let Some(status) = write.taken_back.first() {
        found(
            Rule::Reanswered,
            format!("was acknowledged, and later answered {status}"),
        );
    }
    match write.told {
        Told::Done if write.kind.is_wrong() => {
            found(Rule::NeverApplied, "was acknowledged, and must be refused".into());
        }
        Told::Refused(status) if !write.kind.is_wrong() && !matches!(status, 403 | 503) => {
            found(
                Rule::Stale,
                format!("was answered {status}, and there was no cause"),
            );
        }
        _ => {}
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::super::history::Kind;
    use super::super::forged::{done, told};
    use super::*;

    fn rules(write: Write) -> Vec<Rule> {
        answers(&[write]).into_iter().map(|found| found.rule).collect()
    }

    #[test]
    fn the_same_answer_twice_is_fine() {
        let mut write = done(1, Kind::Deploy, 1);
        write.acks.push(write.acks[0].clone());
        write.acks.push(super::super::super::history::Ack::default());
        assert_eq!(rules(write), []);
    }

    #[test]
    fn another_answer_is_found() {
        for other in ["task", "entity", "adjunct"] {
            let mut write = done(1, Kind::Deploy, 1);
            let mut second = write.acks[0].clone();
            let id = match other {
                "task" => &mut second.task,
                "entity" => &mut second.entity,
                _ => &mut second.adjunct,
            };
            *id = Some("other".into());
            write.acks.push(second);
            assert_eq!(rules(write), [Rule::Reanswered], "{other}");
        }
        let mut write = done(1, Kind::SetSensor(0), 1);
        write.taken_back.push(404);
        assert_eq!(rules(write), [Rule::Reanswered]);
    }

    #[test]
    fn what_must_be_refused_is_and_nothing_else() {
        assert_eq!(rules(told(2, Kind::PutTaken, 2, Told::Refused(409))), []);
        assert_eq!(rules(told(2, Kind::DeployOnce, 2, Told::Refused(503))), []);
        assert_eq!(rules(done(2, Kind::InvokeBadly, 1)), [Rule::NeverApplied]);
        assert_eq!(
            rules(told(2, Kind::SetSensor(0), 1, Told::Refused(404))),
            [Rule::Stale]
        );
    }
}
