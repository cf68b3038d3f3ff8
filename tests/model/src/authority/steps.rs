//! What may happen next.

use ha_proto::Kind;

use super::actor::{Ask, Input, Reply};
use super::bounds::ANY;
use super::state::{Held, State};
use super::{Actor, Authority};
use crate::crew::letter;
use crate::tables::{Key, What};

/// One step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// Time passes: bit i is set if the clock of node i runs fast.
    Tick(u8),
    /// What a dead node had sent lands.
    Lands(u32),
    /// A request reaches the store.
    Reaches(u8),
    /// The answer is delivered, or lost.
    Delivered(u8),
    Lost(u8),
    /// A node is told something, or does something of its own.
    Told(u8, Input),
}

impl Authority {
    pub(super) fn steps(&self, state: &State, out: &mut Vec<(Step, State)>) {
        let nodes = usize::from(self.bounds.nodes);
        let ticks = self.bounds.ticks;
        for fast in (0..1u8 << nodes).filter(|_| state.used[6] < ticks) {
            let mut after = state.clone();
            after.used[6] += u8::from(ticks != ANY);
            let tick = |after: &mut State, i: usize| {
                let units = if fast >> i & 1 == 1 { 4 } else { 2 };
                self.nudge(after, i, Input::Tick(units), &self.bounds)
            };
            if (0..nodes).all(|i| tick(&mut after, i)) {
                self.go(Step::Tick(fast), after, out);
            }
        }
        for object in &state.sent {
            let mut after = state.clone();
            if self.is_dead(state, *object) && self.land(&mut after, *object) {
                self.go(Step::Lands(*object), after, out);
            }
        }
        for i in 0..nodes {
            let actor = self.actor(state, i);
            if actor.dead {
                self.told(state, i, Input::EndAct, actor.works(), out);
            } else {
                self.requests(state, i, &actor, out);
                self.commands(state, i, &actor, out);
            }
        }
    }

    fn go(&self, step: Step, mut after: State, out: &mut Vec<(Step, State)>) {
        // What lies behind the end can never land.
        after.sent.retain(|o| {
            let Key::Slot(slot) = self.tables.objects.get(*o).key else {
                return false;
            };
            after.slots[usize::from(slot)] == 0
        });
        for i in 0..usize::from(self.bounds.nodes) {
            if after.held[i] != Held(0) && self.actor(&after, i).waits_for().is_none() {
                after.held[i] = Held(0);
            }
        }
        out.push((step, after));
    }

    fn is_dead(&self, state: &State, object: u32) -> bool {
        let object = self.tables.objects.get(object);
        let What::Entry { header, .. } = &object.what else {
            return false;
        };
        (0..usize::from(self.bounds.nodes))
            .map(|i| self.actor(state, i))
            .any(|a| a.dead && *a.node.process() == header.by)
    }

    fn requests(&self, state: &State, i: usize, actor: &Actor, out: &mut Vec<(Step, State)>) {
        let Some((at, ask)) = actor.waits_for() else {
            return;
        };
        let who = u8::try_from(i).unwrap_or(u8::MAX);
        let mut after = state.clone();
        let Some(reply) = state.held[i].reply() else {
            after.held[i] = Held::of(self.reach(&mut after, ask));
            return self.go(Step::Reaches(who), after, out);
        };
        after.held[i] = Held(0);
        let mut lost = after.clone();
        if self.nudge(&mut after, i, Input::Reply(at, reply), &self.bounds) {
            self.go(Step::Delivered(who), after, out);
        }
        if self.nudge(&mut lost, i, Input::Reply(at, Reply::Lost), &self.bounds) {
            self.go(Step::Lost(who), lost, out);
        }
    }

    fn told(&self, state: &State, i: usize, input: Input, may: bool, out: &mut Vec<(Step, State)>) {
        let mut after = state.clone();
        let was = self.actor(state, i).waits_for();
        if may && self.nudge(&mut after, i, input, &self.bounds) {
            if self.actor(&after, i).waits_for() != was {
                // It asks for something else now, and the answer to what it asked before is nothing to it.
                after.held[i] = Held(0);
            }
            if matches!(input, Input::Claim) && after.used[0] == state.used[0] {
                return;
            }
            let who = u8::try_from(i).unwrap_or(u8::MAX);
            self.go(Step::Told(who, input), after, out);
        }
    }

