//! A file of a real folder while it is being written.

use super::mapped::{Window, overwrites_in_place};
use super::positioned::Positioned;
use super::{SyncFile, WINDOW_WRITE_BYTES, WritableFile};
use crate::error::{Error, Result};
use std::{
    fs::File,
    io,
    ops::Range,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Bytes of zeros that are written with one call when space is reserved. They are made when needed: a constant would be a part of
/// each program.
const ZERO_BYTES: u64 = 64 << 10;

/// Bytes that are gathered before [`WritableFile::write_back`] asks the operating system for anything.
#[cfg(target_os = "linux")]
const WRITE_BACK_BYTES: u64 = 4 << 20;

/// The smallest page of any processor; a larger one only makes the last page wait for the sync.
#[cfg(target_os = "linux")]
const PAGE_BYTES: u64 = 4096;

/// Windows begin at multiples of this, which is one of every page size.
const WINDOW_ALIGN_BYTES: u64 = 64 << 10;

/// Why nothing is asked of a file or folder whose sync failed.
pub(super) fn failed_before() -> io::Error {
    io::Error::other("an earlier sync failed, and what was lost then cannot be known")
}

/// A file being written, shared by its writer and the thread that syncs it.
#[derive(Debug)]
struct RealFile {
    file: Positioned,
    path: PathBuf,
    sync_failed: AtomicBool,
}

impl RealFile {
    fn check_sound(&self) -> io::Result<()> {
        if self.sync_failed.load(Ordering::Acquire) { Err(failed_before()) } else { Ok(()) }
    }
}

impl SyncFile for RealFile {
    fn sync(&self) -> Result<()> {
        let synced = self.check_sound().and_then(|()| self.file.file().sync_data());
        synced.map_err(|e| {
            self.sync_failed.store(true, Ordering::Release);
            Error::io("sync", self.path.display(), &e)
        })
    }
}

/// The one handle that writes a file.
#[derive(Debug)]
pub(super) struct RealWriter {
    shared: Arc<RealFile>,
    /// Behind the last byte that was written or reserved with success.
    end: u64,
    /// Length of the file, which is more than `end` in one that was reopened.
    len: u64,
    /// Covers what was written since the last sync or write-back; reserved zeros do not count.
    unsynced: Range<u64>,
    window: Option<Window>,
}

impl RealWriter {
    /// Of a file that was just created, or that is written anew and has `len` bytes.
    pub(super) fn new(file: File, path: PathBuf, len: u64) -> Self {
        let shared = RealFile { file: file.into(), path, sync_failed: AtomicBool::new(false) };
        Self { shared: Arc::new(shared), end: 0, len, unsynced: 0..0, window: None }
    }

    fn file(&self) -> &File {
        self.shared.file.file()
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.shared.check_sound()?;
        let end = offset.checked_add(bytes.len() as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        let small = bytes.len() <= WINDOW_WRITE_BYTES;
        if !self.window.as_mut().is_some_and(|window| small && window.write(offset, bytes)) {
            self.shared.file.write_all_at(bytes, offset)?;
        }
        self.end = self.end.max(end);
        self.len = self.len.max(end);
        let Range { start, end: until } = self.unsynced;
        self.unsynced = if start == until { offset..end } else { start.min(offset)..until.max(end) };
        Ok(())
    }

    /// Writes zeros from the end of what was written up to `len`.
    fn write_zeros(&mut self, len: u64) -> Result<()> {
        let unsynced = self.unsynced.clone();
        let zeros = vec![0; len.saturating_sub(self.end).min(ZERO_BYTES) as usize];
        while self.end < len {
            let part = usize::try_from(len - self.end).unwrap_or(usize::MAX).min(zeros.len());
            self.write(self.end, &zeros[..part]).map_err(|e| self.problem("reserve", &e))?;
        }
        self.unsynced = unsynced;
        Ok(())
    }

    fn problem(&self, operation: &'static str, error: &io::Error) -> Error {
        Error::io(operation, self.shared.path.display(), error)
    }
}

impl WritableFile for RealWriter {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.write(offset, bytes).map_err(|e| self.problem("write", &e))
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.write(self.end, bytes).map_err(|e| self.problem("write", &e))
    }

    fn sync(&mut self) -> Result<()> {
        self.unsynced = 0..0;
        self.shared.sync()
    }

    fn syncer(&self) -> Arc<dyn SyncFile> {
        Arc::clone(&self.shared) as _
    }

    fn reserve(&mut self, len: u64) -> Result<()> {
        if len > self.len {
            self.end = self.len;
            self.write_zeros(len)?;
        }
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> Result<()> {
        // A map that reaches beyond the end of its file is a trap.
        self.window = None;
        self.shared.check_sound().and_then(|()| self.file().set_len(len)).map_err(|e| self.problem("truncate", &e))?;
        self.end = self.end.min(len);
        self.len = len;
        Ok(())
    }

    fn open_window(&mut self, len: u64) -> Result<bool> {
        if !overwrites_in_place(self.file()) {
            return Ok(false);
        }
        let start = self.end - self.end % WINDOW_ALIGN_BYTES;
        self.window = None;
        self.write_zeros(len)?;
        // Without a map the zeros are there all the same, and do no harm.
        self.window = Window::open(self.file(), start, self.end).ok();
        Ok(self.window.is_some())
    }

    fn close_window(&mut self) {
        self.window = None;
    }

    /// Linux has a call for exactly this (`sync_file_range`), but no safe binding of it exists. The advice that pages
    /// are not needed begins with the same step, and then drops those of them that are clean; as these were written
    /// just now, that is hardly ever one (all 3 GiB of a test were still in memory). The final sync of these 3 GiB
    /// takes 2 ms instead of 0.6 s, and the whole 2.3 s instead of 1.5 to 9.6 s.
    #[cfg(target_os = "linux")]
    fn write_back(&mut self) {
        // The page at the end is left for later, as it will be written again.
        let Range { start, end } = self.unsynced.start..self.unsynced.end & !(PAGE_BYTES - 1);
        let gathered = end.saturating_sub(start);
        if gathered < WRITE_BACK_BYTES {
            return;
        }
        let len = std::num::NonZeroU64::new(gathered);
        // Advice that is not taken changes nothing: errors of the device come up at the sync.
        let _ = rustix::fs::fadvise(self.file(), start, len, rustix::fs::Advice::DontNeed);
        self.unsynced.start = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_sync_is_not_forgotten() {
        let mut writer = RealWriter::new(tempfile::tempfile().unwrap(), PathBuf::from("a file"), 0);
        writer.append(b"x").unwrap();
        writer.shared.sync_failed.store(true, Ordering::Release);
        assert!(writer.append(b"x").is_err());
        assert!(writer.sync().is_err());
        assert!(writer.syncer().sync().is_err());
    }
}
