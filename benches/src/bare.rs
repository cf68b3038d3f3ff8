//! The baseline of all writes to a directory: the bare system calls that one consists of.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, Mode, OFlags};

/// About what an entry of one change is.
const ENTRY: usize = 300;

/// Creates a file as the store creates an object (write, fsync, link, fsync of the folder), and answers how long that took.
///
/// # Panics
/// If the file system cannot do that, or has a file of this number.
#[must_use]
pub fn bare_create(dir: &Path, number: usize) -> Duration {
    let began = Instant::now();
    let folder = File::open(dir).expect("the folder is there");
    let temporary = rustix::fs::openat(
        folder.as_fd(),
        ".",
        OFlags::TMPFILE | OFlags::WRONLY,
        Mode::from_raw_mode(0o600),
    );
    let mut file = File::from(temporary.expect("this file system has O_TMPFILE"));
    file.write_all(&[7; ENTRY]).expect("it can be written");
    rustix::fs::fsync(&file).expect("fsync");
    let source = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(
        rustix::fs::CWD,
        source,
        folder.as_fd(),
        format!("{number:020}"),
        AtFlags::SYMLINK_FOLLOW,
    )
    .expect("link");
    rustix::fs::fsync(&folder).expect("fsync of the folder");
    began.elapsed()
}
