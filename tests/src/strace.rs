//! System calls that fail, in a process that runs.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A tracer that makes system calls of a process fail, until it is dropped.
#[derive(Debug)]
pub struct Strace(Child);

impl Strace {
    /// Makes system calls fail in each thread of a process, as `strace --inject` would have it (`fsync:error=EIO:when=1`); if a path is given,
    /// only those that are about it. Returns when this is in force; `None` where it cannot be.
    #[must_use]
    pub fn inject(process: u32, fault: &str, about: Option<&Path>) -> Option<Self> {
        let mut command = Command::new("strace");
        command.args([
            "-f",
            "-qq",
            "-e",
            &format!("inject={fault}"),
            "-p",
            &process.to_string(),
        ]);
        if let Some(path) = about {
            command.arg("-P").arg(path);
        }
        let tracer = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut tracer = Self(tracer);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            if tracer.traces_all_of(process) {
                return Some(tracer);
            }
            if tracer.0.try_wait().is_ok_and(|ended| ended.is_some()) {
                return None;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }

    fn traces_all_of(&self, process: u32) -> bool {
        let line = format!("TracerPid:\t{}\n", self.0.id());
        let threads = std::fs::read_dir(format!("/proc/{process}/task"))
            .into_iter()
            .flatten()
            .flatten();
        let traced = |status: String| status.contains(&line);
        // A thread that has ended since is nobody's.
        threads
            .filter_map(|thread| std::fs::read_to_string(thread.path().join("status")).ok())
            .all(traced)
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        // Asked to end, it lets go of what it traces; killed as well, the system does that.
        let id = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        let asked = id.is_some_and(|id| kill_process(id, Signal::TERM).is_ok());
        let begun = Instant::now();
        while asked
            && begun.elapsed() < Duration::from_secs(5)
            && self.0.try_wait().is_ok_and(|ended| ended.is_none())
        {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
