//! A small file that is replaced as a whole: after a crash it holds the old content or the new one.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Replaces the file's content, durably. Only the user can read it.
///
/// The temporary file beside it has one name: who writes must be the only one to, by a lock or by owning the name.
///
/// # Errors
/// If the file cannot be written; it then holds what it held before.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = beside(path);
    let written = write(&temporary, content).and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // A leftover is overwritten by the next attempt, so it does no harm.
        let _ = std::fs::remove_file(&temporary);
    }
    written?;
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    path.with_file_name(name)
}
