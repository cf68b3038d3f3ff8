//! What a blueprint says, as it says it.

use super::value::Value;
use crate::types::ValueType;

/// An application as its blueprint describes it. Whether its types exist is not known yet.
///
/// ```
/// use ha_rebind::blueprint::{Blueprint, Known};
/// use ha_rebind::{Draft, EntityId, EntityTypes, Refusal, Staging, State};
///
/// let blueprint = Blueprint::parse(
///     "
/// name: shop
/// services:
/// - type: org.apache.brooklyn.entity.stock.BasicEntity
///   id: db
///   brooklyn.config:
///     size: 3
/// - type: org.apache.brooklyn.entity.stock.BasicEntity
///   name: web
///   brooklyn.config:
///     url: $brooklyn:component(\"db\").attributeWhenReady(\"url\")
/// ",
/// )?;
/// assert_eq!(blueprint.services[1].name.as_deref(), Some("web"));
///
/// // Ids come from outside: the first becomes the application's.
/// let mut ids = (0..).map(|n| EntityId::new(&format!("e{n}")).expect("it is an id"));
/// let plan = blueprint.plan(&Known::new(&EntityTypes::built_in()), 0, || ids.next().expect("there is another"))?;
/// assert_eq!(plan.entities()[0].name, "shop");
///
/// // All of it is one entry of the journal.
/// let evaluate = |draft: &mut Draft<'_>| plan.stage(draft).map(|()| Default::default());
/// let staged = Staging::default().evaluate(&State::default(), None, evaluate);
/// assert!(matches!(staged, ha_rebind::Evaluated::Staged { .. }));
///
/// let wrong = Blueprint::parse("services:\n- typ: BasicEntity").unwrap_err();
/// assert!(wrong.to_string().starts_with("line 2, `services[0].typ`: no such key"));
/// # Ok::<(), ha_rebind::blueprint::BlueprintError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Blueprint {
    /// The name that people see.
    pub name: Option<String>,
    /// Config of the application.
    pub config: Vec<Setting>,
    /// Its entities; one at least.
    pub services: Vec<EntitySpec>,
    /// Where all of it runs unless a service says otherwise.
    pub locations: Vec<LocationSpec>,
    /// Tags of the application.
    pub tags: Vec<Value>,
    /// What it was read from.
    pub text: String,
}

/// A config key with its value.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Setting {
    /// The line that the key stands in.
    pub line: u64,
    /// The key.
    pub key: String,
    /// The value.
    pub value: Value,
}

/// An entity to be made.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct EntitySpec {
    /// The line that it begins in.
    pub line: u64,
    /// The name of its type.
    pub entity_type: String,
    /// By what others in the blueprint refer to it.
    pub id: Option<String>,
    /// The name that people see.
    pub name: Option<String>,
    /// Its config.
    pub config: Vec<Setting>,
    /// Entities below it.
    pub children: Vec<Self>,
    /// Its policies.
    pub policies: Vec<PartSpec>,
    /// Its enrichers.
    pub enrichers: Vec<PartSpec>,
    /// What is done to it when it is made.
    pub initializers: Vec<PartSpec>,
    /// Config keys that it has besides those of its type.
    pub parameters: Vec<Parameter>,
    /// Where it runs.
    pub locations: Vec<LocationSpec>,
    /// Its tags.
    pub tags: Vec<Value>,
}

/// A policy, an enricher or an initializer.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct PartSpec {
    /// The line that it begins in.
    pub line: u64,
    /// The name of its type.
    pub part_type: String,
    /// Its id, unique in its entity.
    pub id: Option<String>,
    /// The name that people see.
    pub name: Option<String>,
    /// Its config.
    pub config: Vec<Setting>,
}

/// A config key that a blueprint adds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Parameter {
    /// The line that it begins in.
    pub line: u64,
    /// Its name.
    pub name: String,
    /// What it is called towards people.
    pub label: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What its values are.
    pub value_type: ValueType,
    /// Its value where nothing is said.
    pub default: Option<Value>,
}

/// A location, by its name or with settings.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct LocationSpec {
    /// The line that it stands in.
    pub line: u64,
    /// What it is, as `localhost`.
    pub spec: String,
    /// Its settings.
    pub config: Vec<Setting>,
}

impl Blueprint {
    /// All entities, each before those below it.
    pub fn entities(&self) -> impl Iterator<Item = &EntitySpec> {
        let mut waiting: Vec<_> = self.services.iter().rev().collect();
        std::iter::from_fn(move || {
            let next = waiting.pop()?;
            waiting.extend(next.children.iter().rev());
            Some(next)
        })
    }
}
