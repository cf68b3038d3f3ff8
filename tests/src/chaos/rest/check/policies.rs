//! What policies did: each strikes at most as often as its sensor was set high, and in the end each has seen what its sensor is, and has struck if
//! that is high.

use super::super::history::{Kind, Node, Write};
use super::strokes::by_mark;
use crate::chaos::check::{Finding, Rule};

/// Judges what they did beside what clients set and what nodes show in the end.
pub(crate) fn policies(writes: &[Write], nodes: &[Node], text: &str) -> Vec<Finding> {
    let strokes = by_mark(text);
    let struck = |mark: &str| strokes.get(mark).copied().unwrap_or_default();
    let mut findings = Vec::new();
    for policy in writes.iter().filter(|write| write.kind == POLICY) {
        let raised = writes.iter().filter(|write| {
            write.app == policy.app && write.kind == Kind::SetLevel { is_high: true } && write.may_be()
        });
        let (count, most) = (struck(&policy.mark.to_string()), raised.count() as u64);
        if count > most {
            let how = format!(
                "policy {} struck {count} times, and its sensor was set high {most} times",
                policy.mark
            );
            findings.push(Finding::new(Rule::ActedTwice, how));
        }
    }
    for node in nodes {
        let mut found = |rule, how: String| {
            let how = format!("in the end on {}: {how}", node.name);
            findings.push(Finding::new(rule, how));
        };
        for app in &node.apps {
            if !app.policies_are_up_to_date() {
                let how = format!(
                    "policies of {} have not seen that its level is {:?}: {:?}",
                    app.name, app.level, app.adjuncts
                );
                found(Rule::Unattended, how);
            }
            // What was interrupted may not have struck.
            let may_not_have = app.state == "ON_FIRE";
            for policy in app.adjuncts.iter().filter(|adjunct| adjunct.has_crossed) {
                if struck(&policy.mark) == 0 && !may_not_have {
                    let how = format!("policy {} saw its sensor high, and has not struck", policy.mark);
                    found(Rule::NotActed, how);
                }
            }
        }
    }
    findings
}

const POLICY: Kind = Kind::Attach { is_feed: false };

#[cfg(test)]
mod tests {
    use super::super::super::history::{Shown, Told};
    use super::super::forged::{app, done, node, told, with};
    use super::*;

    const HIGH: Kind = Kind::SetLevel { is_high: true };
    const LOW: Kind = Kind::SetLevel { is_high: false };

    fn shown(level: i64, has_crossed: bool, state: &str) -> Shown {
        let mut shown = with(app("c1n1", &[]), &[(2, false)]);
        shown.adjuncts[0].has_crossed = has_crossed;
        shown.level = Some(level);
        shown.state = state.into();
        shown
    }

    fn rules(shown: Shown, text: &str) -> Vec<Rule> {
        let writes = [
            done(1, Kind::Deploy, 1),
            done(2, POLICY, 1),
            done(3, HIGH, 1),
            done(4, LOW, 1),
            told(5, HIGH, 1, Told::Unknown),
            told(6, HIGH, 1, Told::Refused(503)),
            done(7, HIGH, 7),
        ];
        let found = policies(&writes, &[node("a", &[shown])], text);
        found.into_iter().map(|found| found.rule).collect()
    }

    const ONCE: &str = "1 a 7.c1n2 10\n";

    #[test]
    fn a_policy_strikes_once_each_time_that_its_sensor_was_set_high() {
        let twice = format!("{ONCE}2 b 8.c1n2 20\n");
        assert_eq!(rules(shown(-1, false, "RUNNING"), ""), []);
        assert_eq!(rules(shown(1, true, "RUNNING"), ONCE), []);
        assert_eq!(rules(shown(1, true, "RUNNING"), &twice), []);
        let thrice = format!("{twice}2 b 8.c1n2 21\n");
        assert_eq!(rules(shown(1, true, "RUNNING"), &thrice), [Rule::ActedTwice]);
    }

    #[test]
    fn a_policy_that_sleeps_is_found() {
        assert_eq!(rules(shown(1, false, "RUNNING"), ONCE), [Rule::Unattended]);
        assert_eq!(rules(shown(-1, true, "RUNNING"), ONCE), [Rule::Unattended]);
    }

    #[test]
    fn a_policy_that_says_that_it_has_struck_has_or_was_interrupted() {
        assert_eq!(rules(shown(1, true, "RUNNING"), ""), [Rule::NotActed]);
        assert_eq!(rules(shown(1, true, "ON_FIRE"), ""), []);
    }
}
