//! A disk whose openings of files, writes and syncs a test can hold up, and that tells it of removals.

use hashrange::{
    Result,
    file::{Disk, FileName, ReadableFile, SyncFile, WritableFile},
    testing::Operation,
};
use std::{fmt, sync::Arc};

/// Called before a file is opened to be read, written to or synced, and behind its removal.
pub type Hook = Arc<dyn Fn(Operation, FileName) + Send + Sync>;

/// A disk that calls a hook before each opening, write and sync of a file and behind each removal, and is another disk otherwise.
pub struct SlowDisk {
    inner: Arc<dyn Disk>,
    before: Hook,
}

struct SlowSyncer {
    inner: Arc<dyn SyncFile>,
    name: FileName,
    before: Hook,
}

struct SlowFile {
    inner: Box<dyn WritableFile>,
    name: FileName,
    before: Hook,
}

impl SlowDisk {
    pub fn new(inner: Arc<dyn Disk>, before: Hook) -> Arc<Self> {
        Arc::new(Self { inner, before })
    }
}

impl fmt::Debug for SlowDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
impl fmt::Debug for SlowFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl fmt::Debug for SlowSyncer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl SyncFile for SlowSyncer {
    fn sync(&self) -> Result<()> {
        (self.before)(Operation::Sync, self.name);
        self.inner.sync()
    }
}

impl Disk for SlowDisk {
    fn list(&self) -> Result<Vec<FileName>> {
        self.inner.list()
    }
    fn has_foreign_files(&self) -> Result<bool> {
        self.inner.has_foreign_files()
    }
    fn create(&self, name: FileName) -> Result<Box<dyn WritableFile>> {
        let inner = self.inner.create(name)?;
        Ok(Box::new(SlowFile { inner, name, before: self.before.clone() }))
    }
    fn open(&self, name: FileName, map: bool) -> Result<Box<dyn ReadableFile>> {
        (self.before)(Operation::Open, name);
        self.inner.open(name, map)
    }
    fn rename(&self, from: FileName, to: FileName) -> Result<()> {
        self.inner.rename(from, to)
    }
    fn remove(&self, name: FileName) -> Result<()> {
        self.inner.remove(name)?;
        (self.before)(Operation::Remove, name);
        Ok(())
    }
    fn sync_file(&self, name: FileName) -> Result<()> {
        self.inner.sync_file(name)
    }
    fn sync_directory(&self) -> Result<()> {
        self.inner.sync_directory()
    }
    fn lock(&self) -> Result<Box<dyn Send + Sync>> {
        self.inner.lock()
    }
    fn available_bytes(&self) -> Option<u64> {
        self.inner.available_bytes()
    }
    fn describe(&self) -> String {
        self.inner.describe()
    }
}

impl WritableFile for SlowFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        (self.before)(Operation::Write, self.name);
        self.inner.write_at(offset, bytes)
    }
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.inner.append(bytes)
    }
    fn syncer(&self) -> Arc<dyn SyncFile> {
        Arc::new(SlowSyncer { inner: self.inner.syncer(), name: self.name, before: self.before.clone() })
    }
    fn reserve(&mut self, len: u64) -> Result<()> {
        self.inner.reserve(len)
    }
    fn write_back(&mut self) {
        self.inner.write_back();
    }
}
