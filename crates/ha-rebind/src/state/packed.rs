//! The parts of a state in few bytes, as an entry that replaces the state holds them: deflated, one behind the other, each with its length in front.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::State;
use super::snapshot::Part;
use crate::codec::put_piece;
use crate::level::Unreadable;

/// How many bytes the parts of a state may have that replaces another, before they are packed.
pub const LARGEST_REPLACEMENT: usize = 256 << 20;

/// Packs a state.
pub(crate) fn pack(state: &State) -> Vec<u8> {
    let mut out = DeflateEncoder::new(Vec::new(), Compression::default());
    let mut piece = Vec::new();
    for part in state.parts() {
        piece.clear();
        put_piece(&mut piece, &part);
        out.write_all(&piece).expect("memory takes all");
    }
    out.finish().expect("memory takes all")
}

/// Unpacks what [`pack`] made. What it claims to hold is not allocated before it has come.
pub(crate) fn unpack(packed: &[u8]) -> Result<State, Unreadable> {
    let damaged = Unreadable::Damaged;
    let mut bytes = Vec::new();
    let mut inflated = DeflateDecoder::new(packed).take(LARGEST_REPLACEMENT as u64 + 1);
    inflated
        .read_to_end(&mut bytes)
        .map_err(|_| damaged("what it holds cannot be unpacked"))?;
    if bytes.len() > LARGEST_REPLACEMENT {
        return Err(damaged("larger than a state that replaces another may be"));
    }
    let bytes = Bytes::from(bytes);
    let (mut state, mut rest) = (State::default(), &bytes[..]);
    while !rest.is_empty() {
        let (part, left) = crate::codec::take_piece(rest).ok_or_else(|| damaged("cut short in a part"))?;
        let part = Part::read(bytes.slice_ref(part)).map_err(|error| error.why().clone())?;
        state.take(part);
        rest = left;
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deflated(bytes: &[u8]) -> Vec<u8> {
        let mut out = DeflateEncoder::new(Vec::new(), Compression::best());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    #[test]
    fn what_was_packed_comes_back() {
        let state = State::default();
        assert!(unpack(&pack(&state)).unwrap() == state);
    }

    #[test]
    fn what_makes_no_sense_or_unpacks_to_more_than_there_may_be_is_told() {
        let why = |bytes: &[u8]| unpack(bytes).unwrap_err().to_string();
        assert!(why(b"hello").contains("cannot be unpacked"));
        assert!(why(&deflated(&[200, 1])).contains("cut short in a part"));
        assert!(why(&deflated(&[2, 1, 2])).contains("cut short"));
        let bomb = deflated(&vec![0; LARGEST_REPLACEMENT + 1]);
        assert!(bomb.len() < 1 << 20 && why(&bomb).contains("larger than"));
        // One whose end is cut off is not inflated so far.
        let larger = deflated(&vec![0; LARGEST_REPLACEMENT + (1 << 20)]);
        assert!(why(&larger[..larger.len() - 2]).contains("larger than"));
    }
}
