//! The real server as a process, in the release profile.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A running `ha-server`; killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    port: u16,
}

/// Builds the server once, and answers where it is.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--release", "--quiet", "-p", "ha-server"])
            .status();
        assert!(built.is_ok_and(|s| s.success()), "ha-server must build");
        let exe = std::env::current_exe().expect("a process knows its executable");
        // target/release/deps/bench-hash
        exe.ancestors()
            .nth(2)
            .expect("a bench lies two folders below the profile's")
            .join("ha-server")
    })
}

impl Server {
    /// Builds it, so that the first start takes no time for that.
    ///
    /// # Panics
    /// If it cannot be built.
    pub fn build() {
        let _ = binary();
    }

    /// Starts one on a directory, with these options besides.
    #[must_use]
    pub fn start(plane: &Path, name: &str, options: &[&str]) -> Self {
        let own = plane.parent().expect("the plane has a folder of its own");
        Self::on(plane.as_os_str(), own, &[], name, options)
    }

    /// Starts one on a plane at this location, with a state directory in `own`, and these options and variables besides.
    ///
    /// # Panics
    /// If it cannot be built or started.
    #[must_use]
    pub fn on(
        plane: impl AsRef<OsStr>,
        own: &Path,
        environment: &[(String, String)],
        name: &str,
        options: &[&str],
    ) -> Self {
        let free = TcpListener::bind("127.0.0.1:0")
            .and_then(|l| l.local_addr())
            .expect("loopback has a free port");
        let child = Command::new(binary())
            .args([
                "launch",
                "--nodeId",
                name,
                "--port",
                &free.port().to_string(),
                "--logLevel",
                "error",
            ])
            .arg("--persistenceDir")
            .arg(plane.as_ref())
            .arg("--stateDir")
            .arg(own.join(format!("own-{name}")))
            .args(options)
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .spawn()
            .expect("the server starts");
        Self {
            child,
            port: free.port(),
        }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where it serves.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until it reports a role; answers how long that took from `since`.
    ///
    /// # Panics
    /// If that takes longer than a minute.
    #[must_use]
    pub fn becomes(&self, role: &str, since: Instant) -> Duration {
        let want = format!("\"{role}\"");
        while state_of(self.port).as_deref() != Some(&*want) {
            assert!(
                since.elapsed() < Duration::from_secs(60),
                "no {role} on port {}",
                self.port
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        since.elapsed()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.pid())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .expect("a child has a pid");
        // It may have ended by itself.
        let _ = rustix::process::kill_process(pid, signal);
    }

    /// Resident memory in KiB, and CPU time used so far.
    #[must_use]
    pub fn usage(&self) -> (u64, Duration) {
        let read =
            |what: &str| std::fs::read_to_string(format!("/proc/{}/{what}", self.pid())).unwrap_or_default();
        let status = read("status");
        let rss = status
            .lines()
            .find_map(|l| l.strip_prefix("VmRSS:"))
            .and_then(|l| l.split_whitespace().next()?.parse().ok());
        let sched = read("schedstat");
        // The main thread only; the others are under task/.
        let _ = sched;
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid()))
            .into_iter()
            .flatten()
            .flatten();
        let nanos: u64 = tasks
            .filter_map(|t| std::fs::read_to_string(t.path().join("schedstat")).ok())
            .filter_map(|s| s.split_whitespace().next()?.parse::<u64>().ok())
            .sum();
        (rss.unwrap_or(0), Duration::from_nanos(nanos))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal(rustix::process::Signal::KILL);
        // Reaped here, so that it does not stay a zombie.
        let _ = self.child.wait();
    }
}

/// What `/v1/server/ha/state` answers on a port; `None` if nobody does.
#[must_use]
pub fn state_of(port: u16) -> Option<String> {
    let mut stream =
        TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), Duration::from_millis(200)).ok()?;
    stream.set_read_timeout(Some(Duration::from_millis(500))).ok()?;
    stream
        .write_all(b"GET /v1/server/ha/state HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    text.split_once("\r\n\r\n")
        .map(|(_, body)| body.trim().to_owned())
}
