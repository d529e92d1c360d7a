//! BatchGetItem and BatchWriteItem: many items of many tables in one call, each of them an operation of its own.

use super::{
    get::{projected, read},
    put::prepare,
    write_output::consumed,
};
use crate::{
    capacity::{Consumed, ReadStrength, read_units},
    commit::{Decision, Store, TableSlot, WriteOp, WriteOptions},
    config::Durability,
    error::{Error, Result},
    expression::Projection,
    item::{Item, ItemRef},
    schema::{EncodedKey, TableDefinition},
};
use bytes::Bytes;
use std::{collections::HashSet, sync::Arc};

/// Most keys of one batch get.
pub const MAX_BATCH_GET_KEYS: usize = 100;
/// Most puts and deletes of one batch write.
pub const MAX_BATCH_WRITES: usize = 25;
/// Bytes of items that a batch get returns at most; the rest is unprocessed.
pub const MAX_BATCH_BYTES: usize = 16 << 20;

/// The keys that a batch get reads from one table.
#[derive(Clone, Debug)]
pub struct BatchGet {
    /// Name of the table.
    pub table: String,
    /// Keys, each exactly the table's key attributes.
    pub keys: Vec<Item>,
    /// Returns only these paths.
    pub projection: Option<Projection>,
    /// Whether the reads must be strongly consistent; they cost twice as much then.
    pub consistent: bool,
}

/// The answer to a batch get.
#[derive(Clone, Debug, Default)]
pub struct BatchGetOutput {
    /// What was found, by table in the order of the request.
    pub items: Vec<(String, Vec<ItemRef>)>,
    /// Keys that did not fit into the answer: ask for them again.
    pub unprocessed: Vec<BatchGet>,
    /// Read units, by table.
    pub consumed: Vec<(String, Consumed)>,
}

/// One action of a batch write.
#[derive(Clone, Debug)]
pub enum BatchWrite {
    /// Replaces an item.
    Put(Item),
    /// Deletes the item with a key.
    Delete(Item),
}

/// The answer to a batch write.
#[derive(Clone, Debug, Default)]
pub struct BatchWriteOutput {
    /// Actions that were not done: send them again.
    pub unprocessed: Vec<(String, BatchWrite)>,
    /// Write units, by table.
    pub consumed: Vec<(String, Consumed)>,
}

fn slot_of(store: &Store, name: &str) -> Result<Arc<TableSlot>> {
    store.table(name).ok_or_else(|| Error::not_found("Requested resource not found"))
}

/// Adds to the sum of a table, in order of first appearance.
pub(super) fn add_consumed(sums: &mut Vec<(String, Consumed)>, table: &str, consumed: &Consumed) {
    match sums.iter_mut().find(|(name, _)| name == table) {
        Some((_, sum)) => sum.add(consumed),
        None => sums.push((table.to_owned(), consumed.clone())),
    }
}

/// Reads up to 100 items.
pub(crate) fn batch_get(store: &Store, requests: &[BatchGet]) -> Result<BatchGetOutput> {
    let total: usize = requests.iter().map(|request| request.keys.len()).sum();
    if total > MAX_BATCH_GET_KEYS {
        return Err(Error::validation("Too many items requested for the BatchGetItem call"));
    }
    if total == 0 {
        return Err(Error::validation("a batch get needs at least one key"));
    }
    let mut prepared: Vec<(Arc<TableSlot>, Vec<EncodedKey>)> = Vec::with_capacity(requests.len());
    for request in requests {
        let slot = slot_of(store, &request.table)?;
        let definition = slot.state().definition.clone();
        let keys = request.keys.iter().map(|key| definition.key_of_attributes(key)).collect::<Result<Vec<_>>>()?;
        let distinct: HashSet<&EncodedKey> = keys.iter().collect();
        if distinct.len() != keys.len() {
            return Err(Error::validation("Provided list of item keys contains duplicates"));
        }
        prepared.push((slot, keys));
    }
    let mut output = BatchGetOutput::default();
    let mut bytes = 0;
    for (request, (slot, keys)) in requests.iter().zip(&prepared) {
        let mut items = Vec::with_capacity(keys.len());
        let mut left_over = Vec::new();
        for (key, attributes) in keys.iter().zip(&request.keys) {
            if bytes >= MAX_BATCH_BYTES {
                left_over.push(attributes.clone());
                continue;
            }
            let found = read(store, slot, key)?;
            let size = found.as_ref().map_or(0, ItemRef::size_bytes);
            if bytes + size > MAX_BATCH_BYTES {
                bytes = MAX_BATCH_BYTES;
                left_over.push(attributes.clone());
                continue;
            }
            bytes += size;
            let units = read_units(size, ReadStrength::of(request.consistent));
            add_consumed(&mut output.consumed, &request.table, &Consumed::of_table(units));
            items.extend(found.map(|item| projected(item, request.projection.as_ref())));
        }
        output.items.push((request.table.clone(), items));
        if !left_over.is_empty() {
            output.unprocessed.push(BatchGet { keys: left_over, ..request.clone() });
        }
    }
    Ok(output)
}

/// Does up to 25 puts and deletes. Each is atomic, the batch is not; all are checked before any is done.
pub(crate) fn batch_write(
    store: &Store,
    writes: &[(String, BatchWrite)],
    durability: Option<Durability>,
) -> Result<BatchWriteOutput> {
    if writes.len() > MAX_BATCH_WRITES {
        return Err(Error::validation("Too many items requested for the BatchWriteItem call"));
    }
    if writes.is_empty() {
        return Err(Error::validation("a batch write needs at least one put or delete"));
    }
    let mut prepared: Vec<(Arc<TableSlot>, EncodedKey, Option<Bytes>)> = Vec::with_capacity(writes.len());
    let mut bytes = 0;
    for (name, write) in writes {
        let slot = slot_of(store, name)?;
        let definition = slot.state().definition.clone();
        let (key, item) = match write {
            BatchWrite::Put(item) => prepare(&definition, item).map(|(key, bytes)| (key, Some(bytes)))?,
            BatchWrite::Delete(key) => (definition.key_of_attributes(key)?, None),
        };
        bytes += item.as_ref().map_or(0, Bytes::len);
        let repeated = |(other, known, _): &(Arc<TableSlot>, EncodedKey, _)| Arc::ptr_eq(other, &slot) && *known == key;
        if prepared.iter().any(repeated) {
            return Err(Error::validation("Provided list of item keys contains duplicates"));
        }
        prepared.push((slot, key, item));
    }
    if bytes > MAX_BATCH_BYTES {
        return Err(Error::validation(format!("a batch write has at most {MAX_BATCH_BYTES} bytes, not {bytes}")));
    }
    let mut output = BatchWriteOutput::default();
    // The batch waits for the disk once, after its last write.
    let options = WriteOptions { durability, unsettled: true, ..WriteOptions::default() };
    for ((slot, key, item), (name, write)) in prepared.iter().zip(writes) {
        let Ok(_here) = store.enter_write(slot, key) else {
            output.unprocessed.push((name.clone(), write.clone())); // a transaction is at the item
            continue;
        };
        let mut decide =
            |_: &TableDefinition, _: Option<&ItemRef>| Ok(item.clone().map_or(Decision::Delete, Decision::Put));
        let outcome = store.write_one(WriteOp { slot, key, decide: &mut decide }, &options)?;
        add_consumed(&mut output.consumed, name, &consumed(&outcome, 1.0));
    }
    store.settle_all(durability)?;
    Ok(output)
}
