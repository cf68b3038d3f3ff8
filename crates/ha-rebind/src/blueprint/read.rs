//! From nodes to what a blueprint says.

use std::fmt::Display;

use super::check::check;
use super::error::{At, BlueprintError, cut, listed};
use super::node::{Key, Kind, Node};
use super::spec::{Blueprint, EntitySpec, LocationSpec, Parameter, PartSpec, Setting};
use super::value::Value;
use crate::types::ValueType;

const BLUEPRINT: &[&str] = &[
    "name",
    "description",
    "services",
    "location",
    "locations",
    "brooklyn.config",
    "brooklyn.tags",
];
const ENTITY: &[&str] = &[
    "type",
    "id",
    "name",
    "location",
    "locations",
    "brooklyn.config",
    "brooklyn.children",
    "brooklyn.policies",
    "brooklyn.enrichers",
    "brooklyn.initializers",
    "brooklyn.parameters",
    "brooklyn.tags",
];
const PART: &[&str] = &["type", "id", "name", "brooklyn.config"];
const PARAMETER: &[&str] = &["name", "label", "description", "type", "default"];

impl Blueprint {
    /// Reads YAML, or JSON.
    ///
    /// # Errors
    /// What is wrong, the first thing only: the line, the key, and what would be right.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, BlueprintError> {
        let text = text.as_ref();
        let node = Node::parse(text)?;
        let top = Fields::of(&node, At::TOP, BLUEPRINT)?;
        if top.list("services")?.is_empty() {
            return Err(top.wrong("services", "a blueprint has a list of services, and here is none"));
        }
        top.text("description")?;
        let blueprint = Self {
            name: top.text("name")?,
            config: top.config()?,
            services: top.each("services", entity)?,
            locations: top.locations()?,
            tags: top.each("brooklyn.tags", Value::read)?,
            text: String::from_utf8_lossy(text).into_owned(),
        };
        check(&blueprint)?;
        Ok(blueprint)
    }
}

fn entity(node: &Node, at: At<'_>) -> Result<EntitySpec, BlueprintError> {
    let fields = Fields::of(node, at, ENTITY)?;
    Ok(EntitySpec {
        line: node.line,
        entity_type: fields.needed("type")?,
        id: fields.text("id")?,
        name: fields.text("name")?,
        config: fields.config()?,
        children: fields.each("brooklyn.children", entity)?,
        policies: fields.each("brooklyn.policies", part)?,
        enrichers: fields.each("brooklyn.enrichers", part)?,
        initializers: fields.each("brooklyn.initializers", part)?,
        parameters: fields.each("brooklyn.parameters", parameter)?,
        locations: fields.locations()?,
        tags: fields.each("brooklyn.tags", Value::read)?,
    })
}

fn part(node: &Node, at: At<'_>) -> Result<PartSpec, BlueprintError> {
    let fields = Fields::of(node, at, PART)?;
    Ok(PartSpec {
        line: node.line,
        part_type: fields.needed("type")?,
        id: fields.text("id")?,
        name: fields.text("name")?,
        config: fields.config()?,
    })
}

fn parameter(node: &Node, at: At<'_>) -> Result<Parameter, BlueprintError> {
    let fields = Fields::of(node, at, PARAMETER)?;
    let named = fields.text("type")?.unwrap_or_else(|| "string".into());
    let found = VALUE_TYPES
        .iter()
        .find(|(name, java, _)| named == *name || named.strip_prefix("java.").is_some_and(|n| n == *java));
    let Some((_, _, value_type)) = found else {
        let known = listed(VALUE_TYPES.iter().map(|(name, ..)| *name));
        let what = format!(
            "no type of values is called `{}`; known are {known}",
            cut(&named, 100)
        );
        return Err(fields.wrong("type", what));
    };
    let default = fields.get("default");
    Ok(Parameter {
        line: node.line,
        name: fields.needed("name")?,
        label: fields.text("label")?,
        description: fields.text("description")?,
        value_type: *value_type,
        default: default.map(|n| Value::read(n, at.key("default"))).transpose()?,
    })
}

/// A name, or a map of one name to its settings.
fn location(node: &Node, at: At<'_>) -> Result<LocationSpec, BlueprintError> {
    let (spec, config) = match &node.kind {
        Kind::Text(spec) => (spec.clone(), Vec::new()),
        Kind::Map(map) if map.len() == 1 => {
            let (key, settings) = &map[0];
            (key.name.clone(), config(settings, at.key(&key.name))?)
        }
        _ => {
            let what = format!(
                "a location is its name, or a map of its name to its settings, and not {}",
                node.called()
            );
            return Err(BlueprintError::new(node.line, at, what));
        }
    };
    Ok(LocationSpec {
        line: node.line,
        spec,
        config,
    })
}

