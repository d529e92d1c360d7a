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
    open_segment::{Index, OpenSegment, OpenSegments, Place, corrupt, frame_at},
    record::Change,
    sequence::Sequence,
    shard_page::PageFill,
    tail::{Block as TailBlock, Entry},
};
use crate::{
    config::ReadMode,
    error::{Error, Result},
    file::{Disk, FileName, ReadableFile, WritableFile},
    format::{
        frame::{self, FrameKind},
        frame_protection::FrameProtection,
        header::{FileHeader, FileMagic, HeaderFault},
        protection::{MAX_HEADER_BYTES, Protection},
        varint,
    },
    item::NamedBytes,
    manifest::StreamSegmentMeta,
};
use bytes::Bytes;
use std::sync::{Arc, OnceLock};

/// Bytes of changes after which a block ends.
const BLOCK_BYTES: usize = 64 << 10;
/// Bytes of blocks after which a read with a limit ends: more than a page of records has.
const READ_BYTES: usize = 2 << 20;

/// What a segment is written from and read with.
#[derive(Clone, Debug)]
pub struct SegmentContext {
    /// Where segments are.
    pub disk: Arc<dyn Disk>,
    /// The database, and its keys if it is encrypted.
    pub protection: Protection,
    maps: bool,
    open: Arc<OpenSegments>,
}

/// A block, as the index knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub offset: u64,
    pub bytes: usize,
    pub first: Sequence,
    pub last_millis: u64,
}

/// A sealed segment. Its index is kept once it was read. Of all segments, of which there may be thousands, only the few that
/// were read last have their files open.
#[derive(Debug)]
pub struct Segment {
    facts: StreamSegmentMeta,
    context: SegmentContext,
    index: OnceLock<Arc<Index>>,
    open: Arc<Place>,
    /// The segment that took its place, for readers that found this one before.
    successor: OnceLock<Arc<Segment>>,
}

impl SegmentContext {
    /// For a database whose segments are on a disk and are protected so. They are read as runs are.
    pub fn new(disk: &Arc<dyn Disk>, protection: &Protection, mode: ReadMode) -> Self {
        let (disk, protection, maps) = (Arc::clone(disk), protection.clone(), mode == ReadMode::Mapped);
        Self { disk, protection, maps, open: Arc::default() }
    }

    /// Writes blocks of changes, which must not be none, as a segment; file and folder are synced when this returns. It
    /// takes the blocks, since a tail uses one again only if no reader holds it when it is cut.
    pub fn write(&self, file: u64, shard: u64, blocks: Vec<Arc<TailBlock>>) -> Result<StreamSegmentMeta> {
        let mut writer = SegmentWriter::create(self, file, shard)?;
        let mut facts = StreamSegmentMeta::default();
        for block in &blocks {
            let mut start = 0;
            let mut rest = block.entries();
            while let Some(first) = rest.first() {
                let is_enough = |entry: &Entry| entry.end - start >= BLOCK_BYTES;
                let (taken, others) = rest.split_at(rest.iter().position(is_enough).map_or(rest.len(), |at| at + 1));
                let end = taken.last().map_or(start, |last| last.end);
                let last_millis = taken.iter().map(|entry| entry.at_millis).max().unwrap_or_default();
                if facts.records == 0 {
                    facts.first_seqno = first.sequence.seqno;
                }
                facts.records += taken.len() as u64;
                if let Some(Entry { sequence: last, .. }) = taken.last() {
                    (facts.last_seqno, facts.last_ordinal) = (last.seqno, Some(last.ordinal));
                }
                facts.last_millis = facts.last_millis.max(last_millis);
                writer.put(first.sequence, last_millis, block.bytes().get(start..end).unwrap_or_default())?;
                (start, rest) = (end, others);
            }
        }
        let written = writer.finish(facts.last_seqno)?;
        let StreamSegmentMeta { file, shard, bytes, index_offset, generation, mark, .. } = written;
        Ok(StreamSegmentMeta { file, shard, bytes, index_offset, generation, mark, ..facts })
    }
}

/// A segment that is being written.
struct SegmentWriter<'a> {
    context: &'a SegmentContext,
    out: Box<dyn WritableFile>,
    protection: FrameProtection,
    /// What is known of the file so far.
    facts: StreamSegmentMeta,
    index: Vec<u8>,
    blocks: u64,
    frame: Vec<u8>,
}

