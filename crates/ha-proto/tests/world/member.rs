//! One member: its process, its clock, the owner of its state, and what it owes an answer to.

use std::collections::{BTreeMap, BTreeSet};

use ha_proto::{Config, Epoch, Identity, Instant, Mode, Node, NodeId, ReadId, Seq, WriteId};

use super::Micros;
use super::host::Host;
use super::rng::Rng;

#[derive(Clone, Debug)]
pub struct Act {
    pub act: u64,
    pub epoch: Epoch,
    /// By real time.
    pub until: Micros,
    pub generation: u64,
}

pub struct Member {
    pub index: usize,
    pub id: NodeId,
    pub node: Option<Node>,
    pub boots: u64,
    pub host: Host,
    pub origin: u64,
    pub rate_ppm: i64,
    pub paused_until: Micros,
    pub wake_at: Micros,
    pub wake_generation: u64,
    pub mode: Mode,
    pub priority: i64,
    pub version: Option<String>,
    pub clean: bool,
    pub stopped: bool,
    pub tickets: BTreeMap<u64, u64>,
    pub reads: BTreeMap<ReadId, Seq>,
    pub act: Option<Act>,
    pub ended: Vec<u64>,
    /// The write ids of all entries that it has sent.
    pub sent: BTreeSet<WriteId>,
}

impl Member {
    pub fn new(index: usize, mode: Mode, rng: &mut Rng, drift_ppm: u64) -> Self {
        let rate_ppm = rng.below(2 * drift_ppm + 1) as i64 - drift_ppm as i64;
        Self {
            index,
            id: NodeId::new(&format!("n{index}")).expect("a good name"),
            node: None,
            boots: 0,
            host: Host::default(),
            origin: rng.below(1 << 40),
            rate_ppm,
            paused_until: 0,
            wake_at: 0,
            wake_generation: 0,
            mode,
            priority: 0,
            version: Some(String::from("1.0.0")),
            clean: false,
            stopped: false,
            tickets: BTreeMap::new(),
            reads: BTreeMap::new(),
            act: None,
            ended: Vec::new(),
            sent: BTreeSet::new(),
        }
    }

    pub fn start(&mut self, now: Micros, seed: [u8; 32], config: &Config) {
        self.boots += 1;
        self.host = Host::default();
        self.tickets.clear();
        self.reads.clear();
        self.act = None;
        self.ended.clear();
        self.stopped = false;
        self.wake_at = 0;
        self.paused_until = 0;
        let identity = Identity {
            node: self.id.clone(),
            uri: format!("http://{}:8081", self.id),
            version: self.version.clone(),
            priority: self.priority,
            mode: self.mode,
            clean: self.clean,
            seed,
        };
        self.node = Some(Node::new(self.clock(now), identity, config.clone()));
    }

    pub fn who(&self) -> super::Who {
        (self.index, self.boots)
    }

    pub fn live(&mut self) -> &mut Node {
        self.node.as_mut().expect("the process lives")
    }

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
