//! The one place of this crate that knows bincode: little-endian integers of variable length, lengths in front, nothing left over.
//!
//! As in `ha-proto`, the bytes are pinned by golden files and by a test that another codec reads and writes the same.

use bincode::config::{self, Configuration, Limit};
use bincode::de::{BorrowDecode, BorrowDecoder};
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Encode, borrow_decode_from_slice};

/// No encoded object may be, or claim to hold, more than this.
pub(crate) const LARGEST: usize = 64 << 20;

type Config = Configuration<config::LittleEndian, config::Varint, Limit<LARGEST>>;

const CONFIG: Config = config::standard().with_limit::<LARGEST>();

pub(crate) fn encode<T: Encode>(value: &T) -> Vec<u8> {
    bincode::encode_to_vec(value, config::standard()).expect("encoding into memory does not fail")
}

/// Encodes behind what is there.
pub(crate) fn encode_into<T: Encode>(out: &mut Vec<u8>, value: &T) {
    out.extend(encode(value));
}

/// Decodes all of `bytes`.
pub(crate) fn decode<'a, T: BorrowDecode<'a, ()>>(bytes: &'a [u8]) -> Option<T> {
    let (value, used) = decode_front(bytes)?;
    (used == bytes.len()).then_some(value)
}

/// Decodes from the front of `bytes`; says how many it took.
pub(crate) fn decode_front<'a, T: BorrowDecode<'a, ()>>(bytes: &'a [u8]) -> Option<(T, usize)> {
    borrow_decode_from_slice(bytes, CONFIG).ok()
}

/// A list that is read item by item: what it claims to hold is not allocated before it has come.
#[derive(Debug, PartialEq)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

/// Room made for a list before its items have come.
const ROOM: u64 = 64;

impl<T: Encode> Encode for List<T> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        (self.0.len() as u64).encode(encoder)?;
        self.0.iter().try_for_each(|item| item.encode(encoder))
    }
}

impl<'a, C, T: BorrowDecode<'a, C>> BorrowDecode<'a, C> for List<T> {
    fn borrow_decode<D: BorrowDecoder<'a, Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let length = u64::borrow_decode(decoder)?;
        let mut items = Vec::with_capacity(usize::try_from(length.min(ROOM)).unwrap_or_default());
        for _ in 0..length {
            items.push(T::borrow_decode(decoder)?);
        }
        Ok(Self(items))
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

/// Takes a piece with its length in front from `bytes`, as bincode writes one; answers it and what is left. Without a check of UTF-8, for speed.
pub(crate) fn take_piece(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let (length, rest) = match first {
        0..=250 => (u64::from(first), rest),
        251 => split(rest, u16::from_le_bytes)?,
        252 => split(rest, u32::from_le_bytes)?,
        253 => split(rest, u64::from_le_bytes)?,
        _ => return None,
    };
    rest.split_at_checked(usize::try_from(length).ok()?)
}

/// Writes a piece as [`take_piece`] reads it.
pub(crate) fn put_piece(out: &mut Vec<u8>, piece: &[u8]) {
    match piece.len() {
        length @ 0..=250 => out.push(length as u8),
        length @ 251..=0xFFFF => {
            out.push(251);
            out.extend_from_slice(&(length as u16).to_le_bytes());
        }
        length => {
            let length = u32::try_from(length).expect("nothing is longer than `LARGEST`");
            out.push(252);
            out.extend_from_slice(&length.to_le_bytes());
        }
    }
    out.extend_from_slice(piece);
}

fn split<N: Into<u64>, const L: usize>(bytes: &[u8], read: fn([u8; L]) -> N) -> Option<(u64, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<L>()?;
    Some((read(*head).into(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_written_and_read_as_bincode_does() {
        for length in [0, 1, 250, 251, 252, 255, 256, 65_535, 65_536, 100_000] {
            let piece = vec![7u8; length];
            let mut out = Vec::new();
            put_piece(&mut out, &piece);
            assert_eq!(out, encode(&piece.as_slice()), "{length} bytes");
            out.push(9);
            assert_eq!(take_piece(&out), Some((&piece[..], &[9u8][..])));
            assert_eq!(
                take_piece(&out[..out.len() - 2]),
                None.filter(|_: &(&[u8], &[u8])| length > 0)
            );
        }
    }

    #[test]
    fn a_list_that_claims_more_than_there_is_allocates_nothing_for_it() {
        let mut claim = vec![253];
        claim.extend_from_slice(&u64::MAX.to_le_bytes());
        assert!(decode::<List<u64>>(&claim).is_none());
        assert!(decode::<&[u8]>(&claim).is_none());
        assert!(take_piece(&claim).is_none());
    }
}
