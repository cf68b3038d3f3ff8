//! The one place that knows bincode: fixed-width little-endian integers, lengths as `u64`, nothing left over.
//!
//! bincode is the user's choice and its development has ended; the bytes are pinned by golden files and by a test that `wincode`
//! reads and writes the same, so that another codec can take this module's place.

use alloc::vec::Vec;

use bincode::config::{self, Configuration, Fixint, Limit, LittleEndian};
use bincode::{Decode, Encode};

/// No encoded object may be, or claim to hold, more than this.
pub(crate) const LARGEST: usize = 64 << 20;

const CONFIG: Configuration<LittleEndian, Fixint, Limit<LARGEST>> = config::legacy().with_limit::<LARGEST>();

pub(crate) fn encode<T: Encode>(value: &T) -> Vec<u8> {
    bincode::encode_to_vec(value, config::legacy()).expect("encoding into memory does not fail")
}

/// Decodes all of `bytes`.
pub(crate) fn decode<T: Decode<()>>(bytes: &[u8]) -> Option<T> {
    let (value, used) = bincode::decode_from_slice(bytes, CONFIG).ok()?;
    (used == bytes.len()).then_some(value)
}

/// Decodes from the front of `bytes`; says how many it took.
pub(crate) fn decode_front<T: Decode<()>>(bytes: &[u8]) -> Option<(T, usize)> {
    bincode::decode_from_slice(bytes, CONFIG).ok()
}
