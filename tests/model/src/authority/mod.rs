//! Who may act: Full, leases and death over production nodes whose clocks drift.
//!
//! A tick of real time moves every clock by 2 or 4 units, each node's by its own choice at every tick; between ticks any number of steps happen.
//! Requests are sent, reach the store and are answered in separate steps, any of them as late as it likes; replies are lost, and what a dead node
//! had sent may still land. Listings, records and the look at the last slot are answered at once: the journal's model has them.

mod actor;
mod bounds;
mod state;
mod steps;

use ha_proto::Kind;

use crate::search::Model;
use crate::tables::{Key, Tables};
use actor::{Actor, Ask, Effects, Input, Reply};
pub(crate) use bounds::Bounds;
use state::{Held, State};
use steps::Step;

/// The world of production nodes, their clocks and their work.
pub(crate) struct Authority {
    bounds: Bounds,
    tables: Tables<Actor, Effects>,
    init: State,
}

impl Authority {
    /// A plane that another node has begun, led and released.
    pub(crate) fn new(bounds: Bounds) -> Self {
        let mut authority = Self {
            bounds,
            tables: Tables::new(),
            init: State::default(),
        };
        authority.init = authority.prologue();
        authority
    }

    fn prologue(&self) -> State {
        let founder = 3;
        let alone = Bounds {
            handovers: 0,
            ..self.bounds
        };
        let mut state = State::default();
        let (actor, fx) = Actor::start(founder, alone, &self.tables);
        state.actors[0] = self.intern(actor);
        assert!(
            self.apply(&mut state, &fx, &Bounds::ample()),
            "a start is no takeover"
        );
        self.run_alone(&mut state, 0);
        for input in [Input::Claim, Input::LetGo] {
            assert!(
                self.nudge(&mut state, 0, input, &Bounds::ample()),
                "one node is in nobody's way"
            );
            self.run_alone(&mut state, 0);
        }
        let slots = state.slots;
        assert_eq!(state.end(), 4, "Genesis, Takeover, Full and Release");
        state = State {
            slots,
            ..State::default()
        };
        for i in 0..self.bounds.nodes {
            let at = usize::from(i);
            let (actor, fx) = Actor::start(i, self.bounds, &self.tables);
            state.actors[at] = self.intern(actor);
            assert!(
                self.apply(&mut state, &fx, &Bounds::ample()),
                "a start is no takeover"
            );
            self.run_alone(&mut state, at);
            self.nudge(&mut state, at, Input::Tick(2), &Bounds::ample());
            let actor = self.actor(&state, at);
            assert!(
                (actor.follows() || actor.node.write_authority().is_some())
                    && usize::from(actor.pos) == state.end(),
                "a node that has started has read the journal ({}; at {})",
                actor.node.reason(),
                actor.pos
            );
        }
        state.used = [0; 7];
        state
    }

    fn run_alone(&self, state: &mut State, i: usize) {
        for _ in 0..100 {
            let before = (state.actors[i], state.slots);
            let Some((at, ask)) = self.actor(state, i).waits_for() else {
                return;
            };
            let reply = self.reach(state, ask);
            self.nudge(state, i, Input::Reply(at, reply), &Bounds::ample());
            if (state.actors[i], state.slots) == before {
                return;
            }
        }
    }

    fn intern(&self, actor: Actor) -> u32 {
        self.tables.locals.put(actor.canon(), || actor)
    }

    fn actor(&self, state: &State, i: usize) -> std::sync::Arc<Actor> {
        self.tables.locals.get(state.actors[i])
    }

    /// Gives a node an input. `false` if what follows is beyond the bounds.
    fn nudge(&self, state: &mut State, i: usize, input: Input, within: &Bounds) -> bool {
        let from = state.actors[i];
        let (to, fx) = self.tables.stepped(from, input.code(), || {
            let (actor, fx) = self.tables.locals.get(from).step(input, &self.tables);
            (self.intern(actor), fx)
        });
        state.actors[i] = to;
        if !self.apply(state, &fx, within) {
            return false;
        }
        // The look at a slot that was read before.
        let actor = self.actor(state, i);
        let seen = |ask: &Ask| matches!(ask, Ask::Get(slot) if *slot <= actor.pos);
        match actor.asks.iter().position(|(_, ask)| seen(ask)) {
            None => true,
            Some(at) => {
                let reply = self.reach(state, actor.asks[at].1);
                self.nudge(state, i, Input::Reply(at, reply), within)
            }
        }
    }

