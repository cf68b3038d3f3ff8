//! Runs of `ha-server` that end by themselves: `probe` and `copy-state`.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use crate::binary::server_binary;
use crate::bucket::Bucket;

/// What a command has left.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its exit code, or `None` if a signal has ended it.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub out: String,
    /// What it wrote to stderr.
    pub err: String,
}

/// Runs `ha-server` with these arguments, with what clients of the bucket need, and waits for its end.
///
/// # Panics
/// If it cannot be started.
#[must_use]
#[track_caller]
pub fn server_says(arguments: &[&OsStr], bucket: Option<&Bucket>) -> Said {
    server_says_in(bucket.map_or(&[], Bucket::environment), arguments)
}

/// The same in an environment of which this is a part.
///
/// # Panics
/// If it cannot be started.
#[must_use]
#[track_caller]
pub fn server_says_in(environment: &[(String, String)], arguments: &[&OsStr]) -> Said {
    let mut command = Command::new(server_binary());
    // Keys of whoever runs the tests are none of theirs.
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ENDPOINT_URL",
        "AWS_PROFILE",
        "SSL_CERT_FILE",
    ] {
        command.env_remove(name);
    }
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    let ended = command.args(arguments).stdin(Stdio::null()).output();
    let ended = ended.expect("ha-server can be started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said {
        code: ended.status.code(),
        out: text(&ended.stdout),
        err: text(&ended.stderr),
    }
}
