//! A small disk that only some processes of a test see.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::holder::Holder;

/// A file system in memory, in a mount namespace of its own. It goes when this does.
#[derive(Debug)]
pub struct Disk {
    dir: PathBuf,
    seen_from_outside: PathBuf,
    holder: Holder,
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
        let option = if own_user { "-rm" } else { "-m" };
        let script = "mount -t tmpfs -o size=$1 none \"$0\"";
        let holder = Holder::start(option, script, &[dir.as_os_str(), OsStr::new(size)])?;
        let root = PathBuf::from(format!("/proc/{}/root", holder.id()));
        let seen_from_outside = root.join(dir.strip_prefix("/").unwrap_or(dir));
        Some(Self {
            dir: dir.into(),
            seen_from_outside,
            holder,
            own_user,
        })
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
