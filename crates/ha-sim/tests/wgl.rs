//! The checker of histories, which has the journal for a witness, against a search through all orders that knows nothing of it but the end.

use ha_sim::linear::{Answer, Call, EMPTIED, Op, Placed, check};
use ha_sim::rng::Rng;

/// Whether the operations can be put in an order in which each takes effect between its beginning and its end, each answer is right, and the
/// list of values comes to be the journal's. Wing and Gong's search, all of it.
fn search(history: &[Op], journal: &[Placed]) -> bool {
    let values: Vec<u64> = journal.iter().map(|p| p.value).collect();
    let mut appended = std::collections::BTreeSet::new();
    let mut appends = history.iter().filter_map(|op| match op.call {
        Call::Append(value) => Some(value),
        _ => None,
    });
    // No two appends have one value: that is part of what a history is.
    appends.all(|value| appended.insert(value))
        && go(history, journal, &values, &mut vec![false; history.len()], 0)
}

fn go(history: &[Op], journal: &[Placed], values: &[u64], done: &mut Vec<bool>, len: usize) -> bool {
    // What nobody knows of, and what was refused, need not take effect.
    let is_free = |op: &Op| matches!(op.answer, Answer::Unknown | Answer::Refused);
    if len == values.len() && (0..history.len()).all(|i| done[i] || is_free(&history[i])) {
        return true;
    }
    // The state may be emptied at any moment.
    if values.get(len) == Some(&EMPTIED) && go(history, journal, values, done, len + 1) {
        return true;
    }
    for i in 0..history.len() {
        let op = &history[i];
        let is_first =
            (0..history.len()).all(|j| done[j] || is_free(&history[j]) || history[j].returned >= op.invoked);
        if done[i] || !is_first {
            continue;
        }
        let next = match (op.call, op.answer) {
            (Call::Append(value), Answer::Appended { epoch, seq }) => {
                let is_next = values.get(len) == Some(&value);
                (is_next && (journal[len].epoch, journal[len].seq) == (epoch, seq)).then_some(len + 1)
            }
            (Call::Append(value), Answer::Unknown) => (values.get(len) == Some(&value)).then_some(len + 1),
            (Call::Read, Answer::Saw { len: saw, last }) => {
                let there = len.checked_sub(1).map_or(0, |at| values[at]);
                (saw == len as u64 && last == there).then_some(len)
            }
            _ => None,
        };
        if let Some(next) = next {
            done[i] = true;
            if go(history, journal, values, done, next) {
                return true;
            }
            done[i] = false;
        }
    }
    false
}

/// A history that was made by effects in some order, and then maybe spoilt in one place.
fn draw(rng: &mut Rng) -> (Vec<Op>, Vec<Placed>) {
    let (mut ops, mut journal) = (Vec::new(), Vec::new());
    let mut now = 20;
    for value in 1..=1 + rng.below(6) {
        now += 1 + rng.below(8);
        let (invoked, returned) = (now - rng.below(12), now + rng.below(12));
        if rng.chance(500) {
            journal.push(placed(&journal, EMPTIED));
        }
        let (call, answer) = match rng.below(10) {
            0..=4 => {
                let place = placed(&journal, value);
                journal.push(place);
                let (epoch, seq) = (place.epoch, place.seq);
                (Call::Append(value), Answer::Appended { epoch, seq })
            }
            5 => {
                if rng.chance(5000) {
                    journal.push(placed(&journal, value));
                }
                (Call::Append(value), Answer::Unknown)
            }
            6 => (Call::Append(value), Answer::Refused),
            _ => {
                let (len, last) = (journal.len() as u64, journal.last().map_or(0, |p| p.value));
                (Call::Read, Answer::Saw { len, last })
            }
        };
        ops.push(Op {
            call,
            invoked,
            returned,
            answer,
        });
    }
    if rng.chance(6000) {
        spoil(rng, &mut ops, &mut journal);
    }
    (ops, journal)
}

fn placed(journal: &[Placed], value: u64) -> Placed {
    let seq = 4 + journal.len() as u64;
    let epoch = 1 + seq / 3;
    Placed { epoch, seq, value }
}

fn spoil(rng: &mut Rng, ops: &mut [Op], journal: &mut Vec<Placed>) {
    let at = rng.below(ops.len() as u64) as usize;
    let other = rng.below(ops.len() as u64) as usize;
    match rng.below(8) {
        0 => ops[at].returned = ops[at].invoked + rng.below(3),
        1 => ops[at].invoked = ops[at].returned - rng.below(3),
        2 => (ops[at].answer, ops[other].answer) = (ops[other].answer, ops[at].answer),
        3 => ops[at].answer = Answer::Refused,
        4 => {
            ops[at].answer = Answer::Saw {
                len: rng.below(4),
                last: rng.below(5),
            }
        }
        5 => ops[at].call = ops[other].call,
        6 => {
            journal.pop();
        }
        _ => journal.push(placed(journal, 1 + rng.below(8))),
    }
}

#[test]
fn the_checker_and_the_search_say_the_same_of_every_small_history() {
    let (mut good, mut bad) = (0, 0);
    for seed in 0..200_000 {
        let (ops, journal) = draw(&mut Rng::new(seed));
        let (checked, found) = (check(&ops, &journal), search(&ops, &journal));
        assert_eq!(
            checked.is_ok(),
            found,
            "seed {seed}: {checked:?}\n{ops:#?}\n{journal:#?}"
        );
        if found {
            good += 1;
        } else {
            bad += 1;
        }
    }
    println!("{good} good histories, {bad} bad ones");
    assert!(good > 50_000 && bad > 20_000, "{good} good, {bad} bad");
}
