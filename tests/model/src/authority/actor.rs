//! One process whose clock runs: a production `Node`, its work on the world, and what it has asked of the store.

use std::hash::Hash;
use std::time::Duration;

use ha_proto::{
    Config, Epoch, Event, FailureKind, HostRequest, Input as To, Instant, Mode, Node, Output, Process,
    RequestId, Role, StoreFailure, StoreOp, StoreReply, boot_nonce,
};

use super::Bounds;
use crate::canon::{Canon, ORIGIN};
use crate::crew::{self, YEAR, name, seed};
use crate::tables::{Key, Tables};

/// A third of the time by which a slow clock moves in one tick, and a half of a lease of two.
pub(crate) const UNIT: Duration = Duration::from_secs(1000);

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Ask {
    Create(u32),
    Get(u8),
}

/// What reaches a process.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input {
    /// So many units have passed on its clock.
    Tick(u8),
    /// The answer to what it asks, by place.
    Reply(usize, Reply),
    Claim,
    Propose,
    /// It is told to let go.
    LetGo,
    Act,
    EndAct,
    Die,
    /// That process has exited, with all that it had running.
    Exited(u8),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Reply {
    Done,
    Exists,
    Absent,
    Object(u32),
    Lost,
}

impl Input {
    pub(crate) fn code(self) -> u64 {
        let (kind, a, b) = match self {
            Self::Tick(by) => (1, u64::from(by), 0),
            Self::Reply(at, Reply::Done) => (2, at as u64, 0),
            Self::Reply(at, Reply::Exists) => (3, at as u64, 0),
            Self::Reply(at, Reply::Absent) => (4, at as u64, 0),
            Self::Reply(at, Reply::Object(id)) => (5, at as u64, id),
            Self::Reply(at, Reply::Lost) => (6, at as u64, 0),
            Self::Claim => (7, 0, 0),
            Self::Propose => (8, 0, 0),
            Self::LetGo => (9, 0, 0),
            Self::Act => (10, 0, 0),
            Self::EndAct => (11, 0, 0),
            Self::Die => (12, 0, 0),
            Self::Exited(who) => (13, u64::from(who), 0),
        };
        kind << 56 | a << 40 | u64::from(b)
    }
}

/// What a step did to the world: what was sent to be created.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) creates: Vec<u32>,
}

/// Something that runs under this epoch, and ends no later than then.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Work {
    permit: u64,
    epoch: Epoch,
    until: Instant,
}

#[derive(Clone, Debug)]
pub(crate) struct Actor {
    pub(crate) node: Node,
    pub(crate) who: u8,
    now: Instant,
    pub(crate) asks: Vec<(RequestId, Ask)>,
    work: Option<Work>,
    pub(crate) dead: bool,
    /// Of whose exit it has been told.
    pub(crate) knows: u8,
    pub(crate) claiming: bool,
    pub(crate) open: bool,
    /// What it sent last to be created: the same again is nothing new.
    sent: u32,
    bounds: Bounds,
    pub(crate) pos: u8,
}

fn config(bounds: &Bounds) -> Config {
    let builder = Config::builder()
        .poll(Duration::from_millis(1))
        .heartbeat_timeout(YEAR * 50)
        .lease_ttl(UNIT * u32::from(bounds.ttl))
        .stop_grace(Duration::ZERO)
        .drift_ppm(333_333)
        .request_timeout(YEAR * 50)
        .confirm_period(YEAR * 50)
        .linger_percent(0)
        .snapshot_entries(u64::MAX)
        .snapshot_bytes(u64::MAX);
    builder.build().expect("these agree with each other")
}

/// Which process that is.
fn process(who: u8) -> Process {
    Process {
        node: name(who),
        nonce: boot_nonce(&seed(who, 0)),
    }
}

impl Actor {
    pub(crate) fn start(who: u8, bounds: Bounds, tables: &Tables<Self, Effects>) -> (Self, Effects) {
        let now = Instant::from_nanos(ORIGIN + 1_000_000 * 1_000_000_000);
        let mut actor = Self {
            node: Node::new(now, crew::identity(who, 0), config(&bounds)),
            who,
            now,
            asks: Vec::new(),
            work: None,
            dead: false,
            knows: 0,
            claiming: false,
            open: false,
            sent: 0,
            bounds,
            pos: 0,
        };
        let mut fx = Effects::default();
        actor.settle(&mut fx, tables);
        (actor, fx)
    }

    pub(crate) fn works(&self) -> bool {
        self.work.is_some()
    }

    pub(crate) fn may_act(&self) -> bool {
        !self.dead && self.node.act_authority(self.now).is_some()
    }

    /// What is left of its lease, in units.
    pub(crate) fn left(&self) -> Option<u64> {
        let until = self.node.act_authority(self.now)?.until;
        Some(until.since(self.now).as_secs() / UNIT.as_secs())
    }

