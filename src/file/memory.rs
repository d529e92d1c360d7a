//! A folder in memory, for databases that are not meant to outlive the process.
//!
//! A file has one writer, the handle that created it. Once that handle is gone the file is sealed: it never changes
//! again, and every reader holds the very buffer that was written, without a copy and without a lock. Before that,
//! readers copy what they ask for. Nothing is ever synced, and reserved space takes no memory until it is written.

use super::image::Image;
use super::{Disk, FileName, ReadableFile, SyncFile, WritableFile};
use crate::error::{Error, Result};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// A folder in memory. Clones are the same folder; it is gone with the last of them.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk {
    files: Arc<Mutex<BTreeMap<FileName, Arc<MemoryFile>>>>,
    locked: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct MemoryFile(Mutex<Inode>);

#[derive(Debug, Default)]
struct Inode {
    image: Image,
    sealed: bool,
}

impl MemoryDisk {
    /// An empty folder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file that is not written any more, without a copy. Errors: there is one of that name.
    pub(super) fn add_sealed(&self, name: FileName, bytes: Bytes) -> Result<()> {
        let mut files = self.files.lock();
        if files.contains_key(&name) {
            return Err(Error::io("create", name, &io::ErrorKind::AlreadyExists.into()));
        }
        let inode = Inode { image: Image::from(bytes), sealed: true };
        files.insert(name, Arc::new(MemoryFile(Mutex::new(inode))));
        Ok(())
    }
}

impl Disk for MemoryDisk {
    fn list(&self) -> Result<Vec<FileName>> {
        Ok(self.files.lock().keys().copied().collect())
    }

    fn has_foreign_files(&self) -> Result<bool> {
        Ok(false)
    }

    fn create(&self, name: FileName) -> Result<Box<dyn WritableFile>> {
        let mut files = self.files.lock();
        if files.contains_key(&name) {
            return Err(Error::io("create", name, &io::ErrorKind::AlreadyExists.into()));
        }
        let file = Arc::new(MemoryFile::default());
        files.insert(name, Arc::clone(&file));
        Ok(Box::new(Writer { file, name, end: 0 }))
    }

    fn open(&self, name: FileName, map: bool) -> Result<Box<dyn ReadableFile>> {
        let file = self.files.lock().get(&name).map(Arc::clone);
        let file = file.ok_or_else(|| Error::open(name, &io::ErrorKind::NotFound.into()))?;
        let mut inode = file.0.lock();
        let len = inode.image.len();
        if !inode.sealed {
            drop(inode);
            return Ok(Box::new(GrowingReader { file, name, len, map }));
        }
        let bytes = inode.image.bytes().map_err(|e| Error::open(name, &e))?;
        Ok(Box::new(SealedReader { bytes, name, map }))
    }

    fn rename(&self, from: FileName, to: FileName) -> Result<()> {
        let mut files = self.files.lock();
        let file = files.remove(&from).ok_or_else(|| Error::io("rename", from, &io::ErrorKind::NotFound.into()))?;
        files.insert(to, file);
        Ok(())
    }

    fn remove(&self, name: FileName) -> Result<()> {
        let removed = self.files.lock().remove(&name);
        removed.map(drop).ok_or_else(|| Error::io("remove", name, &io::ErrorKind::NotFound.into()))
    }

    fn sync_file(&self, name: FileName) -> Result<()> {
        let exists = self.files.lock().contains_key(&name);
        if exists { Ok(()) } else { Err(Error::io("sync", name, &io::ErrorKind::NotFound.into())) }
    }

    fn sync_directory(&self) -> Result<()> {
        Ok(())
    }

    fn lock(&self) -> Result<Box<dyn Send + Sync>> {
        if self.locked.swap(true, Ordering::AcqRel) {
            return Err(super::locked(&self.describe()));
        }
        Ok(Box::new(Guard(Arc::clone(&self.locked))))
    }

    fn is_durable(&self) -> bool {
        false
    }

    fn available_bytes(&self) -> Option<u64> {
        None
    }

