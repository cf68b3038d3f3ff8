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
