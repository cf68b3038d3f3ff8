//! What the expressions in config stand for, in a state.

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Value as JsonValue, json};

use super::expression::{Expression, PREFIX, Target, pieces};
use super::plan::PLAN_ID;
use super::value::Value;
use crate::entity::Entity;
use crate::json::Json;
use crate::names::EntityId;
use crate::state::State;
use crate::types::EntityTypes;

/// Tells what config stands for: a pure function of a state.
///
/// A key has the entity's own value, or that of its nearest ancestor that has one, or its type's default. An expression that was inherited means
/// the entities around the ancestor that it was written for.
///
/// ```
/// use ha_rebind::blueprint::Resolver;
/// use ha_rebind::{EntityId, EntityTypes, State};
///
/// let (state, types) = (State::default(), EntityTypes::built_in());
/// let nobody = EntityId::new("nobody")?;
/// let error = Resolver::new(&state, &types).config(&nobody, "url").unwrap_err();
/// assert_eq!(error.to_string(), "config `url` of entity `nobody`: there is no entity `nobody`");
/// # Ok::<(), ha_rebind::IdError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Resolver<'a> {
    state: &'a State,
    types: &'a EntityTypes,
}

/// What config stands for now.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_enums)]
pub enum Resolved {
    /// This value.
    Value(Json),
    /// A sensor that it needs has no value yet, or one that is `null`, empty, zero or false.
    NotReady {
        /// Whose.
        entity: EntityId,
        /// Its name.
        sensor: String,
    },
}

/// Config that stands for nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("config `{key}` of entity `{entity}`: {what}")]
pub struct ResolveError {
    entity: EntityId,
    key: String,
    what: String,
}

impl<'a> Resolver<'a> {
    /// Resolves in this state, with the defaults of these types.
    #[must_use]
    pub fn new(state: &'a State, types: &'a EntityTypes) -> Self {
        Self { state, types }
    }

    /// The value of a config key of an entity; `None` if it has none, inherits none, and there is no default.
    ///
    /// # Errors
    /// If there is no such entity, an expression makes no sense or needs an entity that is not there, or config needs itself or too much.
    pub fn config(&self, entity: &EntityId, key: &str) -> Result<Option<Resolved>, ResolveError> {
        let mut work = Work::of(self, entity, key);
        let found = work.find(entity, key).and_then(|found| match found {
            Some((owner, json)) => work.told(owner, key, &json).map(Some),
            None => Ok(None),
        });
        match found {
            Ok(found) => Ok(found.map(Resolved::Value)),
            Err(stop) => stop.told().map(Some),
        }
    }

    /// What a value stands for that an entity has, or would have, as config of this key.
    ///
    /// # Errors
    /// As for [`config`](Self::config).
    pub fn value(&self, entity: &EntityId, key: &str, value: &Json) -> Result<Resolved, ResolveError> {
        let mut work = Work::of(self, entity, key);
        let resolved = work.entity(entity);
        let resolved = resolved.and_then(|_| work.told(entity.clone(), key, value));
        resolved.map(Resolved::Value).or_else(Stop::told)
    }
}

/// Why there is no value.
enum Stop {
    NotReady { entity: EntityId, sensor: String },
    Wrong(ResolveError),
}

impl Stop {
    fn wrong((entity, key): (&EntityId, &str), what: impl Into<String>) -> Self {
        Self::Wrong(ResolveError {
            entity: entity.clone(),
            key: key.into(),
            what: what.into(),
        })
    }

    fn told(self) -> Result<Resolved, ResolveError> {
        match self {
            Self::NotReady { entity, sensor } => Ok(Resolved::NotReady { entity, sensor }),
            Self::Wrong(error) => Err(error),
        }
    }
}

/// One value that is being resolved.
struct Work<'a> {
    resolver: &'a Resolver<'a>,
    asked: (EntityId, String),
    /// The config keys on the way here, each needed by the one before.
    way: Vec<(EntityId, String)>,
    entities: HashMap<EntityId, Rc<Entity>>,
    named: HashMap<(EntityId, Target), EntityId>,
    /// Config that was needed before, and what it cost.
    done: HashMap<(EntityId, String), (JsonValue, usize)>,
    depth: usize,
    left: usize,
}

impl<'a> Work<'a> {
    fn of(resolver: &'a Resolver<'a>, entity: &EntityId, key: &str) -> Self {
        Self {
            resolver,
            asked: (entity.clone(), key.to_owned()),
            way: Vec::new(),
            entities: HashMap::new(),
            named: HashMap::new(),
            done: HashMap::new(),
            depth: 0,
            left: MOST_WORK,
        }
    }

