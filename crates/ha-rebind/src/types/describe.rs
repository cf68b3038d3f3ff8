//! What a type of entities is called, has and can do, and whether what a client sends agrees with that.

use serde_json::Value;

use crate::entity::AdjunctKind;
use crate::json::Json;
use crate::values::Values;

/// A type, described.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct TypeDescription {
    /// Its registered name.
    pub name: String,
    /// Whether an entity of it can be an application: the only service of a blueprint becomes that then.
    pub is_application: bool,
    /// The sensors that its entities have.
    pub sensors: Vec<SensorKey>,
    /// The config keys that it reads. An entity may have others.
    pub config: Vec<ConfigKey>,
    /// What can be asked of its entities.
    pub effectors: Vec<Effector>,
}

/// What a value is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_enums)]
pub enum ValueType {
    /// Anything.
    Any,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// A text.
    String,
    /// Values by name.
    Map,
    /// Values in an order.
    List,
}

/// A type of policies, enrichers or feeds, described.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct AdjunctDescription {
    /// Its registered name.
    pub name: String,
    /// What it is a type of.
    pub kind: AdjunctKind,
    /// What its adjuncts do.
    pub description: String,
    /// The config keys that it reads. An adjunct may have others.
    pub config: Vec<ConfigKey>,
}

/// A sensor, described.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct SensorKey {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub value_type: ValueType,
    /// What it tells.
    pub description: String,
}

/// A config key, described.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct ConfigKey {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub value_type: ValueType,
    /// What it decides.
    pub description: String,
    /// What holds if it is not set.
    pub default: Option<Json>,
}

/// An effector, described.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Effector {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Whether it may be run again when the node that ran it has died.
    pub is_idempotent: bool,
    /// What it takes.
    pub parameters: Vec<Parameter>,
    /// What it answers; `None`: nothing. It is told, and not held to it.
    pub returns: Option<ValueType>,
}

/// A parameter of an effector, described.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What its arguments are.
    pub value_type: ValueType,
    /// What it decides.
    pub description: String,
    /// What holds if it is not given; `None`: it must be.
    pub default: Option<Json>,
}

/// What a client sent does not agree with a description.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ArgumentError {
    /// There is no such parameter.
    #[error("effector '{effector}' has no parameter '{name}': known are {known}")]
    Unknown {
        /// The effector.
        effector: String,
        /// What was given.
        name: String,
        /// What could have been.
        known: String,
    },
    /// A parameter must be given.
    #[error("effector '{effector}' needs the parameter '{name}'")]
    Missing {
        /// The effector.
        effector: String,
        /// The parameter.
        name: String,
    },
    /// A value is of another type.
    #[error("'{name}' must be {expected}, and is {found}")]
    WrongType {
        /// The key or parameter.
        name: String,
        /// What it must be.
        expected: &'static str,
        /// The value.
        found: String,
    },
}

impl TypeDescription {
    /// The effector of a name.
    #[must_use]
    pub fn effector(&self, name: &str) -> Option<&Effector> {
        self.effectors.iter().find(|e| e.name == name)
    }

    /// Whether config that an entity is to have is of the right types. `null` always is.
    ///
    /// # Errors
    /// If a value is not.
    pub fn check_config(&self, config: &Values) -> Result<(), ArgumentError> {
        self.config
            .iter()
            .try_for_each(|key| match config.get(&key.name) {
                Some(value) => key.value_type.check(&key.name, &value),
                None => Ok(()),
            })
    }
}

/// Whether stored config is of the right types, as far as that is known: what an expression will be is known only later.
pub(crate) fn check_stored(keys: &[ConfigKey], config: &Values) -> Result<(), ArgumentError> {
    let stored = |key: &ConfigKey| config.get(&key.name).filter(|value| !is_expression(value));
    keys.iter().try_for_each(|key| match stored(key) {
        Some(value) => key.value_type.check(&key.name, &value),
        None => Ok(()),
    })
}

/// A text that only looks like one is taken for one, and is not checked.
fn is_expression(value: &Json) -> bool {
    value.as_str().contains("$brooklyn:")
}

impl Effector {
    /// Of some arguments, those that it takes.
    pub(crate) fn those_of(&self, given: &Values) -> Values {
        let takes = |name: &str| self.parameters.iter().any(|p| p.name == name);
        let all = given.iter().filter(|(name, _)| takes(name));
        all.map(|(name, value)| (name, Json::read(value))).collect()
    }

    /// The arguments that it runs with: those given, and the defaults of the others.
    ///
    /// # Errors
    /// If one is unknown, missing or of the wrong type.
    pub fn arguments(&self, given: &Values) -> Result<Values, ArgumentError> {
        if let Some((name, _)) = given
            .iter()
            .find(|(name, _)| self.parameters.iter().all(|p| p.name != *name))
        {
            let known: Vec<_> = self.parameters.iter().map(|p| p.name.as_str()).collect();
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            return Err(ArgumentError::Unknown {
                effector: self.name.clone(),
                name: name.to_owned(),
                known,
            });
        }
        let mut all = Values::default();
        for parameter in &self.parameters {
            let value = given.get(&parameter.name).or_else(|| parameter.default.clone());
            let missing = || ArgumentError::Missing {
                effector: self.name.clone(),
                name: parameter.name.clone(),
            };
            let value = value.ok_or_else(missing)?;
            parameter.value_type.check(&parameter.name, &value)?;
            all.set(&parameter.name, &value);
        }
        Ok(all)
    }
}

impl ValueType {
    pub(crate) fn check(self, name: &str, value: &Json) -> Result<(), ArgumentError> {
        let parsed = value.value();
        let (fits, expected) = match self {
            Self::Any => (true, "anything"),
            Self::Boolean => (parsed.is_boolean(), "true or false"),
            Self::Integer => (parsed.is_i64() || parsed.is_u64(), "a whole number"),
            Self::Number => (parsed.is_number(), "a number"),
            Self::String => (parsed.is_string(), "a text"),
            Self::Map => (parsed.is_object(), "a map"),
            Self::List => (parsed.is_array(), "a list"),
        };
        if fits || parsed == Value::Null {
            return Ok(());
        }
        let found = value.as_str().chars().take(80).collect();
        Err(ArgumentError::WrongType {
            name: name.to_owned(),
            expected,
            found,
        })
    }
}
