//! Reading and writing at a position, without moving a cursor that others share.

use super::{ReadableFile, reuse::SegmentRead};
use crate::error::{Error, Result};
use bytes::Bytes;
use std::{fs::File, io, path::PathBuf};

/// A file that is read and written at positions.
#[derive(Debug)]
pub(super) struct Positioned {
    file: File,
    /// The cursor of the file, where the platform has no positioned calls in the standard library.
    #[cfg(not(unix))]
    cursor: parking_lot::Mutex<()>,
}

impl From<File> for Positioned {
    fn from(file: File) -> Self {
        Self {
            file,
            #[cfg(not(unix))]
            cursor: parking_lot::Mutex::new(()),
        }
    }
}

impl Positioned {
    /// The file itself, for everything but reading and writing.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    #[cfg(unix)]
    pub(super) fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(&self.file, bytes, offset)
    }

    #[cfg(unix)]
    pub(super) fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, bytes, offset)
    }

    #[cfg(not(unix))]
    pub(super) fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        use io::{Seek, Write};
        let _cursor = self.cursor.lock();
        (&self.file).seek(io::SeekFrom::Start(offset))?;
        (&self.file).write_all(bytes)
    }

    #[cfg(not(unix))]
    pub(super) fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        use io::{Read, Seek};
        let _cursor = self.cursor.lock();
        (&self.file).seek(io::SeekFrom::Start(offset))?;
        (&self.file).read_exact(bytes)
    }
}

/// A file that is read at positions, of a length that was found when it was opened.
#[derive(Debug)]
pub(super) struct PositionedReader {
    file: Positioned,
    path: PathBuf,
    len: u64,
    _counted: Option<SegmentRead>,
}

impl PositionedReader {
    pub(super) fn new(file: File, path: PathBuf, len: u64, counted: Option<SegmentRead>) -> Self {
        Self { file: file.into(), path, len, _counted: counted }
    }
}

impl ReadableFile for PositionedReader {
    fn len(&self) -> u64 {
        self.len
    }

    fn mapped(&self) -> Option<Bytes> {
        None
    }

    #[cfg(target_os = "linux")]
    fn data_from(&self, offset: u64) -> u64 {
        // Reads are by position, so that no other call depends on the place of the handle.
        match rustix::fs::seek(self.file.file(), rustix::fs::SeekFrom::Data(offset)) {
            Ok(data) => data.max(offset),
            Err(rustix::io::Errno::NXIO) => self.len.max(offset),
            Err(_) => offset,
        }
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes> {
        let read = || {
            super::read_end(offset, len, self.len)?;
            let mut bytes = vec![0; len];
            self.file.read_exact_at(&mut bytes, offset)?;
            Ok(Bytes::from(bytes))
        };
        read().map_err(|e: io::Error| Error::io("read", self.path.display(), &e))
    }

    fn read_into(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        let mut read = || {
            super::read_end(offset, bytes.len(), self.len)?;
            self.file.read_exact_at(bytes, offset)
        };
        read().map_err(|e| Error::io("read", self.path.display(), &e))
    }
}
