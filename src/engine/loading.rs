//! A new table that is filled before it is there: nothing of it can be seen until all of it can.
//!
//! The table is logged as being created. Its items, and the entries of its indexes, go to memtables and from there to
//! runs, and no item is logged: that makes loading faster than writing. At the end the runs are durable, and one record of
//! the log makes the table active. A table that a crash leaves as being created is dropped by the next opening.
//!
//! All items of a load share one sequence number, that of the record that began it. An item of whose key there is a version
//! with that number or a higher one takes a new number, drawn by an empty commit, and so do those behind it; so the item
//! that comes last stays.

use super::{
    catalog::TableSlot, engine::Engine, item_walk::ItemWalk, replication::is_witness, ring::key_ref,
    schema_change::TableSpec,
};
use crate::{
    error::{Error, Result},
    index,
    item::ItemRef,
    partition::ReadPoint,
    schema::{EncodedKey, StreamDefinition, StreamView, TableDefinition, TableStatus},
};
use bytes::Bytes;
use std::sync::Arc;

/// After so many items a copy asks its caller again whether to go on.
const ITEMS_BETWEEN_QUESTIONS: u64 = 1_024;

/// A table that is being loaded. Dropped before its end, the table goes.
#[derive(Debug)]
pub struct Loading {
    engine: Arc<Engine>,
    slot: Arc<TableSlot>,
    /// The stream that it has from its end on.
    stream: Option<StreamView>,
    seqno: u64,
    is_finished: bool,
}

impl Loading {
    /// Creates the table that `spec` says. Its stream begins behind the load.
    pub fn begin(engine: &Arc<Engine>, mut spec: TableSpec) -> Result<Self> {
        let stream = spec.stream.take();
        let slot = engine.create_table_as(spec, TableStatus::Creating, None)?;
        let seqno = slot.state().definition.changed_seqno;
        Ok(Self { engine: engine.clone(), slot, stream, seqno, is_finished: false })
    }
    /// The table.
    pub fn definition(&self) -> Arc<TableDefinition> {
        self.slot.state().definition.clone()
    }
    /// Adds an encoded item, in the place of one with the same key. Errors: the database was closed, memory is short and
    /// cannot be flushed, disk.
    pub fn put(&mut self, key: &EncodedKey, bytes: Bytes) -> Result<()> {
        self.engine.apply_backpressure()?;
        let _work = self.engine.enter_work()?;
        self.slot.check_alive()?;
        let state = self.slot.state();
        let partition = state.ring.find(key.token());
        let old = partition.get(key_ref(key), ReadPoint::Newest, self.engine.wal().visible())?;
        // A tombstone is a version too.
        if old.as_ref().is_some_and(|version| version.seqno >= self.seqno) {
            self.seqno = self.engine.log_empty_commit()?;
        }
        let old = old.and_then(|version| version.item);
        let new = ItemRef::from_bytes(bytes.clone());
        let mut taken = self.engine.insert_unlogged(&state.ring, key, self.seqno, Some(&bytes), true);
        for change in index::changes(&state.definition, key, |_| true, old.as_ref(), Some(&new)) {
            let ring = &state.index_rings[change.index];
            if let Some(key) = &change.remove {
                taken += self.engine.insert_unlogged(ring, key, self.seqno, None, true);
            }
            if let Some((key, entry)) = &change.put {
                taken += self.engine.insert_unlogged(ring, key, self.seqno, Some(entry), true);
            }
        }
        self.engine.note_memory(taken);
        Ok(())
    }
    /// Adds all items of a table of a database, which has a key of the same kind; returns how many those are. Every so many items
    /// the copy asks whether it goes on; `None` if it does not.
    pub fn copy(&mut self, from: &Arc<Engine>, table: &str, goes_on: &mut dyn FnMut() -> bool) -> Result<Option<u64>> {
        let slot = from.table(table).ok_or_else(|| Error::no_table(table))?;
        if slot.state().definition.key != self.slot.state().definition.key {
            return Err(Error::validation(format!("the key of table {table} is another one")));
        }
        let (mut walk, mut count) = (ItemWalk::new(from, &slot.state()), 0_u64);
        while let Some((key, item)) = walk.next_item()? {
            if count.is_multiple_of(ITEMS_BETWEEN_QUESTIONS) && !goes_on() {
                return Ok(None);
            }
            self.put(&key, item.to_inline_bytes())?;
            count += 1;
        }
        Ok(Some(count))
    }
    /// Makes the table active, with everything that was added.
    pub fn finish(mut self) -> Result<Arc<TableSlot>> {
        let slot = self.engine.activate_table(&self.slot, self.stream)?;
        self.is_finished = true;
        Ok(slot)
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        if !self.is_finished {
            // If that fails, the next opening does it.
            let _ = self.engine.drop_unfinished(&self.slot);
        }
    }
}

impl Engine {
    fn note_memory(&self, bytes: usize) {
        self.admission.write_budget.add(bytes);
    }

    pub(super) fn activate_table(&self, slot: &Arc<TableSlot>, stream: Option<StreamView>) -> Result<Arc<TableSlot>> {
        let _work = self.enter_work()?;
        let state = arc_swap::Guard::into_inner(slot.state());
        for ring in state.index_rings.iter().chain([&state.ring]) {
            self.flush_ring(ring)?;
        }
        let _gate = self.tables.schema_gate.write();
        let mut definition = (*slot.state().definition).clone();
        definition.status = TableStatus::Active;
        definition.stream = stream.map(|view| {
            let label_millis = self.streams.fresh_label(&definition.name, self.options.clock.now_millis());
            StreamDefinition { view, label_millis }
        });
        // The log does not have the items: a moment from now on is read from a base that does.
        self.take_base_if_kept()?;
        self.put_definition(definition, Some(slot))
    }

    /// Drops a table that is being created.
    fn drop_unfinished(&self, slot: &Arc<TableSlot>) -> Result<()> {
        let _work = self.enter_work()?;
        let _gate = self.tables.schema_gate.write();
        self.drop_table(slot).map(drop)
    }

    /// Drops the tables that a crash left as being created.
    pub(super) fn drop_all_unfinished(&self) -> Result<()> {
        let slots: Vec<_> = self.tables.load().by_id.values().cloned().collect();
        let is_unfinished = |slot: &&Arc<TableSlot>| {
            let definition = &slot.state().definition;
            definition.status == TableStatus::Creating && !is_witness(definition)
        };
        slots.iter().filter(is_unfinished).try_for_each(|slot| self.drop_unfinished(slot))
    }
}
