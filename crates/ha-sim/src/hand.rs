//! Schedules made by hand: the test decides, request by request, what lands, when, and what is answered.

use std::sync::Arc;
use std::time::Duration;

use ha_proto::{
    Config, Digest, Epoch, Event, Header, HostRequest, Identity, Input, Instant, Kind, Mode, Node, NodeId,
    Output, Payload, RawEntry, Role, Seq, StoreOp, StoreReply, StoreRequest, WriteId, layout,
};

use crate::check;
use crate::host::Host;
use crate::store::Store;
use crate::truth::Truth;
use crate::words::brief;

/// One node of a schedule.
#[derive(Debug)]
pub struct Seat {
    /// The machine.
    pub node: Node,
    /// The owner of its state.
    pub host: Host,
    /// What it has asked of the store, and has no answer to.
    pub asks: Vec<StoreRequest>,
    /// What it has told its observers.
    pub events: Vec<Event>,
    /// It is stopped, and sees no time pass.
    pub asleep: bool,
    held: Vec<String>,
}

/// A plane whose every request a test can hold, land and answer by hand.
#[derive(Debug)]
pub struct Hand {
    /// The time of all clocks, milliseconds.
    pub ms: u64,
    /// The store.
    pub store: Store,
    /// What the journal truly says.
    pub truth: Truth,
    /// The nodes.
    pub seats: Vec<Seat>,
    /// Their settings.
    pub config: Config,
    /// What is held of every node from its start.
    pub held: Vec<String>,
}

/// Polls of 100 ms, suspicion after 300, leases of 600 less 120, a snapshot every fourth entry.
pub fn config() -> ha_proto::ConfigBuilder {
    crate::config()
        .snapshot_entries(4)
        .confirm_period(Duration::from_secs(3600))
        .drift_ppm(100_000)
}

impl Default for Hand {
    fn default() -> Self {
        Self::new()
    }
}

impl Hand {
    /// No node yet.
    #[must_use]
    pub fn new() -> Self {
        let config = config().build().expect("these settings agree");
        Self {
            ms: 1000,
            store: Store::default(),
            truth: Truth::default(),
            seats: Vec::new(),
            config,
            held: Vec::new(),
        }
    }

    /// The first leads and may act, the others follow.
    #[must_use]
    pub fn plane(n: usize) -> Self {
        let mut h = Self::new();
        for i in 0..n {
            h.boot(i, Mode::Auto);
            h.run(400);
        }
        assert_eq!(h.role(0), Role::Master);
        assert!(h.may_act(0));
        h
    }

    /// Starts a node, or starts it again as another process.
    pub fn boot(&mut self, i: usize, mode: Mode) {
        let identity = Identity {
            node: NodeId::new(&format!("n{i}")).expect("a good name"),
            uri: String::new(),
            version: None,
            state_level: 0,
            priority: 10 - i as i64,
            mode,
            clean: false,
            seed: seed(i, self.ms),
        };
        let node = Node::new(self.now(), identity, self.config.clone());
        let seat = Seat {
            node,
            host: Host::default(),
            asks: Vec::new(),
            events: Vec::new(),
            asleep: false,
            held: self.held.clone(),
        };
        if i < self.seats.len() {
            self.seats[i] = seat;
        } else {
            self.seats.push(seat);
        }
        self.pump();
    }

