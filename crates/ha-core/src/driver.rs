//! The tokio driver: one thread owns the machine and its clock, and asks the store for it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use ha_proto::{
    Epoch, Event, Input, Instant, Mode, Node, NodeId, NotApplied, Output, ReadId, Resolution, Role, Seq,
    Ticket, Tickets, WriteId,
};
use ha_store::Store;
use tokio::sync::{mpsc, oneshot};

use crate::call::{Answered, call};
use crate::clock::{BootClock, wall_ms};
use crate::error::{Append, ModeError, ReadError, Refusal, UnknownWrite};
use crate::meter::Meter;
use crate::permit::Acting;
use crate::plane::{RoleEvent, Shared};
use crate::publish::{Lately, publish};
use crate::state::Host;
use crate::then::Then;

/// What reaches the driver's thread.
pub(crate) enum Message {
    Input(Input),
    Append {
        epoch: Option<Epoch>,
        bytes: Arc<[u8]>,
        then: Then,
    },
    Applied {
        seq: Seq,
        reply: oneshot::Sender<Seq>,
    },
    ChangeMode {
        mode: Mode,
        reply: oneshot::Sender<Result<Role, ModeError>>,
    },
    SetPriority {
        priority: i64,
        reply: oneshot::Sender<i64>,
    },
    Forget {
        nodes: Vec<NodeId>,
    },
    Read {
        reply: oneshot::Sender<Result<Seq, ReadError>>,
    },
    Resolve {
        write: UnknownWrite,
        reply: oneshot::Sender<Resolution>,
    },
    BeginAct {
        reply: oneshot::Sender<Option<(Epoch, u64)>>,
    },
    EndAct(u64),
    Stop,
}

/// How many messages are taken before the machine is asked again.
const AT_ONCE: usize = 1024;
/// Waits shorter than this are not left to the timer, which counts whole milliseconds.
const SHORT: Duration = Duration::from_micros(900);
/// The wall clock is told to the machine so often.
const WALL_EVERY: Duration = Duration::from_secs(1);
/// A stop that the store delays is given up after the lease and this.
const STOP_SLACK: Duration = Duration::from_secs(2);

pub(crate) struct Driver {
    pub(crate) node: Node,
    pub(crate) clock: BootClock,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) host: Host,
    pub(crate) shared: Arc<Shared>,
    pub(crate) append_timeout: Duration,
    calls: FuturesUnordered<BoxFuture<'static, Answered>>,
    appends: BTreeMap<Ticket, Then>,
    append_deadlines: VecDeque<(Instant, Ticket)>,
    reads: BTreeMap<ReadId, (Instant, oneshot::Sender<Result<Seq, ReadError>>)>,
    changing: Option<(Role, oneshot::Sender<Result<Role, ModeError>>)>,
    /// Who waits for the state to reach a slot.
    barriers: Vec<(Seq, oneshot::Sender<Seq>)>,
    meter: Meter,
    lately: Lately,
    stop_by: Option<Instant>,
    stopped: bool,
}

impl Driver {
    pub(crate) fn new(
        node: Node,
        clock: BootClock,
        store: Arc<dyn Store>,
        host: Host,
        shared: Arc<Shared>,
        append_timeout: Duration,
    ) -> Self {
        Self {
            node,
            clock,
            store,
            host,
            shared,
            append_timeout,
            calls: FuturesUnordered::new(),
            appends: BTreeMap::new(),
            append_deadlines: VecDeque::new(),
            reads: BTreeMap::new(),
            changing: None,
            barriers: Vec::new(),
            meter: Meter::default(),
            lately: Lately::default(),
            stop_by: None,
            stopped: false,
        }
    }

