//! A disk that watches what an encrypted database writes.
//!
//! A nonce is a place in a file, and the key of a file hangs on the salt in its header. So no place may be written twice with
//! different bytes under one salt, whatever crashes, failures, forks and openings lie between: that would be one nonce for
//! two texts. And no file may be written that is not encrypted.

use hashrange::{
    Result,
    file::{Disk, FileName, ReadableFile, SyncFile, WritableFile},
};
use std::{
    collections::HashMap,
    fmt,
    path::Path,
    sync::{Arc, Mutex},
};

/// Bytes that hold the salt of any file.
const HEAD_BYTES: usize = 128;

/// A write: its place and its bytes.
type Written = (u64, Vec<u8>);

/// Every write of every file, by salt.
#[derive(Default)]
pub struct NonceLedger {
    files: Mutex<HashMap<[u8; 32], Vec<Written>>>,
}

impl fmt::Debug for NonceLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NonceLedger")
    }
}

impl NonceLedger {
    /// Files that were written.
    pub fn files(&self) -> usize {
        self.files.lock().unwrap().len()
    }

    /// # Panics
    /// If a place was written before with other bytes.
    pub fn note(&self, name: FileName, salt: [u8; 32], offset: u64, bytes: &[u8]) {
        let mut files = self.files.lock().unwrap();
        let writes = files.entry(salt).or_default();
        let end = offset + bytes.len() as u64;
        for (at, earlier) in writes.iter() {
            let (from, to) = (offset.max(*at), end.min(at + earlier.len() as u64));
            if from < to {
                let new = &bytes[(from - offset) as usize..(to - offset) as usize];
                let old = &earlier[(from - at) as usize..(to - at) as usize];
                assert!(new == old, "{name}: bytes {from} to {to} were encrypted twice under one salt");
            }
        }
        writes.push((offset, bytes.to_vec()));
    }
}

/// The salt in the first bytes of a file.
///
/// # Panics
/// If the file is not encrypted.
pub fn salt_of(name: FileName, head: &[u8]) -> [u8; 32] {
    let at = match &head[..5] {
        b"HRrun" => 48,
        b"hrKEY" => 64,
        _ => 72,
    };
    assert!(at == 64 || head[12] & 1 == 1, "{name} was written and is not encrypted");
    head[at..at + 32].try_into().unwrap()
}

/// A disk whose writes a ledger sees.
pub struct WatchedDisk {
    inner: Arc<dyn Disk>,
    ledger: Arc<NonceLedger>,
}

impl WatchedDisk {
    pub fn new(inner: Arc<dyn Disk>, ledger: Arc<NonceLedger>) -> Arc<Self> {
        Arc::new(Self { inner, ledger })
    }
}

impl fmt::Debug for WatchedDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

struct WatchedFile {
    inner: Box<dyn WritableFile>,
    name: FileName,
    ledger: Arc<NonceLedger>,
    salt: Option<[u8; 32]>,
    end: u64,
}

impl fmt::Debug for WatchedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl WatchedFile {
    fn note(&mut self, offset: u64, bytes: &[u8]) {
        if offset == 0 && bytes.len() >= HEAD_BYTES {
            self.salt = Some(salt_of(self.name, bytes));
        }
        let salt = self.salt.unwrap_or_else(|| panic!("{} does not begin with an encryption header", self.name));
        self.ledger.note(self.name, salt, offset, bytes);
    }
}

impl WritableFile for WatchedFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.note(offset, bytes);
        self.inner.write_at(offset, bytes)?;
        self.end = self.end.max(offset + bytes.len() as u64);
        Ok(())
    }
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.note(self.end, bytes);
        self.inner.append(bytes)?;
        self.end += bytes.len() as u64;
        Ok(())
    }
    fn syncer(&self) -> Arc<dyn SyncFile> {
        self.inner.syncer()
    }
    fn reserve(&mut self, len: u64) -> Result<()> {
        self.inner.reserve(len)?;
        self.end = self.end.max(len);
        Ok(())
    }
    fn truncate(&mut self, len: u64) -> Result<()> {
        self.inner.truncate(len)
    }
    fn open_window(&mut self, len: u64) -> Result<bool> {
        self.inner.open_window(len)
    }
    fn close_window(&mut self) {
        self.inner.close_window();
    }
    fn write_back(&mut self) {
        self.inner.write_back();
    }
}

impl Disk for WatchedDisk {
    fn list(&self) -> Result<Vec<FileName>> {
        self.inner.list()
    }
    fn has_foreign_files(&self) -> Result<bool> {
        self.inner.has_foreign_files()
    }
    fn create(&self, name: FileName) -> Result<Box<dyn WritableFile>> {
        let inner = self.inner.create(name)?;
        Ok(Box::new(WatchedFile { inner, name, ledger: self.ledger.clone(), salt: None, end: 0 }))
    }
    fn open(&self, name: FileName, map: bool) -> Result<Box<dyn ReadableFile>> {
        assert!(!map, "{name} of an encrypted database is not mapped");
        self.inner.open(name, map)
    }
    fn rename(&self, from: FileName, to: FileName) -> Result<()> {
        self.inner.rename(from, to)
    }
    fn remove(&self, name: FileName) -> Result<()> {
        self.inner.remove(name)
    }
    fn sync_file(&self, name: FileName) -> Result<()> {
        self.inner.sync_file(name)
    }
    fn sync_directory(&self) -> Result<()> {
        self.inner.sync_directory()
    }
    fn check_present(&self, name: FileName) -> Result<()> {
        self.inner.check_present(name)
    }
    fn lock(&self) -> Result<Box<dyn Send + Sync>> {
        self.inner.lock()
    }
    fn is_durable(&self) -> bool {
        self.inner.is_durable()
    }
    fn available_bytes(&self) -> Option<u64> {
        self.inner.available_bytes()
    }
    fn folder(&self) -> Option<&Path> {
        self.inner.folder()
    }
    fn describe(&self) -> String {
        self.inner.describe()
    }
}
