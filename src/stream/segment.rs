//! Segments: the older changes of a shard, sealed in files.
//!
//! A segment holds changes in the order of their sequence numbers, in blocks of about 64 KiB, and behind them an index
//! by which a reader finds the block that it wants. Blocks and index are frames like those of the log: their checksums
//! begin from the database, the number of the file and the offset, so that a misplaced block is found out like a damaged
//! one. A segment is written once, synced, and never changed.
//!
//! ```text
//! file  := header (64 bytes, detail = number of the shard), block .., index
//! block := frame (kind record, number = that of its first commit) of change, change, ..
//! index := frame (kind seal, number = that of its last commit) of varint count,
//!          count x (varint offset, varint frame bytes, varint seqno and varint place of the first change,
//!                   varint highest at_millis)
//! ```
//! Where the index begins is a fact that the manifest keeps.

use super::{
    record::Change,
    sequence::Sequence,
    tail::{Block as TailBlock, Entry},
};
use crate::{
    error::{Error, Result},
    file::{Disk, FileName, ReadableFile},
    format::{
        frame::{self, FRAME_HEADER_BYTES, FrameHeader, FrameKind, FrameSeed},
        header::{FILE_HEADER_BYTES, FileHeader, FileMagic, HeaderFault},
        varint,
    },
    manifest::StreamSegmentMeta,
};
use bytes::Bytes;
use std::sync::{Arc, OnceLock};

/// Bytes of changes after which a block ends.
const BLOCK_BYTES: usize = 64 << 10;
/// Bytes of blocks after which a read with a limit ends: more than a page of records has.
const READ_BYTES: usize = 2 << 20;
/// Bytes that an index takes for a block at least, for bounding what a count can ask for.
const MIN_INDEX_ENTRY_BYTES: usize = 5;

/// What a segment is written from and read with.
#[derive(Clone, Debug)]
pub struct SegmentContext {
    /// Where segments lie.
    pub disk: Arc<dyn Disk>,
    /// Seed of the checksums.
    pub database_id: u64,
}

/// A block, as the index knows it.
#[derive(Clone, Copy, Debug)]
struct Block {
    offset: u64,
    bytes: usize,
    first: Sequence,
    last_millis: u64,
}

/// A sealed segment. Its index is kept once it was read; the file is open only while it is being read, since there may
/// be thousands.
#[derive(Debug)]
pub struct Segment {
    facts: StreamSegmentMeta,
    context: SegmentContext,
    index: OnceLock<Vec<Block>>,
}

impl SegmentContext {
    /// Writes blocks of changes, which must not be none, as a segment; file and folder are synced when this returns. It
    /// takes the blocks, since a tail uses one again only if no reader holds it when it is cut.
    pub fn write(&self, file: u64, shard: u64, blocks: Vec<Arc<TailBlock>>) -> Result<StreamSegmentMeta> {
        let name = FileName::Stream(file);
        let mut out = self.disk.create(name)?;
        let header = FileHeader {
            magic: FileMagic::Stream,
            database_id: self.database_id,
            number: file,
            detail: shard,
            takes_over: false,
        };
        out.append(&header.encode())?;
        let seed = FrameSeed::new(FileMagic::Stream, self.database_id, file);
        let mut facts = StreamSegmentMeta { file, shard, ..StreamSegmentMeta::default() };
        facts.bytes = FILE_HEADER_BYTES as u64;
        let (mut index, mut frame, mut count) = (Vec::new(), Vec::new(), 0);
        for block in &blocks {
            let mut start = 0;
            let mut rest = block.entries();
            while let Some(first) = rest.first() {
                let is_enough = |entry: &Entry| entry.end - start >= BLOCK_BYTES;
                let (taken, others) = rest.split_at(rest.iter().position(is_enough).map_or(rest.len(), |at| at + 1));
                let end = taken.last().map_or(start, |last| last.end);
                frame.clear();
                frame::begin(&mut frame, first.sequence.seqno, FrameKind::Data);
                frame.extend_from_slice(block.bytes().get(start..end).unwrap_or_default());
                let last_millis = taken.iter().map(|entry| entry.at_millis).max().unwrap_or_default();
                let Sequence { seqno, ordinal } = first.sequence;
                for number in [facts.bytes, frame.len() as u64, seqno, ordinal.into(), last_millis] {
                    varint::put(number, &mut index);
                }
                count += 1;
                facts.records += taken.len() as u64;
                facts.first_seqno = if count == 1 { seqno } else { facts.first_seqno };
                if let Some(Entry { sequence: last, .. }) = taken.last() {
                    (facts.last_seqno, facts.last_ordinal) = (last.seqno, Some(last.ordinal));
                }
                facts.last_millis = facts.last_millis.max(last_millis);
                append(out.as_mut(), &mut frame, seed, &mut facts.bytes)?;
                (start, rest) = (end, others);
            }
        }
        let mut seal = Vec::new();
        frame::begin(&mut seal, facts.last_seqno, FrameKind::Seal);
        varint::put(count, &mut seal);
        seal.extend_from_slice(&index);
        facts.index_offset = facts.bytes;
        append(out.as_mut(), &mut seal, seed, &mut facts.bytes)?;
        out.sync()?;
        self.disk.sync_directory()?;
        Ok(facts)
    }
}