    pub(crate) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Message>) {
        let mut wall_at = Instant::default();
        while !self.stopped {
            let now = self.clock.now();
            if self.clock.has_jumped() {
                tracing::warn!("the machine slept: the lease is over until the store has been read again");
                self.node.handle_input(now, Input::ClockJumped);
            }
            if now.since(wall_at) >= WALL_EVERY || wall_at == Instant::default() {
                wall_at = now;
                self.node.handle_input(now, Input::Wall(wall_ms()));
            }
            if self.changing.is_some() {
                // Before anybody is answered: who hears that a mode was taken finds its role.
                publish(&self.node, now, &self.shared, &mut self.lately, &self.meter);
            }
            self.drain(now);
            self.give_up_late(now);
            publish(&self.node, now, &self.shared, &mut self.lately, &self.meter);
            if self.stopped {
                break;
            }
            let wake = self.wake(now);
            tokio::select! {
                biased;
                Some(answered) = self.calls.next(), if !self.calls.is_empty() => self.on_answered(answered),
                message = inbox.recv() => match message {
                    Some(message) => self.on_messages(message, &mut inbox),
                    // Every handle is gone: stop in order.
                    None => self.stop(),
                },
                () = sleep(wake) => {
                    let now = self.clock.now();
                    self.node.handle_timeout(now);
                }
            }
        }
        self.finish();
    }

    fn wake(&self, now: Instant) -> Duration {
        let deadline = self.append_deadlines.front().map(|(at, _)| *at);
        let read = self.reads.values().map(|(at, _)| *at).min();
        let wake = [self.node.poll_timeout(), deadline, read, self.stop_by]
            .into_iter()
            .flatten()
            .min();
        wake.map_or(WALL_EVERY, |at| at.since(now))
    }

    fn on_answered(&mut self, answered: Answered) {
        self.meter.count(&answered);
        let now = self.clock.now();
        let Answered { id, reply, .. } = answered;
        self.node.handle_input(now, Input::Store { id, reply });
    }

    fn on_messages(&mut self, first: Message, inbox: &mut mpsc::UnboundedReceiver<Message>) {
        self.on_message(first);
        for _ in 0..AT_ONCE {
            let Ok(message) = inbox.try_recv() else { break };
            self.on_message(message);
        }
    }

    fn on_message(&mut self, message: Message) {
        let now = self.clock.now();
        match message {
            Message::Input(input) => self.node.handle_input(now, input),
            Message::Append { epoch, bytes, then } => self.append(now, epoch, bytes, then),
            Message::Applied { seq, reply } => self.barriers.push((seq, reply)),
            Message::ChangeMode { mode, reply } => {
                let before = self.node.role(now);
                match self.node.change_mode(now, mode) {
                    Ok(()) => self.changing = Some((before, reply)),
                    Err(refused) => answer(reply, Err(refused.into())),
                }
            }
            Message::SetPriority { priority, reply } => answer(reply, self.node.set_priority(now, priority)),
            Message::Forget { nodes } => self.node.forget_nodes(now, &nodes),
            Message::Read { reply } => {
                let read = self.node.read(now);
                self.reads.insert(read, (now + self.append_timeout, reply));
            }
            Message::Resolve {
                write:
                    UnknownWrite {
                        epoch,
                        slot,
                        write_id,
                    },
                reply,
            } => {
                answer(reply, self.node.resolve(epoch, slot, write_id));
            }
            Message::BeginAct { reply } => {
                let epoch = self.node.act_authority(now).map(|a| a.epoch);
                let permit = epoch.and_then(|epoch| Some((epoch, self.node.begin_act(now)?)));
                if let Err(Some((_, number))) = reply.send(permit) {
                    self.node.end_act(now, number);
                }
            }
            Message::EndAct(number) => self.node.end_act(now, number),
            Message::Stop => self.stop(),
        }
    }

    fn stop(&mut self) {
        if self.stop_by.is_none() {
            let now = self.clock.now();
            self.stop_by = Some(now + self.node.config().lease_ttl() + STOP_SLACK);
            self.node.stop(now);
        }
    }

    fn append(&mut self, now: Instant, epoch: Option<Epoch>, bytes: Arc<[u8]>, then: Then) {
        if epoch.is_some() && epoch != self.node.write_authority() {
            return then.tell(Append::Fenced(Refusal::Fenced));
        }
        match self.node.propose(now, bytes) {
            Ok(ticket) => {
                self.appends.insert(ticket, then);
                self.append_deadlines
                    .push_back((now + self.append_timeout, ticket));
                // It may have been sent at once: the event is in the queue.
            }
            Err(why) => then.tell(Append::Fenced(why.into())),
        }
    }

    /// Does what the machine wants done.
    fn drain(&mut self, now: Instant) {
        while let Some(output) = self.node.poll_output() {
            match output {
                Output::Store(request) => self.calls.push(Box::pin(call(self.store.clone(), request))),
                Output::Host(request) => {
                    if !self.host.send(request) {
                        tracing::error!("the thread that owns the state has ended: stopping this node");
                        self.stop();
                    }
                }
                Output::Event(event) => self.on_event(now, event),
            }
        }
        if let Some(applied) = self.node.applied().filter(|_| !self.barriers.is_empty()) {
            let (there, not_yet) = std::mem::take(&mut self.barriers)
                .into_iter()
                .partition(|(seq, _)| *seq <= applied);
            self.barriers = not_yet;
            let there: Vec<_> = there;
            there
                .into_iter()
                .for_each(|(seq, reply)| self.host.barrier(seq, reply));
        }
    }

    fn on_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Sent {
                tickets,
                write_id,
                epoch,
                slot,
            } => self.sent(tickets, write_id, epoch, slot),
            Event::Durable { tickets, seq, .. } => self.settle(tickets, |_| Append::Committed(seq)),
            Event::NotApplied { tickets, why } => {
                self.settle(tickets, |_| Append::Fenced(why.clone().into()))
            }
            Event::Undecided { tickets } => self.settle(tickets, undecided),
            Event::ReadReady { read, seq } => self.read_done(read, Ok(seq)),
            Event::ReadFailed(read) => self.read_done(read, Err(ReadError::Unavailable)),
            Event::RoleChanged { from, to, epoch, why } => {
                tracing::info!(%from, %to, %epoch, why, "role");
                self.lately.changed = true;
                // Without a listener there is nobody to tell.
                let _ = self.shared.roles.send(RoleEvent { role: to, epoch, why });
            }
            Event::LeaderChanged { epoch, leader } => match leader {
                Some(leader) => tracing::info!(%epoch, %leader, "leader"),
                None => tracing::info!(%epoch, "released"),
            },
            Event::FullGained(epoch) => tracing::info!(%epoch, "may act"),
            Event::FullLost(epoch) => tracing::info!(%epoch, "may not act any more"),
            Event::StateLoaded { seq, took } => {
                tracing::info!(%seq, ?took, "state loaded");
                self.meter.rebound(took);
            }
            Event::StateNotLoaded(why) => {
                tracing::warn!("state not loaded, trying again: {why}");
                self.meter.not_rebound(&why);
            }
            Event::ModeSettled(mode) => self.mode_settled(mode),
            Event::Refused(why) => {
                tracing::error!("{why}");
                self.shared.refused(&why);
            }
            Event::Stopped => self.stopped = true,
            Event::PlaneKnown(plane) => tracing::info!(%plane, "plane"),
            Event::Warning(what) => {
                if self.lately.is_news(now, &what) {
                    tracing::warn!("{what}");
                }
            }
            Event::Note(what) => tracing::info!("{what}"),
            other => tracing::debug!(?other, "event"),
        }
    }

    fn sent(&mut self, tickets: Tickets, write_id: WriteId, epoch: Epoch, slot: Seq) {
        for (_, then) in self.appends.range_mut(tickets.first..=tickets.last) {
            then.sent(UnknownWrite {
                epoch,
                slot,
                write_id,
            });
        }
    }

    fn settle(&mut self, tickets: Tickets, outcome: impl Fn(Option<UnknownWrite>) -> Append) {
        for number in tickets.first.0..=tickets.last.0 {
            if let Some(then) = self.appends.remove(&Ticket(number)) {
                let outcome = outcome(then.was_sent());
                then.tell(outcome);
            }
        }
        while self
            .append_deadlines
            .front()
            .is_some_and(|(_, t)| !self.appends.contains_key(t))
        {
            self.append_deadlines.pop_front();
        }
    }

    fn read_done(&mut self, read: ReadId, result: Result<Seq, ReadError>) {
        if let Some((_, reply)) = self.reads.remove(&read) {
            answer(reply, result);
        }
    }

    fn mode_settled(&mut self, mode: Mode) {
        if let Some((before, reply)) = self.changing.take() {
            tracing::info!(%mode, "mode taken");
            answer(reply, Ok(before));
        }
        self.lately.changed = true;
    }

    /// Answers those who have waited long enough.
    fn give_up_late(&mut self, now: Instant) {
        while let Some((at, ticket)) = self.append_deadlines.front().copied() {
            if at > now {
                break;
            }
            self.append_deadlines.pop_front();
            let Some(then) = self.appends.remove(&ticket) else {
                continue;
            };
            let outcome = if self.node.withdraw(ticket) {
                Append::Fenced(Refusal::Store("earlier writes were not answered in time".into()))
            } else {
                undecided(then.was_sent())
            };
            then.tell(outcome);
        }
        let late: Vec<ReadId> = self
            .reads
            .iter()
            .filter(|(_, (at, _))| *at <= now)
            .map(|(r, _)| *r)
            .collect();
        late.into_iter()
            .for_each(|read| self.read_done(read, Err(ReadError::Unavailable)));
        if self.changing.is_some()
            && self.node.mode() != Mode::Disabled
            && let Some(failure) = self.node.failure().map(str::to_owned)
            && let Some((_, reply)) = self.changing.take()
        {
            answer(reply, Err(ModeError::NotReached(failure)));
        }
        if self.stop_by.is_some_and(|at| at <= now) {
            tracing::warn!(
                "stopping without the store's word: others take over when they find this node silent"
            );
            self.stopped = true;
        }
    }

    fn finish(mut self) {
        let now = self.clock.now();
        // Who waits is told so by that.
        self.appends.clear();
        for (_, (_, reply)) in std::mem::take(&mut self.reads) {
            answer(reply, Err(ReadError::Stopped));
        }
        if let Some((_, reply)) = self.changing.take() {
            answer(reply, Err(ModeError::Stopped));
        }
        self.lately.changed = true;
        publish(&self.node, now, &self.shared, &mut self.lately, &self.meter);
        self.shared.acting.send_replace(None::<Acting>);
        self.shared.stopped.send_replace(true);
        tracing::info!("stopped");
    }
}

fn undecided(sent: Option<UnknownWrite>) -> Append {
    match sent {
        Some(write) => Append::Unknown(write),
        None => Append::Fenced(NotApplied::NotLeader.into()),
    }
}

fn answer<T>(to: oneshot::Sender<T>, with: T) {
    // Whoever asked has gone: the answer is for nobody.
    let _ = to.send(with);
}

async fn sleep(time: Duration) {
    if time < SHORT {
        // The loop comes round and looks at the clock again; whoever is waited for may need this core.
        std::thread::yield_now();
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(time).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_takes_as_long_as_was_asked_for() {
        let (began, wait) = (std::time::Instant::now(), SHORT * 20);
        sleep(wait).await;
        assert!(began.elapsed() >= wait);
    }
}