    /// The value as stored, and whose it is.
    fn find(&mut self, entity: &EntityId, key: &str) -> Result<Option<(EntityId, Json)>, Stop> {
        let asked = self.entity(entity)?;
        let mut here = Rc::clone(&asked);
        loop {
            self.spend(STEP + here.config.bytes().len() / LOOKED_AT)?;
            if let Some(json) = here.config.get(key) {
                return Ok(Some((here.id.clone(), json)));
            }
            let Some(parent) = &here.parent else { break };
            here = self.entity(parent)?;
        }
        let found = self.resolver.types.find(&asked.entity_type).ok();
        let default = found.and_then(|found| {
            let keys = &found.description().config;
            keys.iter().find(|k| k.name == key)?.default.clone()
        });
        Ok(default.map(|json| (entity.clone(), json)))
    }

    /// What config of an entity stands for that an expression needs; `null` if there is none.
    fn needed(&mut self, of: EntityId, key: &str) -> Result<JsonValue, Stop> {
        let needed = (of, key.to_owned());
        if let Some((value, cost)) = self.done.get(&needed) {
            let (value, cost) = (value.clone(), *cost);
            self.spend(cost)?;
            return Ok(value);
        }
        let before = self.left;
        let value = match self.find(&needed.0, key)? {
            Some((owner, json)) => {
                self.spend(json.as_str().len())?;
                self.stored(owner, key, &json)?
            }
            None => JsonValue::Null,
        };
        self.done.insert(needed, (value.clone(), before - self.left));
        Ok(value)
    }

    /// What a value stands for that somebody asked for. One without an expression stays as it was written.
    fn told(&mut self, owner: EntityId, key: &str, json: &Json) -> Result<Json, Stop> {
        if !json.as_str().contains(PREFIX) {
            return Ok(json.clone());
        }
        self.stored(owner, key, json).map(|value| Json::from(&value))
    }

    fn stored(&mut self, owner: EntityId, key: &str, json: &Json) -> Result<JsonValue, Stop> {
        let value = Value::from_json(&json.value()).map_err(|what| Stop::wrong((&owner, key), what))?;
        if self
            .way
            .iter()
            .any(|(entity, on_way)| *entity == owner && on_way == key)
        {
            return Err(Stop::wrong((&owner, key), "its value needs itself"));
        }
        self.way.push((owner, key.to_owned()));
        let resolved = self.resolve(&value)?;
        self.way.pop();
        Ok(resolved)
    }

    fn resolve(&mut self, value: &Value) -> Result<JsonValue, Stop> {
        self.spend(STEP)?;
        if self.depth == DEEPEST_VALUE {
            let what = format!("it lies more than {DEEPEST_VALUE} deep, with the config that it needs");
            return Err(self.wrong(what));
        }
        self.depth += 1;
        let resolved = self.resolve_one(value)?;
        self.depth -= 1;
        Ok(resolved)
    }

