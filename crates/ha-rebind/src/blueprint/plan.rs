//! From what a blueprint says to the entities that it makes.

use std::collections::{HashMap, VecDeque};

use super::error::{At, BlueprintError, cut, listed};
use super::initialize::initialize;
use super::locations::Locations;
use super::spec::{Blueprint, EntitySpec, PartSpec, Setting};
use super::value::Value;
use crate::adjuncts::AdjunctTypes;
use crate::entity::{Adjunct, AdjunctKind, Entity};
use crate::json::Json;
use crate::location::Location;
use crate::names::{AdjunctId, EntityId};
use crate::propose::{Draft, Refusal};
use crate::types::{
    AdjunctDescription, ArgumentError, BASIC_APPLICATION, ConfigKey, EntityTypes, TypeDescription, ValueType,
};
use crate::values::Values;

/// The config key that holds an entity's `id` in its blueprint.
pub const PLAN_ID: &str = "camp.plan.id";
/// The config key that says that an application was made around the services of a blueprint.
pub const WRAPPER_APP: &str = "brooklyn.wrapper_app";

/// What a blueprint may name.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Known<'a> {
    /// The types of entities.
    pub types: &'a EntityTypes,
    /// The types of policies and enrichers.
    pub adjuncts: &'a [AdjunctDescription],
}

/// All that a blueprint makes: one application, or children of an entity, with all below.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    entities: Vec<Entity>,
    locations: Vec<Location>,
}

impl<'a> Known<'a> {
    /// These types of entities, and no policies or enrichers.
    #[must_use]
    pub fn new(types: &'a EntityTypes) -> Self {
        Self { types, adjuncts: &[] }
    }

    /// These types of entities and of adjuncts.
    #[must_use]
    pub fn with(types: &'a EntityTypes, adjuncts: &'a AdjunctTypes) -> Self {
        Self {
            types,
            adjuncts: adjuncts.descriptions(),
        }
    }
}

impl Plan {
    /// The application, or the first of the children.
    #[must_use]
    pub fn application(&self) -> &EntityId {
        &self.entities[0].id
    }

    /// All entities, the application first, each before those below it.
    #[must_use]
    pub fn entities(&self) -> &[Entity] {
        &self.entities
    }

    /// Where they run.
    #[must_use]
    pub fn locations(&self) -> &[Location] {
        &self.locations
    }

    /// Puts all of it into a proposal: all is made, in one entry of the journal, or nothing.
    ///
    /// # Errors
    /// If an id is taken.
    pub fn stage(&self, draft: &mut Draft<'_>) -> Result<(), Refusal> {
        for location in &self.locations {
            draft.put_location(location)?;
        }
        draft.create(&self.entities)
    }
}

impl Blueprint {
    /// What is to be made. A single service whose type is an application becomes the application; services are otherwise put below a
    /// `BasicApplication`.
    ///
    /// `new_id` draws ids, all different: the first becomes the application's, so that who deploys under a chosen id gives that first.
    ///
    /// # Errors
    /// If a type, a location or an initializer is unknown, or config of the wrong type: the first thing only.
    pub fn plan(
        &self,
        known: &Known<'_>,
        now_ms: u64,
        new_id: impl FnMut() -> EntityId,
    ) -> Result<Plan, BlueprintError> {
        let is_application = |spec: &EntitySpec| {
            let found = known.types.find(&spec.entity_type);
            found.is_ok_and(|found| found.description().is_application)
        };
        let services = At::TOP.key("services");
        let (root, children, at) = match self.services.as_slice() {
            [one] if is_application(one) => (self.merged(one), &one.children, services.item(0)),
            _ => (self.wrapper(), &self.services, At::TOP),
        };
        let mut planner = Planner::new(known, now_ms, new_id);
        planner.name(&root, children);
        planner.make(&root, children, None, at)?;
        planner.entities[0].blueprint = (!self.text.is_empty()).then(|| self.text.clone());
        Ok(planner.done())
    }

    fn wrapper(&self) -> EntitySpec {
        let marker = Setting {
            line: 0,
            key: WRAPPER_APP.into(),
            value: Value::Bool(true),
        };
        EntitySpec {
            entity_type: BASIC_APPLICATION.into(),
            name: self.name.clone(),
            config: self.config.iter().cloned().chain([marker]).collect(),
            locations: self.locations.clone(),
            tags: self.tags.clone(),
            ..EntitySpec::default()
        }
    }

