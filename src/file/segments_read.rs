//! Which segments of the log this process reads: their files may be written over only when no reader has them any more.

use super::FileName;
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc};

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
