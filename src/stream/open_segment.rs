//! A segment while it is read: its file, its index, and which of its blocks were verified.
//!
//! A mapped file is read in place, and a block of it is verified when it is first read, as the pages of runs are. Else each read of
//! a block verifies it. A few files stay open behind the reads, since a reader comes back for the next page at once.

use super::{segment::Block, sequence::Sequence};
use crate::{
    error::{Error, Result},
    file::{FileName, ReadableFile},
    format::{
        frame::{FRAME_HEADER_BYTES, FrameHeader, FrameKind, FrameTag},
        frame_protection::FrameProtection,
        varint,
    },
};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

/// Files of segments of a database that stay open.
pub(super) const MOST_OPEN: usize = 16;
/// Bytes that an index takes for a block at least, for bounding what a count can ask for.
const MIN_INDEX_ENTRY_BYTES: usize = 5;

/// What is read of a segment's file first, and kept.
#[derive(Debug)]
pub(super) struct Index {
    pub protection: FrameProtection,
    pub blocks: Vec<Block>,
}

impl Index {
    /// Reads an index that begins at an offset; `None` if it is malformed.
    pub fn parse(protection: FrameProtection, mut bytes: &[u8], index_offset: u64) -> Option<Self> {
        let count = usize::try_from(varint::take(&mut bytes)?).ok()?;
        if count > bytes.len() / MIN_INDEX_ENTRY_BYTES {
            return None;
        }
        let mut blocks = Vec::with_capacity(count);
        for _ in 0..count {
            let offset = varint::take(&mut bytes)?;
            let block_bytes = usize::try_from(varint::take(&mut bytes)?).ok()?;
            let first =
                Sequence { seqno: varint::take(&mut bytes)?, ordinal: u16::try_from(varint::take(&mut bytes)?).ok()? };
            let last_millis = varint::take(&mut bytes)?;
            if offset.checked_add(block_bytes as u64).is_none_or(|end| end > index_offset) {
                return None;
            }
            blocks.push(Block { offset, bytes: block_bytes, first, last_millis });
        }
        (bytes.is_empty() && !blocks.is_empty()).then_some(Self { protection, blocks })
    }
}

/// A segment whose file is open.
#[derive(Debug)]
pub(super) struct OpenSegment {
    number: u64,
    file: Box<dyn ReadableFile>,
    index: Arc<Index>,
    /// One for each block of a mapped file. The bytes of a verified block never change, so that it guards no other memory.
    verified: Box<[AtomicBool]>,
}

impl OpenSegment {
    pub fn new(number: u64, file: Box<dyn ReadableFile>, index: Arc<Index>) -> Self {
        // A payload that is encrypted is decrypted, and so checked, at each read.
        let is_in_place = file.mapped().is_some() && index.protection.generation() == 0;
        let blocks = if is_in_place { index.blocks.len() } else { 0 };
        Self { number, file, index, verified: (0..blocks).map(|_| AtomicBool::new(false)).collect() }
    }
    /// All blocks, in their order.
    pub fn blocks(&self) -> &[Block] {
        &self.index.blocks
    }
    /// The changes of the block at a position.
    pub fn changes(&self, position: usize) -> Result<Bytes> {
        let Some(&Block { offset, bytes, .. }) = self.index.blocks.get(position) else { return Ok(Bytes::new()) };
        let verified = self.verified.get(position);
        if verified.is_some_and(|verified| verified.load(Ordering::Relaxed)) {
            return Ok(self.file.read_at(offset, bytes)?.slice(FRAME_HEADER_BYTES..));
        }
        if verified.is_some() {
            self.file.will_need(offset, bytes as u64);
        }
        let changes = self.changes_verified(position)?;
        verified.inspect(|verified| verified.store(true, Ordering::Relaxed));
        Ok(changes)
    }
    /// The same, verified whatever was before.
    pub fn changes_verified(&self, position: usize) -> Result<Bytes> {
        let Some(&Block { offset, bytes, .. }) = self.index.blocks.get(position) else { return Ok(Bytes::new()) };
        frame_at(self.number, &*self.file, &self.index.protection, offset, bytes, FrameKind::Data)
    }
    /// The error of a block whose content contradicts itself.
    pub fn malformed(&self, block: Block) -> Error {
        corrupt(self.number, block.offset, "a change in it is malformed")
    }
}

/// The payload of the frame that takes these bytes of a segment's file.
pub(super) fn frame_at(
    number: u64,
    file: &dyn ReadableFile,
    protection: &FrameProtection,
    offset: u64,
    bytes: usize,
    kind: FrameKind,
) -> Result<Bytes> {
    let frame = file.read_at(offset, bytes)?;
    let header = FrameHeader::parse(&frame, FrameTag::default())
        .filter(|header| header.frame_bytes() == bytes && header.kind == kind);
    match header {
        Some(header) if protection.is_intact(&frame, header.checksum, offset) => protection.payload(&frame, offset),
        _ => Err(corrupt(number, offset, "the checksum does not match")),
    }
}

pub(super) fn corrupt(number: u64, offset: u64, what: &str) -> Error {
    Error::corrupt(FileName::Stream(number), offset, what)
}

/// A segment's place for its open file.
pub(super) type Place = Mutex<Option<Arc<OpenSegment>>>;

/// Which segments of a database have their files open; the one that was opened first is closed for the next one. A segment
/// that is forgotten takes its file with it.
#[derive(Debug, Default)]
pub(super) struct OpenSegments(Mutex<VecDeque<Weak<Place>>>);

impl OpenSegments {
    /// Keeps a file open that was just opened.
    pub fn keep(&self, place: &Arc<Place>, open: &Arc<OpenSegment>) {
        *place.lock() = Some(Arc::clone(open));
        let mut all = self.0.lock();
        all.retain(|other| other.strong_count() > 0 && !std::ptr::eq(other.as_ptr(), Arc::as_ptr(place)));
        all.push_back(Arc::downgrade(place));
        let first = if all.len() > MOST_OPEN { all.pop_front() } else { None };
        drop(all);
        if let Some(first) = first.and_then(|first| first.upgrade()) {
            first.lock().take();
        }
    }
}
