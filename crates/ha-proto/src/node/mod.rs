//! The state machine of one member: journal, election, leases, modes and roles, all in one sequence.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

mod commands;
mod elect;
mod lead;
mod notes;
mod queue;
mod report;
mod start;

pub use commands::{ChangeModeError, Resolution};
pub use report::RoleChange;

use crate::authority::{ActAuthority, Authority};
use crate::config::Config;
use crate::entry::Evidence;
use crate::feed::{Fed, Feed};
use crate::hash::IdSource;
use crate::heart::{Beat, Heart};
use crate::journal::Journal;
use crate::keeper::{Keeper, Kept};
use crate::mode::{Mode, Role};
use crate::names::{Epoch, NodeId, Process, Seq};
use crate::output::{Cx, Event, Outbox, Output, SnapshotParts, boot_nonce};
use crate::peers::{Peer, Peers};
use crate::progress::LoadProgress;
use crate::request::{RequestId, StoreReply};
use crate::time::Instant;
use crate::unhashed::Unhashed;
use crate::view::View;
use queue::Queue;

/// How many role changes are remembered.
pub const HISTORY: usize = 200;

/// What happened outside.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Input {
    /// The store answered.
    Store {
        /// Which request.
        id: RequestId,
        /// What it said.
        reply: StoreReply,
    },
    /// The owner has restored the state, or could not.
    Restored {
        /// Which load.
        load: u64,
        /// Its words, if it could not.
        result: Result<(), String>,
    },
    /// The owner has done all that it was asked before that barrier.
    Barrier {
        /// Which.
        id: u64,
    },
    /// The owner says what the state is.
    Snapshot {
        /// Which request.
        id: u64,
        /// The parts and the digest.
        parts: SnapshotParts,
    },
    /// The owner cannot go on with the state, and this is why. Another node may be able to, so this one lets go of leadership and takes no part
    /// until it is started again.
    StateUnusable(String),
    /// A process is known to have exited, and all that it had running has ended.
    Exited(Process),
    /// Evidence, short of that, that a process has gone. Suspicion only.
    Suspect {
        /// Which.
        process: Process,
        /// What was seen.
        evidence: Evidence,
    },
    /// The clock jumped: the machine slept. Ends the lease.
    ClockJumped,
    /// The wall clock, milliseconds since 1970; for people only.
    Wall(u64),
}

/// Who a node is, and what it is told at its start.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Identity {
    /// Its id, stable over restarts.
    pub node: NodeId,
    /// Where it serves REST, or empty.
    pub uri: String,
    /// Version of its software.
    pub version: Option<String>,
    /// The newest format level of the state that it reads, for others to see in its record; 0 where states have no levels.
    pub state_level: u32,
    /// Its priority in the election.
    pub priority: i64,
    /// The mode to start in.
    pub mode: Mode,
    /// Empty the state once it leads; refused while a master lives.
    pub clean: bool,
    /// Randomness: the boot nonce, write ids and the plane's id are drawn from it.
    pub seed: [u8; 32],
}

