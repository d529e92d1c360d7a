//! A folder that is read and never changed: what is written over it stays in memory.
//!
//! For files that come from a stranger, and for folders that cannot be written. Recovery has to write a little (a manifest,
//! the end of the log), and a folder that is not trusted is to be left as it was; so reads go through to the folder below unless the overlay has a file of
//! that name, and everything else happens in memory.
//!
//! ```text
//!   create, rename, remove  ->  memory: new files, and the names that are gone
//!   open                    ->  memory, else the disk below: by position, never mapped, at most 64 MiB at once
//! ```
//!
//! The author of the files below may have wished for harm, so two bounds are set here, at the only door. Files that an
//! opening takes into memory as a whole (log and manifest) may have so many bytes together, and one read may ask for so
//! many: a length in a file, however absurd, allocates no more.

use super::{Disk, FileName, MemoryDisk, ReadableFile, WritableFile};
use crate::error::{Error, Result};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    collections::BTreeSet,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// More than any honest read asks for: a frame has 48 MiB, and the checksums of a run of 256 GiB have 64.
const MAX_READ_BYTES: usize = 64 << 20;

/// A disk that is read, with what is written over it in memory.
#[derive(Debug)]
pub struct OverlayDisk {
    below: Arc<dyn Disk>,
    /// Names below that are gone, or covered by a file in memory.
    gone: Mutex<BTreeSet<FileName>>,
    memory: MemoryDisk,
    sealed: AtomicBool,
    /// Files below are read as they are asked for, without bounds: their owner wrote them.
    is_trusted: bool,
}

impl OverlayDisk {
    /// An overlay without files of its own.
    ///
    /// Errors: log and manifest below have more than `whole_bytes` together, or one of their names stands for something
    /// else than a file.
    pub fn new(below: Arc<dyn Disk>, whole_bytes: u64) -> Result<Self> {
        let mut bytes = 0_u64;
        for name in below.list()? {
            if matches!(name, FileName::Log(_) | FileName::Manifest(_) | FileName::Current) {
                bytes = bytes.saturating_add(below.open(name, false)?.len());
            }
        }
        if bytes > whole_bytes {
            let text = format!(
                "log and manifest in {} have {bytes} bytes, more than the {whole_bytes} that may be read into memory; \
                 if that is right, open it with more log_bytes",
                below.describe()
            );
            return Err(Error::limit_exceeded(text));
        }
        Ok(Self { is_trusted: false, ..Self::over_own(below) })
    }

    /// An overlay without files of its own, over a folder that is trusted: its files may be mapped, and nothing is bounded.
    pub fn over_own(below: Arc<dyn Disk>) -> Self {
        let (gone, memory, sealed) = (Mutex::default(), MemoryDisk::new(), AtomicBool::new(false));
        Self { below, gone, memory, sealed, is_trusted: true }
    }

    /// From here on nothing new is written, to memory neither.
    pub fn seal(&self) {
        self.sealed.store(true, Ordering::Release);
    }

    fn is_below(&self, name: FileName) -> Result<bool> {
        Ok(!self.gone.lock().contains(&name) && self.below.list()?.contains(&name))
    }

    fn is_above(&self, name: FileName) -> Result<bool> {
        Ok(self.memory.list()?.contains(&name))
    }
}

impl Disk for OverlayDisk {
    fn list(&self) -> Result<Vec<FileName>> {
        let mut names: BTreeSet<FileName> = self.below.list()?.into_iter().collect();
        for name in self.gone.lock().iter() {
            names.remove(name);
        }
        names.extend(self.memory.list()?);
        Ok(names.into_iter().collect())
    }

    fn has_foreign_files(&self) -> Result<bool> {
        self.below.has_foreign_files()
    }

    fn create(&self, name: FileName) -> Result<Box<dyn WritableFile>> {
        if self.sealed.load(Ordering::Acquire) {
            let text = format!("{} was opened for reading only", self.describe());
            return Err(Error::unsupported(text));
        }
        if self.is_below(name)? {
            return Err(Error::io("create", name, &io::ErrorKind::AlreadyExists.into()));
        }
        self.memory.create(name)
    }

    fn open(&self, name: FileName, map: bool) -> Result<Box<dyn ReadableFile>> {
        if self.is_above(name)? {
            return self.memory.open(name, map);
        }
        if self.gone.lock().contains(&name) {
            return Err(Error::open(name, &io::ErrorKind::NotFound.into()));
        }
        if self.is_trusted {
            return self.below.open(name, map);
        }
        Ok(Box::new(BoundedReader { file: self.below.open(name, false)?, name }))
    }

    fn rename(&self, from: FileName, to: FileName) -> Result<()> {
        if !self.is_above(from)? && self.is_below(from)? {
            // No caller renames a file that an earlier process left.
            return Err(Error::io("rename", from, &io::ErrorKind::Unsupported.into()));
        }
        self.memory.rename(from, to)?;
        self.gone.lock().insert(to);
        Ok(())
    }

    fn remove(&self, name: FileName) -> Result<()> {
        if self.is_above(name)? {
            return self.memory.remove(name);
        }
        if !self.is_below(name)? {
            return Err(Error::io("remove", name, &io::ErrorKind::NotFound.into()));
        }
        self.gone.lock().insert(name);
        Ok(())
    }

