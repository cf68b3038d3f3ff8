//! What may happen next: any one request reaches the store, any node is told something.

use ha_proto::Kind;

use super::Journal;
use super::local::{Ask, Input, Local};
use super::state::State;
use crate::tables::{Key, What};

/// One step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// A create lands, and nobody is told.
    Lands(u32),
    /// A delete lands.
    Deleted(Kept),
    /// A request of a node is carried out and answered.
    Answered(u8, u8),
    /// A node is told something.
    Told(u8, Told),
    /// A node dies, and starts again with nothing.
    Restarted(u8),
}

/// What a delete hits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kept {
    /// An entry.
    Slot(u8),
    /// A manifest.
    Manifest(u8),
    /// A part: place of its snapshot, and which.
    Part(u8, u8),
}

/// What a node is told.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub(crate) enum Told {
    Claim,
    Propose,
    Beside,
    Release,
    Handover(u8),
    Confirm,
    Read,
    Snapshot,
    Unusable,
}

impl Journal {
    pub(super) fn steps(&self, state: &State, out: &mut Vec<(Step, State)>) {
        self.wire(state, out);
        for i in 0..usize::from(self.bounds.nodes) {
            self.of_node(state, i, out);
        }
    }

    fn go(&self, step: Step, mut after: State, out: &mut Vec<(Step, State)>) {
        self.tidy(&mut after);
        out.push((step, after));
    }

    /// What was sent or decided at any time may reach the store now, and nobody is told.
    fn wire(&self, state: &State, out: &mut Vec<(Step, State)>) {
        for object in &state.flight {
            let mut after = state.clone();
            if self.land(&mut after, *object) {
                self.go(Step::Lands(*object), after, out);
            }
        }
        for (at, snap) in state.snaps.iter().enumerate() {
            for object in snap.parts.iter().chain([&snap.manifest]).filter(|o| **o != 0) {
                let mut after = state.clone();
                if self.land(&mut after, *object) {
                    self.go(Step::Lands(*object), after, out);
                }
            }
            let place = u8::try_from(at).unwrap_or(u8::MAX);
            for index in (0..2).filter(|i| snap.here & snap.swept & 1 << i != 0) {
                let mut after = state.clone();
                after.snaps[at].here &= !(1 << index);
                self.go(Step::Deleted(Kept::Part(place, index)), after, out);
            }
            if snap.listed && state.delete_manifest >> snap.seq & 1 == 1 {
                let mut after = state.clone();
                after.snaps[at].listed = false;
                self.go(Step::Deleted(Kept::Manifest(snap.seq)), after, out);
            }
        }
        for slot in (0..20u8).filter(|s| state.delete >> s & 1 == 1 && state.slots[usize::from(*s)] != 0) {
            let mut after = state.clone();
            after.slots[usize::from(slot)] = 0;
            self.go(Step::Deleted(Kept::Slot(slot)), after, out);
        }
    }

    fn of_node(&self, state: &State, i: usize, out: &mut Vec<(Step, State)>) {
        let local = self.local(state, i);
        let who = u8::try_from(i).unwrap_or(u8::MAX);
        for (at, (_, ask)) in local.asks.iter().enumerate() {
            // What is read ahead is read when its turn has come.
            if matches!(ask, Ask::Get(Key::Slot(slot)) if *slot > local.pos + 1) {
                continue;
            }
            let mut after = state.clone();
            if self.answer(&mut after, i, at) {
                self.go(
                    Step::Answered(who, u8::try_from(at).unwrap_or(u8::MAX)),
                    after,
                    out,
                );
            }
        }
        for (told, input) in self.commands(state, &local, i) {
            let mut after = state.clone();
            let (used, before) = (&mut after.used, state.used.takeovers);
            match told {
                Told::Propose => used.commits += 1,
                Told::Beside => {
                    used.commits += 1;
                    used.beside += 1;
                }
                Told::Release => used.releases += 1,
                Told::Snapshot => used.snapshots += 1,
                Told::Read => {
                    used.reads += 1;
                    after.reads[i] = after.acked + 1;
                }
                Told::Confirm => used.confirms += 1,
                Told::Unusable => used.unusable += 1,
                Told::Claim | Told::Handover(_) => {}
            }
            let within = self.nudge(&mut after, i, input);
            // A claim of which nothing is sent is no step, and a handover is one if it names somebody.
            let took = match told {
                Told::Claim => after.used.takeovers > before,
                Told::Handover(_) => after.used.handovers > state.used.handovers,
                _ => true,
            };
            if within && took {
                self.go(Step::Told(who, told), after, out);
            }
        }
        if state.used.restarts < self.bounds.restarts {
            let (new, fx) = Local::start(who, local.boot + 1, &self.bounds, &self.tables);
            let mut after = state.clone();
            after.used.restarts += 1;
            after.reads[i] = 0;
            after.locals[i] = self.intern(new);
            if self.apply(&mut after, i, &fx) && self.answer_at_once(&mut after, i) {
                self.go(Step::Restarted(who), after, out);
            }
        }
    }

    fn commands(&self, state: &State, local: &Local, i: usize) -> Vec<(Told, Input)> {
        let (used, most, mut told) = (&state.used, &self.bounds, Vec::new());
        let leads = local.lead.is_some();
        let writes = local.asks.iter().any(|(_, ask)| self.is_entry(*ask));
        if local.follows() && used.takeovers < most.takeovers {
            told.push((Told::Claim, Input::Claim));
        }
        if leads && !local.open && !writes {
            if used.commits < most.commits {
                told.push((Told::Propose, Input::Propose));
            }
            if used.releases < most.releases {
                told.push((Told::Release, Input::Release));
            }
            let others = (0..usize::from(most.nodes)).filter(|o| *o != i);
            if used.handovers < most.handovers && used.takeovers < most.takeovers {
                for other in others {
                    let boot = self.local(state, other).boot;
                    let to = u8::try_from(other).unwrap_or(u8::MAX);
                    told.push((Told::Handover(to), Input::Handover(to, boot)));
                }
            }
        }
        let validates = local.about_to_lead && !local.open;
        if validates && used.commits < most.commits && used.beside < most.beside {
            told.push((Told::Beside, Input::Propose));
        }
        if used.confirms < most.confirms {
            told.push((Told::Confirm, Input::Confirm));
        }
        if used.reads < most.reads && local.reading.is_none() {
            told.push((Told::Read, Input::Read));
        }
        if local.snapshot_asked.is_some() && used.snapshots < most.snapshots {
            told.push((Told::Snapshot, Input::Snapshot));
        }
        if used.unusable < most.unusable && !local.is_out {
            told.push((Told::Unusable, Input::Unusable));
        }
        told
    }

    fn is_entry(&self, ask: Ask) -> bool {
        let Ask::Create(object) = ask else { return false };
        let object = self.tables.objects.get(object);
        matches!(&object.what, What::Entry { header, .. } if header.kind != Kind::Genesis)
    }
}
