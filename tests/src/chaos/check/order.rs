//! Linearizability of appends and reads, with the journal as the witness.

use ha_sim::linear::{Call, Flaw, Op, Placed, check};

use super::{Finding, Rule};

/// Reported flaws of one history at most: each is looked for anew without the calls that were found.
const MOST: usize = 20;

/// Holds the order in which calls were made beside that in which they took effect. What is lost or there twice, `writes` tells.
pub(crate) fn order(mut ops: Vec<Op>, journal: &[Placed]) -> Vec<Finding> {
    let mut findings = Vec::new();
    while let Err(flaw) = check(&ops, journal) {
        let op = match &flaw {
            Flaw::NoPrefix(op) | Flaw::Reordered { op, .. } => Some(*op),
            _ => None,
        };
        let rule = match op {
            Some(Op { call: Call::Read, .. }) => Rule::Stale,
            _ => Rule::Disordered,
        };
        findings.push(Finding::new(rule, flaw.to_string()));
        // A read can be left out, and the rest judged; without an append the journal would hold what nobody wrote.
        match op {
            Some(op) if rule == Rule::Stale && findings.len() < MOST => ops.retain(|other| *other != op),
            _ => break,
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use ha_sim::linear::Answer;

    use super::*;

    const JOURNAL: [Placed; 2] = [
        Placed {
            epoch: 1,
            seq: 4,
            value: 7,
        },
        Placed {
            epoch: 1,
            seq: 5,
            value: 8,
        },
    ];

    fn append(value: u64, seq: u64, invoked: u64, returned: u64) -> Op {
        Op {
            call: Call::Append(value),
            invoked,
            returned,
            answer: Answer::Appended { epoch: 1, seq },
        }
    }

    fn read(len: u64, last: u64, invoked: u64, returned: u64) -> Op {
        Op {
            call: Call::Read,
            invoked,
            returned,
            answer: Answer::Saw { len, last },
        }
    }

    fn broken(ops: &[Op]) -> Vec<Rule> {
        let findings = order(ops.to_vec(), &JOURNAL);
        findings.into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn reads_that_see_all_that_was_acknowledged_are_fine() {
        let ops = [
            append(7, 4, 0, 10),
            append(8, 5, 5, 30),
            read(1, 7, 11, 12),
            read(2, 8, 13, 20),
            read(2, 8, 31, 32),
        ];
        assert_eq!(broken(&ops), []);
    }

    #[test]
    fn each_stale_read_is_found() {
        let writes = [append(7, 4, 0, 10), append(8, 5, 11, 20)];
        let with = |reads: &[Op]| [&writes[..], reads].concat();
        assert_eq!(broken(&with(&[read(1, 7, 21, 22)])), [Rule::Stale]);
        assert_eq!(
            broken(&with(&[
                read(0, 0, 12, 13),
                read(2, 8, 21, 22),
                read(1, 7, 23, 24)
            ])),
            [Rule::Stale; 2]
        );
        // It saw what was never there.
        assert_eq!(broken(&with(&[read(2, 7, 21, 22)])), [Rule::Stale]);
    }

    #[test]
    fn writes_out_of_order_are_found() {
        assert_eq!(
            broken(&[append(8, 5, 0, 10), append(7, 4, 11, 20)]),
            [Rule::Disordered]
        );
    }
}
