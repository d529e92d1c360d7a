//! The limit on item collections: all items of one partition key with their entries in local indexes.
//!
//! DynamoDB keeps a collection of a table with local indexes on one partition and limits it to 10 GB. Nothing in the
//! files knows a collection's size, so it is counted when it is first needed and carried along with each write from then
//! on, under the lock of the partition that holds the collection. Without the option
//! [`Options::collection_limit_bytes`](crate::OpenOptions::collection_limit_bytes) writes neither count nor remember anything.

use super::{
    catalog::{TableSlot, TableState},
    engine::Engine,
};
use crate::{
    admission::CollectionDelta,
    error::{Error, Result},
    index,
    item::ItemRef,
    partition::CollectionRange,
    schema::{EncodedKey, ITEM_SPACE, IndexDefinition, IndexKind, TableDefinition},
};
use std::ops::Bound;

impl Engine {
    /// Takes one more item of a commit, as it was and as it becomes, into account. Errors: the write is limited, and the collection would grow
    /// beyond its limit. Deleting and shrinking is always allowed. The caller holds the lock of the item's partition.
    pub(super) fn check_limit(
        &self,
        growth: &mut CollectionDelta,
        state: &TableState,
        key: &EncodedKey,
        (old, new): (Option<&ItemRef>, Option<&ItemRef>),
        is_limited: bool,
    ) -> Result<()> {
        let Some(limit) = self.options.collection_limit_bytes else { return Ok(()) };
        let table = &*state.definition;
        if locals(table).next().is_none() {
            return Ok(());
        }
        let place = (table.id, key.collection().to_vec());
        let before = match growth.known(&place).or_else(|| self.admission.item_collection_sizes.known(&place)) {
            Some(bytes) => bytes,
            None => {
                // What is logged but not synced yet belongs to the collection, and a count does not see it.
                self.wal.sync(self.wal.last_seqno())?;
                self.count_collection(state, key)?
            }
        };
        let (less, more) = (share(table, old), share(table, new));
        let after = (before + more).saturating_sub(less);
        if is_limited && more > less && after > limit {
            return Err(Error::collection_too_large(after, limit));
        }
        growth.set(place, after);
        Ok(())
    }

    /// The commit has been logged.
    pub(super) fn record_sizes(&self, growth: CollectionDelta) {
        for (place, bytes) in growth.into_sizes() {
            self.admission.item_collection_sizes.remember(place, bytes);
        }
    }

    /// Bytes of the collection that `key` is in, by DynamoDB's size rule: of its items and of their entries in local
    /// indexes. `None` for a table without local indexes, whose collections have no limit.
    pub fn collection_bytes(&self, slot: &TableSlot, key: &EncodedKey) -> Result<Option<u64>> {
        slot.check_alive()?;
        let state = slot.state();
        if locals(&state.definition).next().is_none() {
            return Ok(None);
        }
        let place = (state.definition.id, key.collection().to_vec());
        self.admission
            .item_collection_sizes
            .known(&place)
            .map_or_else(|| self.count_collection(&state, key), Ok)
            .map(Some)
    }

    fn count_collection(&self, state: &TableState, key: &EncodedKey) -> Result<u64> {
        let table = &*state.definition;
        let partition = state.ring.find(key.token());
        let view = partition.pin();
        let mut collection = key.collection().to_vec();
        let mut bytes = 0;
        for space in std::iter::once(ITEM_SPACE).chain(locals(table).map(|index| table.local_space(index))) {
            collection[0] = space;
            let (lower, upper) = (Bound::Unbounded, Bound::Unbounded);
            let range =
                CollectionRange { token: key.token(), collection: &collection, lower, upper, descending: false };
            let mut take = |_, size_bytes| {
                bytes += size_bytes as u64;
                Ok(true)
            };
            view.query_each(&range, self.wal.visible(), &mut take)?;
        }
        Ok(bytes)
    }
}

fn locals(table: &TableDefinition) -> impl Iterator<Item = &IndexDefinition> {
    table.indexes.iter().filter(|index| index.kind == IndexKind::Local)
}

/// What an item adds to its collection.
fn share(table: &TableDefinition, item: Option<&ItemRef>) -> u64 {
    let Some(item) = item else { return 0 };
    let entries = locals(table).filter_map(|index| index::entry(table, index, item));
    (item.size_bytes() + entries.map(|entry| entry.size_bytes).sum::<usize>()) as u64
}
