//! What a new leader looks at before it acts: whether all entities can be managed here. Reads and writes do not wait for it.

use bytes::Bytes;
use tokio::time::Instant;

use super::failure::{FailureMode, FailureModes, Kind};
use super::{Host, fire};
use crate::adjuncts::{AdjunctTypes, Sight};
use crate::entity::{Adjunct, Entity, SERVICE_PROBLEMS};
use crate::names::EntityId;
use crate::propose::Draft;
use crate::proposer::Proposer;
use crate::state::State;
use crate::types::{EntityTypes, check_stored};

/// How many are looked at while nothing is applied, or written of in one entry.
const AT_ONCE: usize = 1_000;
/// How many problems are told in the log one by one; of the others, how many there are.
const MOST_TOLD: usize = 20;
/// Under which name the problem of an entity stands that cannot be managed here.
const REBIND: &str = "rebind";

/// What was found.
#[derive(Debug, Default)]
struct Report {
    entities: u64,
    /// References by which entities hang together, which no write of a client can break, and those of them that lead nowhere.
    references: u64,
    dangling: u64,
    problems: u64,
    /// The first of those for which leadership is to be given up.
    fatal: Vec<String>,
    is_fast: bool,
    /// What is wrong with an entity itself, and those with which nothing is any more.
    burning: Vec<(EntityId, String)>,
    well_again: Vec<EntityId>,
}

impl Host {
    /// Looks at all entities. `false`: leadership is given up, or was lost.
    pub(super) async fn rebind(&self, proposer: &Proposer) -> bool {
        let began = Instant::now();
        let modes = &self.0.settings.failure_modes;
        let mut report = Report::default();
        let ids = self.read(State::entity_ids);
        for some in ids.chunks(AT_ONCE) {
            self.read(|state| {
                let mut some = some.iter();
                while let Some(id) = some.next().filter(|_| !report.is_fast) {
                    self.look_at(state, id, modes, &mut report);
                }
            });
            if report.is_fast {
                break;
            }
            tokio::task::yield_now().await;
        }
        let (all, dangling) = (report.references, report.dangling);
        if !modes.min_required_healthy.is_met(all - dangling, all) {
            report
                .fatal
                .push(format!("Too many dangling references: {dangling} of {all}"));
        }
        if !report.fatal.is_empty() {
            let why = format!(
                "Failure rebinding: {}; repair that, or start this node with failure modes that go on",
                report.fatal.join("; ")
            );
            self.0.plane.give_up(&why);
            return false;
        }
        self.tell_entities(proposer, &report).await;
        tracing::info!(
            entities = report.entities,
            problems = report.problems,
            "rebind complete: looked at in {:?}",
            began.elapsed()
        );
        proposer.leadership().is_held()
    }

    fn look_at(&self, state: &State, id: &EntityId, modes: &FailureModes, report: &mut Report) {
        report.entities += 1;
        let problem = |report: &mut Report, kind: Kind, what: &str| {
            let text = format!("entity `{id}`: {what}");
            report.problems += 1;
            if report.problems <= MOST_TOLD as u64 {
                tracing::warn!(kind = %kind, "{text}");
            }
            let mode = modes.of(kind);
            report.is_fast |= mode == FailureMode::FailFast;
            if mode != FailureMode::Continue && report.fatal.len() < MOST_TOLD {
                report.fatal.push(text);
            }
        };
        let entity = match state.entity(id) {
            None => return,
            Some(Ok(entity)) => entity,
            Some(Err(bad)) => return problem(report, Kind::Rebind, &bad.why.to_string()),
        };
        let mut is_known = true;
        match self.0.types.find(&entity.entity_type) {
            Err(unknown) => {
                is_known = false;
                if burns(&entity).as_deref() != Some(&unknown.to_string()) {
                    report.burning.push((id.clone(), unknown.to_string()));
                }
                problem(report, Kind::Rebind, &unknown.to_string());
            }
            Ok(found) => {
                if let Err(why) = check_stored(&found.description().config, &entity.config) {
                    problem(report, Kind::AddConfig, &why.to_string());
                }
            }
        }
        if is_known && burns(&entity).is_some() {
            report.well_again.push(id.clone());
        }
        for adjunct in &entity.adjuncts {
            if let Some((kind, what)) = misfit(&self.0.settings.adjuncts, adjunct) {
                problem(report, kind, &what);
            }
        }
        references(
            state,
            &self.0.types,
            &entity,
            &mut |is_of_tree, is_there, what| {
                report.references += u64::from(is_of_tree);
                report.dangling += u64::from(is_of_tree && !is_there);
                if !is_there {
                    problem(report, Kind::DanglingRef, &format!("its {} is not there", what()));
                }
            },
        );
    }

