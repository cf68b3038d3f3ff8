//! A deterministic world: one store, some nodes with clocks of their own, one line of events drawn from a seed.
#![allow(dead_code, unreachable_pub)]

pub mod check;
pub mod faults;
pub mod hand;
pub mod host;
pub mod member;
pub mod operator;
pub mod rng;
pub mod store;
pub mod truth;

use std::cmp::Reverse;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BinaryHeap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

pub use ha_proto::Instant;
use ha_proto::{
    Config, Event, FailureKind, HostRequest, Input, Mode, Output, ReadId, Role, Seq, StoreFailure, StoreOp,
    StoreReply, StoreRequest, layout,
};

use check::acts::Acts;
pub use faults::Faults;
pub use member::Member;
use rng::Rng;
use store::Store;
use truth::Truth;

/// Microseconds of real time.
pub type Micros = u64;
pub const MS: Micros = 1_000;
pub const SEC: Micros = 1_000_000;

/// Which process of which node.
pub type Who = (usize, u64);

#[derive(Debug)]
pub enum Ev {
    /// A request reaches the store.
    Reaches {
        who: Who,
        request: StoreRequest,
        back: Option<Micros>,
        unknown: bool,
    },
    /// What was sent once reaches the store again; nobody waits for an answer.
    Again(StoreOp),
    /// Something comes to a node.
    Comes {
        who: Who,
        input: Input,
    },
    Wake {
        who: Who,
        generation: u64,
    },
    ActEnds {
        who: Who,
        act: u64,
        generation: u64,
    },
    /// A node hears that its act has ended.
    Heard(usize),
    Restart(usize),
    /// A sleeper is about to wake.
    Haunt(usize),
    Operator,
}

/// What happened, in numbers: a run in which nothing did proves nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub events: u64,
    pub requests: u64,
    pub takeovers: u64,
    pub handovers: u64,
    pub acknowledged: u64,
    pub refused: u64,
    pub reads: u64,
    pub acts: u64,
    pub snapshots: u64,
    pub collected: u64,
    pub loads: u64,
    pub junk: u64,
    pub crashes: u64,
    pub pauses: u64,
    pub faults: u64,
    /// Creates that landed again in slots that had been collected.
    pub haunted: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, o: Self) {
        self.events += o.events;
        self.requests += o.requests;
        self.takeovers += o.takeovers;
        self.handovers += o.handovers;
        self.acknowledged += o.acknowledged;
        self.refused += o.refused;
        self.reads += o.reads;
        self.acts += o.acts;
        self.snapshots += o.snapshots;
        self.collected += o.collected;
        self.loads += o.loads;
        self.junk += o.junk;
        self.crashes += o.crashes;
        self.pauses += o.pauses;
        self.faults += o.faults;
        self.haunted += o.haunted;
    }
}

pub struct World {
    pub seed: u64,
    pub now: Micros,
    pub rng: Rng,
    queue: BinaryHeap<Reverse<(Micros, u64)>>,
    events: BTreeMap<u64, Ev>,
    next_event: u64,
    pub store: Store,
    pub truth: Truth,
    pub members: Vec<Member>,
    pub config: Config,
    pub faults: Faults,
    pub acts: Acts,
    pub acked: Seq,
    pub next_change: u64,
    pub tally: Tally,
    /// Acts are begun by whoever may.
    pub acting: bool,
    pub operators: bool,
    trace: DefaultHasher,
    pub log: Option<Vec<String>>,
    /// Requests by kind.
    pub asked: BTreeMap<&'static str, u64>,
    /// What nodes have warned of.
    pub warnings: Vec<(usize, String)>,
    /// Every create of an entry that was ever sent, by slot: any of them may land again.
    sent: BTreeMap<Seq, Vec<StoreOp>>,
}

pub fn config() -> ha_proto::ConfigBuilder {
    let ms = Duration::from_millis;
    Config::builder()
        .poll(ms(100))
        .heartbeat_timeout(ms(300))
        .lease_ttl(ms(600))
        .drift_ppm(10_000)
        .confirm_period(ms(1000))
        .snapshot_entries(10)
}

