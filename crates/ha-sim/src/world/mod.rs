//! The world: its store, its nodes, and one line of events.

mod acts;
mod ask;
mod drive;
mod forge;
mod operator;
mod owner;
mod rest;
mod trouble;
mod wire;
mod writes;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use ha_proto::{Config, Input, Mode, Seq, StoreOp, StoreRequest};

use self::writes::Writes;
use crate::check::{self, Checker, Scene, Seen};
use crate::linear::Op;
use crate::{
    Faults, MS, Marks, Member, Micros, Numbers, SEC, Service, Store, Tally, Trace, Truth, Who, rng::Rng,
};

#[derive(Debug)]
pub(crate) enum Ev {
    /// A request reaches the store.
    Reaches {
        who: Who,
        request: StoreRequest,
        sent: Micros,
        back: Option<Micros>,
        unknown: bool,
    },
    /// What was sent once reaches the store again; nobody waits for an answer.
    Again(Who, Micros, StoreOp),
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
    /// The owner of a state does the next thing that it was asked.
    OwnerWorks(Who),
    /// A node hears that its act has ended.
    Heard(usize),
    Restart(usize),
    /// A sleeper is about to wake.
    Haunt(usize),
    /// One that sleeps until its next slot has been collected, or until then.
    Doze(usize, Micros),
    /// A twin ends.
    TwinEnds(Who),
    /// An operator puts back the bytes of an object.
    Repair(String),
    Operator,
}

/// What clients do, when an operator looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Load {
    /// How long between two looks at most.
    pub every: Micros,
    /// How many changes each proposes at most at a time.
    pub burst: u64,
    /// By how much clients, operators and accidents are slower than in a plane that polls every 100 ms.
    pub slower: u64,
    /// How often an operator ends the leadership, in 10,000 looks: by a crash that everybody hears of, a stop, or a handover.
    pub churn: u64,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            every: 30 * MS,
            burst: 1,
            slower: 1,
            churn: 0,
        }
    }
}

/// A plane and all around it. Everything that happens follows from the seed.
pub struct World<S = Numbers> {
    /// Where it came from.
    pub seed: u64,
    /// Real time.
    pub now: Micros,
    /// What is drawn next.
    pub rng: Rng,
    queue: BinaryHeap<Reverse<(Micros, u64)>>,
    events: BTreeMap<u64, Ev>,
    next_event: u64,
    /// What all nodes share.
    pub store: Store,
    /// What the journal truly says.
    pub truth: Truth,
    /// The nodes.
    pub members: Vec<Member<S>>,
    /// Their settings.
    pub config: Config,
    /// What goes wrong.
    pub faults: Faults,
    /// What clients do.
    pub load: Load,
    /// What must hold.
    pub checkers: Vec<Box<dyn Checker<S>>>,
    /// Who acts on the world now.
    acting_now: Option<Who>,
    /// The last slot that a client was told of.
    pub acked: Seq,
    next_change: u64,
    /// What has happened.
    pub tally: Tally,
    /// What must happen sometimes.
    pub marks: Marks,
    /// All that clients have asked for and were told; `None`: it is not kept.
    pub history: Option<Vec<Op>>,
    /// Acts are begun by whoever may.
    pub acting: bool,
    /// Operators, clients and accidents are at work.
    pub operators: bool,
    /// Everybody sleeps until then.
    nap_until: Micros,
    /// For how long everybody has slept.
    pub napped: Micros,
    /// The store refuses everything until then.
    throttled_until: Micros,
    trace: Trace,
    /// Tells on standard error what happens; set by the environment variable `HA_LOG`.
    pub tells: bool,
    /// Requests by kind.
    pub asked: BTreeMap<&'static str, u64>,
    /// What nodes have warned of.
    pub warnings: Vec<(usize, String)>,
    /// Creates of entries that were sent, by slot: any of them may land again.
    sent: BTreeMap<Seq, Vec<StoreOp>>,
    /// What is being given to a node now, if its bytes are not what was written.
    rotten_key: Option<String>,
    /// Answers on their way whose bytes are not what was written.
    rotten: BTreeMap<(Who, ha_proto::RequestId), String>,
    /// The last writes that were sent.
    writes: Writes,
    /// Entries that are not valid, and that no node has written.
    pub forged: u64,
    /// What `snapshot/` held before its last change.
    stale: Vec<String>,
    /// What the records were before their last change.
    hints: BTreeMap<String, std::sync::Arc<[u8]>>,
}

impl<S: std::fmt::Debug> std::fmt::Debug for World<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("seed", &self.seed)
            .field("now", &self.now)
            .field("members", &self.members)
            .field("tally", &self.tally)
            .finish_non_exhaustive()
    }
}

