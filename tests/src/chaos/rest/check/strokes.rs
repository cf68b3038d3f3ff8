//! What was done to the world. Of calls: one that must not be made twice was made once at most, each that is shown as completed was made, and none
//! that nobody asked for or that was refused.

use std::collections::BTreeMap;

use super::super::history::{Kind, Node, Told, Write};
use super::super::ledger::Ledger;
use super::super::mark::Mark;
use super::tasks::shown;
use crate::chaos::check::{Finding, Rule};

/// One act of a call, or of a policy or feed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Stroke<'a> {
    pub(crate) epoch: u64,
    pub(crate) mark: &'a str,
    /// When its leave was looked at, by CLOCK_BOOTTIME.
    pub(crate) nanos: u64,
}

/// Each of them, from lines of epoch, node, process and mark, and nanoseconds. The last line may be half written.
pub(crate) fn each(text: &str) -> impl Iterator<Item = Stroke<'_>> {
    let whole = text
        .split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'));
    whole.filter_map(|line| {
        let mut words = line.split(' ');
        let (epoch, _, act, nanos) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let (_, mark) = act.split_once('.')?;
        Some(Stroke {
            epoch: epoch.parse().ok()?,
            mark,
            nanos: nanos.parse().ok()?,
        })
    })
}

/// How often each acted.
pub(crate) fn by_mark(text: &str) -> BTreeMap<&str, u64> {
    let mut strokes = BTreeMap::new();
    for stroke in each(text) {
        *strokes.entry(stroke.mark).or_default() += 1;
    }
    strokes
}

/// Judges them beside what was asked for and what nodes show in the end.
pub(crate) fn strokes(ledger: &Ledger<'_>, writes: &[Write], nodes: &[Node], text: &str) -> Vec<Finding> {
    let strokes = by_mark(text);
    let mut findings = Vec::new();
    for (mark, count) in &strokes {
        let asked = mark.parse::<Mark>().ok().and_then(|mark| ledger.write(mark));
        let found = match asked.map(|write| (write.kind, write.told)) {
            Some((Kind::Invoke { .. } | Kind::Attach { .. }, Told::Refused(status))) => {
                Some((Rule::NeverApplied, format!("was answered {status}, and acted")))
            }
            Some((Kind::Invoke { is_idempotent: false }, _)) if *count > 1 => {
                Some((Rule::ActedTwice, format!("acted {count} times")))
            }
            Some((Kind::Invoke { .. } | Kind::Attach { .. }, _)) => None,
            _ => Some((Rule::NeverApplied, "acted, and nobody has asked for that".into())),
        };
        findings.extend(found.map(|(rule, how)| Finding::new(rule, format!("{mark} {how}"))));
    }
    for write in writes
        .iter()
        .filter(|write| matches!(write.kind, Kind::Invoke { .. }))
    {
        let mark = write.mark.to_string();
        if shown(write, nodes).is_some_and(|task| task.is_completed()) && !strokes.contains_key(mark.as_str())
        {
            let how = format!("call {mark} is completed, and has not acted");
            findings.push(Finding::new(Rule::NotActed, how));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::forged::{done, node, task, told};
    use super::*;

    fn rules(text: &str) -> Vec<Rule> {
        let writes = [
            done(1, Kind::Deploy, 1),
            done(2, Kind::Invoke { is_idempotent: false }, 1),
            done(3, Kind::Invoke { is_idempotent: true }, 1),
            told(4, Kind::InvokeBadly, 1, Told::Refused(400)),
            told(5, Kind::Invoke { is_idempotent: true }, 1, Told::Refused(503)),
            done(6, Kind::Invoke { is_idempotent: false }, 1),
            done(7, Kind::Attach { is_feed: true }, 1),
            told(8, Kind::Attach { is_feed: false }, 1, Told::Refused(503)),
        ];
        let mut node = node("a", &[]);
        node.tasks.insert("t2".into(), task("Completed", "c1n2"));
        node.tasks.insert("t3".into(), task("Completed", "c1n3"));
        node.tasks
            .insert("t6".into(), task("Failed", "Task aborted on rebind"));
        let found = strokes(&Ledger::of(&writes), &writes, &[node], text);
        found.into_iter().map(|found| found.rule).collect()
    }

    #[test]
    fn only_what_may_be_repeated_is() {
        let fine = "1 a 7.c1n2 10\n1 a 7.c1n3 11\n2 b 8.c1n3 12\n2 b 8.c1n7 12\n2 b 8.c1n7 13\n";
        assert_eq!(rules(fine), []);
        assert_eq!(rules(&format!("{fine}2 b 8.c1n6 13\n")), []);
        assert_eq!(rules(&format!("{fine}2 b 8.c1n2 13\n")), [Rule::ActedTwice]);
        assert_eq!(
            rules(&format!("{fine}1 a 7.c1n6 13\n2 b 8.c1n6 13\n")),
            [Rule::ActedTwice]
        );
    }

    #[test]
    fn what_is_completed_has_acted() {
        assert_eq!(rules("1 a 7.c1n3 10\n"), [Rule::NotActed]);
        assert_eq!(rules("1 a 7.c1n2 10\n"), [Rule::NotActed]);
    }

    #[test]
    fn what_was_refused_or_never_asked_for_has_not_acted() {
        let fine = "1 a 7.c1n2 10\n1 a 7.c1n3 11\n";
        for mark in ["c1n4", "c1n5", "c1n8", "c1n1", "c1n9", "x"] {
            assert_eq!(
                rules(&format!("{fine}1 a 7.{mark} 12\n")),
                [Rule::NeverApplied],
                "{mark}"
            );
        }
    }
}
