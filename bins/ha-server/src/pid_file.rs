//! The file that tells others the process id.

use std::path::{Path, PathBuf};

use crate::atomic_file;
use crate::failure::RunError;

/// A file with this process's id; removed when this is dropped, unless another process has replaced it.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// Writes it, over one that a dead process left.
    ///
    /// # Errors
    /// A configuration error that names the file.
    pub(crate) fn write(path: &Path) -> Result<Self, RunError> {
        atomic_file::replace(path, Self::content().as_bytes()).map_err(|source| {
            let path = path.display();
            RunError::configuration(format!(
                "cannot write the pid file `{path}`; give another --pidFile, or none"
            ))
            .because(source)
        })?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    fn content() -> String {
        format!("{}\n", std::process::id())
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if std::fs::read_to_string(&self.path).is_ok_and(|content| content == Self::content()) {
            // It may be gone by now, which is as good.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_while_the_process_runs_and_gone_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        std::fs::write(&path, "1\n").unwrap();
        let file = PidFile::write(&path).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            format!("{}\n", std::process::id())
        );
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn that_of_another_process_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        let file = PidFile::write(&path).unwrap();
        std::fs::write(&path, "1\n").unwrap();
        drop(file);
        assert!(path.exists());
    }

    #[test]
    fn a_path_that_cannot_be_written_is_named() {
        let error = PidFile::write(Path::new("/proc/no/such/pid")).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains("/proc/no/such/pid"), "{error}");
    }
}