    /// What the clocks show.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::from_millis(self.ms)
    }

    /// Requests whose words contain this wait until they are freed or landed by hand.
    pub fn hold(&mut self, i: usize, words: &str) {
        self.seats[i].held.push(words.to_string());
    }

    /// Holds nothing more of this node.
    pub fn free(&mut self, i: usize) {
        self.seats[i].held.clear();
        self.pump();
    }

    /// Stops a node.
    pub fn sleep(&mut self, i: usize) {
        self.seats[i].asleep = true;
    }

    /// Lets it go on.
    pub fn wake(&mut self, i: usize) {
        self.seats[i].asleep = false;
        let now = self.now();
        self.seats[i].node.handle_timeout(now);
        self.pump();
    }

    /// Takes what the nodes ask for, and answers what is not held, until nothing moves.
    pub fn pump(&mut self) {
        for _ in 0..10_000 {
            let mut moved = false;
            for i in 0..self.seats.len() {
                if !self.seats[i].asleep {
                    moved |= self.drain(i) | self.serve(i);
                }
            }
            if !moved {
                return;
            }
        }
        panic!("the nodes go round in circles");
    }

    fn drain(&mut self, i: usize) -> bool {
        let mut any = false;
        while let Some(output) = self.seats[i].node.poll_output() {
            any = true;
            let now = self.now();
            match output {
                Output::Store(request) => self.seats[i].asks.push(request),
                Output::Event(event) => self.seats[i].events.push(event),
                Output::Host(request) => self.own(i, now, request),
            }
        }
        any
    }

    fn own(&mut self, i: usize, now: Instant, request: HostRequest) {
        let seat = &mut self.seats[i];
        match request {
            HostRequest::Unload => seat.host = Host::default(),
            HostRequest::Restore { load, parts, .. } => {
                seat.host = Host::restore(&parts).expect("nodes restore what they have written");
                seat.node
                    .handle_input(now, Input::Restored { load, result: Ok(()) });
            }
            HostRequest::Apply(entry) => seat.host.apply(&entry),
            HostRequest::Barrier { id } => seat.node.handle_input(now, Input::Barrier { id }),
            HostRequest::Snapshot { id, .. } => {
                let parts = seat.host.snapshot();
                seat.node.handle_input(now, Input::Snapshot { id, parts });
            }
        }
        check::prefix::holds(&self.truth, self.seats[i].host.line)
            .unwrap_or_else(|bad| panic!("n{i}: {bad}"));
    }

    fn serve(&mut self, i: usize) -> bool {
        let seat = &self.seats[i];
        let free = |r: &StoreRequest| !seat.held.iter().any(|h| brief(&r.op).contains(h.as_str()));
        let Some(at) = seat.asks.iter().position(free) else {
            return false;
        };
        let request = self.seats[i].asks.remove(at);
        let reply = self.land(&request.op);
        self.answer(i, &request, reply);
        true
    }

    /// A request reaches the store.
    pub fn land(&mut self, op: &StoreOp) -> StoreReply {
        let reply = self.store.carry_out(op);
        self.truth.created(&self.store.objects);
        reply
    }

    /// A node hears of a request.
    pub fn answer(&mut self, i: usize, request: &StoreRequest, reply: StoreReply) {
        let (now, id) = (self.now(), request.id);
        let node = &mut self.seats[i].node;
        node.handle_input(now, Input::Store { id, reply });
    }

    /// Carries out and answers what a node asks of the store, whatever is held, and hands out what it asks of its owner.
    pub fn serve_store(&mut self, i: usize) -> Vec<HostRequest> {
        let mut asked = Vec::new();
        while let Some(output) = self.seats[i].node.poll_output() {
            match output {
                Output::Store(request) => {
                    let reply = self.land(&request.op);
                    self.answer(i, &request, reply);
                }
                Output::Host(request) => asked.push(request),
                Output::Event(event) => self.seats[i].events.push(event),
            }
        }
        asked
    }

    /// A request that waits: the oldest whose words contain this.
    pub fn take(&mut self, i: usize, words: &str) -> StoreRequest {
        self.drain(i);
        let seat = &mut self.seats[i];
        let at = seat.asks.iter().position(|r| brief(&r.op).contains(words));
        let at = at.unwrap_or_else(|| {
            panic!(
                "n{i} asks for no `{words}` but {:?}",
                seat.asks.iter().map(|r| brief(&r.op)).collect::<Vec<_>>()
            )
        });
        seat.asks.remove(at)
    }

    /// Whether such a request waits.
    pub fn asks_for(&mut self, i: usize, words: &str) -> bool {
        self.drain(i);
        self.seats[i].asks.iter().any(|r| brief(&r.op).contains(words))
    }

    /// Time goes on; who is awake sees it.
    pub fn run(&mut self, ms: u64) {
        let until = self.ms + ms;
        while self.ms < until {
            self.ms = (self.ms + 5).min(until);
            let now = self.now();
            for seat in self.seats.iter_mut().filter(|s| !s.asleep) {
                if seat.node.poll_timeout().is_some_and(|at| at <= now) {
                    seat.node.handle_timeout(now);
                }
            }
            self.pump();
            for i in 0..self.seats.len() {
                check::takeovers::leads_truly(&self.seats[i].node, &self.truth)
                    .unwrap_or_else(|bad| panic!("{bad}"));
            }
            let acting = (0..self.seats.len()).filter(|i| self.may_act(*i)).count();
            assert!(acting <= 1, "I4: two may act");
        }
    }

    /// Something comes to a node.
    pub fn input(&mut self, i: usize, input: Input) {
        let now = self.now();
        self.seats[i].node.handle_input(now, input);
        self.pump();
    }

    /// A change is proposed to it.
    pub fn propose(&mut self, i: usize, change: u64) {
        let now = self.now();
        self.seats[i]
            .node
            .propose(now, Arc::from(&change.to_le_bytes()[..]))
            .expect("it leads");
        self.pump();
    }

    /// So many commits, one after the other.
    pub fn commit(&mut self, i: usize, changes: std::ops::Range<u64>) {
        for change in changes {
            self.propose(i, change);
            self.run(5);
        }
    }

    /// What it reports itself to be.
    #[must_use]
    pub fn role(&self, i: usize) -> Role {
        self.seats[i].node.role(self.now())
    }

    /// Whether it may act on the world.
    #[must_use]
    pub fn may_act(&self, i: usize) -> bool {
        self.seats[i].node.act_authority(self.now()).is_some()
    }

    /// Makes a node believe that the leader has gone.
    pub fn suspect(&mut self, i: usize, leader: usize) {
        let process = self.seats[leader].node.process().clone();
        self.input(
            i,
            Input::Suspect {
                process,
                evidence: ha_proto::Evidence::Refused,
            },
        );
    }

    /// Whether something is in that slot.
    #[must_use]
    pub fn there(&self, slot: u64) -> bool {
        self.store.objects.contains_key(&layout::entry_key(Seq(slot)))
    }

    /// An entry that some process sent long ago, with whatever is wrong with it.
    #[must_use]
    pub fn forge(
        &self,
        by: usize,
        slot: u64,
        epoch: u64,
        prev: Digest,
        payload: &Payload,
    ) -> (StoreOp, Digest) {
        let header = Header {
            seq: Seq(slot),
            epoch: Epoch(epoch),
            kind: payload.kind(),
            by: self.seats[by].node.process().clone(),
            write_id: WriteId([200 + slot as u8; 16]),
            prev,
        };
        let (bytes, hash) = header.encode(payload);
        (
            StoreOp::Create {
                key: layout::entry_key(Seq(slot)),
                bytes,
            },
            hash,
        )
    }

    /// What is in that slot.
    #[must_use]
    pub fn entry(&self, slot: u64) -> RawEntry {
        let key = layout::entry_key(Seq(slot));
        RawEntry::parse(&key, Seq(slot), &self.store.objects[&key]).expect("a good entry")
    }

    /// How many entries of its proposals it has called durable.
    #[must_use]
    pub fn durable(&self, i: usize) -> usize {
        self.seats[i]
            .events
            .iter()
            .filter(|e| matches!(e, Event::Durable { .. }))
            .count()
    }

    /// How many groups of proposals it has refused.
    #[must_use]
    pub fn refused(&self, i: usize) -> usize {
        self.seats[i]
            .events
            .iter()
            .filter(|e| matches!(e, Event::NotApplied { .. }))
            .count()
    }

    /// At which slot it has answered its first read.
    #[must_use]
    pub fn answered(&self, i: usize) -> Option<Seq> {
        self.seats[i].events.iter().find_map(|e| match e {
            Event::ReadReady { seq, .. } => Some(*seq),
            _ => None,
        })
    }
}

/// Another one for each process.
fn seed(i: usize, ms: u64) -> [u8; 32] {
    let mut seed = [i as u8; 32];
    seed[..8].copy_from_slice(&ms.to_le_bytes());
    seed
}

/// An entry with one change.
#[must_use]
pub fn commit_of(change: u64) -> Payload {
    let change: Arc<[u8]> = Arc::from(&change.to_le_bytes()[..]);
    Payload::Commit {
        time_ms: 1,
        replaces: false,
        changes: [change].into(),
    }
}

/// A claim.
#[must_use]
pub fn takeover() -> Payload {
    Payload::Takeover {
        uri: String::new(),
        evidence: ha_proto::Evidence::Silent,
    }
}

/// What the valid entries are.
#[must_use]
pub fn kinds(h: &Hand) -> Vec<Kind> {
    h.truth.valid.values().map(|(_, k)| *k).collect()
}
