//! The only room with files: everything that touches a disk goes through the [`Disk`] trait.
//!
//! A database is one flat folder; [`FileName`] builds and parses every name in it. A file is written by the one handle
//! that created it, synced, and read from then on. An existing file is opened for writing in one case: it was taken out of
//! use where no reader has it and no other name leads to it ([`Disk::set_aside`]), and becomes another file.
//!
//! ```text
//!              the engine: log, manifest, runs, streams
//!                             |
//!             Disk  +  WritableFile  +  ReadableFile                 the only door
//!          /                  |                   \
//!     RealDisk           MemoryDisk          SimulatedDisk
//!     a folder,          no folder:          a machine that may lose power: forgets
//!     mapped or          databases that      what was not synced, tears and garbles
//!     by position        live in memory      writes, fails on cue, all from one seed
//! ```
//!
//! A fourth, [`OverlayDisk`], is over one of these and changes nothing of it: for folders that are not trusted, and, over
//! a `PartDisk` of some of the files, for a database as it was at an earlier moment.
//!
//! All disks pass one conformance test, so what is shown on the simulated disk holds for the same calls on the
//! real one. What the engine may rely on is this list and nothing else:
//!
//! - [`WritableFile::sync`] that returns `Ok` makes the bytes of that file durable, not its name;
//! - [`Disk::sync_directory`] that returns `Ok` makes names durable (creations, renames, removals), not bytes;
//! - [`Disk::rename`] is atomic: after a crash the new name stands for the old file or for the new one;
//! - bytes that no write touched after their sync are never lost, even if a neighbour in their sector was being written
//!   (power-safe overwrite, in SQLite's words);
//! - after a failed sync nothing is known about the bytes written since the last good one, also if a later call says
//!   `Ok`.
//!
//! Imports: error, random, cipher.

#[cfg(test)]
mod conformance;
mod fork;
mod image;
#[cfg(feature = "encryption")]
mod key_file;
mod mapped;
mod memory;
mod names;
mod objects;
mod overlay;
mod part;
mod positioned;
mod real;
mod real_lock;
mod real_writer;
#[cfg(unix)]
mod reserve;
mod reuse;
pub(crate) mod simulated;

pub use fork::TakeOver;
pub use memory::MemoryDisk;
pub use names::FileName;
pub(crate) use names::NUMBER_LIMIT;
#[cfg(unix)]
pub use objects::FolderStore;
pub use objects::{MemoryStore, ObjectStore, ObjectWriter};
pub use overlay::OverlayDisk;
pub(crate) use part::PartDisk;
pub use real::RealDisk;
pub(crate) use real::create_folder as make_folder;
#[cfg(test)]
pub(crate) use simulated::{Fault, FaultPlan, Operation, SimulatedDisk};

use crate::error::{Error, Result};
use bytes::Bytes;
use std::{fmt::Debug, path::Path, sync::Arc};

/// A disk with less room than this is taken to be full, in bytes.
const FULL_BELOW_BYTES: u64 = 8 << 20;

/// Longest write that a window takes: beyond that, one call costs less than the page faults.
pub(crate) const WINDOW_WRITE_BYTES: usize = 16 << 10;

