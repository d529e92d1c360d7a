//! Follows a log that is being written: reads what became durable since the last time, from where that ended.
//!
//! A [`LogReader`](super::LogReader) judges a whole log, as recovery does. A cursor reads a log whose end the writer vouches for:
//! it keeps its place, so that each record is read once however often the cursor is asked.

use super::{bounds::LogBounds, segment_reader::first_bytes};
use crate::{
    error::{Error, Result},
    file::{Disk, FileName},
    format::{frame::FrameKind, header::FileMagic, protection::Protection, reader::FrameReader},
};
use bytes::Bytes;
use std::collections::BTreeMap;

/// A place in a log that is being written.
#[derive(Clone, Debug)]
pub struct LogCursor {
    /// Number of the next record.
    next: u64,
    /// The segment that has it, and where its frame begins; `None` before it was looked for.
    place: Option<(u64, u64)>,
}

/// The part of a log that a cursor may read.
pub struct DurablePart<'a> {
    /// Where the segments are.
    pub disk: &'a dyn Disk,
    /// How they are protected.
    pub protection: &'a Protection,
    /// What the manifest says of the log.
    pub bounds: &'a LogBounds,
    /// Segments and the bytes of each that count.
    pub segments: &'a BTreeMap<u64, u64>,
    /// The last record that is durable.
    pub last: u64,
}

impl LogCursor {
    /// Before the record with this number.
    pub fn before(next: u64) -> Self {
        Self { next, place: None }
    }
    /// Number of the next record.
    pub fn next(&self) -> u64 {
        self.next
    }
    /// The segment that the next record is read from; `None` before that was looked for.
    pub fn segment(&self) -> Option<u64> {
        self.place.map(|(segment, _)| segment)
    }

    /// Hands out records up to the last durable one, or until `take` returns false, which keeps the cursor behind that record.
    ///
    /// # Errors
    /// `NotFound` if the next record is not in the log any more; `Corrupt` for damage; disk; those of `take`.
    pub fn read(&mut self, part: &DurablePart<'_>, take: &mut dyn FnMut(u64, &Bytes) -> Result<bool>) -> Result<()> {
        while self.next <= part.last {
            let (segment, offset) = match self.place {
                Some(place) => place,
                None => self.find(part)?,
            };
            let Some(end) = part.segments.get(&segment).copied() else { return Err(self.gone()) };
            if !self.read_segment(part, (segment, offset, end), take)? {
                return Ok(());
            }
            if self.next <= part.last {
                let Some((next, _)) = part.segments.range(segment + 1..).next() else { return Err(self.gone()) };
                self.place = Some((*next, 0));
            }
        }
        Ok(())
    }

    /// Reads on in one segment; whether to go on behind it.
    fn read_segment(
        &mut self,
        part: &DurablePart<'_>,
        (segment, offset, end): (u64, u64, u64),
        take: &mut dyn FnMut(u64, &Bytes) -> Result<bool>,
    ) -> Result<bool> {
        let file = part.disk.open(FileName::Log(segment), false)?;
        let takes_plain = segment < part.bounds.encrypted_from;
        let start = part.protection.read(FileMagic::Log, &first_bytes(&*file)?, takes_plain);
        let start = start.map_err(|_| Error::corrupt(FileName::Log(segment), 0, "its header cannot be read"))?;
        let mut frames = FrameReader::new(file, start.protection(), offset.max(start.bytes));
        while frames.offset() < end && self.next <= part.last {
            let Some(frame) = frames.next_frame()? else {
                return Err(Error::corrupt(FileName::Log(segment), frames.offset(), "a record cannot be read"));
            };
            if frame.kind == FrameKind::Seal {
                return Ok(true);
            }
            if frame.seqno > self.next {
                return Err(self.gone());
            }
            self.place = Some((segment, frames.offset()));
            if frame.seqno < self.next {
                continue;
            }
            self.next = frame.seqno + 1;
            if !take(frame.seqno, &frame.payload)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The last segment that begins at or before the next record.
    fn find(&mut self, part: &DurablePart<'_>) -> Result<(u64, u64)> {
        for segment in part.segments.keys().rev().copied() {
            let file = part.disk.open(FileName::Log(segment), false)?;
            let takes_plain = segment < part.bounds.encrypted_from;
            let start = part.protection.read(FileMagic::Log, &first_bytes(&*file)?, takes_plain);
            if start.is_ok_and(|start| start.header.detail <= self.next) {
                self.place = Some((segment, 0));
                return Ok((segment, 0));
            }
        }
        Err(self.gone())
    }

    #[cold]
    fn gone(&self) -> Error {
        Error::not_found(format!("commit {} is not in the log any more", self.next))
    }
}
