//! Cutting a partition in two without moving an item.
//!
//! Both children take over the parent's frozen memtables and runs and look only at their own tokens. Each flushes and
//! compacts its slice in its own time; a shared file goes when neither names it any more. The parent takes no more
//! writes: a writer that waited for its lock finds it retired and looks up the child.

use super::partition::{Partition, WriteGuard};
use std::sync::Arc;

impl Partition {
    /// A token at which the runs fall into two halves of about the same size; `None` if they cannot be divided.
    pub fn split_token(&self) -> Option<u64> {
        let view = self.view();
        let largest = view.runs().iter().max_by_key(|run| self.bytes_of(run))?;
        let token = largest.split_token_within(self.first_token, self.last_token).ok().flatten()?;
        (token > self.first_token).then_some(token)
    }

    /// Makes two partitions of one: tokens below `at` go to the first, the others to the second. The ids are theirs, in
    /// this order. Freeze the active memtable before, under the same lock; one that is not frozen is taken over all the
    /// same, but its flush moves the children's flushed sequence number no further.
    ///
    /// The children replace the parent in the manifest (their [`Partition::record`]) and in the table's ring before the
    /// lock is released. No flush or compaction of the parent may be between its manifest edit and its publication.
    /// `None`, and nothing changes, if `at` is not within the range or the partition is retired already.
    pub fn split(&self, guard: &mut WriteGuard<'_>, at: u64, ids: (u64, u64)) -> Option<(Self, Self)> {
        debug_assert!(self.owns(guard), "splitting needs the lock of the partition");
        if at <= self.first_token || at > self.last_token || guard.retired() {
            return None;
        }
        guard.retire();
        let view = self.view();
        let frozen: Vec<_> = view.memtables().filter(|memtable| !memtable.is_empty()).map(Arc::clone).collect();
        let child = |id, tokens| {
            let (frozen, runs) = (frozen.clone(), view.runs().to_vec());
            Self::with_frozen(id, self.keyspace, tokens, view.flushed_seqno(), frozen, runs)
        };
        Some((child(ids.0, (self.first_token, at - 1)), child(ids.1, (at, self.last_token))))
    }
}
