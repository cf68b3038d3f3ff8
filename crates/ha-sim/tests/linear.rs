//! The checker of histories goes red on each kind of bad one.

use ha_sim::linear::{Answer, Call, Flaw, Op, Placed, check};
use ha_sim::rng::Rng;

fn placed(values: &[u64]) -> Vec<Placed> {
    let place = |(i, value): (usize, &u64)| Placed {
        epoch: 1,
        seq: i as u64 + 4,
        value: *value,
    };
    values.iter().enumerate().map(place).collect()
}

fn append(value: u64, invoked: u64, returned: u64, seq: u64) -> Op {
    Op {
        call: Call::Append(value),
        invoked,
        returned,
        answer: Answer::Appended { epoch: 1, seq },
    }
}

fn read(invoked: u64, returned: u64, len: u64, last: u64) -> Op {
    Op {
        call: Call::Read,
        invoked,
        returned,
        answer: Answer::Saw { len, last },
    }
}

#[test]
fn a_good_history_is_good() {
    let unknown = Op {
        answer: Answer::Unknown,
        ..append(9, 5, 0, 0)
    };
    let refused = Op {
        answer: Answer::Refused,
        ..append(10, 5, 6, 0)
    };
    let ops = [
        read(0, 1, 0, 0),
        append(7, 2, 8, 4),
        append(8, 3, 7, 5),
        unknown,
        refused,
        read(9, 10, 2, 8),
        read(11, 12, 3, 9),
    ];
    let checked = check(&ops, &placed(&[7, 8, 9])).unwrap();
    assert_eq!(
        (checked.appended, checked.reads, checked.refused, checked.unknown),
        (2, 3, 1, 1)
    );
    let never_came = check(&ops[..6], &placed(&[7, 8]));
    assert!(never_came.is_ok(), "what is unknown need not have come to be");
}

#[test]
fn a_lost_acknowledgement_is_found() {
    let op = append(7, 0, 1, 4);
    assert_eq!(check(&[op], &[]), Err(Flaw::Lost(op)));
    let elsewhere = append(7, 0, 1, 5);
    assert_eq!(check(&[elsewhere], &placed(&[7])), Err(Flaw::Lost(elsewhere)));
}

#[test]
fn a_stale_read_is_found() {
    let stale = read(2, 3, 0, 0);
    let found = check(&[append(7, 0, 1, 4), stale], &placed(&[7]));
    assert!(
        matches!(found, Err(Flaw::Reordered { op, .. }) if op == stale),
        "{found:?}"
    );
    let overlapping = read(1, 3, 0, 0);
    assert!(check(&[append(7, 0, 1, 4), overlapping], &placed(&[7])).is_ok());
}

#[test]
fn a_read_older_than_an_earlier_read_is_found() {
    let ops = [append(7, 0, 10, 4), read(1, 2, 1, 7), read(3, 4, 0, 0)];
    assert!(matches!(check(&ops, &placed(&[7])), Err(Flaw::Reordered { .. })));
}

#[test]
fn writes_in_another_order_than_they_were_answered_in_are_found() {
    let ops = [append(7, 0, 1, 5), append(8, 2, 3, 4)];
    let found = check(&ops, &placed(&[8, 7]));
    assert!(matches!(found, Err(Flaw::Reordered { .. })), "{found:?}");
    // Also if nobody knows of the later one.
    let unknown = Op {
        answer: Answer::Unknown,
        ..ops[1]
    };
    assert!(matches!(
        check(&[ops[0], unknown], &placed(&[8, 7])),
        Err(Flaw::Reordered { .. })
    ));
}

#[test]
fn an_effect_that_is_there_twice_is_found() {
    let found = check(&[append(7, 0, 1, 4)], &placed(&[7, 7]));
    assert!(matches!(found, Err(Flaw::Duplicated(_))), "{found:?}");
}

#[test]
fn a_value_that_nobody_wrote_is_found() {
    let found = check(&[append(7, 0, 1, 4)], &placed(&[7, 8]));
    assert!(
        matches!(found, Err(Flaw::NeverWritten(p)) if p.value == 8),
        "{found:?}"
    );
}

#[test]
fn a_refused_write_that_came_to_be_is_found() {
    let op = Op {
        answer: Answer::Refused,
        ..append(7, 0, 1, 4)
    };
    assert_eq!(check(&[op], &placed(&[7])), Err(Flaw::Refuted(op)));
}

#[test]
fn a_read_of_what_never_was_is_found() {
    let op = read(2, 3, 1, 8);
    assert_eq!(
        check(&[append(7, 0, 1, 4), op], &placed(&[7])),
        Err(Flaw::NoPrefix(op))
    );
}

#[test]
fn a_read_of_what_was_not_yet_asked_for_is_found() {
    let ops = [read(0, 1, 1, 7), append(7, 2, 3, 4)];
    assert!(matches!(check(&ops, &placed(&[7])), Err(Flaw::Reordered { .. })));
}

#[test]
fn an_older_epoch_behind_a_newer_one_is_found() {
    let mut journal = placed(&[7, 8]);
    journal[0].epoch = 2;
    let ops = [append(7, 0, 9, 4), append(8, 0, 9, 5)];
    assert!(matches!(check(&ops, &journal), Err(Flaw::Disordered(_))));
}

/// Histories made from an order of effects are good; one swap of two answers that lie apart is found.
#[test]
fn it_agrees_with_how_the_history_was_made() {
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let journal = placed(&(1..=50).collect::<Vec<_>>());
        let mut ops = Vec::new();
        for p in &journal {
            let effect = p.value * 100;
            let mut op = append(
                p.value,
                effect - rng.below(300).min(effect),
                effect + rng.below(300),
                p.seq,
            );
            if rng.chance(500) {
                op.answer = Answer::Unknown;
            }
            ops.push(op);
            let seen = effect + 50;
            ops.push(read(
                seen - rng.below(300).min(seen),
                seen + rng.below(300),
                p.value,
                p.value,
            ));
        }
        assert!(check(&ops, &journal).is_ok(), "seed {seed}");
        let late = ops
            .iter()
            .position(|op| matches!(op.answer, Answer::Saw { len, .. } if len > 20 && op.invoked > 2000));
        ops[late.unwrap()].answer = Answer::Saw { len: 3, last: 3 };
        assert!(
            matches!(check(&ops, &journal), Err(Flaw::Reordered { .. })),
            "seed {seed}"
        );
    }
}

#[test]
fn two_appends_of_one_value_are_found() {
    let ops = [append(7, 0, 3, 4), append(7, 1, 2, 4)];
    assert_eq!(check(&ops, &placed(&[7])), Err(Flaw::AppendedTwice(ops[1])));
}

#[test]
fn what_empties_the_state_is_nobodys_append_and_may_come_again() {
    use ha_sim::linear::EMPTIED;
    let ops = [
        append(7, 0, 1, 5),
        read(2, 3, 3, EMPTIED),
        append(8, 4, 5, 7),
        read(6, 7, 4, 8),
    ];
    assert!(check(&ops, &placed(&[EMPTIED, 7, EMPTIED, 8])).is_ok());
    let stale = read(2, 3, 1, EMPTIED);
    let found = check(&[ops[0], stale], &placed(&[EMPTIED, 7, EMPTIED]));
    assert!(matches!(found, Err(Flaw::Reordered { .. })), "{found:?}");
}
