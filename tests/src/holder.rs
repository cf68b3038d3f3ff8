//! A process that does nothing but keep a namespace alive.

use std::ffi::OsStr;
use std::io::Read;
use std::process::{Child, Command, Stdio};

/// Keeps a namespace until it is dropped, or the test's process ends: it reads its stdin to the end.
#[derive(Debug)]
pub(crate) struct Holder(Child);

impl Holder {
    /// By `unshare` with this option. `script` is run there first, with these as its arguments from `$0` on; `None` where this cannot be had.
    pub(crate) fn start(option: &str, script: &str, arguments: &[&OsStr]) -> Option<Self> {
        let mut holder = Command::new("unshare")
            .args([option, "sh", "-c", &format!("{script} && echo there && exec cat")])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map(Self)
            .ok()?;
        let mut said = [0; 6];
        let stdout = holder.0.stdout.as_mut()?;
        stdout.read_exact(&mut said).ok()?;
        Some(holder)
    }

    /// Its process id, by which others enter.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
