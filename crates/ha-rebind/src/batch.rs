//! A batch as an entry of the journal holds it.

use std::borrow::Cow;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use crate::change::{Batch, Change};
use crate::codec::{self, List};
use crate::level::{Level, Unreadable};

/// Stands in front of each batch, and is frozen for ever with the level behind it.
const MAGIC: [u8; 2] = *b"hb";

/// Stands behind the level from [`Level::PACKED_BATCHES`] on: what follows is as it is, or deflated.
const PLAIN: u8 = 0;
const DEFLATED: u8 = 1;

/// From so many bytes on a batch is worth the work of packing it.
const WORTH_PACKING: usize = 16 << 10;

/// No batch is packed that has more bytes than this, and none is unpacked further.
pub const LARGEST_PACKED_BATCH: usize = 32 << 20;

/// The bytes of a batch, unpacked if they were packed: what a [`Batch`] is a view of.
#[derive(Debug)]
pub struct BatchBytes<'a>(Cow<'a, [u8]>);

impl<'a> BatchBytes<'a> {
    /// Unpacks what [`Batch::encode`] wrote, at any level that this version reads.
    ///
    /// # Errors
    /// If it is no batch, or of a level that this version does not know.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        Self::read_up_to(bytes, Level::NEWEST)
    }

    pub(crate) fn read_up_to(bytes: &'a [u8], newest: Level) -> Result<Self, Unreadable> {
        let (magic, rest) = bytes.split_first_chunk().ok_or(CUT_SHORT)?;
        if *magic != MAGIC {
            return Err(Unreadable::Damaged("no batch of changes to entities"));
        }
        let (level, rest) = rest.split_first_chunk().ok_or(CUT_SHORT)?;
        let level = Level(u16::from_le_bytes(*level));
        level.check_up_to(newest)?;
        if level < Level::PACKED_BATCHES {
            return Ok(Self(Cow::Borrowed(rest)));
        }
        match rest.split_first().ok_or(CUT_SHORT)? {
            (&PLAIN, rest) => Ok(Self(Cow::Borrowed(rest))),
            (&DEFLATED, rest) => inflate(rest).map(Cow::Owned).map(Self),
            _ => Err(Unreadable::Damaged("packed in an unknown way")),
        }
    }

    /// The batch; its texts stay where they are.
    ///
    /// # Errors
    /// If its changes make no sense.
    pub fn batch(&self) -> Result<Batch<'_>, Unreadable> {
        let batch: Option<(u64, u64, List<Change<'_>>)> = codec::decode(&self.0);
        let (after, number, changes) = batch.ok_or(Unreadable::Damaged("its changes make no sense"))?;
        Ok(Batch {
            after,
            number,
            changes: changes.0,
        })
    }
}

impl Batch<'_> {
    /// As an entry holds it, written at a level.
    #[must_use]
    pub fn encode(&self, level: Level) -> Vec<u8> {
        let changes: List<Change<'_>> = self.changes.iter().cloned().collect();
        frame(level, &codec::encode(&(self.after, self.number, changes)))
    }
}

/// Puts an encoded batch into what an entry holds.
pub(crate) fn frame(level: Level, batch: &[u8]) -> Vec<u8> {
    let mut bytes = [&MAGIC[..], &level.0.to_le_bytes()].concat();
    if level < Level::PACKED_BATCHES {
        bytes.extend_from_slice(batch);
        return bytes;
    }
    let is_worth_it = (WORTH_PACKING..=LARGEST_PACKED_BATCH).contains(&batch.len());
    match is_worth_it.then(|| deflate(batch)) {
        Some(packed) if packed.len() < batch.len() => {
            bytes.push(DEFLATED);
            bytes.extend_from_slice(&packed);
        }
        _ => {
            bytes.push(PLAIN);
            bytes.extend_from_slice(batch);
        }
    }
    bytes
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut out = DeflateEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes).expect("memory takes all");
    out.finish().expect("memory takes all")
}

/// What a batch claims to hold is not allocated before it has come.
fn inflate(packed: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = Vec::new();
    let mut inflated = DeflateDecoder::new(packed).take(LARGEST_PACKED_BATCH as u64 + 1);
    inflated
        .read_to_end(&mut bytes)
        .map_err(|_| Unreadable::Damaged("its changes cannot be unpacked"))?;
    if bytes.len() > LARGEST_PACKED_BATCH {
        return Err(Unreadable::Damaged("larger than a packed batch may be"));
    }
    Ok(bytes)
}

const CUT_SHORT: Unreadable = Unreadable::Damaged("cut short");
