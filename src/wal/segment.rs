//! One file of the log, as it is being written.
//!
//! A segment is a [`FileHeader`] and frames. Its space is reserved ahead, as zeros, so that a synced append changes no
//! metadata of the file: 64 KiB before the first one, then as much again as there is, in steps of at most 4 MiB. Creating
//! a segment reserves nothing, since every opening of a database that writes creates one and many write little. Appends that are not
//! synced reserve only where the disk then takes them without a call each, at most 1 MiB at a time: nothing waits for
//! their metadata. A segment that is full is sealed, and then cut to what was written; from then on it is never touched
//! again until it is given up. A crash that undoes the cut leaves zeros behind the seal, as a crash before it does.
//!
//! A segment that is written over a [spare](super::spares) has its space already: nothing is reserved below the length of
//! the file, except that a window has zeros ahead. Instead of zeros, bytes of the former segment lie behind its frames.

use super::{
    frame_buffer::{FrameBuffer, Place},
    spares::Spares,
};
use crate::{
    canary::canary,
    error::Result,
    file::{Disk, FileName, SyncFile, WINDOW_WRITE_BYTES, WritableFile},
    format::{
        frame::{self, FrameKind},
        frame_protection::FrameProtection,
        header::{FILE_HEADER_BYTES, FileHeader, FileMagic},
        protection::Protection,
    },
};
use bytes::Bytes;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Largest segment; offsets in frames have four bytes.
pub(super) const MAX_SEGMENT_BYTES: u64 = 1 << 30;
/// Least and most space that is reserved at a time.
const LEAST_RESERVE_BYTES: u64 = 64 << 10;
const MOST_RESERVE_BYTES: u64 = 4 << 20;
/// Records that are taken over are written in parts of this size.
const TAKEN_OVER_BYTES: usize = 128 << 10;
/// Longest window.
const WINDOW_BYTES: u64 = 1 << 20;

/// A segment of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SegmentStats {
    /// Number of the file.
    pub number: u64,
    /// Number of its first record, or of the record that would be its first.
    pub first_seqno: u64,
    /// Number of its last record; one below `first_seqno` if it has none.
    pub last_seqno: u64,
    /// Length of the file in bytes, without what a former segment left behind the end of the one that is being written.
    pub bytes: u64,
}

/// A file that becomes a segment: its header is zeros, or that of a spare.
#[derive(Debug)]
pub(super) struct SegmentFile {
    /// The file.
    pub file: Box<dyn WritableFile>,
    /// Length of the segment that it was before; 0 for a new file.
    pub old_bytes: u64,
}

/// The segment at the end of the log.
#[derive(Debug)]
pub(super) struct SegmentWriter {
    file: Box<dyn WritableFile>,
    number: u64,
    first_seqno: u64,
    next_seqno: u64,
    protection: FrameProtection,
    /// Bytes of a frame behind its payload.
    trailer_bytes: usize,
    limit_bytes: u64,
    /// Whether the disk may take writes through windows; cleared when it cannot.
    windows: bool,
    /// Where the next frame goes.
    end: u64,
    /// Up to where the file is written or prepared for writes.
    len: u64,
    /// Length of the segment that the file was before, until it is cut; 0 for a new file.
    old_bytes: u64,
    /// The offset before which all is durable.
    synced_to: Arc<AtomicU64>,
}

/// What was written to a segment at some moment and is to be made durable, while more is being written.
#[derive(Debug)]
pub(super) struct PendingSync {
    file: Arc<dyn SyncFile>,
    end: u64,
    /// The number below which all records are durable then.
    pub(super) next_seqno: u64,
    synced_to: Arc<AtomicU64>,
}

impl PendingSync {
    /// Makes it durable; returns the number below which all records are.
    pub(super) fn finish(self) -> Result<u64> {
        if self.synced_to.load(Ordering::Acquire) < self.end {
            self.file.sync()?;
            self.synced_to.fetch_max(self.end, Ordering::AcqRel);
        }
        Ok(self.next_seqno)
    }
}

