//! Mounts that only one process sees: directories that are full or read-only, also for root.

use std::path::Path;
use std::process::Command;

/// What to do in a mount namespace of its own before a process begins there.
#[derive(Clone, Debug)]
pub struct Mounts {
    script: String,
}

impl Mounts {
    /// The directory cannot be written.
    #[must_use]
    pub fn read_only(dir: &Path) -> Self {
        let dir = dir.display();
        Self {
            script: format!("mount --bind '{dir}' '{dir}' && mount -o remount,bind,ro '{dir}'"),
        }
    }

    /// The directory is on a file system of its own that is full.
    #[must_use]
    pub fn full(dir: &Path) -> Self {
        let dir = dir.display();
        let fill = format!(
            "head -c 1000000 /dev/zero > '{dir}/filler' 2>/dev/null; mkdir '{dir}/plane' 2>/dev/null"
        );
        Self {
            script: format!("mount -t tmpfs -o size=64k,nr_inodes=64 none '{dir}' && {{ {fill}; true; }}"),
        }
    }

    /// Whether this machine lets us. Says so if not: the test that asks is to be skipped.
    #[must_use]
    pub fn can_be_made(&self) -> bool {
        let can = self
            .command(Path::new("true"))
            .output()
            .is_ok_and(|output| output.status.success());
        if !can {
            eprintln!("skipped: this machine lets us make no mounts of our own");
        }
        can
    }

    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("unshare");
        // Not a child of `unshare` but in its place, so the process id is the program's.
        let own_user = if rustix::process::geteuid().is_root() {
            "-m"
        } else {
            "-rm"
        };
        command
            .args([
                own_user,
                "sh",
                "-c",
                &format!("{} && exec \"$0\" \"$@\"", self.script),
            ])
            .arg(program);
        command
    }
}