impl<'a> SegmentWriter<'a> {
    fn create(context: &'a SegmentContext, file: u64, shard: u64) -> Result<Self> {
        let database_id = context.protection.database_id();
        let header = FileHeader {
            magic: FileMagic::Stream,
            database_id,
            number: file,
            detail: shard,
            takes_over: false,
            is_reused: false,
            mark: 0,
        };
        let (header, protection) = context.protection.begin(&header)?;
        let mut out = context.disk.create(FileName::Stream(file))?;
        out.append(&header)?;
        let (generation, mark, bytes) = (protection.generation(), protection.mark(), header.len() as u64);
        let facts = StreamSegmentMeta { file, shard, generation, mark, bytes, ..StreamSegmentMeta::default() };
        Ok(Self { context, out, protection, facts, index: Vec::new(), blocks: 0, frame: Vec::new() })
    }

    /// Writes a block of changes, of which it is given the place of the first and the highest time.
    fn put(&mut self, first: Sequence, last_millis: u64, changes: &[u8]) -> Result<()> {
        self.frame.clear();
        frame::begin(&mut self.frame, first.seqno, FrameKind::Data);
        self.frame.extend_from_slice(changes);
        let offset = self.facts.bytes;
        self.append()?;
        let bytes = self.facts.bytes - offset;
        for number in [offset, bytes, first.seqno, first.ordinal.into(), last_millis] {
            varint::put(number, &mut self.index);
        }
        self.blocks += 1;
        Ok(())
    }

    /// Writes the index and makes the file durable.
    fn finish(mut self, last_seqno: u64) -> Result<StreamSegmentMeta> {
        self.frame.clear();
        frame::begin(&mut self.frame, last_seqno, FrameKind::Seal);
        varint::put(self.blocks, &mut self.frame);
        self.frame.extend_from_slice(&self.index);
        self.facts.index_offset = self.facts.bytes;
        self.append()?;
        self.out.sync()?;
        self.context.disk.sync_directory()?;
        Ok(self.facts)
    }

    fn append(&mut self) -> Result<()> {
        frame::end(&mut self.frame, 0, self.protection.trailer_bytes())?;
        self.protection.stamp(&mut self.frame, self.facts.bytes, 0)?;
        self.out.append(&self.frame)?;
        self.facts.bytes += self.frame.len() as u64;
        Ok(())
    }
}

impl Segment {
    /// A segment that the manifest knows; nothing is read.
    pub fn new(facts: StreamSegmentMeta, context: SegmentContext) -> Self {
        Self { facts, context, index: OnceLock::new(), open: Arc::default(), successor: OnceLock::new() }
    }
    /// What the manifest knows.
    pub fn facts(&self) -> &StreamSegmentMeta {
        &self.facts
    }

    /// Adds changes to a page until it is full, or some megabytes were read, or the segment ends; true if it ended.
    pub(super) fn read<T>(&self, page: &mut PageFill<T, impl FnMut(Change) -> T>) -> Result<bool> {
        let open = self.open()?;
        let blocks = open.blocks();
        let mut bytes = 0;
        let start = blocks.partition_point(|block| block.first <= page.from()).saturating_sub(1);
        page.expect(usize::try_from(self.facts.records).unwrap_or(usize::MAX));
        for (position, block) in blocks.iter().enumerate().skip(start) {
            if page.left() == 0 || (bytes >= READ_BYTES && !page.is_unlimited()) {
                return Ok(false);
            }
            bytes += block.bytes;
            let changes = Arc::new(NamedBytes::plain(open.changes(position)?));
            if !page.take(&changes, 0..changes.bytes().len()) {
                return Err(open.malformed(*block));
            }
        }
        Ok(page.left() > 0)
    }

    /// The first change that is not older than `since_millis`, or `None`.
    pub fn first_since(&self, since_millis: u64) -> Result<Option<Sequence>> {
        let open = self.open()?;
        for (position, block) in open.blocks().iter().enumerate() {
            if block.last_millis >= since_millis {
                let found = each_change(&open, *block, open.changes(position)?, |change| {
                    Ok((change.at_millis >= since_millis).then_some(change.sequence))
                });
                if let Some(sequence) = found? {
                    return Ok(Some(sequence));
                }
            }
        }
        Ok(None)
    }

