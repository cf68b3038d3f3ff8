//! What a list of values comes to, in 64 bits.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// The digest of a list of values, in their order (FNV-1a, each value ended by a newline). It holds against accidents.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Digest(u64);

impl Default for Digest {
    /// That of no values.
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// That of the list with one more value.
    #[must_use]
    pub fn with(self, value: &str) -> Self {
        let bytes = value.bytes().chain([b'\n']);
        Self(bytes.fold(self.0, |sum, byte| {
            (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        }))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Digest {
    type Err = ParseIntError;
    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        u64::from_str_radix(text, 16).map(Self)
    }
}
