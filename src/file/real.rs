#![expect(clippy::disallowed_methods, reason = "this is the room that opens, renames and removes files")]
//! A real folder.
//!
//! Files are written at positions (`pwrite`) and synced with `fdatasync`, which on Apple's systems is `F_FULLFSYNC`.
//! Names become durable by syncing the folder itself; Windows has no such call, there the file system's own journal
//! keeps them. Failures of a sync are latched per file and per folder, because an operating system reports them once
//! and then forgets what was lost: a second call would report success.

use super::mapped::Map;
use super::memory::read_slice;
use super::positioned::PositionedReader;
use super::real_lock::{FolderLock, HeldLock, LockFile};
use super::real_writer::{RealWriter, failed_before};
use super::reuse::SegmentsRead;
use super::{Disk, FileName, ReadableFile, WritableFile};
use crate::error::{Error, ErrorKind, Result};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Names that operating systems leave in any folder.
const SYSTEM_NAMES: [&str; 2] = ["lost+found", ".DS_Store"];

/// A folder of the file system.
#[derive(Debug)]
pub struct RealDisk {
    folder: PathBuf,
    #[cfg(unix)]
    directory: File,
    directory_failed: AtomicBool,
    access: Access,
    /// The lock file that this process holds, while it does.
    held: Arc<Mutex<Option<LockFile>>>,
    readers: SegmentsRead,
}

/// What a folder is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// Its owner writes.
    Write,
    /// It is read and left as it is, lock included.
    Read,
    /// The same for a folder that is not trusted: links are not followed.
    ReadForeign,
}

impl RealDisk {
    /// Opens the folder at `path`. With `create` it is made, and made durable, if it is missing, with its parents;
    /// without, a missing folder is an error.
    pub fn open(path: impl AsRef<Path>, create: bool) -> Result<Self> {
        let path = path.as_ref();
        // A later change of the working directory must not move the database.
        let folder = std::path::absolute(path).map_err(|e| Error::io("open", path.display(), &e))?;
        if create {
            create_folder(&folder)?;
        }
        let problem = |e: &io::Error| Error::io("open", folder.display(), e);
        if !fs::metadata(&folder).map_err(|e| problem(&e))?.is_dir() {
            return Err(problem(&io::ErrorKind::NotADirectory.into()));
        }
        Ok(Self {
            #[cfg(unix)]
            directory: File::open(&folder).map_err(|e| problem(&e))?,
            directory_failed: AtomicBool::new(false),
            access: Access::Write,
            held: Arc::default(),
            readers: SegmentsRead::default(),
            folder,
        })
    }

