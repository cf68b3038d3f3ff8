//! What processes take, looked at once a second.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::check::Sample;
use super::nodes::{Running, lock};

/// Looks at the processes of a plane until it is ended.
#[derive(Debug)]
pub(crate) struct Watch {
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<BTreeMap<String, Vec<Sample>>>>,
}

impl Watch {
    pub(crate) fn over(running: Running) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let is_done = Arc::clone(&done);
        let thread = std::thread::spawn(move || {
            let mut samples: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
            while !is_done.load(Ordering::Relaxed) {
                let processes = lock(&running).clone();
                for (process, pid) in processes {
                    if let Some(sample) = sample(pid) {
                        samples.entry(process).or_default().push(sample);
                    }
                }
                std::thread::park_timeout(Duration::from_secs(1));
            }
            samples
        });
        Self {
            done,
            thread: Some(thread),
        }
    }

    /// What each process took, once a second.
    pub(crate) fn end(mut self) -> BTreeMap<String, Vec<Sample>> {
        let thread = self.thread.take().expect("it ends once");
        self.done.store(true, Ordering::Relaxed);
        thread.thread().unpark();
        thread.join().expect("looking does not panic")
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
    }
}

/// What a process takes now; `None` if it has ended.
fn sample(pid: u32) -> Option<Sample> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let figure = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    Some(Sample {
        memory: figure("VmRSS:")?,
        threads: figure("Threads:")?,
        descriptors: descriptors.count() as u64,
    })
}