    /// Writes down of entities what is wrong with them here, or is no more.
    async fn tell_entities(&self, proposer: &Proposer, report: &Report) {
        let what = "what the rebind has found";
        for some in report.burning.chunks(AT_ONCE) {
            let light = |draft: &mut Draft<'_>| {
                for (id, why) in some {
                    if draft.entity(id).is_ok() {
                        fire::light(draft, id, REBIND, why)?;
                    }
                }
                Ok(Bytes::new())
            };
            if let Err(why) = self.insist(proposer, what, light).await {
                tracing::error!("{what} cannot be written down: {why}");
            }
        }
        for some in report.well_again.chunks(AT_ONCE) {
            let put_out = |draft: &mut Draft<'_>| {
                for id in some {
                    if draft.entity(id).is_ok() {
                        fire::put_out(draft, id, REBIND)?;
                    }
                }
                Ok(Bytes::new())
            };
            if let Err(why) = self.insist(proposer, what, put_out).await {
                tracing::error!("{what} cannot be written down: {why}");
            }
        }
    }
}

/// What a rebind before this one has said to be wrong with it.
fn burns(entity: &Entity) -> Option<String> {
    let problems = entity.sensors.get(SERVICE_PROBLEMS)?.value();
    problems.get(REBIND)?.as_str().map(str::to_owned)
}

/// What is wrong with the type of an adjunct.
fn misfit(types: &AdjunctTypes, adjunct: &Adjunct) -> Option<(Kind, String)> {
    let (id, name) = (&adjunct.id, &adjunct.adjunct_type);
    match types.descriptions().iter().find(|d| d.name == *name) {
        None => {
            let what = format!("its adjunct `{id}` is of type '{name}', which is not known here");
            Some((Kind::LoadPolicy, what))
        }
        Some(found) if found.kind != adjunct.kind => {
            let what = format!(
                "its adjunct `{id}` is a {:?}, and its type '{name}' makes {:?}s",
                adjunct.kind, found.kind
            );
            Some((Kind::AddPolicy, what))
        }
        Some(_) => None,
    }
}

/// Takes whether something is of the tree, whether it is there, and what it is.
type Tell<'a> = dyn FnMut(bool, bool, &dyn Fn() -> String) + 'a;

/// Tells of each that an entity refers to whether it is its parent or a child, whether it is there, and what it is.
fn references(state: &State, types: &EntityTypes, entity: &Entity, tell: &mut Tell<'_>) {
    if let Some(id) = &entity.parent {
        tell(true, state.contains(id), &|| format!("parent `{id}`"));
    }
    for id in &entity.children {
        tell(true, state.contains(id), &|| format!("child `{id}`"));
    }
    for relation in &entity.relations {
        let target = &relation.target;
        tell(false, state.contains(target), &|| {
            format!("relation {} to `{target}`", relation.name)
        });
    }
    for id in &entity.locations {
        tell(false, state.location(id).is_some(), &|| {
            format!("location `{id}`")
        });
    }
    for adjunct in &entity.adjuncts {
        let sight = Sight {
            state,
            types,
            entity,
            adjunct,
            now_ms: 0,
        };
        let producer = sight.producer();
        tell(false, state.contains(&producer), &|| {
            format!(
                "entity `{producer}`, at which its adjunct `{}` looks,",
                adjunct.id
            )
        });
    }
}
