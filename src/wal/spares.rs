//! Files of former segments that become segments again.
//!
//! A new file costs more than the copy of what is written to it: memory for each of its pages, a place on the disk for each of
//! its blocks, and as much again when it is removed. So a segment that the log gives up is set aside, and a later one is
//! written over it.
//!
//! ```text
//! 7.log  -- given up -->  7.spare, with the header of a spare  -- a segment is needed -->  12.log: header, frames, old bytes
//! ```
//! Each step is durable before the next. A crash leaves a spare, which the next opening removes, or a segment that begins with the
//! header of a spare. The log never began to write to such a segment, so the opening reads nothing of it. In a segment that was begun,
//! frames have a tag, and a reader tells them from old bytes by it.

use super::segment::SegmentFile;
use crate::{
    canary::canary,
    error::Result,
    file::{Disk, FileName},
    format::{
        header::{FILE_HEADER_BYTES, spare_header},
        protection::MAX_HEADER_BYTES,
    },
    sync::Mutex,
};
use std::sync::atomic::{AtomicU64, Ordering};

/// Most files that are kept. Together with the segments of the log they are no more than the log had.
const MOST_SPARES: usize = 4;
/// A file is kept if it has this part of a segment at least.
const LEAST_SHARE: u64 = 8;
/// A file is kept if it has so many segments at most: one that grew beyond its size is none to keep.
const MOST_SEGMENTS: u64 = 2;

/// The files that are kept.
#[derive(Debug, Default)]
pub(super) struct Spares {
    /// Number and length of each.
    files: Mutex<Vec<(u64, u64)>>,
    /// Bytes that a former segment left behind the end of the one that is being written.
    rest_bytes: AtomicU64,
}

impl Spares {
    /// Bytes of all files, and of what is not written over yet in the segment at the end.
    pub fn bytes(&self) -> u64 {
        let files: u64 = self.files.lock().iter().map(|(_, bytes)| bytes).sum();
        files + self.rest_bytes.load(Ordering::Relaxed)
    }
    /// Notes how much is not written over yet in the segment at the end.
    pub fn note_rest(&self, bytes: u64) {
        self.rest_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Whether a file of this length is to be kept when the log gives it up.
    pub fn wants(&self, bytes: u64, segment_bytes: u64) -> bool {
        let fits = (segment_bytes / LEAST_SHARE..=segment_bytes.saturating_mul(MOST_SEGMENTS)).contains(&bytes);
        fits && self.files.lock().len() < MOST_SPARES
    }

    /// Takes a file that was set aside, durably: gives it the header of a spare, durably. Errors: disk; then the file is gone.
    pub fn add(&self, disk: &dyn Disk, number: u64) -> Result<()> {
        match mark_as_spare(disk, number) {
            Ok(bytes) => {
                self.files.lock().push((number, bytes));
                Ok(())
            }
            Err(error) => {
                let _ = disk.remove(FileName::Spare(number));
                Err(error)
            }
        }
    }

    /// One of the files under the name of the segment that it will be; `None` if there is none that can be used. The name is not
    /// durable yet.
    pub fn take(&self, disk: &dyn Disk, segment: u64) -> Option<SegmentFile> {
        let (number, _) = self.files.lock().pop()?;
        // A new file is made for one that cannot be used, and that says what is wrong, if anything is.
        if disk.rename(FileName::Spare(number), FileName::Log(segment)).is_err() {
            let _ = disk.remove(FileName::Spare(number));
            return None;
        }
        match disk.reopen(FileName::Log(segment)) {
            Ok((file, old_bytes)) => Some(SegmentFile { file, old_bytes }),
            Err(_) => {
                let _ = disk.remove(FileName::Log(segment));
                None
            }
        }
    }

    /// Removes all of them; the bytes given back. One that cannot be removed costs space until the next opening.
    pub fn remove_all(&self, disk: &dyn Disk) -> u64 {
        let files = std::mem::take(&mut *self.files.lock());
        let removed = files.into_iter().filter(|(number, _)| disk.remove(FileName::Spare(*number)).is_ok());
        removed.map(|(_, bytes)| bytes).sum()
    }
}

/// With its own header the file would be taken for a segment with another number, were it left as a segment by a crash. Without any, bytes
/// of items in it might be taken for frames.
fn mark_as_spare(disk: &dyn Disk, number: u64) -> Result<u64> {
    let (mut file, bytes) = disk.reopen(FileName::Spare(number))?;
    if !canary!(SpareKeepsHeader) {
        let mut header = [0; MAX_HEADER_BYTES];
        header[..FILE_HEADER_BYTES].copy_from_slice(&spare_header(number));
        file.write_at(0, &header)?;
    }
    file.sync()?;
    Ok(bytes)
}
