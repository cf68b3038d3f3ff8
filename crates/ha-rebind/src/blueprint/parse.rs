//! From the text of an expression to what it says.

use super::error::cut;
use super::expression::{DEEPEST_EXPRESSION, Expression, PREFIX, TOO_DEEP, Target, apply};
use super::value::Value;

impl Expression {
    /// Reads one from its text.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::parse_in(text, 0)
    }

    /// The same within so many calls.
    pub(super) fn parse_in(text: &str, depth: usize) -> Result<Self, String> {
        let mut reader = Reader { text, at: 0, depth };
        let expression = reader.expression()?;
        if reader.at < text.len() {
            return Err(reader.wrong("the end of the expression"));
        }
        Ok(expression)
    }

    /// The call of a name that is a map's key, `$brooklyn:name` or a chain that ends in a name.
    pub(super) fn call(key: &str, arguments: Vec<Value>) -> Result<Self, String> {
        let mut reader = Reader {
            text: key,
            at: 0,
            depth: 0,
        };
        let (target, name) = reader.chain()?;
        if reader.at < key.len() {
            return Err(reader.wrong("a name without parentheses, for its arguments are the key's value"));
        }
        apply(target, &name, arguments)
    }
}

/// Reads along a text.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn expression(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEEPEST_EXPRESSION {
            return Err(TOO_DEEP.into());
        }
        let (target, name) = self.chain()?;
        let arguments = self.arguments()?;
        self.depth -= 1;
        apply(target, &name, arguments)
    }

    /// `$brooklyn:component("x").` and the name behind that.
    fn chain(&mut self) -> Result<(Option<Target>, String), String> {
        if !self.take(PREFIX) {
            return Err(self.wrong(PREFIX));
        }
        let name = self.name()?;
        let before = self.at;
        if !matches!(name, "entity" | "component" | "parent" | "root" | "self")
            || !self.rest().starts_with('(')
        {
            return Ok((None, name.to_owned()));
        }
        let arguments = self.arguments()?;
        if !self.take(".") {
            self.at = before;
            return Ok((None, name.to_owned()));
        }
        match apply(None, name, arguments)? {
            Expression::Entity(target) => Ok((Some(target), self.name()?.to_owned())),
            other => Err(format!("`{other}` is no entity")),
        }
    }

    fn name(&mut self) -> Result<&'a str, String> {
        let rest = self.rest();
        let length = rest
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        if length == 0 {
            return Err(self.wrong("the name of a function"));
        }
        self.at += length;
        Ok(&rest[..length])
    }

    fn arguments(&mut self) -> Result<Vec<Value>, String> {
        if !self.take("(") {
            return Err(self.wrong("`(`"));
        }
        let mut arguments = Vec::new();
        self.skip_spaces();
        if self.take(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.argument()?);
            self.skip_spaces();
            if self.take(")") {
                return Ok(arguments);
            }
            if !self.take(",") {
                return Err(self.wrong("`,` or `)`"));
            }
            self.skip_spaces();
        }
    }

    /// Another expression, a value of JSON, or a text without quotes up to the next comma or parenthesis.
    fn argument(&mut self) -> Result<Value, String> {
        if self.rest().starts_with(PREFIX) {
            return self.expression().map(Value::Expression);
        }
        if self.rest().starts_with(['"', '[', '{']) {
            let mut values = serde_json::Deserializer::from_str(self.rest()).into_iter();
            return match values.next() {
                Some(Ok(json)) => {
                    self.at += values.byte_offset();
                    // A text in quotes is a text, whatever it looks like.
                    match json {
                        serde_json::Value::String(text) => Ok(Value::Text(text)),
                        other => Value::from_json_in(&other, self.depth),
                    }
                }
                _ => Err(self.wrong("a whole text in quotes, list or map")),
            };
        }
        let rest = self.rest();
        let length = rest.find([',', ')']).unwrap_or(rest.len());
        let text = rest[..length].trim();
        if text.is_empty() {
            return Err(self.wrong("an argument"));
        }
        self.at += length;
        let json = serde_json::from_str(text).ok();
        Ok(json.map_or_else(|| Value::Text(text.to_owned()), plain))
    }

    fn skip_spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn take(&mut self, what: &str) -> bool {
        let is_there = self.rest().starts_with(what);
        self.at += if is_there { what.len() } else { 0 };
        is_there
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn wrong(&self, wanted: &str) -> String {
        let column = self.text[..self.at].chars().count() + 1;
        let text = cut(self.text, 120);
        format!("`{text}`: {wanted} must stand at its character {column}")
    }
}

/// What has no quotes and is a number, a boolean or `null`.
fn plain(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Bool(value) => Value::Bool(value),
        serde_json::Value::Number(value) => Value::Number(value),
        _ => Value::Null,
    }
}
