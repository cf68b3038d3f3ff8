//! The root directory: made if it is missing, refused if it cannot serve.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::{Error, ErrorKind};

/// The absolute path of a root that exists and may serve.
pub(super) fn prepare(root: &Path) -> Result<PathBuf, Error> {
    let shown = root.display().to_string();
    let root = std::path::absolute(root).map_err(|error| {
        Error::new(
            ErrorKind::Denied,
            &*shown,
            "this is not a path of a directory: give another",
        )
        .with_source(error)
    })?;
    make(&root).map_err(|error| explain(&shown, error))?;
    let metadata = fs::metadata(&root).map_err(|error| explain(&shown, error))?;
    if !metadata.is_dir() {
        return Err(not_a_directory(&shown));
    }
    // Where there is no /proc there is nothing to look up, and no way to link an unnamed file either.
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    if mounted_nocto(&mounts, metadata.dev()) {
        return Err(Error::new(
            ErrorKind::Denied,
            shown,
            "this NFS mount has the option `nocto`, under which reads may be stale: mount it without",
        ));
    }
    Ok(root)
}

/// Makes the root and the directories above it, each durable in its own parent.
fn make(root: &Path) -> io::Result<()> {
    if root.is_dir() {
        // Whoever made it may have died before it was durable. Who may not read the parent did not make it.
        if let Some(Ok(parent)) = root.parent().map(File::open) {
            parent.sync_all()?;
        }
        return Ok(());
    }
    let Some(parent) = root.parent() else {
        return Ok(());
    };
    make(parent)?;
    match DirBuilder::new().mode(0o700).create(root) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => File::open(parent)?.sync_all(),
    }
}

fn not_a_directory(shown: &str) -> Error {
    Error::new(
        ErrorKind::Denied,
        shown,
        "this is a file and not a directory: move it away or give another path",
    )
}

fn explain(shown: &str, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => not_a_directory(shown).with_source(error),
        io::ErrorKind::PermissionDenied => Error::new(
            ErrorKind::Denied,
            shown,
            "the directory may not be made or opened: give this process's user access to it, or give another path",
        )
        .with_source(error),
        io::ErrorKind::ReadOnlyFilesystem => Error::new(
            ErrorKind::Denied,
            shown,
            "the directory is missing, and its file system is read-only: remount it for writing or give another path",
        )
        .with_source(error),
        _ => Error::new(
            ErrorKind::Unavailable,
            shown,
            "the directory cannot be made or opened: look at the system's log for its disk or server",
        )
        .with_source(error),
    }
}

/// Whether the file system of `device` is an NFS mount that does not look at the server when it opens a file.
fn mounted_nocto(mountinfo: &str, device: u64) -> bool {
    let device = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    mountinfo.lines().any(|line| {
        // As proc(5): id, parent, device, root, mount point, options, optional fields, "-", type, source, options.
        let Some((mount, file_system)) = line.split_once(" - ") else {
            return false;
        };
        let mount: Vec<&str> = mount.split(' ').collect();
        let file_system: Vec<&str> = file_system.split(' ').collect();
        let has_nocto = |options: Option<&&str>| options.is_some_and(|o| o.split(',').any(|o| o == "nocto"));
        mount.get(2) == Some(&device.as_str())
            && file_system.first().is_some_and(|kind| kind.starts_with("nfs"))
            && (has_nocto(mount.get(5)) || has_nocto(file_system.get(2)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_nfs_mount_with_nocto_is_known_by_its_device() {
        let mounts = "\
36 35 98:0 / /mnt rw,noatime master:1 - ext3 /dev/root rw,errors=continue,nocto
40 35 0:52 / /a rw shared:2 - nfs4 server:/a rw,vers=4.2,nocto,hard
41 35 0:53 / /b rw - nfs4 server:/b rw,vers=4.2,hard
";
        let device = |major, minor| rustix::fs::makedev(major, minor);
        assert!(mounted_nocto(mounts, device(0, 52)));
        assert!(!mounted_nocto(mounts, device(0, 53)));
        assert!(!mounted_nocto(mounts, device(98, 0)));
        assert!(!mounted_nocto("", device(0, 52)));
    }
}
