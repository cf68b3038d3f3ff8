//! What clients asked, and what they were told.

use std::io::{self, Write};
use std::time::Instant;

use ha_sim::linear::{Answer, Line, Op, Placed};
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;

use crate::clients::name_of_unknown;

pub(crate) use ha_sim::linear::Call;

/// One call of one client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Record {
    pub(crate) call: Call,
    /// Microseconds of the clock of all clients.
    pub(crate) invoked: u64,
    pub(crate) returned: u64,
    pub(crate) told: Told,
}

/// What a client was told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Told {
    /// Durable, in that slot.
    Committed(u64),
    /// Certainly not applied.
    Refused,
    /// What a linearizable read saw.
    Saw { len: u64, last: u64 },
    /// Nobody knows; by this epoch, slot and write id it may be found out.
    Unknown(Option<String>),
}

impl Told {
    /// What an answer of a node means; `null` if it gave none.
    pub(crate) fn of(call: Call, answer: &Value) -> Self {
        if call == Call::Read {
            let last = answer["last"]
                .as_str()
                .map_or(Some(0), |value| value.parse().ok());
            return match (answer["len"].as_u64(), last) {
                (Some(len), Some(last)) => Self::Saw { len, last },
                _ => Self::Unknown(None),
            };
        }
        if let Some(seq) = answer["committed"].as_u64() {
            return Self::Committed(seq);
        }
        match answer.get("fenced") {
            Some(_) => Self::Refused,
            None => Self::Unknown(name_of_unknown(&answer["unknown"])),
        }
    }
}

/// The clock of all clients of a plane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Nanoseconds of CLOCK_BOOTTIME when it was started.
    pub(crate) fn zero(self) -> u64 {
        let (boot, now) = (clock_gettime(ClockId::Boottime), self.now());
        let nanos = u64::try_from(boot.tv_sec * 1_000_000_000 + boot.tv_nsec).unwrap_or_default();
        nanos.saturating_sub(now * 1_000)
    }

    /// Microseconds since it was started.
    pub(crate) fn now(self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).expect("no campaign takes half a million years")
    }
}

/// The calls as the judge of `ha-sim` knows them. The journal tells the epoch of a slot, which clients are not told.
pub(crate) fn ops(records: &[Record], journal: &[Placed]) -> Vec<Op> {
    let epoch_of = |seq: u64| {
        let at = journal.partition_point(|placed| placed.seq < seq);
        journal.get(at).map_or(0, |placed| placed.epoch)
    };
    let op = |record: &Record| Op {
        call: record.call,
        invoked: record.invoked,
        returned: record.returned,
        answer: match record.told {
            Told::Committed(seq) => Answer::Appended {
                epoch: epoch_of(seq),
                seq,
            },
            Told::Refused => Answer::Refused,
            Told::Saw { len, last } => Answer::Saw { len, last },
            Told::Unknown(_) => Answer::Unknown,
        },
    };
    records.iter().map(op).collect()
}

/// Writes all of it for `cargo xtask linearize`.
pub(crate) fn write(ops: &[Op], journal: &[Placed], to: impl Write) -> io::Result<()> {
    let mut to = io::BufWriter::new(to);
    let lines = ops
        .iter()
        .map(|op| Line::Op(*op))
        .chain(journal.iter().map(|placed| Line::Journal(*placed)));
    for line in lines {
        serde_json::to_writer(&mut to, &line)?;
        to.write_all(b"\n")?;
    }
    to.flush()
}
