//! Adjuncts: enrichers make sensors of sensors, policies act when sensors change, feeds bring sensors in. A plane finds their types by name.
//!
//! Enrichers and policies only decide; who leads writes what they say, and does what they ask for.

mod aggregate;
mod http;
mod propagate;
pub(crate) mod roll_up;
mod threshold;
pub use aggregate::Aggregator;
pub use http::{Fetch, Fetched, HttpFeed, PlainHttp};
pub use propagate::Propagator;
pub use threshold::SensorThreshold;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ha_core::ActPermit;
use serde_json::Value;

use crate::blueprint::{Resolved, Resolver};
use crate::entity::{Adjunct, AdjunctKind, Entity};
use crate::host::EffectorCall;
use crate::json::Json;
use crate::names::EntityId;
use crate::state::State;
use crate::types::{AdjunctDescription, ConfigKey, EntityTypes, TypeExists, ValueType};
use crate::values::Values;

/// A type of enrichers: pure, and asked anew whenever a sensor of its entity, of a child or of its producer has changed.
pub trait Enricher: Send + Sync + 'static {
    /// What it is called and reads.
    fn description(&self) -> &AdjunctDescription;

    /// The sensors of its entity that follow from what it sees; `None`: that sensor has no value.
    ///
    /// # Errors
    /// If it cannot tell, as with config that makes no sense.
    fn derive(&self, sight: &Sight<'_>) -> Result<Derived, String>;
}

/// Sensors that follow from others; `None`: that sensor has no value.
pub type Derived = Vec<(String, Option<Json>)>;

/// A type of policies: pure, and asked as an [`Enricher`] is. What it asks for becomes a task in the same entry as its highlights.
pub trait Policy: Send + Sync + 'static {
    /// What it is called and reads.
    fn description(&self) -> &AdjunctDescription;

    /// What is to be done now. What it must remember is among its highlights, which a failover leaves alone.
    ///
    /// # Errors
    /// If it cannot tell.
    fn decide(&self, sight: &Sight<'_>) -> Result<Decision, String>;
}

/// A type of feeds.
#[async_trait]
pub trait Feed: Send + Sync + 'static {
    /// What it is called and reads.
    fn description(&self) -> &AdjunctDescription;

    /// How long one with this config waits between two looks.
    fn period(&self, config: &Values) -> Duration;

    /// Looks at the world, and answers the sensors that its entity has now. It is dropped when the leave to act ends, and must not block its
    /// thread.
    ///
    /// # Errors
    /// If it saw nothing.
    async fn poll(&self, config: &Values, permit: &ActPermit) -> Result<Values, String>;
}

/// What a policy wants.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Decision {
    /// Effectors to invoke.
    pub calls: Vec<EffectorCall>,
    /// Highlights of its own that change; `None`: it is taken away.
    pub highlights: Vec<(String, Option<Json>)>,
}

/// What an enricher or a policy sees: all of one moment.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    pub(crate) state: &'a State,
    pub(crate) types: &'a EntityTypes,
    pub(crate) entity: &'a Entity,
    pub(crate) adjunct: &'a Adjunct,
    pub(crate) now_ms: u64,
}

/// The types of adjuncts that a plane knows, by name.
#[derive(Clone, Default)]
pub struct AdjunctTypes {
    enrichers: BTreeMap<String, Arc<dyn Enricher>>,
    policies: BTreeMap<String, Arc<dyn Policy>>,
    feeds: BTreeMap<String, Arc<dyn Feed>>,
    descriptions: Vec<AdjunctDescription>,
}

impl Sight<'_> {
    /// The entity that it is attached to.
    #[must_use]
    pub fn entity(&self) -> &Entity {
        self.entity
    }

    /// The adjunct itself.
    #[must_use]
    pub fn adjunct(&self) -> &Adjunct {
        self.adjunct
    }

    /// The wall clock, milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// A sensor of any entity.
    #[must_use]
    pub fn sensor(&self, entity: &EntityId, sensor: &str) -> Option<Json> {
        self.state.sensor(entity, sensor)
    }

    /// A value of its config, as its expressions have it now. `None` also if that cannot be told.
    #[must_use]
    pub fn config(&self, key: &str) -> Option<Value> {
        let written = self.adjunct.config.get(key)?;
        let resolver = Resolver::new(self.state, self.types);
        let Ok(Resolved::Value(value)) = resolver.value(&self.entity.id, key, &written) else {
            return None;
        };
        let value = value.value();
        (!value.is_null()).then_some(value)
    }

    /// A text of its config.
    ///
    /// # Errors
    /// If there is none.
    pub fn text(&self, key: &str) -> Result<String, String> {
        let text = self.config(key).and_then(|v| v.as_str().map(str::to_owned));
        text.ok_or_else(|| format!("its config `{key}` must be a text"))
    }

    /// Whose sensors it looks at: the entity that its config names, or its own.
    #[must_use]
    pub fn producer(&self) -> EntityId {
        let value = self.config(PRODUCER);
        let id = value
            .as_ref()
            .and_then(|v| v.as_str().or_else(|| v.get("id")?.as_str()));
        id.and_then(|id| EntityId::new(id).ok())
            .unwrap_or_else(|| self.entity.id.clone())
    }
}

