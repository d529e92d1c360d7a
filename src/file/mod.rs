//! The only room with files: everything that touches a disk goes through the [`Disk`] trait.
//!
//! A database is one flat folder; [`FileName`] builds and parses every name in it. Three disks implement the trait:
//! the real one, memory (for databases without a folder) and a simulated one that forgets unsynced bytes and fails on cue.

mod names;

pub use names::FileName;

use crate::error::Result;
use bytes::Bytes;
use std::fmt::Debug;

/// A folder that holds one database. Errors name the operation and the file (`Error::io`).
pub trait Disk: Debug + Send + Sync {
    /// All files of the folder whose names this crate builds; other names are ignored, their presence is `foreign` in [`Disk::has_foreign_files`].
    fn list(&self) -> Result<Vec<FileName>>;
    /// Whether the folder holds files with names that this crate does not build.
    fn has_foreign_files(&self) -> Result<bool>;
    /// Creates a file that must not exist yet, open for writing.
    fn create(&self, name: FileName) -> Result<Box<dyn WritableFile>>;
    /// Opens an existing file for reading only. `map` asks for the bytes in place; a disk that cannot reads by position.
    fn open(&self, name: FileName, map: bool) -> Result<Box<dyn ReadableFile>>;
    /// Atomically gives a file a new name, replacing what had that name. Durable after [`Disk::sync_directory`].
    fn rename(&self, from: FileName, to: FileName) -> Result<()>;
    /// Removes a file. Readers that have it open or mapped keep its bytes.
    fn remove(&self, name: FileName) -> Result<()>;
    /// Makes creations, renames and removals durable.
    fn sync_directory(&self) -> Result<()>;
    /// Takes the folder for this process until the guard is dropped; a second taker gets `ErrorKind::Locked`.
    fn lock(&self) -> Result<Box<dyn Send + Sync>>;
    /// Bytes that the volume has left, if it can say.
    fn available_bytes(&self) -> Option<u64>;
    /// What messages call this folder.
    fn describe(&self) -> String;
}

/// A file being written. Dropping it without [`WritableFile::sync`] promises nothing about its bytes.
pub trait WritableFile: Debug + Send + Sync {
    /// Writes at a position; past the end the gap reads as zeros.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<()>;
    /// Appends at the end.
    fn append(&mut self, bytes: &[u8]) -> Result<()>;
    /// Makes all bytes written so far durable (fdatasync). After an error nothing may be assumed; never retried.
    fn sync(&mut self) -> Result<()>;
    /// Extends the file with real, written zeros up to `len`, so that later writes below it change no metadata.
    fn reserve(&mut self, len: u64) -> Result<()>;
    /// Starts writing back what was appended since the last call, without waiting: keeps big files from bursting at sync.
    fn write_back(&mut self) {}
}

/// A file opened for reading.
pub trait ReadableFile: Debug + Send + Sync {
    /// Length in bytes, as of opening.
    fn len(&self) -> u64;
    /// Whether the file is empty.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The whole file without a copy, where the disk can map it.
    fn mapped(&self) -> Option<Bytes>;
    /// Exactly `len` bytes from `offset`; fewer is an error.
    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes>;
}
