//! The token ring of one key space: which partition holds which range of tokens.

use crate::{
    partition::{KeyRef, Partition},
    schema::EncodedKey,
};
use arc_swap::{ArcSwap, Guard};
use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Partitions of a table or global index, ordered by token and without gaps.
#[derive(Debug)]
pub struct TokenRing {
    /// Number of the table or index.
    pub keyspace: u32,
    partitions: ArcSwap<Vec<Arc<Partition>>>,
    dropped: AtomicBool,
}

/// A partition borrowed from the ring: the ring may change meanwhile, the partition stays readable.
pub struct PartitionRef {
    partitions: Guard<Arc<Vec<Arc<Partition>>>>,
    position: usize,
}

impl Deref for PartitionRef {
    type Target = Arc<Partition>;
    #[inline]
    fn deref(&self) -> &Arc<Partition> {
        &self.partitions[self.position]
    }
}

impl TokenRing {
    /// A ring of partitions that together cover all tokens.
    pub fn new(keyspace: u32, mut partitions: Vec<Arc<Partition>>) -> Self {
        partitions.sort_by_key(|partition| partition.first_token);
        Self { keyspace, partitions: ArcSwap::from_pointee(partitions), dropped: AtomicBool::new(false) }
    }
    /// The partition that holds a token.
    #[inline]
    pub fn find(&self, token: u64) -> PartitionRef {
        let partitions = self.partitions.load();
        // Rings cover all tokens, so that the clamp only matters if a manifest was tampered with.
        let last = partitions.len().saturating_sub(1);
        let position = partitions.partition_point(|partition| partition.last_token < token).min(last);
        PartitionRef { partitions, position }
    }
    /// All partitions, as of now.
    pub fn all(&self) -> Arc<Vec<Arc<Partition>>> {
        self.partitions.load_full()
    }
    /// The partition with a number, if it is still part of the ring.
    pub fn get(&self, id: u64) -> Option<Arc<Partition>> {
        if self.dropped.load(Ordering::Acquire) {
            return None;
        }
        self.partitions.load().iter().find(|partition| partition.id == id).cloned()
    }
    /// Replaces one partition by its children. The caller holds the manifest's mutex.
    pub fn replace(&self, parent: u64, children: Vec<Arc<Partition>>) {
        let mut partitions: Vec<_> = self.all().iter().filter(|partition| partition.id != parent).cloned().collect();
        partitions.extend(children);
        partitions.sort_by_key(|partition| partition.first_token);
        self.partitions.store(Arc::new(partitions));
    }
    /// The table or index is gone: nothing is published into its partitions any more.
    pub fn mark_dropped(&self) {
        self.dropped.store(true, Ordering::Release);
    }
    /// Whether a partition is still part of the ring.
    pub fn contains(&self, id: u64) -> bool {
        self.get(id).is_some()
    }
}

/// Cuts the token range into equal ranges, inclusive at both ends.
pub fn equal_ranges(count: usize) -> Vec<(u64, u64)> {
    let count = count.clamp(1, 1024) as u128;
    let cut = |position: u128| ((position << 64) / count) as u64;
    (0..count).map(|i| (cut(i), if i + 1 == count { u64::MAX } else { cut(i + 1) - 1 })).collect()
}

/// A key as partitions know it.
pub fn key_ref(key: &EncodedKey) -> KeyRef<'_> {
    KeyRef { token: key.token(), collection: key.collection(), sort: key.sort() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_lies_in_the_partition_whose_range_it_is_in() {
        let ranges = equal_ranges(3);
        let partitions =
            (1..4).zip(&ranges).map(|(id, &(first, last))| Arc::new(Partition::new(id, 1, first, last, 0, Vec::new())));
        let ring = TokenRing::new(1, partitions.collect());
        for (id, (first, last)) in (1..).zip(ranges) {
            assert_eq!([first, first + 1, last - 1, last].map(|token| ring.find(token).id), [id; 4]);
            assert!(ring.contains(id));
        }
        assert!(!ring.contains(4));
        ring.mark_dropped();
        assert!(!ring.contains(1));
    }

    #[test]
    fn ranges_cover_all_tokens_without_gaps() {
        for count in [1, 2, 3, 4, 7, 256, 1024] {
            let ranges = equal_ranges(count);
            assert_eq!(ranges.len(), count);
            assert_eq!((ranges[0].0, ranges[count - 1].1), (0, u64::MAX));
            assert!(ranges.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0));
        }
    }
}
