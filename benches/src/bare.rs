//! The baseline of all writes: the bare system calls that one to a directory consists of, or the bare create of an object in a bucket.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ha_store::{ErrorKind, Key, Store};
use ha_tests::Bucket;
use rustix::fs::{AtFlags, Mode, OFlags};

use crate::Samples;

/// About what an entry of one change is.
const ENTRY: usize = 300;

/// Creates a measure in a bucket. Latencies with a long tail have a mean only over many.
const CREATES: usize = 200;
const WITHIN: Duration = Duration::from_secs(10);

/// Creates objects of so many bytes in a bucket, one after the other, each a new one.
///
/// # Panics
/// Never: the keys are good.
pub async fn bare_creates(bucket: &Bucket, bytes: usize) -> Samples {
    // A create of what is there already is another thing.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let store = bucket.client();
    let mut samples = Samples::default();
    for _ in 0..CREATES {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let key = Key::new(&format!("bare/{number:020}")).expect("a key");
        let began = Instant::now();
        while let Err(error) = store.create(&key, vec![7; bytes].into(), WITHIN).await {
            // One that was throttled is sent again at once.
            if error.kind() == ErrorKind::Exists {
                break;
            }
        }
        samples.push(began.elapsed());
    }
    samples
}

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
