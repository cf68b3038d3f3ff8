//! One process: a production `Node`, its owner of state, and what it has asked of the store. Everything in here is a function of the node's own past.

use std::hash::Hash;
use std::time::Duration;

use ha_proto::{
    Config, Digest, Epoch, Event, HostRequest, Instant, Mode, Node, Output, RequestId, Role, SnapshotParts,
    StoreFailure, StoreOp, StoreReply, WriteId,
};

use super::bounds::Bounds;
use crate::canon::{Canon, ORIGIN, SOON};
use crate::crew::{self, YEAR, name};
use crate::tables::{Key, Tables};

/// What a node waits for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Ask {
    Create(u32),
    Get(Key),
    /// The first bytes of an entry.
    Peek(Key),
    Manifests,
    PartFolders,
    /// The parts of one snapshot.
    Parts(u8, WriteId),
    /// The slots of the journal.
    Slots,
}

/// What reaches a process.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input {
    /// The answer to what it asks, by place in the list of asks.
    Reply(usize, Reply),
    /// It is told to take over, and that the leader's address refuses.
    Claim,
    Propose,
    /// It is told to let go, and no other node is on record.
    Release,
    /// It is told to let go, and this node is on record, by its process.
    Handover(u8, u8),
    /// The slow period is over.
    Confirm,
    Read,
    /// The owner answers the request for a snapshot.
    Snapshot,
    /// The owner cannot go on with the state.
    Unusable,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Reply {
    Done,
    Exists,
    Absent,
    Object(u32),
    Names(u32),
}

impl Input {
    /// Under which number the memory of steps knows it.
    pub(crate) fn code(self) -> u64 {
        let (kind, a, b) = match self {
            Self::Reply(at, reply) => {
                let (kind, id) = match reply {
                    Reply::Done => (0, 0),
                    Reply::Exists => (1, 0),
                    Reply::Absent => (2, 0),
                    Reply::Object(id) => (3, id),
                    Reply::Names(id) => (4, id),
                };
                (kind, at as u64, id)
            }
            Self::Claim => (16, 0, 0),
            Self::Propose => (17, 0, 0),
            Self::Release => (18, 0, 0),
            Self::Handover(to, boot) => (19, u64::from(to), u32::from(boot)),
            Self::Confirm => (20, 0, 0),
            Self::Read => (21, 0, 0),
            Self::Snapshot => (22, 0, 0),
            Self::Unusable => (23, 0, 0),
        };
        kind << 56 | a << 40 | u64::from(b)
    }
}

/// What a step of a node did to the world.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) creates: Vec<u32>,
    pub(crate) deletes: Vec<Key>,
    /// Changes whose proposer was told that they are durable, or that they were not applied.
    pub(crate) durable: Vec<u8>,
    pub(crate) refused: Vec<u8>,
    /// A linearizable read was answered from a state of so many changes.
    pub(crate) ready: Option<u8>,
}

#[derive(Clone, Debug)]
pub(crate) struct Local {
    pub(crate) node: Node,
    pub(crate) who: u8,
    pub(crate) boot: u8,
    now: Instant,
    pub(crate) asks: Vec<(RequestId, Ask)>,
    /// The owner's state: the changes it holds, in order.
    pub(crate) host: Vec<u8>,
    /// It was asked what the state is, and it was this.
    pub(crate) snapshot_asked: Option<(u64, Vec<u8>)>,
    /// A proposal is not decided.
    pub(crate) open: bool,
    /// Since when a linearizable read waits.
    pub(crate) reading: Option<Instant>,
    pub(crate) claiming: bool,
    /// Its claim is being validated, and it takes a change.
    pub(crate) about_to_lead: bool,
    /// Its owner cannot go on with the state: it leads no more.
    pub(crate) is_out: bool,
    /// It is out, leads by its journal all the same, and waits for nothing but the next slot.
    pub(crate) holds_on: bool,
    follows_as: Mode,
    pub(crate) parts: u8,
    // What follows from the node.
    pub(crate) pos: u8,
    pub(crate) lead: Option<(Epoch, WriteId)>,
    pub(crate) commits: Vec<u8>,
    pub(crate) wrong: Option<&'static str>,
}

/// The pause before a request is sent again is short; a poll takes a year, so that no clock moves but where the model says so: entries carry
/// the plane's time, and states that differ in nothing else would be without end.
pub(crate) fn config(every: u8) -> Config {
    let builder = Config::builder()
        .poll(YEAR)
        .heartbeat_timeout(YEAR * 50)
        .lease_ttl(YEAR * 50)
        .request_timeout(YEAR * 50)
        .confirm_period(YEAR * 10)
        .linger_percent(0)
        .snapshot_entries(u64::from(every));
    builder.build().expect("these agree with each other")
}

