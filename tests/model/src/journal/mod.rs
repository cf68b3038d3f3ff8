//! The journal: election, append, ambiguity, fencing, snapshots in parts, collection and resurrection, over production nodes.

mod bounds;
mod check;
mod local;
mod state;
mod steps;
mod store;
mod words;

pub(crate) use bounds::Bounds;

use crate::search::Model;
use crate::tables::Tables;
use local::{Effects, Input, Local};
use state::{State, Used};
use steps::Step;

/// The world of production nodes around one store.
pub(crate) struct Journal {
    bounds: Bounds,
    tables: Tables<Local, Effects>,
    init: State,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.bounds.fmt(f)
    }
}

impl Journal {
    /// A plane that another node has begun and led; it has acted on the world, and is never heard of again.
    #[must_use]
    pub(crate) fn new(bounds: Bounds) -> Self {
        let tables = Tables::new();
        let empty = State {
            locals: [0; state::NODES],
            reads: [0; state::NODES],
            slots: [0; state::SLOTS],
            flight: Vec::new(),
            delete: 0,
            delete_manifest: 0,
            snaps: Vec::new(),
            truth: 0,
            truth_at: 0,
            acked: 0,
            refused: Vec::new(),
            used: Used::default(),
            wrong: 0,
        };
        let mut journal = Self {
            bounds,
            tables,
            init: empty,
        };
        journal.init = journal.prologue();
        journal
    }

    /// The first node writes Genesis, Takeover and Full; then all others load.
    fn prologue(&self) -> State {
        let mut state = self.init.clone();
        let empty = crate::oracle::Oracle::of_view(&ha_proto::View::empty(), Vec::new());
        state.truth = self.tables.oracle(empty);
        let founder = 3;
        let (local, fx) = Local::start(founder, 0, &Bounds::default(), &self.tables);
        state.locals[0] = self.intern(local);
        self.apply(&mut state, 0, &fx);
        self.run_alone(&mut state, 0);
        assert!(self.nudge(&mut state, 0, Input::Claim), "a plane can be begun");
        self.run_alone(&mut state, 0);
        let founder = state.locals[0];
        let read = self.local(&state, 0).pos;
        assert_eq!(read, state.truth_at, "the founder has read what it wrote");
        let journal = (state.slots, state.truth, state.truth_at);
        state = self.init.clone();
        (state.slots, state.truth, state.truth_at) = journal;
        for i in 0..self.bounds.nodes {
            let at = usize::from(i);
            let (local, fx) = Local::start(i, 0, &self.bounds, &self.tables);
            state.locals[at] = self.intern(local);
            self.apply(&mut state, at, &fx);
            self.run_alone(&mut state, at);
        }
        if self.bounds.collected {
            self.collect(&mut state, founder);
        }
        state.used = Used::default();
        self.tidy(&mut state);
        state
    }

    /// The first node sends a Takeover, of which nothing is heard; the founder goes on meanwhile: commits, snapshots, decisions to collect.
    fn collect(&self, state: &mut State, founder: u32) {
        state.used = Used::default();
        assert!(self.nudge(state, 0, Input::Claim), "it may try");
        let claimant = std::mem::replace(&mut state.locals[0], founder);
        for _ in 0..5 {
            if self.local(state, 0).snapshot_asked.is_some() {
                self.nudge(state, 0, Input::Snapshot);
                self.answer_all(state, 0);
            }
            self.nudge(state, 0, Input::Propose);
            self.answer_all(state, 0);
        }
        let (first, second) = (4, 5);
        assert_eq!(
            state.delete & (1 << first | 1 << second),
            1 << first | 1 << second,
            "the slot of the Takeover and the one behind it are to be deleted"
        );
        state.locals[0] = claimant;
    }

    fn intern(&self, local: Local) -> u32 {
        self.tables.locals.put(local.canon(), || local)
    }

    fn local(&self, state: &State, i: usize) -> std::sync::Arc<Local> {
        self.tables.locals.get(state.locals[i])
    }

    /// Gives a node an input, and lets the world take what follows.
    fn nudge(&self, state: &mut State, i: usize, input: Input) -> bool {
        let from = state.locals[i];
        let (to, fx) = self.tables.stepped(from, input.code(), || {
            let (local, fx) = self.tables.locals.get(from).step(input, &self.tables);
            (self.intern(local), fx)
        });
        state.locals[i] = to;
        self.apply(state, i, &fx) && self.answer_at_once(state, i)
    }

