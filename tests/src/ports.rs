//! Ports that no two tests have at once, so that a server can be started again on its own.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use rustix::fs::{FlockOperation, flock};

/// A port that is free and stays this test's until this is dropped, whether or not a server listens on it.
///
/// The ports lie below those that the system hands out to clients, and each has a lock file that all test processes respect.
#[derive(Debug)]
pub struct ReservedPort {
    number: u16,
    _lock: File,
}

impl ReservedPort {
    /// Finds one.
    ///
    /// # Panics
    /// If all are taken.
    #[must_use]
    pub fn find() -> Self {
        let dir = std::env::temp_dir().join("ha-plane-test-ports");
        std::fs::create_dir_all(&dir).expect("the temporary directory is writable");
        // Processes begin at different places, so that they seldom try the same ones.
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let begin =
            u16::try_from(std::process::id() % u32::from(COUNT)).expect("it is less than a count of 16 bits");
        for _ in 0..COUNT {
            let offset = (begin + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT;
            let number = FIRST + offset;
            let lock = OpenOptions::new()
                .create(true)
                .append(true)
                .open(dir.join(number.to_string()));
            let lock = lock.expect("a lock file can be opened");
            let is_ours = flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok();
            if is_ours && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Self { number, _lock: lock };
            }
        }
        panic!("none of {COUNT} ports from {FIRST} is free");
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }
}

const FIRST: u16 = 15_000;
const COUNT: u16 = 15_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_found_twice() {
        let ports: Vec<_> = (0..50).map(|_| ReservedPort::find()).collect();
        let mut numbers: Vec<_> = ports.iter().map(ReservedPort::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 50);
    }
}
