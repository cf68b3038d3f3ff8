//! Who may act on the world: Full is an entry, a lease is read, proof is about one process only.

use alloc::collections::{BTreeSet, VecDeque};
use core::hash::{Hash, Hasher};
use core::time::Duration;

use crate::config::Config;
use crate::entry::Evidence;
use crate::names::{Epoch, Process, WriteId};
use crate::time::Instant;
use crate::view::{FullRecord, View};

/// Leave to act on the world, at the moment it was asked for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct ActAuthority {
    /// The fencing token to carry.
    pub epoch: Epoch,
    /// Work must have ended by then, unless the lease is read again before.
    pub until: Instant,
}

#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Authority {
    /// Of the epoch led: acting is safe until then.
    lease: Option<(Epoch, LeaseEnd)>,
    /// The epoch whose own `Full` is durable.
    full: Option<Epoch>,
    /// A `Release` or `Handover` has been sent and is not decided: no acts, and no read renews.
    ending: bool,
    /// Acts under way.
    permits: Permits,
    /// The first takeover above the last `Full`'s epoch, and when it was received here.
    superseded: Option<(WriteId, Instant)>,
    /// Processes known to have exited, with all that they had running; the last to be told of first to be forgotten.
    exited: VecDeque<Process>,
    /// The clock jumped then: what was sent before proves nothing.
    jumped_at: Instant,
}

/// When a lease ends. Once that is past nothing depends on how long ago it was, so it goes into the hash as a signed number, unlike all other
/// moments: a checker that keeps time can take all leases that have ended for one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct LeaseEnd(Instant);

impl Hash for LeaseEnd {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_i64(self.0.as_nanos().cast_signed());
    }
}

/// Acts under way. How many there are counts for the state's hash, their numbers do not.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Permits {
    open: BTreeSet<u64>,
    last: u64,
}

impl Hash for Permits {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.open.len().hash(state);
    }
}

/// How many exited processes are remembered.
const EXITED: usize = 64;

/// Whether a `Full` may be appended.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum FullProof {
    Proven(Evidence),
    /// Not yet; at the latest then, if a time is known.
    Wait(Option<Instant>),
}

