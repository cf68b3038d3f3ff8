//! A hash that sees what a node will do and not when it began: moments count only as past, soon or far.
//!
//! A moment is told from other numbers by its size: every clock of the model begins at [`ORIGIN`]. That all past moments are alike is right because
//! each time-out of the model's settings is either shorter than [`SOON`], and then let run out in the same step, or longer than any run.

use std::hash::{Hash, Hasher};

use ha_proto::Instant;

/// Where the clocks of all nodes begin, in nanoseconds.
pub(crate) const ORIGIN: u64 = 1 << 62;
/// Whatever is due within this time is let happen before the next step, in nanoseconds.
pub(crate) const SOON: u64 = 100_000_000_000;

/// 128 bits, of two lanes that are mixed differently.
pub(crate) struct Canon {
    now: u64,
    /// A past moment of note: what was before it is told from what was after.
    mark: u64,
    /// Moments that lie no further back and no further ahead than this count exactly.
    exact: Option<(u64, u64)>,
    a: u64,
    b: u64,
}

fn mix(a: u64, b: u64) -> u64 {
    let m = u128::from(a) * u128::from(b);
    #[allow(clippy::cast_possible_truncation)]
    let low = m as u64;
    low ^ (m >> 64) as u64
}

impl Canon {
    pub(crate) fn new(now: Instant, mark: Option<Instant>) -> Self {
        Self {
            now: now.as_nanos(),
            mark: mark.map_or(0, Instant::as_nanos),
            exact: None,
            a: 0x243F_6A88_85A3_08D3,
            b: 0x1319_8A2E_0370_7344,
        }
    }

    /// One for which the time that has passed since counts, up to a bound, and the time to come up to another.
    pub(crate) fn exact(now: Instant, back: u64, ahead: u64) -> Self {
        Self {
            exact: Some((back, ahead)),
            ..Self::new(now, None)
        }
    }

    fn word(&mut self, w: u64) {
        self.a = mix(self.a ^ w ^ 0xA076_1D64_78BD_642F, 0xE703_7ED1_A0B4_28DB);
        self.b = mix(
            self.b.rotate_left(23) ^ w ^ 0x8EBC_6AF0_9C88_C6E3,
            0x5899_65CC_7537_4CC3 | 1,
        );
    }

    pub(crate) fn finish128(&self) -> u128 {
        u128::from(self.a) << 64 | u128::from(self.b)
    }
}

impl Hasher for Canon {
    fn finish(&self) -> u64 {
        self.a
    }
    fn write(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }
    fn write_u8(&mut self, i: u8) {
        self.word(u64::from(i));
    }
    fn write_u32(&mut self, i: u32) {
        self.word(u64::from(i));
    }
    fn write_u64(&mut self, i: u64) {
        if let (Some((back, ahead)), true) = (self.exact, i >= ORIGIN) {
            let moment = i.clamp(self.now - back - 1, self.now + ahead + 1);
            return self.word(ORIGIN.wrapping_add(moment).wrapping_sub(self.now));
        }
        let moment = match i {
            _ if i < ORIGIN => return self.word(i),
            _ if i < self.mark => 0,
            _ if i <= self.now => 1,
            _ if i <= self.now + SOON => 2,
            _ => 3,
        };
        self.word(ORIGIN + moment);
    }
    /// The moments of suspicion, which may come at any time here; whether it is still to come is all that counts.
    fn write_u128(&mut self, i: u128) {
        self.word(u64::from(i > u128::from(self.now)));
    }
    /// The ends of leases, of which those that are past are all alike.
    fn write_i64(&mut self, i: i64) {
        let end = i.cast_unsigned();
        if end <= self.now {
            self.word(ORIGIN - 1);
        } else {
            self.write_u64(end);
        }
    }
    fn write_usize(&mut self, i: usize) {
        self.word(i as u64);
    }
}

/// Of a thing that holds no moments.
pub(crate) fn digest<T: Hash + ?Sized>(thing: &T) -> u128 {
    let mut canon = Canon::new(Instant::from_nanos(0), None);
    thing.hash(&mut canon);
    canon.finish128()
}

/// Of an encoded state.
pub(crate) fn fingerprint(bytes: &[u8]) -> u64 {
    let mut canon = Canon::new(Instant::from_nanos(0), None);
    canon.write(bytes);
    (canon.a ^ canon.b.rotate_left(32)).max(1)
}
