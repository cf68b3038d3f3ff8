//! What is wrong with a blueprint, and where.

use std::fmt;

/// What is wrong with a blueprint, in one line: where, which key, and what is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BlueprintError {
    line: u64,
    key: String,
    what: String,
}

impl BlueprintError {
    pub(super) fn new(line: u64, at: impl fmt::Display, what: impl fmt::Display) -> Self {
        Self {
            line,
            key: one_line(&at, LONGEST_KEY),
            what: one_line(&what, LONGEST_WHAT),
        }
    }

    /// The line of the text, from 1; 0 if it is about the whole.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The way to the key from the top, as `services[0].brooklyn.config`; empty if it is about the text.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for BlueprintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.key.as_str()) {
            (0, "") => {}
            (0, key) => write!(f, "`{key}`: ")?,
            (line, "") => write!(f, "line {line}: ")?,
            (line, key) => write!(f, "line {line}, `{key}`: ")?,
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for BlueprintError {}

/// The way to a value from the top. It becomes text only in an error: most values are right, and there may be a million.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    above: Option<&'a Self>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Top,
    Key(&'a str),
    Item(usize),
}

impl<'a> At<'a> {
    pub(super) const TOP: Self = Self {
        above: None,
        step: Step::Top,
    };

    pub(super) fn key(&'a self, key: &'a str) -> Self {
        Self {
            above: Some(self),
            step: Step::Key(key),
        }
    }

    pub(super) fn is_top(&self) -> bool {
        matches!(self.step, Step::Top)
    }

    pub(super) fn item(&'a self, item: usize) -> Self {
        Self {
            above: Some(self),
            step: Step::Item(item),
        }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(above) = self.above {
            above.fmt(f)?;
        }
        let is_first = self.above.is_none_or(At::is_top);
        match self.step {
            Step::Top => Ok(()),
            Step::Key(key) if is_first => f.write_str(key),
            Step::Key(key) => write!(f, ".{key}"),
            Step::Item(item) => write!(f, "[{item}]"),
        }
    }
}

/// Names, as many as a line can show.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names = names.into_iter();
    let shown: Vec<_> = names
        .by_ref()
        .take(MOST_LISTED)
        .map(|name| cut(name, 60))
        .collect();
    match (shown.len(), names.count()) {
        (0, _) => "none".into(),
        (_, 0) => shown.join(", "),
        (_, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A name of a client, as much of it as a line can show.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// What breaks a line, or the terminal that shows it, becomes a space.
fn one_line(text: &impl fmt::Display, most: usize) -> String {
    let is_plain = |c: char| !(c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
    cut(&text.to_string(), most).replace(|c| !is_plain(c), " ")
}

const LONGEST_KEY: usize = 200;
const LONGEST_WHAT: usize = 2_000;
const MOST_LISTED: usize = 20;