    fn commands(&self, state: &State, i: usize, actor: &Actor, out: &mut Vec<(Step, State)>) {
        let (used, most) = (&state.used, &self.bounds);
        let leads = actor.node.write_authority().is_some();
        let free = !actor.asks.iter().any(|(_, ask)| matches!(ask, Ask::Create(_)));
        self.told(state, i, Input::Act, !actor.works() && actor.may_act(), out);
        self.told(state, i, Input::EndAct, actor.works(), out);
        self.told(
            state,
            i,
            Input::Claim,
            actor.follows() && used[0] < most.takeovers,
            out,
        );
        self.told(
            state,
            i,
            Input::Propose,
            leads && free && !actor.open && used[2] < most.commits,
            out,
        );
        let lets_go = used[3] < most.releases || used[4] < most.handovers && used[0] < most.takeovers;
        self.told(state, i, Input::LetGo, leads && free && lets_go, out);
        for other in (0..usize::from(most.nodes)).filter(|o| *o != i) {
            let dead = self.actor(state, other);
            let gone = dead.dead && (!dead.works() || most.orphans);
            let bit = u8::try_from(other).unwrap_or(7);
            self.told(
                state,
                i,
                Input::Exited(bit),
                gone && actor.knows >> bit & 1 == 0,
                out,
            );
        }
        if used[5] < most.deaths {
            let mut after = state.clone();
            after.used[5] += 1;
            after.held[i] = Held(0);
            if self.nudge(&mut after, i, Input::Die, most) {
                let who = u8::try_from(i).unwrap_or(u8::MAX);
                self.go(Step::Told(who, Input::Die), after, out);
            }
        }
    }

    fn entry(&self, id: u32) -> String {
        let object = self.tables.objects.get(id);
        match (&object.what, object.kind()) {
            (What::Entry { header, .. }, Some(kind)) => {
                let by = header.by.node.as_str().to_uppercase();
                let naming = if kind == Kind::Handover { " to another" } else { "" };
                format!(
                    "{by}'s {kind:?}{naming} of epoch {} for slot {}",
                    header.epoch, header.seq
                )
            }
            _ => "nothing".to_owned(),
        }
    }

    pub(super) fn say(&self, before: &State, step: Step, after: &State) -> String {
        let asked = |who: u8| match self.actor(before, usize::from(who)).waits_for() {
            Some((_, Ask::Create(object))) => format!("create of {}", self.entry(object)),
            Some((_, Ask::Get(slot))) => format!("get of slot {slot}"),
            None => "request".to_owned(),
        };
        let answer = |held: Held| match held.reply() {
            Some(Reply::Object(id)) => self.entry(id),
            Some(reply) => format!("{reply:?}"),
            None => String::new(),
        };
        let did = match step {
            Step::Tick(fast) => {
                let by = |i: u8| format!("{}+{}", letter(i), if fast >> i & 1 == 1 { 4 } else { 2 });
                let clocks: Vec<_> = (0..self.bounds.nodes).map(by).collect();
                format!("a tick: {}", clocks.join(" "))
            }
            Step::Lands(object) => format!("what a dead node had sent lands: {}", self.entry(object)),
            Step::Reaches(who) => {
                let held = after.held[usize::from(who)];
                format!(
                    "{}'s {} reaches the store: {}",
                    letter(who),
                    asked(who),
                    answer(held)
                )
            }
            Step::Delivered(who) => format!(
                "{} is answered: {}",
                letter(who),
                answer(before.held[usize::from(who)])
            ),
            Step::Lost(who) => format!("an answer to {} is lost", letter(who)),
            Step::Told(who, input) => match input {
                Input::Act => format!("{} ACTS", letter(who)),
                Input::EndAct => format!("{}'s work ends", letter(who)),
                Input::Claim => format!("{} is told to take over", letter(who)),
                Input::Propose => format!("{} is given a change", letter(who)),
                Input::LetGo => format!("{} is told to let go", letter(who)),
                Input::Die => format!("{} dies", letter(who)),
                Input::Exited(other) => format!("{} is told that {} has exited", letter(who), letter(other)),
                Input::Tick(_) | Input::Reply(..) => String::new(),
            },
        };
        let node = |i: u8| {
            let actor = self.actor(after, usize::from(i));
            let leads = actor.node.write_authority().filter(|_| !actor.dead);
            let leads = leads.map_or_else(String::new, |e| format!(" leads {e}"));
            let left = actor
                .left()
                .filter(|_| !actor.dead)
                .map_or_else(String::new, |l| format!(" lease {l}"));
            let works = if actor.works() { " WORKS" } else { "" };
            format!("{}@{}{leads}{left}{works}", letter(i), actor.pos)
        };
        let nodes: Vec<_> = (0..self.bounds.nodes).map(node).collect();
        format!("{did}   ({})", nodes.join(", "))
    }
}