    /// Opens a folder that a stranger filled, for an [`OverlayDisk`](super::OverlayDisk): links in it are not followed,
    /// since they could lead anywhere. Locking creates nothing, keeps out those who write, and lets other readers in.
    pub fn open_foreign(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self { access: Access::ReadForeign, ..Self::open(path, false)? })
    }

    /// Opens a folder of one's own for reading, for an [`OverlayDisk`](super::OverlayDisk): locking creates nothing, keeps
    /// out those who write, and lets other readers in. No right to write is needed.
    pub fn open_to_read(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self { access: Access::Read, ..Self::open(path, false)? })
    }

    fn follows_no_links(&self) -> bool {
        self.access == Access::ReadForeign
    }

    /// The absolute path of the folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }
    /// Gives a file of another folder a second name here; whether that worked. It cannot across volumes, where the caller
    /// has to copy.
    pub(super) fn link(&self, folder: &Path, name: FileName) -> bool {
        fs::hard_link(folder.join(name.to_string()), self.path_of(name)).is_ok()
    }

    fn path_of(&self, name: FileName) -> PathBuf {
        self.folder.join(name.to_string())
    }

    /// Rejects changes of a folder that another process took meanwhile: the lock file was removed and made anew,
    /// on a file system where the folder itself cannot be locked, or moved the folder away and put another one there.
    fn check_held(&self) -> Result<()> {
        match &*self.held.lock() {
            Some(held) if !held.is_in_place(&self.path_of(FileName::Lock)) => {
                let text = format!(
                    "the lock file in {} is not the one that this process holds: another process may have opened the \
                     database; nothing more is written to it",
                    self.describe()
                );
                Err(Error::new(ErrorKind::Locked, "DatabaseLocked", text))
            }
            _ => Ok(()),
        }
    }

    /// A handle of the folder for a lock: its own, since a lock belongs to the handle. `None` where there is none.
    #[cfg(unix)]
    pub(super) fn folder_handle(&self) -> Option<File> {
        use rustix::fs::{Mode, OFlags, openat};
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(&self.directory, ".", flags, Mode::empty()).ok().map(File::from)
    }

    #[cfg(not(unix))]
    pub(super) fn folder_handle(&self) -> Option<File> {
        None
    }

    fn entries(&self) -> Result<Vec<std::ffi::OsString>> {
        let read = || -> io::Result<_> { fs::read_dir(&self.folder)?.map(|entry| Ok(entry?.file_name())).collect() };
        read().map_err(|e| Error::io("list", self.describe(), &e))
    }

    #[cfg(unix)]
    fn flush_directory(&self) -> io::Result<()> {
        self.directory.sync_all()
    }

    #[cfg(not(unix))]
    fn flush_directory(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Disk for RealDisk {
    fn list(&self) -> Result<Vec<FileName>> {
        let entries = self.entries()?;
        let mut names: Vec<_> = entries.iter().filter_map(|name| FileName::parse(name.to_str()?)).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn has_foreign_files(&self) -> Result<bool> {
        let known = |name: &str| FileName::parse(name).is_some() || SYSTEM_NAMES.contains(&name);
        Ok(self.entries()?.iter().any(|name| !name.to_str().is_some_and(known)))
    }

    fn create(&self, name: FileName) -> Result<Box<dyn WritableFile>> {
        self.check_held()?;
        let path = self.path_of(name);
        match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
            Ok(file) => Ok(Box::new(RealWriter::new(file, path, 0))),
            Err(e) => Err(Error::io("create", path.display(), &e)),
        }
    }

    fn open(&self, name: FileName, map: bool) -> Result<Box<dyn ReadableFile>> {
        let path = self.path_of(name);
        let opened = self.readers.open(name, || open_for_reading(&path, self.follows_no_links()));
        let ((file, len), counted) = opened.map_err(|e| Error::open(path.display(), &e))?;
        // A volume without maps, or a process with too many of them, is read by position.
        if map && let Ok(map) = super::mapped::map(&file, len) {
            // The bytes of a map may outlive its reader: the segment stays in use for good.
            std::mem::forget(counted);
            return Ok(Box::new(MappedReader { map, path }));
        }
        Ok(Box::new(PositionedReader::new(file, path, len, counted)))
    }

    fn rename(&self, from: FileName, to: FileName) -> Result<()> {
        self.check_held()?;
        let path = self.path_of(from);
        fs::rename(&path, self.path_of(to)).map_err(|e| Error::io("rename", path.display(), &e))
    }

    fn remove(&self, name: FileName) -> Result<()> {
        self.check_held()?;
        let path = self.path_of(name);
        fs::remove_file(&path).map_err(|e| Error::io("remove", path.display(), &e))
    }

    #[cfg(unix)]
    fn set_aside(&self, name: FileName, spare: FileName) -> Result<bool> {
        self.rename(name, spare)?;
        // From here on no reader can open it, and no process that looks for a segment gives it a second name.
        let has_reader = self.readers.has(name);
        if !has_reader && super::reuse::has_one_name(&self.path_of(spare)) {
            return Ok(true);
        }
        // The segment is given up all the same: what stays under the name of a spare goes with the next opening.
        let _ = self.remove(spare);
        Ok(false)
    }

    #[cfg(unix)]
    fn reopen(&self, name: FileName) -> Result<(Box<dyn WritableFile>, u64)> {
        self.check_held()?;
        let path = self.path_of(name);
        let opened = super::reuse::open_to_write_over(&path);
        let (file, len) = opened.map_err(|e| Error::io("reopen", path.display(), &e))?;
        Ok((Box::new(RealWriter::new(file, path, len)), len))
    }

    fn check_present(&self, name: FileName) -> Result<()> {
        self.check_held()?;
        // What cannot be looked at (no descriptors, no rights) says nothing.
        match fs::symlink_metadata(self.path_of(name)).err().map(|e| e.kind()) {
            Some(io::ErrorKind::NotFound) => Err(Error::corrupt(name, 0, "the file was removed from an open database")),
            _ => Ok(()),
        }
    }

    fn sync_file(&self, name: FileName) -> Result<()> {
        let path = self.path_of(name);
        // Windows flushes only through handles that may write.
        let mut options = OpenOptions::new();
        let file = options.read(true).write(cfg!(windows)).open(&path);
        file.and_then(|file| file.sync_all()).map_err(|e| Error::io("sync", path.display(), &e))
    }

    fn sync_directory(&self) -> Result<()> {
        if self.directory_failed.load(Ordering::Acquire) {
            return Err(Error::io("sync", self.describe(), &failed_before()));
        }
        self.flush_directory().map_err(|e| {
            self.directory_failed.store(true, Ordering::Release);
            Error::io("sync", self.describe(), &e)
        })
    }

    fn lock(&self) -> Result<Box<dyn Send + Sync>> {
        let path = self.path_of(FileName::Lock);
        let problem = |e: &io::Error| Error::io("lock", path.display(), e);
        let locked = match self.access {
            Access::Write => FolderLock::take(self, &path),
            Access::Read | Access::ReadForeign => FolderLock::share(self, &path),
        };
        match locked {
            Ok(Some(lock)) => {
                *self.held.lock() = lock.lock_file(self.access == Access::Write);
                Ok(Box::new(HeldLock { _lock: lock, held: self.held.clone() }))
            }
            Ok(None) => Err(super::locked(&self.describe())),
            Err(e) => Err(problem(&e)),
        }
    }

    #[cfg(unix)]
    fn keep_reserve(&self, bytes: u64) {
        let path = self.path_of(FileName::Reserve);
        let is_large = |metadata: fs::Metadata| metadata.len() >= bytes;
        if fs::metadata(&path).is_ok_and(is_large) {
            return;
        }
        // Without room there is no reserve; the next opening tries again.
        if super::reserve::make(&path, bytes).is_err() {
            let _ = fs::remove_file(&path);
        }
    }

    fn release_reserve(&self) -> bool {
        fs::remove_file(self.path_of(FileName::Reserve)).is_ok()
    }

    #[cfg(unix)]
    fn available_bytes(&self) -> Option<u64> {
        let volume = rustix::fs::fstatvfs(&self.directory).ok()?;
        volume.f_bavail.checked_mul(volume.f_frsize)
    }

    #[cfg(not(unix))]
    fn available_bytes(&self) -> Option<u64> {
        None
    }

    fn folder(&self) -> Option<&Path> {
        Some(&self.folder)
    }

    fn describe(&self) -> String {
        self.folder.display().to_string()
    }
}

/// Makes a folder and the parents that are missing, and makes each of their names durable.
pub fn create_folder(folder: &Path) -> Result<()> {
    let missing: Vec<_> = folder.ancestors().take_while(|path| !path.exists()).collect();
    fs::create_dir_all(folder).map_err(|e| Error::io("create", folder.display(), &e))?;
    for parent in missing.iter().filter_map(|path| path.parent()) {
        sync_folder(parent).map_err(|e| Error::io("sync", parent.display(), &e))?;
    }
    Ok(())
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Opens a regular file; also its length. A folder from elsewhere may hold anything under our names, and opening a pipe
/// would wait for a process to write to it. In a foreign folder a link is not followed either.
pub(super) fn open_for_reading(path: &Path, foreign: bool) -> io::Result<(File, u64)> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        let links = if foreign { rustix::fs::OFlags::NOFOLLOW } else { rustix::fs::OFlags::empty() };
        let flags = (rustix::fs::OFlags::NONBLOCK | links).bits().cast_signed();
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags);
    }
    #[cfg(not(unix))]
    if foreign && fs::symlink_metadata(path)?.is_symlink() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let file = options.read(true).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok((file, metadata.len()))
}

