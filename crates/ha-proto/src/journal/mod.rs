//! The journal as one node works with it: read, confirm, claim, append, prove. One activity at a time, as in the model of the rules.
//!
//! | activity | step of the exhaustive model |
//! |---|---|
//! | `Idle` | `IDLE` |
//! | `Pending` | `PEND` |
//! | `Validate` | `CLAIMED`, `NAMED` |
//! | `Stranger` | `STRANGER` |
//! | `Confirm` | `MUST`, `CONF` |
//! | `Probe` | `SAW` |
//! | `Load`, `Head` | a restart; the check that slot `n` still exists |

use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::sync::Arc;

mod activity;
mod beside;
mod confirm;
mod pending;
mod reading;
mod resolve;

pub(crate) use activity::Note;
use activity::{Activity, AfterHead, Suspect, Validation};
pub(crate) use pending::Pending;

use crate::entry::{Evidence, FORMAT_LEVEL, FormatError, Header, Kind, Payload, RawEntry};
use crate::layout::entry_key;
use crate::manifest::Manifest;
use crate::names::{Epoch, PlaneId, Process, Seq, WriteId};
use crate::newest::Newest;
use crate::output::{Cx, NotApplied, ReadId, Tickets};
use crate::peers::Watch;
use crate::request::{Ask, RequestId, StoreFailure, StoreOp, StoreReply};
use crate::tail::Tail;
use crate::time::Instant;
use crate::unhashed::Unhashed;
use crate::view::View;

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Journal {
    me: Process,
    pub(crate) view: View,
    /// The epoch in which this process validly leads.
    lead: Option<Epoch>,
    activity: Activity,
    /// An own batch whose slot was taken by an entry that is not valid: to the next slot, if it still leads.
    displaced: Option<Pending>,
    tail: Tail,
    notes: VecDeque<Note>,
    manifest: Option<Arc<Manifest>>,
    next_confirm: Instant,
    suspect: Option<Suspect>,
    survey: Option<Ask>,
    reads: VecDeque<(ReadId, Instant)>,
    loaded: bool,
    /// The folder of the next slot has been looked through for a hole.
    surveyed: bool,
    /// The last slot read when that look was sent.
    surveyed_at: Seq,
    /// What this process had read before it began again: the journal never gets shorter.
    seen: (Seq, Option<PlaneId>),
    /// When it was last asked, ahead of a claim, whether the last slot read is still there; and of which slot it was last found there, as of when.
    /// When belongs to suspicion, which may come at any time.
    head_asked: Unhashed<Option<Instant>>,
    head_seen: Option<(Seq, Unhashed<Instant>)>,
}

impl Journal {
    pub(crate) fn new(now: Instant, me: Process) -> Self {
        Self {
            me,
            view: View::empty(),
            lead: None,
            activity: Activity::Load(Newest::begin(now)),
            displaced: None,
            tail: Tail::begin(now),
            notes: VecDeque::new(),
            manifest: None,
            next_confirm: now,
            suspect: None,
            survey: None,
            reads: VecDeque::new(),
            loaded: false,
            surveyed: false,
            surveyed_at: Seq(0),
            seen: (Seq(0), None),
            head_asked: Unhashed(None),
            head_seen: None,
        }
    }

    /// Begins again after it halted.
    pub(crate) fn restart(&mut self, now: Instant) {
        let reads = core::mem::take(&mut self.reads);
        let notes = core::mem::take(&mut self.notes);
        let (pos, plane) = core::mem::take(&mut self.seen);
        let seen = (pos.max(self.view.pos), self.view.plane.take().or(plane));
        *self = Self {
            reads,
            notes,
            seen,
            ..Self::new(now, self.me.clone())
        };
    }

    pub(crate) fn pop_note(&mut self) -> Option<Note> {
        self.notes.pop_front()
    }

    /// The epoch in which this process leads, validated.
    pub(crate) fn lead(&self) -> Option<Epoch> {
        self.lead
    }