    pub(crate) fn follows(&self) -> bool {
        let role = self.node.role(self.now);
        !self.claiming
            && self.node.write_authority().is_none()
            && matches!(role, Role::HotStandby | Role::HotBackup | Role::Standby)
    }

    /// What it waits for of the next slot; what is read ahead is read when its turn has come.
    pub(crate) fn waits_for(&self) -> Option<(usize, Ask)> {
        let next = |ask: &Ask| !matches!(ask, Ask::Get(slot) if *slot != self.pos + 1);
        let at = self.asks.iter().position(|(_, ask)| next(ask))?;
        Some((at, self.asks[at].1))
    }

    pub(crate) fn step(&self, input: Input, tables: &Tables<Self, Effects>) -> (Self, Effects) {
        let (mut actor, mut fx) = (self.clone(), Effects::default());
        actor.take(input, &mut fx, tables);
        if !actor.dead {
            actor.settle(&mut fx, tables);
        }
        (actor, fx)
    }

    fn follows_as(&self) -> Mode {
        if self.bounds.handovers > 0 {
            Mode::HotStandby
        } else {
            Mode::HotBackup
        }
    }

    fn take(&mut self, input: Input, fx: &mut Effects, tables: &Tables<Self, Effects>) {
        let now = self.now;
        match input {
            Input::Tick(units) => {
                self.now = now + UNIT * u32::from(units);
                self.end_overdue_work();
                if !self.dead {
                    self.node.handle_timeout(self.now);
                }
            }
            Input::Reply(at, reply) => {
                let (id, _) = self.asks.remove(at);
                let reply = match reply {
                    Reply::Done => StoreReply::Done,
                    Reply::Exists => StoreReply::Exists,
                    Reply::Absent => StoreReply::Absent {
                        folder_missing: false,
                    },
                    Reply::Object(id) => StoreReply::Bytes(tables.objects.get(id).bytes.clone()),
                    Reply::Lost => StoreReply::Failed(StoreFailure {
                        kind: FailureKind::OutcomeUnknown,
                        message: String::new(),
                    }),
                };
                self.node.handle_input(now, To::Store { id, reply });
            }
            Input::Claim => {
                self.claiming = true;
                let view = self.node.view();
                let leader = view.leader.as_ref().filter(|_| !view.released);
                let leader = leader.map(|l| l.process.clone());
                let told = self.node.change_mode(now, Mode::Master);
                self.drain(fx, tables);
                if let (Ok(()), Some(process)) = (told, leader) {
                    let evidence = crew::evidence(self.follows_as());
                    self.node.handle_input(now, To::Suspect { process, evidence });
                }
            }
            Input::Propose => self.open = self.node.propose(now, [1].into()).is_ok(),
            Input::LetGo => {
                let _told = self.node.change_mode(now, self.follows_as());
            }
            Input::Act => {
                let authority = self.node.act_authority(now);
                if let (Some(may), Some(permit)) = (authority, self.node.begin_act(now)) {
                    let (epoch, until) = (may.epoch, may.until);
                    self.work = Some(Work { permit, epoch, until });
                }
            }
            Input::EndAct => self.end_work(),
            Input::Die => {
                self.dead = true;
                self.asks.clear();
                if !self.bounds.orphans {
                    // The guard process sees the end of file, and ends what runs.
                    self.work = None;
                }
            }
            Input::Exited(who) => {
                self.knows |= 1 << who;
                self.node.handle_input(now, To::Exited(process(who)));
            }
        }
    }

    fn end_work(&mut self) {
        if let Some(work) = self.work.take()
            && !self.dead
        {
            self.node.end_act(self.now, work.permit);
        }
    }

    /// The guard process holds the deadline, and ends what runs.
    fn end_overdue_work(&mut self) {
        if !self.bounds.no_guard && self.work.is_some_and(|w| self.now >= w.until) {
            self.end_work();
        }
    }

    fn settle(&mut self, fx: &mut Effects, tables: &Tables<Self, Effects>) {
        self.drain(fx, tables);
        if self.claiming && self.node.write_authority().is_some() {
            self.claiming = false;
        }
        if self.follows() && self.node.mode() != self.follows_as() {
            let _told = self.node.change_mode(self.now, self.follows_as());
            self.drain(fx, tables);
        }
        // Each lease that is read prolongs what runs under it.
        let lease = self
            .node
            .act_authority(self.now)
            .map(|may| (may.epoch, may.until));
        let any = self.node.role_holds_until().filter(|_| self.bounds.untied);
        if let Some(work) = &mut self.work {
            let own = lease
                .filter(|(epoch, _)| *epoch == work.epoch)
                .map(|(_, until)| until);
            work.until = own.into_iter().chain(any).fold(work.until, Ord::max);
        }
        self.pos = u8::try_from(self.node.view().pos.0).expect("a model's journal is short");
        self.forget_dead_asks();
        self.asks.sort_by_key(|(id, ask)| (*ask, *id));
    }