/// What the store and the records say while a node runs.
struct Driver<'a> {
    tables: &'a Tables<Local, Effects>,
    fx: Effects,
    /// Another node on record: its name and process, and how often it was looked at.
    friend: Option<(u8, u8, u32)>,
}

impl Local {
    /// A process that starts.
    pub(crate) fn start(
        who: u8,
        boot: u8,
        bounds: &Bounds,
        tables: &Tables<Self, Effects>,
    ) -> (Self, Effects) {
        let now = Instant::from_nanos(ORIGIN);
        let identity = crew::identity(who, boot);
        let mut local = Self {
            node: Node::new(now, identity, config(bounds.every)),
            who,
            boot,
            now,
            asks: Vec::new(),
            host: Vec::new(),
            snapshot_asked: None,
            open: false,
            reading: None,
            claiming: false,
            about_to_lead: false,
            is_out: false,
            holds_on: false,
            follows_as: if bounds.handovers > 0 {
                Mode::HotStandby
            } else {
                Mode::HotBackup
            },
            parts: bounds.parts,
            pos: 0,
            lead: None,
            commits: Vec::new(),
            wrong: None,
        };
        let mut driver = Driver::new(tables);
        driver.settle(&mut local);
        (local, driver.fx)
    }

    /// What it becomes by an input.
    pub(crate) fn step(&self, input: Input, tables: &Tables<Self, Effects>) -> (Self, Effects) {
        let mut local = self.clone();
        let mut driver = Driver::new(tables);
        local.take(input, &mut driver);
        driver.settle(&mut local);
        (local, driver.fx)
    }

    fn take(&mut self, input: Input, driver: &mut Driver<'_>) {
        let now = self.now;
        match input {
            Input::Reply(at, reply) => {
                let (id, _) = self.asks.remove(at);
                let reply = match reply {
                    Reply::Done => StoreReply::Done,
                    Reply::Exists => StoreReply::Exists,
                    Reply::Absent => StoreReply::Absent {
                        folder_missing: false,
                    },
                    Reply::Object(id) => StoreReply::Bytes(driver.tables.objects.get(id).bytes.clone()),
                    Reply::Names(id) => StoreReply::Names(driver.tables.names.get(id).to_vec()),
                };
                self.node.handle_input(now, ha_proto::Input::Store { id, reply });
            }
            Input::Claim => {
                self.claiming = true;
                let leader = self.node.view().leader.as_ref().map(|l| l.process.clone());
                let told = self.node.change_mode(now, Mode::Master);
                driver.drain(self);
                if let (Ok(()), Some(process)) = (told, leader) {
                    let evidence = crew::evidence(self.follows_as);
                    self.node
                        .handle_input(now, ha_proto::Input::Suspect { process, evidence });
                }
            }
            Input::Propose => {
                // The ticket is not known before; one byte tells a change from all others.
                let mut probe = self.node.clone();
                let Ok(ticket) = probe.propose(now, [0].into()) else {
                    return;
                };
                let change = self.who << 6 | self.boot << 4 | u8::try_from(ticket.0).unwrap_or(15) & 15;
                self.open = self.node.propose(now, [change].into()).is_ok();
            }
            Input::Release => {
                let _told = self.node.change_mode(now, self.follows_as);
            }
            Input::Handover(to, boot) => {
                driver.friend = Some((to, boot, 0));
                for _ in 0..2 {
                    self.now = self.now + YEAR;
                    self.node.handle_timeout(self.now);
                    driver.drain(self);
                }
                let _told = self.node.change_mode(self.now, self.follows_as);
                driver.drain(self);
                driver.friend = None;
            }
            Input::Confirm => {
                self.now = self.now + YEAR * 11;
                self.node.handle_timeout(self.now);
            }
            Input::Read => {
                // After all that was sent before.
                self.now = now + Duration::from_nanos(1);
                self.reading = Some(self.now);
                let _number = self.node.read(self.now);
            }
            Input::Snapshot => self.answer_snapshot(driver),
            Input::Unusable => {
                self.is_out = true;
                let why = ha_proto::Input::StateUnusable(String::new());
                self.node.handle_input(now, why);
            }
        }
    }

    fn answer_snapshot(&mut self, driver: &mut Driver<'_>) {
        let Some((id, state)) = self.snapshot_asked.take() else {
            return;
        };
        let part = |i: u8| [&[i], &state[..]].concat().into();
        let parts = SnapshotParts {
            parts: (0..self.parts).map(part).collect(),
            digest: Digest::of(&state),
        };
        self.node
            .handle_input(self.now, ha_proto::Input::Snapshot { id, parts });
        driver.drain(self);
    }

