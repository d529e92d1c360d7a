//! The partitions that one operation locks: without repetition, and always in the same order, so that no two operations wait
//! for each other.

use super::held::TableStateGuard;
use crate::partition::{Partition, WriteGuard};
use smallvec::SmallVec;
use std::sync::Arc;

/// One of something for each item of a commit, or each of its partitions: nearly always a single one, which then needs
/// no allocation.
pub(super) type PerItem<T> = SmallVec<[T; 1]>;

/// The partitions of all keys without repetition, in lock order, and each key's position among them.
pub(super) fn partitions_of<'a>(
    tokens: impl Iterator<Item = (u64, &'a TableStateGuard)>,
) -> (PerItem<Arc<Partition>>, PerItem<usize>) {
    let (mut partitions, mut of_key) = (PerItem::<Arc<Partition>>::new(), PerItem::new());
    for (token, state) in tokens {
        let has = |of: &Arc<Partition>| {
            of.keyspace == state.ring.keyspace && (of.first_token..=of.last_token).contains(&token)
        };
        let position = partitions.iter().position(has).unwrap_or_else(|| {
            let found = state.ring.find(token);
            let known = partitions.iter().position(|of| of.id == found.id);
            known.unwrap_or_else(|| {
                partitions.push(Arc::clone(&found));
                partitions.len() - 1
            })
        });
        of_key.push(position);
    }
    if partitions.len() > 1 {
        let mut sorted = partitions.clone();
        sorted.sort_by_key(|partition| (partition.keyspace, partition.first_token, partition.id));
        let place = |of: &Arc<Partition>| sorted.iter().position(|partition| partition.id == of.id);
        of_key.iter_mut().for_each(|position| *position = place(&partitions[*position]).unwrap_or_default());
        partitions = sorted;
    }
    (partitions, of_key)
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
