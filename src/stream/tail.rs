//! The newest changes of a shard, in memory until they are cut into a segment.
//!
//! Commits append under the lock of their partition, so changes lie in the order of their sequence numbers. A change
//! may be appended before it is durable; readers stop at the first one that they may not see yet.

use super::{record::Change, sequence::Sequence};
use std::collections::VecDeque;

/// A change and whether readers may see it before it is durable.
#[derive(Clone, Debug)]
struct Entry {
    change: Change,
    buffered: bool,
    bytes: usize,
}

/// Changes in ascending order.
#[derive(Debug, Default)]
pub struct Tail {
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Tail {
    /// Appends a change; returns the memory that it takes, in bytes.
    pub fn push(&mut self, change: Change, buffered: bool) -> usize {
        let bytes = change.memory_bytes();
        self.entries.push_back(Entry { change, buffered, bytes });
        self.bytes += bytes;
        bytes
    }
    /// The first change.
    pub fn first(&self) -> Option<&Change> {
        self.entries.front().map(|entry| &entry.change)
    }
    /// The last change.
    pub fn last(&self) -> Option<&Change> {
        self.entries.back().map(|entry| &entry.change)
    }
    /// Memory of all changes, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
    /// Changes from `from` on, at most `limit`, up to the first one that may not be read yet.
    pub fn read(&self, from: Sequence, visible: u64, limit: usize) -> Vec<Change> {
        let start = self.entries.partition_point(|entry| entry.change.sequence < from);
        let readable = |entry: &&Entry| entry.buffered || entry.change.sequence.seqno <= visible;
        self.entries.range(start..).take(limit).take_while(readable).map(|entry| entry.change.clone()).collect()
    }
    /// The changes that may be read.
    fn readable(&self, visible: u64) -> impl Iterator<Item = &Change> {
        let readable = move |entry: &&Entry| entry.buffered || entry.change.sequence.seqno <= visible;
        self.entries.iter().take_while(readable).map(|entry| &entry.change)
    }
    /// Where the first readable change stands that is not older than `since_millis`.
    pub fn first_since(&self, since_millis: u64, visible: u64) -> Option<Sequence> {
        self.readable(visible).find(|change| change.at_millis >= since_millis).map(|change| change.sequence)
    }
    /// Where the last readable change stands.
    pub fn last_readable(&self, visible: u64) -> Option<Sequence> {
        self.readable(visible).last().map(|change| change.sequence)
    }
    /// All changes whose commits are durable.
    pub fn durable(&self, visible: u64) -> Vec<Change> {
        let end = self.entries.partition_point(|entry| entry.change.sequence.seqno <= visible);
        self.entries.range(..end).map(|entry| entry.change.clone()).collect()
    }
    /// Forgets the changes of commits up to `seqno`; returns the memory given back, in bytes.
    pub fn drop_through(&mut self, seqno: u64) -> usize {
        let end = self.entries.partition_point(|entry| entry.change.sequence.seqno <= seqno);
        let bytes = self.entries.drain(..end).map(|entry| entry.bytes).sum();
        self.bytes -= bytes;
        bytes
    }
    /// Number of the last commit before the first one that is younger than `horizon_millis`, if there is one to forget.
    pub fn expired_through(&self, horizon_millis: u64, visible: u64) -> Option<u64> {
        let old = |entry: &&Entry| entry.change.at_millis <= horizon_millis && entry.change.sequence.seqno <= visible;
        // The changes of a commit bear one time, so that none of them stays without the others.
        self.entries.iter().take_while(old).last().map(|entry| entry.change.sequence.seqno)
    }
}
