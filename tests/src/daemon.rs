//! Servers of others that tests run beside our own.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::skip::skip;
use crate::wait::PATIENCE;

/// A process with a directory of its own. It ends, and the directory goes, when this is dropped or the test's process ends, in whatever way.
#[derive(Debug)]
pub(crate) struct Daemon {
    line: Vec<OsString>,
    environment: Vec<(&'static str, String)>,
    child: Child,
    watchdog: Child,
    dir: TempDir,
    litter: Vec<PathBuf>,
}

/// Ends a process and removes what it leaves when its stdin ends, which is when whoever holds the other end of the pipe has ended.
const WATCHDOG: &str = r#"
    read -r _
    kill -9 "$1"
    n=0
    while kill -0 "$1" && [ $n -lt 50 ]; do n=$((n + 1)); sleep 0.1; done
    shift
    rm -rf "$@"
"#;

impl Daemon {
    /// A directory for one.
    pub(crate) fn dir() -> TempDir {
        let dir = tempfile::Builder::new().prefix("ha-plane-test-server-").tempdir();
        dir.expect("the temporary directory is writable")
    }

    /// Its own directory, in which it runs.
    pub(crate) fn home(&self) -> &Path {
        self.dir.path()
    }

    /// Starts one, and does not wait for it. What it leaves outside of its directory is removed with that.
    pub(crate) fn start(
        dir: TempDir,
        litter: Vec<PathBuf>,
        line: impl IntoIterator<Item = impl Into<OsString>>,
        environment: Vec<(&'static str, String)>,
    ) -> Self {
        let line: Vec<_> = line.into_iter().map(Into::into).collect();
        let (child, watchdog) = spawn(dir.path(), &litter, &line, &environment);
        Self {
            line,
            environment,
            child,
            watchdog,
            dir,
            litter,
        }
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it is ready.
    #[track_caller]
    pub(crate) fn becomes_ready(&mut self, is_ready: impl Fn(&str) -> bool) {
        let begun = std::time::Instant::now();
        while !is_ready(&self.log()) {
            let ended = self.child.try_wait().expect("a child can be waited for");
            assert!(
                ended.is_none() && begun.elapsed() < PATIENCE,
                "{} is not ready ({ended:?}); its log:\n{}",
                self.line[0].display(),
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills it, and waits for its end.
    pub(crate) fn kill(&mut self) {
        // The watchdog first, which must not meet another process of that id.
        for child in [&mut self.watchdog, &mut self.child] {
            // It may have ended by itself, which is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again after its end, by the same command and in the same directory.
    pub(crate) fn start_again(&mut self) {
        self.kill();
        (self.child, self.watchdog) = spawn(self.dir.path(), &self.litter, &self.line, &self.environment);
    }

    fn log(&self) -> String {
        let log = std::fs::read(self.dir.path().join(LOG)).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
        for file in &self.litter {
            // It may not have come to that.
            let _ = std::fs::remove_file(file);
        }
    }
}

fn spawn(
    dir: &Path,
    litter: &[PathBuf],
    line: &[OsString],
    environment: &[(&'static str, String)],
) -> (Child, Child) {
    let log = File::create(dir.join(LOG)).expect("a log can be made");
    // In groups of their own, so that a Ctrl-C does not reach them ahead of what it is meant for.
    let child = Command::new(&line[0])
        .args(&line[1..])
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .current_dir(dir)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a descriptor can be doubled"))
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("{} cannot be started: {error}", line[0].display()));
    let watchdog = Command::new("sh")
        .args(["-c", WATCHDOG, "watchdog", &child.id().to_string()])
        .arg(dir)
        .args(litter)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("there is a shell");
    (child, watchdog)
}

/// A program that `.ci/tools` brings; `None`, and the test is skipped, where it has not.
pub(crate) fn tool(variable: &str) -> Option<PathBuf> {
    let program = std::env::var_os(variable).map(PathBuf::from);
    if program.is_none() {
        skip(&format!(
            "there is no {variable}: eval \"$(.ci/tools)\" brings it"
        ));
    }
    program
}

const LOG: &str = "log";
