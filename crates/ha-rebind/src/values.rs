//! Values by name, packed: the sensors of an entity, its config, the config of an adjunct.

use std::fmt;

use bytes::Bytes;

use crate::codec::{put_piece, take_piece};
use crate::json::Json;

/// JSON values by name, in one piece of memory that is also what is stored: sorted by name, each a name and a text with their lengths.
///
/// A change leaves alone what others hold: whoever reads a clone keeps what it has.
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub struct Values(Bytes);

/// Where a name stands: the bytes of its entry, or the place where it would be.
enum Place<'a> {
    At { from: usize, to: usize, value: &'a [u8] },
    Before(usize),
}

impl Values {
    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Json> {
        self.text(name).map(Json::read)
    }

    /// The value of a name as JSON text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.find(name.as_bytes())? {
            Place::At { value, .. } => std::str::from_utf8(value).ok(),
            Place::Before(_) => None,
        }
    }

    /// All names with their values as JSON text, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let (name, value, left) = entry(rest)?;
            rest = left;
            Some((std::str::from_utf8(name).ok()?, std::str::from_utf8(value).ok()?))
        })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives a name a value. Answers whether that is news.
    pub fn set(&mut self, name: &str, value: &Json) -> bool {
        self.set_text(name, value.as_str())
    }

    /// The same with what was a [`Json`] when it was written.
    pub(crate) fn set_text(&mut self, name: &str, value: &str) -> bool {
        let (from, to) = match self.find(name.as_bytes()) {
            Some(Place::At { value: old, .. }) if old == value.as_bytes() => return false,
            Some(Place::At { from, to, value: old }) => {
                if old.len() == value.len() && self.overwrite(to, value) {
                    return true;
                }
                (from, to)
            }
            Some(Place::Before(at)) => (at, at),
            None => return false,
        };
        let mut all = Vec::with_capacity(self.0.len() + from - to + most(name) + most(value));
        all.extend_from_slice(&self.0[..from]);
        put_piece(&mut all, name.as_bytes());
        put_piece(&mut all, value.as_bytes());
        all.extend_from_slice(&self.0[to..]);
        self.0 = all.into();
        true
    }

    /// Takes a name away. Answers whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let Some(Place::At { from, to, .. }) = self.find(name.as_bytes()) else {
            return false;
        };
        self.0 = [&self.0[..from], &self.0[to..]].concat().into();
        true
    }

    /// As they are stored.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Takes what was stored as it is; [`is_sound`](Self::is_sound) tells whether it makes sense.
    pub(crate) fn unchecked(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// Whether all of it can be read, and stands in order.
    pub(crate) fn is_sound(&self) -> bool {
        let (mut rest, mut last) = (&self.0[..], None);
        while !rest.is_empty() {
            let Some((name, value, left)) = entry(rest) else {
                return false;
            };
            let is_text = std::str::from_utf8(name).is_ok() && std::str::from_utf8(value).is_ok();
            if !is_text || last.is_some_and(|last| last >= name) {
                return false;
            }
            (rest, last) = (left, Some(name));
        }
        true
    }

    /// Writes a value of the same length over the one that ends there, if nobody else holds this piece.
    fn overwrite(&mut self, end: usize, value: &str) -> bool {
        match std::mem::take(&mut self.0).try_into_mut() {
            Ok(mut bytes) => {
                bytes[end - value.len()..end].copy_from_slice(value.as_bytes());
                self.0 = bytes.freeze();
                true
            }
            Err(held) => {
                self.0 = held;
                false
            }
        }
    }

    /// `None` if what is stored makes no sense.
    fn find(&self, name: &[u8]) -> Option<Place<'_>> {
        let all = self.0.len();
        let mut rest = &self.0[..];
        while !rest.is_empty() {
            let from = all - rest.len();
            let (other, value, left) = entry(rest)?;
            if other == name {
                let to = all - left.len();
                return Some(Place::At { from, to, value });
            }
            if other > name {
                return Some(Place::Before(from));
            }
            rest = left;
        }
        Some(Place::Before(all))
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<'a> FromIterator<(&'a str, Json)> for Values {
    fn from_iter<I: IntoIterator<Item = (&'a str, Json)>>(values: I) -> Self {
        let mut all: Vec<_> = values.into_iter().collect();
        // The last of a name counts, as if each had been set in turn.
        all.reverse();
        all.sort_by_key(|(name, _)| *name);
        all.dedup_by_key(|(name, _)| *name);
        let mut bytes = Vec::new();
        for (name, value) in &all {
            put_piece(&mut bytes, name.as_bytes());
            put_piece(&mut bytes, value.as_str().as_bytes());
        }
        Self(bytes.into())
    }
}

fn entry(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (name, rest) = take_piece(bytes)?;
    let (value, rest) = take_piece(rest)?;
    Some((name, value, rest))
}

/// Bytes that a piece takes with its length.
fn most(text: &str) -> usize {
    let length = match text.len() {
        0..=250 => 1,
        251..=0xFFFF => 3,
        _ => 5,
    };
    length + text.len()
}
