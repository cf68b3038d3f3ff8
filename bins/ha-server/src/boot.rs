//! Which process of this node ran last: its boot nonce, kept beside the node's id.
//!
//! Who holds the lock on the node's state directory knows that the process before has exited. A server of this version runs nothing
//! outside its own process, so that is the whole proof of death that a successor may act on (it spares the wait for silence and lease).

use std::io::{self, ErrorKind};
use std::path::Path;

use ha_core::Nonce;

use crate::atomic_file;

const BOOT_FILE: &str = "boot";

/// Writes down the nonce of this process, and answers with that of the one before. Only for who holds the lock on `dir`.
///
/// # Errors
/// If the file cannot be read or written. What it holds is never an error: a nonce that makes no sense proves nothing.
pub(crate) fn swap(dir: &Path, nonce: Nonce) -> io::Result<Option<Nonce>> {
    let file = dir.join(BOOT_FILE);
    let before = match std::fs::read_to_string(&file) {
        Ok(text) => Nonce::parse(text.trim()),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) if error.kind() == ErrorKind::InvalidData => None,
        Err(error) => return Err(error),
    };
    atomic_file::replace(&file, format!("{nonce}\n").as_bytes())?;
    Ok(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_process_finds_the_nonce_of_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (Nonce([1; 16]), Nonce([2; 16]));
        assert_eq!(swap(dir.path(), first).unwrap(), None);
        assert_eq!(swap(dir.path(), second).unwrap(), Some(first));
        std::fs::write(dir.path().join(BOOT_FILE), "nonsense").unwrap();
        assert_eq!(swap(dir.path(), first).unwrap(), None);
    }
}
