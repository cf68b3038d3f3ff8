//! What reaches into the world.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use ha_core::ActPermit;
use ha_tests::chaos::rest::{ACTS, NODE};
use rustix::time::{ClockId, clock_gettime};

#[derive(Clone)]
pub(crate) struct Hand {
    acts: PathBuf,
    node: String,
}

impl Hand {
    pub(crate) fn from_environment() -> Self {
        Self {
            acts: std::env::var_os(ACTS).unwrap_or_default().into(),
            node: std::env::var(NODE).unwrap_or_default(),
        }
    }

    /// Acts, or waits to be broken off if it may not.
    pub(crate) async fn act(&self, mark: &str, permit: &ActPermit) -> Result<(), String> {
        let told = |error: std::io::Error| format!("{}: {error}", self.acts.display());
        if !self.stroke(mark, Some(permit), permit.epoch().0).map_err(told)? {
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    /// Acts, if it may. The time is from before the look, for the process may be stopped after it: what an act does then is for the world to
    /// refuse, by its epoch.
    fn stroke(&self, mark: &str, permit: Option<&ActPermit>, epoch: u64) -> std::io::Result<bool> {
        let now = clock_gettime(ClockId::Boottime);
        if !permit.is_none_or(ActPermit::is_live) {
            return Ok(false);
        }
        let nanos = now.tv_sec * 1_000_000_000 + now.tv_nsec;
        let (node, process) = (&self.node, std::process::id());
        let line = format!("{epoch} {node} {process}.{mark} {nanos}\n");
        let mut acts = File::options().create(true).append(true).open(&self.acts)?;
        acts.write_all(line.as_bytes())?;
        Ok(true)
    }

    /// Acts for some seconds, and never looks whether it may.
    pub(crate) fn act_on(self, mark: String, epoch: u64) {
        std::thread::spawn(move || {
            for _ in 0..150 {
                // It is a bug already.
                let _ = self.stroke(&mark, None, epoch);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
    }
}
