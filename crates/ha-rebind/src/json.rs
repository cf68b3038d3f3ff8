//! A value as JSON text.

use std::fmt;

use serde_json::Value;

/// A JSON value, kept as the text that it came as, without blanks: numbers and the order of keys stay as they were written.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Json(Box<str>);

/// A text that is no JSON value.
#[derive(Debug, thiserror::Error)]
#[error("this is no JSON value: {0}")]
pub struct JsonError(String);

impl Json {
    /// Takes a text.
    ///
    /// # Errors
    /// If it is no JSON, or nested deeper than 127.
    ///
    /// ```
    /// # use ha_rebind::Json;
    /// assert_eq!(Json::parse(r#" { "b": 1.0, "a": "x y" } "#)?.as_str(), r#"{"b":1.0,"a":"x y"}"#);
    /// assert!(Json::parse("{").is_err());
    /// # Ok::<_, ha_rebind::JsonError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        serde_json::from_str::<Value>(text).map_err(|e| JsonError(e.to_string()))?;
        Ok(Self(without_blanks(text).into()))
    }

    /// A string as a JSON value.
    #[must_use]
    pub fn string(text: &str) -> Self {
        Self(Value::from(text).to_string().into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value; `null` if it was written by a version with a defect.
    #[must_use]
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// What was a [`Json`] when it was written.
    pub(crate) fn read(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        Self(value.to_string().into())
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self(if value { "true" } else { "false" }.into())
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn without_blanks(text: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let keep = |c: &char| {
        let is_blank = !in_string && matches!(c, ' ' | '\t' | '\n' | '\r');
        in_string ^= *c == '"' && !escaped;
        escaped = in_string && *c == '\\' && !escaped;
        !is_blank
    };
    text.chars().filter(keep).collect()
}
