//! An entity, and what it has.

use bytes::Bytes;

use crate::codec::{self, List};
use crate::json::Json;
use crate::level::{Level, Unreadable};
use crate::names::{AdjunctId, EntityId, LocationId};
use crate::values::Values;

/// One managed thing; an application is an entity without a parent.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Entity {
    /// Its id, unique in the plane.
    pub id: EntityId,
    /// Its parent; `None`: it is an application.
    pub parent: Option<EntityId>,
    /// Its children, in their order.
    pub children: Vec<EntityId>,
    /// The registered name of its type.
    pub entity_type: String,
    /// The name that people see.
    pub name: String,
    /// What it was made from, as `name:version`.
    pub catalog_item: Option<String>,
    /// The wall clock when it was made, milliseconds since 1970: for people.
    pub created_ms: u64,
    /// Its own config. What it inherits is its ancestors' ([`State::config`](crate::State::config)).
    pub config: Values,
    /// Its sensors; its lifecycle and its problems are among them, as clients know them.
    pub sensors: Values,
    /// Its tags.
    pub tags: Vec<Json>,
    /// Where it runs.
    pub locations: Vec<LocationId>,
    /// What it stands in relation to.
    pub relations: Vec<Relation>,
    /// Its policies, enrichers and feeds, in their order.
    pub adjuncts: Vec<Adjunct>,
    /// The text it was deployed from.
    pub blueprint: Option<String>,
}

/// A relation of one entity to another.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Relation {
    /// Its name, as `has_member`.
    pub name: String,
    /// To whom.
    pub target: EntityId,
}

/// Something attached to an entity that watches or changes it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Adjunct {
    /// Its id, unique in its entity.
    pub id: AdjunctId,
    /// What it is.
    pub kind: AdjunctKind,
    /// The registered name of its type.
    pub adjunct_type: String,
    /// The name that people see.
    pub name: String,
    /// What it was made from, as `name:version`.
    pub catalog_item: Option<String>,
    /// Whether it is at work, or was suspended.
    pub is_running: bool,
    /// Its config.
    pub config: Values,
    /// What it did last, by the name of the highlight.
    pub highlights: Values,
}

/// What an adjunct is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_enums)]
pub enum AdjunctKind {
    /// It acts when sensors change.
    Policy,
    /// It makes sensors of sensors.
    Enricher,
    /// It brings sensors in from outside.
    Feed,
}

/// Where an entity stands in its life.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_enums, missing_docs)]
pub enum Lifecycle {
    Created,
    Starting,
    Running,
    Stopping,
    Stopped,
    Destroyed,
    OnFire,
}

/// The sensor that holds the actual lifecycle.
pub const SERVICE_STATE: &str = "service.state";
/// The sensor that holds the expected lifecycle.
pub const SERVICE_STATE_EXPECTED: &str = "service.state.expected";
/// The sensor that tells whether the entity serves.
pub const SERVICE_IS_UP: &str = "service.isUp";
/// The sensor that holds what is wrong, by who says so.
pub const SERVICE_PROBLEMS: &str = "service.problems";

impl Entity {
    /// A new entity of a type, with nothing but names. Its parent and children follow from where it is put.
    #[must_use]
    pub fn new(id: EntityId, entity_type: &str, name: &str) -> Self {
        Self {
            id,
            parent: None,
            children: Vec::new(),
            entity_type: entity_type.into(),
            name: name.into(),
            catalog_item: None,
            created_ms: 0,
            config: Values::default(),
            sensors: Values::default(),
            tags: Vec::new(),
            locations: Vec::new(),
            relations: Vec::new(),
            adjuncts: Vec::new(),
            blueprint: None,
        }
    }

    /// The actual lifecycle, if it was told.
    #[must_use]
    pub fn lifecycle(&self) -> Option<Lifecycle> {
        Lifecycle::parse(self.sensors.get(SERVICE_STATE)?.value().as_str()?)
    }

