//! The state machine that a plane replicates: the user's own, or one of the two that are here.

use std::collections::BTreeMap;
use std::fmt::Debug;

use ha_proto::{Digest, Epoch};

use crate::rng::Rng;

/// Where a request of a client arrives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Desk {
    /// The epoch under which the node writes; `None`: it will only lead soon.
    pub epoch: Option<Epoch>,
    /// Whether it may act on the world under that epoch.
    pub may_act: bool,
}

/// A replicated state machine: what it holds is a function of the changes that were applied to it, in their order, and of nothing else.
pub trait Service: Clone + Debug + Default {
    /// A change that a client of it may propose, as bytes. `number` is another one each time.
    fn propose(rng: &mut Rng, number: u64) -> Vec<u8>;

    /// What a node makes of a client's request, upon its state and whatever it has proposed and not heard of. Unless a service says otherwise the
    /// change is the request as it came.
    fn offer(&mut self, rng: &mut Rng, number: u64, _desk: Desk) -> Vec<u8> {
        Self::propose(rng, number)
    }

    /// A change that this node has offered will certainly not be applied.
    fn lost(&mut self, _number: u64) {}

    /// Applies a committed change: `number` as it was given to [`propose`](Self::propose), and the bytes that came of it.
    fn apply(&mut self, number: u64, change: &[u8]);

    /// All of it as bytes.
    fn snapshot(&self) -> Vec<u8>;

    /// The same again from the bytes.
    ///
    /// # Errors
    /// If they are none of [`snapshot`](Self::snapshot); the world takes that for a violation.
    fn restore(bytes: &[u8]) -> Result<Self, String>;

    /// Equal if and only if the states are.
    fn digest(&self) -> Digest {
        Digest::of(&self.snapshot())
    }

    /// Forgets everything: an operator has started a node with `clean`.
    fn clear(&mut self) {
        *self = Self::default();
    }
}

/// What an entry that empties the state leaves in a list of changes.
pub use crate::linear::EMPTIED;

/// The list of all changes. It grows for ever: for short worlds, in which a test looks at it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Numbers(
    /// The numbers of the changes, as they were applied.
    pub Vec<u64>,
);

impl Service for Numbers {
    fn propose(_: &mut Rng, _: u64) -> Vec<u8> {
        Vec::new()
    }

    fn apply(&mut self, number: u64, _: &[u8]) {
        self.0.push(number);
    }

    fn snapshot(&self) -> Vec<u8> {
        self.0.iter().flat_map(|n| n.to_le_bytes()).collect()
    }

    fn restore(bytes: &[u8]) -> Result<Self, String> {
        let (numbers, rest) = bytes.as_chunks::<8>();
        if rest.is_empty() {
            Ok(Self(numbers.iter().map(|n| u64::from_le_bytes(*n)).collect()))
        } else {
            Err(format!("{} bytes too many", rest.len()))
        }
    }

    fn clear(&mut self) {
        self.0.push(EMPTIED);
    }
}

impl PartialEq<Vec<u64>> for Numbers {
    fn eq(&self, other: &Vec<u64>) -> bool {
        self.0 == *other
    }
}

impl<const N: usize> PartialEq<[u64; N]> for Numbers {
    fn eq(&self, other: &[u64; N]) -> bool {
        self.0 == *other
    }
}

/// A few sums, each of the numbers added to it, and in an order that matters: of bounded size, for long worlds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Sums(BTreeMap<u8, u64>);

impl Service for Sums {
    fn propose(rng: &mut Rng, _: u64) -> Vec<u8> {
        vec![rng.below(16) as u8]
    }

    fn apply(&mut self, number: u64, change: &[u8]) {
        for key in change {
            let sum = self.0.entry(*key).or_default();
            *sum = sum.wrapping_mul(31).wrapping_add(number);
        }
    }

    fn snapshot(&self) -> Vec<u8> {
        let pairs = self.0.iter();
        pairs
            .flat_map(|(key, sum)| [*key].into_iter().chain(sum.to_le_bytes()))
            .collect()
    }

    fn restore(bytes: &[u8]) -> Result<Self, String> {
        let (pairs, rest) = bytes.as_chunks::<9>();
        if !rest.is_empty() {
            return Err(format!("{} bytes too many", rest.len()));
        }
        let pair = |p: &[u8; 9]| {
            let sum = p[1..].try_into().expect("eight of the nine");
            (p[0], u64::from_le_bytes(sum))
        };
        Ok(Self(pairs.iter().map(pair).collect()))
    }
}
