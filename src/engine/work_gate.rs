//! Operations that change files count themselves, so that closing waits for them and rejects those that come after it.

use crate::{
    error::{Error, Result},
    sync::{Condvar, Mutex},
};
use std::sync::atomic::{AtomicBool, Ordering};

/// Counts the operations that change files.
pub(super) struct WorkGate {
    closed: AtomicBool,
    working: Mutex<usize>,
    idle: Condvar,
    /// The lock of the folder: another process may open it once this is dropped.
    folder: Mutex<Option<FolderLock>>,
}

type FolderLock = Box<dyn Send + Sync>;

/// An operation that is under way, until this is dropped.
pub(super) struct AtWork<'a>(&'a WorkGate);

impl WorkGate {
    /// Of an open database, whose folder is locked.
    pub fn new(folder: FolderLock) -> Self {
        let (closed, working, idle) = (AtomicBool::new(false), Mutex::new(0), Condvar::new());
        Self { closed, working, idle, folder: Mutex::new(Some(folder)) }
    }
    /// Gives the folder free.
    pub fn release_folder(&self) {
        drop(self.folder.lock().take());
    }
    /// Begins work. Errors: the database is closed.
    pub fn enter(&self) -> Result<AtWork<'_>> {
        let mut working = self.working.lock();
        self.check_open()?;
        *working += 1;
        Ok(AtWork(self))
    }
    /// Rejects what comes after the end.
    pub fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) { Err(Error::closed()) } else { Ok(()) }
    }
    /// Rejects new operations, and waits for those that are under way; false if that was done before.
    pub fn close(&self) -> bool {
        let mut working = self.working.lock();
        let is_first = !self.closed.swap(true, Ordering::AcqRel);
        while *working > 0 {
            self.idle.wait(&mut working);
        }
        is_first
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        let mut working = self.0.working.lock();
        *working -= 1;
        if *working == 0 {
            self.0.idle.notify_all();
        }
    }
}
