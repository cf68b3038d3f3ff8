//! Good checksums around bad bytes, so that what lies behind the checksum is reached.

use ha_proto::Digest;

/// The input as it is or, if its first byte is odd, the rest of it in a frame whose checksum is right.
pub(crate) fn maybe_framed(magic: [u8; 4], data: &[u8]) -> Vec<u8> {
    match data.split_first() {
        Some((mode, body)) if mode & 1 == 1 => framed(magic, body),
        Some((_, bytes)) => bytes.to_vec(),
        None => Vec::new(),
    }
}

/// Magic number, format 1, body, checksum.
pub(crate) fn framed(magic: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut bytes = magic.to_vec();
    bytes.extend_from_slice(&1_u16.to_le_bytes());
    bytes.extend_from_slice(body);
    sealed(bytes)
}

/// With the checksum of all that is there behind it.
pub(crate) fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = Digest::of(&bytes);
    bytes.extend_from_slice(&sum.0);
    bytes
}

/// The body of a frame.
pub(crate) fn body(frame: &[u8]) -> &[u8] {
    &frame[6..frame.len() - 32]
}

/// The eight bytes there as a number.
pub(crate) fn number_at(bytes: &[u8], at: usize) -> Option<u64> {
    let eight = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(eight.try_into().ok()?))
}
