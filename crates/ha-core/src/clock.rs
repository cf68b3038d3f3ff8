//! The one place where this crate reads clocks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ha_proto::Instant;
use rustix::time::{ClockId, clock_gettime};

/// `CLOCK_BOOTTIME`: goes on while the machine is suspended, which `std::time::Instant` does not do on Linux.
#[derive(Debug)]
pub(crate) struct BootClock {
    last: Instant,
    /// How far it is ahead of `CLOCK_MONOTONIC`: all the time that the machine has slept.
    slept: Duration,
}

/// More sleep than this between two looks is a jump.
const JUMP: Duration = Duration::from_millis(50);

fn read(clock: ClockId) -> Duration {
    let t = clock_gettime(clock);
    Duration::new(
        u64::try_from(t.tv_sec).unwrap_or(0),
        u32::try_from(t.tv_nsec).unwrap_or(0),
    )
}

/// Now, by `CLOCK_BOOTTIME`.
pub(crate) fn boot_now() -> Instant {
    Instant::from_nanos(u64::try_from(read(ClockId::Boottime).as_nanos()).unwrap_or(u64::MAX))
}

/// Now, by the wall clock, milliseconds since 1970; for people only.
pub(crate) fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl BootClock {
    pub(crate) fn new() -> Self {
        Self {
            last: boot_now(),
            slept: Self::slept(),
        }
    }

    fn slept() -> Duration {
        read(ClockId::Boottime).saturating_sub(read(ClockId::Monotonic))
    }

    /// Now; never earlier than before.
    pub(crate) fn now(&mut self) -> Instant {
        self.last = self.last.max(boot_now());
        self.last
    }

    /// Whether the machine has slept since the last look.
    pub(crate) fn has_jumped(&mut self) -> bool {
        let slept = Self::slept();
        let jumped = slept.abs_diff(self.slept) > JUMP;
        self.slept = slept;
        jumped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_of_the_machine_is_noticed_once() {
        let mut clock = BootClock::new();
        assert!(!clock.has_jumped());
        clock.slept += JUMP * 2;
        assert!(clock.has_jumped());
        assert!(!clock.has_jumped(), "it has been told");
    }
}
