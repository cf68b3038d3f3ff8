//! YAML (and JSON, which is YAML) as nodes that know their lines, within bounds.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::{Budget, Options, Spanned};

use super::error::{BlueprintError, cut};

/// A value, and the line it begins in; 0 if that is not known.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) line: u64,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    /// In the order written.
    Map(Vec<(Key, Node)>),
}

/// A key of a map, and its line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Key {
    pub(super) line: u64,
    pub(super) name: String,
}

/// The longest text that is read, bytes. 10,000 entities with a page of config each are within it.
pub const LONGEST_BLUEPRINT: usize = 16 << 20;
/// How deep lists and maps may lie in each other.
pub const DEEPEST_BLUEPRINT: usize = 48;
/// The most values that a blueprint may have, those that aliases repeat included.
pub const MOST_VALUES: usize = 1_000_000;

impl Node {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, BlueprintError> {
        if bytes.len() > LONGEST_BLUEPRINT {
            let what = format!(
                "the text has {} bytes, and {LONGEST_BLUEPRINT} are the most: deploy it in several applications",
                bytes.len()
            );
            return Err(BlueprintError::new(0, "", what));
        }
        let text = std::str::from_utf8(bytes).map_err(|bad| {
            let (before, rest) = bytes.split_at(bad.valid_up_to());
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count() as u64;
            let what = format!("the byte {:#04x} is no UTF-8: save the text as UTF-8", rest[0]);
            BlueprintError::new(line, "", what)
        })?;
        serde_saphyr::from_str_with_options(text, options()).map_err(|e| unreadable(&e))
    }

    /// What it is, for people.
    pub(super) fn called(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "a boolean",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "a text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }
}

fn options() -> Options {
    let mut budget = Budget::default();
    budget.max_depth = DEEPEST_BLUEPRINT;
    budget.max_nodes = MOST_VALUES;
    budget.max_events = 3 * MOST_VALUES;
    budget.max_documents = 1;
    budget.max_total_scalar_bytes = LONGEST_BLUEPRINT;
    budget.max_recorded_anchor_bytes = LONGEST_BLUEPRINT;
    // A thousand entities may share one page of config: what counts is what aliases repeat, not how many there are.
    budget.max_aliases = MOST_VALUES;
    budget.max_merge_keys = MOST_VALUES;
    budget.enforce_alias_anchor_ratio = false;
    let mut options = Options::default();
    options.budget = Some(budget);
    options.alias_limits.max_total_replayed_events = MOST_VALUES;
    options.with_snippet = false;
    // As YAML 1.2 has it: `no` is a text.
    options.strict_booleans = true;
    // `010` and `1_000` are texts, too: who writes them means something else than ten and a thousand.
    options.leading_zero_numbers_as_strings = true;
    options.underscored_numbers_as_strings = true;
    options
}

/// What is wrong, in our words where its own would not help.
fn unreadable(error: &serde_saphyr::Error) -> BlueprintError {
    let line = error.location().map_or(0, |l| l.line());
    let text = error.without_snippet().to_string();
    // Met by way of an alias an error is wrapped, so that only its text tells which it is.
    let is = |part: &str| text.contains(part);
    let what = if let Some(key) = between(&text, "duplicate mapping key: ", ", set DuplicateKeyPolicy") {
        format!("the key `{}` is there twice", cut(key, 100))
    } else if let Some(number) = between(&text, "non-finite float `", "`") {
        format!(
            "`{}` is no number that can be kept: numbers are finite",
            cut(number, 100)
        )
    } else if is("budget breached: Depth") || is("recursion limit exceeded") {
        format!("lists and maps lie too deep in each other: {DEEPEST_BLUEPRINT} is the most")
    } else if is("budget breached: Documents") {
        "another document begins here: a blueprint is one".into()
    } else if is("budget breached") || is("alias replay") || is("alias expansion") {
        format!(
            "too much in it: {MOST_VALUES} values and {LONGEST_BLUEPRINT} bytes are the most, with all that aliases repeat"
        )
    } else if is("expected string scalar") || is("cannot deserialize null into string") {
        "a key must be a text".into()
    } else if is("found a tab") {
        "a tab stands where spaces must: indent with spaces".into()
    } else {
        // The line is told in front.
        text.rsplit_once(" at line ")
            .map_or_else(|| text.clone(), |(what, _)| what.to_owned())
    };
    BlueprintError::new(line, "", what)
}

/// What stands in a text between two others.
fn between<'a>(text: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    Some(text.split_once(before)?.1.split_once(behind)?.0)
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned {
            value, referenced, ..
        } = Spanned::<Kind>::deserialize(deserializer)?;
        Ok(Self {
            line: referenced.line(),
            kind: value,
        })
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned {
            value, referenced, ..
        } = Spanned::<String>::deserialize(deserializer)?;
        Ok(Self {
            line: referenced.line(),
            name: value,
        })
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyKind)
    }
}

struct AnyKind;

impl<'de> Visitor<'de> for AnyKind {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Kind, E> {
        Ok(Kind::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Kind, E> {
        Ok(Kind::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Kind, E> {
        Ok(Kind::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Kind, E> {
        // Whole numbers that are too long come as this, rounded.
        if value.abs() >= 2f64.powi(63) {
            let what = "a number of more than 64 bits cannot be kept as it is: put it in quotes";
            return Err(E::custom(what));
        }
        let number = Number::from_f64(value).ok_or_else(|| E::custom("numbers are finite"))?;
        Ok(Kind::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Kind, E> {
        Ok(Kind::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Kind, E> {
        Ok(Kind::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Kind, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Kind::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let mut nodes: Vec<(Key, Node)> = Vec::new();
        while let Some(entry) = map.next_entry::<Key, Node>()? {
            nodes.push(entry);
        }
        // The parser finds what is written twice, but not the number 1 beside the text "1".
        let mut names: Vec<_> = nodes.iter().map(|(key, _)| key.name.as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let what = format!("the key `{}` is there twice", cut(twice[0], 100));
            return Err(A::Error::custom(what));
        }
        Ok(Kind::Map(nodes))
    }
}
