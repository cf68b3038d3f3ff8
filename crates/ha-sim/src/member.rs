//! One member: its process, its clock, the owner of its state, and what it owes an answer to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ha_proto::{Config, Epoch, HostRequest, Identity, Instant, Mode, Node, NodeId, ReadId, Seq, WriteId};

use crate::Micros;
use crate::host::Host;
use crate::rng::Rng;
use crate::service::{Numbers, Service};

/// An act that is under way.
#[derive(Clone, Debug)]
pub struct Act {
    /// Its number.
    pub act: u64,
    /// Under which epoch.
    pub epoch: Epoch,
    /// When it must have ended, by real time.
    pub until: Micros,
    /// How often that has changed.
    pub generation: u64,
}

/// A linearizable read that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// The last slot that was acknowledged before.
    pub acked: Seq,
    /// Its number in the history.
    pub op: usize,
}

/// One member of a simulated plane.
#[derive(Debug)]
pub struct Member<S = Numbers> {
    /// Which one it is.
    pub index: usize,
    /// Its node id.
    pub id: NodeId,
    /// Its process, while it lives.
    pub node: Option<Node>,
    /// How often it has started.
    pub boots: u64,
    /// The owner of its state.
    pub host: Host<S>,
    /// What the owner was asked, and has not done yet.
    pub(crate) backlog: VecDeque<HostRequest>,
    /// What its clock showed when the world began, nanoseconds.
    pub origin: u64,
    /// By how much its clock runs too fast.
    pub rate_ppm: i64,
    /// Stopped until then.
    pub paused_until: Micros,
    /// Nothing that it sends arrives until then.
    pub deaf_until: Micros,
    /// No answer reaches it until then.
    pub mute_until: Micros,
    /// When it is to be called.
    pub wake_at: Micros,
    /// How often that has changed.
    pub wake_generation: u64,
    /// The mode to start in.
    pub mode: Mode,
    /// The priority to start with.
    pub priority: i64,
    /// The version it says it has.
    pub version: Option<String>,
    /// Empties the state when it leads.
    pub clean: bool,
    /// It is a second process with another member's id.
    pub is_twin: bool,
    /// It has stopped in order.
    pub stopped: bool,
    /// Proposals that wait for an answer: their change, and its number in the history.
    pub tickets: BTreeMap<u64, (u64, usize)>,
    /// Reads that wait for their proof.
    pub reads: BTreeMap<ReadId, Asked>,
    /// Reads that are proven, and wait for the state to come to their slot.
    pub proven: Vec<(Seq, Asked)>,
    /// What it does.
    pub act: Option<Act>,
    /// Acts that have ended, and it has not heard of.
    pub ended: Vec<u64>,
    /// The write ids of all entries that it has sent.
    pub sent: BTreeSet<WriteId>,
    /// Those among them whose answer was lost after they had been created.
    pub doubtful: BTreeSet<WriteId>,
    /// This process has loaded the state before.
    pub has_loaded: bool,
}

impl<S: Service> Member<S> {
    /// A member that has not started.
    pub fn new(index: usize, mode: Mode, rng: &mut Rng, drift_ppm: u64) -> Self {
        let rate_ppm = rng.below(2 * drift_ppm + 1) as i64 - drift_ppm as i64;
        Self {
            index,
            id: NodeId::new(&format!("n{index}")).expect("a good name"),
            node: None,
            boots: 0,
            host: Host::default(),
            backlog: VecDeque::new(),
            origin: rng.below(1 << 40),
            rate_ppm,
            paused_until: 0,
            deaf_until: 0,
            mute_until: 0,
            wake_at: 0,
            wake_generation: 0,
            mode,
            priority: 0,
            version: Some(String::from("1.0.0")),
            clean: false,
            is_twin: false,
            stopped: false,
            tickets: BTreeMap::new(),
            reads: BTreeMap::new(),
            proven: Vec::new(),
            act: None,
            ended: Vec::new(),
            sent: BTreeSet::new(),
            doubtful: BTreeSet::new(),
            has_loaded: false,
        }
    }

    /// Starts a process of it.
    pub fn start(&mut self, now: Micros, seed: [u8; 32], config: &Config) {
        self.boots += 1;
        self.forget_state();
        self.tickets.clear();
        self.reads.clear();
        self.proven.clear();
        self.act = None;
        self.ended.clear();
        self.sent.clear();
        self.doubtful.clear();
        self.has_loaded = false;
        self.stopped = false;
        self.wake_at = 0;
        self.paused_until = 0;
        let identity = Identity {
            node: self.id.clone(),
            uri: format!("http://{}:8081", self.id),
            version: self.version.clone(),
            state_level: 0,
            priority: self.priority,
            mode: self.mode,
            clean: self.clean,
            seed,
        };
        self.node = Some(Node::new(self.clock(now), identity, config.clone()));
    }

    /// The owner of its state ends.
    pub(crate) fn forget_state(&mut self) {
        self.host = Host::default();
        self.backlog.clear();
    }

    /// Which process of which member.
    pub fn who(&self) -> crate::Who {
        (self.index, self.boots)
    }

    /// Its process, which lives.
    pub fn live(&mut self) -> &mut Node {
        self.node.as_mut().expect("the process lives")
    }

    /// What such a clock shows at a real time.
    pub fn clock_of(origin: u64, rate_ppm: i64, now: Micros) -> Instant {
        let elapsed = i128::from(now) * 1000 * (1_000_000 + i128::from(rate_ppm)) / 1_000_000;
        Instant::from_nanos(origin + elapsed as u64)
    }

    /// What its clock shows.
    pub fn clock(&self, now: Micros) -> Instant {
        Self::clock_of(self.origin, self.rate_ppm, now)
    }

    /// The real time at which its clock will show that, or a little later.
    pub fn real(&self, at: Instant) -> Micros {
        self.real_before(at) + 1
    }

    /// The real time at which its clock shows that, or a little earlier.
    pub fn real_before(&self, at: Instant) -> Micros {
        let local = u128::from(at.as_nanos().saturating_sub(self.origin));
        (local * 1_000_000 / (1_000_000 + self.rate_ppm) as u128 / 1000) as u64
    }
}
