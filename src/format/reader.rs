//! Reads the frames of one file from front to back, in windows of a bounded size, and says what is where they stop.
//!
//! Files are read by position and not mapped: a log is read once, and a medium that fails under a map kills the process
//! instead of returning an error.

use super::{
    frame::{FRAME_HEADER_BYTES, FrameHeader, FrameKind},
    frame_protection::FrameProtection,
};
use crate::{canary::canary, error::Result, file::ReadableFile};
use bytes::Bytes;

/// Bytes read at a time: few enough that the next window is read into the memory of the one before, which is warm. A fresh page of
/// memory costs more than to copy one.
const WINDOW_BYTES: usize = 64 << 10;
/// The search for a later frame gives up after checking this many times the bytes that it searches; only bytes made
/// to look like headers all over can cost that much.
const SEARCH_EFFORT: u64 = 16;

/// A frame that is what its writer wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Where it begins in the file.
    pub offset: u64,
    /// Its number.
    pub seqno: u64,
    /// Record or seal.
    pub kind: FrameKind,
    /// Offset below which the file was on stable storage when the frame was written.
    pub synced_to: u64,
    /// What it carries; shares the window that it was read in, unless the file is encrypted.
    pub payload: Bytes,
}

/// What is at an offset at which no frame could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Zeros up to the end of the file, or nothing.
    Zeros,
    /// Bytes that no later frame vouches for.
    Unsettled,
    /// A later frame, at this offset, was written when the bytes here were known to be safe; or the search for one was
    /// given up there.
    Vouched(u64),
}

/// Reads frames in order.
#[derive(Debug)]
pub struct FrameReader {
    file: Box<dyn ReadableFile>,
    protection: FrameProtection,
    offset: u64,
    window: Bytes,
    window_offset: u64,
}

impl FrameReader {
    /// A reader of the frames from `offset` on.
    pub fn new(file: Box<dyn ReadableFile>, protection: FrameProtection, offset: u64) -> Self {
        Self { file, protection, offset, window: Bytes::new(), window_offset: 0 }
    }

    /// From here on frames have a tag, or none.
    pub fn set_tagged(&mut self, is_tagged: bool) {
        self.protection = self.protection.clone().tagged(is_tagged);
    }

    /// Where the next frame would begin.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next frame; `None` where none can be read. Errors: disk; a frame of an encrypted file that was written without the
    /// key.
    pub fn next_frame(&mut self) -> Result<Option<Frame>> {
        let offset = self.offset;
        let frame = self.frame_at(offset)?;
        if let Some((header, bytes)) = frame {
            self.offset = offset + bytes.len() as u64;
            let payload = self.protection.payload(&bytes, offset)?;
            let synced_to = u64::from(header.synced_to);
            return Ok(Some(Frame { offset, seqno: header.seqno, kind: header.kind, synced_to, payload }));
        }
        Ok(None)
    }

    /// What is at the current offset, where [`FrameReader::next_frame`] found no frame. Reads on to the end of the
    /// file.
    pub fn rest(&mut self) -> Result<Rest> {
        let from = self.offset;
        match self.first_nonzero(from)? {
            None => Ok(Rest::Zeros),
            Some(nonzero) => self.search_voucher(from, nonzero),
        }
    }

    fn first_nonzero(&mut self, from: u64) -> Result<Option<u64>> {
        let mut at = from;
        loop {
            // Holes are zeros that need no reading, however many.
            at = self.file.data_from(at);
            let window = self.bytes_up_to(at, WINDOW_BYTES)?;
            if window.is_empty() {
                return Ok(None);
            }
            if let Some(ahead) = window.iter().position(|byte| *byte != 0) {
                return Ok(Some(at + ahead as u64));
            }
            at += window.len() as u64;
        }
    }

    /// Looks for an intact frame behind `bad` whose `synced_to` is above `bad`. Every offset is tried, since behind
    /// bad bytes nothing says where frames begin; only the zeros before `nonzero` are skipped, up to where a header
    /// could reach it.
    fn search_voucher(&mut self, bad: u64, nonzero: u64) -> Result<Rest> {
        let tag = self.protection.tag();
        let mut at = (bad + 1).max(nonzero.saturating_sub(FRAME_HEADER_BYTES as u64));
        let mut effort_left = SEARCH_EFFORT.saturating_mul(self.file.len().saturating_sub(bad));
        loop {
            at = at.max(self.file.data_from(at).saturating_sub(FRAME_HEADER_BYTES as u64));
            let window = self.bytes_up_to(at, WINDOW_BYTES)?;
            let Some(last) = window.len().checked_sub(FRAME_HEADER_BYTES) else {
                return Ok(Rest::Unsettled);
            };
            let mut from = 0;
            while let Some(places) = tag.search(&window, from) {
                from = places.end;
                for ahead in places {
                    let Some(header) = window.get(ahead..).and_then(|bytes| FrameHeader::parse(bytes, tag)) else {
                        continue;
                    };
                    let offset = at + ahead as u64;
                    let synced_to = u64::from(header.synced_to);
                    let bytes = header.frame_bytes() as u64;
                    if synced_to <= bad || synced_to > offset || bytes > self.file.len() - offset {
                        continue;
                    }
                    let Some(left) = effort_left.checked_sub(bytes) else {
                        return Ok(Rest::Vouched(offset));
                    };
                    effort_left = left;
                    let frame = self.file.read_at(offset, header.frame_bytes())?;
                    if self.protection.is_intact(&frame, header.checksum, offset) {
                        return Ok(Rest::Vouched(offset));
                    }
                }
            }
            at += last as u64 + 1;
        }
    }

    fn frame_at(&mut self, offset: u64) -> Result<Option<(FrameHeader, Bytes)>> {
        let tag = self.protection.tag();
        let Some(header) = FrameHeader::parse(&self.bytes_up_to(offset, FRAME_HEADER_BYTES)?, tag) else {
            return Ok(None);
        };
        let bytes = self.bytes_up_to(offset, header.frame_bytes())?;
        let intact = bytes.len() == header.frame_bytes()
            && (canary!(TornFrame) || self.protection.is_intact(&bytes, header.checksum, offset));
        Ok(intact.then_some((header, bytes)))
    }

    /// `len` bytes from `offset`, or fewer where the file ends.
    fn bytes_up_to(&mut self, offset: u64, len: usize) -> Result<Bytes> {
        let ahead = self.file.len().saturating_sub(offset);
        let len = usize::try_from(ahead).map_or(len, |ahead| len.min(ahead));
        if len == 0 {
            return Ok(Bytes::new());
        }
        let held = offset.checked_sub(self.window_offset).and_then(|skip| usize::try_from(skip).ok());
        if let Some(skip) = held
            && let Some(end) = skip.checked_add(len)
            && end <= self.window.len()
        {
            return Ok(self.window.slice(skip..end));
        }
        let wanted = usize::try_from(ahead).map_or(WINDOW_BYTES, |ahead| WINDOW_BYTES.min(ahead)).max(len);
        self.window = Bytes::new();
        self.window = self.file.read_at(offset, wanted)?;
        self.window_offset = offset;
        Ok(self.window.slice(..len))
    }
}