impl SegmentWriter {
    /// Creates the file of a segment, or takes a spare for it; nothing in it counts yet. What can fail for want of descriptors or
    /// space fails here, before the segment at the end is sealed. A file that is left over is one that was never begun.
    pub(super) fn prepare(disk: &dyn Disk, number: u64, spares: &Spares) -> Result<SegmentFile> {
        if let Some(file) = spares.take(disk, number) {
            return Ok(file);
        }
        let mut file = disk.create(FileName::Log(number))?;
        if let Err(error) = file.reserve(FILE_HEADER_BYTES as u64) {
            drop(file);
            let _ = disk.remove(FileName::Log(number));
            return Err(error);
        }
        Ok(SegmentFile { file, old_bytes: 0 })
    }

    /// Lets a segment that is full take more, for want of a next one; false if it cannot take any more.
    pub(super) fn grow(&mut self, bytes: u64) -> bool {
        let before = self.limit_bytes;
        self.limit_bytes = (before + bytes).min(MAX_SEGMENT_BYTES);
        self.limit_bytes > before
    }

    /// Creates the file, durably; after a failure there is none. `mark_before` is the mark of the segment before. `taken_over` are records of the segment before that this one begins with, however
    /// many they are.
    #[expect(clippy::too_many_arguments, reason = "everything that a segment begins with")]
    pub(super) fn create(
        disk: &dyn Disk,
        protection: &Protection,
        number: u64,
        first_seqno: u64,
        limit_bytes: u64,
        windows: bool,
        mark_before: u64,
        taken_over: Option<&[(u64, Bytes)]>,
    ) -> Result<Self> {
        let file = SegmentFile { file: disk.create(FileName::Log(number))?, old_bytes: 0 };
        Self::begin(file, disk, protection, number, first_seqno, limit_bytes, windows, mark_before, taken_over)
            .inspect_err(|_| drop(disk.remove(FileName::Log(number))))
    }

    /// Makes a segment of a file that was created for it.
    #[expect(clippy::too_many_arguments, reason = "everything that a segment begins with")]
    pub(super) fn begin(
        SegmentFile { mut file, old_bytes }: SegmentFile,
        disk: &dyn Disk,
        protection: &Protection,
        number: u64,
        first_seqno: u64,
        limit_bytes: u64,
        windows: bool,
        mark_before: u64,
        taken_over: Option<&[(u64, Bytes)]>,
    ) -> Result<Self> {
        let takes_over = taken_over.is_some();
        let database_id = protection.database_id();
        let header = FileHeader {
            magic: FileMagic::Log,
            database_id,
            number,
            detail: first_seqno,
            takes_over,
            is_reused: old_bytes > 0,
            mark: mark_before,
        };
        let (mut bytes, mut frames) = protection.begin(&header)?;
        let trailer_bytes = protection.trailer_bytes();
        let (mut next_seqno, mut written) = (first_seqno, 0);
        for (seqno, payload) in taken_over.unwrap_or_default() {
            // There may be many records: they go through memory that is warm.
            if bytes.len() >= TAKEN_OVER_BYTES {
                file.write_at(written, &bytes)?;
                written += bytes.len() as u64;
                bytes.clear();
            }
            let start = bytes.len();
            frame::begin(&mut bytes, *seqno, FrameKind::Data);
            bytes.extend_from_slice(payload);
            frame::end(&mut bytes, start, trailer_bytes)?;
            // Nothing is safe yet, not even the header.
            frames.stamp(&mut bytes[start..], written + start as u64, 0)?;
            next_seqno = seqno + 1;
        }
        file.write_at(written, &bytes)?;
        let end = written + bytes.len() as u64;
        file.sync()?;
        if !canary!(SegmentNameUnsynced) {
            disk.sync_directory()?;
        }
        let synced_to = Arc::new(AtomicU64::new(end));
        Ok(Self {
            file,
            number,
            first_seqno,
            next_seqno,
            protection: frames,
            trailer_bytes,
            limit_bytes,
            windows,
            end,
            len: end,
            old_bytes,
            synced_to,
        })
    }

    /// The offset before which all is durable.
    pub(super) fn synced_to(&self) -> u64 {
        self.synced_to.load(Ordering::Acquire)
    }

    /// By which other files of the database know it.
    pub(super) fn mark(&self) -> u64 {
        self.protection.mark()
    }

    /// Facts about the segment as it is now.
    pub(super) fn info(&self) -> SegmentStats {
        SegmentStats {
            number: self.number,
            first_seqno: self.first_seqno,
            last_seqno: self.next_seqno.saturating_sub(1),
            bytes: self.len,
        }
    }