fn append(
    out: &mut dyn crate::file::WritableFile,
    frame_bytes: &mut [u8],
    seed: FrameSeed,
    offset: &mut u64,
) -> Result<()> {
    frame::end(frame_bytes, 0)?;
    frame::stamp(frame_bytes, seed, *offset, 0);
    out.append(frame_bytes)?;
    *offset += frame_bytes.len() as u64;
    Ok(())
}

impl Segment {
    /// A segment that the manifest knows; nothing is read.
    pub fn new(facts: StreamSegmentMeta, context: SegmentContext) -> Self {
        Self { facts, context, index: OnceLock::new() }
    }
    /// What the manifest knows.
    pub fn facts(&self) -> &StreamSegmentMeta {
        &self.facts
    }

    /// Adds changes from `from` on to `out`, until it has `limit`, or some megabytes were read, or the segment ends; true
    /// if it ended.
    pub fn read(&self, from: Sequence, limit: usize, out: &mut Vec<Change>) -> Result<bool> {
        let file = self.open()?;
        let blocks = self.blocks(file.as_ref())?;
        let mut bytes = 0;
        let start = blocks.partition_point(|block| block.first <= from).saturating_sub(1);
        for block in blocks.get(start..).unwrap_or_default() {
            if out.len() >= limit || (bytes >= READ_BYTES && limit != usize::MAX) {
                return Ok(false);
            }
            bytes += block.bytes;
            self.read_block(file.as_ref(), *block, from, limit, out)?;
        }
        Ok(out.len() < limit)
    }

    /// The first change from `from` on that is not older than `since_millis`, or `None`.
    pub fn first_since(&self, from: Sequence, since_millis: u64) -> Result<Option<Sequence>> {
        let file = self.open()?;
        let mut changes = Vec::new();
        for block in self.blocks(file.as_ref())?.iter().filter(|block| block.last_millis >= since_millis) {
            changes.clear();
            self.read_block(file.as_ref(), *block, from, usize::MAX, &mut changes)?;
            if let Some(change) = changes.iter().find(|change| change.at_millis >= since_millis) {
                return Ok(Some(change.sequence));
            }
        }
        Ok(None)
    }

    /// Reads every byte and checks it against the facts, one block at a time.
    pub fn verify(&self) -> Result<()> {
        let file = self.open()?;
        let (mut first, mut last, mut records) = (None, None, 0);
        for block in self.blocks(file.as_ref())? {
            let payload = self.frame_at(file.as_ref(), block.offset, block.bytes, FrameKind::Data)?;
            let mut rest = &payload[..];
            while !rest.is_empty() {
                let change = self.take_change(*block, &payload, &mut rest)?;
                if last.is_some_and(|last| last >= change.sequence) {
                    return Err(self.corrupt(block.offset, "its changes are not in order"));
                }
                [&change.keys, &change.old, &change.new].into_iter().flatten().try_for_each(|image| image.check())?;
                last = Some(change.sequence);
                first = first.or(last);
                records += 1;
            }
        }
        let facts = &self.facts;
        let seqno = |sequence: Option<Sequence>| sequence.map(|sequence| sequence.seqno);
        if (records, seqno(first), seqno(last)) == (facts.records, Some(facts.first_seqno), Some(facts.last_seqno)) {
            return Ok(());
        }
        Err(self.corrupt(0, "its changes are not those that the manifest knows of"))
    }

