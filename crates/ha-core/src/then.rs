//! Who is told what became of an append.

use std::fmt;

use crate::error::{Append, Refusal};

type Told = Box<dyn FnOnce(Append) + Send>;

/// Is told once, by whoever has it last: what is dropped untold was never sent, for the node has stopped.
pub(crate) struct Then(Option<Told>);

impl Then {
    pub(crate) fn new(then: impl FnOnce(Append) + Send + 'static) -> Self {
        Self(Some(Box::new(then)))
    }

    pub(crate) fn tell(mut self, outcome: Append) {
        if let Some(then) = self.0.take() {
            then(outcome);
        }
    }
}

impl Drop for Then {
    fn drop(&mut self) {
        if let Some(then) = self.0.take() {
            then(Append::Fenced(Refusal::Stopped));
        }
    }
}

impl fmt::Debug for Then {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Then").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use ha_proto::Seq;

    use super::*;

    #[test]
    fn who_waits_is_told_once_and_of_a_node_that_has_stopped_as_well() {
        let (told, hears) = channel();
        let then = || {
            let told = told.clone();
            Then::new(move |outcome| told.send(outcome).unwrap())
        };
        then().tell(Append::Committed(Seq(7)));
        drop(then());
        let all: Vec<_> = hears.try_iter().collect();
        assert_eq!(all, [Append::Committed(Seq(7)), Append::Fenced(Refusal::Stopped)]);
    }
}
