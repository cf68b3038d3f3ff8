//! What two states may differ in and still be the same state: left out of the hash.

use core::hash::{Hash, Hasher};
use core::ops::{Deref, DerefMut};

/// A value on which no decision depends, only reports or the telling apart of requests: words for people, counters.
///
/// It takes part in equality and not in the hash, so that a model checker that goes by hashes takes states that will behave alike for one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Unhashed<T>(pub(crate) T);

impl<T> Hash for Unhashed<T> {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl<T> Deref for Unhashed<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Unhashed<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// What goes into a value's hash, byte by byte.
#[cfg(test)]
pub(crate) fn hashed(value: &impl Hash) -> alloc::vec::Vec<u8> {
    struct Bytes(alloc::vec::Vec<u8>);
    impl Hasher for Bytes {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.extend_from_slice(bytes);
        }
    }
    let mut bytes = Bytes(alloc::vec::Vec::new());
    value.hash(&mut bytes);
    bytes.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unhashed_adds_nothing() {
        assert!(hashed(&Unhashed(7)).is_empty());
        assert_eq!(hashed(&7u8), [7]);
    }
}