    /// Whose records matter to this node between two looks at all of them.
    pub(crate) fn watch(&self) -> Watch<'_> {
        if self.lead.is_some() {
            Watch::Everybody
        } else {
            Watch::Leader(self.view.leader.as_ref().map(|l| &l.process.node))
        }
    }

    /// Nothing is under way, and the view is loaded.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.activity, Activity::Idle) && self.displaced.is_none()
    }

    /// A first view stands.
    pub(crate) fn has_loaded(&self) -> bool {
        self.loaded
    }

    /// What the view says is not in doubt at the moment.
    pub(crate) fn is_settled(&self) -> bool {
        !matches!(
            self.activity,
            Activity::Load(_)
                | Activity::Confirm(_)
                | Activity::Validate { .. }
                | Activity::Stranger { .. }
                | Activity::Halted
        )
    }

    pub(crate) fn is_halted(&self) -> bool {
        matches!(self.activity, Activity::Halted)
    }

    /// An own entry is not decided yet.
    pub(crate) fn has_unresolved(&self) -> bool {
        self.displaced.is_some()
            || match &self.activity {
                Activity::Pending(_) => true,
                Activity::Validate {
                    claim: Validation::Claimed(_),
                    ..
                } => true,
                Activity::Stranger { mine, .. } => mine.is_some(),
                _ => false,
            }
    }

    /// An entry of this leader's own that is not decided yet.
    pub(crate) fn is_on_its_way(&self, write_id: WriteId) -> bool {
        let pending = match &self.activity {
            Activity::Pending(pending) => Some(pending),
            _ => self.displaced.as_ref(),
        };
        pending.is_some_and(|pending| pending.header.write_id == write_id)
    }

    /// The newest manifest that this node has read.
    pub(crate) fn newest_known(&self) -> Option<&Arc<Manifest>> {
        self.manifest.as_ref()
    }

    /// Reads the next slot no later than now.
    pub(crate) fn hurry(&mut self, now: Instant) {
        self.tail.hurry(now);
    }

    /// Confirms the view no later than then.
    pub(crate) fn confirm_by(&mut self, at: Instant) {
        self.next_confirm = self.next_confirm.min(at);
    }

    /// Asks for a proof that began at or after now.
    pub(crate) fn read(&mut self, now: Instant, read: ReadId) {
        self.reads.push_back((read, now));
        if self.tail.asked_since().is_none_or(|at| at < now) {
            self.tail.restart(now);
        }
    }

    /// Gives up all reads that wait.
    pub(crate) fn drop_reads(&mut self) -> impl Iterator<Item = ReadId> {
        core::mem::take(&mut self.reads).into_iter().map(|(read, _)| read)
    }

    /// Creates the journal. Only if it is empty.
    pub(crate) fn begin_plane(&mut self, cx: &mut Cx<'_>, plane: PlaneId) {
        debug_assert!(
            self.is_idle() && self.view.pos == Seq(0),
            "a plane begins in an empty journal"
        );
        let payload = Payload::Genesis {
            plane,
            format_level: FORMAT_LEVEL,
        };
        self.send(cx, Epoch(0), payload, None);
    }

    /// Looks, ahead of a claim that may come, whether the last slot read is still there: once for what happened at that time.
    pub(crate) fn look_at_head(&mut self, cx: &mut Cx<'_>, since: Instant) {
        if !self.is_idle() || self.view.pos == Seq(0) || self.head_asked.is_some_and(|at| at >= since) {
            return;
        }
        *self.head_asked = Some(cx.now);
        let (ask, then) = (Ask::Due(cx.now), AfterHead::Note { sent_at: cx.now });
        self.tail.restart(cx.now);
        self.activity = Activity::Head { ask, then };
        self.drive(cx);
    }

    /// Tries to become leader, after a look that the last slot read is still there; one that was made for what led to the claim will do.
    pub(crate) fn claim(&mut self, cx: &mut Cx<'_>, evidence: Evidence, uri: String) {
        debug_assert!(self.is_idle() && self.lead.is_none(), "a claim is an idle node's");
        let is_new = |at: Instant| cx.now.since(at) <= cx.config.heartbeat_timeout;
        let seen = self.head_seen.take();
        if seen.is_some_and(|(pos, at)| pos == self.view.pos && is_new(*at)) {
            self.tail.restart(cx.now);
            return self.send_claim(cx, evidence, uri);
        }
        let then = AfterHead::Claim { evidence, uri };
        self.tail.restart(cx.now);
        self.activity = Activity::Head {
            ask: Ask::Due(cx.now),
            then,
        };
        self.drive(cx);
    }

    /// Gives up a claim of which nothing has been sent yet.
    pub(crate) fn cancel_claim(&mut self, now: Instant) {
        if let Activity::Head {
            then: AfterHead::Claim { .. },
            ..
        } = &self.activity
        {
            self.activity = Activity::Idle;
            self.tail.restart(now);
            self.notes
                .push_back(Note::ClaimLost("told otherwise".to_string()));
        }
    }

    /// Appends as the leader.
    pub(crate) fn append(&mut self, cx: &mut Cx<'_>, payload: Payload, tickets: Option<Tickets>) {
        debug_assert!(self.is_idle(), "one create outstanding");
        let lead = self.lead.expect("only a leader appends");
        let epoch = if payload.kind() == Kind::Handover {
            lead.next()
        } else {
            lead
        };
        self.send(cx, epoch, payload, tickets);
    }

    fn send(&mut self, cx: &mut Cx<'_>, epoch: Epoch, payload: Payload, tickets: Option<Tickets>) {
        let write_id = cx.write_id();
        let at = (self.view.pos.next(), epoch, self.view.chain);
        self.start(
            cx,
            Pending::new(cx.now, self.me.clone(), at, write_id, payload, tickets),
        );
    }

    fn start(&mut self, cx: &mut Cx<'_>, pending: Pending) {
        if let Some(tickets) = pending.tickets {
            let Header {
                write_id,
                epoch,
                seq: slot,
                ..
            } = pending.header;
            self.notes.push_back(Note::Sent {
                tickets,
                write_id,
                epoch,
                slot,
            });
        }
        self.tail.restart(cx.now + cx.config.poll);
        self.activity = Activity::Pending(pending);
        self.drive(cx);
    }

    /// When this part of the machine wants attention.
    pub(crate) fn wake(&self) -> Option<Instant> {
        Some(match &self.activity {
            Activity::Halted => return None,
            Activity::Idle => {
                let survey = self.survey.map(Ask::wake);
                let wake = self.tail.wake().min(self.next_confirm);
                survey.map_or(wake, |s| s.min(wake))
            }
            Activity::Confirm(confirm) => confirm.wake(&self.tail),
            Activity::Load(newest) | Activity::Probe { newest, .. } => newest.wake(),
            Activity::Validate { newest, beside, .. } => {
                let wake = beside.as_ref().and_then(|b| b.wake());
                wake.map_or_else(|| newest.wake(), |at| at.min(newest.wake()))
            }
            Activity::Stranger { newest, .. } => newest.wake(),
            Activity::Pending(pending) => pending.wake(),
            Activity::Head { ask, .. } => ask.wake(),
        })
    }

    /// Sends what is due.
    pub(crate) fn drive(&mut self, cx: &mut Cx<'_>) {
        let next = self.view.pos.next();
        match &mut self.activity {
            Activity::Halted => {}
            Activity::Idle => {
                if let Some(pending) = self.displaced.take() {
                    self.retry_displaced(cx, pending);
                } else if self.next_confirm <= cx.now {
                    self.begin_confirm(cx, true);
                } else {
                    self.tail.drive(cx, next);
                    if let Some(ask) = &mut self.survey {
                        if ask.sent_at().is_none() {
                            self.surveyed_at = self.view.pos;
                        }
                        cx.drive(ask, || StoreOp::List {
                            folder: crate::layout::journal_folder(next),
                        });
                    }
                }
            }
            Activity::Confirm(confirm) => confirm.drive(cx, &mut self.tail, next),
            Activity::Load(newest) | Activity::Probe { newest, .. } => newest.drive(cx),
            Activity::Validate { newest, beside, .. } => {
                newest.drive(cx);
                if let Some(beside) = beside {
                    beside.drive(cx);
                }
            }
            Activity::Stranger { newest, .. } => newest.drive(cx),
            Activity::Pending(pending) => pending.drive(cx),
            Activity::Head { ask, .. } => {
                let key = entry_key(self.view.pos);
                if self.view.pos == Seq(0) {
                    self.head_is_there(cx);
                } else {
                    cx.drive(ask, || StoreOp::Get { key });
                }
            }
        }
    }

    fn retry_displaced(&mut self, cx: &mut Cx<'_>, pending: Pending) {
        if self.lead == Some(pending.header.epoch) && pending.kind() != Kind::Handover {
            let slot = self.view.pos.next();
            self.start(cx, pending.displaced(cx.now, slot));
        } else {
            self.not_applied(&pending, NotApplied::Fenced);
            self.drive(cx);
        }
    }

    /// Takes the store's answer, if it was to a request of this part.
    pub(crate) fn on_reply(&mut self, cx: &mut Cx<'_>, id: RequestId, reply: StoreReply) {
        match &mut self.activity {
            Activity::Pending(pending) => {
                let tried = pending.on_reply(cx, id, reply);
                self.on_tried(cx, tried);
            }
            Activity::Load(newest) if newest.is(id) => {
                let looked = newest.on_reply(cx, reply, self.manifest.as_ref());
                self.on_load(cx, looked);
            }
            Activity::Probe { newest, sent_at } if newest.is(id) => {
                let sent_at = *sent_at;
                let looked = newest.on_reply(cx, reply, self.manifest.as_ref());
                self.on_probe(cx, looked, sent_at);
            }
            Activity::Validate { newest, .. } if newest.is(id) => {
                let looked = newest.on_reply(cx, reply, self.manifest.as_ref());
                self.on_validate(cx, looked);
            }
            Activity::Validate {
                beside: Some(beside), ..
            } => beside.on_reply(cx, id, reply),
            Activity::Stranger { newest, .. } if newest.is(id) => {
                let looked = newest.on_reply(cx, reply, self.manifest.as_ref());
                self.on_stranger(cx, looked);
            }
            Activity::Confirm(confirm) if confirm.is(id) => {
                let looked = confirm.on_reply(cx, reply, self.manifest.as_ref());
                self.on_confirm(cx, looked);
            }
            Activity::Head { ask, .. } if ask.is(id) => self.on_head(cx, reply),
            Activity::Idle if self.survey.is_some_and(|s| s.is(id)) => self.on_survey(cx, reply),
            Activity::Idle | Activity::Confirm(_) => self.on_tail(cx, id, reply),
            _ => {}
        }
    }

    fn halt(&mut self, why: String, for_good: bool) {
        let tickets = match &self.activity {
            Activity::Validate { beside, .. } => beside.as_ref().and_then(|b| b.tickets()),
            Activity::Pending(pending) => pending.tickets,
            Activity::Stranger { mine, .. } => mine.as_ref().and_then(|p| p.tickets),
            _ => None,
        };
        let displaced = self.displaced.as_ref().and_then(|p| p.tickets);
        if let Some(tickets) = tickets.or(displaced) {
            self.notes.push_back(Note::Undecided { tickets });
        }
        self.displaced = None;
        self.lead = None;
        self.activity = Activity::Halted;
        self.notes.push_back(Note::Halted { why, for_good });
    }

    fn halt_on(&mut self, bad: &FormatError) {
        self.halt(bad.to_string(), false);
    }

    fn broken(&mut self, failure: &StoreFailure) {
        self.halt(failure.message.clone(), true);
    }

    fn not_applied(&mut self, pending: &Pending, why: NotApplied) {
        let (kind, tickets) = (pending.kind(), pending.tickets);
        self.notes.push_back(Note::NotApplied { kind, tickets, why });
    }

    fn parse(&self, slot: Seq, bytes: &[u8]) -> Result<RawEntry, FormatError> {
        RawEntry::parse(&entry_key(slot), slot, bytes)
    }

    fn proven(&mut self, as_of: Instant) {
        self.notes.push_back(Note::Proof { as_of });
        let seq = self.view.pos;
        while let Some((read, _)) = self
            .reads
            .front()
            .copied()
            .filter(|(_, arrived)| *arrived <= as_of)
        {
            self.reads.pop_front();
            self.notes.push_back(Note::ReadReady { read, seq });
        }
    }
}