    fn resolve_one(&mut self, value: &Value) -> Result<JsonValue, Stop> {
        Ok(match value {
            Value::Null => JsonValue::Null,
            Value::Bool(value) => JsonValue::Bool(*value),
            Value::Number(value) => JsonValue::Number(value.clone()),
            Value::Text(text) => self.text(text.clone())?,
            Value::List(list) => {
                let values = list.iter().map(|value| self.resolve(value));
                JsonValue::Array(values.collect::<Result<_, _>>()?)
            }
            Value::Map(map) => {
                let pairs = map
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), self.resolve(value)?)));
                JsonValue::Object(pairs.collect::<Result<_, Stop>>()?)
            }
            Value::Expression(expression) => self.expression(expression)?,
        })
    }

    fn expression(&mut self, expression: &Expression) -> Result<JsonValue, Stop> {
        match expression {
            Expression::Literal(text) => self.text(text.clone()),
            Expression::Entity(of) => {
                let id = self.target(of)?;
                Ok(json!({ "type": ENTITY, "id": id.as_str() }))
            }
            Expression::Config { of, key } => {
                let of = self.target(of)?;
                self.needed(of, key)
            }
            Expression::AttributeWhenReady { of, sensor } => {
                let entity = self.target(of)?;
                let told = self.resolver.state.sensor(&entity, sensor);
                match told.map(|json| json.value()).filter(is_ready) {
                    Some(value) => {
                        self.spend(value.to_string().len())?;
                        Ok(value)
                    }
                    None => Err(Stop::NotReady {
                        entity,
                        sensor: sensor.clone(),
                    }),
                }
            }
            Expression::FormatString { pattern, arguments } => {
                let pieces = pieces(pattern).map_err(|what| self.wrong(what))?;
                let mut text = String::new();
                for (i, piece) in pieces.iter().enumerate() {
                    text.push_str(piece);
                    let Some(argument) = arguments.get(i) else {
                        continue;
                    };
                    match self.resolve(argument)? {
                        JsonValue::String(argument) => text.push_str(&argument),
                        other => text.push_str(&other.to_string()),
                    }
                }
                self.text(text)
            }
        }
    }

    /// The entity that is meant by the config under way.
    fn target(&mut self, target: &Target) -> Result<EntityId, Stop> {
        let (itself, _) = self.way.last().expect("something is under way");
        let (state, itself) = (self.resolver.state, itself.clone());
        let known = (itself, target.clone());
        if let Some(found) = self.named.get(&known) {
            return Ok(found.clone());
        }
        let itself = &known.0;
        let found = match target {
            Target::Itself => Some(itself.clone()),
            Target::Parent => state.parent(itself).cloned(),
            Target::Root => state.application(itself).cloned(),
            Target::Entity(id) => match self.by_id(itself, id) {
                None => self.by_plan_id(itself, id)?,
                found => found,
            },
            Target::Component(id) => match self.by_plan_id(itself, id)? {
                None => self.by_id(itself, id),
                found => found,
            },
        };
        let missing = || self.wrong(format!("no entity of its application is its `{target}`"));
        let found = found.ok_or_else(missing)?;
        self.named.insert(known, found.clone());
        Ok(found)
    }

    fn by_id(&self, itself: &EntityId, id: &str) -> Option<EntityId> {
        let (state, id) = (self.resolver.state, EntityId::new(id).ok()?);
        let is_near = state.application(&id) == state.application(itself);
        is_near.then(|| id.clone())
    }

    fn by_plan_id(&mut self, itself: &EntityId, id: &str) -> Result<Option<EntityId>, Stop> {
        let state = self.resolver.state;
        let wanted = Json::string(id);
        let mut waiting: Vec<_> = state.application(itself).into_iter().collect();
        while let Some(next) = waiting.pop() {
            self.spend(STEP)?;
            // One that is quarantined is nobody's component.
            let own = state.entity(next).and_then(Result::ok);
            if own.and_then(|entity| entity.config.get(PLAN_ID)).as_ref() == Some(&wanted) {
                return Ok(Some(next.clone()));
            }
            waiting.extend(state.children(next).iter().rev());
        }
        Ok(None)
    }

    fn entity(&mut self, id: &EntityId) -> Result<Rc<Entity>, Stop> {
        if let Some(read) = self.entities.get(id) {
            return Ok(Rc::clone(read));
        }
        let read = match self.resolver.state.entity(id) {
            Some(Ok(entity)) => Rc::new(entity),
            Some(Err(bad)) => return Err(self.wrong(bad.to_string())),
            None => return Err(self.wrong(format!("there is no entity `{id}`"))),
        };
        self.entities.insert(id.clone(), Rc::clone(&read));
        Ok(read)
    }

    fn text(&mut self, text: String) -> Result<JsonValue, Stop> {
        self.spend(text.len())?;
        Ok(JsonValue::String(text))
    }

    /// Bounds time and memory: a value that needs two that need two is soon larger than any machine.
    fn spend(&mut self, work: usize) -> Result<(), Stop> {
        match self.left.checked_sub(work) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(self.wrong(format!("it takes more work than {MOST_WORK} bytes"))),
        }
    }

    /// Something is wrong with the config under way.
    fn wrong(&self, what: impl Into<String>) -> Stop {
        let (entity, key) = self.way.last().unwrap_or(&self.asked);
        Stop::wrong((entity, key), what)
    }
}

/// What Brooklyn waits for.
fn is_ready(value: &JsonValue) -> bool {
    match value {
        JsonValue::Null => false,
        JsonValue::Bool(value) => *value,
        JsonValue::Number(number) => number.as_f64() != Some(0.0),
        JsonValue::String(text) => !text.is_empty(),
        JsonValue::Array(list) => !list.is_empty(),
        JsonValue::Object(map) => !map.is_empty(),
    }
}

/// As Brooklyn's answers name the type of an entity.
const ENTITY: &str = "org.apache.brooklyn.api.entity.Entity";
/// How deep values, calls and config may lie in each other: what a thread's stack holds, and JSON can be read from again.
const DEEPEST_VALUE: usize = 100;
/// Bytes read and written for one value.
const MOST_WORK: usize = 16 << 20;
/// A value or an entity that is looked at counts for as many bytes: half a million of them take about a second.
const STEP: usize = 32;
/// Of the config in which a key is looked for, every so many bytes count for one.
const LOOKED_AT: usize = 16;