/// Settings of a plane in a hurry: polls of 100 ms, suspicion after 300, leases of 600, a snapshot every tenth entry.
#[must_use]
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

impl World<Numbers> {
    /// A world of lists of numbers, without a node.
    #[must_use]
    pub fn new(seed: u64, config: Config) -> Self {
        Self::of(seed, config)
    }

    /// A world of `n` nodes of one mode, none started yet.
    #[must_use]
    pub fn quiet(seed: u64, modes: &[Mode]) -> Self {
        let mut w = Self::new(seed, config().build().expect("these settings agree"));
        for mode in modes {
            w.add(*mode);
        }
        w
    }
}

impl<S: Service + 'static> World<S> {
    /// A world of that service, without a node.
    #[must_use]
    pub fn of(seed: u64, config: Config) -> Self {
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
            load: Load::default(),
            checkers: check::all(),
            acting_now: None,
            acked: Seq(0),
            next_change: 1,
            tally: Tally::default(),
            marks: Marks::default(),
            history: Some(Vec::new()),
            acting: false,
            operators: false,
            nap_until: 0,
            napped: 0,
            throttled_until: 0,
            trace: Trace::default(),
            sent: BTreeMap::new(),
            rotten_key: None,
            rotten: BTreeMap::new(),
            writes: Writes::default(),
            forged: 0,
            stale: Vec::new(),
            hints: BTreeMap::new(),
            tells: std::env::var_os("HA_LOG").is_some(),
        }
    }

    /// One node more, not started yet.
    pub fn add(&mut self, mode: Mode) -> usize {
        let i = self.members.len();
        let member = Member::new(i, mode, &mut self.rng, self.faults.drift_ppm);
        self.members.push(member);
        i
    }

    pub(crate) fn at(&mut self, at: Micros, ev: Ev) {
        let at = at.max(self.now);
        self.next_event += 1;
        self.queue.push(Reverse((at, self.next_event)));
        self.events.insert(self.next_event, ev);
    }

    pub(crate) fn note(&self, words: impl FnOnce() -> String) {
        if self.tells {
            eprintln!("{:>10.3} {}", self.now as f64 / 1e3, words());
        }
    }

    /// Shows a step to all checkers.
    fn show(&mut self, seen: &Seen<'_, S>) {
        let scene = Scene {
            now: self.now,
            store: &self.store,
            truth: &self.truth,
            config: &self.config,
        };
        judge(&mut self.checkers, &scene, seen, self.seed);
    }

    /// Starts a node.
    pub fn start(&mut self, i: usize) {
        let seed = self.rng.bytes32();
        let now = self.now;
        self.members[i].start(now, seed, &self.config);
        self.note(|| format!("n{i} starts"));
        self.drain(i);
    }

    /// Starts all nodes.
    pub fn start_all(&mut self) {
        (0..self.members.len()).for_each(|i| self.start(i));
    }

    /// A process ends. What it had running goes on to its deadline.
    pub fn crash(&mut self, i: usize) {
        self.note(|| format!("n{i} crashes"));
        self.tally.crashes += 1;
        // Nobody will tell their clients what became of them.
        self.tally.unknown += self.members[i].tickets.len() as u64;
        self.members[i].tickets.clear();
        self.members[i].node = None;
        self.members[i].paused_until = 0;
        self.members[i].forget_state();
        self.tear(i);
    }

    /// A process stops for a while.
    pub fn pause(&mut self, i: usize, until: Micros) {
        let millis = (until - self.now) / MS;
        self.note(|| format!("n{i} pauses for {millis} ms"));
        self.tally.pauses += 1;
        if millis > 3_600_000 {
            self.marks.hit("a pause of more than an hour");
        }
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

    /// Lets the world go on for so long.
    pub fn run_for(&mut self, micros: Micros) {
        self.run_until(self.now + micros);
    }
}

/// Free of the world, so that what is shown may be part of it.
pub(crate) fn judge<S>(
    checkers: &mut [Box<dyn Checker<S>>],
    scene: &Scene<'_>,
    seen: &Seen<'_, S>,
    seed: u64,
) {
    for checker in checkers {
        if let Err(words) = checker.see(scene, seen) {
            let ms = scene.now / MS;
            panic!("{}: {words} (seed {seed}, after {ms} ms)", checker.name());
        }
    }
}

/// Shows a step that is part of the world's own nodes.
macro_rules! show {
    ($world:expr, $seen:expr) => {{
        let scene = $crate::check::Scene {
            now: $world.now,
            store: &$world.store,
            truth: &$world.truth,
            config: &$world.config,
        };
        $crate::world::judge(&mut $world.checkers, &scene, &$seen, $world.seed);
    }};
}
use show;
