//! What enrichers made of sensors: in the end what each sensor is, on every node; and at all times what it was at some time, never more.

use super::super::history::{Kind, Node, Shown, Sight};
use super::super::ledger::Ledger;
use super::super::mark::Mark;
use crate::chaos::check::{Finding, Rule};

/// Judges it on what readers saw, and on what nodes show in the end.
pub(crate) fn enrichers(ledger: &Ledger<'_>, sights: &[Sight], nodes: &[Node]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for sight in sights {
        let wrong = sight.apps.iter().filter_map(|app| invented(ledger, app));
        findings
            .extend(wrong.map(|found| found.after(&format!("{} showed at {} us", sight.by, sight.ended))));
    }
    for node in nodes {
        let why = format!("in the end on {}", node.name);
        for app in &node.apps {
            let (made, of) = (app.copy.as_deref(), app.copied());
            if made != of {
                let how = format!("the enricher of {} made {made:?} of {of:?}", app.name);
                findings.push(Finding::new(Rule::Unattended, how).after(&why));
            }
        }
    }
    findings
}

/// What was made of a value that nobody has set, or that is newer than what is shown.
fn invented(ledger: &Ledger<'_>, app: &Shown) -> Option<Finding> {
    let made = app.copy.as_deref()?;
    let found = |how: &str| {
        let how = format!("the enricher of {} made {made} {how}", app.name);
        Some(Finding::new(Rule::NeverApplied, how))
    };
    let (of, _) = app.marks()?;
    let write = made.parse::<Mark>().ok().and_then(|mark| ledger.write(mark));
    let write = write.filter(|write| write.app == of && write.kind == Kind::SetSensor(0) && write.may_be());
    let Some(write) = write else {
        return found("of a value that nobody has set");
    };
    match app.copied().map(str::parse::<Mark>) {
        Some(Ok(shown)) if shown < write.mark => found(&format!("before its sensor was that: it is {shown}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::history::{Part, Told};
    use super::super::forged::{app, done, mark, node, told};
    use super::*;

    fn shown(of: Option<u64>, made: Option<u64>) -> Shown {
        let values = of.map(|number| (Part::Sensor(0), number));
        Shown {
            copy: made.map(|number| mark(number).to_string()),
            ..app("c1n1", values.as_slice())
        }
    }

    /// Of what is shown meanwhile, and in the end.
    fn rules(shown: &Shown) -> (Vec<Rule>, Vec<Rule>) {
        let writes = [
            done(1, Kind::Deploy, 1),
            done(2, Kind::SetSensor(0), 1),
            done(3, Kind::SetSensor(0), 1),
            told(4, Kind::SetSensor(0), 1, Told::Refused(503)),
            done(5, Kind::SetSensor(1), 1),
            done(6, Kind::SetSensor(0), 7),
        ];
        let ledger = Ledger::of(&writes);
        let sight = Sight {
            by: "a-1".into(),
            began: 100,
            ended: 103,
            is_leader: true,
            apps: vec![shown.clone()],
        };
        let rules = |found: Vec<Finding>| found.into_iter().map(|found| found.rule).collect();
        (
            rules(enrichers(&ledger, &[sight], &[])),
            rules(enrichers(&ledger, &[], &[node("a", std::slice::from_ref(shown))])),
        )
    }

    #[test]
    fn an_enricher_may_be_late_and_has_caught_up_in_the_end() {
        for right in [shown(None, None), shown(Some(3), Some(3))] {
            assert_eq!(rules(&right), (vec![], vec![]));
        }
        for late in [
            shown(Some(3), Some(2)),
            shown(Some(3), None),
            shown(None, Some(3)),
        ] {
            assert_eq!(rules(&late), (vec![], vec![Rule::Unattended]), "{late:?}");
        }
    }

    #[test]
    fn what_an_enricher_makes_was_there_at_some_time() {
        for invented in [4, 5, 6, 9] {
            let (meanwhile, _) = rules(&shown(Some(3), Some(invented)));
            assert_eq!(meanwhile, [Rule::NeverApplied], "{invented}");
        }
        let (early, _) = rules(&shown(Some(2), Some(3)));
        assert_eq!(early, [Rule::NeverApplied]);
    }
}
