//! Expressions: `$brooklyn:component("db").attributeWhenReady("port")` and the like.

use std::fmt;

use super::error::cut;
use super::value::Value;

/// What a text begins with that is an expression.
pub(super) const PREFIX: &str = "$brooklyn:";

/// Something that is known only when the application lives. Brooklyn's DSL, in the part that is known here.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::exhaustive_enums)]
pub enum Expression {
    /// The entity itself that is meant.
    Entity(Target),
    /// The value of a config key of an entity, its own or inherited.
    Config {
        /// Whose.
        of: Target,
        /// Its name.
        key: String,
    },
    /// The value of a sensor of an entity, as soon as it has one that is not `null`, empty, zero or false.
    AttributeWhenReady {
        /// Whose.
        of: Target,
        /// Its name.
        sensor: String,
    },
    /// A text in which each `%s` stands for the next of the others, and `%%` for a percent sign.
    FormatString {
        /// The text.
        pattern: String,
        /// The others.
        arguments: Vec<Value>,
    },
    /// A text that is no expression, though it may look like one.
    Literal(String),
}

/// Which entity is meant.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_enums)]
pub enum Target {
    /// The one that has the expression.
    Itself,
    /// Its parent.
    Parent,
    /// The application.
    Root,
    /// The one of the application that has this `id` in its blueprint.
    Component(String),
    /// The one of the application that has this id; in a blueprint the same as `component`.
    Entity(String),
}

/// The deepest that calls may lie in each other.
pub(super) const DEEPEST_EXPRESSION: usize = 16;

pub(super) const TOO_DEEP: &str = "calls lie too deep in each other: 16 is the most";

const AN_ID: &str = "the `id` of an entity in this blueprint";
const KNOWN: &str =
    "config, attributeWhenReady, formatString, literal, entity, component, parent, root, self";

impl Expression {
    /// How deep calls lie in each other.
    pub(super) fn depth(&self) -> usize {
        1 + self
            .arguments()
            .iter()
            .map(Value::depth)
            .max()
            .unwrap_or_default()
    }

    /// The same with each entity that it names by its `id` named by what `entity_of` says.
    pub(super) fn renamed(&self, entity_of: &impl Fn(&str) -> Option<String>) -> Self {
        let mut renamed = self.clone();
        match &mut renamed {
            Self::Entity(of) | Self::Config { of, .. } | Self::AttributeWhenReady { of, .. } => {
                if let Target::Component(id) | Target::Entity(id) = &*of
                    && let Some(entity) = entity_of(id)
                {
                    *of = Target::Entity(entity);
                }
            }
            Self::FormatString { arguments, .. } => {
                for argument in arguments {
                    *argument = argument.renamed(entity_of);
                }
            }
            Self::Literal(_) => {}
        }
        renamed
    }

    /// The values in it.
    pub(super) fn arguments(&self) -> &[Value] {
        match self {
            Self::FormatString { arguments, .. } => arguments,
            _ => &[],
        }
    }

    /// The entity that it needs.
    #[must_use]
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Entity(of) | Self::Config { of, .. } | Self::AttributeWhenReady { of, .. } => Some(of),
            Self::FormatString { .. } | Self::Literal(_) => None,
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        match self {
            Self::Entity(of) => write!(f, "{of}"),
            Self::Config { of, key } => write!(f, "{}config({})", Dotted(of), quoted(key)),
            Self::AttributeWhenReady { of, sensor } => {
                write!(f, "{}attributeWhenReady({})", Dotted(of), quoted(sensor))
            }
            Self::FormatString { pattern, arguments } => {
                write!(f, "formatString({}", quoted(pattern))?;
                for argument in arguments {
                    match argument {
                        Value::Expression(expression) => write!(f, ", {expression}")?,
                        other => write!(f, ", {}", other.to_json())?,
                    }
                }
                f.write_str(")")
            }
            Self::Literal(text) => write!(f, "literal({})", quoted(text)),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Itself => f.write_str("self()"),
            Self::Parent => f.write_str("parent()"),
            Self::Root => f.write_str("root()"),
            Self::Component(id) => write!(f, "component({})", quoted(id)),
            Self::Entity(id) => write!(f, "entity({})", quoted(id)),
        }
    }
}

/// A target before what is asked of it.
struct Dotted<'a>(&'a Target);

impl fmt::Display for Dotted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Target::Itself => Ok(()),
            other => write!(f, "{other}."),
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The call of a function of an entity, or of nobody.
pub(super) fn apply(target: Option<Target>, name: &str, arguments: Vec<Value>) -> Result<Expression, String> {
    let count = arguments.len();
    let needs = |what: &str| format!("`{name}` needs {what}, and has {count} arguments");
    let text = |what: &str| match arguments.as_slice() {
        [Value::Text(text)] => Ok(text.clone()),
        _ => Err(needs(what)),
    };
    let none = || arguments.is_empty().then_some(()).ok_or_else(|| needs("nothing"));
    let of_itself = || match &target {
        None => Ok(()),
        Some(target) => Err(format!("`{name}` is asked of nobody, and not of `{target}`")),
    };
    let of = target.clone().unwrap_or(Target::Itself);
    Ok(match name {
        "config" => Expression::Config {
            of,
            key: text("the name of a config key")?,
        },
        "attributeWhenReady" => Expression::AttributeWhenReady {
            of,
            sensor: text("the name of a sensor")?,
        },
        "formatString" => {
            of_itself()?;
            let mut arguments = arguments.into_iter();
            let Some(Value::Text(pattern)) = arguments.next() else {
                return Err("`formatString` needs a text with a `%s` for each of its other arguments".into());
            };
            let (holes, given) = (pieces(&pattern)?.len() - 1, arguments.len());
            if holes != given {
                return Err(format!(
                    "`formatString` has {given} values for {holes} times `%s`"
                ));
            }
            let format = Expression::FormatString {
                pattern,
                arguments: arguments.collect(),
            };
            if format.depth() > DEEPEST_EXPRESSION {
                return Err(TOO_DEEP.into());
            }
            format
        }
        "literal" => {
            of_itself()?;
            Expression::Literal(text("a text")?)
        }
        "component" => {
            of_itself()?;
            Expression::Entity(Target::Component(text(AN_ID)?))
        }
        "entity" => {
            of_itself()?;
            Expression::Entity(Target::Entity(text(AN_ID)?))
        }
        "parent" | "root" | "self" => {
            of_itself()?;
            none()?;
            Expression::Entity(match name {
                "parent" => Target::Parent,
                "root" => Target::Root,
                _ => Target::Itself,
            })
        }
        _ => {
            let name = cut(name, 60);
            return Err(format!("`{name}` is no known function; known are {KNOWN}"));
        }
    })
}

/// What stands around the `%s` of a pattern: one piece more than there are.
pub(super) fn pieces(pattern: &str) -> Result<Vec<String>, String> {
    let mut pieces = vec![String::new()];
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        let piece = match (c, (c == '%').then(|| rest.next())) {
            ('%', Some(Some('s'))) => {
                pieces.push(String::new());
                continue;
            }
            ('%', Some(Some('%'))) => '%',
            ('%', _) => return Err("`formatString` knows `%s`, and `%%` for a percent sign".into()),
            (other, _) => other,
        };
        if let Some(last) = pieces.last_mut() {
            last.push(piece);
        }
    }
    Ok(pieces)
}
