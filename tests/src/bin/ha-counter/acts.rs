//! Acts on the world: strokes in a file outside the plane, each made only after a look at the leave to act.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ha_core::{ActPermit, Epoch, Plane};
use ha_tests::chaos::Bug;
use rustix::time::{ClockId, clock_gettime};

use crate::Failure;
use crate::planted::Planted;

pub(crate) struct Acts {
    file: PathBuf,
    /// Between two strokes: little, so that a process that is stopped is in the middle of some when it wakes.
    pause: Duration,
    next: AtomicU64,
    planted: Planted,
}

impl Acts {
    pub(crate) fn new(file: PathBuf, pause: Duration, planted: Planted) -> Self {
        Self {
            file,
            pause,
            next: AtomicU64::new(0),
            planted,
        }
    }

    /// Acts for some time in which it is awake, or for as long as that is allowed. Gives the epoch, or `None` if it was not allowed at all.
    pub(crate) async fn act(&self, plane: &Plane, time: Duration) -> Result<Option<u64>, Failure> {
        let without_leave = self.planted.is(Bug::ActWithoutLeave);
        let permit = self.permit(plane).await;
        if permit.is_none() && !without_leave {
            return Ok(None);
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = format!("{} {}.{number}", plane.status().own_id, std::process::id());
        let act = Act {
            file: File::options().create(true).append(true).open(&self.file)?,
            name,
            pause: self.pause,
            epoch: permit
                .as_ref()
                .map_or_else(|| plane.status().epoch, ActPermit::epoch),
            permit: permit.filter(|_| !self.planted.is(Bug::ActOn)),
        };
        // On a thread of its own, so that nothing but its own look keeps it from acting too late.
        Ok(tokio::task::spawn_blocking(move || act.go_on(time)).await??)
    }

    async fn permit(&self, plane: &Plane) -> Option<ActPermit> {
        let leadership = tokio::time::timeout(Duration::ZERO, plane.leadership()).await;
        leadership.ok()?.ok()?.act_permit().await
    }
}

/// An act under way.
struct Act {
    file: File,
    name: String,
    pause: Duration,
    epoch: Epoch,
    /// `None` only if a bug is planted: it acts without.
    permit: Option<ActPermit>,
}

impl Act {
    /// By the number of its strokes, so that it is not over when the process wakes from a long sleep.
    fn go_on(mut self, time: Duration) -> std::io::Result<Option<u64>> {
        let mut acted = None;
        let strokes = time.as_micros() / self.pause.as_micros().max(1);
        for _ in 0..strokes.max(1) {
            if !self.stroke()? {
                break;
            }
            acted = Some(self.epoch.0);
            std::thread::sleep(self.pause);
        }
        Ok(acted)
    }

    /// One stroke, if it is allowed. Its time is from before the look, for the process may be stopped after it: what an act does then is
    /// for the world to refuse, by its epoch.
    fn stroke(&mut self) -> std::io::Result<bool> {
        let now = clock_gettime(ClockId::Boottime);
        if !self.permit.as_ref().is_none_or(ActPermit::is_live) {
            return Ok(false);
        }
        let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        let line = format!("{} {} {micros}\n", self.epoch, self.name);
        self.file.write_all(line.as_bytes())?;
        Ok(true)
    }
}
