//! The folder of the state, which one process owns.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::bindings::Opened;

/// A folder with the state of a worker. Until it is dropped, no other process can open it.
#[derive(Debug)]
pub(super) struct StateFolder {
    path: PathBuf,
    /// Locked. The operating system releases the lock when the process ends.
    _lock: File,
}

impl StateFolder {
    /// Creates the folder if it does not exist, and takes its ownership.
    ///
    /// `owner` describes this process to another one that tries to open the folder.
    pub(super) fn open(path: &Path, owner: &str) -> Opened<Self> {
        fs::create_dir_all(path)?;
        let mut lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path.join("lock"))?;

        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut other = String::new();
                // On Windows, a locked file cannot be read.
                let _ = lock.read_to_string(&mut other);
                let other = if other.is_empty() {
                    "another process"
                } else {
                    other.trim()
                };
                let message = format!(
                    "{other} uses this folder; stop that process, or set BINDERY_STATE to another \
                     folder"
                );
                return Err(message.into());
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }

        lock.set_len(0)?;
        lock.rewind()?;
        lock.write_all(owner.as_bytes())?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::StateFolder;

    #[test]
    fn one_process_owns_a_folder() {
        let path = std::env::temp_dir().join(format!("bindery-folder-{}", std::process::id()));
        let first = StateFolder::open(&path, "the process 1 on http://127.0.0.1:1").expect("opens");
        let second = StateFolder::open(&path, "the process 2").map(drop);
        let message = second.expect_err("the first one owns it").to_string();
        assert!(message.starts_with("the process 1 on http://127.0.0.1:1 uses this folder"));

        drop(first);
        assert!(StateFolder::open(&path, "the process 3").is_ok());
        std::fs::remove_dir_all(&path).expect("is deleted");
    }
}
