//! Commands and their answers.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ha_core::{Append, Epoch, Mode, Plane, Resolution, Seq, UnknownWrite, WriteId};
use ha_tests::chaos::Bug;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::acts::Acts;
use crate::planted::Planted;
use crate::values::Values;
use crate::{Failure, say};

/// More commands are not under way at once.
const AT_ONCE: u32 = 4096;

/// What serves the commands; clones are handles on the same.
#[derive(Clone)]
pub(crate) struct Service {
    plane: Plane,
    values: Values,
    acts: Arc<Acts>,
    under_way: Arc<Semaphore>,
    planted: Planted,
}

impl Service {
    pub(crate) fn new(plane: Plane, values: Values, acts: Acts, planted: Planted) -> Self {
        let under_way = Arc::new(Semaphore::new(AT_ONCE as usize));
        Self {
            plane,
            values,
            acts: Arc::new(acts),
            under_way,
            planted,
        }
    }

    /// Serves one line and answers it.
    pub(crate) async fn serve(&self, line: &str) {
        let Ok(_permit) = self.under_way.acquire().await else {
            return;
        };
        let (number, command) = line.split_once(' ').unwrap_or((line, ""));
        let mut answer = self
            .answer(command)
            .await
            .unwrap_or_else(|error| json!({ "error": error.to_string() }));
        answer["id"] = number.parse::<u64>().map_or(Value::Null, Value::from);
        say(&answer);
    }

    /// Waits until all that is under way is answered, and tells whether it is.
    pub(crate) async fn answer_rest(&self) -> bool {
        let all = self.under_way.acquire_many(AT_ONCE);
        // Whatever takes longer is lost with the process, as in a crash.
        tokio::time::timeout(Duration::from_secs(2), all).await.is_ok()
    }

    async fn answer(&self, command: &str) -> Result<Value, Failure> {
        let words: Vec<_> = command.split_whitespace().collect();
        Ok(match words[..] {
            ["append", value] => self.append(value).await,
            ["read"] => {
                let seq = self.plane.read().await?;
                json!({ "seq": seq.0, "values": self.values.all() })
            }
            ["len"] if self.planted.is(Bug::NoReads) => json!({ "error": "no reads" }),
            ["len"] => {
                let seq = match self.planted.is(Bug::StaleRead) {
                    true => self.plane.status().seq,
                    false => self.plane.read().await?,
                };
                let sum = self.values.sum();
                json!({ "seq": seq.0, "len": sum.len, "last": sum.last, "digest": sum.digest.to_string() })
            }
            ["local"] => json!({ "values": self.values.all() }),
            ["resolve", ..] if self.planted.is(Bug::GuessResolution) => json!({ "resolution": "NotApplied" }),
            ["resolve", epoch, slot, write_id] => {
                let (epoch, slot) = (Epoch(epoch.parse()?), Seq(slot.parse()?));
                let write_id = WriteId::parse(write_id).ok_or("no write id")?;
                match self
                    .plane
                    .resolve(UnknownWrite {
                        epoch,
                        slot,
                        write_id,
                    })
                    .await
                {
                    Resolution::Committed(seq) => json!({ "committed": seq.0 }),
                    other => json!({ "resolution": format!("{other:?}") }),
                }
            }
            ["act", time] => {
                let time = Duration::from_millis(time.parse()?);
                match self.acts.act(&self.plane, time).await? {
                    Some(epoch) => json!({ "acted": epoch }),
                    None => json!({ "refused": "no leave to act" }),
                }
            }
            ["mode", mode] => {
                let mode: Mode = mode.parse()?;
                json!({ "before": self.plane.change_mode(mode).await?.to_string() })
            }
            ["status"] => self.status(),
            ["stop"] => {
                self.plane.stop().await;
                json!({ "stopped": true })
            }
            _ => return Err(format!("`{command}` is no command").into()),
        })
    }

    async fn append(&self, value: &str) -> Value {
        self.planted.leak();
        if self.planted.strikes(Bug::LoseWrite, value) {
            return json!({ "committed": self.plane.status().seq.0 });
        }
        if self.planted.strikes(Bug::WriteTwice, value) {
            let _ = self.plane.append(value).await;
        }
        if self.planted.strikes(Bug::Die, value) {
            std::process::exit(3);
        }
        match self.plane.append(value).await {
            Append::Committed(_) if self.planted.strikes(Bug::RefuseWhatIsWritten, value) => {
                json!({ "fenced": "a planted bug" })
            }
            Append::Committed(seq) => json!({ "committed": seq.0 }),
            Append::Fenced(why) => json!({ "fenced": why.to_string() }),
            Append::Unknown(UnknownWrite {
                epoch,
                slot,
                write_id,
            }) => {
                json!({ "unknown": { "epoch": epoch.0, "slot": slot.0, "write_id": write_id.to_string() } })
            }
        }
    }

    fn status(&self) -> Value {
        let status = self.plane.status();
        json!({
            "plane": status.plane_id.map(|id| id.to_string()),
            "role": status.role.to_string(),
            "mode": status.mode.to_string(),
            "epoch": status.epoch.0,
            "leader": status.leader.map(|leader| leader.to_string()),
            "seq": status.seq.0,
            "may_act": status.may_act,
            "errors": status.errors,
            "tasks": tokio::runtime::Handle::current().metrics().num_alive_tasks(),
            "wall_s": SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        })
    }
}
