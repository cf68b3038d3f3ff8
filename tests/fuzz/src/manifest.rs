//! A snapshot's manifest.

use ha_proto::{Manifest, Seq, Walk, layout};

use crate::frame::{body, maybe_framed, number_at};

/// What is read is the same when it is written and read again; whatever is not says which object it is.
pub(crate) fn run(data: &[u8]) {
    let bytes = maybe_framed(*b"HAPS", data);
    let seq = Seq(slot(&bytes).unwrap_or(7));
    let object = layout::manifest_key(seq);
    match Manifest::parse(seq, &bytes) {
        Ok(manifest) => {
            assert_eq!(manifest.seq(), seq);
            let again = manifest.encode();
            let read = Manifest::parse(seq, &again).expect("what is written is read");
            assert_eq!(read, manifest);
            assert!(again.len() <= bytes.len(), "nothing is added to it");
            let mut walk = Walk::from_manifest(&manifest);
            assert!(walk.next_slot() > seq);
            walk.take(&bytes).expect_err("a manifest is no entry");
            walk.check(&manifest).expect("it agrees with itself");
        }
        Err(error) => assert!(error.to_string().contains(&object), "{error}"),
    }
}

/// The slot it says it is of: behind the level, the plane's name and a write id.
fn slot(frame: &[u8]) -> Option<u64> {
    if frame.len() < 38 {
        return None;
    }
    let body = body(frame);
    let name = usize::try_from(number_at(body, 4)?).ok()?;
    number_at(body, name.checked_add(4 + 8 + 16)?)
}