    /// Whether it follows, and no claim of its own is under way.
    pub(crate) fn follows(&self) -> bool {
        let role = self.node.role(self.now);
        !self.claiming
            && self.node.write_authority().is_none()
            && matches!(role, Role::HotStandby | Role::HotBackup | Role::Standby)
    }

    /// Which states will behave alike.
    pub(crate) fn canon(&self) -> u128 {
        let mut canon = Canon::new(self.now, self.reading);
        let asks = self.asks.iter().map(|(_, a)| a);
        asks.for_each(|a| a.hash(&mut canon));
        self.node.hash(&mut canon);
        let rest = (
            &self.host,
            self.snapshot_asked.as_ref().map(|(_, s)| s),
            self.open,
            self.reading.is_some(),
        );
        rest.hash(&mut canon);
        (self.claiming, self.is_out, self.who, self.boot, self.wrong).hash(&mut canon);
        canon.finish128()
    }
}

impl<'a> Driver<'a> {
    fn new(tables: &'a Tables<Local, Effects>) -> Self {
        Self {
            tables,
            fx: Effects::default(),
            friend: None,
        }
    }

    /// Lets everything happen that needs nobody else.
    fn settle(&mut self, local: &mut Local) {
        self.drain(local);
        self.tick(local);
        if local.claiming && local.node.write_authority().is_some() {
            local.claiming = false;
        }
        if local.follows() && local.node.mode() != local.follows_as {
            // Its operator wants it to claim when told to, and not before.
            let _told = local.node.change_mode(local.now, local.follows_as);
            self.drain(local);
            self.tick(local);
        }
        self.forget_dead(local);
        local.asks.sort_by_key(|(id, ask)| (*ask, *id));
        self.derive(local);
    }

    /// Pauses end, and the next slot is asked for: the poll is as if its time had come.
    fn tick(&mut self, local: &mut Local) {
        local.node.handle_input(local.now, ha_proto::Input::ClockJumped);
        self.drain(local);
        let soon = |l: &Local| {
            let due = l.node.poll_timeout()?;
            (due <= l.now + Duration::from_nanos(SOON)).then_some(due)
        };
        for _ in 0..32 {
            let Some(due) = soon(local) else { break };
            local.now = local.now.max(due);
            local.node.handle_timeout(local.now);
            self.drain(local);
        }
    }

    /// Does what the node wants done, and answers what concerns no other node.
    fn drain(&mut self, local: &mut Local) {
        let mut inputs = std::collections::VecDeque::new();
        for _ in 0..1000 {
            while let Some(output) = local.node.poll_output() {
                match output {
                    Output::Store(request) => {
                        let id = request.id;
                        match self.ask(request.op) {
                            Ok(ask) => local.asks.push((id, ask)),
                            Err(reply) => inputs.push_back(ha_proto::Input::Store { id, reply }),
                        }
                    }
                    Output::Host(request) => inputs.extend(Self::host(local, request)),
                    Output::Event(event) => self.event(local, event),
                }
            }
            let Some(input) = inputs.pop_front() else {
                return;
            };
            local.node.handle_input(local.now, input);
        }
        panic!("a node that asks again and again at the same moment");
    }

    fn ask(&mut self, op: StoreOp) -> Result<Ask, StoreReply> {
        let key = |key: &str| Key::parse(key).expect("a node asks for nothing else");
        Ok(match op {
            StoreOp::Put { .. } => return Err(StoreReply::Done),
            StoreOp::Get { key } if key.starts_with("nodes/") => return Err(self.record()),
            StoreOp::List { folder } if folder == "nodes" => {
                let names = self.friend.map(|(who, ..)| name(who).to_string());
                return Err(StoreReply::Names(names.into_iter().collect()));
            }
            StoreOp::Delete { key: at } => {
                // Decided is as good as done at any later time: the same delete may come again, and what it hit as well.
                self.fx.deletes.push(key(&at));
                return Err(StoreReply::Done);
            }
            StoreOp::Create { key, bytes } => {
                let object = self.tables.object(&key, &bytes);
                self.fx.creates.push(object);
                Ask::Create(object)
            }
            StoreOp::Get { key: at } => Ask::Get(key(&at)),
            StoreOp::GetRange { key: at, .. } => Ask::Peek(key(&at)),
            StoreOp::List { folder } => match folder.as_str() {
                "snapshot" => Ask::Manifests,
                "parts" => Ask::PartFolders,
                other => match other.strip_prefix("parts/").and_then(ha_proto::layout::parts_of) {
                    Some((seq, write_id)) => {
                        Ask::Parts(u8::try_from(seq.0).expect("a short journal"), write_id)
                    }
                    None => Ask::Slots,
                },
            },
        })
    }