fn config(node: &Node, at: At<'_>) -> Result<Vec<Setting>, BlueprintError> {
    match &node.kind {
        Kind::Null => Ok(Vec::new()),
        Kind::Map(map) => map.iter().map(|pair| setting(pair, at)).collect(),
        _ => {
            let what = format!("must be a map of keys to values, and is {}", node.called());
            Err(BlueprintError::new(node.line, at, what))
        }
    }
}

fn setting((key, value): &(Key, Node), at: At<'_>) -> Result<Setting, BlueprintError> {
    Ok(Setting {
        line: key.line,
        key: key.name.clone(),
        value: Value::read(value, at.key(&key.name))?,
    })
}

/// A map whose keys are known.
struct Fields<'a> {
    line: u64,
    at: At<'a>,
    map: &'a [(Key, Node)],
}

impl<'a> Fields<'a> {
    fn of(node: &'a Node, at: At<'a>, known: &[&str]) -> Result<Self, BlueprintError> {
        let Kind::Map(map) = &node.kind else {
            let what = format!(
                "must be a map with the keys {}, and is {}",
                known.join(", "),
                node.called()
            );
            return Err(BlueprintError::new(node.line, at, what));
        };
        let fields = Self {
            line: node.line,
            at,
            map,
        };
        match map.iter().find(|(key, _)| !known.contains(&key.name.as_str())) {
            None => Ok(fields),
            Some((key, _)) => {
                let mut what = format!("no such key here; known are {}", known.join(", "));
                if known.contains(&"brooklyn.config") {
                    what += "; what its type is to be told stands below brooklyn.config";
                }
                Err(BlueprintError::new(key.line, at.key(&key.name), what))
            }
        }
    }

    fn get(&self, key: &str) -> Option<&'a Node> {
        let found = self.map.iter().find(|(k, _)| k.name == key);
        found.map(|(_, node)| node)
    }

    fn wrong(&self, key: &str, what: impl Display) -> BlueprintError {
        let line = self.get(key).map_or(self.line, |node| node.line);
        BlueprintError::new(line, self.at.key(key), what)
    }

    fn text(&self, key: &str) -> Result<Option<String>, BlueprintError> {
        match self.get(key).map(|node| (node, &node.kind)) {
            None | Some((_, Kind::Null)) => Ok(None),
            Some((_, Kind::Text(text))) => Ok(Some(text.clone())),
            // A name may look like a number.
            Some((_, Kind::Number(number))) => Ok(Some(number.to_string())),
            Some((node, _)) => Err(self.wrong(key, format!("must be a text, and is {}", node.called()))),
        }
    }

    fn needed(&self, key: &str) -> Result<String, BlueprintError> {
        match self.text(key)? {
            Some(text) if !text.trim().is_empty() => Ok(text),
            _ => Err(self.wrong(key, "must be there, and is not")),
        }
    }

    fn list(&self, key: &str) -> Result<&'a [Node], BlueprintError> {
        match self.get(key).map(|node| (node, &node.kind)) {
            None | Some((_, Kind::Null)) => Ok(&[]),
            Some((_, Kind::List(list))) => Ok(list),
            Some((node, _)) => Err(self.wrong(key, format!("must be a list, and is {}", node.called()))),
        }
    }

    fn each<T>(
        &self,
        key: &str,
        read: impl Fn(&Node, At<'_>) -> Result<T, BlueprintError>,
    ) -> Result<Vec<T>, BlueprintError> {
        let at = self.at.key(key);
        let items = self.list(key)?.iter().enumerate();
        items.map(|(i, node)| read(node, at.item(i))).collect()
    }

    fn config(&self) -> Result<Vec<Setting>, BlueprintError> {
        let node = self.get("brooklyn.config");
        node.map_or_else(
            || Ok(Vec::new()),
            |node| config(node, self.at.key("brooklyn.config")),
        )
    }

    fn locations(&self) -> Result<Vec<LocationSpec>, BlueprintError> {
        let one = self.get("location").filter(|node| node.kind != Kind::Null);
        let one = one.map(|node| location(node, self.at.key("location")));
        let more = self.each("locations", location)?;
        match (one.transpose()?, more.is_empty()) {
            (Some(_), false) => {
                Err(self.wrong("location", "stands beside `locations`: one of the two is enough"))
            }
            (Some(one), true) => Ok(vec![one]),
            (None, _) => Ok(more),
        }
    }
}

/// What the values of a parameter may be called, and what Java calls them.
const VALUE_TYPES: &[(&str, &str, ValueType)] = &[
    ("string", "lang.String", ValueType::String),
    ("boolean", "lang.Boolean", ValueType::Boolean),
    ("integer", "lang.Integer", ValueType::Integer),
    ("long", "lang.Long", ValueType::Integer),
    ("float", "lang.Float", ValueType::Number),
    ("double", "lang.Double", ValueType::Number),
    ("map", "util.Map", ValueType::Map),
    ("list", "util.List", ValueType::List),
    ("object", "lang.Object", ValueType::Any),
];
