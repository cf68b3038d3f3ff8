//! What processes take and what lies in the store, looked at once a second.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ha_core::Seq;

use super::check::{Resource, Sample};
use super::nodes::{Running, lock};
use crate::counter::Remote;
use crate::objects::Objects;

/// Looks at the processes of a plane, and at its store if it is told to, until it is ended.
#[derive(Debug)]
pub(crate) struct Watch {
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<Samples>>,
}

/// By process, or by what it is of.
pub(crate) type Samples = BTreeMap<String, Vec<Sample>>;

/// What else than processes is looked at.
#[derive(Debug)]
pub(crate) struct Within {
    pub(crate) nodes: Vec<Remote>,
    pub(crate) objects: Objects,
}

impl Watch {
    pub(crate) fn over(running: Running, within: Option<Within>) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let is_done = Arc::clone(&done);
        let thread = std::thread::spawn(move || {
            let (mut samples, begun) = (Samples::new(), Instant::now());
            for second in 1.. {
                if is_done.load(Ordering::Relaxed) {
                    break;
                }
                let processes = lock(&running).clone();
                for (process, pid) in processes {
                    if let Some(sample) = of_process(pid) {
                        samples.entry(process).or_default().push(sample);
                    }
                }
                if let Some(within) = &within {
                    within.look(&mut samples);
                }
                let next = Duration::from_secs(second).saturating_sub(begun.elapsed());
                std::thread::park_timeout(next);
            }
            samples
        });
        Self {
            done,
            thread: Some(thread),
        }
    }

    /// What each process took, once a second.
    pub(crate) fn end(mut self) -> Samples {
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

/// How long a node may take to tell of itself: one that sleeps does not.
const TELLS: Duration = Duration::from_millis(100);

impl Within {
    fn look(&self, samples: &mut Samples) {
        let mut epochs = 0;
        for node in &self.nodes {
            let status = node.ask("status").ok().and_then(|answer| answer.within(TELLS));
            let Some(status) = status else { continue };
            epochs = epochs.max(status["epoch"].as_u64().unwrap_or_default());
            if let Some(tasks) = status["tasks"].as_u64() {
                let of = samples.entry(format!("{} (tasks)", node.name())).or_default();
                of.push([(Resource::Tasks, tasks)].into());
            }
        }
        let entries = self.objects.entries();
        let mut snapshots = self.objects.snapshots().into_keys().rev();
        let older = snapshots.nth(1).unwrap_or(Seq(0));
        let behind = entries.range(..=older).count() as u64;
        let all = self.objects.count() as u64;
        let mut sample = Sample::from([(Resource::Objects, all.saturating_sub(behind))]);
        if let Some(fences) = (behind * 100).checked_div(epochs) {
            sample.insert(Resource::FencesPerHundredEpochs, fences);
        }
        samples.entry("the store".into()).or_default().push(sample);
    }
}

/// What a process takes now; `None` if it has ended.
fn of_process(pid: u32) -> Option<Sample> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let figure = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    Some(Sample::from([
        (Resource::MemoryKib, figure("VmRSS:")?),
        (Resource::Threads, figure("Threads:")?),
        (Resource::Descriptors, descriptors.count() as u64),
    ]))
}