/// Config as its expressions have it now.
pub(crate) fn resolved(
    state: &State,
    types: &EntityTypes,
    owner: &EntityId,
    config: &Values,
) -> Result<Values, String> {
    let resolver = Resolver::new(state, types);
    let mut all = Values::default();
    for (key, written) in config.iter() {
        match resolver.value(owner, key, &Json::read(written)) {
            Ok(Resolved::Value(value)) => all.set(key, &value),
            Ok(Resolved::NotReady { entity, sensor }) => {
                return Err(format!(
                    "its config `{key}` waits for sensor `{sensor}` of entity `{entity}`"
                ));
            }
            Err(why) => return Err(why.to_string()),
        };
    }
    Ok(all)
}

impl AdjunctTypes {
    /// Those that are built in: [`Aggregator`], [`Propagator`], [`SensorThreshold`] and an [`HttpFeed`].
    #[must_use]
    pub fn built_in() -> Self {
        let mut types = Self::default();
        let registered = types
            .enricher(Aggregator::new())
            .and_then(|()| types.enricher(Propagator::new()))
            .and_then(|()| types.policy(SensorThreshold::new()))
            .and_then(|()| types.feed(HttpFeed::new(PlainHttp)));
        registered.expect("their names differ");
        types
    }

    /// Adds a type of enrichers under its own name.
    ///
    /// # Errors
    /// If there is one of that name.
    pub fn enricher(&mut self, enricher: impl Enricher) -> Result<(), TypeExists> {
        let name = self.describe(enricher.description())?;
        self.enrichers.insert(name, Arc::new(enricher));
        Ok(())
    }

    /// Adds a type of policies under its own name.
    ///
    /// # Errors
    /// If there is one of that name.
    pub fn policy(&mut self, policy: impl Policy) -> Result<(), TypeExists> {
        let name = self.describe(policy.description())?;
        self.policies.insert(name, Arc::new(policy));
        Ok(())
    }

    /// Adds a type of feeds under its own name.
    ///
    /// # Errors
    /// If there is one of that name.
    pub fn feed(&mut self, feed: impl Feed) -> Result<(), TypeExists> {
        let name = self.describe(feed.description())?;
        self.feeds.insert(name, Arc::new(feed));
        Ok(())
    }

    /// All of them, described: what a blueprint may name.
    #[must_use]
    pub fn descriptions(&self) -> &[AdjunctDescription] {
        &self.descriptions
    }

    /// What the type of a name is.
    #[must_use]
    pub fn description(&self, name: &str) -> Option<&AdjunctDescription> {
        self.descriptions.iter().find(|d| d.name == name)
    }

    pub(crate) fn find_enricher(&self, name: &str) -> Result<&Arc<dyn Enricher>, String> {
        self.enrichers
            .get(name)
            .ok_or_else(|| self.unknown(name, AdjunctKind::Enricher))
    }

    pub(crate) fn find_policy(&self, name: &str) -> Result<&Arc<dyn Policy>, String> {
        self.policies
            .get(name)
            .ok_or_else(|| self.unknown(name, AdjunctKind::Policy))
    }

    pub(crate) fn find_feed(&self, name: &str) -> Result<&Arc<dyn Feed>, String> {
        self.feeds
            .get(name)
            .ok_or_else(|| self.unknown(name, AdjunctKind::Feed))
    }

    fn describe(&mut self, description: &AdjunctDescription) -> Result<String, TypeExists> {
        if self.descriptions.iter().any(|d| d.name == description.name) {
            return Err(TypeExists::new(&description.name));
        }
        self.descriptions.push(description.clone());
        Ok(description.name.clone())
    }

    fn unknown(&self, name: &str, kind: AdjunctKind) -> String {
        let known = self.descriptions.iter().filter(|d| d.kind == kind);
        let known: Vec<_> = known.map(|d| d.name.as_str()).collect();
        format!("unknown type '{name}': known are {}", known.join(", "))
    }
}

impl fmt::Debug for AdjunctTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.descriptions.iter().map(|d| &d.name))
            .finish()
    }
}

/// A description: name, kind, what it does, and the config with what each decides.
fn described(
    name: &str,
    kind: AdjunctKind,
    description: &str,
    config: &[(&str, ValueType, &str)],
) -> AdjunctDescription {
    let key = |(name, value_type, description): &(&str, ValueType, &str)| ConfigKey {
        name: (*name).into(),
        value_type: *value_type,
        description: (*description).into(),
        default: None,
    };
    AdjunctDescription {
        name: name.into(),
        kind,
        description: description.into(),
        config: config.iter().map(key).collect(),
    }
}

const PRODUCER: &str = "enricher.producer";
const SOURCE: &str = "enricher.sourceSensor";
const TARGET: &str = "enricher.targetSensor";