/// A folder that holds one database.
///
/// Errors have [`ErrorKind::Io`](crate::error::ErrorKind::Io) unless a method says otherwise, and name the operation
/// and the file.
pub trait Disk: Debug + Send + Sync {
    /// The files of the folder whose names this crate builds, in ascending order. Other names are left out;
    /// [`Disk::has_foreign_files`] tells whether there are any.
    fn list(&self) -> Result<Vec<FileName>>;
    /// Whether the folder holds anything under a name that [`FileName::parse`] does not know, subfolders included. A
    /// folder with such entries and without a database belongs to another program. What operating systems leave in any folder
    /// (`lost+found`, `.DS_Store`) does not count.
    fn has_foreign_files(&self) -> Result<bool>;
    /// Creates a file that must not exist yet, open for writing.
    fn create(&self, name: FileName) -> Result<Box<dyn WritableFile>>;
    /// Opens an existing file for reading only; one that is missing is damage. With `map` the bytes are offered in place ([`ReadableFile::mapped`]);
    /// a disk that cannot do so reads by position. Without `map` they are always read by position.
    fn open(&self, name: FileName, map: bool) -> Result<Box<dyn ReadableFile>>;
    /// Atomically gives a file a new name, replacing what had that name. Durable after [`Disk::sync_directory`].
    fn rename(&self, from: FileName, to: FileName) -> Result<()>;
    /// Removes a file. Readers that have it open or mapped keep its bytes (on Windows a mapped file cannot be removed:
    /// an error, and nothing happens).
    fn remove(&self, name: FileName) -> Result<()>;
    /// Removes a file that is not needed any more, as [`Disk::remove`] does, but keeps its space under the name `spare` if no
    /// reader of this disk has the file open or mapped and the file has no second name, so that no reader can ever see what is
    /// written over its bytes. Says whether the space was kept; where the disk cannot know, it is not. Durable after
    /// [`Disk::sync_directory`].
    fn set_aside(&self, name: FileName, _spare: FileName) -> Result<bool> {
        self.remove(name).map(|()| false)
    }
    /// Opens a file that was set aside, to be written anew from its begin; also its length. What it held is there until it is
    /// written over, and in a crash any of its pages may have the old bytes or the new ones. Errors: the file has a second name
    /// now.
    fn reopen(&self, name: FileName) -> Result<(Box<dyn WritableFile>, u64)> {
        Err(Error::io("reopen", name, &std::io::ErrorKind::Unsupported.into()))
    }
    /// Makes all bytes of an existing file durable, whichever process wrote them: one that was killed leaves bytes that every
    /// reader sees and that a power failure takes away. For recovery, before it relies on such bytes; after an error
    /// nothing may be assumed.
    fn sync_file(&self, name: FileName) -> Result<()>;
    /// Makes creations, renames and removals durable. Never retried: once it failed, this disk value rejects all later
    /// calls, because the operating system reports such a failure only once.
    fn sync_directory(&self) -> Result<()>;
    /// Errors: a file that this process wrote was removed by another program
    /// ([`ErrorKind::Corrupt`](crate::error::ErrorKind::Corrupt)), or the folder was taken by another process
    /// ([`ErrorKind::Locked`](crate::error::ErrorKind::Locked)). Disks that only this process reaches have nothing to look at.
    fn check_present(&self, _name: FileName) -> Result<()> {
        Ok(())
    }
    /// Takes the folder for one holder, in this process or another, until the guard is dropped; a second taker gets
    /// [`ErrorKind::Locked`](crate::error::ErrorKind::Locked).
    fn lock(&self) -> Result<Box<dyn Send + Sync>>;
    /// Whether anything outlives the process: where nothing does, a sync has nothing to wait for.
    fn is_durable(&self) -> bool {
        true
    }
    /// Bytes that the volume has left, if it can say.
    fn available_bytes(&self) -> Option<u64>;
    /// Whether the volume has so little room left that a database can hardly write.
    fn is_full(&self) -> bool {
        self.available_bytes().is_some_and(|available| available < FULL_BELOW_BYTES)
    }
    /// Sets space aside that [`Disk::release_reserve`] gives back, if there is none yet. Where the disk cannot, or has no
    /// room, nothing happens.
    fn keep_reserve(&self, _bytes: u64) {}
    /// Gives back the space that was set aside; says whether there was any.
    fn release_reserve(&self) -> bool {
        false
    }
    /// The folder of the file system that the files are in, if they are in one.
    fn folder(&self) -> Option<&Path> {
        None
    }
    /// The folder of the file system that a file is in, if it is in one: a disk may have files of several.
    fn folder_of(&self, _name: FileName) -> Option<&Path> {
        self.folder()
    }
    /// What messages call this folder.
    fn describe(&self) -> String;
}

