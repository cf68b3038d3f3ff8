//! A client that keeps a record of all it asks and is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::history::{Call, Clock, Record, Told};
use crate::counter::{Pending, Remote};

/// What has happened so far in all planes, for whoever waits.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub(crate) acknowledged: AtomicU64,
    pub(crate) faults: AtomicU64,
    pub(crate) takeovers: AtomicU64,
}

/// What clients of a plane have been told so far, all together.
#[derive(Debug)]
pub(crate) struct Sums {
    pub(crate) live: Arc<Live>,
    /// The highest slot in which a write was acknowledged.
    pub(crate) highest: AtomicU64,
}

impl Sums {
    pub(crate) fn of(live: &Arc<Live>) -> Self {
        Self {
            live: Arc::clone(live),
            highest: AtomicU64::new(0),
        }
    }
}

/// One client of a plane.
#[derive(Debug)]
pub(crate) struct Client {
    clock: Clock,
    /// Values that no other client sends.
    next: u64,
    records: Vec<Record>,
    /// Calls that may be answered yet, by their places in the records.
    open: Vec<(usize, Pending)>,
    sums: Arc<Sums>,
}

/// What came of a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    Told(Told),
    /// No answer by now.
    Open,
    /// The process has ended, so there was no call.
    Gone,
}

impl Client {
    /// A client whose number no other of its plane has.
    pub(crate) fn new(number: u64, clock: Clock, sums: &Arc<Sums>) -> Self {
        Self {
            clock,
            next: (number + 1) << 32,
            records: Vec::new(),
            open: Vec::new(),
            sums: Arc::clone(sums),
        }
    }

    /// Appends a value that was never sent before, and waits so long for an answer.
    pub(crate) fn append(&mut self, node: &Remote, patience: Duration) -> Outcome {
        self.next += 1;
        let value = self.next;
        self.call(node, Call::Append(value), &format!("append {value}"), patience)
    }

    /// Asks for a linearizable read, and waits so long for an answer.
    pub(crate) fn read(&mut self, node: &Remote, patience: Duration) -> Outcome {
        self.call(node, Call::Read, "len", patience)
    }

    fn call(&mut self, node: &Remote, call: Call, command: &str, patience: Duration) -> Outcome {
        let invoked = self.clock.now();
        let Ok(pending) = node.ask(command) else {
            return Outcome::Gone;
        };
        let place = self.records.len();
        self.records.push(Record {
            call,
            invoked,
            returned: 0,
            told: Told::Unknown(None),
        });
        match pending.within(patience) {
            Some(answer) => Outcome::Told(self.hear(place, &answer)),
            None => {
                self.open.push((place, pending));
                Outcome::Open
            }
        }
    }

    fn hear(&mut self, place: usize, answer: &Value) -> Told {
        let record = &mut self.records[place];
        record.returned = self.clock.now();
        record.told = Told::of(record.call, answer);
        if let Told::Committed(seq) = record.told {
            self.sums.live.acknowledged.fetch_add(1, Ordering::Relaxed);
            self.sums.highest.fetch_max(seq, Ordering::Relaxed);
        }
        record.told.clone()
    }

    /// So many calls were made.
    pub(crate) fn calls(&self) -> usize {
        self.records.len()
    }

    /// Hears answers that have come late, and gives the slots of writes that these acknowledge, each with the number of calls before it.
    pub(crate) fn hear_late(&mut self, patience: Duration) -> Vec<(usize, u64)> {
        let mut acknowledged = Vec::new();
        for (place, pending) in std::mem::take(&mut self.open) {
            match pending.within(patience) {
                Some(answer) => {
                    if let Told::Committed(seq) = self.hear(place, &answer) {
                        acknowledged.push((place, seq));
                    }
                }
                None => self.open.push((place, pending)),
            }
        }
        acknowledged
    }

    /// All that it was told.
    pub(crate) fn end(mut self) -> Vec<Record> {
        self.hear_late(LAST_ANSWER);
        self.records
    }
}

/// How long the last answers may take.
const LAST_ANSWER: Duration = Duration::from_secs(1);