    /// What happens at the node's word: creates under way, deletes decided, proposers and readers answered. `false` if it is beyond the bounds.
    fn apply(&self, state: &mut State, i: usize, fx: &Effects) -> bool {
        for object in &fx.creates {
            if !self.sent(state, *object) {
                return false;
            }
        }
        fx.deletes.iter().for_each(|key| Self::decided(state, *key));
        for change in &fx.durable {
            self.acknowledged(state, *change);
        }
        for change in &fx.refused {
            if !state.refused.contains(change) {
                state.refused.push(*change);
                state.refused.sort_unstable();
            }
        }
        if let Some(seen) = fx.ready {
            if seen + 1 < state.reads[i] {
                state.wrong = check::STALE_READ;
            }
            state.reads[i] = 0;
        }
        true
    }
}

impl Model for Journal {
    type State = State;
    type Step = Step;

    fn init(&self) -> State {
        self.init.clone()
    }

    fn next(&self, state: &State, out: &mut Vec<(Step, State)>) {
        self.steps(state, out);
    }

    fn violation(&self, state: &State) -> Option<&'static str> {
        self.check(state)
    }

    fn wanted(&self) -> Vec<&'static str> {
        let most = self.bounds.most();
        let used_up = most.iter().filter(|(_, most)| *most > 0).map(|(name, _)| *name);
        used_up.chain(self.others().map(|(name, _)| name)).collect()
    }

    fn happened(&self, state: &State) -> Vec<bool> {
        let most = self.bounds.most();
        let used_up = most
            .iter()
            .zip(state.used.all())
            .filter(|((_, most), _)| *most > 0);
        let others = self.others().map(|(_, happened)| happened(state));
        used_up
            .map(|((_, most), used)| used == *most)
            .chain(others)
            .collect()
    }

    fn encode(&self, state: &State, out: &mut Vec<u8>) {
        state.encode(out);
    }

    fn decode(&self, bytes: &[u8]) -> State {
        State::decode(bytes)
    }

    fn words(&self, before: &State, step: Step, after: &State) -> String {
        self.say(before, step, after)
    }

    fn figures(&self) -> String {
        let t = &self.tables;
        format!(
            "(nodes' states {}, their steps {}, objects {}, chains {})",
            t.locals.len(),
            t.steps(),
            t.objects.len(),
            t.oracles.len()
        )
    }
}

impl Journal {
    /// Answers a node, and nobody else, until only the poll of the next slot is left.
    fn answer_all(&self, state: &mut State, i: usize) {
        let is_poll = |ask: &local::Ask| matches!(ask, local::Ask::Get(crate::tables::Key::Slot(_)));
        while let Some(at) = self
            .local(state, i)
            .asks
            .iter()
            .position(|(_, ask)| !is_poll(ask))
        {
            self.answer(state, i, at);
        }
    }
}

type Happening = (&'static str, fn(&State) -> bool);

impl Journal {
    /// What is to happen besides the using up of bounds.
    fn others(&self) -> impl Iterator<Item = Happening> {
        let acked: Happening = ("acknowledgements", |s| s.acked > 0);
        let collected: Happening = ("collections", |s| s.delete != 0);
        let acked = (self.bounds.commits > 0).then_some(acked);
        let collected = (self.bounds.snapshots > 1).then_some(collected);
        acked.into_iter().chain(collected)
    }

    /// Answers a node, and nobody else, until it asks for nothing new.
    fn run_alone(&self, state: &mut State, i: usize) {
        for _ in 0..200 {
            let before = (state.locals[i], state.slots);
            let asks = self.local(state, i).asks.clone();
            let pos = self.local(state, i).pos;
            let ready = |ask: &local::Ask| !matches!(ask, local::Ask::Get(crate::tables::Key::Slot(s)) if *s > pos + 1);
            // The newest request is the one that it waits for.
            let Some(at) = (0..asks.len()).rev().find(|at| ready(&asks[*at].1)) else {
                return;
            };
            self.answer(state, i, at);
            if (state.locals[i], state.slots) == before {
                return;
            }
        }
    }
}
