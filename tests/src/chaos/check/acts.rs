//! What was done to the world, as the world saw it: in each epoch by one process, and nothing under an epoch after something under a higher one.

use std::collections::BTreeMap;

use super::{Finding, Rule};

/// What was done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Acts {
    pub(crate) strokes: u64,
    pub(crate) epochs: u64,
    /// Strokes that came after one of a higher epoch, though their leave was looked at before: a process was stopped in between, and it is for
    /// the world to refuse them, by their epoch.
    pub(crate) late: u64,
}

struct Span<'a> {
    by: &'a str,
    from: u64,
    to: u64,
}

/// Judges strokes, one a line: epoch, node, process and number, microseconds when the leave was looked at.
pub(crate) fn acts(text: &str) -> (Acts, Vec<Finding>) {
    let (mut acts, mut findings) = (Acts::default(), Vec::new());
    let mut spans: BTreeMap<u64, Span<'_>> = BTreeMap::new();
    let mut highest = 0;
    // The last line may be half written.
    let lines = text
        .split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'));
    for line in lines {
        let Some((epoch, by, time)) = stroke(line) else {
            findings.push(Finding::new(Rule::Broken, format!("no stroke: {line}")));
            continue;
        };
        acts.strokes += 1;
        acts.late += u64::from(epoch < highest);
        highest = highest.max(epoch);
        let span = spans.entry(epoch).or_insert(Span {
            by,
            from: time,
            to: time,
        });
        if span.by != by {
            let how = format!("in epoch {epoch} acted {} and {by}", span.by);
            findings.push(Finding::new(Rule::TwoActed, how));
            span.by = by;
        }
        (span.from, span.to) = (span.from.min(time), span.to.max(time));
    }
    acts.epochs = spans.len() as u64;
    let mut until: (u64, u64) = (0, 0);
    for (epoch, span) in spans {
        if until.0 >= span.from {
            let how = format!(
                "acts of epoch {} went on until {}, and those of epoch {epoch} began at {}",
                until.1, until.0, span.from
            );
            findings.push(Finding::new(Rule::TwoActed, how));
        }
        until = until.max((span.to, epoch));
    }
    (acts, findings)
}

fn stroke(line: &str) -> Option<(u64, &str, u64)> {
    let words: Vec<_> = line.split(' ').collect();
    let [epoch, _, act, time] = words[..] else {
        return None;
    };
    let (process, _) = act.split_once('.')?;
    Some((epoch.parse().ok()?, process, time.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_one_after_the_other_are_fine() {
        let (acts, findings) =
            acts("1 a 7.0 10\n1 a 7.1 11\n1 a 7.0 20\n2 b 8.0 21\n1 a 7.0 20\n2 b 8.0 30\n4 a 9.1 31\n4 a");
        assert_eq!(findings, []);
        let expected = Acts {
            strokes: 7,
            epochs: 3,
            late: 1,
        };
        assert_eq!(acts, expected);
    }

    #[test]
    fn two_at_once_are_found() {
        for bad in [
            "1 a 7.0 10\n1 a 7.0 20\n2 b 8.0 15\n2 b 8.0 30\n",
            "2 b 8.0 21\n1 a 7.0 40\n",
            "1 a 7.0 10\n1 b 8.0 11\n",
            // The same node, and another process.
            "1 a 7.0 10\n1 a 8.0 11\n",
            "1 a 7.0 10\n1 a 7.0 40\n2 b 8.0 50\n3 c 9.0 45\n",
        ] {
            let (_, findings) = acts(bad);
            assert_eq!(findings.len(), 1, "{bad}");
            assert_eq!(findings[0].rule, Rule::TwoActed, "{bad}");
        }
    }

    #[test]
    fn what_is_no_stroke_is_told() {
        assert_eq!(acts("1 a 7.0\n").1.len(), 1);
    }
}
