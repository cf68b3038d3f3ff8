//! A state of the world: each process, what the store has answered it, the journal, and what may land yet.

/// What the store has answered, not delivered yet; 0 if nothing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Held(pub(crate) u32);

#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) actors: [u32; 3],
    pub(crate) held: [Held; 3],
    pub(crate) slots: [u32; 20],
    /// Everything that was sent to be created, while it may still land.
    pub(crate) sent: Vec<u32>,
    /// Takeovers, Fulls, commits, releases, handovers, deaths, ticks.
    pub(crate) used: [u8; 7],
}

impl State {
    /// The last slot that is taken.
    pub(crate) fn end(&self) -> usize {
        self.slots.iter().rposition(|s| *s != 0).unwrap_or(0)
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let held = self.held.iter().map(|h| &h.0);
        self.actors
            .iter()
            .chain(held)
            .for_each(|w| out.extend_from_slice(&w.to_le_bytes()));
        let end = self.end();
        let small = |n: usize| u8::try_from(n).expect("a state is small");
        out.extend_from_slice(&[small(end), small(self.sent.len())]);
        let ids = self.slots[1..=end].iter().chain(&self.sent);
        ids.for_each(|w| out.extend_from_slice(&w.to_le_bytes()[..3]));
        out.extend_from_slice(&self.used);
    }

    pub(crate) fn decode(bytes: &[u8]) -> Self {
        let mut rest = bytes;
        let mut word = |length: usize| {
            let (front, tail) = rest.split_at(length);
            rest = tail;
            let mut word = [0; 4];
            word[..length].copy_from_slice(front);
            u32::from_le_bytes(word)
        };
        let actors = std::array::from_fn(|_| word(4));
        let held = std::array::from_fn(|_| Held(word(4)));
        let (end, sent) = (word(1) as usize, word(1));
        let mut slots = [0; 20];
        slots[1..=end].fill_with(|| word(3));
        let sent = (0..sent).map(|_| word(3)).collect();
        let used = std::array::from_fn(|_| u8::try_from(word(1)).expect("one byte was read"));
        Self {
            actors,
            held,
            slots,
            sent,
            used,
        }
    }
}
