//! The newest changes of a shard, in memory until they are cut into a segment.
//!
//! Commits append under the lock of their partition, so changes are in the order of their sequence numbers. They are in
//! blocks, encoded as a segment has them: a commit copies its images behind one another instead of keeping each alive,
//! readers and cuts share full blocks as they are, and a cut block is given back as a whole. A change may be appended
//! before it is durable; readers stop at the first one that they may not see yet.
//!
//! The changes of one commit are never divided between blocks, because a segment vouches for whole commits.

use super::{record::Change, retention::Horizon, sequence::Sequence};
use crate::schema::KeySchema;
use bytes::Bytes;
use parking_lot::Mutex;
use std::{collections::VecDeque, sync::Arc};

/// Bytes of changes from which on a block takes no further commit.
const FULL_BLOCK_BYTES: usize = 64 << 10;
/// Empty blocks of a database that are kept, about 8 MiB of them.
const MOST_SPARES: usize = 128;

/// What is known of a change without decoding it, and whether readers may see it before it is durable.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Where it is.
    pub sequence: Sequence,
    /// Milliseconds since 1970 of the commit.
    pub at_millis: u64,
    /// Where its bytes end in the block.
    pub end: usize,
    buffered: bool,
}

impl Entry {
    fn is_readable(&self, visible: u64) -> bool {
        self.buffered || self.sequence.seqno <= visible
    }
}

/// Changes that are behind one another, with as many entries.
#[derive(Debug, Default)]
pub struct Block {
    entries: Vec<Entry>,
    bytes: Vec<u8>,
}

/// A full block whose bytes are shared by what is read from it.
#[derive(Clone)]
struct Shared(Arc<Block>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.bytes()
    }
}

/// Blocks that were cut and are used again. Commits fill blocks and a cut empties them on another thread, many at a time:
/// through the allocator, commits would wait while it gives their memory back to the operating system, and then ask for
/// it again.
#[derive(Debug, Default)]
pub struct BlockPool(Mutex<Vec<Block>>);

impl BlockPool {
    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.0.lock().len()
    }
    fn take(&self) -> Block {
        self.0.lock().pop().unwrap_or_default()
    }
    fn give(&self, blocks: Vec<Arc<Block>>) {
        for mut block in blocks.into_iter().filter_map(Arc::into_inner) {
            let mut spares = self.0.lock();
            if spares.len() < MOST_SPARES && block.bytes.len() <= 2 * FULL_BLOCK_BYTES {
                block.entries.clear();
                block.bytes.clear();
                spares.push(block);
            }
        }
    }
}

impl Block {
    /// What is known of its changes, in their order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
    /// The bytes of its changes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
    fn first_seqno(&self) -> Option<u64> {
        self.entries.first().map(|entry| entry.sequence.seqno)
    }
    fn last_seqno(&self) -> Option<u64> {
        self.entries.last().map(|entry| entry.sequence.seqno)
    }
    fn memory_bytes(&self) -> usize {
        self.bytes().len() + self.entries.len() * size_of::<Entry>()
    }
    /// Where the bytes are of the changes from `from` on, at most `limit`, up to the first that may not be read; and how
    /// many they are.
    fn find(&self, from: Sequence, visible: u64, limit: usize) -> (std::ops::Range<usize>, usize) {
        let start = self.entries.partition_point(|entry| entry.sequence < from);
        let rest = self.entries.get(start..).unwrap_or_default();
        let count = rest.iter().take(limit).take_while(|entry| entry.is_readable(visible)).count();
        let end_of = |count: usize| count.checked_sub(1).and_then(|last| self.entries.get(last)).map_or(0, |e| e.end);
        (end_of(start)..end_of(start + count), count)
    }
}

/// Changes in ascending order.
#[derive(Debug, Default)]
pub struct Tail {
    full: VecDeque<Arc<Block>>,
    open: Block,
    memory_bytes: usize,
    spares: Arc<BlockPool>,
}

impl Tail {
    /// An empty tail that uses blocks again.
    pub fn new(spares: Arc<BlockPool>) -> Self {
        Self { spares, ..Self::default() }
    }
    /// Appends a change; returns the memory that it takes, in bytes.
    pub fn push(&mut self, change: &Change, key: &KeySchema, buffered: bool) -> usize {
        let Change { sequence, at_millis, .. } = *change;
        if self.open.bytes.len() >= FULL_BLOCK_BYTES && self.open.last_seqno() != Some(sequence.seqno) {
            self.close_block();
        }
        let before = self.open.memory_bytes();
        change.encode(key, &mut self.open.bytes);
        self.open.entries.push(Entry { sequence, at_millis, end: self.open.bytes.len(), buffered });
        let bytes = self.open.memory_bytes() - before;
        self.memory_bytes += bytes;
        bytes
    }

