//! Every write that was acknowledged is in the journal once, where its client was told; what was refused is not there; and nothing else is.

use std::collections::HashMap;

use ha_sim::linear::Placed;

use super::{Finding, Rule};
use crate::chaos::history::{Call, Record, Told};

/// Holds what clients were told beside the journal.
pub(crate) fn writes(records: &[Record], journal: &[Placed]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut places: HashMap<u64, u64> = HashMap::new();
    for placed in journal {
        if let Some(first) = places.insert(placed.value, placed.seq) {
            let how = format!("{} is in slot {first} and in slot {}", placed.value, placed.seq);
            findings.push(Finding::new(Rule::Duplicated, how));
        }
    }
    for record in records {
        let Call::Append(value) = record.call else {
            continue;
        };
        let found = match (&record.told, places.remove(&value)) {
            (Told::Committed(seq), Some(place)) if place != *seq => Some((
                Rule::Lost,
                format!("{value} was acknowledged in slot {seq}, and is in slot {place}"),
            )),
            (Told::Committed(seq), None) => {
                Some((Rule::Lost, format!("{value} was acknowledged in slot {seq}")))
            }
            (Told::Refused, Some(place)) => Some((
                Rule::NeverApplied,
                format!("{value} was refused, and is in slot {place}"),
            )),
            _ => None,
        };
        findings.extend(found.map(|(rule, how)| Finding::new(rule, how)));
    }
    let unsent = places
        .into_iter()
        .map(|(value, place)| format!("nobody has sent {value}, which is in slot {place}"));
    findings.extend(unsent.map(|how| Finding::new(Rule::NeverApplied, how)));
    findings
}

/// Holds what nodes say of writes of unknown outcome beside the journal: for each value, the slot that it is said to be in, or `None` if it is
/// said not to be applied.
pub(crate) fn resolutions(said: &[(u64, Option<u64>)], journal: &[Placed]) -> Vec<Finding> {
    let places: HashMap<_, _> = journal.iter().map(|placed| (placed.value, placed.seq)).collect();
    let wrong = |(value, said): &(u64, Option<u64>)| {
        let place = places.get(value).copied();
        let how = format!("{value} is said to be in slot {said:?}, and is in {place:?}");
        (*said != place).then(|| Finding::new(Rule::Resolved, how))
    };
    said.iter().filter_map(wrong).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(value: u64, told: Told) -> Record {
        Record {
            call: Call::Append(value),
            invoked: 0,
            returned: 1,
            told,
        }
    }

    fn journal(places: &[(u64, u64)]) -> Vec<Placed> {
        let placed = |(seq, value): &(u64, u64)| Placed {
            epoch: 1,
            seq: *seq,
            value: *value,
        };
        places.iter().map(placed).collect()
    }

    fn broken(records: &[Record], places: &[(u64, u64)]) -> Vec<Rule> {
        let findings = writes(records, &journal(places));
        findings.into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn what_is_as_it_was_told_is_fine() {
        let records = [
            append(1, Told::Committed(4)),
            append(2, Told::Refused),
            append(3, Told::Unknown(None)),
            append(4, Told::Unknown(None)),
        ];
        assert_eq!(broken(&records, &[(4, 1), (4, 3)]), []);
    }

    #[test]
    fn each_fault_is_found() {
        let committed = [append(1, Told::Committed(4))];
        assert_eq!(broken(&committed, &[]), [Rule::Lost]);
        assert_eq!(broken(&committed, &[(5, 1)]), [Rule::Lost]);
        assert_eq!(broken(&committed, &[(3, 1), (4, 1)]), [Rule::Duplicated]);
        assert_eq!(
            broken(&[append(1, Told::Refused)], &[(4, 1)]),
            [Rule::NeverApplied]
        );
        assert_eq!(broken(&[], &[(4, 1)]), [Rule::NeverApplied]);
    }

    #[test]
    fn a_wrong_resolution_is_found() {
        let journal = journal(&[(4, 1)]);
        assert_eq!(resolutions(&[(1, Some(4)), (2, None)], &journal), []);
        for wrong in [(1, None), (1, Some(5)), (2, Some(4))] {
            assert_eq!(resolutions(&[wrong], &journal).len(), 1, "{wrong:?}");
        }
    }
}
