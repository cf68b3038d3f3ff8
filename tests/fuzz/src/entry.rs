//! An entry of the journal.

use ha_proto::{RawEntry, Seq, Walk};

use crate::frame::{maybe_framed, number_at};

const OBJECT: &str = "journal/00000000/00000000000000000007";

/// Whatever is read is written again byte by byte; whatever is not says which object it is.
pub(crate) fn run(data: &[u8]) {
    let bytes = maybe_framed(*b"HAPJ", data);
    // The slot it says it is in, so that it is not refused for that.
    let seq = Seq(number_at(&bytes, 6).unwrap_or(7));
    let peeked = RawEntry::peek(&bytes[..bytes.len().min(RawEntry::PEEK as usize)]);
    let entry = match RawEntry::parse(OBJECT, seq, &bytes) {
        Ok(entry) => entry,
        Err(error) => {
            assert!(error.to_string().contains(OBJECT), "{error}");
            return;
        }
    };
    assert_eq!(
        peeked.as_ref(),
        Some(&entry.header),
        "the head alone says the same"
    );
    assert_eq!(entry.length, bytes.len());
    let wrong = RawEntry::parse(OBJECT, Seq(seq.0.wrapping_add(1)), &bytes);
    assert!(wrong.is_err(), "an entry of another slot");
    match entry.decode(OBJECT) {
        Ok(payload) => {
            let (again, hash) = entry.header.encode(&payload);
            assert_eq!(*again, *bytes, "what is read is written again byte by byte");
            assert_eq!(hash, entry.hash);
        }
        Err(error) => assert!(error.to_string().contains(OBJECT), "{error}"),
    }
    if seq == Seq(1) {
        let mut walk = Walk::from_start();
        if walk.take(&bytes) == Ok(true) {
            assert_eq!(walk.view().last_valid, seq);
        }
    }
}