    /// The expected lifecycle, if it was told. Its sensor says `running @ <when> / <what>`.
    #[must_use]
    pub fn expected(&self) -> Option<Lifecycle> {
        let told = self.sensors.get(SERVICE_STATE_EXPECTED)?.value();
        Lifecycle::parse(told.as_str()?.split(' ').next()?)
    }

    /// Whether it serves, if that was told.
    #[must_use]
    pub fn is_up(&self) -> Option<bool> {
        self.sensors.get(SERVICE_IS_UP)?.value().as_bool()
    }

    /// An adjunct of it.
    #[must_use]
    pub fn adjunct(&self, id: &AdjunctId) -> Option<&Adjunct> {
        self.adjuncts.iter().find(|a| a.id == *id)
    }

    /// The type in what [`body`](Self::body) wrote, without a look at the rest.
    pub(crate) fn type_in(body: &[u8]) -> Option<&str> {
        codec::decode_front::<(u16, &str)>(body).map(|((_, entity_type), _)| entity_type)
    }

    /// Whether there are adjuncts in what [`body`](Self::body) wrote.
    pub(crate) fn has_adjuncts(body: &[u8]) -> bool {
        codec::decode_front::<Front<'_>>(body).is_some_and(|((.., adjuncts), _)| adjuncts > 0)
    }

    /// What is stored of it beside its place in the tree and its sensors.
    pub(crate) fn body(&self, level: Level) -> Vec<u8> {
        let wire: Wire<'_> = (
            level.0,
            &self.entity_type,
            &self.name,
            self.catalog_item.as_deref(),
            self.created_ms,
            self.config.bytes(),
            self.tags.iter().map(Json::as_str).collect(),
            self.locations.iter().cloned().collect(),
            self.relations
                .iter()
                .map(|r| (r.name.as_str(), r.target.clone()))
                .collect(),
            self.adjuncts.iter().map(Adjunct::wire).collect(),
            self.blueprint.as_deref(),
        );
        codec::encode(&wire)
    }

    /// The name in what [`body`](Self::body) wrote.
    pub(crate) fn name_in(body: &[u8]) -> Option<&str> {
        let ((level, _, name), _) = codec::decode_front::<(u16, &str, &str)>(body)?;
        Level(level).check().ok().map(|()| name)
    }

    /// Whether [`read`](Self::read) can read it, without making one.
    pub(crate) fn check(body: &Bytes, sensors: &Values) -> Result<(), Unreadable> {
        let (.., config, _, _, _, adjuncts, _) = wire(body, sensors)?;
        values(body, config)?;
        adjuncts
            .0
            .iter()
            .try_for_each(|adjunct| Adjunct::check(adjunct, body))
    }

    /// Reads what [`body`](Self::body) wrote. Values stay slices of `body`.
    pub(crate) fn read(id: EntityId, body: &Bytes, sensors: &Values) -> Result<Self, Unreadable> {
        let (
            _,
            entity_type,
            name,
            catalog_item,
            created_ms,
            config,
            tags,
            locations,
            relations,
            adjuncts,
            blueprint,
        ) = wire(body, sensors)?;
        let adjunct = |wire| Adjunct::read(wire, body);
        Ok(Self {
            id,
            parent: None,
            children: Vec::new(),
            entity_type: entity_type.into(),
            name: name.into(),
            catalog_item: catalog_item.map(Into::into),
            created_ms,
            config: values(body, config)?,
            sensors: sensors.clone(),
            tags: tags.0.into_iter().map(Json::read).collect(),
            locations: locations.0,
            relations: relations.0.into_iter().map(Relation::read).collect(),
            adjuncts: adjuncts.0.into_iter().map(adjunct).collect::<Result<_, _>>()?,
            blueprint: blueprint.map(Into::into),
        })
    }
}

/// What stands in a body, if that and the sensors can be read.
fn wire<'a>(body: &'a [u8], sensors: &Values) -> Result<Wire<'a>, Unreadable> {
    let (level, _) = codec::decode_front::<u16>(body).ok_or(CUT_SHORT)?;
    Level(level).check()?;
    let wire = codec::decode(body).ok_or(Unreadable::Damaged("its body makes no sense"))?;
    let is_sound = sensors.is_sound();
    is_sound
        .then_some(wire)
        .ok_or(Unreadable::Damaged("its sensors make no sense"))
}