    fn apply(&self, state: &mut State, fx: &Effects, within: &Bounds) -> bool {
        for object in &fx.creates {
            state.sent.push(*object);
            state.sent.sort_unstable();
            let [takeovers, fulls, commits, releases, handovers, ..] = &mut state.used;
            match self.tables.objects.get(*object).kind() {
                Some(Kind::Takeover) => *takeovers += 1,
                Some(Kind::Handover) => {
                    *takeovers += 1;
                    *handovers += 1;
                }
                Some(Kind::Full) => *fulls += 1,
                Some(Kind::Commit) => *commits += 1,
                Some(Kind::Release) => *releases += 1,
                _ => {}
            }
        }
        let most = [
            within.takeovers,
            within.fulls,
            within.commits,
            within.releases,
            within.handovers,
        ];
        state.end() + 2 < state.slots.len() && state.used.iter().zip(most).all(|(used, most)| *used <= most)
    }

    /// A request reaches the store.
    fn reach(&self, state: &mut State, ask: Ask) -> Reply {
        match ask {
            Ask::Create(object) if self.land(state, object) => Reply::Done,
            Ask::Create(_) => Reply::Exists,
            Ask::Get(slot) => match state.slots[usize::from(slot)] {
                0 => Reply::Absent,
                object => Reply::Object(object),
            },
        }
    }

    fn land(&self, state: &mut State, object: u32) -> bool {
        let Key::Slot(slot) = self.tables.objects.get(object).key else {
            return false;
        };
        let slot = &mut state.slots[usize::from(slot)];
        let free = *slot == 0;
        if free {
            *slot = object;
        }
        free
    }
}

impl Bounds {
    /// For what happens before the model begins.
    fn ample() -> Self {
        let many = u8::MAX;
        Self {
            takeovers: many,
            fulls: many,
            commits: many,
            releases: many,
            handovers: many,
            ..Self::default()
        }
    }
}

impl Model for Authority {
    type State = State;
    type Step = Step;

    fn init(&self) -> State {
        self.init.clone()
    }

    fn next(&self, state: &State, out: &mut Vec<(Step, State)>) {
        self.steps(state, out);
    }

    fn violation(&self, state: &State) -> Option<&'static str> {
        let nodes = 0..usize::from(self.bounds.nodes);
        let working = nodes.filter(|i| self.actor(state, *i).works()).count();
        (working > 1).then_some("two nodes act at once")
    }

    fn wanted(&self) -> Vec<&'static str> {
        let most = self.bounds.most();
        let used_up = most.iter().filter(|(_, most)| *most > 0).map(|(name, _)| *name);
        used_up.chain(["acts"]).collect()
    }

    fn happened(&self, state: &State) -> Vec<bool> {
        let most = self.bounds.most();
        let used_up = most.iter().zip(state.used).filter(|((_, most), _)| *most > 0);
        let acts = (0..usize::from(self.bounds.nodes)).any(|i| self.actor(state, i).works());
        used_up
            .map(|((_, most), used)| used == *most)
            .chain([acts])
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
            "(nodes' states {}, their steps {}, objects {})",
            t.locals.len(),
            t.steps(),
            t.objects.len()
        )
    }
}

impl Held {
    fn of(reply: Reply) -> Self {
        match reply {
            Reply::Done => Self(1),
            Reply::Exists => Self(2),
            Reply::Absent => Self(3),
            Reply::Lost => Self(4),
            Reply::Object(id) => Self(8 + id),
        }
    }

    fn reply(self) -> Option<Reply> {
        Some(match self.0 {
            0 => return None,
            1 => Reply::Done,
            2 => Reply::Exists,
            3 => Reply::Absent,
            4 => Reply::Lost,
            id => Reply::Object(id - 8),
        })
    }
}