impl World {
    pub fn new(seed: u64, config: Config) -> Self {
        Self {
            seed,
            now: SEC,
            rng: Rng::new(seed),
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            next_event: 0,
            store: Store::default(),
            truth: Truth::default(),
            asked: BTreeMap::new(),
            warnings: Vec::new(),
            members: Vec::new(),
            config,
            faults: Faults::none(),
            acts: Acts::default(),
            acked: Seq(0),
            next_change: 1,
            tally: Tally::default(),
            acting: false,
            operators: false,
            trace: DefaultHasher::new(),
            sent: BTreeMap::new(),
            log: std::env::var("HA_LOG").is_ok().then(Vec::new),
        }
    }

    /// A world of `n` nodes of one mode, none started yet.
    pub fn quiet(seed: u64, modes: &[Mode]) -> Self {
        let mut w = Self::new(seed, config().build().expect("these settings agree"));
        for mode in modes {
            w.add(*mode);
        }
        w
    }

    pub fn add(&mut self, mode: Mode) -> usize {
        let i = self.members.len();
        let member = Member::new(i, mode, &mut self.rng, self.faults.drift_ppm);
        self.members.push(member);
        i
    }

    pub fn at(&mut self, at: Micros, ev: Ev) {
        let at = at.max(self.now);
        self.next_event += 1;
        self.queue.push(Reverse((at, self.next_event)));
        self.events.insert(self.next_event, ev);
    }

