//! A server that runs.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::http::{Answer, Request};
use crate::launch::{Ended, Launch, wait_for_end};
use crate::wait::{PATIENCE, wait_for};

/// A server process. It is killed when this is dropped; if the test has failed, the end of its log is printed.
#[derive(Debug)]
pub struct Server {
    launch: Launch,
    child: Child,
    runs: bool,
}

impl Server {
    pub(crate) fn new(launch: Launch, child: Child) -> Self {
        Self {
            launch,
            child,
            runs: true,
        }
    }

    /// Its name on the site; its node id, unless it draws that.
    #[must_use]
    pub fn name(&self) -> &str {
        self.launch.name()
    }

    /// Where its REST API is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.launch.address()
    }

    /// What it says to be, or `None` if it does not answer.
    #[must_use]
    pub fn role(&self) -> Option<String> {
        self.json("/v1/server/ha/state")
            .and_then(|role| role.as_str().map(str::to_owned))
    }

    /// Whether it says to be this.
    #[must_use]
    pub fn is(&self, role: &str) -> bool {
        self.role().as_deref() == Some(role)
    }

    /// What it knows about its plane: the body of `/ha/states`, `null` if it does not answer.
    #[must_use]
    pub fn states(&self) -> Value {
        self.json("/v1/server/ha/states").unwrap_or_default()
    }

    /// Its node id.
    #[must_use]
    pub fn node_id(&self) -> Option<String> {
        self.states()["ownId"].as_str().map(str::to_owned)
    }

    /// Who it says is master.
    #[must_use]
    pub fn master_id(&self) -> Option<String> {
        self.states()["masterId"]
            .as_str()
            .filter(|id| !id.is_empty())
            .map(str::to_owned)
    }

    /// The id of its plane.
    #[must_use]
    pub fn plane_id(&self) -> Option<String> {
        let answer = Request::get("/v1/server/planeid").send(self.address()).ok()?;
        Some(answer.body).filter(|id| answer.status == 200 && !id.is_empty())
    }

    /// Sends a request.
    ///
    /// # Errors
    /// If it is not answered.
    pub fn send(&self, request: &Request<'_>) -> io::Result<Answer> {
        request.send(self.address())
    }

    /// Asks for a mode by REST.
    ///
    /// # Panics
    /// If that is not answered.
    #[track_caller]
    pub fn post_mode(&self, mode: &str) -> Answer {
        let answer = self.send(&Request::post("/v1/server/ha/state", &format!("mode={mode}")));
        answer.unwrap_or_else(|error| panic!("{} does not answer a POST of {mode}: {error}", self.name()))
    }

    /// Waits until it says to be this.
    ///
    /// # Panics
    /// If it does not, or if it ends, in time.
    #[track_caller]
    pub fn becomes(&mut self, role: &str) {
        let mut last = None;
        let what = format!("{} is {role}", self.name());
        wait_for(PATIENCE, &what, || {
            let now = self.role();
            if now != last {
                eprintln!("{} says {}", self.name(), now.as_deref().unwrap_or("nothing"));
                last.clone_from(&now);
            }
            self.assert_runs();
            now.as_deref() == Some(role)
        });
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// If it has ended.
    pub fn signal(&self, signal: Signal) {
        assert!(self.runs, "{} has ended", self.name());
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .expect("a process has an id");
        kill_process(pid, signal).expect("a child can be signalled until it has been waited for");
    }

    /// Kills it, and waits for its end.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.end();
    }

    /// Asks it to end, and waits for its end.
    pub fn terminate(&mut self) -> Ended {
        self.signal(Signal::TERM);
        self.end()
    }

    /// Stops it where it is.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end in time.
    #[track_caller]
    pub fn end(&mut self) -> Ended {
        let status = wait_for_end(&mut self.child, PATIENCE);
        let status = status.unwrap_or_else(|| panic!("{} does not end", self.name()));
        self.runs = false;
        Ended::new(status, self.launch.log())
    }

    /// Its end, if it comes in time.
    pub(crate) fn ends_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        let status = wait_for_end(&mut self.child, limit);
        self.runs &= status.is_none();
        status
    }

    /// The id of its process.
    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Starts it again after its end, by the same command.
    ///
    /// # Panics
    /// If it still runs.
    #[must_use]
    pub fn start_again(&self) -> Self {
        assert!(!self.runs, "{} still runs", self.name());
        self.launch.start()
    }

    /// Whether it has ended by itself.
    ///
    /// # Panics
    /// If it cannot be waited for.
    #[must_use]
    pub fn has_ended(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("a child can be waited for")
            .is_some()
    }

    /// A path as the server sees it, which may have mounts of its own.
    #[must_use]
    pub fn path_inside(&self, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.child.id()));
        root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.launch.log()
    }

    /// Checks that it has not ended.
    ///
    /// # Panics
    /// If it has.
    #[track_caller]
    pub fn assert_runs(&mut self) {
        let ended = self.child.try_wait().expect("a child can be waited for");
        assert!(ended.is_none(), "{} has ended by itself: {ended:?}", self.name());
    }

    fn json(&self, path: &str) -> Option<Value> {
        let answer = self
            .send(&Request::get(path).within(Duration::from_secs(2)))
            .ok()?;
        (answer.status == 200).then(|| answer.json())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.runs {
            self.signal(Signal::CONT);
            // It may have ended by itself, which is as good.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            let log = self.launch.log();
            let lines: Vec<_> = log.lines().collect();
            let end = lines[lines.len().saturating_sub(100)..].join("\n");
            eprintln!(
                "---- log of {} on port {} ----\n{end}\n----",
                self.name(),
                self.launch.port()
            );
        }
    }
}
