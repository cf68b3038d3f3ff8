//! Values of config: JSON, in which some texts are expressions that are known only when the application lives.

use serde_json::{Number, Value as JsonValue};

use super::error::{At, BlueprintError, cut};
use super::expression::{Expression, PREFIX};
use super::node::{Key, Kind, Node};
use crate::json::Json;

/// A value of config, as it was written.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::exhaustive_enums)]
pub enum Value {
    /// Nothing, as JSON's `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text that is no expression.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// A map, in the order written.
    Map(Vec<(String, Self)>),
    /// What `$brooklyn:…` stands for; to be asked for when it is needed.
    Expression(Expression),
}

impl Value {
    /// As JSON, in which expressions are the texts that they can be read from again.
    ///
    /// ```
    /// use ha_rebind::blueprint::{Expression, Value};
    ///
    /// let port = Expression::parse(r#"$brooklyn:component("db").attributeWhenReady("port")"#)?;
    /// let json = Value::Expression(port).to_json();
    /// assert_eq!(json.value(), r#"$brooklyn:component("db").attributeWhenReady("port")"#);
    /// # Ok::<(), String>(())
    /// ```
    #[must_use]
    pub fn to_json(&self) -> Json {
        let mut text = String::new();
        self.write(&mut text);
        Json::read(&text)
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(value) => out.push_str(&value.to_string()),
            Self::Text(text) => out.push_str(Json::string(text).as_str()),
            Self::List(list) => {
                out.push('[');
                for (i, value) in list.iter().enumerate() {
                    out.push_str(if i > 0 { "," } else { "" });
                    value.write(out);
                }
                out.push(']');
            }
            Self::Map(map) => {
                out.push('{');
                for (i, (key, value)) in map.iter().enumerate() {
                    out.push_str(if i > 0 { "," } else { "" });
                    out.push_str(Json::string(key).as_str());
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
            Self::Expression(expression) => out.push_str(Json::string(&expression.to_string()).as_str()),
        }
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// What is wrong with an expression in it, in words.
    pub fn from_json(json: &JsonValue) -> Result<Self, String> {
        Self::from_json_in(json, 0)
    }

    /// The same within so many calls.
    pub(super) fn from_json_in(json: &JsonValue, depth: usize) -> Result<Self, String> {
        Ok(match json {
            JsonValue::Null => Self::Null,
            JsonValue::Bool(value) => Self::Bool(*value),
            JsonValue::Number(value) => Self::Number(value.clone()),
            JsonValue::String(text) => Self::of_text(text, depth)?,
            JsonValue::Array(list) => {
                let values = list.iter().map(|value| Self::from_json_in(value, depth));
                Self::List(values.collect::<Result<_, _>>()?)
            }
            JsonValue::Object(map) => {
                let pair = |(key, value): (&String, _)| Ok((key.clone(), Self::from_json_in(value, depth)?));
                Self::Map(map.iter().map(pair).collect::<Result<_, String>>()?)
            }
        })
    }

    /// How deep calls lie in each other in it.
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::List(list) => list.iter().map(Self::depth).max().unwrap_or_default(),
            Self::Map(map) => map
                .iter()
                .map(|(_, value)| value.depth())
                .max()
                .unwrap_or_default(),
            Self::Expression(expression) => expression.depth(),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => 0,
        }
    }

    /// The same with each entity that an expression names by its `id` named by what `entity_of` says.
    pub(super) fn renamed(&self, entity_of: &impl Fn(&str) -> Option<String>) -> Self {
        match self {
            Self::List(list) => Self::List(list.iter().map(|value| value.renamed(entity_of)).collect()),
            Self::Map(map) => Self::Map(
                map.iter()
                    .map(|(key, value)| (key.clone(), value.renamed(entity_of)))
                    .collect(),
            ),
            Self::Expression(expression) => Self::Expression(expression.renamed(entity_of)),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => self.clone(),
        }
    }

    /// All expressions in it.
    pub(super) fn expressions(&self, found: &mut impl FnMut(&Expression)) {
        match self {
            Self::List(list) => list.iter().for_each(|value| value.expressions(found)),
            Self::Map(map) => map.iter().for_each(|(_, value)| value.expressions(found)),
            Self::Expression(expression) => {
                found(expression);
                expression
                    .arguments()
                    .iter()
                    .for_each(|value| value.expressions(found));
            }
            _ => {}
        }
    }

    fn of_text(text: &str, depth: usize) -> Result<Self, String> {
        if text.starts_with(PREFIX) {
            Expression::parse_in(text, depth).map(Self::Expression)
        } else {
            Ok(Self::Text(text.to_owned()))
        }
    }

    /// A map of one key `$brooklyn:name` is a call of that name with the list, or the one value, that it has.
    pub(super) fn read(node: &Node, at: At<'_>) -> Result<Self, BlueprintError> {
        let wrong = |line, what: String| BlueprintError::new(line, at, what);
        Ok(match &node.kind {
            Kind::Null => Self::Null,
            Kind::Bool(value) => Self::Bool(*value),
            Kind::Number(value) => Self::Number(value.clone()),
            Kind::Text(text) => Self::of_text(text, 0).map_err(|what| wrong(node.line, what))?,
            Kind::List(list) => {
                let values = list.iter().enumerate();
                let values = values.map(|(i, value)| Self::read(value, at.item(i)));
                Self::List(values.collect::<Result<_, _>>()?)
            }
            Kind::Map(map) => match map.as_slice() {
                [(key, argument)] if key.name.starts_with(PREFIX) => {
                    let arguments = match Self::read(argument, at.key(&key.name))? {
                        Self::List(list) => list,
                        one => vec![one],
                    };
                    let call =
                        Expression::call(&key.name, arguments).map_err(|what| wrong(key.line, what))?;
                    Self::Expression(call)
                }
                map => {
                    if let Some((key, _)) = map.iter().find(|(key, _)| key.name.starts_with(PREFIX)) {
                        let name = cut(&key.name, 100);
                        let what = format!("`{name}` stands beside other keys: a call has a map of its own");
                        return Err(wrong(key.line, what));
                    }
                    let pair = |(key, value): &(Key, Node)| {
                        Ok((key.name.clone(), Self::read(value, at.key(&key.name))?))
                    };
                    Self::Map(map.iter().map(pair).collect::<Result<_, _>>()?)
                }
            },
        })
    }
}