    /// Writes the same changes to another file, as that is protected now; file and folder are synced when this returns.
    #[cfg(feature = "encryption")]
    pub fn copy_to(&self, context: &SegmentContext, file: u64) -> Result<StreamSegmentMeta> {
        let open = self.open_anew()?;
        let mut writer = SegmentWriter::create(context, file, self.facts.shard)?;
        for (position, block) in open.blocks().iter().enumerate() {
            writer.put(block.first, block.last_millis, &open.changes_verified(position)?)?;
        }
        let written = writer.finish(self.facts.last_seqno)?;
        let StreamSegmentMeta { file, bytes, index_offset, generation, mark, .. } = written;
        Ok(StreamSegmentMeta { file, bytes, index_offset, generation, mark, ..self.facts.clone() })
    }
    /// Another segment with the same changes takes the place of this one, whose file goes.
    #[cfg(feature = "encryption")]
    pub fn succeed(&self, successor: Arc<Self>) {
        let _only_the_first_counts = self.successor.set(successor);
    }

    /// Reads every byte and checks it against the facts, one block at a time.
    pub fn verify(&self) -> Result<()> {
        let open = self.open_anew()?;
        let (mut first, mut last, mut records) = (None, None, 0);
        for (position, block) in open.blocks().iter().enumerate() {
            each_change::<()>(&open, *block, open.changes_verified(position)?, |change| {
                if last.is_some_and(|last| last >= change.sequence) {
                    return Err(self.corrupt(block.offset, "its changes are not in order"));
                }
                [&change.keys, &change.old, &change.new].into_iter().flatten().try_for_each(|image| image.check())?;
                last = Some(change.sequence);
                first = first.or(last);
                records += 1;
                Ok(None)
            })?;
        }
        let facts = &self.facts;
        let seqno = |sequence: Option<Sequence>| sequence.map(|sequence| sequence.seqno);
        if (records, seqno(first), seqno(last)) == (facts.records, Some(facts.first_seqno), Some(facts.last_seqno)) {
            return Ok(());
        }
        Err(self.corrupt(0, "its changes are not those that the manifest knows of"))
    }

    /// The segment with its file open: this one, or the one that took its place.
    fn open(&self) -> Result<Arc<OpenSegment>> {
        if let Some(open) = &*self.open.lock() {
            return Ok(Arc::clone(open));
        }
        let open = Arc::new(self.open_file(self.context.maps)?);
        self.context.open.keep(&self.open, &open);
        Ok(open)
    }

    /// The same for one who looks at every byte once: the bytes come from the file.
    fn open_anew(&self) -> Result<OpenSegment> {
        self.open_file(false)
    }

    fn open_file(&self, maps: bool) -> Result<OpenSegment> {
        let file = match (self.context.disk.open(FileName::Stream(self.facts.file), maps), self.successor.get()) {
            (Ok(file), _) => file,
            (Err(_), Some(successor)) => return successor.open_file(maps),
            (Err(error), None) => return Err(error),
        };
        let index = match self.index.get() {
            Some(index) => index,
            None => {
                let index = Arc::new(self.read_index(&*file)?);
                self.index.get_or_init(|| index)
            }
        };
        Ok(OpenSegment::new(self.facts.file, file, Arc::clone(index)))
    }

    /// Reads header and index.
    fn read_index(&self, file: &dyn ReadableFile) -> Result<Index> {
        if file.len() != self.facts.bytes {
            return Err(self.corrupt(file.len(), "it is not as long as it was"));
        }
        let name = FileName::Stream(self.facts.file);
        let len = usize::try_from(file.len()).map_or(MAX_HEADER_BYTES, |len| len.min(MAX_HEADER_BYTES));
        let protection = &self.context.protection;
        let start = protection.read(FileMagic::Stream, &file.read_at(0, len)?, self.facts.generation == 0);
        let start = start.map_err(|fault| match fault {
            HeaderFault::Damaged => self.corrupt(0, "the header is unreadable"),
            HeaderFault::Locked => self.corrupt(0, "it is encrypted, and there is no key for it"),
            HeaderFault::Plain => self.corrupt(0, "it is not encrypted, but the database is"),
            HeaderFault::Forged => self.corrupt(0, "the header was written without the key of the database"),
            HeaderFault::Newer => {
                let text = format!("cannot read file {name}: it was written by a newer version of this crate");
                Error::incompatible(text)
            }
        })?;
        let (header, protection) = (start.header, start.protection());
        let own = (self.context.protection.database_id(), self.facts.file, self.facts.shard, self.facts.generation);
        if (header.database_id, header.number, header.detail, protection.generation()) != own {
            return Err(self.corrupt(0, "it belongs to another database, file or shard"));
        }
        if protection.mark() != self.facts.mark {
            return Err(self.corrupt(0, "it is not the file that the manifest names, but one of a copy"));
        }
        let at = self.facts.index_offset;
        let bytes = self.facts.bytes.checked_sub(at).and_then(|bytes| usize::try_from(bytes).ok());
        let bytes = bytes.ok_or_else(|| self.corrupt(at, "the index lies outside of the file"))?;
        let payload = frame_at(self.facts.file, file, &protection, at, bytes, FrameKind::Seal)?;
        Index::parse(protection, &payload, at).ok_or_else(|| self.corrupt(at, "the index is malformed"))
    }

