//! A command line that is being put together, and what comes of it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::binary::server_binary;
use crate::namespace::Mounts;
use crate::ports::ReservedPort;
use crate::server::Server;
use crate::wait::PATIENCE;

/// A launch of a server that can be made, and made again with the same port and log.
#[derive(Clone, Debug)]
pub struct Launch {
    name: String,
    program: Option<PathBuf>,
    site: Arc<TempDir>,
    port: Arc<ReservedPort>,
    options: Vec<(OsString, OsString)>,
    flags: Vec<String>,
    environment: Vec<(String, String)>,
    mounts: Option<Mounts>,
    wrapper: Vec<OsString>,
}

/// A process that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its exit code, or `None` if a signal has ended it.
    pub code: Option<i32>,
    /// What it wrote to stdout and stderr.
    pub log: String,
}

impl Launch {
    pub(crate) fn new(name: &str, site: Arc<TempDir>) -> Self {
        let port = Arc::new(ReservedPort::find());
        let number = port.number().to_string();
        let launch = Self {
            name: name.into(),
            program: None,
            site,
            port,
            options: Vec::new(),
            flags: Vec::new(),
            environment: Vec::new(),
            mounts: None,
            wrapper: Vec::new(),
        };
        launch.option("--port", number)
    }

    /// Runs this program, whose command line is that of `ha-server`, in its place.
    #[must_use]
    pub fn program(mut self, program: &Path) -> Self {
        self.program = Some(program.into());
        self
    }

    /// Sets an option, in place of what it was before.
    #[must_use]
    pub fn option(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.options.retain(|(option, _)| option != name);
        self.options.push((name.into(), value.as_ref().into()));
        self
    }

    /// Adds an option that has no value.
    #[must_use]
    pub fn flag(mut self, name: &str) -> Self {
        self.flags.push(name.into());
        self
    }

    /// Sets `--highAvailability`.
    #[must_use]
    pub fn mode(self, mode: &str) -> Self {
        self.option("--highAvailability", mode)
    }

    /// Leaves out an option.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.options.retain(|(option, _)| option != name);
        self
    }

    /// Sets a variable of its environment, in place of what it was before.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(variable, _)| variable != name);
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Leaves out a variable of its environment.
    #[must_use]
    pub fn without_environment(mut self, name: &str) -> Self {
        self.environment.retain(|(variable, _)| variable != name);
        self
    }

    /// Runs it with mounts of its own, which nobody else sees.
    #[must_use]
    pub fn with_mounts(mut self, mounts: Mounts) -> Self {
        self.mounts = Some(mounts);
        self
    }

    /// Begins the command line with another program, which must put the server in its own place.
    pub(crate) fn within(mut self, program: impl IntoIterator<Item = OsString>) -> Self {
        self.wrapper = program.into_iter().collect();
        self
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Starts a server, and does not wait for it.
    ///
    /// Servers end with the thread that started them, so that none outlives its test.
    #[must_use]
    pub fn start(&self) -> Server {
        Server::new(self.clone(), self.spawn())
    }

    /// Starts a server that is to end by itself, and waits for that.
    ///
    /// # Panics
    /// If it does not end in time.
    #[must_use]
    #[track_caller]
    pub fn run(&self) -> Ended {
        let mut child = self.spawn();
        let status = wait_for_end(&mut child, PATIENCE);
        let log = self.log();
        if status.is_none() {
            // It has not ended by itself, so there is somebody to kill.
            let _ = child.kill().and_then(|()| child.wait());
        }
        let status = status.unwrap_or_else(|| panic!("{} did not end by itself; its log:\n{log}", self.name));
        Ended::new(status, log)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port.number()))
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read(self.log_path())
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.site
            .path()
            .join(format!("{}-{}.log", self.name, self.port.number()))
    }

    fn spawn(&self) -> Child {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_path())
            .expect("a log can be opened");
        let program = self.program.as_deref().unwrap_or_else(|| server_binary());
        let mut command = match (&self.mounts, self.wrapper.split_first()) {
            (Some(mounts), _) => mounts.command(program),
            (None, Some((first, rest))) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
            (None, None) => Command::new(program),
        };
        // A bucket is found by what the test says, and nothing else.
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"AWS_") {
                command.env_remove(name);
            }
        }
        command
            .arg("launch")
            .args(self.options.iter().flat_map(|(name, value)| [name, value]))
            .args(&self.flags)
            .args(["--endWithParent", &std::process::id().to_string()])
            .env("XDG_STATE_HOME", self.site.path().join("state"))
            .env("NO_COLOR", "1")
            .env_remove("RUST_LOG")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a descriptor can be doubled"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", program.display()))
    }
}

impl Ended {
    /// Checks how it ended, and that it said all of this.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn assert(&self, code: i32, said: &[&str]) {
        assert_eq!(self.code, Some(code), "the log: {}", self.log);
        for words in said {
            assert!(self.log.contains(words), "`{words}` is not said in: {}", self.log);
        }
    }

    pub(crate) fn new(status: ExitStatus, log: String) -> Self {
        Self {
            code: status.code(),
            log: format!(
                "{log}{}",
                status.signal().map_or(String::new(), |s| format!("(signal {s})"))
            ),
        }
    }
}

pub(crate) fn wait_for_end(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let begun = Instant::now();
    loop {
        match child.try_wait().expect("a child can be waited for") {
            Some(status) => return Some(status),
            None if begun.elapsed() > limit => return None,
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}