#[derive(Debug)]
struct MappedReader {
    map: Map,
    path: PathBuf,
}

impl ReadableFile for MappedReader {
    fn len(&self) -> u64 {
        self.map.bytes().len() as u64
    }

    fn mapped(&self) -> Option<Bytes> {
        Some(self.map.bytes().clone())
    }

    fn will_need(&self, offset: u64, len: u64) {
        self.map.will_need(offset, len);
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes> {
        read_slice(self.map.bytes(), offset, len).map_err(|e| Error::io("read", self.path.display(), &e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn folder() -> (tempfile::TempDir, RealDisk) {
        let folder = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(folder.path().join("a/b"), true).unwrap();
        (folder, disk)
    }

    #[test]
    fn conforms() {
        let (_folder, disk) = folder();
        super::super::conformance::check(&disk);
        assert!(disk.available_bytes().is_none_or(|bytes| bytes > 0));
        assert_eq!(disk.available_bytes().is_some(), cfg!(unix));
    }

    #[test]
    fn a_missing_folder_is_made_only_on_request() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none");
        assert_eq!(RealDisk::open(&path, false).unwrap_err().kind(), ErrorKind::Io);
        assert!(!path.exists());
        RealDisk::open(&path, true).unwrap();
        RealDisk::open(&path, false).unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(RealDisk::open(folder.path().join("file"), false).is_err());
        assert!(RealDisk::open(folder.path().join("file"), true).is_err());
    }

    #[test]
    fn sealed_files_are_mapped() {
        let (_folder, disk) = folder();
        disk.create(FileName::Run(1)).unwrap().append(&[3; 9000]).unwrap();
        let file = disk.open(FileName::Run(1), true).unwrap();
        let mapped = file.mapped().unwrap();
        assert_eq!(mapped.as_ptr(), file.mapped().unwrap().as_ptr());
        assert_eq!(file.read_at(8999, 1).unwrap().as_ptr(), mapped[8999..].as_ptr());
    }

    #[test]
    fn other_names_are_foreign_but_not_listed() {
        let (_folder, disk) = folder();
        fs::create_dir(disk.path().join("lost+found")).unwrap();
        drop(disk.lock().unwrap());
        assert!(!disk.has_foreign_files().unwrap());
        fs::write(disk.path().join("7.run"), "").unwrap();
        assert!(disk.has_foreign_files().unwrap());
        assert_eq!(disk.list().unwrap(), [FileName::Lock]);
    }

    #[test]
    fn two_handles_of_one_folder_exclude_each_other() {
        let (_folder, disk) = folder();
        let other = RealDisk::open(disk.path(), false).unwrap();
        let guard = disk.lock().unwrap();
        assert_eq!(other.lock().map(drop).unwrap_err().kind(), ErrorKind::Locked);
        drop(guard);
        drop(other.lock().unwrap());
    }

    #[test]
    fn only_regular_files_are_opened() {
        let (_folder, disk) = folder();
        fs::create_dir(disk.path_of(FileName::Run(1))).unwrap();
        assert_eq!(disk.open(FileName::Run(1), true).unwrap_err().kind(), ErrorKind::Io);
        #[cfg(target_os = "linux")]
        {
            let (pipe, mode) = (disk.path_of(FileName::Run(2)), rustix::fs::Mode::RUSR);
            rustix::fs::mknodat(&disk.directory, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
            assert!(disk.open(FileName::Run(2), false).unwrap_err().message().contains("regular"));
        }
    }

    #[test]
    fn a_foreign_folder_is_shared_by_readers_and_left_as_it_is() {
        let (_folder, disk) = folder();
        let foreign = RealDisk::open_foreign(disk.path()).unwrap();
        drop(foreign.lock().unwrap());
        assert_eq!(foreign.list().unwrap(), [], "no lock was made");
        let writer = disk.lock().unwrap();
        assert_eq!(foreign.lock().map(drop).unwrap_err().kind(), ErrorKind::Locked);
        drop(writer);
        let other = RealDisk::open_foreign(disk.path()).unwrap();
        let readers = (foreign.lock().unwrap(), other.lock().unwrap());
        assert_eq!(disk.lock().map(drop).unwrap_err().kind(), ErrorKind::Locked);
        drop(readers);
        #[cfg(unix)]
        {
            disk.create(FileName::Run(1)).unwrap();
            std::os::unix::fs::symlink(disk.path_of(FileName::Run(1)), disk.path_of(FileName::Run(2))).unwrap();
            disk.open(FileName::Run(2), false).unwrap();
            assert!(foreign.open(FileName::Run(2), false).is_err(), "links are not followed");
        }
    }

    #[test]
    fn writing_back_early_loses_nothing() {
        let (_folder, disk) = folder();
        let mut file = disk.create(FileName::Run(1)).unwrap();
        for byte in 0..10 {
            file.append(&vec![byte; 1_000_001]).unwrap();
            file.write_back();
        }
        file.sync().unwrap();
        let bytes = disk.open(FileName::Run(1), true).unwrap().mapped().unwrap();
        let expected = (0..10).flat_map(|byte| vec![byte; 1_000_001]).collect::<Vec<u8>>();
        assert!(bytes == expected);
    }

    #[test]
    fn a_failed_sync_of_the_folder_is_not_forgotten() {
        let (_folder, disk) = folder();
        disk.directory_failed.store(true, Ordering::Release);
        assert!(disk.sync_directory().is_err());
    }
}
