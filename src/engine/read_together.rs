//! Reads that rest on one moment: several items that no commit may come between, and versions that are not durable yet.

use super::{
    catalog::TableSlot,
    engine::Engine,
    held::TableStateGuard,
    lock_set::{PerItem, partitions_of},
    ring::key_ref,
};
use crate::{
    error::Result,
    item::ItemRef,
    partition::{ReadPoint, WriteGuard},
    schema::EncodedKey,
};
use std::sync::Arc;

impl Engine {
    /// Items of any tables as they were at one moment: no commit falls between two of them.
    pub fn read_together(&self, places: &[(Arc<TableSlot>, EncodedKey)]) -> Result<Vec<Option<ItemRef>>> {
        let states: PerItem<TableStateGuard> = places.iter().map(|(slot, _)| slot.state()).collect();
        loop {
            let tokens = places.iter().map(|(_, key)| key.token()).zip(&states);
            let (partitions, of_place) = partitions_of(tokens);
            let guards: PerItem<WriteGuard<'_>> = partitions.iter().map(|partition| partition.lock()).collect();
            if guards.iter().any(WriteGuard::retired) {
                continue;
            }
            let mut newest_read = 0;
            let mut items = Vec::with_capacity(places.len());
            for ((_, key), place) in places.iter().zip(of_place) {
                let version = partitions[place].get(key_ref(key), ReadPoint::Newest, self.wal.visible())?;
                newest_read = newest_read.max(version.as_ref().map_or(0, |version| version.seqno));
                items.push(version.and_then(|version| version.item));
            }
            drop(guards);
            let keys = places.iter().map(|(_, key)| key);
            self.await_read(keys.zip(&states), newest_read)?;
            return Ok(items);
        }
    }

    /// An answer that rests on a version which no reader may see yet waits for that version's sync.
    pub(super) fn await_read<'k>(
        &self,
        places: impl Iterator<Item = (&'k EncodedKey, &'k TableStateGuard)>,
        newest_read: u64,
    ) -> Result<()> {
        if newest_read <= self.wal.visible().load() {
            return Ok(());
        }
        for (key, state) in places {
            let partition = state.ring.find(key.token());
            let readable = partition.get(key_ref(key), ReadPoint::Visible, self.wal.visible())?;
            let newest = partition.get(key_ref(key), ReadPoint::Newest, self.wal.visible())?;
            if readable.map(|version| version.seqno) != newest.map(|version| version.seqno) {
                return self.wal.sync(newest_read);
            }
        }
        Ok(())
    }
}