    fn close_block(&mut self) {
        if !self.open.entries.is_empty() {
            self.full.push_back(Arc::new(std::mem::replace(&mut self.open, self.spares.take())));
        }
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.full.iter().flat_map(|block| block.entries()).chain(self.open.entries())
    }
    /// Number of the first commit.
    pub fn first_seqno(&self) -> Option<u64> {
        self.full.front().map_or_else(|| self.open.first_seqno(), |block| block.first_seqno())
    }
    /// Where the last change is.
    pub fn last(&self) -> Option<Sequence> {
        let last = self.open.entries.last().or_else(|| self.full.back()?.entries.last());
        last.map(|entry| entry.sequence)
    }
    /// Memory of all changes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// The bytes of changes from `from` on, at most `limit`, up to the first one that may not be read yet, and how many
    /// these are.
    pub fn read(&self, from: Sequence, visible: u64, limit: usize) -> (Vec<Bytes>, usize) {
        let mut found = Vec::new();
        let mut room = limit;
        let start = self.full.partition_point(|block| block.entries.last().is_none_or(|last| last.sequence < from));
        for block in self.full.range(start..) {
            let (range, count) = block.find(from, visible, room);
            found.push(Bytes::from_owner(Shared(block.clone())).slice(range));
            room -= count;
            if room == 0 || block.entries.last().is_some_and(|last| !last.is_readable(visible)) {
                return (found, limit - room);
            }
        }
        let (range, count) = self.open.find(from, visible, room);
        found.push(Bytes::copy_from_slice(self.open.bytes.get(range).unwrap_or_default()));
        (found, limit - room + count)
    }

    /// Where the first readable change is that is not older than `since_millis`.
    pub fn first_since(&self, since_millis: u64, visible: u64) -> Option<Sequence> {
        let mut readable = self.entries().take_while(|entry| entry.is_readable(visible));
        readable.find(|entry| entry.at_millis >= since_millis).map(|entry| entry.sequence)
    }
    /// Where the last readable change is.
    pub fn last_readable(&self, visible: u64) -> Option<Sequence> {
        self.entries().take_while(|entry| entry.is_readable(visible)).last().map(|entry| entry.sequence)
    }

    /// The blocks of commits up to `seqno`, all of whose changes are there.
    pub fn blocks_through(&mut self, seqno: u64) -> Vec<Arc<Block>> {
        let is_through = |last: Option<u64>| last.is_some_and(|last| last <= seqno);
        if is_through(self.open.last_seqno()) {
            self.close_block();
        }
        self.full.iter().take_while(|block| is_through(block.last_seqno())).cloned().collect()
    }
    /// Forgets the blocks of commits up to `seqno`; returns the memory given back, in bytes.
    pub fn drop_through(&mut self, seqno: u64) -> usize {
        let gone = self.blocks_through(seqno);
        self.full.drain(..gone.len());
        let bytes = gone.iter().map(|block| block.memory_bytes()).sum();
        self.memory_bytes -= bytes;
        self.spares.give(gone);
        bytes
    }
    /// Changes from a place on that are of `aged_millis` or before.
    pub fn aged_records(&self, from: Sequence, aged_millis: u64) -> u64 {
        let aged = self.entries().take_while(|entry| entry.at_millis <= aged_millis);
        aged.filter(|entry| entry.sequence >= from).count() as u64
    }
    /// The last change before the first block that is not too old, if there is one to forget.
    pub fn expired_through(&self, horizon: &Horizon, visible: u64) -> Option<Sequence> {
        let is_old =
            |entry: &Entry| horizon.is_passed(entry.sequence, entry.at_millis) && entry.sequence.seqno <= visible;
        let full = self.full.iter().map(|block| block.entries()).take_while(|block| block.iter().all(is_old)).last();
        // The open block is left for later unless it is all there is.
        let open = Some(self.open.entries()).filter(|open| self.full.is_empty() && open.iter().all(is_old));
        full.or(open)?.last().map(|entry| entry.sequence)
    }
}
