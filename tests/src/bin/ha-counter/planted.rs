//! Bugs that are planted on purpose: see [`ha_tests::chaos::Bug`].

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use ha_tests::chaos::Bug;

/// The bug that this process has, if any. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Planted {
    bug: Option<Bug>,
    leaks: Arc<Mutex<Leaks>>,
}

#[derive(Default)]
struct Leaks {
    memory: Vec<Vec<u8>>,
    descriptors: Vec<File>,
}

/// What one write leaks.
const LEAK: usize = 64 << 10;

impl Planted {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        Self {
            bug,
            ..Self::default()
        }
    }

    pub(crate) fn is(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Whether this value is one of the few that it strikes.
    pub(crate) fn strikes(&self, bug: Bug, value: &str) -> bool {
        self.is(bug) && value.parse::<u64>().is_ok_and(|value| value % 4 == 0)
    }

    /// Whether this value is one of the few that it strikes in this process, and not in all.
    pub(crate) fn strikes_here(&self, bug: Bug, value: &str) -> bool {
        let here = u64::from(std::process::id());
        self.is(bug) && value.parse::<u64>().is_ok_and(|value| (value ^ here) % 16 == 0)
    }

    /// Keeps for ever what is needed for one write.
    pub(crate) fn leak(&self) {
        let mut leaks = self.leaks.lock().unwrap_or_else(PoisonError::into_inner);
        match self.bug {
            Some(Bug::LeakMemory) => leaks.memory.push(vec![1; LEAK]),
            Some(Bug::LeakDescriptors) => leaks.descriptors.extend(File::open("/dev/null")),
            Some(Bug::LeakThreads) => {
                _ = std::thread::spawn(|| {
                    loop {
                        std::thread::park()
                    }
                })
            }
            _ => {}
        }
    }
}
