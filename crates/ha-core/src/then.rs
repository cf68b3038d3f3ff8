//! Who is told what became of an append.

use crate::error::{Append, Refusal, UnknownWrite};

type Told = Box<dyn FnOnce(Append) + Send>;

/// Is told once. Whoever drops it untold has stopped: then what was sent may be applied, and what was not certainly is not.
pub(crate) struct Then {
    told: Option<Told>,
    sent: Option<UnknownWrite>,
}

impl Then {
    pub(crate) fn new(then: impl FnOnce(Append) + Send + 'static) -> Self {
        Self {
            told: Some(Box::new(then)),
            sent: None,
        }
    }

    /// It has gone out in this entry. The first slot that was tried counts.
    pub(crate) fn sent(&mut self, write: UnknownWrite) {
        self.sent.get_or_insert(write);
    }

    pub(crate) fn was_sent(&self) -> Option<UnknownWrite> {
        self.sent
    }

    pub(crate) fn tell(mut self, outcome: Append) {
        if let Some(told) = self.told.take() {
            told(outcome);
        }
    }
}

impl Drop for Then {
    fn drop(&mut self) {
        if let Some(told) = self.told.take() {
            told(match self.sent {
                Some(write) => Append::Unknown(write),
                None => Append::Fenced(Refusal::Stopped),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use ha_proto::{Epoch, Seq, WriteId};

    use super::*;

    #[test]
    fn who_waits_is_told_once_and_by_a_node_that_has_stopped_no_more_than_it_knows() {
        let (told, hears) = channel();
        let then = || {
            let told = told.clone();
            Then::new(move |outcome| told.send(outcome).unwrap())
        };
        let write = |slot| UnknownWrite {
            epoch: Epoch(1),
            slot: Seq(slot),
            write_id: WriteId([1; 16]),
        };
        then().tell(Append::Committed(Seq(7)));
        drop(then());
        let mut sent = then();
        sent.sent(write(8));
        sent.sent(write(9));
        drop(sent);
        let all: Vec<_> = hears.try_iter().collect();
        let stopped = Append::Fenced(Refusal::Stopped);
        assert_eq!(
            all,
            [Append::Committed(Seq(7)), stopped, Append::Unknown(write(8))]
        );
    }
}
