//! Acts on the world: strokes in a file outside the plane, each made only after a look at the leave to act.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ha_core::{ActPermit, Plane};
use rustix::time::{ClockId, clock_gettime};

use crate::Failure;

/// Between two strokes.
const PAUSE: Duration = Duration::from_millis(5);

pub(crate) struct Acts {
    file: PathBuf,
    next: AtomicU64,
}

impl Acts {
    pub(crate) fn new(file: PathBuf) -> Self {
        Self {
            file,
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
        let mut file = File::options().create(true).append(true).open(&self.file)?;
        let act = format!(
            "{} {}.{}",
            plane.status().own_id,
            std::process::id(),
            self.next.fetch_add(1, Ordering::Relaxed)
        );
        let end = tokio::time::Instant::now() + time;
        let mut acted = None;
        while tokio::time::Instant::now() < end && self.stroke(&mut file, &act, &permit)? {
            acted = Some(permit.epoch().0);
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = permit.gone() => {}
            }
        }
        Ok(acted)
    }

    /// One stroke, if it is allowed. Its time is from before the look, for the process may be stopped after it: what an act does then is for the
    /// world to refuse, by its epoch.
    fn stroke(&self, file: &mut File, act: &str, permit: &ActPermit) -> Result<bool, Failure> {
        let now = clock_gettime(ClockId::Boottime);
        if !permit.is_live() {
            return Ok(false);
        }
        let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        file.write_all(format!("{} {act} {micros}\n", permit.epoch()).as_bytes())?;
        Ok(true)
    }
}
