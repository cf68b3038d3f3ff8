//! A process of a plane, whatever it serves: what can be done to it, and what it says.

use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;

use crate::counter::Counter;

/// A member of a plane.
pub(crate) trait Process {
    /// Its node id.
    fn name(&self) -> &str;
    fn process_id(&self) -> u32;
    /// What it says of itself; nothing if it does not answer.
    fn standing(&self) -> Standing;
    /// Where it stands in the journal, or a little further.
    fn seq(&self) -> u64;
    /// Asks it for a mode. It may refuse.
    fn change_mode(&self, mode: &str);
    fn signal(&self, signal: Signal);
    /// Kills it, and waits for its end.
    fn kill(&mut self);
    /// Its end, if it comes in time.
    fn ends_within(&mut self, limit: Duration) -> Option<ExitStatus>;
    /// Starts it again after its end.
    fn start_again(&mut self);
}

/// What a process says of itself.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Standing {
    /// Its role by its published name; empty if it does not answer.
    pub(crate) role: String,
    pub(crate) epoch: u64,
    pub(crate) may_act: bool,
    /// What is wrong, in its words.
    pub(crate) errors: String,
}

impl Process for Counter {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn process_id(&self) -> u32 {
        Self::process_id(self)
    }

    fn standing(&self) -> Standing {
        let status = self.status();
        Standing {
            role: status["role"].as_str().unwrap_or_default().to_owned(),
            epoch: status["epoch"].as_u64().unwrap_or_default(),
            may_act: status["may_act"] == true,
            errors: status["errors"].to_string(),
        }
    }

    fn seq(&self) -> u64 {
        self.status()["seq"].as_u64().unwrap_or_default()
    }

    fn change_mode(&self, mode: &str) {
        // It may refuse, for nobody else may be there to lead, which is as good.
        let _ = self.call(&format!("mode {mode}"));
    }

    fn signal(&self, signal: Signal) {
        Self::signal(self, signal);
    }

    fn kill(&mut self) {
        Self::kill(self);
    }

    fn ends_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        Self::ends_within(self, limit)
    }

    fn start_again(&mut self) {
        Self::start_again(self);
    }
}