    /// The record of the node that a handover is to reach: each look finds a further heartbeat.
    fn record(&mut self) -> StoreReply {
        let Some((who, boot, looks)) = &mut self.friend else {
            return StoreReply::Absent {
                folder_missing: false,
            };
        };
        *looks += 1;
        StoreReply::Bytes(crew::record(*who, *boot, *looks).into())
    }

    fn host(local: &mut Local, request: HostRequest) -> Option<ha_proto::Input> {
        match request {
            HostRequest::Unload => local.host.clear(),
            HostRequest::Restore { load, parts, .. } => {
                local.host = parts.first().map_or_else(Vec::new, |p| p[1..].to_vec());
                local.snapshot_asked = None;
                return Some(ha_proto::Input::Restored { load, result: Ok(()) });
            }
            HostRequest::Apply(applied) => local.host.extend(applied.changes.iter().map(|c| c[0])),
            HostRequest::Barrier { id } => return Some(ha_proto::Input::Barrier { id }),
            HostRequest::Snapshot { id, .. } => local.snapshot_asked = Some((id, local.host.clone())),
        }
        None
    }

    fn event(&mut self, local: &mut Local, event: Event) {
        let changes = |t: ha_proto::Tickets| {
            let code = |n: u64| local.who << 6 | local.boot << 4 | u8::try_from(n).unwrap_or(15) & 15;
            (t.first.0..=t.last.0).map(code).collect::<Vec<_>>()
        };
        match event {
            Event::Durable { tickets, .. } => {
                self.fx.durable.extend(changes(tickets));
                local.open = false;
            }
            Event::NotApplied { tickets, .. } => {
                self.fx.refused.extend(changes(tickets));
                local.open = false;
            }
            Event::Undecided { .. } => local.open = false,
            Event::ReadReady { seq, .. } => {
                let view = local.node.view();
                debug_assert_eq!(view.pos, seq, "a read is answered where the view stands");
                self.fx.ready = u8::try_from(self.tables.commits_of(view.chain).len()).ok();
                local.reading = None;
            }
            Event::ReadFailed(_) => local.reading = None,
            Event::Note(note) if note.starts_with("claim not won") => local.claiming = false,
            _ => {}
        }
    }

    /// Asks whose answers the node does not wait for any more.
    fn forget_dead(&self, local: &mut Local) {
        let before = local.canon();
        let waits = |id: RequestId, ask: &Ask| {
            let mut probe = local.clone();
            let failure = StoreFailure {
                kind: ha_proto::FailureKind::OutcomeUnknown,
                message: String::new(),
            };
            let reply = match ask {
                Ask::Create(_) => StoreReply::Done,
                _ => StoreReply::Failed(failure),
            };
            probe
                .node
                .handle_input(probe.now, ha_proto::Input::Store { id, reply });
            probe.canon() != before || probe.node.poll_output().is_some()
        };
        let alive: Vec<_> = local
            .asks
            .iter()
            .filter(|(id, ask)| waits(*id, ask))
            .copied()
            .collect();
        local.asks = alive;
    }

    fn derive(&self, local: &mut Local) {
        let view = local.node.view();
        local.pos = u8::try_from(view.pos.0).expect("a model's journal is short");
        local.commits = self.tables.commits_of(view.chain);
        local.lead = local
            .node
            .write_authority()
            .and_then(|e| view.table.get(&e).map(|t| (e, t.write_id)));
        local.about_to_lead = local.lead.is_none()
            && local.claiming
            && local.node.clone().propose(local.now, [0].into()).is_ok();
        if local.lead.is_some() && local.host != local.commits {
            local.wrong = Some("a leader's state is not what its journal says");
        }
        let leader = view.leader.as_ref().filter(|_| !view.released);
        local.holds_on = local.is_out
            && leader.is_some_and(|l| l.process == *local.node.process())
            && local
                .asks
                .iter()
                .all(|(_, ask)| matches!(ask, Ask::Get(Key::Slot(_))));
        if local.is_out && local.lead.is_some() {
            local.wrong = Some("a node leads though it cannot use its state");
        }
        if !local.is_out && local.node.role(local.now) == Role::Failed {
            local.wrong = Some("a node has failed though its store is honest");
        }
    }
}
