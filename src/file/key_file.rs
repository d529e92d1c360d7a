#![expect(clippy::disallowed_methods, reason = "this is the room that opens files")]
//! Root keys in files of their own, outside of any database.

use crate::{
    cipher::RootKey,
    error::{Error, Result},
};
use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    path::Path,
};
use zeroize::Zeroizing;

/// Longest key file, in bytes.
const MAX_BYTES: u64 = 4096;

impl RootKey {
    /// The key in a file, as [`RootKey::create_file`] and `hashrange key new` write it. Errors:
    /// [`ErrorKind::Key`](crate::ErrorKind::Key) if there is no such file, if it holds no key, or if other users may read it.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let unusable =
            |why: &dyn std::fmt::Display| Error::unusable_key(format!("the key file {}: {why}", path.display()));
        let file = File::open(path).map_err(|error| unusable(&error))?;
        let metadata = file.metadata().map_err(|error| unusable(&error))?;
        if !metadata.is_file() || metadata.len() > MAX_BYTES {
            return Err(unusable(&"it is not a file that holds a key"));
        }
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions());
            if mode & 0o077 != 0 {
                let text =
                    format!("other users may use it (mode {:03o}); take their rights with chmod 600", mode & 0o777);
                return Err(unusable(&text));
            }
        }
        let mut text = Zeroizing::new(String::with_capacity(metadata.len() as usize + 1));
        file.take(MAX_BYTES).read_to_string(&mut text).map_err(|error| unusable(&error))?;
        Self::from_text(&text).map_err(|error| unusable(&error.message()))
    }

    /// Writes the key to a new file that only its owner may read, durably. Errors: there is such a file; disk.
    pub fn create_file(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(|error| Error::io("create", path.display(), &error))?;
        let written = file.write_all(self.to_text().as_bytes()).and_then(|()| file.sync_all());
        written.and_then(|()| sync_parent(path)).map_err(|error| {
            // What was written in part is no key.
            let _ = std::fs::remove_file(path);
            Error::io("write", path.display(), &error)
        })
    }
}

/// Makes the name of a file durable.
fn sync_parent(path: &Path) -> std::io::Result<()> {
    if cfg!(unix) {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        return File::open(parent)?.sync_all();
    }
    Ok(())
}
