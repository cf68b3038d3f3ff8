//! Proposals that wait for their turn: many share one entry (group commit).

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::Changes;
use crate::output::{Ticket, Tickets};
use crate::time::Instant;

/// Changes that wait for the next entry.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Queue {
    /// `None` for one that was withdrawn.
    waiting: VecDeque<Option<Arc<[u8]>>>,
    bytes: usize,
    next: u64,
    /// Answered clients may join until then, or until as many wait as are expected.
    linger_until: Option<Instant>,
    /// How many will wait when all that the last entry answered have joined those that waited already.
    expected: usize,
    rejoin: Rejoin,
}

/// Whether clients that were answered come back at once: only then is it worth lingering for all of them.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
struct Rejoin {
    until: Instant,
    answered: usize,
    came: usize,
    /// As the last entry before showed it; at first it is assumed that they do.
    they_do_not: bool,
}

impl Rejoin {
    fn came(&mut self, now: Instant) {
        self.came += usize::from(now <= self.until);
    }

    /// Looks back at the entry before, and begins to count for this one.
    fn answered(&mut self, until: Instant, answered: usize) {
        self.they_do_not = self.came * 10 < self.answered * 9;
        (self.until, self.answered, self.came) = (until, answered, 0);
    }
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            bytes: 0,
            next: 1,
            linger_until: None,
            expected: 0,
            rejoin: Rejoin::default(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, now: Instant, change: Arc<[u8]>) -> Ticket {
        self.rejoin.came(now);
        self.bytes += weight(&change);
        self.waiting.push_back(Some(change));
        let ticket = Ticket(self.next);
        self.next += 1;
        ticket
    }

    /// Whether the next entry may go out, as far as the queue is concerned.
    pub(super) fn may_send(&self, now: Instant) -> bool {
        !self.waiting.is_empty()
            && (self.waiting.len() >= self.expected || self.linger_until.is_none_or(|until| until <= now))
    }

    pub(super) fn wake(&self) -> Option<Instant> {
        if self.waiting.is_empty() {
            None
        } else {
            self.linger_until
        }
    }

    /// Takes one back that waits for its turn.
    pub(super) fn withdraw(&mut self, ticket: Ticket) -> bool {
        let first = self.next - self.waiting.len() as u64;
        let place = ticket
            .0
            .checked_sub(first)
            .and_then(|at| usize::try_from(at).ok());
        let Some(change) = place
            .and_then(|at| self.waiting.get_mut(at))
            .and_then(Option::take)
        else {
            return false;
        };
        self.bytes -= weight(&change);
        self.skip_withdrawn();
        true
    }

    fn skip_withdrawn(&mut self) {
        while self.waiting.front().is_some_and(Option::is_none) {
            self.waiting.pop_front();
        }
    }

    /// As many as one entry takes.
    pub(super) fn take(&mut self, most_bytes: usize) -> (Changes, Tickets) {
        let first = Ticket(self.next - self.waiting.len() as u64);
        let (mut batch, mut bytes, mut taken) = (Vec::new(), 0, 0);
        while let Some(change) = self.waiting.front() {
            let length = change.as_ref().map_or(0, weight);
            if !batch.is_empty() && bytes + length > most_bytes {
                break;
            }
            bytes += length;
            taken += 1;
            batch.extend(self.waiting.pop_front().flatten());
        }
        self.bytes -= bytes;
        self.skip_withdrawn();
        let last = Ticket(first.0 + taken - 1);
        (batch, Tickets { first, last })
    }

    /// An entry of changes is decided; it took so long. Who was answered may join the next one.
    pub(super) fn decided(&mut self, now: Instant, took: Duration, tickets: Tickets, linger_percent: u32) {
        let answered = usize::try_from(tickets.last.0 - tickets.first.0 + 1).unwrap_or(usize::MAX);
        let longest = now + took * linger_percent / 100;
        self.rejoin.answered(longest, answered);
        self.expected = self.waiting.len().saturating_add(answered);
        self.linger_until = Some(if self.rejoin.they_do_not {
            now + took * SHORT_LINGER_PERCENT / 100
        } else {
            longest
        });
    }

    /// Leads no more: how long entries took is of no use to the next term.
    pub(super) fn forget_pace(&mut self) {
        *self = Self {
            next: self.next,
            ..Self::new()
        };
    }

    pub(super) fn drain(&mut self) -> Option<Tickets> {
        let all = self.waiting.len() as u64;
        let (first, last) = (Ticket(self.next - all), Ticket(self.next.saturating_sub(1)));
        self.waiting.clear();
        self.bytes = 0;
        (all > 0).then_some(Tickets { first, last })
    }
}

/// The linger for clients that do not come back at once, as a part of the round trip.
const SHORT_LINGER_PERCENT: u32 = 2;

/// What a change takes of an entry and of the queue: its bytes and its length.
pub(super) fn weight(change: &Arc<[u8]>) -> usize {
    change.len() + 8
}
