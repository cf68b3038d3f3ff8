//! Acts on the world: strokes in a file outside the plane, each made only after a look at the leave to act.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ha_core::{ActPermit, Plane};
use rustix::time::{ClockId, clock_gettime};

use crate::Failure;

pub(crate) struct Acts {
    file: PathBuf,
    /// Between two strokes: little, so that a process that is stopped is in the middle of some when it wakes.
    pause: Duration,
    next: AtomicU64,
}

impl Acts {
    pub(crate) fn new(file: PathBuf, pause: Duration) -> Self {
        Self {
            file,
            pause,
            next: AtomicU64::new(0),
        }
    }

    /// Acts for some time, or for as long as that is allowed. Gives the epoch, or `None` if it was not allowed at all.
    pub(crate) async fn act(&self, plane: &Plane, time: Duration) -> Result<Option<u64>, Failure> {
        let leadership = tokio::time::timeout(Duration::ZERO, plane.leadership()).await;
        let Ok(Ok(leadership)) = leadership else {
            return Ok(None);
        };
        let Some(permit) = leadership.act_permit().await else {
            return Ok(None);
        };
        let file = File::options().create(true).append(true).open(&self.file)?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = format!("{} {}.{number}", plane.status().own_id, std::process::id());
        let act = Act {
            file,
            name,
            pause: self.pause,
            permit,
        };
        // On a thread of its own, so that nothing but its own look keeps it from acting too late.
        Ok(tokio::task::spawn_blocking(move || act.go_on(time)).await??)
    }
}

/// An act under way.
struct Act {
    file: File,
    name: String,
    pause: Duration,
    permit: ActPermit,
}

impl Act {
    fn go_on(mut self, time: Duration) -> std::io::Result<Option<u64>> {
        let begun = Instant::now();
        let mut acted = None;
        while begun.elapsed() < time && self.stroke()? {
            acted = Some(self.permit.epoch().0);
            std::thread::sleep(self.pause);
        }
        Ok(acted)
    }

    /// One stroke, if it is allowed. Its time is from before the look, for the process may be stopped after it: what an act does then is
    /// for the world to refuse, by its epoch.
    fn stroke(&mut self) -> std::io::Result<bool> {
        let now = clock_gettime(ClockId::Boottime);
        if !self.permit.is_live() {
            return Ok(false);
        }
        let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        let line = format!("{} {} {micros}\n", self.permit.epoch(), self.name);
        self.file.write_all(line.as_bytes())?;
        Ok(true)
    }
}