/// Level, type, name, catalog item, created, config, tags, locations, relations, adjuncts, blueprint.
type Wire<'a> = (
    u16,
    &'a str,
    &'a str,
    Option<&'a str>,
    u64,
    &'a [u8],
    List<&'a str>,
    List<LocationId>,
    List<(&'a str, EntityId)>,
    List<AdjunctWire<'a>>,
    Option<&'a str>,
);

/// What stands before the adjuncts, and how many of them there are.
type Front<'a> = (
    u16,
    &'a str,
    &'a str,
    Option<&'a str>,
    u64,
    &'a [u8],
    List<&'a str>,
    List<LocationId>,
    List<(&'a str, EntityId)>,
    u64,
);

/// Id, kind, type, name, catalog item, running, config, highlights.
type AdjunctWire<'a> = (
    AdjunctId,
    u8,
    &'a str,
    &'a str,
    Option<&'a str>,
    bool,
    &'a [u8],
    &'a [u8],
);

pub(crate) const CUT_SHORT: Unreadable = Unreadable::Damaged("cut short");

/// A part of `whole` as values.
pub(crate) fn values(whole: &Bytes, part: &[u8]) -> Result<Values, Unreadable> {
    let values = Values::unchecked(whole.slice_ref(part));
    values
        .is_sound()
        .then_some(values)
        .ok_or(Unreadable::Damaged("its config makes no sense"))
}

impl Relation {
    fn read((name, target): (&str, EntityId)) -> Self {
        Self {
            name: name.into(),
            target,
        }
    }
}

impl AdjunctKind {
    fn read(kind: u8) -> Result<Self, Unreadable> {
        match kind {
            0 => Ok(Self::Policy),
            1 => Ok(Self::Enricher),
            2 => Ok(Self::Feed),
            _ => Err(Unreadable::Damaged("an adjunct of no known kind")),
        }
    }
}

impl Adjunct {
    fn wire(&self) -> AdjunctWire<'_> {
        let kind = match self.kind {
            AdjunctKind::Policy => 0,
            AdjunctKind::Enricher => 1,
            AdjunctKind::Feed => 2,
        };
        (
            self.id.clone(),
            kind,
            &self.adjunct_type,
            &self.name,
            self.catalog_item.as_deref(),
            self.is_running,
            self.config.bytes(),
            self.highlights.bytes(),
        )
    }

    fn check((_, kind, .., config, highlights): &AdjunctWire<'_>, whole: &Bytes) -> Result<(), Unreadable> {
        AdjunctKind::read(*kind)?;
        values(whole, config)?;
        values(whole, highlights).map(drop)
    }

    fn read(wire: AdjunctWire<'_>, whole: &Bytes) -> Result<Self, Unreadable> {
        let (id, kind, adjunct_type, name, catalog_item, is_running, config, highlights) = wire;
        let kind = AdjunctKind::read(kind)?;
        Ok(Self {
            id,
            kind,
            adjunct_type: adjunct_type.into(),
            name: name.into(),
            catalog_item: catalog_item.map(Into::into),
            is_running,
            config: values(whole, config)?,
            highlights: values(whole, highlights)?,
        })
    }
}

impl Lifecycle {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Created, "CREATED"),
        (Self::Starting, "STARTING"),
        (Self::Running, "RUNNING"),
        (Self::Stopping, "STOPPING"),
        (Self::Stopped, "STOPPED"),
        (Self::Destroyed, "DESTROYED"),
        (Self::OnFire, "ON_FIRE"),
    ];

    /// As clients know it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(l, _)| *l == self)
            .map_or("", |(_, name)| name)
    }

    /// Reads it, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is =
            |name: &str| name.eq_ignore_ascii_case(text) || name.replace('_', "-").eq_ignore_ascii_case(text);
        Self::ALL.iter().find(|(_, name)| is(name)).map(|(l, _)| *l)
    }
}

#[cfg(test)]
#[path = "entity_tests.rs"]
mod tests;