    fn take_change(&self, block: Block, payload: &Bytes, rest: &mut &[u8]) -> Result<Change> {
        Change::take(payload, rest).ok_or_else(|| self.corrupt(block.offset, "a change in it is malformed"))
    }

    fn read_block(
        &self,
        file: &dyn ReadableFile,
        block: Block,
        from: Sequence,
        limit: usize,
        out: &mut Vec<Change>,
    ) -> Result<()> {
        let payload = self.frame_at(file, block.offset, block.bytes, FrameKind::Data)?;
        let mut rest = &payload[..];
        while !rest.is_empty() && out.len() < limit {
            let change = self.take_change(block, &payload, &mut rest)?;
            if change.sequence >= from {
                out.push(change);
            }
        }
        Ok(())
    }

    fn open(&self) -> Result<Box<dyn ReadableFile>> {
        self.context.disk.open(FileName::Stream(self.facts.file), false)
    }

    fn blocks(&self, file: &dyn ReadableFile) -> Result<&[Block]> {
        if let Some(blocks) = self.index.get() {
            return Ok(blocks);
        }
        let blocks = self.read_index(file)?;
        Ok(self.index.get_or_init(|| blocks))
    }

    fn read_index(&self, file: &dyn ReadableFile) -> Result<Vec<Block>> {
        if file.len() != self.facts.bytes {
            return Err(self.corrupt(file.len(), "it is not as long as it was"));
        }
        let header = FileHeader::decode(FileMagic::Stream, &file.read_at(0, FILE_HEADER_BYTES)?);
        let header = header.map_err(|fault| match fault {
            HeaderFault::Damaged => self.corrupt(0, "the header is unreadable"),
            HeaderFault::Newer => {
                let name = FileName::Stream(self.facts.file);
                let text = format!("cannot read file {name}: it was written by a newer version of this crate");
                Error::incompatible(text)
            }
        })?;
        let own = (self.context.database_id, self.facts.file, self.facts.shard);
        if (header.database_id, header.number, header.detail) != own {
            return Err(self.corrupt(0, "it belongs to another database, file or shard"));
        }
        let at = self.facts.index_offset;
        let bytes = self.facts.bytes.checked_sub(at).and_then(|bytes| usize::try_from(bytes).ok());
        let bytes = bytes.ok_or_else(|| self.corrupt(at, "the index lies outside of the file"))?;
        let payload = self.frame_at(file, at, bytes, FrameKind::Seal)?;
        parse_index(&payload, at).ok_or_else(|| self.corrupt(at, "the index is malformed"))
    }

    /// The payload of the frame that takes these bytes.
    fn frame_at(&self, file: &dyn ReadableFile, offset: u64, bytes: usize, kind: FrameKind) -> Result<Bytes> {
        let frame = file.read_at(offset, bytes)?;
        let seed = FrameSeed::new(FileMagic::Stream, self.context.database_id, self.facts.file);
        let header = FrameHeader::parse(&frame).filter(|header| header.frame_bytes() == bytes && header.kind == kind);
        match header {
            Some(header) if frame::is_intact(&frame, header.checksum, seed, offset) => {
                Ok(frame.slice(FRAME_HEADER_BYTES..))
            }
            _ => Err(self.corrupt(offset, "the checksum does not match")),
        }
    }

    fn corrupt(&self, offset: u64, what: &str) -> Error {
        Error::corrupt(FileName::Stream(self.facts.file), offset, what)
    }
}