    /// A service as the application that it is: the blueprint's name counts, the service's own config and locations do.
    pub(super) fn merged(&self, service: &EntitySpec) -> EntitySpec {
        let is_own = |key: &str| service.config.iter().any(|own| own.key == key);
        let outer = self.config.iter().filter(|setting| !is_own(&setting.key));
        let mut merged = service.clone();
        merged.config.extend(outer.cloned());
        merged.name = self.name.clone().or(merged.name);
        merged.tags.extend(self.tags.iter().cloned());
        if merged.locations.is_empty() {
            merged.locations.clone_from(&self.locations);
        }
        merged
    }
}

pub(super) struct Planner<'a, F> {
    known: &'a Known<'a>,
    now_ms: u64,
    new_id: F,
    /// Of the entities that are not made yet, in turn.
    ids: VecDeque<EntityId>,
    /// The entities that have an `id` in the blueprint.
    named: HashMap<String, EntityId>,
    entities: Vec<Entity>,
    locations: Locations,
}

impl<'a, F: FnMut() -> EntityId> Planner<'a, F> {
    pub(super) fn new(known: &'a Known<'a>, now_ms: u64, new_id: F) -> Self {
        Self {
            known,
            now_ms,
            new_id,
            ids: VecDeque::new(),
            named: HashMap::new(),
            entities: Vec::new(),
            locations: Locations::default(),
        }
    }

    /// Draws the ids of an entity and of all below it, in the order in which they are made: any of them may name any other.
    pub(super) fn name(&mut self, spec: &EntitySpec, children: &[EntitySpec]) {
        let id = (self.new_id)();
        self.ids.push_back(id.clone());
        if let Some(name) = &spec.id {
            self.named.insert(name.clone(), id);
        }
        for child in children {
            self.name(child, &child.children);
        }
    }

    pub(super) fn make(
        &mut self,
        spec: &EntitySpec,
        children: &[EntitySpec],
        parent: Option<&EntityId>,
        at: At<'_>,
    ) -> Result<(), BlueprintError> {
        let id = self.ids.pop_front().expect("each entity was named");
        let known = self.known;
        let found = known.types.find(&spec.entity_type);
        let found = found.map_err(|unknown| BlueprintError::new(spec.line, at.key("type"), unknown))?;
        let name = spec.name.clone().unwrap_or_else(|| default_name(spec, &id));
        let mut entity = Entity::new(id.clone(), &spec.entity_type, &name);
        entity.parent = parent.cloned();
        entity.created_ms = self.now_ms;
        entity.config = self.config(spec, found.description(), at)?;
        entity.tags = spec.tags.iter().map(|tag| self.json(tag)).collect();
        for location in &spec.locations {
            let id = self.locations.find(location, at, &mut self.new_id)?;
            entity.locations.push(id);
        }
        let policies = spec.policies.iter().map(|part| (part, AdjunctKind::Policy));
        let enrichers = spec.enrichers.iter().map(|part| (part, AdjunctKind::Enricher));
        for (part, kind) in policies.chain(enrichers) {
            let adjunct = self.adjunct(part, kind, at)?;
            attach(&mut entity, adjunct, part, at)?;
        }
        for part in &spec.initializers {
            let mut all = self.known.adjuncts.iter();
            if all.any(|known| known.kind == AdjunctKind::Feed && known.name == part.part_type) {
                let feed = self.adjunct(part, AdjunctKind::Feed, at)?;
                attach(&mut entity, feed, part, at)?;
            } else {
                initialize(&mut entity, part, self.known.adjuncts, at)?;
            }
        }
        self.entities.push(entity);
        let below = at.key(if at.is_top() {
            "services"
        } else {
            "brooklyn.children"
        });
        for (i, child) in children.iter().enumerate() {
            self.make(child, &child.children, Some(&id), below.item(i))?;
        }
        Ok(())
    }

    pub(super) fn done(self) -> Plan {
        Plan {
            entities: self.entities,
            locations: self.locations.into_all(),
        }
    }

    fn config(
        &self,
        spec: &EntitySpec,
        description: &TypeDescription,
        at: At<'_>,
    ) -> Result<Values, BlueprintError> {
        let parameter = |key: &str| spec.parameters.iter().find(|p| p.name == key);
        let described = |key: &str| type_of(&description.config, key);
        let value_type = |key: &str| described(key).or_else(|| parameter(key).map(|p| p.value_type));
        let mut config = self.settings(&spec.config, value_type, at)?;
        for parameter in &spec.parameters {
            let Some(default) = &parameter.default else {
                continue;
            };
            let json = self.checked(default, Some(parameter.value_type), parameter.line, || {
                format!("{}.{}", at.key("brooklyn.parameters"), cut(&parameter.name, 100))
            })?;
            if spec.config.iter().all(|set| set.key != parameter.name) {
                config.push((&parameter.name, json));
            }
        }
        config.extend(spec.id.as_ref().map(|id| (PLAN_ID, Json::string(id))));
        Ok(config.into_iter().collect())
    }

