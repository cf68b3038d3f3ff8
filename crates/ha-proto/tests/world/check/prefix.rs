//! I5: every state is that after some prefix of the true journal; nothing else is ever shown.

use crate::world::truth::Truth;

pub fn holds(truth: &Truth, state: &[u64], whose: &str) {
    assert!(
        state.len() <= truth.state.len() && truth.state[..state.len()] == *state,
        "I5: the state of {whose} is no prefix of the true one"
    );
}

/// The last change only: cheap, after each entry.
pub fn holds_at_end(truth: &Truth, state: &[u64], whose: &str) {
    if let Some(last) = state.last() {
        assert_eq!(
            truth.state.get(state.len() - 1),
            Some(last),
            "I5: {whose} has applied what is not next in the true journal"
        );
    }
}
