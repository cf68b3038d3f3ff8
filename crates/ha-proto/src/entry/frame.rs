//! The frame around an entry or a manifest: magic, format, body, checksum.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::codec;
use crate::hash::Digest;

/// Format of the frame around an entry or a manifest that this version writes, and the newest that it reads.
pub const FRAME_FORMAT: u16 = 1;

/// Bytes that are no entry, or not the one asked for, or of a version that this one does not know.
#[derive(Clone, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The bytes do not verify.
    #[error("`{object}` is damaged or foreign ({what}): put back a good copy from a backup")]
    Corrupt {
        /// The object's key.
        object: String,
        /// What does not fit.
        what: &'static str,
    },
    /// A sign, and no manifest: the store is not whole.
    #[error(
        "`{object}` says that a copy into this store has not ended: end it with `ha-server copy-state --resume`, or empty the store"
    )]
    HalfCopied {
        /// The object's key.
        object: String,
    },
    /// Written by a later version.
    #[error("`{object}` has format {found}, and this version reads up to {known}: use a newer ha-server")]
    TooNew {
        /// The object's key.
        object: String,
        /// The format found.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
}

/// Wraps a body: magic, frame format, body, SHA-256 of all before it.
pub(crate) fn frame(magic: [u8; 4], body: &[&[u8]]) -> Arc<[u8]> {
    let mut bytes = Vec::with_capacity(38 + body.iter().map(|b| b.len()).sum::<usize>());
    bytes.extend_from_slice(&magic);
    bytes.extend_from_slice(&FRAME_FORMAT.to_le_bytes());
    body.iter().for_each(|b| bytes.extend_from_slice(b));
    let sum = Digest::of(&bytes);
    bytes.extend_from_slice(&sum.0);
    Arc::from(bytes)
}

/// Unwraps a frame; answers its body and its hash.
pub(crate) fn unframe<'a>(
    magic: [u8; 4],
    object: &str,
    bytes: &'a [u8],
) -> Result<(&'a [u8], Digest), FormatError> {
    let corrupt = |what| FormatError::Corrupt {
        object: object.to_string(),
        what,
    };
    if bytes.len() > codec::LARGEST {
        return Err(corrupt("longer than any object may be"));
    }
    let head = bytes.get(..6).ok_or_else(|| corrupt("cut short"))?;
    if head[..4] != magic {
        return Err(corrupt("wrong magic number"));
    }
    let format = u16::from_le_bytes([head[4], head[5]]);
    if format > FRAME_FORMAT {
        return Err(FormatError::TooNew {
            object: object.to_string(),
            found: u32::from(format),
            known: u32::from(FRAME_FORMAT),
        });
    }
    if format == 0 || bytes.len() < 6 + 32 {
        return Err(corrupt("cut short"));
    }
    let (framed, sum) = bytes.split_at(bytes.len() - 32);
    let hash = Digest::of(framed);
    if hash.0 != *sum {
        return Err(corrupt("wrong checksum"));
    }
    Ok((&framed[6..], hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_may_be_as_long_as_the_longest_and_no_longer() {
        let mut bytes = frame(*b"TEST", &[&[0; 8]]).to_vec();
        let mut what = |length| {
            bytes.resize(length, 0);
            match unframe(*b"TEST", "object", &bytes) {
                Err(FormatError::Corrupt { what, .. }) => what,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(what(codec::LARGEST), "wrong checksum");
        assert_eq!(what(codec::LARGEST + 1), "longer than any object may be");
        assert_eq!(what(codec::LARGEST + 2), "longer than any object may be");
    }
}
