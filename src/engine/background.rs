//! What background work needs besides the data: the flags that wake its threads, and the locks that let one step of a kind
//! run at a time.

use super::{partition_queue::PartitionQueue, progress::Progress, signal::Signal};
use crate::sync::{Mutex, OrderedMutex, Rank};
use std::collections::BTreeMap;

/// Wake-ups, and one lock for each kind of step.
pub(super) struct Background {
    pub signal: Signal,
    /// One flush at a time.
    pub flushing: OrderedMutex<()>,
    /// One compaction or split at a time.
    pub compacting: OrderedMutex<()>,
    /// One step of filling an index at a time: a second one beside it could add the entry of an old version after the
    /// first one ended the filling.
    pub backfilling: OrderedMutex<()>,
    /// Partitions that may want a compaction or a split.
    pub compaction_queue: PartitionQueue,
    /// Partitions whose memtables hold tombstones that slow readers.
    pub tombstone_flushes: PartitionQueue,
    /// How far the filling of new indexes has come, by index number. Innermost.
    pub backfills: Mutex<BTreeMap<u32, Progress>>,
}

impl Default for Background {
    fn default() -> Self {
        Self {
            signal: Signal::default(),
            flushing: OrderedMutex::new(Rank::Flush, ()),
            compacting: OrderedMutex::new(Rank::Compaction, ()),
            backfilling: OrderedMutex::new(Rank::Backfill, ()),
            compaction_queue: PartitionQueue::default(),
            tombstone_flushes: PartitionQueue::default(),
            backfills: Mutex::default(),
        }
    }
}
