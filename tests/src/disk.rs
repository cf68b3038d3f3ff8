//! A small disk that only some processes of a test see.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A file system in memory, in a mount namespace of its own. It goes when this does.
#[derive(Debug)]
pub struct Disk {
    dir: PathBuf,
    seen_from_outside: PathBuf,
    holder: Child,
    own_user: bool,
}

impl Disk {
    /// One of two megabytes on a directory, which is made; `None` where this cannot be had.
    ///
    /// # Panics
    /// If the directory cannot be made.
    #[must_use]
    pub fn small(dir: &Path) -> Option<Self> {
        Self::of_size(dir, "2m")
    }

    /// The same of another size, as `mount` takes it.
    ///
    /// # Panics
    /// If the directory cannot be made.
    #[must_use]
    pub fn of_size(dir: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir(dir).expect("the site is writable");
        let own_user = !rustix::process::geteuid().is_root();
        let script = "mount -t tmpfs -o size=$1 none \"$0\" && echo there && exec cat";
        let mut holder = Command::new("unshare")
            .args([if own_user { "-rm" } else { "-m" }, "sh", "-c", script])
            .arg(dir)
            .arg(size)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut said = [0; 6];
        let made = holder
            .stdout
            .as_mut()
            .is_some_and(|stdout| stdout.read_exact(&mut said).is_ok());
        let root = PathBuf::from(format!("/proc/{}/root", holder.id()));
        let seen_from_outside = root.join(dir.strip_prefix("/").unwrap_or(dir));
        let disk = Self {
            dir: dir.into(),
            seen_from_outside,
            holder,
            own_user,
        };
        made.then_some(disk)
    }

    /// Where it is for those that have entered.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where it is for all others.
    #[must_use]
    pub fn seen_from_outside(&self) -> &Path {
        &self.seen_from_outside
    }

    /// What a command line begins with, to enter.
    #[must_use]
    pub fn entrance(&self) -> Vec<OsString> {
        let target = self.holder.id().to_string();
        let user: &[&str] = if self.own_user {
            &["--user", "--preserve-credentials"]
        } else {
            &[]
        };
        [&["nsenter"], user, &["--mount", "--target", &target, "--"]]
            .concat()
            .into_iter()
            .map(OsString::from)
            .collect()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
