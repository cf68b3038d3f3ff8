//! What becomes of the batches that a leader has proposed, for those who wait for it.

use std::collections::{BTreeMap, VecDeque};

use ha_core::{Refusal, UnknownWrite};
use tokio::sync::oneshot;

/// What has become of a batch that was proposed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fate {
    /// In the journal, and in the state here.
    Done,
    /// Certainly not applied.
    Lost(Refusal),
    /// It may be applied; the journal will tell.
    Unknown(UnknownWrite),
}

/// Tells the fate of a batch. It is never told if the epoch ends, or the state is replaced, before.
pub(crate) type Told = oneshot::Receiver<Fate>;

/// The batches of one epoch of which it is not known that they are done or lost.
#[derive(Default)]
pub(crate) struct Fates {
    /// By number.
    open: VecDeque<Open>,
    /// Those of them that may be applied.
    unknown: BTreeMap<u64, UnknownWrite>,
}

struct Open {
    number: u64,
    waiting: Vec<oneshot::Sender<Fate>>,
}

impl Open {
    fn tell(self, fate: &Fate) {
        for waiting in self.waiting {
            // Who waits no more is told nothing.
            let _ = waiting.send(fate.clone());
        }
    }
}

impl Fates {
    /// A batch was proposed, with a number above all before.
    pub(crate) fn expect(&mut self, number: u64) -> Told {
        let (tell, told) = oneshot::channel();
        self.open.push_back(Open {
            number,
            waiting: vec![tell],
        });
        told
    }

    /// What becomes of a batch; `None` if it is done or lost.
    pub(crate) fn of(&mut self, number: u64) -> Option<Told> {
        let at = self.find(number)?;
        let (tell, told) = oneshot::channel();
        match self.unknown.get(&number) {
            // Whoever asks is at hand.
            Some(write) => drop(tell.send(Fate::Unknown(*write))),
            None => self.open[at].waiting.push(tell),
        }
        Some(told)
    }

    /// Whether a batch is neither done nor lost, as far as is known.
    pub(crate) fn is_open(&self, number: u64) -> bool {
        self.find(number).is_some()
    }

    /// The batches up to this number are done.
    pub(crate) fn done(&mut self, number: u64) {
        while self.open.front().is_some_and(|open| open.number <= number) {
            if let Some(done) = self.open.pop_front() {
                done.tell(&Fate::Done);
            }
        }
        self.unknown.retain(|unknown, _| *unknown > number);
    }

    /// The batches from this number on are lost.
    pub(crate) fn lost(&mut self, number: u64, why: &Refusal) {
        let first = self.open.partition_point(|open| open.number < number);
        for lost in self.open.split_off(first) {
            lost.tell(&Fate::Lost(why.clone()));
        }
        self.unknown.retain(|unknown, _| *unknown < number);
    }

    /// A batch may be applied.
    pub(crate) fn unknown(&mut self, number: u64, write: UnknownWrite) {
        let Some(at) = self.find(number) else {
            return;
        };
        self.unknown.insert(number, write);
        for waiting in self.open[at].waiting.drain(..) {
            let _ = waiting.send(Fate::Unknown(write));
        }
    }

    /// The writes that may be applied, each with the first batch in it: many share one.
    pub(crate) fn all_unknown(&self) -> Vec<(u64, UnknownWrite)> {
        let mut all: Vec<(u64, UnknownWrite)> = Vec::new();
        for (number, write) in &self.unknown {
            if all.last().is_none_or(|(_, last)| last != write) {
                all.push((*number, *write));
            }
        }
        all
    }

    fn find(&self, number: u64) -> Option<usize> {
        self.open.binary_search_by_key(&number, |open| open.number).ok()
    }
}

#[cfg(test)]
mod tests {
    use ha_core::{Epoch, Seq, WriteId};

    use super::*;

    fn write(slot: u64) -> UnknownWrite {
        UnknownWrite {
            epoch: Epoch(1),
            slot: Seq(slot),
            write_id: WriteId([7; 16]),
        }
    }

    #[test]
    fn all_who_wait_for_a_batch_are_told_what_became_of_it() {
        let mut fates = Fates::default();
        let mut told: Vec<_> = (1..=4).map(|number| fates.expect(number)).collect();
        let mut late = fates.of(2).unwrap();
        fates.done(2);
        assert_eq!(told[0].try_recv(), Ok(Fate::Done));
        assert_eq!(told[1].try_recv(), Ok(Fate::Done));
        assert_eq!(late.try_recv(), Ok(Fate::Done));
        assert!(fates.of(2).is_none(), "it is decided");
        fates.lost(4, &Refusal::Fenced);
        assert!(told[2].try_recv().is_err(), "not yet decided");
        assert_eq!(told[3].try_recv(), Ok(Fate::Lost(Refusal::Fenced)));
        assert!(fates.of(3).is_some() && fates.of(4).is_none());
    }

    #[test]
    fn what_may_be_applied_is_told_so_until_it_is_decided() {
        let mut fates = Fates::default();
        let mut told: Vec<_> = (1..=3).map(|number| fates.expect(number)).collect();
        fates.unknown(2, write(7));
        fates.unknown(3, write(8));
        assert_eq!(told[1].try_recv(), Ok(Fate::Unknown(write(7))));
        assert_eq!(
            fates.of(2).unwrap().try_recv(),
            Ok(Fate::Unknown(write(7))),
            "also who asks later"
        );
        assert_eq!(fates.all_unknown(), [(2, write(7)), (3, write(8))]);
        let _told = fates.expect(4);
        fates.unknown(4, write(8));
        assert_eq!(
            fates.all_unknown(),
            [(2, write(7)), (3, write(8))],
            "each write once"
        );
        fates.lost(3, &Refusal::Fenced);
        assert_eq!(fates.all_unknown(), [(2, write(7))]);
        fates.done(2);
        assert!(fates.all_unknown().is_empty());
        assert_eq!(told[0].try_recv(), Ok(Fate::Done));
        fates.unknown(2, write(9));
        assert!(fates.all_unknown().is_empty(), "it is done");
    }
}
