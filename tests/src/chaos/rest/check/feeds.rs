//! Where feeds look, and when: in the end each has looked in the epoch that acts, and none looks in an epoch that began after it was removed. That
//! they look under leave alone is `acts`' to see, for each look is one.

use std::collections::BTreeMap;

use super::super::history::{Kind, Node, Told, Write};
use super::strokes::each;
use crate::chaos::check::{Finding, Rule};

/// Judges looks beside what clients attached and removed and what nodes show in the end. `zero`: nanoseconds of CLOCK_BOOTTIME at the beginning of
/// the clients' clock.
pub(crate) fn feeds(writes: &[Write], nodes: &[Node], text: &str, zero: u64) -> Vec<Finding> {
    let mut findings = Vec::new();
    let newest = each(text).map(|stroke| stroke.epoch).max();
    for node in nodes {
        for app in &node.apps {
            for feed in app.adjuncts.iter().filter(|adjunct| adjunct.is_feed) {
                let last = app.seen.get(&feed.mark).copied();
                if last != newest {
                    let how = format!(
                        "in the end on {}: feed {} looked last in epoch {last:?}, and the last acts are of {newest:?}",
                        node.name, feed.mark
                    );
                    findings.push(Finding::new(Rule::Unattended, how));
                }
            }
        }
    }
    let mut began: BTreeMap<u64, u64> = BTreeMap::new();
    for stroke in each(text) {
        let first = began.entry(stroke.epoch).or_insert(stroke.nanos);
        *first = (*first).min(stroke.nanos);
    }
    let removed = removed(writes);
    let mut told = BTreeMap::new();
    for stroke in each(text) {
        let Some(gone) = removed.get(stroke.mark) else {
            continue;
        };
        let epoch_began = began[&stroke.epoch].saturating_sub(zero) / 1_000;
        if epoch_began > gone + SLACK {
            let how = format!(
                "feed {} looked in epoch {}, which began {} ms after its removal was acknowledged",
                stroke.mark,
                stroke.epoch,
                (epoch_began - gone) / 1_000
            );
            told.insert((stroke.mark, stroke.epoch), how);
        }
    }
    let told = told.into_values();
    findings.extend(told.map(|how| Finding::new(Rule::Unattended, how)));
    findings
}

/// When the removal of feeds was acknowledged first, by what attached them.
fn removed(writes: &[Write]) -> BTreeMap<String, u64> {
    let mut removed = BTreeMap::new();
    let feeds = writes
        .iter()
        .filter(|write| write.kind == Kind::Attach { is_feed: true });
    for feed in feeds {
        let removals = writes.iter().filter(|write| {
            let is_of_app = write.app == feed.app && write.told == Told::Done;
            is_of_app && (write.kind == Kind::Delete || write.kind == Kind::Detach(feed.mark.number))
        });
        let at = removals.filter_map(|write| write.acks.first()).map(|ack| ack.at);
        removed.extend(at.min().map(|at| (feed.mark.to_string(), at)));
    }
    removed
}

/// Microseconds: in an epoch that has begun, and in which nobody has acted yet, a feed may have been about to look.
const SLACK: u64 = 3_000_000;

#[cfg(test)]
mod tests {
    use super::super::super::history::Shown;
    use super::super::forged::{app, done, node, with};
    use super::*;

    const FEED: Kind = Kind::Attach { is_feed: true };
    const ZERO: u64 = 5_000;

    fn rules(writes: &[Write], apps: &[Shown], text: &str) -> Vec<Rule> {
        let found = feeds(writes, &[node("a", apps)], text, ZERO);
        found.into_iter().map(|found| found.rule).collect()
    }

    #[test]
    fn a_feed_that_does_not_come_back_after_a_takeover_is_found() {
        let writes = [done(1, Kind::Deploy, 1), done(2, FEED, 1)];
        let mut shown = with(app("c1n1", &[]), &[(2, true)]);
        let text = "1 a 7.c1n2 6000\n2 b 8.c1n9 7000\n";
        assert_eq!(
            rules(&writes, std::slice::from_ref(&shown), text),
            [Rule::Unattended]
        );
        shown.seen.insert("c1n2".into(), 1);
        assert_eq!(
            rules(&writes, std::slice::from_ref(&shown), text),
            [Rule::Unattended]
        );
        shown.seen.insert("c1n2".into(), 2);
        assert_eq!(rules(&writes, &[shown], text), []);
    }

    #[test]
    fn a_feed_that_was_removed_looks_in_no_later_epoch() {
        for removal in [Kind::Detach(2), Kind::Delete] {
            let writes = [done(1, Kind::Deploy, 1), done(2, FEED, 1), done(3, removal, 1)];
            let micros = |at: u64| ZERO + at * 1_000;
            let before = format!("1 a 7.c1n2 {}\n", micros(20));
            let late = format!("{before}1 a 7.c1n2 {}\n", micros(30 + 2 * SLACK));
            assert_eq!(rules(&writes, &[], &late), [], "in an epoch that had begun");
            let soon = format!("{before}2 b 8.c1n2 {}\n", micros(30 + SLACK / 2));
            assert_eq!(rules(&writes, &[], &soon), []);
            let other = format!("{before}2 b 8.c1n2 {}\n", micros(31 + SLACK));
            assert_eq!(rules(&writes, &[], &other), [Rule::Unattended]);
        }
    }
}
