//! Reading and writing at a position, without moving a cursor that others share.

use std::{fs::File, io};

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