    fn forget_dead_asks(&mut self) {
        let before = self.canon();
        let waits = |id: RequestId, ask: Ask| {
            let mut probe = self.clone();
            let failure = StoreFailure {
                kind: FailureKind::OutcomeUnknown,
                message: String::new(),
            };
            let reply = match ask {
                Ask::Create(_) => StoreReply::Done,
                Ask::Get(_) => StoreReply::Failed(failure),
            };
            probe.node.handle_input(probe.now, To::Store { id, reply });
            probe.canon() != before
        };
        let alive: Vec<_> = self
            .asks
            .iter()
            .filter(|(id, ask)| waits(*id, *ask))
            .copied()
            .collect();
        self.asks = alive;
    }

    fn drain(&mut self, fx: &mut Effects, tables: &Tables<Self, Effects>) {
        let mut inputs = std::collections::VecDeque::new();
        loop {
            while let Some(output) = self.node.poll_output() {
                match output {
                    Output::Store(request) => {
                        let id = request.id;
                        match self.ask(request.op, fx, tables) {
                            Ok(ask) => self.asks.push((id, ask)),
                            Err(reply) => inputs.push_back(To::Store { id, reply }),
                        }
                    }
                    Output::Host(HostRequest::Restore { load, .. }) => {
                        inputs.push_back(To::Restored { load, result: Ok(()) });
                    }
                    Output::Host(HostRequest::Barrier { id }) => inputs.push_back(To::Barrier { id }),
                    Output::Host(_) => {}
                    Output::Event(event) => self.event(&event),
                }
            }
            let Some(input) = inputs.pop_front() else {
                return;
            };
            self.node.handle_input(self.now, input);
        }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Durable { .. } | Event::NotApplied { .. } | Event::Undecided { .. } => self.open = false,
            Event::Note(note) if note.starts_with("claim not won") => self.claiming = false,
            _ => {}
        }
    }

    /// There are no snapshots here; what concerns records is answered at once.
    fn ask(
        &mut self,
        op: StoreOp,
        fx: &mut Effects,
        tables: &Tables<Self, Effects>,
    ) -> Result<Ask, StoreReply> {
        match op {
            StoreOp::Create { key, bytes } => {
                let object = tables.object(&key, &bytes);
                if std::mem::replace(&mut self.sent, object) != object {
                    fx.creates.push(object);
                }
                Ok(Ask::Create(object))
            }
            StoreOp::Get { key } if key.starts_with("nodes/") => {
                let who = key.bytes().last().unwrap_or(b'a') - b'a';
                // The first look finds a record, each later one a further heartbeat.
                let beat = 1 + u32::from(self.node.peers().contains_key(&name(who)));
                Err(StoreReply::Bytes(crew::record(who, 0, beat).into()))
            }
            StoreOp::Get { key } => match Key::parse(&key) {
                Some(Key::Slot(slot)) => Ok(Ask::Get(slot)),
                _ => Err(StoreReply::Absent {
                    folder_missing: false,
                }),
            },
            StoreOp::List { folder } if folder == "nodes" && self.bounds.handovers > 0 => {
                let others = (0..self.bounds.nodes).filter(|o| *o != self.who);
                Err(StoreReply::Names(others.map(|o| name(o).to_string()).collect()))
            }
            // The look for a hole: what it has read is there.
            StoreOp::List { folder } if folder.starts_with("journal/") => {
                let seqs = 1..=self.node.view().pos.0;
                Err(StoreReply::Names(seqs.map(|seq| format!("{seq:020}")).collect()))
            }
            StoreOp::List { .. } => Err(StoreReply::Names(Vec::new())),
            StoreOp::Put { .. } | StoreOp::Delete { .. } | StoreOp::GetRange { .. } => Err(StoreReply::Done),
        }
    }

    pub(crate) fn canon(&self) -> u128 {
        let unit = u64::try_from(UNIT.as_nanos()).expect("a unit is short");
        let ttl = u64::from(self.bounds.ttl);
        let mut canon = Canon::exact(self.now, (2 * ttl + 1) * unit, 2 * ttl * unit);
        if self.dead {
            (self.who, self.work.map(|w| w.until)).hash(&mut canon);
            return canon.finish128();
        }
        self.node.hash(&mut canon);
        self.asks.iter().for_each(|(_, a)| a.hash(&mut canon));
        let work = self.work.map(|w| (w.epoch, w.until));
        (self.who, work, self.knows, self.claiming, self.open).hash(&mut canon);
        canon.finish128()
    }
}
