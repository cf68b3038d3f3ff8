//! What the journal tells the node, one note after the other.

use super::{Node, State};
use crate::entry::{Header, Payload};
use crate::journal::Note;
use crate::output::Event;
use crate::time::Instant;

impl Node {
    /// Takes all notes. Says whether there was one.
    pub(super) fn drain_notes(&mut self, now: Instant) -> bool {
        let mut any = false;
        while let Some(note) = self.journal.pop_note() {
            any = true;
            self.on_note(now, note);
        }
        any
    }

    fn on_note(&mut self, now: Instant, note: Note) {
        match note {
            Note::Entry {
                header,
                payload,
                length,
            } => self.on_entry(now, &header, &payload, length),
            Note::Answered => self.last_read = Some(now),
            Note::Proof { as_of } => {
                if let Some(epoch) = self.journal.lead() {
                    self.authority.proven(epoch, as_of, self.config.lease_ttl);
                }
            }
            Note::Leads(epoch) => self.on_leads(now, epoch),
            Note::Absent { sent_at } if self.is_behind(now, sent_at) => {
                // Once a poll at most: it may be the other's word that is wrong.
                self.journal.confirm_by(now + self.config.poll);
            }
            Note::Absent { .. } => {}
            Note::ClaimLost(why) => self.claim_lost(now, &why),
            Note::ClaimVoid(epoch) => {
                self.out.event(Event::ClaimVoid(epoch));
                self.claim_lost(now, "its slot had been collected");
            }
            Note::Sent {
                tickets,
                write_id,
                epoch,
                slot,
            } => self.out.event(Event::Sent {
                tickets,
                write_id,
                epoch,
                slot,
            }),
            durable @ Note::Durable { .. } => self.on_durable(now, durable),
            Note::NotApplied { kind, tickets, why } => {
                if let Some(tickets) = tickets {
                    self.out.event(Event::NotApplied { tickets, why });
                } else {
                    self.out
                        .event(Event::Warning(alloc::format!("{kind:?} not appended: {why:?}")));
                    self.on_not_appended(now);
                }
            }
            Note::Undecided { tickets } => self.out.event(Event::Undecided { tickets }),
            Note::ReadReady { read, seq } => self.out.event(Event::ReadReady { read, seq }),
            Note::Reloaded => self.on_reloaded(now),
            Note::Loaded => {
                // Not before: what it failed on may be the last thing that it reads, and the pauses between tries are to grow.
                if let State::Starting(starting) = &mut self.state {
                    starting.loaded = true;
                }
            }
            Note::Halted { why, for_good } => {
                self.out.event(Event::Warning(why.clone()));
                let reads: alloc::vec::Vec<_> = self.journal.drop_reads().collect();
                reads
                    .into_iter()
                    .for_each(|read| self.out.event(Event::ReadFailed(read)));
                if for_good {
                    self.fail_for_good(now, why);
                } else {
                    self.fail(now, why);
                }
            }
        }
        self.look_at_leader(now);
    }

    fn on_entry(&mut self, now: Instant, header: &Header, payload: &Payload, length: usize) {
        let window = self.flap_window();
        self.signs.on_entry(now, header, payload, window);
        self.keeper.on_entry(length);
        match payload {
            Payload::Genesis { plane, .. } => self.out.event(Event::PlaneKnown(plane.clone())),
            Payload::Takeover { .. } | Payload::Handover { .. } => {
                self.authority
                    .on_takeover(now, &self.journal.view, header.epoch, header.write_id);
            }
            Payload::Full { .. } => {
                self.authority.on_full();
                if Some(header.epoch) == self.journal.lead() {
                    self.authority.own_full(header.epoch);
                }
            }
            Payload::Commit { .. } => self.plane_time = (self.journal.view.time_ms, now),
            Payload::Release => {}
        }
        self.with(now, |s, cx| s.feed.on_entry(cx, header, payload));
    }

    /// Somebody had read beyond the next slot before that was asked for, and it is absent: it has been collected.
    fn is_behind(&self, now: Instant, sent_at: Instant) -> bool {
        let (pos, timeout) = (self.journal.view.pos, self.config.shown_timeout());
        let mut peers = self.peers.known().values();
        let others_are_beyond =
            peers.any(|p| p.record.seq > pos && p.changed_at < sent_at && p.is_alive(now, timeout));
        others_are_beyond || self.feed.loads_from().is_some_and(|seq| seq > pos)
    }

    fn on_reloaded(&mut self, now: Instant) {
        let view = &self.journal.view;
        self.authority.on_reload(now, view);
        self.plane_time = (view.time_ms, now);
        if let Some(plane) = view.plane.clone() {
            self.out.event(Event::PlaneKnown(plane));
        }
        if let Some(manifest) = self.journal.newest_known() {
            self.keeper.on_manifest(manifest, view.pos);
        }
        if !self.feed.is_off() {
            self.feed.load(now);
        }
    }

    /// Something has changed who leads: another's entry, or the end of the own leadership.
    fn look_at_leader(&mut self, now: Instant) {
        let view = &self.journal.view;
        let leader = view
            .leader
            .as_ref()
            .filter(|_| !view.released)
            .map(|l| l.process.clone());
        let current = (view.epoch, leader);
        if current != self.known_leader {
            if current.1.as_ref().is_some_and(|l| *l != self.me) {
                self.abstains = false;
                if self.clean && self.start_rule.is_none() && !matches!(self.state, State::Starting(_)) {
                    // What another has written since must not be wiped later on.
                    self.clean = false;
                    self.out.event(Event::Warning(
                        "the state is not emptied: another node took the lead first".into(),
                    ));
                }
            }
            if current.1.as_ref().is_some_and(|l| l.node == self.me.node) {
                self.peers.lead_turns(now);
            }
            self.known_leader.clone_from(&current);
            self.out.event(Event::LeaderChanged {
                epoch: current.0,
                leader: current.1,
            });
        }
        let leads = matches!(
            self.state,
            State::Leading | State::Promoting(_) | State::Demoting(_)
        );
        if leads
            && self.journal.lead().is_none()
            && !self.journal.has_unresolved()
            && !self.let_go_by_itself()
        {
            self.deposed(now);
        }
    }

    /// Its own `Release` or `Handover` ended it, and `act_demoting` will see to the rest.
    fn let_go_by_itself(&self) -> bool {
        matches!(&self.state, State::Demoting(d) if d.sent.is_some())
    }

    /// A `Release`, `Handover` or `Full` that the store refused, or that was fenced off.
    fn on_not_appended(&mut self, now: Instant) {
        if let State::Promoting(promoting) = &mut self.state {
            promoting.cleaning = false;
        }
        if self.journal.lead().is_some()
            && let State::Demoting(demoting) = &mut self.state
        {
            demoting.sent = None;
        }
        self.signs.pause(now + self.config.retry());
    }
}