/// One member of a plane.
///
/// - Getters take `&self`.
/// - Commands of an operator or an application (`change_mode`, `propose`, ..) have an error of their own.
/// - [`handle_input`](Self::handle_input) and [`handle_timeout`](Self::handle_timeout) take what happened outside, and cannot fail.
/// - [`poll_output`](Self::poll_output) gives what is to be done, [`poll_timeout`](Self::poll_timeout) when to come back.
///
/// **After every call that takes `&mut self`, drain `poll_output` until it answers `None`.** `now` must never go back.
///
/// ```
/// use ha_proto::{Config, Identity, Input, Instant, Mode, Node, NodeId, Output, StoreOp, StoreReply};
///
/// let identity = Identity {
///     node: NodeId::new("n1").unwrap(), uri: String::new(), version: None, state_level: 0, priority: 0, mode: Mode::Auto, clean: false, seed: [7; 32],
/// };
/// let mut node = Node::new(Instant::from_millis(0), identity, Config::default());
/// let mut asked = 0;
/// while let Some(output) = node.poll_output() {
///     if let Output::Store(request) = output {
///         asked += 1; // a driver sends it, and answers with `Input::Store { id: request.id, reply }`
///         assert!(matches!(request.op, StoreOp::List { .. } | StoreOp::Put { .. }));
///     }
/// }
/// assert!(asked > 0 && node.poll_timeout().is_some());
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Node {
    me: Process,
    uri: String,
    version: Option<String>,
    state_level: u32,
    config: Config,
    out: Outbox,
    ids: IdSource,
    journal: Journal,
    feed: Feed,
    keeper: Keeper,
    peers: Peers,
    heart: Heart,
    authority: Authority,
    queue: Queue,
    mode: Mode,
    priority: i64,
    /// Follows the state while it does not lead.
    hot: bool,
    state: State,
    /// Told to let go of leadership with nobody to take it: no candidate until another leads.
    abstains: bool,
    /// A change of mode that is not complete.
    settling: Option<Mode>,
    /// The mode's rule for a start, until this node has led: it tolerates no other master.
    start_rule: Option<Mode>,
    stop_asked: bool,
    clean: bool,
    signs: elect::Signs,
    next_read: u64,
    /// When the last request that worked was sent, by kind.
    last_read: Option<Instant>,
    last_write: Option<Instant>,
    wall: (u64, Instant),
    reported: Role,
    why: Unhashed<String>,
    acting: Option<Epoch>,
    known_leader: (Epoch, Option<Process>),
    history: Unhashed<VecDeque<RoleChange>>,
    /// The plane's time when the last commit was taken.
    plane_time: (u64, Instant),
    /// When everything that could be done was done last.
    last_run: Instant,
}

/// What the node is in the middle of. The published [`Role`] is a function of it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum State {
    /// Reading the journal and the records; then the mode's rule for a start decides.
    Starting(start::Starting),
    /// Follows a leader, or waits for one.
    Following,
    /// A claim is on its way.
    Claiming,
    /// Leads by the journal; the state is being loaded.
    Promoting(lead::Promoting),
    /// Leads.
    Leading,
    /// Leads, and is letting go.
    Demoting(lead::Demoting),
    /// Cannot take part.
    Failed(start::Failed),
    /// Has stopped; its last record is on its way.
    Stopping,
    /// Has stopped.
    Stopped,
}

impl Node {
    /// A node that is about to start.
    #[must_use]
    pub fn new(now: Instant, identity: Identity, config: Config) -> Self {
        let Identity {
            node,
            uri,
            version,
            state_level,
            priority,
            mode,
            clean,
            seed,
        } = identity;
        let me = Process {
            node,
            nonce: boot_nonce(&seed),
        };
        let mut node = Self {
            journal: Journal::new(now, me.clone()),
            feed: Feed::new(),
            keeper: Keeper::new(),
            peers: Peers::new(now, me.clone()),
            heart: Heart::new(now),
            authority: Authority::default(),
            queue: Queue::new(),
            me,
            uri,
            version,
            state_level,
            config,
            out: Outbox::new(),
            ids: IdSource::new(seed),
            mode,
            priority,
            hot: mode != Mode::Standby,
            state: State::Starting(start::Starting::begin(now, Some(mode))),
            abstains: false,
            settling: None,
            start_rule: (clean || matches!(mode, Mode::Master | Mode::Disabled)).then_some(mode),
            stop_asked: false,
            clean,
            signs: elect::Signs::new(now),
            next_read: 0,
            last_read: None,
            last_write: None,
            wall: (0, now),
            reported: Role::Initializing,
            why: Unhashed(String::new()),
            acting: None,
            known_leader: (Epoch(0), None),
            history: Unhashed(VecDeque::new()),
            plane_time: (0, now),
            last_run: now,
        };
        node.run(now);
        node
    }

