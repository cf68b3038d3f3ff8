//! Clients that write all the time, wherever the master is, and remember what they were told.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::counter::{Pending, Remote};
use crate::journal::Journal;

/// How long a client waits for an answer before it turns to another node. The answer may still come.
const TURN_AWAY: Duration = Duration::from_millis(1_500);

/// What a client was told about one write. No value is ever sent twice.
#[derive(Debug)]
struct Write {
    value: String,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    /// Durable, in that slot.
    Committed(u64),
    /// Certainly not applied.
    Refused,
    /// Nobody knows; by this epoch, slot and write id it may be found out.
    Unknown(Option<String>),
    /// Not answered in time.
    Open(Pending),
}

impl Outcome {
    fn of(answer: &Value) -> Self {
        if let Some(seq) = answer["committed"].as_u64() {
            return Self::Committed(seq);
        }
        match answer.get("fenced") {
            Some(_) => Self::Refused,
            None => Self::Unknown(name_of_unknown(&answer["unknown"])),
        }
    }
}

/// The name of a write of unknown outcome, by which a node can be asked what became of it.
pub(crate) fn name_of_unknown(write: &Value) -> Option<String> {
    let (epoch, slot) = (write["epoch"].as_u64()?, write["slot"].as_u64()?);
    Some(format!("{epoch} {slot} {}", write["write_id"].as_str()?))
}

/// Clients at work.
#[derive(Debug)]
pub struct Clients {
    done: Arc<AtomicBool>,
    committed: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<Vec<Write>>>,
}

/// All that clients were told.
#[derive(Debug)]
pub struct History {
    writes: Vec<Write>,
}

impl Clients {
    /// Some clients that write to whichever of these leads.
    #[must_use]
    pub fn at_work(number: usize, on: &[Remote]) -> Self {
        let (done, committed, refused): (Arc<AtomicBool>, Arc<AtomicUsize>, Arc<AtomicUsize>) =
            Default::default();
        let client = |client| {
            let (done, committed, refused) = (done.clone(), committed.clone(), refused.clone());
            let on = on.to_vec();
            std::thread::spawn(move || work(client, &on, &done, &committed, &refused))
        };
        Self {
            threads: (0..number).map(client).collect(),
            done,
            committed,
            refused,
        }
    }

    /// How many writes have been acknowledged so far.
    #[must_use]
    pub fn committed(&self) -> usize {
        self.committed.load(Ordering::Relaxed)
    }

    /// How many writes have been refused so far.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    /// Waits until so many more writes have been acknowledged.
    ///
    /// # Panics
    /// If they are not in time.
    #[track_caller]
    pub fn commit_more(&self, number: usize) {
        let goal = self.committed() + number;
        crate::wait_for(crate::PATIENCE, "clients commit", || self.committed() >= goal);
    }

    /// Ends the work, and waits for answers that are still to come.
    ///
    /// # Panics
    /// If a client has.
    #[must_use]
    pub fn end(mut self) -> History {
        self.done.store(true, Ordering::Relaxed);
        let threads = std::mem::take(&mut self.threads);
        let mut writes: Vec<_> = threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("a client does not panic"))
            .collect();
        for write in &mut writes {
            if let Outcome::Open(answer) = &write.outcome {
                write.outcome = answer
                    .within(Duration::from_secs(5))
                    .map_or(Outcome::Unknown(None), |answer| Outcome::of(&answer));
            }
        }
        History { writes }
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
    }
}

