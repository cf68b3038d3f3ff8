//! Names that must not be mixed up: entities, tasks, locations, adjuncts.

use std::borrow::Borrow;
use std::fmt;

use bincode::Encode;
use bincode::de::{BorrowDecode, BorrowDecoder};
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use smol_str::SmolStr;

/// Longest id in bytes.
pub const LONGEST_ID: usize = 63;

/// An id that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid {what} id '{id}': use 1 to {LONGEST_ID} of {alphabet}")]
pub struct IdError {
    what: &'static str,
    id: String,
    alphabet: &'static str,
}

fn checked(what: &'static str, id: &str, capitals: bool) -> Result<SmolStr, IdError> {
    let allowed =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || (capitals && b.is_ascii_uppercase());
    if (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(allowed) {
        return Ok(SmolStr::new(id));
    }
    let alphabet = if capitals { "A-Z a-z 0-9" } else { "a-z 0-9" };
    let id = id.chars().take(80).collect();
    Err(IdError { what, id, alphabet })
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $capitals:literal) => {
        $(#[$doc])*
        #[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(SmolStr);

        impl $name {
            /// Takes an id.
            ///
            /// # Errors
            /// If it is empty, too long, or holds a character outside the alphabet.
            pub fn new(id: &str) -> Result<Self, IdError> {
                checked($what, id, $capitals).map(Self)
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Encode for $name {
            fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
                self.as_str().encode(encoder)
            }
        }

        impl<'a, C> BorrowDecode<'a, C> for $name {
            fn borrow_decode<D: BorrowDecoder<'a, Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
                let id = <&str>::borrow_decode(decoder)?;
                Self::new(id).map_err(|_| DecodeError::Other(concat!("no ", $what, " id")))
            }
        }
    };
}

id! {
    /// The id of an entity; of an application, too, which is an entity without a parent.
    ///
    /// ```
    /// # use ha_rebind::EntityId;
    /// assert!(EntityId::new("yav0fzo1x2").is_ok());
    /// assert_eq!(EntityId::new("BAD-ID").unwrap_err().to_string(), "invalid entity id 'BAD-ID': use 1 to 63 of a-z 0-9");
    /// ```
    EntityId, "entity", false
}
id! {
    /// The id of a task.
    TaskId, "task", true
}
id! {
    /// The id of a location.
    LocationId, "location", false
}
id! {
    /// The id of an adjunct: unique in its entity.
    AdjunctId, "adjunct", false
}
