//! The partitions that one operation locks: without repetition, and always in the same order, so that no two operations wait
//! for each other.

use super::held::TableStateGuard;
use crate::partition::{Partition, WriteGuard};
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

/// One of something for each item of a commit, or each of its partitions: nearly always a single one, which then needs
/// no allocation.
pub(super) type PerItem<T> = SmallVec<[T; 1]>;

/// The partitions of all keys without repetition, in lock order, and each key's position among them.
pub(super) fn partitions_of<'a>(
    tokens: impl Iterator<Item = (u64, &'a TableStateGuard)>,
) -> (PerItem<Arc<Partition>>, PerItem<usize>) {
    let of_key: PerItem<Arc<Partition>> = tokens.map(|(token, state)| Arc::clone(&state.ring.find(token))).collect();
    if of_key.len() == 1 {
        return (of_key, smallvec![0]);
    }
    let mut partitions = of_key.clone();
    partitions.sort_by_key(|partition| (partition.keyspace, partition.first_token, partition.id));
    partitions.dedup_by_key(|partition| partition.id);
    let position = |of: &Arc<Partition>| partitions.iter().position(|partition| partition.id == of.id);
    let positions = of_key.iter().map(|of| position(of).unwrap_or_default()).collect();
    (partitions, positions)
}

/// The locked partitions of a commit, and which of them each operation belongs to.
pub(super) struct LockSet<'a> {
    pub partitions: &'a [Arc<Partition>],
    pub guards: &'a [WriteGuard<'a>],
    pub of_op: &'a [usize],
}

impl<'a> LockSet<'a> {
    /// The partition of an operation.
    pub fn of(&self, op: usize) -> (&'a Partition, &'a WriteGuard<'a>) {
        let place = self.of_op[op];
        (&self.partitions[place], &self.guards[place])
    }
}
