//! What a client sends: a text that no other client sends, and it only once.

use std::fmt;
use std::str::FromStr;

/// The number of a client and of one of its writes: `c3n17`. It is that write's idempotency key, and the value that it writes. It can be an id, too.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Mark {
    pub(crate) client: u64,
    pub(crate) number: u64,
}

impl Mark {
    pub(crate) fn new(client: u64, number: u64) -> Self {
        Self { client, number }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}n{}", self.client, self.number)
    }
}

impl FromStr for Mark {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.strip_prefix('c').and_then(|rest| rest.split_once('n'));
        let parsed =
            numbers.and_then(|(client, number)| Some(Self::new(client.parse().ok()?, number.parse().ok()?)));
        parsed
            .filter(|mark| mark.to_string() == text)
            .ok_or_else(|| format!("`{text}` is no mark of a client"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_is_written_and_nothing_else_is_one() {
        let mark = Mark::new(3, 17);
        assert_eq!(mark.to_string().parse(), Ok(mark));
        for other in ["", "c3", "c3n", "n17c3", "c03n17", "c3n17x", "leaf"] {
            assert!(other.parse::<Mark>().is_err(), "{other}");
        }
    }
}
