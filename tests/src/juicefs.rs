//! One file system on two hosts, as far as one machine can have that: two mounts of one JuiceFS volume.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use crate::daemon::{Daemon, tool};
use crate::skip::skip;

/// A volume, its data and its metadata in a temporary directory, and two mounts of it, each by a process of its own and seen by those that have
/// entered only. Both go when this does, or when the test's process ends.
#[derive(Debug)]
pub struct JuiceFs {
    mounts: Vec<Mount>,
    _volume: tempfile::TempDir,
}

#[derive(Debug)]
struct Mount {
    daemon: Daemon,
    dir: PathBuf,
}

impl JuiceFs {
    /// Whether it can be had here.
    #[must_use]
    pub fn is_here() -> bool {
        if tool("HA_JUICEFS").is_none() {
            return false;
        }
        let can = rustix::process::geteuid().is_root() && Path::new("/dev/fuse").exists();
        if !can {
            skip("a JuiceFS is mounted by root, and with /dev/fuse");
        }
        can
    }

    /// Formats a volume and mounts it twice; `None`, and the test is skipped, where that cannot be had.
    ///
    /// # Panics
    /// If the volume cannot be formatted.
    #[must_use]
    pub fn mounted_twice() -> Option<Self> {
        let program = Self::is_here().then(|| tool("HA_JUICEFS"))??;
        let volume = Daemon::dir();
        let meta = format!("sqlite3://{}/meta.db", volume.path().display());
        let formatted = Command::new(&program)
            .args(["format", "--no-update", "--storage", "file", "--bucket"])
            .arg(volume.path().join("data/"))
            .args([&meta, "plane"])
            .env("HOME", volume.path())
            .output()
            .expect("juicefs can be started");
        let said = String::from_utf8_lossy(&formatted.stderr);
        assert!(formatted.status.success(), "juicefs format: {said}");
        let mounts = (0..2).map(|_| Mount::of(&program, &meta)).collect();
        Some(Self {
            mounts,
            _volume: volume,
        })
    }

    /// Where one mount is for those that have entered. There are two: numbers go round.
    #[must_use]
    pub fn dir(&self, number: usize) -> &Path {
        &self.mount(number).dir
    }

    /// Where one mount is for all others.
    #[must_use]
    pub fn seen_from_outside(&self, number: usize) -> PathBuf {
        let mount = self.mount(number);
        let root = PathBuf::from(format!("/proc/{}/root", mount.daemon.id()));
        root.join(mount.dir.strip_prefix("/").unwrap_or(&mount.dir))
    }

    /// What a command line begins with, to enter one mount.
    #[must_use]
    pub fn entrance(&self, number: usize) -> Vec<OsString> {
        let target = self.mount(number).daemon.id().to_string();
        ["nsenter", "--mount", "--target", &target, "--"]
            .map(OsString::from)
            .into()
    }

    /// Lets one mount hang: whoever asks it waits.
    pub fn hang(&self, number: usize) {
        self.mount(number).signal(Signal::STOP);
    }

    /// Ends that.
    pub fn go_on(&self, number: usize) {
        self.mount(number).signal(Signal::CONT);
    }

    fn mount(&self, number: usize) -> &Mount {
        &self.mounts[number % self.mounts.len()]
    }
}

impl Mount {
    fn of(program: &Path, meta: &str) -> Self {
        let home = Daemon::dir();
        let dir = home.path().join("mount");
        std::fs::create_dir(&dir).expect("the temporary directory is writable");
        // In a namespace of its own, with which the mount goes.
        let line = ["unshare", "--mount"].map(OsString::from);
        let mount = [
            "mount",
            "--no-usage-report",
            "--no-syslog",
            "--cache-dir",
            "cache",
            meta,
        ]
        .map(OsString::from);
        let line = line
            .into_iter()
            .chain([program.into()])
            .chain(mount)
            .chain([dir.clone().into()]);
        let environment = vec![
            ("HOME", home.path().display().to_string()),
            // It serves by itself, rather than by a child that it kills if it thinks that it takes too long.
            ("JFS_SUPERVISOR", "none".into()),
        ];
        let mut daemon = Daemon::start(home, Vec::new(), line, environment);
        let inside = format!("/proc/{}/root{}/.stats", daemon.id(), dir.display());
        daemon.becomes_ready(|_| Path::new(&inside).exists());
        Self { daemon, dir }
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.daemon.id()).ok().and_then(Pid::from_raw);
        // One that has ended since is as good.
        let _ = pid.map(|pid| kill_process(pid, signal));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_mount_creates_the_other_sees() {
        let Some(volume) = JuiceFs::mounted_twice() else {
            return;
        };
        std::fs::write(volume.seen_from_outside(0).join("one"), "1").expect("it is writable");
        let seen = std::fs::read_to_string(volume.seen_from_outside(1).join("one"));
        assert_eq!(seen.expect("it is there"), "1");
        volume.hang(1);
        volume.go_on(1);
        assert!(volume.seen_from_outside(1).join("one").exists());
    }
}