    fn corrupt(&self, offset: u64, what: &str) -> Error {
        corrupt(self.facts.file, offset, what)
    }
}

/// Looks at the changes of a block until `look` has found what it looks for.
fn each_change<R>(
    open: &OpenSegment,
    block: Block,
    changes: Bytes,
    mut look: impl FnMut(Change) -> Result<Option<R>>,
) -> Result<Option<R>> {
    let changes = Arc::new(NamedBytes::plain(changes));
    let mut place = 0..changes.bytes().len();
    while !place.is_empty() {
        let change = Change::take(&changes, &mut place).ok_or_else(|| open.malformed(block))?;
        if let Some(found) = look(change)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
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
            open_segment::MOST_OPEN,
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
        let context = SegmentContext::new(disk, &Protection::plain(7), ReadMode::Mapped);
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
        assert!(segment.index.get().unwrap().blocks.len() > 3);
        let read = |from| {
            let mut page = PageFill::new(from, 10, 0, |change| change);
            segment.read(&mut page).unwrap();
            page.finish(false).changes
        };
        for from in [0, 1, 777, 1998, 1999, 777] {
            let out = read(Sequence::new(10 + from / 2, from as usize % 2));
            assert_eq!(out.len(), 10.min(2000 - from as usize));
            assert_eq!(out[0].at_millis, 1000 + from);
        }
        assert!(read(Sequence::first_of(10_000)).is_empty());
        assert_eq!(segment.first_since(1500).unwrap(), Some(Sequence::new(260, 0)));
        assert_eq!(segment.first_since(9_000).unwrap(), None);
    }

    #[test]
    fn the_segments_that_were_opened_last_stay_open() {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
        let context = SegmentContext::new(&disk, &Protection::plain(7), ReadMode::Mapped);
        let segment = |file| {
            let mut tail = Tail::default();
            sample(6).iter().for_each(|change| _ = tail.push(change, &key(), true));
            Segment::new(context.write(file, 9, tail.blocks_through(u64::MAX)).unwrap(), context.clone())
        };
        let mut segments: Vec<Segment> = (0..MOST_OPEN as u64 + 4).map(segment).collect();
        let is_open = |segment: &Segment| segment.open.lock().is_some();
        for _ in 0..2 {
            segments.iter().for_each(|segment| assert!(segment.first_since(0).unwrap().is_some()));
            let open: Vec<bool> = segments.iter().map(is_open).collect();
            assert_eq!(open, [&[false; 4][..], &[true; MOST_OPEN]].concat());
        }
        // Those that are forgotten make room.
        segments.truncate(8);
        segments.iter().for_each(|segment| assert!(segment.first_since(0).unwrap().is_some()));
        assert!(segments.iter().all(is_open));
    }

    #[test]
    fn blocks_that_were_cut_are_used_again() {
        let spares = Arc::<BlockPool>::default();
        let mut tail = Tail::new(spares.clone());
        sample(2000).iter().for_each(|change| _ = tail.push(change, &key(), true));
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
        let context = SegmentContext::new(&disk, &Protection::plain(7), ReadMode::Mapped);
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
            let segment =
                Segment::new(facts.clone(), SegmentContext::new(&other, &Protection::plain(7), ReadMode::Mapped));
            let refused = segment.verify().unwrap_err().kind();
            assert!(matches!(refused, ErrorKind::Corrupt | ErrorKind::Incompatible), "byte {at}");
        }
    }
}