/// How long a waiter waits by its own clock for a lease of `ttl`: TTL (1+r)/(1-r).
pub(crate) fn wait_for(full: &FullRecord) -> Duration {
    let r = u128::from(full.drift_ppm.min(900_000));
    let nanos = full.ttl.as_nanos() * (1_000_000 + r) / (1_000_000 - r) + 1;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

impl Authority {
    /// This process leads a new epoch: nothing of an earlier one carries over.
    pub(crate) fn lead(&mut self) {
        self.lease = None;
        self.full = None;
        self.ending = false;
    }

    /// This process leads no more.
    pub(crate) fn lose(&mut self) {
        self.lead();
    }

    /// As of that moment the journal held nothing beyond this leader's view.
    pub(crate) fn proven(&mut self, epoch: Epoch, as_of: Instant, ttl: Duration) {
        if self.ending || as_of < self.jumped_at {
            return;
        }
        let until = as_of + ttl;
        match &mut self.lease {
            Some((e, end)) if *e == epoch => end.0 = end.0.max(until),
            lease => *lease = Some((epoch, LeaseEnd(until))),
        }
    }

    /// The clock jumped: what was read before proves nothing now.
    pub(crate) fn forget_lease(&mut self, now: Instant) {
        self.jumped_at = now;
        self.lease = None;
    }

    pub(crate) fn own_full(&mut self, epoch: Epoch) {
        self.full = Some(epoch);
    }

    pub(crate) fn has_full(&self, epoch: Epoch) -> bool {
        self.full == Some(epoch)
    }

    pub(crate) fn set_ending(&mut self, ending: bool) {
        self.ending = ending;
    }

    /// The end of the lease, grace included.
    pub(crate) fn lease_end(&self, epoch: Epoch) -> Option<Instant> {
        self.lease
            .filter(|(e, _)| *e == epoch)
            .map(|(_, LeaseEnd(until))| until)
    }

    /// Leave to act, if there is any.
    pub(crate) fn act(&self, now: Instant, lead: Option<Epoch>, config: &Config) -> Option<ActAuthority> {
        let epoch = lead.filter(|e| self.has_full(*e) && !self.ending)?;
        let end = self.lease_end(epoch)?;
        let until = Instant::from_nanos(
            end.as_nanos()
                .saturating_sub(u64::try_from(config.stop_grace.as_nanos()).unwrap_or(u64::MAX)),
        );
        (now < until).then_some(ActAuthority { epoch, until })
    }

    pub(crate) fn begin_act(&mut self) -> u64 {
        self.permits.last += 1;
        self.permits.open.insert(self.permits.last);
        self.permits.last
    }

    pub(crate) fn end_act(&mut self, permit: u64) {
        self.permits.open.remove(&permit);
    }

    pub(crate) fn is_working(&self) -> bool {
        !self.permits.open.is_empty()
    }

    pub(crate) fn exited(&mut self, process: Process) {
        if !self.exited.contains(&process) {
            self.exited.push_back(process);
        }
        if self.exited.len() > EXITED {
            self.exited.pop_front();
        }
    }

    /// A takeover or handover was taken by the view.
    pub(crate) fn on_takeover(&mut self, now: Instant, view: &View, epoch: Epoch, write_id: WriteId) {
        if view.full.as_ref().is_some_and(|f| epoch > f.epoch) && self.superseded.is_none() {
            self.superseded = Some((write_id, now));
        }
    }

    /// A `Full` was taken by the view.
    pub(crate) fn on_full(&mut self) {
        self.superseded = None;
    }

    /// The view was replaced: the time of receipt is kept by write id.
    pub(crate) fn on_reload(&mut self, now: Instant, view: &View) {
        let first = view
            .full
            .as_ref()
            .and_then(|f| view.table.range(f.epoch.next()..).next());
        let kept = self.superseded;
        self.superseded = first.map(|(_, term)| match kept {
            Some((write_id, at)) if write_id == term.write_id => (write_id, at),
            _ => (term.write_id, now),
        });
    }

    /// Proof that nobody else acts.
    pub(crate) fn full_proof(&self, now: Instant, me: &Process, view: &View) -> FullProof {
        let Some(full) = &view.full else {
            return FullProof::Proven(Evidence::Vacant);
        };
        if full.ended {
            return FullProof::Proven(Evidence::Vacant);
        }
        if full.holder == *me {
            return if self.is_working() {
                FullProof::Wait(None)
            } else {
                FullProof::Proven(Evidence::Own)
            };
        }
        if self.exited.contains(&full.holder) {
            return FullProof::Proven(Evidence::Exited);
        }
        let Some((_, since)) = self.superseded else {
            return FullProof::Wait(None);
        };
        let until = since + wait_for(full);
        if now > until {
            FullProof::Proven(Evidence::LeaseEnded)
        } else {
            FullProof::Wait(Some(until + Duration::from_nanos(1)))
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::names::{NodeId, Nonce, Seq};
    use crate::view::Term;

    const TTL: Duration = Duration::from_millis(600);

    fn t(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    fn process(n: u8) -> Process {
        Process {
            node: NodeId::new(&format!("n{n}")).unwrap(),
            nonce: Nonce([n; 16]),
        }
    }

    /// n1 may have acted in epoch 1, and epochs 2 and 3 have begun since.
    fn superseded() -> View {
        let mut view = View::empty();
        view.epoch = Epoch(3);
        for n in 1..=3 {
            let term = Term {
                began: Seq(n * 10),
                write_id: WriteId([n as u8; 16]),
                last_valid: Seq(n * 10),
            };
            view.table.insert(Epoch(n), term);
        }
        view.full = Some(FullRecord {
            epoch: Epoch(1),
            holder: process(1),
            ttl: TTL,
            drift_ppm: 100_000,
            ended: false,
        });
        view
    }

    #[test]
    fn a_waiter_waits_for_both_clocks_drift_and_a_moment_more() {
        let full = superseded().full.unwrap();
        assert_eq!(wait_for(&full), Duration::from_nanos(733_333_334));
        let none = FullRecord { drift_ppm: 0, ..full };
        assert_eq!(wait_for(&none), TTL + Duration::from_nanos(1));
    }

    #[test]
    fn a_lease_is_one_epochs_and_grows_by_later_proofs_only() {
        let mut a = Authority::default();
        a.proven(Epoch(1), t(100), TTL);
        a.proven(Epoch(1), t(50), TTL);
        assert_eq!(a.lease_end(Epoch(1)), Some(t(700)));
        a.proven(Epoch(2), t(20), TTL);
        assert_eq!(
            (a.lease_end(Epoch(1)), a.lease_end(Epoch(2))),
            (None, Some(t(620)))
        );
        a.forget_lease(t(200));
        a.proven(Epoch(2), t(199), TTL);
        assert_eq!(a.lease_end(Epoch(2)), None, "sent before the jump");
        a.proven(Epoch(2), t(200), TTL);
        assert_eq!(a.lease_end(Epoch(2)), Some(t(800)));
        a.lose();
        assert_eq!(a.lease_end(Epoch(2)), None);
    }

    #[test]
    fn when_a_lease_ends_and_how_many_acts_are_under_way_is_part_of_the_state() {
        use crate::unhashed::hashed;
        assert_ne!(hashed(&LeaseEnd(t(1))), hashed(&LeaseEnd(t(2))));
        let mut a = Authority::default();
        let none = hashed(&a);
        let one = a.begin_act();
        let first = hashed(&a);
        assert_ne!(first, none);
        a.begin_act();
        a.end_act(one);
        assert_eq!(hashed(&a), first, "which act it is makes no difference");
    }

    #[test]
    fn acts_are_told_apart() {
        let mut a = Authority::default();
        let (one, two) = (a.begin_act(), a.begin_act());
        a.end_act(one);
        assert!(a.is_working());
        a.end_act(two);
        assert!(!a.is_working());
    }

    #[test]
    fn an_exit_is_remembered_until_sixty_four_others_have_been() {
        let (mut a, view) = (Authority::default(), superseded());
        a.exited(process(1));
        for n in 2..=64 {
            a.exited(process(n));
        }
        let proof = |a: &Authority| a.full_proof(t(0), &process(99), &view);
        assert_eq!(proof(&a), FullProof::Proven(Evidence::Exited));
        a.exited(process(65));
        assert_eq!(proof(&a), FullProof::Wait(None));
    }

    #[test]
    fn the_wait_begins_with_the_first_takeover_above_the_last_full_and_is_kept_over_a_reload() {
        let (mut a, view) = (Authority::default(), superseded());
        a.on_takeover(t(90), &view, Epoch(1), WriteId([1; 16]));
        assert_eq!(a.superseded, None, "that is where Full was");
        a.on_takeover(t(100), &view, Epoch(2), WriteId([2; 16]));
        a.on_takeover(t(150), &view, Epoch(3), WriteId([3; 16]));
        a.on_reload(t(200), &view);
        let until = t(100) + wait_for(view.full.as_ref().unwrap());
        let next = until + Duration::from_nanos(1);
        let proof = |a: &Authority, now| a.full_proof(now, &process(3), &view);
        assert_eq!(proof(&a, until), FullProof::Wait(Some(next)));
        assert_eq!(proof(&a, next), FullProof::Proven(Evidence::LeaseEnded));
        let mut other = view.clone();
        other.table.remove(&Epoch(2));
        a.on_reload(t(300), &other);
        assert_eq!(
            a.superseded,
            Some((WriteId([3; 16]), t(300))),
            "another takeover, received now"
        );
    }
}
