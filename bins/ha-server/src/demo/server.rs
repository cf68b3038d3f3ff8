//! One server of the demo: a process, its address and its log.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use ha_core::Config;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::failure::RunError;

/// A server that runs, is to run, or has run.
#[derive(Debug)]
pub(super) struct Server {
    name: String,
    address: SocketAddr,
    dir: PathBuf,
    timings: [(&'static str, Duration); 3],
    child: Option<Child>,
    may_end: bool,
}

impl Server {
    /// The n-th server, which keeps all of its own below this directory and shares `plane` in it.
    pub(super) fn new(n: usize, port: u16, dir: &Path, config: &Config) -> Self {
        Self {
            name: format!("n{n}"),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            dir: dir.to_owned(),
            timings: [
                ("--pollPeriod", config.poll()),
                ("--heartbeatTimeout", config.heartbeat_timeout()),
                ("--leaseTtl", config.lease_ttl()),
            ],
            child: None,
            may_end: false,
        }
    }

    /// Starts the process. It is killed when this is dropped, and when the demo dies.
    ///
    /// Must be called from the main thread: the system ties the process to the thread that started it.
    pub(super) fn start(&mut self) -> Result<(), RunError> {
        let failed = |doing: &str| {
            let message = format!("cannot {doing} for server {}", self.name);
            move |source: std::io::Error| RunError::execution(message).because(source)
        };
        let program = std::env::current_exe().map_err(failed("find this program"))?;
        let log = File::create(self.log_path()).map_err(failed("make a log"))?;
        let child = Command::new(program)
            .args(self.options())
            .args(["--endWithParent", &std::process::id().to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed("open the log"))?)
            .stderr(log)
            .env("NO_COLOR", "1")
            .process_group(0) // An interrupt on the terminal is the demo's alone to deal with.
            .kill_on_drop(true)
            .spawn()
            .map_err(failed("start a process"))?;
        self.child = Some(child);
        Ok(())
    }

    /// What a user would type to start it.
    pub(super) fn command_line(&self) -> String {
        let words = self
            .options()
            .into_iter()
            .map(|word| word.to_string_lossy().into_owned());
        format!("ha-server {}", words.collect::<Vec<_>>().join(" "))
    }

    /// The name, which is its node id too.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Where its REST API listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it has been started and has not been seen to end.
    pub(super) fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// Says that its end is no failure from now on.
    pub(super) fn expect_end(&mut self) {
        self.may_end = true;
    }

    /// Sends a signal.
    pub(super) fn send(&self, signal: Signal) -> Result<(), RunError> {
        let id = self
            .child
            .as_ref()
            .and_then(Child::id)
            .and_then(|id| i32::try_from(id).ok());
        let pid = id
            .and_then(Pid::from_raw)
            .ok_or_else(|| RunError::execution(format!("server {} does not run", self.name)))?;
        kill_process(pid, signal).map_err(|error| {
            RunError::execution(format!("cannot signal server {}", self.name)).because(error)
        })
    }

    /// Notices an end that was not asked for.
    pub(super) fn check(&mut self) -> Result<(), RunError> {
        let ended = self
            .child
            .as_mut()
            .and_then(|child| child.try_wait().ok().flatten());
        match ended {
            Some(status) if !self.may_end => Err(self.failure(&format!("ended by itself ({status})"))),
            _ => Ok(()),
        }
    }

    /// Waits for its end.
    pub(super) async fn wait(&mut self, limit: Duration) -> Result<Option<ExitStatus>, RunError> {
        let Some(child) = self.child.as_mut() else {
            return Ok(None);
        };
        match tokio::time::timeout(limit, child.wait()).await {
            Ok(Ok(status)) => {
                self.child = None;
                Ok(Some(status))
            }
            Ok(Err(source)) => Err(self.failure("cannot be waited for").because(source)),
            Err(_) => Err(self.failure(&format!("did not end within {limit:?}"))),
        }
    }

    /// Waits for its end, which must be with exit code 0.
    pub(super) async fn wait_for_success(&mut self, limit: Duration) -> Result<(), RunError> {
        match self.wait(limit).await? {
            Some(status) if !status.success() => {
                Err(self.failure(&format!("ended with {status} instead of exit code 0")))
            }
            _ => Ok(()),
        }
    }

    /// Kills it if it runs.
    pub(super) async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It can only fail because the process has ended, which is what is wanted.
            let _ = child.kill().await;
        }
    }

    /// An error about this server, with the end of its log.
    pub(super) fn failure(&self, what: &str) -> RunError {
        let log = std::fs::read_to_string(self.log_path()).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let end = lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n  ");
        RunError::execution(format!(
            "server {} {what}; the end of its log:\n  {end}",
            self.name
        ))
    }

    fn options(&self) -> Vec<OsString> {
        let mut options: Vec<OsString> = vec![
            "launch".into(),
            "--persistenceDir".into(),
            self.dir.join("plane").into(),
        ];
        options.extend(["--port".into(), self.address.port().to_string().into()]);
        options.extend(["--nodeId".into(), self.name.clone().into()]);
        options.extend(["--stateDir".into(), self.dir.join(&self.name).into()]);
        for (option, duration) in self.timings {
            options.extend([option.into(), format!("{}ms", duration.as_millis()).into()]);
        }
        options
    }

    fn log_path(&self) -> PathBuf {
        self.dir.join(format!("{}.log", self.name))
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Ports that are free at this moment, all different.
pub(super) fn free_ports(count: usize) -> Result<Vec<u16>, RunError> {
    // All are held until all are found, so none comes twice.
    let held: std::io::Result<Vec<_>> = (0..count)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect();
    let ports: std::io::Result<Vec<_>> = held.and_then(|held| {
        held.iter()
            .map(|listener| listener.local_addr().map(|address| address.port()))
            .collect()
    });
    ports.map_err(|source| RunError::execution("cannot find free ports on 127.0.0.1").because(source))
}

const LOG_LINES_SHOWN: usize = 15;
