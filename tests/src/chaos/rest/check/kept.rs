//! In the end each node shows all that was acknowledged, once, and nothing that was refused or that nobody sent; and all show the same.

use super::super::history::Node;
use super::super::ledger::Ledger;
use crate::chaos::check::{Finding, Rule};

/// Judges what each node shows in the end.
pub(crate) fn kept(ledger: &Ledger<'_>, nodes: &[Node]) -> Vec<Finding> {
    let everything = ledger.everything();
    let mut findings = Vec::new();
    for node in nodes {
        let found = ledger.judge_all(&node.apps, &everything, u64::MAX);
        let why = format!("in the end on {}", node.name);
        findings.extend(found.into_iter().map(|found| found.after(&why)));
    }
    for two in nodes.windows(2) {
        if two[0].apps != two[1].apps {
            let how = format!(
                "in the end {} and {} show different applications",
                two[0].name, two[1].name
            );
            findings.push(Finding::new(Rule::Diverged, how));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::super::history::{Kind, Part, Shown, Told, Write};
    use super::super::forged::{app, done, mark, node, told};
    use super::*;

    const SENSOR: Part = Part::Sensor(0);

    fn rules(writes: &[Write], apps: &[Shown]) -> Vec<Rule> {
        let ledger = Ledger::of(writes);
        let found = kept(&ledger, &[node("a", apps)]);
        found.into_iter().map(|found| found.rule).collect()
    }

    #[test]
    fn what_was_acknowledged_last_is_there() {
        let writes = [
            done(1, Kind::Deploy, 1),
            done(2, Kind::SetSensor(0), 1),
            done(3, Kind::SetSensor(0), 1),
            done(4, Kind::SetConfig(1), 1),
            done(5, Kind::Rename, 1),
        ];
        let values = [(SENSOR, 3), (Part::Config(1), 4)];
        assert_eq!(rules(&writes, &[app("c1n1-c1n5", &values)]), []);
        let old = [(SENSOR, 2), (Part::Config(1), 4)];
        assert_eq!(rules(&writes, &[app("c1n1-c1n5", &old)]), [Rule::Lost]);
        assert_eq!(rules(&writes, &[app("c1n1-c1n5", &[(SENSOR, 3)])]), [Rule::Lost]);
        assert_eq!(rules(&writes, &[app("c1n1", &values)]), [Rule::Lost]);
        assert_eq!(rules(&writes, &[]), [Rule::Lost]);
    }

    #[test]
    fn what_was_taken_away_stays_away() {
        let writes = [
            done(1, Kind::Deploy, 1),
            done(2, Kind::SetSensor(0), 1),
            done(3, Kind::RemoveSensor(0), 1),
        ];
        assert_eq!(rules(&writes, &[app("c1n1", &[])]), []);
        assert_eq!(rules(&writes, &[app("c1n1", &[(SENSOR, 2)])]), [Rule::Lost]);
        let writes = [done(1, Kind::Deploy, 1), done(2, Kind::Delete, 1)];
        assert_eq!(rules(&writes, &[]), []);
        assert_eq!(rules(&writes, &[app("c1n1", &[])]), [Rule::Lost]);
    }

    #[test]
    fn what_is_unknown_may_be_there_or_not() {
        let writes = [
            done(1, Kind::Deploy, 1),
            done(2, Kind::SetSensor(0), 1),
            told(3, Kind::SetSensor(0), 1, Told::Unknown),
            told(4, Kind::DeployOnce, 4, Told::Unknown),
        ];
        assert_eq!(rules(&writes, &[app("c1n1", &[(SENSOR, 2)])]), []);
        assert_eq!(
            rules(&writes, &[app("c1n1", &[(SENSOR, 3)]), app("c1n4", &[])]),
            []
        );
    }

    #[test]
    fn what_was_refused_or_never_sent_is_nowhere() {
        let writes = [
            done(1, Kind::Deploy, 1),
            told(2, Kind::PutTaken, 2, Told::Refused(409)),
            told(3, Kind::DeployOnce, 3, Told::Refused(503)),
            told(4, Kind::SetSensor(0), 1, Told::Refused(403)),
        ];
        assert_eq!(rules(&writes, &[app("c1n1", &[])]), []);
        for more in ["c1n2", "c1n3"] {
            assert_eq!(
                rules(&writes, &[app("c1n1", &[]), app(more, &[])]),
                [Rule::NeverApplied]
            );
        }
        assert_eq!(
            rules(&writes, &[app("c1n1", &[(SENSOR, 4)])]),
            [Rule::NeverApplied]
        );
        assert_eq!(
            rules(&writes, &[app("c1n1", &[(Part::Sensor(2), 9)])]),
            [Rule::NeverApplied]
        );
        assert_eq!(
            rules(&writes, &[app("c1n1", &[]), app("c1n9", &[])]),
            [Rule::NeverApplied]
        );
        assert_eq!(
            rules(&writes, &[app("c1n1", &[]), app("shop", &[])]),
            [Rule::NeverApplied]
        );
    }

    #[test]
    fn what_is_there_twice_or_in_part_or_under_another_id_is_found() {
        let writes = [done(1, Kind::Deploy, 1)];
        assert_eq!(
            rules(&writes, &[app("c1n1", &[]), app("c1n1", &[])]),
            [Rule::Duplicated]
        );
        let mut part = app("c1n1", &[]);
        part.children.clear();
        assert_eq!(rules(&writes, &[part]), [Rule::Diverged]);
        let mut other = app("c1n1", &[]);
        other.id = "j".into();
        assert_eq!(rules(&writes, &[other]), [Rule::Lost]);
    }

    #[test]
    fn nodes_that_differ_are_found() {
        let writes = [told(mark(1).number, Kind::DeployOnce, 1, Told::Unknown)];
        let ledger = Ledger::of(&writes);
        let nodes = [node("a", &[app("c1n1", &[])]), node("b", &[])];
        let found = kept(&ledger, &nodes);
        assert_eq!(
            found.iter().map(|found| found.rule).collect::<Vec<_>>(),
            [Rule::Diverged]
        );
    }
}