fn parse_index(mut bytes: &[u8], index_offset: u64) -> Option<Vec<Block>> {
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
    (bytes.is_empty() && !blocks.is_empty()).then_some(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        error::ErrorKind,
        file::MemoryDisk,
        item::{Item, ItemRef, KeyType},
        schema::{KeyAttribute, KeySchema, StreamView},
        stream::{
            ChangeEvent, Occurrence,
            tail::{BlockPool, Tail},
        },
        wal::record::Origin,
    };

    fn key() -> KeySchema {
        KeySchema { hash: KeyAttribute::new("id", KeyType::S), range: None }
    }

    fn sample(count: usize) -> Vec<Change> {
        let change = |n: usize| {
            let item = ItemRef::from(&Item::new().with("id", format!("k{n}")).with("text", "x".repeat(200)));
            let sequence = Sequence::new(10 + n as u64 / 2, n % 2);
            let (view, event) = (StreamView::NewAndOld, ChangeEvent::Insert);
            let at_millis = 1000 + n as u64;
            Change::of(view, Occurrence { event, sequence, at_millis, origin: Origin::User }, None, Some(item))
        };
        (0..count).map(change).collect()
    }

    fn written(disk: &Arc<dyn Disk>, count: usize) -> Segment {
        let context = SegmentContext { disk: disk.clone(), database_id: 7 };
        let mut tail = Tail::default();
        sample(count).iter().for_each(|change| _ = tail.push(change, &key(), true));
        let facts = context.write(3, 9, tail.blocks_through(u64::MAX)).unwrap();
        Segment::new(facts, context)
    }

    #[test]
    fn changes_are_found_from_any_place() {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
        let segment = written(&disk, 2000);
        segment.verify().unwrap();
        assert!(segment.index.get().unwrap().len() > 3);
        for from in [0, 1, 777, 1998, 1999] {
            let mut out = Vec::new();
            segment.read(Sequence::new(10 + from / 2, from as usize % 2), 10, &mut out).unwrap();
            assert_eq!(out.len(), 10.min(2000 - from as usize));
            assert_eq!(out[0].at_millis, 1000 + from);
        }
        let mut out = Vec::new();
        segment.read(Sequence::first_of(10_000), 10, &mut out).unwrap();
        assert!(out.is_empty());
        assert_eq!(segment.first_since(Sequence::default(), 1500).unwrap(), Some(Sequence::new(260, 0)));
        assert_eq!(segment.first_since(Sequence::default(), 9_000).unwrap(), None);
    }

    #[test]
    fn blocks_that_were_cut_are_used_again() {
        let spares = Arc::<BlockPool>::default();
        let mut tail = Tail::new(spares.clone());
        sample(2000).iter().for_each(|change| _ = tail.push(change, &key(), true));
        let context = SegmentContext { disk: Arc::new(MemoryDisk::new()), database_id: 7 };
        let blocks = tail.blocks_through(u64::MAX);
        let count = blocks.len();
        context.write(3, 9, blocks).unwrap();
        tail.drop_through(u64::MAX);
        assert!(count > 3);
        assert_eq!((spares.count(), tail.memory_bytes()), (count, 0));
        sample(2000).iter().for_each(|change| _ = tail.push(change, &key(), true));
        assert_eq!(spares.count(), 1, "the open block was another one");
    }

    #[test]
    fn every_flipped_byte_is_noticed() {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
        let facts = written(&disk, 6).facts().clone();
        let bytes = disk.open(FileName::Stream(3), false).unwrap().read_at(0, facts.bytes as usize).unwrap();
        for at in 0..bytes.len() {
            let mut damaged = bytes.to_vec();
            damaged[at] ^= 0x20;
            let other: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
            other.create(FileName::Stream(3)).unwrap().append(&damaged).unwrap();
            let segment = Segment::new(facts.clone(), SegmentContext { disk: other, database_id: 7 });
            let refused = segment.verify().unwrap_err().kind();
            assert!(matches!(refused, ErrorKind::Corrupt | ErrorKind::Incompatible), "byte {at}");
        }
    }
}