    /// Takes what happened outside.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        match input {
            Input::Store { id, reply } => self.on_reply(now, id, reply),
            Input::Restored { load, result } => {
                let fed = self.with(now, |s, cx| s.feed.on_restored(cx, load, result));
                self.on_fed(now, fed);
            }
            Input::Barrier { id } => self.feed.owner.on_barrier(id),
            Input::Snapshot { id, parts } => self.with(now, |s, cx| s.keeper.on_parts(cx, id, parts)),
            Input::StateUnusable(why) => self.state_is_unusable(now, why),
            Input::Exited(process) => {
                self.suspect(now, &process, Evidence::Exited);
                self.authority.exited(process);
            }
            Input::Suspect { process, evidence } => self.suspect(now, &process, evidence),
            Input::ClockJumped => {
                self.authority.forget_lease(now);
                self.journal.hurry(now);
            }
            Input::Wall(ms) => self.wall = (ms, now),
        }
        self.run(now);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.run(now);
    }

    /// What is to be done next; `None` when all has been said.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.state == State::Stopped {
            return None;
        }
        let wakes = [
            self.journal.wake(),
            self.feed.wake(self.journal.view.pos),
            self.keeper.wake(),
            Some(self.peers.wake()),
            self.heart.wake(),
            self.state_wake(),
            self.signs.wake().filter(|_| self.state == State::Following),
        ];
        wakes.into_iter().flatten().min()
    }

    /// This process.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.me
    }

    /// Whether what its mode demands of the plane at a start has been met.
    #[must_use]
    pub fn has_started(&self) -> bool {
        self.start_rule.is_none() && !matches!(self.state, State::Starting(_))
    }

    /// What the operator asked for.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Its priority in the election.
    #[must_use]
    pub fn priority(&self) -> i64 {
        self.priority
    }

    /// The newest format level of the state that it reads.
    #[must_use]
    pub fn state_level(&self) -> u32 {
        self.state_level
    }

    /// Its settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What it knows of the journal.
    #[must_use]
    pub fn view(&self) -> &View {
        &self.journal.view
    }

    /// Up to which slot the owner of the state has been fed; `None` while it is not.
    #[must_use]
    pub fn applied(&self) -> Option<Seq> {
        self.feed.is_live().then(|| self.feed.applied())
    }

    /// How far a load of the state has come, if there is one, or if this node is to lead and the owner of the state has not applied all yet.
    #[must_use]
    pub fn loading(&self) -> Option<LoadProgress> {
        let head = self.journal.view.pos;
        let lags = matches!(self.state, State::Promoting(_)) && !self.feed.owner.is_done();
        let applies = lags.then(|| LoadProgress::of((0, 0), true, head, head));
        self.feed.progress(head).or(applies)
    }

    /// The nodes on record, this one not among them.
    #[must_use]
    pub fn peers(&self) -> &BTreeMap<NodeId, Peer> {
        self.peers.known()
    }

    /// What is wrong with records that cannot be read.
    pub fn bad_records(&self) -> impl Iterator<Item = &String> {
        self.peers.bad()
    }

    /// The epoch under which this node may write now: from its validated takeover until the chain says otherwise.
    #[must_use]
    pub fn write_authority(&self) -> Option<Epoch> {
        match self.state {
            State::Leading => self.journal.lead(),
            _ => None,
        }
    }

    /// Leave to act on the world now.
    #[must_use]
    pub fn act_authority(&self, now: Instant) -> Option<ActAuthority> {
        match self.state {
            State::Leading => self.authority.act(now, self.journal.lead(), &self.config),
            _ => None,
        }
    }

    /// The end of this leader's lease, grace included.
    pub(super) fn lease_ends(&self) -> Option<Instant> {
        self.journal.lead().and_then(|e| self.authority.lease_end(e))
    }

    fn with<R>(&mut self, now: Instant, f: impl FnOnce(&mut Parts<'_>, &mut Cx<'_>) -> R) -> R {
        let lease_ends = self.lease_ends();
        let mut cx = Cx {
            now,
            out: &mut self.out,
            ids: &mut self.ids,
            config: &self.config,
            lease_ends,
        };
        let mut parts = Parts {
            journal: &mut self.journal,
            feed: &mut self.feed,
            keeper: &mut self.keeper,
            peers: &mut self.peers,
            heart: &mut self.heart,
        };
        f(&mut parts, &mut cx)
    }

    fn on_reply(&mut self, now: Instant, id: RequestId, reply: StoreReply) {
        if let Some(beat) = self.with(now, |s, cx| s.heart.on_reply(cx, id, &reply)) {
            return self.on_beat(now, &beat);
        }
        if self.with(now, |s, cx| s.peers.on_reply(cx, id, &reply, s.journal.watch())) {
            if matches!(reply, StoreReply::Names(_) | StoreReply::Bytes(_)) {
                self.last_read = Some(now);
            }
            return;
        }
        let (timeout, feeding) = (self.config.follower_timeout(), !self.feed.is_off());
        let fed = feeding.then(|| {
            let copy = reply.clone();
            self.with(now, |s, cx| s.feed.on_reply(cx, id, copy, &s.journal.view))
        });
        if let Some(fed) = fed.flatten() {
            return self.on_fed(now, fed);
        }
        let pinned = self.peers.pinned(now, timeout);
        let copy = reply.clone();
        if let Some(kept) = self.with(now, |s, cx| s.keeper.on_reply(cx, id, copy, pinned)) {
            return self.on_kept(&kept);
        }
        self.with(now, |s, cx| s.journal.on_reply(cx, id, reply));
    }

    fn on_beat(&mut self, now: Instant, beat: &Beat) {
        if let Beat::Put { sent_at, .. } = beat {
            self.last_write = Some(*sent_at);
            self.peers.own_was_put(now);
        }
        let last_word = matches!(beat, Beat::Put { is_last: true, .. } | Beat::Failed);
        if self.state == State::Stopping && last_word {
            // If it could not be put: the record is a courtesy, the journal has the release.
            self.be_stopped();
        }
    }

    fn be_stopped(&mut self) {
        self.state = State::Stopped;
        let reads: Vec<_> = self.journal.drop_reads().collect();
        reads
            .into_iter()
            .for_each(|read| self.out.event(Event::ReadFailed(read)));
        self.out.event(Event::Stopped);
    }

    fn on_fed(&mut self, now: Instant, fed: Fed) {
        match fed {
            Fed::Nothing => {}
            Fed::Live(took) => {
                self.signs.failures = 0;
                self.out.event(Event::StateLoaded {
                    seq: self.feed.applied(),
                    took,
                });
                self.heart.hurry(now);
            }
            Fed::Failed(why) => self.out.event(Event::StateNotLoaded(why)),
        }
    }

    fn on_kept(&mut self, kept: &Kept) {
        match kept {
            Kept::Nothing => {}
            Kept::Snapshot(seq) => self
                .out
                .event(Event::Note(alloc::format!("snapshot written at slot {seq}"))),
            Kept::Collected(seq) => self
                .out
                .event(Event::Note(alloc::format!("collected up to slot {seq}"))),
        }
    }

    /// Everything that can be done now, until nothing more can.
    fn run(&mut self, now: Instant) {
        if self.state == State::Stopped {
            return;
        }
        self.last_run = now;
        // Each round follows from a fact that the one before brought about; the bound is a guard against a circle.
        for _ in 0..64 {
            self.with(now, |s, cx| {
                s.journal.drive(cx);
                s.peers.drive(cx, s.journal.watch());
                s.keeper.drive(cx);
            });
            let noted = self.drain_notes(now);
            let fed = self.with(now, |s, cx| s.feed.drive(cx, &s.journal.view));
            self.on_fed(now, fed);
            let acted = self.act(now);
            if !noted && !acted {
                break;
            }
        }
        self.report(now);
        self.beat(now);
    }
}

/// The parts that ask the store, apart from what decides.
struct Parts<'a> {
    journal: &'a mut Journal,
    feed: &'a mut Feed,
    keeper: &'a mut Keeper,
    peers: &'a mut Peers,
    heart: &'a mut Heart,
}

/// Used by commands and reports alike.
fn millis(d: Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}

type Changes = Vec<Arc<[u8]>>;
