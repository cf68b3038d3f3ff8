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
    /// How long entries take of late: the last ones weigh most. Nothing before the first.
    pace: Duration,
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
            pace: Duration::ZERO,
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
        // One that was quick by chance says little about when its clients come back.
        let before = if self.pace.is_zero() { took } else { self.pace };
        self.pace = (before * 7 + took) / 8;
        let pace = self.pace;
        let longest = now + pace * linger_percent / 100;
        self.rejoin.answered(longest, answered);
        self.expected = self.waiting.len().saturating_add(answered);
        self.linger_until = Some(if self.rejoin.they_do_not {
            now + pace * SHORT_LINGER_PERCENT / 100
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

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: usize = 1000;

    fn t(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    fn tickets(first: u64, last: u64) -> Tickets {
        Tickets {
            first: Ticket(first),
            last: Ticket(last),
        }
    }

    /// So many changes, of these lengths.
    fn push(queue: &mut Queue, at: u64, lengths: &[usize]) {
        for length in lengths {
            queue.push(t(at), Arc::from(alloc::vec![7; *length]));
        }
    }

    fn with(lengths: &[usize]) -> Queue {
        let mut queue = Queue::new();
        push(&mut queue, 0, lengths);
        queue
    }

    fn lengths(changes: &Changes) -> Vec<usize> {
        changes.iter().map(|c| c.len()).collect()
    }

    #[test]
    fn an_entry_takes_what_fits_and_one_in_any_case() {
        let mut queue = with(&[10, 10, 10]);
        assert_eq!(queue.bytes(), 54, "each change and its length");
        let (batch, which) = queue.take(36);
        assert_eq!((batch.len(), which), (2, tickets(1, 2)));
        assert_eq!(queue.bytes(), 18);
        let (batch, which) = queue.take(1);
        assert_eq!((batch.len(), which), (1, tickets(3, 3)));
        assert_eq!(queue.bytes(), 0);
        assert!(!queue.may_send(t(0)));
    }

    #[test]
    fn what_is_withdrawn_is_not_sent_and_gives_its_room_back() {
        let mut queue = with(&[1, 1, 1]);
        queue.take(ALL);
        push(&mut queue, 0, &[10, 20, 30]);
        assert!(!queue.withdraw(Ticket(3)), "it is on its way");
        assert!(!queue.withdraw(Ticket(7)), "there is none yet");
        assert!(queue.withdraw(Ticket(5)));
        assert!(!queue.withdraw(Ticket(5)), "it has been");
        assert_eq!(queue.bytes(), 18 + 38);
        let (batch, which) = queue.take(ALL);
        assert_eq!((lengths(&batch), which), ([10, 30].into(), tickets(4, 6)));
    }

    #[test]
    fn a_queue_of_which_all_is_withdrawn_is_empty() {
        let mut queue = with(&[10, 20]);
        assert!(queue.withdraw(Ticket(1)) && queue.may_send(t(0)));
        assert!(queue.withdraw(Ticket(2)));
        assert!(!queue.may_send(t(0)) && queue.wake().is_none() && queue.drain().is_none());
        let mut queue = with(&[10, 10, 10]);
        queue.withdraw(Ticket(3));
        queue.withdraw(Ticket(2));
        queue.take(18);
        assert!(!queue.may_send(t(0)), "behind the first all were withdrawn");
    }

    #[test]
    fn what_is_refused_at_the_end_of_a_term_is_all_that_waits() {
        let mut queue = with(&[1, 1]);
        queue.take(ALL);
        push(&mut queue, 0, &[1, 1, 1]);
        assert_eq!(queue.drain(), Some(tickets(3, 5)));
        assert_eq!((queue.drain(), queue.bytes()), (None, 0));
    }

    #[test]
    fn who_was_answered_is_waited_for_until_all_have_come_or_the_time_has() {
        let mut queue = with(&[1; 6]);
        let (_, which) = queue.take(5 * 9);
        queue.decided(t(100), Duration::from_millis(40), which, 25);
        assert_eq!(queue.wake(), Some(t(110)));
        push(&mut queue, 101, &[1; 4]);
        assert!(
            !queue.may_send(t(109)),
            "one waited already, and four of five have come"
        );
        assert!(queue.may_send(t(110)), "it is time");
        push(&mut queue, 102, &[1]);
        assert!(queue.may_send(t(102)), "all have come");
    }

    #[test]
    fn a_new_term_waits_for_nobody_and_counts_on() {
        let mut queue = with(&[1; 3]);
        let (_, which) = queue.take(ALL);
        queue.decided(t(100), Duration::from_millis(40), which, 25);
        queue.forget_pace();
        assert_eq!(queue.push(t(101), Arc::from([])), Ticket(4));
        assert!(queue.may_send(t(101)));
    }

    /// Ten are answered at t = 100; so many come back within the linger of 25 ms, and the others later. Until when is the next entry kept?
    fn lingers_after(came: usize) -> Option<Instant> {
        let mut queue = with(&[1; 10]);
        let took = Duration::from_millis(100);
        let (_, which) = queue.take(ALL);
        queue.decided(t(100), took, which, 25);
        push(&mut queue, 125, &alloc::vec![1; came]);
        push(&mut queue, 126, &alloc::vec![1; 10 - came]);
        let (_, which) = queue.take(ALL);
        queue.decided(t(200), took, which, 25);
        push(&mut queue, 201, &[1]);
        queue.wake()
    }

    #[test]
    fn one_entry_that_was_quick_shortens_the_wait_by_an_eighth_of_what_it_would_alone() {
        let mut queue = with(&[1]);
        for (at, took) in [(100, 80), (200, 80), (300, 16)] {
            let (_, which) = queue.take(ALL);
            queue.decided(t(at), Duration::from_millis(took), which, 25);
            push(&mut queue, at + 1, &[1]);
        }
        // A quarter of (7 x 80 + 16) / 8.
        assert_eq!(queue.linger_until, Some(t(318)));
    }

    #[test]
    fn clients_of_whom_nine_in_ten_come_back_in_time_are_worth_waiting_for() {
        assert_eq!(lingers_after(9), Some(t(225)));
        assert_eq!(lingers_after(8), Some(t(202)));
    }
}
