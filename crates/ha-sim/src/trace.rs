//! A hash of all that happens, in its order: the same on every machine and with every compiler.

use std::fmt::Write;

use ha_proto::{HostRequest, Output, StoreOp};

/// Takes words of 64 bits, one after the other: `h = (h ^ word) * P; h ^= h >> 29`, beginning with 0xcbf29ce484222325, with
/// P = 0x9e3779b97f4a7c15. Bytes go in as words, little-endian, the last filled up with zeros, and then their number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Trace(u64);

impl Default for Trace {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Trace {
    /// What it has come to.
    #[must_use]
    pub fn value(self) -> u64 {
        self.0
    }

    /// Takes a number.
    pub fn word(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 29;
    }

    /// Takes bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.word(u64::from_le_bytes(*word)));
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.word(u64::from_le_bytes(last));
        }
        self.word(bytes.len() as u64);
    }

    /// Takes what a node asks for or tells.
    pub(crate) fn output(&mut self, at: u64, node: usize, output: &Output) {
        self.word(at);
        self.word(node as u64);
        match output {
            Output::Store(request) => {
                self.word(request.id.0);
                self.op(&request.op);
            }
            Output::Host(request) => self.host(request),
            // Few words that say all of it.
            Output::Event(event) => write!(self, "{event:?}").expect("a hash takes everything"),
        }
    }

    fn op(&mut self, op: &StoreOp) {
        let mut pair = |tag, key: &str, bytes: &[u8]| {
            self.word(tag);
            self.bytes(key.as_bytes());
            self.bytes(bytes);
        };
        match op {
            StoreOp::Create { key, bytes } => pair(1, key, bytes),
            StoreOp::Put { key, bytes } => pair(2, key, bytes),
            StoreOp::Get { key } => pair(3, key, &[]),
            StoreOp::GetRange { key, range } => pair(4, key, &range.end.to_le_bytes()),
            StoreOp::List { folder } => pair(5, folder, &[]),
            StoreOp::Delete { key } => pair(6, key, &[]),
        }
    }

    fn host(&mut self, request: &HostRequest) {
        match request {
            HostRequest::Unload => self.word(7),
            HostRequest::Restore { load, seq, parts } => {
                [8, *load, seq.0].into_iter().for_each(|word| self.word(word));
                parts.iter().for_each(|part| self.bytes(part));
            }
            HostRequest::Apply(entry) => {
                [9, entry.seq.0, entry.epoch.0, u64::from(entry.replaces)]
                    .into_iter()
                    .for_each(|word| self.word(word));
                entry.changes.iter().for_each(|change| self.bytes(change));
            }
            HostRequest::Barrier { id } => [11, *id].into_iter().for_each(|word| self.word(word)),
            HostRequest::Snapshot { id, seq } => {
                [10, *id, seq.0].into_iter().for_each(|word| self.word(word))
            }
        }
    }
}

impl Write for Trace {
    fn write_str(&mut self, words: &str) -> std::fmt::Result {
        self.bytes(words.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_form_is_fixed_and_the_order_counts() {
        let of = |words: &[&str]| {
            let mut trace = Trace::default();
            words.iter().for_each(|w| trace.bytes(w.as_bytes()));
            trace.value()
        };
        assert_eq!(of(&["a plane", "in a seed"]), 7_373_348_745_422_785_288);
        assert_ne!(of(&["a", "b"]), of(&["b", "a"]));
        assert_ne!(of(&["a", "b"]), of(&["ab"]));
    }
}
