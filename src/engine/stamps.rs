//! Stamps of items in tables with replicas: which writes get one, and which write of two regions wins.

use super::{engine::Engine, ring::key_ref, staged_write::StagedWrite};
use crate::{
    canary::canary,
    error::Result,
    partition::{Partition, ReadPoint},
    schema::{EncodedKey, Replication, Stamp},
};

impl Engine {
    /// Gives a write of an item the stamp that it is logged with. One that was made in another region brings its own, and changes
    /// nothing if the item here has a greater one. The caller has locked the partition.
    #[cold]
    pub(super) fn stamp_write(
        &self,
        replication: &Replication,
        key: &EncodedKey,
        partition: &Partition,
        replicated: Option<&Stamp>,
        item: &mut StagedWrite,
    ) -> Result<()> {
        if replicated.is_none() && !item.changed {
            return Ok(());
        }
        let last = self.stamp_in(partition, key, ReadPoint::Newest)?;
        item.stamp = match replicated {
            None => {
                let now_millis = self.options.clock.now_millis();
                Some(Stamp::next(now_millis, &replication.region, last.as_ref()))
            }
            Some(stamp) if is_newer(stamp, last.as_ref()) => Some(stamp.clone()),
            Some(_) => return item.leave_as_is(),
        }
        .map(Box::new);
        // Also where the item is the same, or there is none to be deleted: an older write may still arrive.
        item.changed = true;
        Ok(())
    }

    /// The stamp of an item, newest or as readers see it.
    pub(super) fn stamp_in(&self, partition: &Partition, key: &EncodedKey, at: ReadPoint) -> Result<Option<Stamp>> {
        let found = partition.get(key_ref(&key.of_stamp()), at, self.wal.visible())?;
        Ok(found.and_then(|version| version.item).as_ref().and_then(Stamp::of_entry))
    }
}

/// Whether a write of another region replaces what is here.
fn is_newer(stamp: &Stamp, last: Option<&Stamp>) -> bool {
    if canary!(StampIgnored) {
        return true;
    }
    if canary!(TieByArrival) && last.is_some_and(|last| last.micros() == stamp.micros()) {
        return true;
    }
    last.is_none_or(|last| stamp > last)
}