    fn sync_file(&self, name: FileName) -> Result<()> {
        if self.is_above(name)? || self.is_below(name)? {
            return Ok(());
        }
        Err(Error::io("sync", name, &io::ErrorKind::NotFound.into()))
    }

    fn sync_directory(&self) -> Result<()> {
        Ok(())
    }

    fn lock(&self) -> Result<Box<dyn Send + Sync>> {
        self.below.lock()
    }

    fn is_durable(&self) -> bool {
        false
    }

    fn available_bytes(&self) -> Option<u64> {
        None
    }

    fn folder_of(&self, name: FileName) -> Option<&Path> {
        let is_covered = self.is_above(name).unwrap_or(true) || self.gone.lock().contains(&name);
        self.below.folder_of(name).filter(|_| self.is_trusted && !is_covered)
    }

    fn describe(&self) -> String {
        self.below.describe()
    }
}

/// A file below, of which no read takes more than a bound.
#[derive(Debug)]
struct BoundedReader {
    file: Box<dyn ReadableFile>,
    name: FileName,
}

impl ReadableFile for BoundedReader {
    fn len(&self) -> u64 {
        self.file.len()
    }

    fn mapped(&self) -> Option<Bytes> {
        None
    }

    fn data_from(&self, offset: u64) -> u64 {
        self.file.data_from(offset)
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes> {
        if len > MAX_READ_BYTES {
            let text = format!("it asks for {len} bytes at once, more than anything in it has");
            return Err(Error::corrupt(self.name, offset, text));
        }
        self.file.read_at(offset, len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn put(disk: &dyn Disk, name: FileName, bytes: &[u8]) {
        disk.create(name).unwrap().append(bytes).unwrap();
    }

    fn content(disk: &dyn Disk, name: FileName) -> Bytes {
        let file = disk.open(name, true).unwrap();
        file.read_at(0, usize::try_from(file.len()).unwrap()).unwrap()
    }

    #[test]
    fn conforms() {
        super::super::conformance::check(&OverlayDisk::new(Arc::new(MemoryDisk::new()), 0).unwrap());
    }

    #[test]
    fn the_disk_below_stays_as_it_is() {
        let below = MemoryDisk::new();
        put(&below, FileName::Current, b"old");
        put(&below, FileName::Log(1), b"log");
        let disk = OverlayDisk::new(Arc::new(below.clone()), 6).unwrap();
        assert!(disk.create(FileName::Log(1)).is_err());
        put(&disk, FileName::CurrentNext, b"new");
        disk.rename(FileName::CurrentNext, FileName::Current).unwrap();
        disk.remove(FileName::Log(1)).unwrap();
        assert!(disk.open(FileName::Log(1), false).is_err() && disk.sync_file(FileName::Log(1)).is_err());
        assert!(disk.remove(FileName::Log(1)).is_err(), "it is gone already");
        put(&disk, FileName::Log(1), b"another");
        assert_eq!(disk.list().unwrap(), [FileName::Current, FileName::Log(1)]);
        assert_eq!(
            (content(&disk, FileName::Current), content(&disk, FileName::Log(1))),
            ("new".into(), "another".into())
        );
        disk.remove(FileName::Current).unwrap();
        disk.remove(FileName::Log(1)).unwrap();
        assert_eq!(disk.list().unwrap(), [], "what was covered does not come back");
        assert_eq!(
            (content(&below, FileName::Current), content(&below, FileName::Log(1))),
            ("old".into(), "log".into())
        );
    }

    #[test]
    fn files_below_are_not_mapped_nor_renamed_and_a_sealed_overlay_takes_none() {
        let below = MemoryDisk::new();
        put(&below, FileName::CurrentNext, b"left");
        let disk = OverlayDisk::new(Arc::new(below), 0).unwrap();
        assert!(disk.open(FileName::CurrentNext, true).unwrap().mapped().is_none());
        assert!(disk.rename(FileName::CurrentNext, FileName::Current).is_err());
        disk.seal();
        assert_eq!(disk.create(FileName::Run(1)).unwrap_err().kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn bounds_hold() {
        let below = MemoryDisk::new();
        put(&below, FileName::Log(1), b"log");
        put(&below, FileName::Manifest(1), b"manifest");
        let refused = OverlayDisk::new(Arc::new(below), 10).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::LimitExceeded);
        let file = BoundedReader { file: Box::new(Endless), name: FileName::Run(1) };
        assert_eq!(file.read_at(0, MAX_READ_BYTES + 1).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!((file.read_at(7, MAX_READ_BYTES).unwrap(), file.len()), (Bytes::new(), u64::MAX));
    }

    /// A file of any length.
    #[derive(Debug)]
    struct Endless;

    impl ReadableFile for Endless {
        fn len(&self) -> u64 {
            u64::MAX
        }
        fn mapped(&self) -> Option<Bytes> {
            None
        }
        fn read_at(&self, _offset: u64, _len: usize) -> Result<Bytes> {
            Ok(Bytes::new())
        }
    }
}
