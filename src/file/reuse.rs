#![cfg_attr(unix, expect(clippy::disallowed_methods, reason = "this is the room that opens files"))]
//! When the file of a segment may be written over: when no reader has it any more and no other name leads to it.

use super::FileName;
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc};
#[cfg(unix)]
use std::{
    fs::{self, File, OpenOptions},
    io,
    path::Path,
};

/// The segments that are open for reading.
#[derive(Clone, Debug, Default)]
pub(super) struct SegmentsRead(Arc<Mutex<BTreeMap<FileName, usize>>>);

/// A reader of a segment.
#[derive(Debug)]
pub(super) struct SegmentRead {
    readers: SegmentsRead,
    name: FileName,
}

impl SegmentsRead {
    /// Opens a file; what is open is counted as soon as it is, if it is a segment of the log.
    pub(super) fn open<T, E>(
        &self,
        name: FileName,
        open: impl FnOnce() -> Result<T, E>,
    ) -> Result<(T, Option<SegmentRead>), E> {
        if !matches!(name, FileName::Log(_)) {
            return Ok((open()?, None));
        }
        let mut readers = self.0.lock();
        let opened = open()?;
        *readers.entry(name).or_default() += 1;
        Ok((opened, Some(SegmentRead { readers: self.clone(), name })))
    }

    /// Whether a reader has the segment. Asked when the segment has lost its name, the answer no stays true.
    #[cfg(unix)]
    pub(super) fn has(&self, name: FileName) -> bool {
        self.0.lock().contains_key(&name)
    }
}

impl Drop for SegmentRead {
    fn drop(&mut self) {
        let mut readers = self.readers.0.lock();
        if let Some(count) = readers.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                readers.remove(&self.name);
            }
        }
    }
}

/// Whether a path is that of a file, and no other name leads to its bytes.
#[cfg(unix)]
pub(super) fn has_one_name(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| is_alone(&metadata))
}

/// Opens a file to write over it; also its length. Errors: another name leads to its bytes.
#[cfg(unix)]
pub(super) fn open_to_write_over(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let metadata = file.metadata()?;
    if is_alone(&metadata) { Ok((file, metadata.len())) } else { Err(io::ErrorKind::ResourceBusy.into()) }
}

#[cfg(unix)]
fn is_alone(metadata: &fs::Metadata) -> bool {
    metadata.is_file() && std::os::unix::fs::MetadataExt::nlink(metadata) == 1
}
