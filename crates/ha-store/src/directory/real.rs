//! The system calls, by rustix.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::{Errno, Result, retry_on_intr};

use super::sys::{Entry, FileKind, Identity, Status, Sys};

/// The system, with the path of one store's root.
#[derive(Debug)]
pub(super) struct Real {
    root: PathBuf,
}

impl Real {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }
}

impl Sys for Real {
    type Dir = OwnedFd;
    type File = OwnedFd;

    fn open_root(&self) -> Result<OwnedFd> {
        retry_on_intr(|| fs::openat(CWD, &self.root, FOLDER, Mode::empty()))
    }

    fn root_identity(&self) -> Result<Identity> {
        retry_on_intr(|| fs::statat(CWD, &self.root, AtFlags::empty())).map(|stat| identity(&stat))
    }

    fn dir_status(&self, dir: &OwnedFd) -> Result<Status> {
        fs::fstat(dir).map(|stat| status(&stat))
    }

    fn open_dir(&self, at: &OwnedFd, name: &str) -> Result<OwnedFd> {
        retry_on_intr(|| fs::openat(at, name, FOLDER.union(OFlags::NOFOLLOW), Mode::empty()))
    }

    fn make_dir(&self, at: &OwnedFd, name: &str) -> Result<()> {
        fs::mkdirat(at, name, Mode::RWXU)
    }

    fn remove_dir(&self, at: &OwnedFd, name: &str) -> Result<()> {
        fs::unlinkat(at, name, AtFlags::REMOVEDIR)
    }

    // Not retried on EINTR: whether an interrupted fsync has used up a pending error is not said anywhere.
    fn sync_dir(&self, dir: &OwnedFd) -> Result<()> {
        fs::fsync(dir)
    }

    fn entries(&self, dir: OwnedFd) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in Dir::new(dir)? {
            let entry = match entry {
                Ok(entry) => entry,
                // Removed while it was open: nothing is left in it.
                Err(Errno::NOENT) => break,
                Err(errno) => return Err(errno),
            };
            let name = entry.file_name().to_string_lossy().into_owned();
            if name != "." && name != ".." {
                entries.push(Entry {
                    name,
                    kind: kind(entry.file_type()),
                });
            }
        }
        Ok(entries)
    }

    fn open_unnamed(&self, at: &OwnedFd) -> Result<OwnedFd> {
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        retry_on_intr(|| fs::openat(at, ".", flags, PRIVATE))
    }

    fn open_named(&self, at: &OwnedFd, name: &str) -> Result<OwnedFd> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        retry_on_intr(|| fs::openat(at, name, flags, PRIVATE))
    }

    fn open_file(&self, at: &OwnedFd, name: &str) -> Result<OwnedFd> {
        // Non-blocking, or a foreign FIFO would hold the thread for ever.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        retry_on_intr(|| fs::openat(at, name, flags, Mode::empty()))
    }

    fn write(&self, file: &OwnedFd, bytes: &[u8]) -> Result<usize> {
        retry_on_intr(|| rustix::io::write(file, bytes))
    }

    fn sync_file(&self, file: &OwnedFd) -> Result<()> {
        fs::fsync(file)
    }

    fn read_at(&self, file: &OwnedFd, into: &mut [u8], offset: u64) -> Result<usize> {
        retry_on_intr(|| rustix::io::pread(file, &mut *into, offset))
    }

    fn status(&self, file: &OwnedFd) -> Result<Status> {
        fs::fstat(file).map(|stat| status(&stat))
    }

    fn status_at(&self, at: &OwnedFd, name: &str) -> Result<Status> {
        fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| status(&stat))
    }

    fn link_unnamed(&self, file: &OwnedFd, to: &OwnedFd, name: &str) -> Result<()> {
        // Linking by descriptor alone (AT_EMPTY_PATH) needs a privilege; by way of /proc it needs none.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        fs::linkat(CWD, path, to, name, AtFlags::SYMLINK_FOLLOW)
    }

    fn link_named(&self, from: &OwnedFd, temp: &str, to: &OwnedFd, name: &str) -> Result<()> {
        fs::linkat(from, temp, to, name, AtFlags::empty())
    }

    fn rename_exclusive(&self, from: &OwnedFd, temp: &str, to: &OwnedFd, name: &str) -> Result<()> {
        fs::renameat_with(from, temp, to, name, RenameFlags::NOREPLACE)
    }

    fn rename(&self, from: &OwnedFd, temp: &str, to: &OwnedFd, name: &str) -> Result<()> {
        fs::renameat(from, temp, to, name)
    }

    fn unlink(&self, at: &OwnedFd, name: &str) -> Result<()> {
        fs::unlinkat(at, name, AtFlags::empty())
    }
}

#[allow(clippy::unnecessary_cast, clippy::useless_conversion)] // The widths differ from one architecture to another.
fn identity(stat: &Stat) -> Identity {
    Identity {
        device: stat.st_dev as u64,
        inode: stat.st_ino as u64,
    }
}

#[allow(clippy::unnecessary_cast)]
fn status(stat: &Stat) -> Status {
    Status {
        kind: kind(FileType::from_raw_mode(stat.st_mode)),
        identity: identity(stat),
        len: u64::try_from(stat.st_size).unwrap_or(0),
        links: stat.st_nlink as u64,
        modified: stat.st_mtime as i64,
    }
}

fn kind(file_type: FileType) -> FileKind {
    match file_type {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Folder,
        FileType::Unknown => FileKind::Unknown,
        _ => FileKind::Other,
    }
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);
