//! A disk in memory for the tests of log and manifest: counts, fails on cue, and shows its bytes.

use crate::{
    error::{Error, ErrorKind, Result},
    file::{Disk, FileName, ReadableFile, WritableFile},
};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

type Contents = Arc<Mutex<Vec<u8>>>;

#[derive(Debug, Default)]
pub(crate) struct TestDisk {
    files: Mutex<BTreeMap<FileName, Contents>>,
    pub(crate) foreign: AtomicBool,
    pub(crate) switches: Arc<Switches>,
}

/// What a test turns and reads.
#[derive(Debug, Default)]
pub(crate) struct Switches {
    pub(crate) fail_writes: AtomicBool,
    pub(crate) fail_syncs: AtomicBool,
    pub(crate) fail_removes: AtomicBool,
    /// While set, a sync does not return.
    pub(crate) hold_syncs: AtomicBool,
    pub(crate) syncs: AtomicU64,
    pub(crate) writes: AtomicU64,
}

impl TestDisk {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// The bytes of a file.
    pub(crate) fn bytes(&self, name: FileName) -> Vec<u8> {
        self.files.lock()[&name].lock().clone()
    }

    /// Replaces the bytes of a file, or makes it.
    pub(crate) fn set_bytes(&self, name: FileName, bytes: Vec<u8>) {
        self.files.lock().insert(name, Arc::new(Mutex::new(bytes)));
    }

    /// An independent disk with the same files.
    pub(crate) fn copy(&self) -> Arc<Self> {
        let copy = Self::new();
        for (name, bytes) in self.files.lock().iter() {
            copy.set_bytes(*name, bytes.lock().clone());
        }
        copy
    }
}

fn refused(what: &str) -> Error {
    Error::new(ErrorKind::Io, "InternalServerError", format!("{what} refused"))
}

impl Disk for TestDisk {
    fn list(&self) -> Result<Vec<FileName>> {
        Ok(self.files.lock().keys().copied().collect())
    }
    fn has_foreign_files(&self) -> Result<bool> {
        Ok(self.foreign.load(Ordering::SeqCst))
    }
    fn create(&self, name: FileName) -> Result<Box<dyn WritableFile>> {
        let mut files = self.files.lock();
        if files.contains_key(&name) {
            return Err(refused("create of an existing file"));
        }
        let bytes = Contents::default();
        files.insert(name, Arc::clone(&bytes));
        Ok(Box::new(TestFile { bytes, switches: Arc::clone(&self.switches) }))
    }
    fn open(&self, name: FileName, _map: bool) -> Result<Box<dyn ReadableFile>> {
        let files = self.files.lock();
        let bytes = files.get(&name).ok_or_else(|| refused("open of a missing file"))?;
        let bytes = Bytes::from(bytes.lock().clone());
        Ok(Box::new(Snapshot(bytes)))
    }
    fn rename(&self, from: FileName, to: FileName) -> Result<()> {
        let mut files = self.files.lock();
        let bytes = files.remove(&from).ok_or_else(|| refused("rename of a missing file"))?;
        files.insert(to, bytes);
        Ok(())
    }
    fn remove(&self, name: FileName) -> Result<()> {
        if self.switches.fail_removes.load(Ordering::SeqCst) {
            return Err(refused("remove"));
        }
        self.files.lock().remove(&name).map(|_| ()).ok_or_else(|| refused("remove of a missing file"))
    }
    fn sync_file(&self, name: FileName) -> Result<()> {
        self.files.lock().get(&name).map(|_| ()).ok_or_else(|| refused("sync of a missing file"))
    }
    fn sync_directory(&self) -> Result<()> {
        Ok(())
    }
    fn lock(&self) -> Result<Box<dyn Send + Sync>> {
        Ok(Box::new(()))
    }
    fn available_bytes(&self) -> Option<u64> {
        None
    }
    fn describe(&self) -> String {
        "test".to_owned()
    }
}

#[derive(Debug)]
struct TestFile {
    bytes: Contents,
    switches: Arc<Switches>,
}

impl WritableFile for TestFile {
    fn write_at(&mut self, offset: u64, new: &[u8]) -> Result<()> {
        if self.switches.fail_writes.load(Ordering::SeqCst) {
            return Err(refused("write"));
        }
        self.switches.writes.fetch_add(1, Ordering::SeqCst);
        let mut bytes = self.bytes.lock();
        let end = offset as usize + new.len();
        let len = bytes.len().max(end);
        bytes.resize(len, 0);
        bytes[offset as usize..end].copy_from_slice(new);
        Ok(())
    }
    fn append(&mut self, new: &[u8]) -> Result<()> {
        let end = self.bytes.lock().len() as u64;
        self.write_at(end, new)
    }
    fn sync(&mut self) -> Result<()> {
        while self.switches.hold_syncs.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        if self.switches.fail_syncs.load(Ordering::SeqCst) {
            return Err(refused("sync"));
        }
        self.switches.syncs.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
    fn reserve(&mut self, len: u64) -> Result<()> {
        let mut bytes = self.bytes.lock();
        let len = bytes.len().max(len as usize);
        bytes.resize(len, 0);
        Ok(())
    }
}

#[derive(Debug)]
struct Snapshot(Bytes);

impl ReadableFile for Snapshot {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
    fn mapped(&self) -> Option<Bytes> {
        None
    }
    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes> {
        let start = offset as usize;
        if start + len > self.0.len() {
            return Err(refused("read past the end"));
        }
        Ok(self.0.slice(start..start + len))
    }
}