    /// Length of the file.
    fn file_bytes(&self) -> u64 {
        self.len.max(self.old_bytes)
    }

    /// Bytes of a former segment that lie behind the end of this one.
    pub(super) fn spare_bytes(&self) -> u64 {
        self.old_bytes.saturating_sub(self.len)
    }

    /// Number of the record after the last one written here.
    pub(super) fn next_seqno(&self) -> u64 {
        self.next_seqno
    }

    /// Gives as many frames as fit their place and checksum, and hands them to the operating system, in one write but for large
    /// images.
    /// Returns the place of the first that does not fit, which is `from` when the segment is full. A segment without records
    /// takes a frame of any size. With `reserve`, space is reserved for them and some more first.
    pub(super) fn write(&mut self, frames: &mut FrameBuffer, from: Place, reserve: bool) -> Result<Place> {
        let (mut at, mut taken, synced_to) = (from, 0, self.synced_to());
        while let Some(mut frame) = frames.frame_at(at) {
            let offset = self.end + taken as u64;
            let is_first = self.next_seqno == self.first_seqno;
            let needed = offset + (frame.len + frame::FRAME_HEADER_BYTES + self.trailer_bytes) as u64;
            if !is_first && needed > self.limit_bytes {
                break;
            }
            self.next_seqno = frame.seqno().map_or(self.next_seqno, |seqno| seqno + 1);
            frame.stamp(&mut self.protection, offset, synced_to)?;
            (at, taken) = (frame.end, taken + frame.len);
        }
        if taken == 0 {
            return Ok(at);
        }
        let end = self.end + taken as u64;
        if reserve {
            self.file.close_window();
        }
        let prepared = if reserve { self.file_bytes() } else { self.len };
        if end > prepared && end <= self.limit_bytes && (reserve || taken <= WINDOW_WRITE_BYTES) {
            self.extend(end, reserve)?;
        }
        match frames.in_one_piece(from, at) {
            Some(piece) => self.put(piece)?,
            None => frames.pieces(from, at).try_for_each(|piece| self.put(piece))?,
        }
        Ok(at)
    }

    /// Keeps the sync of a log that is rarely synced short.
    pub(super) fn write_back(&mut self) {
        self.file.write_back();
    }

    /// Bytes that were written since the last sync.
    pub(super) fn unsynced_bytes(&self) -> u64 {
        self.end.saturating_sub(self.synced_to())
    }

    /// What has to be synced so that all that was written until now is durable.
    pub(super) fn pending_sync(&self) -> PendingSync {
        let Self { file, end, next_seqno, synced_to, .. } = self;
        PendingSync { file: file.syncer(), end: *end, next_seqno: *next_seqno, synced_to: synced_to.clone() }
    }

    /// Ends the segment. Its records are synced before the seal is written, so that the seal vouches for all of them.
    pub(super) fn seal(&mut self) -> Result<()> {
        self.pending_sync().finish()?;
        let mut seal = Vec::with_capacity(frame::FRAME_HEADER_BYTES);
        frame::begin(&mut seal, self.next_seqno, FrameKind::Seal);
        frame::end(&mut seal, 0, self.trailer_bytes)?;
        let synced_to = self.synced_to();
        self.protection.stamp(&mut seal, self.end, synced_to)?;
        // Nothing follows, so nothing is reserved.
        self.put(&seal)?;
        self.pending_sync().finish()?;
        // What stays reserved behind the seal takes space and is no part of the log.
        if self.file_bytes() > self.end && self.file.truncate(self.end).is_ok() {
            (self.len, self.old_bytes) = (self.end, 0);
        }
        Ok(())
    }

    /// Prepares the file for writes from `end` on, and for those that need it a sync without a change of metadata.
    fn extend(&mut self, end: u64, synced: bool) -> Result<()> {
        let most = if synced { MOST_RESERVE_BYTES } else { WINDOW_BYTES };
        let len = (end + end.clamp(LEAST_RESERVE_BYTES, most)).min(self.limit_bytes);
        if synced {
            self.file.reserve(len)?;
        } else {
            self.windows = self.windows && self.file.open_window(len)?;
            if !self.windows {
                return Ok(());
            }
        }
        self.len = len;
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_at(self.end, bytes)?;
        self.end += bytes.len() as u64;
        self.len = self.len.max(self.end);
        Ok(())
    }
}
