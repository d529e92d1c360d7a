//! Partitions that wait to be looked at by maintenance.

use super::ring::TokenRing;
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc};

/// Partitions by number, with their rings. Each is in the queue at most once. Its lock is held for moments only and
/// is taken last.
#[derive(Debug, Default)]
pub(super) struct PartitionQueue {
    waiting: Mutex<BTreeMap<u64, Arc<TokenRing>>>,
    /// The partition that was last looked at: the next look begins behind it, so that none waits for another one for ever.
    last: Mutex<u64>,
}

impl PartitionQueue {
    /// Adds a partition, unless it waits already; says whether it was added.
    pub(super) fn push(&self, ring: &Arc<TokenRing>, partition: u64) -> bool {
        self.waiting.lock().insert(partition, ring.clone()).is_none()
    }

    /// All that wait, beginning behind the one that was last looked at.
    pub(super) fn in_turn(&self) -> Vec<(u64, Arc<TokenRing>)> {
        let (waiting, last) = (self.waiting.lock(), *self.last.lock());
        let behind = waiting.range(last.saturating_add(1)..).chain(waiting.range(..=last));
        behind.map(|(partition, ring)| (*partition, ring.clone())).collect()
    }

    /// Takes a partition off the queue. What happens to it from here on brings it back.
    pub(super) fn take(&self, partition: u64) {
        self.waiting.lock().remove(&partition);
        *self.last.lock() = partition;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_is_looked_at_in_its_turn() {
        let ring = Arc::new(TokenRing::new(1, Vec::new()));
        let queue = PartitionQueue::default();
        assert!([3, 1, 2].iter().all(|id| queue.push(&ring, *id)) && !queue.push(&ring, 2));
        let in_turn = || queue.in_turn().into_iter().map(|(id, _)| id).collect::<Vec<_>>();
        assert_eq!(in_turn(), [1, 2, 3]);
        queue.take(1);
        queue.push(&ring, 1);
        assert_eq!(in_turn(), [2, 3, 1], "what was just looked at comes last");
    }
}
