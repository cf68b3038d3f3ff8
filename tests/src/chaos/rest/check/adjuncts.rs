//! Each adjunct that is there in the end is there once on its node, under the id that its client was told. That none is missing, or there though it
//! was removed, is `kept`'s to see.

use std::collections::BTreeSet;

use super::super::history::Node;
use super::super::ledger::Ledger;
use crate::chaos::check::{Finding, Rule};

/// Judges the adjuncts that each node shows in the end.
pub(crate) fn adjuncts(ledger: &Ledger<'_>, nodes: &[Node]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for node in nodes {
        let mut seen = BTreeSet::new();
        for adjunct in node.apps.iter().flat_map(|app| &app.adjuncts) {
            let what = format!("in the end on {}: adjunct {}", node.name, adjunct.mark);
            if !seen.insert(&adjunct.mark) {
                findings.push(Finding::new(Rule::Duplicated, format!("{what} is there twice")));
            }
            let write = adjunct.mark.parse().ok().and_then(|mark| ledger.write(mark));
            let mut told = write.into_iter().flat_map(|write| &write.acks);
            let told = told.find_map(|ack| ack.adjunct.as_ref());
            if let Some(told) = told.filter(|told| **told != adjunct.id) {
                let how = format!("{what} is {}, and its client was told {told}", adjunct.id);
                findings.push(Finding::new(Rule::Lost, how));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::super::history::{Kind, Part, Told, Write};
    use super::super::forged::{app, done, node, told, with};
    use super::super::kept;
    use super::*;

    const POLICY: Kind = Kind::Attach { is_feed: false };

    /// What is there, by the numbers of what attached it.
    fn rules(writes: &[Write], there: &[u64]) -> Vec<Rule> {
        let values: Vec<_> = there.iter().map(|n| (Part::Adjunct(*n), *n)).collect();
        let shown: Vec<_> = there.iter().map(|n| (*n, false)).collect();
        let ledger = Ledger::of(writes);
        let nodes = [node("a", &[with(app("c1n1", &values), &shown)])];
        let found = kept(&ledger, &nodes).into_iter().chain(adjuncts(&ledger, &nodes));
        found.map(|found| found.rule).collect()
    }

    #[test]
    fn what_was_attached_is_there_once_and_what_was_removed_is_gone() {
        let writes = [
            done(1, Kind::Deploy, 1),
            done(2, POLICY, 1),
            done(3, Kind::Attach { is_feed: true }, 1),
            done(4, Kind::Detach(3), 1),
            told(5, POLICY, 1, Told::Unknown),
            told(6, POLICY, 1, Told::Refused(503)),
        ];
        assert_eq!(rules(&writes, &[2]), []);
        assert_eq!(rules(&writes, &[2, 5]), []);
        assert_eq!(rules(&writes, &[]), [Rule::Lost]);
        assert_eq!(rules(&writes, &[2, 3]), [Rule::Lost]);
        assert_eq!(rules(&writes, &[2, 2]), [Rule::Duplicated]);
        assert_eq!(rules(&writes, &[2, 6]), [Rule::NeverApplied]);
        assert_eq!(rules(&writes, &[2, 9]), [Rule::NeverApplied]);
    }

    #[test]
    fn what_is_there_under_another_id_is_found() {
        let writes = [done(1, Kind::Deploy, 1), done(2, POLICY, 1)];
        let mut shown = with(app("c1n1", &[]), &[(2, false)]);
        shown.adjuncts[0].id = "other".into();
        let found = adjuncts(&Ledger::of(&writes), &[node("a", &[shown])]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].rule, Rule::Lost);
    }
}
