//! Every state of every process is the state after some prefix of one journal: never a mix, never a hole.

use std::collections::BTreeMap;

use ha_sim::linear::Placed;

use super::{Finding, Rule};
use crate::chaos::digest::Digest;
use crate::chaos::witness::{Seen, Testimony};

/// The journal as the processes have applied it.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// All values, in order.
    pub(crate) placed: Vec<Placed>,
    /// What the first 0, 1, 2 .. values come to.
    digests: Vec<Digest>,
}

impl Journal {
    /// Whether so many values come to this.
    pub(crate) fn comes_to(&self, len: u64, digest: Digest) -> bool {
        let at = usize::try_from(len).expect("a file has no more lines than there is memory");
        self.digests.get(at) == Some(&digest)
    }

    /// How often another epoch was written in.
    pub(crate) fn changes_of_epoch(&self) -> u64 {
        let changes = self.placed.windows(2).filter(|two| two[0].epoch != two[1].epoch);
        changes.count() as u64
    }
}

/// Puts together what the processes have applied, and holds each beside it.
pub(crate) fn agreed(testimonies: &[Testimony]) -> (Journal, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut slots: BTreeMap<(u64, u64), (u64, &str)> = BTreeMap::new();
    for Testimony { by, lines } in testimonies {
        for line in lines {
            let Seen::Applied {
                seq,
                index,
                epoch,
                value,
            } = line
            else {
                continue;
            };
            let here = (*epoch, value.as_str());
            let there = *slots.entry((*seq, *index)).or_insert(here);
            if there != here {
                let how = format!(
                    "{by} applied {here:?} in slot {seq}, place {index}, where others applied {there:?}"
                );
                findings.push(Finding::new(Rule::Diverged, how));
            }
        }
    }
    let mut journal = Journal {
        placed: Vec::new(),
        digests: vec![Digest::default()],
    };
    let mut last = Digest::default();
    for ((seq, _), (epoch, value)) in &slots {
        last = last.with(value);
        journal.digests.push(last);
        journal.placed.push(Placed {
            epoch: *epoch,
            seq: *seq,
            value: value.parse().unwrap_or_default(),
        });
    }
    let place: BTreeMap<_, _> = slots.keys().copied().zip(0..).collect();
    let strayed = testimonies
        .iter()
        .filter_map(|testimony| strays(testimony, &journal, &place));
    findings.extend(strayed);
    (journal, findings)
}

/// How a process strays from the journal, if it does.
fn strays(testimony: &Testimony, journal: &Journal, place: &BTreeMap<(u64, u64), u64>) -> Option<Finding> {
    let by = &testimony.by;
    let mut stands_at = 0;
    for line in &testimony.lines {
        match line {
            Seen::StandsAt { len, digest } if journal.comes_to(*len, *digest) => stands_at = *len,
            Seen::StandsAt { len, digest } => {
                let how = format!("{by} had {len} values that come to {digest}, which the journal's do not");
                return Some(Finding::new(Rule::Diverged, how));
            }
            Seen::Applied { seq, index, .. } => {
                let at = place.get(&(*seq, *index)).copied();
                if at != Some(stands_at) {
                    let how = format!(
                        "{by} had {stands_at} values, and applied that of slot {seq}, place {index}, which is number {at:?}"
                    );
                    return Some(Finding::new(Rule::Diverged, how));
                }
                stands_at += 1;
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(seq: u64, value: &str) -> Seen {
        Seen::Applied {
            seq,
            index: 0,
            epoch: 1,
            value: value.into(),
        }
    }

    fn stands_at(values: &[&str]) -> Seen {
        Seen::StandsAt {
            len: values.len() as u64,
            digest: values
                .iter()
                .fold(Digest::default(), |sum, value| sum.with(value)),
        }
    }

    fn found(of: &[&[Seen]]) -> usize {
        let testimony = |lines: &&[Seen]| Testimony {
            by: "a-1".into(),
            lines: lines.to_vec(),
        };
        agreed(&of.iter().map(testimony).collect::<Vec<_>>()).1.len()
    }

    #[test]
    fn processes_that_agree_are_fine() {
        let whole = [stands_at(&[]), applied(4, "1"), applied(6, "2"), applied(7, "3")];
        let late = [stands_at(&[]), stands_at(&["1", "2"]), applied(7, "3")];
        let again = [
            stands_at(&["1"]),
            applied(6, "2"),
            stands_at(&[]),
            applied(4, "1"),
        ];
        assert_eq!(found(&[&whole, &late, &again]), 0);
    }

    #[test]
    fn each_way_to_stray_is_found() {
        let whole = [stands_at(&[]), applied(4, "1"), applied(6, "2"), applied(7, "3")];
        let strays: [&[Seen]; 6] = [
            &[applied(4, "1"), applied(7, "3")],
            &[applied(4, "1"), applied(6, "2"), applied(6, "2")],
            &[applied(6, "2")],
            &[stands_at(&["1", "3"])],
            &[stands_at(&["1", "2", "3", "4"])],
            &[applied(4, "1"), stands_at(&["1", "2"]), applied(6, "2")],
        ];
        for stray in strays {
            assert_eq!(found(&[&whole, stray]), 1, "{stray:?}");
        }
    }

    #[test]
    fn two_values_in_one_place_are_found() {
        assert!(found(&[&[applied(4, "1")], &[applied(4, "2")]]) > 0);
    }

    #[test]
    fn lines_are_read_as_they_are_written() {
        for seen in [applied(4, "17"), stands_at(&["1", "2"])] {
            assert_eq!(seen.to_string().parse(), Ok(seen));
        }
        assert!("+ 1 2".parse::<Seen>().is_err());
    }
}