    pub fn note(&mut self, words: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            let line = format!("{:>10.3} {}", self.now as f64 / 1e3, words());
            println!("{line}");
            log.push(line);
        }
    }

    pub fn start(&mut self, i: usize) {
        let seed = self.rng.bytes32();
        let now = self.now;
        self.members[i].start(now, seed, &self.config);
        self.note(|| format!("n{i} starts"));
        self.drain(i);
    }

    pub fn start_all(&mut self) {
        (0..self.members.len()).for_each(|i| self.start(i));
    }

    pub fn crash(&mut self, i: usize) {
        self.note(|| format!("n{i} crashes"));
        self.tally.crashes += 1;
        self.members[i].node = None;
        self.members[i].paused_until = 0;
        self.members[i].host = host::Host::default();
        // What it had running goes on to its deadline: `ActEnds` is on its way.
    }

    pub fn pause(&mut self, i: usize, until: Micros) {
        let millis = (until - self.now) / MS;
        self.note(|| format!("n{i} pauses for {millis} ms"));
        self.tally.pauses += 1;
        self.members[i].paused_until = until;
        if self.faults.again > 0 {
            self.at(until - 1, Ev::Haunt(i));
        }
    }

    /// Lets the world go on until then.
    pub fn run_until(&mut self, until: Micros) {
        while let Some(Reverse((at, id))) = self.queue.peek().copied() {
            if at > until {
                break;
            }
            self.queue.pop();
            self.now = at;
            let ev = self.events.remove(&id).expect("an event is taken once");
            self.tally.events += 1;
            self.happen(ev);
        }
        self.now = until;
    }

    pub fn run_for(&mut self, micros: Micros) {
        self.run_until(self.now + micros);
    }

    /// What was sent long ago for the slots behind a sleeper's view lands again, just before it wakes.
    fn haunt(&mut self, i: usize) {
        let Some(node) = &self.members[i].node else { return };
        let next = node.view().pos.0 + 1;
        for slot in (next..next + 1 + self.rng.below(4)).map(Seq) {
            let sent = self.sent.get(&slot).map_or(0, Vec::len);
            if sent > 0 && self.rng.chance(8000) {
                let which = self.rng.below(sent as u64) as usize;
                let op = self.sent[&slot][which].clone();
                self.tally.haunted += u64::from(self.carry_out(&op) == StoreReply::Done);
            }
        }
    }

    fn is_live(&self, who: Who) -> bool {
        let member = &self.members[who.0];
        member.boots == who.1 && member.node.is_some()
    }

    fn happen(&mut self, ev: Ev) {
        match ev {
            Ev::Reaches {
                who,
                request,
                back,
                unknown,
            } => self.reaches(who, request, back, unknown),
            Ev::Again(op) => {
                self.carry_out(&op);
            }
            Ev::Comes { who, input } => {
                if !self.is_live(who) {
                    return;
                }
                let until = self.members[who.0].paused_until;
                if until > self.now {
                    return self.at(until, Ev::Comes { who, input });
                }
                let now = self.members[who.0].clock(self.now);
                self.members[who.0].live().handle_input(now, input);
                self.drain(who.0);
            }
            Ev::Wake { who, generation } => {
                let member = &self.members[who.0];
                if !self.is_live(who) || member.wake_generation != generation {
                    return;
                }
                if member.paused_until > self.now {
                    return self.at(member.paused_until, Ev::Wake { who, generation });
                }
                let now = self.members[who.0].clock(self.now);
                self.members[who.0].live().handle_timeout(now);
                self.drain(who.0);
            }
            Ev::ActEnds { who, act, generation } => self.act_ends(who, act, generation),
            Ev::Haunt(i) => self.haunt(i),
            Ev::Heard(i) if self.members[i].paused_until > self.now => {
                self.at(self.members[i].paused_until, Ev::Heard(i));
            }
            Ev::Heard(i) => self.deliver_ended(i),
            Ev::Restart(i) => {
                if self.members[i].node.is_none() {
                    self.start(i);
                }
            }
            Ev::Operator => self.operate(),
        }
    }

    fn carry_out(&mut self, op: &StoreOp) -> StoreReply {
        let reply = self.store.carry_out(op);
        match (op, &reply) {
            (StoreOp::Create { key, .. }, StoreReply::Done) => {
                if key.starts_with("journal/") {
                    let before = self.truth.takeovers.len();
                    self.truth.created(&self.store.objects);
                    if self.truth.takeovers.len() > before {
                        self.tally.takeovers += 1;
                    }
                } else if key.starts_with(layout_snapshots()) {
                    self.tally.snapshots += 1;
                    check::manifests::newest_is_whole(&self.store, &self.truth);
                }
            }
            (StoreOp::Delete { key }, _) => {
                if key.starts_with("journal/") {
                    self.tally.collected += 1;
                    check::manifests::was_not_needed(&self.store, key);
                } else {
                    check::manifests::newest_is_whole(&self.store, &self.truth);
                }
            }
            _ => {}
        }
        reply
    }

    fn reaches(&mut self, who: Who, request: StoreRequest, back: Option<Micros>, unknown: bool) {
        let reply = self.carry_out(&request.op);
        self.note(|| {
            format!(
                "   store: n{} {:?} -> {}",
                who.0,
                brief(&request.op),
                brief_reply(&reply)
            )
        });
        let Some(back) = back else { return };
        let reply = if unknown {
            let message = String::from("the answer was lost");
            StoreReply::Failed(StoreFailure {
                kind: FailureKind::OutcomeUnknown,
                message,
            })
        } else {
            reply
        };
        let input = Input::Store {
            id: request.id,
            reply,
        };
        if self.faults.twice(&mut self.rng) {
            let later = self.faults.latency(&mut self.rng) * 3;
            self.at(
                self.now + back + later,
                Ev::Comes {
                    who,
                    input: input.clone(),
                },
            );
        }
        self.at(self.now + back, Ev::Comes { who, input });
    }

    /// Does all that a node asks for, and finds out when to come back.
    pub fn drain(&mut self, i: usize) {
        for round in 0.. {
            assert!(round < 50, "n{i} wants to be called again and again: a busy loop");
            let asked = self.drain_outputs(i);
            let member = &mut self.members[i];
            let Some(node) = &mut member.node else { return };
            let local = Member::clock_of(member.origin, member.rate_ppm, self.now);
            match node.poll_timeout() {
                None => return,
                Some(at) if at > local => break,
                Some(at) => {
                    assert!(
                        asked || round < 3,
                        "n{i} wants attention at {at:?}, it is {local:?}, and nothing comes of it"
                    );
                    node.handle_timeout(local);
                }
            }
        }
        self.look(i);
        let member = &mut self.members[i];
        let Some(at) = member.node.as_ref().and_then(ha_proto::Node::poll_timeout) else {
            return;
        };
        let at = member.real(at).max(self.now + 1);
        if member.wake_at != at {
            member.wake_at = at;
            member.wake_generation += 1;
            let (who, generation) = (member.who(), member.wake_generation);
            self.at(at, Ev::Wake { who, generation });
        }
    }

    fn drain_outputs(&mut self, i: usize) -> bool {
        let mut any = false;
        loop {
            let Some(node) = self.members[i].node.as_mut() else {
                return any;
            };
            let Some(output) = node.poll_output() else {
                return any;
            };
            any |= !matches!(output, Output::Event(Event::Warning(_) | Event::Note(_)));
            (self.now, i, &output).hash(&mut self.trace);
            match output {
                Output::Store(request) => self.send(i, request),
                Output::Host(request) => self.own(i, request),
                Output::Event(Event::Warning(said)) => self.warnings.push((i, said)),
                Output::Event(event) => self.told(i, event),
            }
        }
    }

    fn send(&mut self, i: usize, request: StoreRequest) {
        self.tally.requests += 1;
        *self.asked.entry(kind(&request.op)).or_default() += 1;
        let member = &mut self.members[i];
        let local = member.clock(self.now);
        check::takeovers::may_ask(
            member.node.as_ref().expect("it has just asked"),
            local,
            &request.op,
            &mut member.sent,
        );
        let who = member.who();
        let fate = self.faults.fate(&mut self.rng, &request.op);
        // What the store has certainly not carried out does not land later either.
        let lands = fate.fails.is_none_or(|k| k == FailureKind::OutcomeUnknown);
        if let (true, StoreOp::Create { key, .. }) = (lands, &request.op)
            && let Some(seq) = key.strip_prefix("journal/").and_then(|k| layout::seq_of(&k[9..]))
        {
            let sent = self.sent.entry(seq).or_default();
            if !sent.contains(&request.op) {
                sent.push(request.op.clone());
            }
        }
        self.tally.faults += u64::from(fate.is_fault);
        for later in fate.again {
            self.at(self.now + later, Ev::Again(request.op.clone()));
        }
        if let Some(kind) = fate.fails {
            let message = String::from("the store says no");
            let reply = StoreReply::Failed(StoreFailure { kind, message });
            let input = Input::Store {
                id: request.id,
                reply,
            };
            return self.at(self.now + fate.there, Ev::Comes { who, input });
        }
        if let Some(back) = fate.back {
            let back = (!fate.silent).then_some(back);
            self.at(
                self.now + fate.there,
                Ev::Reaches {
                    who,
                    request,
                    back,
                    unknown: fate.unknown,
                },
            );
        }
    }

    fn own(&mut self, i: usize, request: HostRequest) {
        let who = self.members[i].who();
        let delay = 1 + self.rng.below(2 * MS);
        match request {
            HostRequest::Unload => self.members[i].host = host::Host::default(),
            HostRequest::Restore { load, parts, seq } => {
                self.tally.loads += 1;
                self.note(|| format!("n{i} restores slot {seq}"));
                let host = &mut self.members[i].host;
                host.restore(&parts);
                check::prefix::holds(&self.truth, &host.state, &format!("n{i}, restored at {seq}"));
                self.at(
                    self.now + delay,
                    Ev::Comes {
                        who,
                        input: Input::Restored { load, result: Ok(()) },
                    },
                );
            }
            HostRequest::Apply(entry) => {
                let host = &mut self.members[i].host;
                assert!(host.loaded, "I5: an entry is applied to no state");
                host.apply(&entry);
                check::prefix::holds_at_end(&self.truth, &host.state, &format!("n{i} at slot {}", entry.seq));
            }
            HostRequest::Snapshot { id, .. } => {
                let parts = self.members[i].host.snapshot();
                self.at(
                    self.now + delay,
                    Ev::Comes {
                        who,
                        input: Input::Snapshot { id, parts },
                    },
                );
            }
        }
    }

    fn told(&mut self, i: usize, event: Event) {
        self.note(|| format!("n{i} {event:?}"));
        let member = &mut self.members[i];
        match event {
            Event::Durable {
                tickets,
                seq,
                write_id,
            } => {
                for t in tickets.first.0..=tickets.last.0 {
                    let change = member.tickets.remove(&t).expect("a ticket is answered once");
                    check::acks::durable(&self.truth, change, seq, write_id);
                    self.tally.acknowledged += 1;
                }
                self.acked = self.acked.max(seq);
            }
            Event::NotApplied { tickets, .. } => {
                for t in tickets.first.0..=tickets.last.0 {
                    let change = member.tickets.remove(&t).expect("a ticket is answered once");
                    check::acks::not_applied(&mut self.truth, change);
                    self.tally.refused += 1;
                }
            }
            Event::Undecided { tickets } => {
                for t in tickets.first.0..=tickets.last.0 {
                    member.tickets.remove(&t).expect("a ticket is answered once");
                }
            }
            Event::ReadReady { read, seq } => {
                if let Some(before) = member.reads.remove(&read) {
                    check::reads::is_fresh(seq, before);
                    self.tally.reads += 1;
                }
            }
            Event::ReadFailed(read) => {
                member.reads.remove(&read);
            }
            Event::Stopped => {
                member.stopped = true;
                member.node = None;
                member.host = host::Host::default();
            }
            _ => {}
        }
    }

    /// After everything a node has done: is what it believes true? And does it act?
    fn look(&mut self, i: usize) {
        let member = &self.members[i];
        let Some(node) = &member.node else { return };
        check::takeovers::leads_truly(node, &self.truth);
        let local = member.clock(self.now);
        if node.role(local) == Role::Master {
            assert!(node.applied().is_some(), "I8: MASTER before its rebind");
        }
        if let Some(authority) = node.act_authority(local) {
            let who = member.who();
            let until = member.real_before(authority.until);
            if self.acts.by(who) {
                let held = self.members[i].act.as_mut().expect("it acts");
                if held.epoch == authority.epoch && until > held.until {
                    held.until = until;
                    held.generation += 1;
                    let (act, generation) = (held.act, held.generation);
                    let ends = self.now + self.rng.below(until.saturating_sub(self.now).max(1)) + 1;
                    self.at(ends.min(until), Ev::ActEnds { who, act, generation });
                }
            } else if self.acting && self.members[i].act.is_none() && self.rng.chance(3000) {
                let now = self.members[i].clock(self.now);
                let act = self.members[i].live().begin_act(now).expect("it may act");
                self.acts.begin(who, authority.epoch.0);
                self.tally.acts += 1;
                self.members[i].act = Some(member::Act {
                    act,
                    epoch: authority.epoch,
                    until,
                    generation: 0,
                });
                // Some end early, most by the deadline.
                let ends = if self.rng.chance(7000) {
                    until
                } else {
                    self.now + self.rng.below(until.saturating_sub(self.now).max(1))
                };
                self.at(
                    ends.max(self.now),
                    Ev::ActEnds {
                        who,
                        act,
                        generation: 0,
                    },
                );
            }
        }
    }

    fn act_ends(&mut self, who: Who, act: u64, generation: u64) {
        let member = &mut self.members[who.0];
        let current = self.acts.by(who)
            && (member.boots != who.1
                || member
                    .act
                    .as_ref()
                    .is_none_or(|a| a.act == act && a.generation == generation));
        if !current {
            return;
        }
        self.acts.end(who);
        let alive = self.is_live(who);
        let member = &mut self.members[who.0];
        if member.boots == who.1 {
            member.act = None;
        }
        if alive {
            self.members[who.0].ended.push(act);
            let heard = self.now.max(self.members[who.0].paused_until);
            self.at(heard, Ev::Heard(who.0));
        }
    }

    /// A paused node hears later that its act has ended.
    pub fn deliver_ended(&mut self, i: usize) {
        let member = &mut self.members[i];
        if member.paused_until > self.now || member.node.is_none() {
            return;
        }
        let now = member.clock(self.now);
        for act in std::mem::take(&mut self.members[i].ended) {
            self.members[i].live().end_act(now, act);
            self.drain(i);
            if self.members[i].node.is_none() {
                return;
            }
        }
    }

    // What tests do and ask.

    pub fn propose(&mut self, i: usize) -> Option<u64> {
        let now = self.members[i].clock(self.now);
        let change = self.next_change;
        let bytes: Arc<[u8]> = Arc::from(&change.to_le_bytes()[..]);
        let member = &mut self.members[i];
        let ticket = member.node.as_mut()?.propose(now, bytes).ok()?;
        self.next_change += 1;
        member.tickets.insert(ticket.0, change);
        self.drain(i);
        Some(change)
    }

    pub fn read(&mut self, i: usize) -> Option<ReadId> {
        let now = self.members[i].clock(self.now);
        let read = self.members[i].node.as_mut()?.read(now);
        let acked = self.acked;
        self.members[i].reads.insert(read, acked);
        self.drain(i);
        Some(read)
    }

    pub fn change_mode(&mut self, i: usize, mode: Mode) -> bool {
        self.note(|| format!("n{i} is told to be {mode}"));
        let now = self.members[i].clock(self.now);
        let Some(node) = self.members[i].node.as_mut() else {
            return false;
        };
        let taken = node.change_mode(now, mode).is_ok();
        self.drain(i);
        taken
    }

    pub fn stop(&mut self, i: usize) {
        self.note(|| format!("n{i} is told to stop"));
        let now = self.members[i].clock(self.now);
        if let Some(node) = self.members[i].node.as_mut() {
            node.stop(now);
            self.drain(i);
        }
    }

    pub fn input(&mut self, i: usize, input: Input) {
        let now = self.members[i].clock(self.now);
        if let Some(node) = self.members[i].node.as_mut() {
            node.handle_input(now, input);
            self.drain(i);
        }
    }

    pub fn role(&self, i: usize) -> Option<Role> {
        let member = &self.members[i];
        member.node.as_ref().map(|n| n.role(member.clock(self.now)))
    }

    pub fn roles(&self) -> Vec<Role> {
        (0..self.members.len())
            .map(|i| self.role(i).unwrap_or(Role::Terminated))
            .collect()
    }

    pub fn masters(&self) -> Vec<usize> {
        (0..self.members.len())
            .filter(|i| self.role(*i) == Some(Role::Master))
            .collect()
    }

    pub fn master(&self) -> usize {
        let masters = self.masters();
        assert_eq!(masters.len(), 1, "one master, and not {:?}", self.roles());
        masters[0]
    }

    pub fn may_act(&self, i: usize) -> bool {
        let member = &self.members[i];
        member
            .node
            .as_ref()
            .is_some_and(|n| n.act_authority(member.clock(self.now)).is_some())
    }

    /// Runs until something holds; says how long that took.
    pub fn until(&mut self, what: &str, within: Micros, holds: impl Fn(&Self) -> bool) -> Micros {
        let began = self.now;
        while !holds(self) {
            assert!(
                self.now - began <= within,
                "{what}: not within {} ms; seed {}, roles {:?}",
                within / MS,
                self.seed,
                self.roles()
            );
            self.run_for(MS);
        }
        self.now - began
    }

    pub fn trace(&self) -> u64 {
        self.trace.finish()
    }

    pub fn finish(&mut self) -> Tally {
        self.tally.junk = self.truth.junk;
        self.tally.handovers = self
            .truth
            .valid
            .values()
            .filter(|(_, k)| *k == ha_proto::Kind::Handover)
            .count() as u64;
        self.tally
    }
}

fn layout_snapshots() -> &'static str {
    "snapshot/"
}

fn kind(op: &StoreOp) -> &'static str {
    match op {
        StoreOp::Create { .. } => "create",
        StoreOp::Put { .. } => "put",
        StoreOp::Get { .. } | StoreOp::GetRange { .. } => "get",
        StoreOp::List { .. } => "list",
        StoreOp::Delete { .. } => "delete",
    }
}

fn brief(op: &StoreOp) -> String {
    match op {
        StoreOp::Create { key, bytes } => match ha_proto::RawEntry::peek(bytes) {
            Some(h) => format!(
                "create {key} {:?} e{} {}",
                h.kind,
                h.epoch,
                &h.write_id.to_string()[..4]
            ),
            None => format!("create {key}"),
        },
        StoreOp::Put { key, .. } => format!("put {key}"),
        StoreOp::Get { key } | StoreOp::GetRange { key, .. } => format!("get {key}"),
        StoreOp::List { folder } => format!("list {folder}"),
        StoreOp::Delete { key } => format!("delete {key}"),
    }
}

fn brief_reply(reply: &StoreReply) -> String {
    match reply {
        StoreReply::Bytes(b) => format!("{} bytes", b.len()),
        other => format!("{other:?}"),
    }
}