fn work(
    client: usize,
    on: &[Remote],
    done: &AtomicBool,
    committed: &AtomicUsize,
    refused: &AtomicUsize,
) -> Vec<Write> {
    let (mut writes, mut at) = (Vec::new(), client % on.len());
    while !done.load(Ordering::Relaxed) {
        let value = format!("{client}:{}", writes.len());
        let Ok(pending) = on[at].ask(&format!("append {value}")) else {
            // The process has ended.
            at = (at + 1) % on.len();
            std::thread::sleep(Duration::from_millis(5));
            continue;
        };
        let outcome = pending
            .within(TURN_AWAY)
            .map_or(Outcome::Open(pending), |answer| Outcome::of(&answer));
        match outcome {
            Outcome::Committed(_) => {
                committed.fetch_add(1, Ordering::Relaxed);
            }
            Outcome::Refused => {
                refused.fetch_add(1, Ordering::Relaxed);
                at = (at + 1) % on.len();
                std::thread::sleep(Duration::from_millis(5));
            }
            Outcome::Unknown(_) | Outcome::Open(_) => at = (at + 1) % on.len(),
        }
        writes.push(Write { value, outcome });
    }
    writes
}

impl History {
    /// How many writes were acknowledged.
    #[must_use]
    pub fn committed(&self) -> usize {
        self.writes
            .iter()
            .filter(|write| matches!(write.outcome, Outcome::Committed(_)))
            .count()
    }

    /// How many writes were refused.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.writes
            .iter()
            .filter(|write| matches!(write.outcome, Outcome::Refused))
            .count()
    }

    /// How many writes nobody answered for.
    #[must_use]
    pub fn unknown(&self) -> usize {
        self.writes
            .iter()
            .filter(|write| matches!(write.outcome, Outcome::Unknown(_) | Outcome::Open(_)))
            .count()
    }

    /// Holds it beside what the state is now: what was acknowledged is there once, in the order of its slots; what was refused is not there; what
    /// is unknown is there at most once; and nothing else is.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn assert_agrees_with(&self, values: &[String]) {
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (place, value) in values.iter().enumerate() {
            assert!(places.insert(value, place).is_none(), "{value} is there twice");
        }
        let mut committed = Vec::new();
        for write in &self.writes {
            let place = places.remove(write.value.as_str());
            match (&write.outcome, place) {
                (Outcome::Committed(seq), Some(place)) => committed.push((place, *seq)),
                (Outcome::Committed(seq), None) => {
                    panic!("{} was acknowledged in slot {seq} and is lost", write.value)
                }
                (Outcome::Refused, Some(_)) => panic!("{} was refused and is there", write.value),
                (Outcome::Refused, None) | (Outcome::Unknown(_) | Outcome::Open(_), _) => {}
            }
        }
        assert!(places.is_empty(), "nobody has written {places:?}");
        committed.sort_unstable();
        assert!(
            committed.is_sorted_by_key(|(_, seq)| *seq),
            "not in the order of the slots"
        );
    }

    /// Holds it beside the journal: every write that was acknowledged lies in a valid entry, in the slot that its client was told. For planes
    /// that have collected nothing.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn assert_lies_in(&self, journal: &Journal) {
        let slots: HashMap<_, _> = journal
            .commits()
            .into_iter()
            .map(|(seq, value)| (value, seq.0))
            .collect();
        for write in &self.writes {
            if let Outcome::Committed(seq) = write.outcome {
                assert_eq!(slots.get(&write.value), Some(&seq), "the slot of {}", write.value);
            }
        }
    }

    /// Asks a node what became of the writes that nobody knew of, and holds its answers beside the state.
    ///
    /// # Panics
    /// If it is wrong about one.
    #[track_caller]
    pub fn assert_resolved_by(&self, node: &Remote, values: &[String]) {
        for write in &self.writes {
            let Outcome::Unknown(Some(name)) = &write.outcome else {
                continue;
            };
            let answer = node.call(&format!("resolve {name}"));
            let is_there = values.contains(&write.value);
            match (answer["committed"].as_u64(), answer["resolution"].as_str()) {
                (Some(_), _) => assert!(is_there, "{} is said to be committed", write.value),
                (None, Some("NotApplied")) => assert!(!is_there, "{} is said not to be applied", write.value),
                // Never a guess.
                (None, Some("Forgotten" | "Undecided")) => {}
                _ => panic!("{}: {answer}", write.value),
            }
        }
    }
}
