//! New inputs from old ones.

use ha_sim::rng::Rng;

/// Longest input that is made.
const LONGEST: usize = 4096;

const NUMBERS: [u64; 10] = [
    0,
    1,
    7,
    0x7f,
    0xff,
    0xffff,
    1 << 26,
    u32::MAX as u64,
    i64::MAX as u64,
    u64::MAX,
];

/// One of the corpus, changed in one to eight places.
pub(crate) fn mutate(rng: &mut Rng, corpus: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
    let one = |rng: &mut Rng| corpus[rng.below(corpus.len() as u64) as usize].clone();
    let mut bytes = one(rng);
    for _ in 0..=rng.below(8) {
        change(rng, &mut bytes, words, &one);
    }
    bytes.truncate(LONGEST);
    bytes
}

fn change(rng: &mut Rng, bytes: &mut Vec<u8>, words: &[&str], one: &dyn Fn(&mut Rng) -> Vec<u8>) {
    let length = bytes.len() as u64;
    let at = rng.below(length + 1) as usize;
    let to = (at + 1 + rng.below(16) as usize).min(bytes.len());
    match rng.below(10) {
        0 if length > 0 => bytes[at.min(length as usize - 1)] ^= 1 << rng.below(8),
        1 if length > 0 => bytes[at.min(length as usize - 1)] = rng.draw() as u8,
        2 => drop(bytes.drain(at.min(to)..to)),
        3 => insert(bytes, at, &[rng.draw() as u8]),
        4 => {
            let piece = bytes[at.min(to)..to].to_vec();
            insert(bytes, at, &piece);
        }
        5 => {
            let number = rng.pick(&NUMBERS).to_le_bytes();
            let width = rng.pick(&[1, 2, 4, 8]);
            bytes
                .iter_mut()
                .skip(at)
                .zip(&number[..width])
                .for_each(|(to, from)| *to = *from);
        }
        6 if !words.is_empty() => {
            let word = rng.pick(words);
            insert(bytes, at, word.as_bytes());
        }
        7 => bytes.truncate(at),
        8 => {
            // The rest of another.
            let other = one(rng);
            let from = rng.below(other.len() as u64 + 1) as usize;
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        _ => {
            let more = 1 + rng.below(64);
            let byte = rng.draw() as u8;
            insert(bytes, at, &vec![byte; more as usize]);
        }
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    let at = at.min(bytes.len());
    bytes.splice(at..at, piece.iter().copied());
}
