#![expect(clippy::disallowed_methods, reason = "this is the room that opens files")]
//! The lock of a real folder: two locks, so that none can be lost by removing a file.
//!
//! The process that writes holds the folder itself and the file `LOCK` in it; readers share both. The folder cannot be
//! removed while it holds files, so a process that finds `LOCK` gone is kept out by the folder's lock all the same. `LOCK`
//! is what versions before this one know, and what there is where a folder cannot be locked (Windows, some network file
//! systems). There the writer looks, before it changes the folder, whether `LOCK` is still the file that it holds.
//!
//! The operating system gives both locks back when the process ends, however it ends.

use super::real::{RealDisk, open_for_reading};
use parking_lot::Mutex;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::Path,
    sync::Arc,
};

/// A folder's locks, as far as they could be taken.
#[derive(Debug)]
pub(super) struct FolderLock {
    folder: Option<File>,
    file: Option<File>,
}

impl Drop for FolderLock {
    /// A lock belongs to the open file. A child process that the program is starting shares the file until it runs its own
    /// program, so that closing the file alone would leave the lock to it for that long.
    fn drop(&mut self) {
        for file in [&self.folder, &self.file].into_iter().flatten() {
            // What cannot be unlocked is closed all the same.
            let _ = file.unlock();
        }
    }
}

/// What tells the lock file that a process holds from another one of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LockFile {
    #[cfg(unix)]
    identity: (u64, u64),
    /// The folder's own lock is held too: a lock file that is gone then does no harm.
    may_be_gone: bool,
}

/// The guard that a holder keeps: the locks go with it.
pub(super) struct HeldLock {
    pub(super) _lock: FolderLock,
    pub(super) held: Arc<Mutex<Option<LockFile>>>,
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        *self.held.lock() = None;
    }
}

/// How a lock is asked for.
type Ask = fn(&File) -> Result<(), TryLockError>;

impl FolderLock {
    /// Takes both locks for one holder; `None` if another one has one of them. The lock file is made only once the folder is
    /// locked: a process that is kept out changes nothing.
    pub(super) fn take(disk: &RealDisk, path: &Path) -> io::Result<Option<Self>> {
        let make = || {
            let writable = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
            // On a volume that cannot be written the lock of an existing file does as well.
            let file = writable.or_else(|e| match is_unwritable(&e) {
                true => open_for_reading(path, false).map(|(file, _)| file),
                false => Err(e),
            });
            file.map(Some)
        };
        Self::of(disk.folder_handle(), make, File::try_lock)
    }

    /// Shares both locks with other readers, as far as there is something to lock; `None` if a process writes.
    pub(super) fn share(disk: &RealDisk, path: &Path) -> io::Result<Option<Self>> {
        let find = || match open_for_reading(path, true) {
            Ok((file, _)) => Ok(Some(file)),
            // Without the file, or the right to open it, the folder's lock does as well.
            Err(e) if e.kind() == io::ErrorKind::NotFound || is_unwritable(&e) => Ok(None),
            Err(e) => Err(e),
        };
        Self::of(disk.folder_handle(), find, File::try_lock_shared)
    }

    fn of(folder: Option<File>, file: impl FnOnce() -> io::Result<Option<File>>, ask: Ask) -> io::Result<Option<Self>> {
        let folder = match folder.map(|folder| (ask(&folder), folder)) {
            Some((Ok(()), folder)) => Some(folder),
            Some((Err(TryLockError::WouldBlock), _)) => return Ok(None),
            // A file system that locks no folders.
            Some((Err(TryLockError::Error(_)), _)) | None => None,
        };
        // From here on the folder's lock is given back however this ends.
        let mut lock = Self { folder, file: None };
        lock.file = file()?;
        match lock.file.as_ref().map(ask) {
            Some(Err(TryLockError::WouldBlock)) => Ok(None),
            // A file system without any locks is read all the same, if the folder could be locked.
            Some(Err(TryLockError::Error(e))) if lock.folder.is_none() => Err(e),
            _ => Ok(Some(lock)),
        }
    }

    /// The lock file, for the holder that looks whether it is still in place.
    pub(super) fn lock_file(&self, writes: bool) -> Option<LockFile> {
        let file = self.file.as_ref().filter(|_| writes)?;
        #[cfg(unix)]
        {
            let identity = identity_of(&file.metadata().ok()?);
            Some(LockFile { identity, may_be_gone: self.folder.is_some() })
        }
        #[cfg(not(unix))]
        {
            // A file that is open cannot be replaced there.
            let _ = file;
            None
        }
    }
}

impl LockFile {
    /// Whether the file at the path is this one, or none is and none is needed.
    pub(super) fn is_in_place(&self, path: &Path) -> bool {
        match fs::symlink_metadata(path) {
            #[cfg(unix)]
            Ok(metadata) => identity_of(&metadata) == self.identity,
            #[cfg(not(unix))]
            Ok(_) => true,
            Err(e) if e.kind() == io::ErrorKind::NotFound => self.may_be_gone,
            // What cannot be looked at (no descriptors, no rights) says nothing.
            Err(_) => true,
        }
    }
}

#[cfg(unix)]
fn identity_of(metadata: &fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

fn is_unwritable(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}