    fn settings<'s>(
        &self,
        settings: &'s [Setting],
        value_type: impl Fn(&str) -> Option<ValueType>,
        at: At<'_>,
    ) -> Result<Vec<(&'s str, Json)>, BlueprintError> {
        let at = at.key("brooklyn.config");
        let pair = |setting: &'s Setting| {
            let (key, line) = (setting.key.as_str(), setting.line);
            let json = self.checked(&setting.value, value_type(key), line, || at.key(key).to_string())?;
            Ok((key, json))
        };
        settings.iter().map(pair).collect()
    }

    /// A value as it is stored. What an expression will be is known only later.
    fn checked(
        &self,
        value: &Value,
        value_type: Option<ValueType>,
        line: u64,
        at: impl Fn() -> String,
    ) -> Result<Json, BlueprintError> {
        let json = self.json(value);
        let is_known = !matches!(value, Value::Expression(_));
        if let Some(value_type) = value_type.filter(|_| is_known)
            && let Err(ArgumentError::WrongType { expected, found, .. }) = value_type.check("", &json)
        {
            let what = format!("must be {expected}, and is {found}");
            return Err(BlueprintError::new(line, at(), what));
        }
        Ok(json)
    }

    fn json(&self, value: &Value) -> Json {
        let entity_of = |name: &str| self.named.get(name).map(|id| id.as_str().to_owned());
        value.renamed(&entity_of).to_json()
    }

    fn adjunct(&mut self, part: &PartSpec, kind: AdjunctKind, at: At<'_>) -> Result<Adjunct, BlueprintError> {
        let at = at.key(key_of(kind));
        let of_kind = || self.known.adjuncts.iter().filter(|known| known.kind == kind);
        let Some(description) = of_kind().find(|known| known.name == part.part_type) else {
            let (name, known) = (
                cut(&part.part_type, 200),
                listed(of_kind().map(|d| d.name.as_str())),
            );
            let what = format!("unknown type '{name}': known are {known}");
            return Err(BlueprintError::new(part.line, at.key("type"), what));
        };
        let config = self.settings(&part.config, |key| type_of(&description.config, key), at)?;
        let config = config.into_iter().collect();
        let id = match &part.id {
            Some(id) => {
                AdjunctId::new(id).map_err(|bad| BlueprintError::new(part.line, at.key("id"), bad))?
            }
            None => AdjunctId::new((self.new_id)().as_str()).expect(SAME_ALPHABET),
        };
        let name = part.name.as_deref().unwrap_or_else(|| simple(&part.part_type));
        Ok(Adjunct {
            id,
            kind,
            adjunct_type: part.part_type.clone(),
            name: name.into(),
            catalog_item: None,
            is_running: true,
            config,
            highlights: Values::default(),
        })
    }
}

fn attach(entity: &mut Entity, adjunct: Adjunct, part: &PartSpec, at: At<'_>) -> Result<(), BlueprintError> {
    if entity.adjunct(&adjunct.id).is_some() {
        let what = format!(
            "the id `{}` is taken by another adjunct of this entity",
            adjunct.id
        );
        return Err(BlueprintError::new(part.line, at.key(key_of(adjunct.kind)), what));
    }
    entity.adjuncts.push(adjunct);
    Ok(())
}

/// As Brooklyn calls what has no name.
fn default_name(spec: &EntitySpec, id: &EntityId) -> String {
    format!("{}:{}", simple(&spec.entity_type), cut_exactly(id.as_str(), 4))
}

fn cut_exactly(id: &str, most: usize) -> &str {
    id.get(..most).unwrap_or(id)
}

fn simple(type_name: &str) -> &str {
    type_name.rsplit('.').next().unwrap_or(type_name)
}

fn type_of(keys: &[ConfigKey], name: &str) -> Option<ValueType> {
    keys.iter().find(|key| key.name == name).map(|key| key.value_type)
}

fn key_of(kind: AdjunctKind) -> &'static str {
    match kind {
        AdjunctKind::Policy => "brooklyn.policies",
        AdjunctKind::Enricher => "brooklyn.enrichers",
        AdjunctKind::Feed => "brooklyn.initializers",
    }
}

pub(crate) const SAME_ALPHABET: &str = "ids of entities, adjuncts and locations have one alphabet";