/// A file being written. Dropping it without [`WritableFile::sync`] promises nothing about its bytes.
pub trait WritableFile: Debug + Send + Sync {
    /// Writes at a position; past the end the gap reads as zeros.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<()>;
    /// Writes at the end: behind the last byte that a successful call of this handle wrote or reserved.
    fn append(&mut self, bytes: &[u8]) -> Result<()>;
    /// Makes all bytes written so far durable (fdatasync). After an error nothing may be assumed; never retried.
    fn sync(&mut self) -> Result<()> {
        self.syncer().sync()
    }
    /// Does the same without the writer, which can go on writing meanwhile.
    fn syncer(&self) -> Arc<dyn SyncFile>;
    /// Extends the file with real, written zeros up to `len`, so that later writes below it change no metadata. Does
    /// nothing if the file is that long already, also where that is because of bytes that it held before it was reopened.
    fn reserve(&mut self, len: u64) -> Result<()>;
    /// Cuts the file off at `len`, which is not below the end of what was written: gives back space that was reserved. A
    /// crash may undo it, as long as no later sync of the folder was over. Does nothing where the disk cannot.
    fn truncate(&mut self, _len: u64) -> Result<()> {
        Ok(())
    }
    /// Like [`WritableFile::reserve`], for many small writes to come: where the disk can, they are copied into memory that
    /// the operating system writes back like any other write. What a reopened file held there is zeros then. Says whether it
    /// can; if not, nothing is reserved.
    fn open_window(&mut self, _len: u64) -> Result<bool> {
        Ok(false)
    }
    /// From here on each write is followed by a sync, which takes longer where the written pages are mapped.
    fn close_window(&mut self) {}
    /// Starts writing back what was written since the last call or sync, without waiting: keeps big files from
    /// bursting at the next sync. Promises nothing; cheap enough to be called after every write.
    fn write_back(&mut self) {}
}

/// A file being written, for the thread that makes it durable meanwhile.
pub trait SyncFile: Debug + Send + Sync {
    /// Makes all bytes durable that were written before the call; of later ones nothing is said. Errors as for
    /// [`WritableFile::sync`]; once one failed, every later sync and write of the file does.
    fn sync(&self) -> Result<()>;
}

/// A file opened for reading.
pub trait ReadableFile: Debug + Send + Sync {
    /// Length in bytes, as of opening.
    fn len(&self) -> u64;
    /// Whether the file is empty.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The whole file without a copy; `None` where the disk cannot map it or was not asked to.
    fn mapped(&self) -> Option<Bytes>;
    /// Has the operating system begin to load a part of a mapped file that is read soon, so that it comes in one piece. Does
    /// nothing where there is nothing to load.
    fn will_need(&self, _offset: u64, _len: u64) {}
    /// A place from `offset` on before which the file has only zeros, as far as the file system knows without reading: a
    /// hole costs nothing then. `offset` itself where it does not know.
    fn data_from(&self, offset: u64) -> u64 {
        offset
    }
    /// Exactly `len` bytes from `offset`; an error, before anything is allocated, if the file ends earlier.
    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes>;
    /// Fills memory with the bytes from `offset`; an error if the file ends earlier.
    fn read_into(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        bytes.copy_from_slice(&self.read_at(offset, bytes.len())?);
        Ok(())
    }
}

/// Where a read of `len` bytes at `offset` ends, if a file of `file_len` bytes has them all.
fn read_end(offset: u64, len: usize, file_len: u64) -> std::io::Result<u64> {
    let end = u64::try_from(len).ok().and_then(|len| offset.checked_add(len));
    end.filter(|end| *end <= file_len).ok_or_else(|| {
        let text = format!("{len} bytes at offset {offset} lie past the end of the file ({file_len} bytes)");
        std::io::Error::new(std::io::ErrorKind::UnexpectedEof, text)
    })
}

/// The error of a second taker of [`Disk::lock`].
fn locked(folder: &dyn std::fmt::Display) -> crate::error::Error {
    let text = format!(
        "the database in {folder} is open already, in this process or in another one; close it there, ask its server, or open \
         it for reading only everywhere (OpenOptions::open_read_only)"
    );
    crate::error::Error::new(crate::error::ErrorKind::Locked, "DatabaseLocked", text)
}
