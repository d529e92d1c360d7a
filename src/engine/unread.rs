//! What consumers of streams have still to process, as their rows say: where records are kept for them beyond the age at which
//! others are removed ([`Options::unread_retention_millis`](crate::config::Options)).

use super::{
    engine::Engine,
    write::{WriteAction, WriteOp, WriteOptions},
};
use crate::{
    config::Durability,
    error::Result,
    item::ItemRef,
    observe::UnreadRecords,
    schema::TableDefinition,
    stream::{
        Sequence,
        checkpoint::{Row, consumer_of, is_begun, table_name},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// What a consumer has still to process of a shard.
struct Position {
    shard: u64,
    /// Its first record, or before that.
    from: Sequence,
}

/// A consumer: the number of its stream, and its name.
type ConsumerId = (u64, String);

impl Engine {
    /// The lowest record of each shard that a consumer has still to process; nothing where such records age as others do.
    pub(super) fn unread(&self) -> Result<BTreeMap<u64, Sequence>> {
        let mut lowest = BTreeMap::new();
        if self.retention().keeps_unread() {
            for position in self.positions()?.into_values().flatten() {
                let from = lowest.entry(position.shard).or_insert(position.from);
                *from = position.from.min(*from);
            }
        }
        Ok(lowest)
    }

    /// For which consumers older records are kept than for other readers, and how many.
    pub(super) fn unread_records(&self) -> Result<Vec<UnreadRecords>> {
        let retention = self.retention();
        if !retention.keeps_unread() {
            return Ok(Vec::new());
        }
        let aged_millis = retention.horizon(self.options.clock.now_millis(), None).aged_millis;
        let mut found = Vec::new();
        for ((stream, consumer), positions) in self.positions()? {
            let aged = |position: &Position| {
                let shard = self.streams.shard(position.shard);
                shard.map_or(0, |shard| shard.aged_records(position.from, aged_millis))
            };
            let records = positions.iter().map(aged).sum();
            if let Some(stream) = self.streams.stream(stream).filter(|_| records > 0) {
                found.push(UnreadRecords { table: stream.table_name.clone(), consumer, records });
            }
        }
        Ok(found)
    }

    /// Where the consumers of streams are in shards that they have not processed to the end.
    fn positions(&self) -> Result<BTreeMap<ConsumerId, Vec<Position>>> {
        let (mut rows, mut begun) = (BTreeMap::<ConsumerId, BTreeMap<u64, Row>>::new(), BTreeSet::new());
        self.each_checkpoint(|item| {
            let Some(consumer) = consumer_of(item) else { return };
            if is_begun(item) {
                begun.insert(consumer);
            } else if let Some(row) = Row::read(item) {
                rows.entry(consumer).or_default().insert(row.shard, row);
            }
        })?;
        let mut positions = BTreeMap::new();
        for consumer in begun {
            let rows = rows.remove(&consumer).unwrap_or_default();
            let shards = self.streams.shards_of(consumer.0);
            let unread = shards.iter().filter_map(|shard| {
                let row = rows.get(&shard.id);
                // A shard without a row came after the consumer began.
                let start = || Sequence::first_of(shard.record().start_seqno + 1);
                let is_done = row.is_some_and(|row| row.done);
                let from = row.and_then(|row| row.next).unwrap_or_else(start);
                (!is_done).then_some(Position { shard: shard.id, from })
            });
            positions.insert(consumer, unread.collect());
        }
        Ok(positions)
    }

    /// Deletes the checkpoints of consumers whose stream was removed. Errors: log, disk.
    pub(super) fn forget_consumers(&self) -> Result<()> {
        let Some(slot) = self.table(&table_name()) else { return Ok(()) };
        let (definition, mut keys) = (slot.state().definition.clone(), Vec::new());
        self.each_checkpoint(|item| {
            if consumer_of(item).is_some_and(|(stream, _)| self.streams.stream(stream).is_none()) {
                keys.push(definition.key_of_item(&item.to_item()));
            }
        })?;
        for key in keys {
            let mut decide = |_: &TableDefinition, _: Option<&ItemRef>| Ok(WriteAction::Delete);
            let options = WriteOptions { durability: Some(Durability::Buffered), ..WriteOptions::default() };
            self.write_one(WriteOp { slot: &slot, key: &key?, decide: &mut decide }, &options)?;
        }
        Ok(())
    }

    fn each_checkpoint(&self, mut visit: impl FnMut(&ItemRef)) -> Result<()> {
        let Some(slot) = self.table(&table_name()) else { return Ok(()) };
        for partition in slot.state().ring.all().iter() {
            let view = partition.view();
            let mut cursor = view.scan(partition.first_token, partition.last_token, None, self.wal.visible())?;
            while let Some(item) = cursor.item() {
                visit(&item);
                cursor.advance()?;
            }
        }
        Ok(())
    }
}