    fn describe(&self) -> String {
        "memory".to_owned()
    }
}

struct Guard(Arc<AtomicBool>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

#[derive(Debug)]
struct Writer {
    file: Arc<MemoryFile>,
    name: FileName,
    end: u64,
}

impl WritableFile for Writer {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut inode = self.file.0.lock();
        inode.image.write_at(offset, bytes).map_err(|e| Error::io("write", self.name, &e))?;
        self.end = inode.image.len();
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_at(self.end, bytes)
    }

    fn syncer(&self) -> Arc<dyn SyncFile> {
        Arc::new(NothingToSync)
    }

    fn reserve(&mut self, len: u64) -> Result<()> {
        self.file.0.lock().image.extend_to(len);
        self.end = self.end.max(len);
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> Result<()> {
        self.file.0.lock().image.truncate(len);
        self.end = self.end.min(len);
        Ok(())
    }
}

#[derive(Debug)]
struct NothingToSync;

impl SyncFile for NothingToSync {
    fn sync(&self) -> Result<()> {
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.file.0.lock().sealed = true;
    }
}

/// A reader of a file that is not written any more.
#[derive(Debug)]
struct SealedReader {
    bytes: Bytes,
    name: FileName,
    map: bool,
}

impl ReadableFile for SealedReader {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn mapped(&self) -> Option<Bytes> {
        self.map.then(|| self.bytes.clone())
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes> {
        read_slice(&self.bytes, offset, len).map_err(|e| Error::io("read", self.name, &e))
    }
}

/// A reader that was opened while the file was still being written.
#[derive(Debug)]
struct GrowingReader {
    file: Arc<MemoryFile>,
    name: FileName,
    len: u64,
    map: bool,
}

impl ReadableFile for GrowingReader {
    fn len(&self) -> u64 {
        self.len
    }

    fn mapped(&self) -> Option<Bytes> {
        let bytes = if self.map { self.file.0.lock().image.bytes().ok()? } else { return None };
        read_slice(&bytes, 0, usize::try_from(self.len).ok()?).ok()
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes> {
        let within = super::read_end(offset, len, self.len);
        within.and_then(|_| self.file.0.lock().image.read_at(offset, len)).map_err(|e| Error::io("read", self.name, &e))
    }
}

/// A part of bytes that are in memory or in a map, without a copy.
pub(super) fn read_slice(bytes: &Bytes, offset: u64, len: usize) -> io::Result<Bytes> {
    let end = super::read_end(offset, len, bytes.len() as u64)?;
    // Both ends were found to be within a buffer, so they fit its index type.
    Ok(bytes.slice(offset as usize..end as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conforms() {
        super::super::conformance::check(&MemoryDisk::new());
    }

    #[test]
    fn sealed_files_are_read_without_a_copy() {
        let disk = MemoryDisk::new();
        let mut file = disk.create(FileName::Run(1)).unwrap();
        file.append(&[1; 10_000]).unwrap();
        let before = disk.open(FileName::Run(1), true).unwrap();
        drop(file);
        let (one, two) =
            (disk.open(FileName::Run(1), true).unwrap().mapped(), disk.open(FileName::Run(1), false).unwrap());
        let one = one.unwrap();
        assert_eq!(one.as_ptr(), two.read_at(0, 10).unwrap().as_ptr());
        assert_eq!(one.as_ptr(), before.mapped().unwrap().as_ptr());
        assert!(two.mapped().is_none());
    }

    #[test]
    fn a_reader_of_a_growing_file_keeps_its_length() {
        let disk = MemoryDisk::new();
        let mut file = disk.create(FileName::Log(1)).unwrap();
        file.append(b"abc").unwrap();
        let reader = disk.open(FileName::Log(1), true).unwrap();
        let map = reader.mapped().unwrap();
        file.append(b"def").unwrap();
        assert_eq!((reader.len(), map, reader.mapped().unwrap()), (3, Bytes::from("abc"), Bytes::from("abc")));
        assert!(reader.read_at(0, 4).is_err());
    }
}
