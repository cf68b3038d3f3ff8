//! Leave to act on the world, alive: it knows the end of the lease as it is now, and tells when it is gone.

use std::time::Duration;

use ha_proto::{Epoch, Instant};
use tokio::sync::{mpsc, watch};

use crate::clock::boot_now;
use crate::driver::Message;

/// Until when acts are allowed, as the driver knows it now.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Acting {
    pub(crate) epoch: Epoch,
    pub(crate) until: Instant,
}

/// Leave to act on the world. **While one exists, its node hands over to nobody**: drop it as soon as the act has ended.
///
/// Carry [`epoch`](Self::epoch) along as the fencing token, and let whatever is acted upon refuse a lower one than it has seen: an act that
/// is past its check when its process is stopped is bounded by that alone.
#[derive(Debug)]
pub struct ActPermit {
    epoch: Epoch,
    number: u64,
    acting: watch::Receiver<Option<Acting>>,
    driver: mpsc::UnboundedSender<Message>,
}

impl ActPermit {
    pub(crate) fn new(
        epoch: Epoch,
        number: u64,
        acting: watch::Receiver<Option<Acting>>,
        driver: mpsc::UnboundedSender<Message>,
    ) -> Self {
        Self {
            epoch,
            number,
            acting,
            driver,
        }
    }

    /// The fencing token.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// How long acts are still allowed, unless the lease is read again before; zero once the leave is gone.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        let acting = *self.acting.borrow();
        acting
            .filter(|a| a.epoch == self.epoch)
            .map_or(Duration::ZERO, |a| a.until.since(boot_now()))
    }

    /// Whether acts are allowed at this moment. Ask right before each act.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !self.remaining().is_zero()
    }

    /// Waits until the leave is gone. Whatever it was for must have ended by then.
    ///
    /// A leave that was gone may come back: the leader reads its lease again, in the same epoch. A caller that was not polled in between does not
    /// notice, and may go on, for nobody else has led meanwhile.
    pub async fn gone(&self) {
        let mut acting = self.acting.clone();
        loop {
            let remaining = self.remaining();
            if remaining.is_zero() {
                return;
            }
            tokio::select! {
                changed = acting.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(remaining) => {}
            }
        }
    }
}

impl Drop for ActPermit {
    fn drop(&mut self) {
        // If the driver has stopped, nobody counts acts any more.
        let _ = self.driver.send(Message::EndAct(self.number));
    }
}
