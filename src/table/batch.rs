//! BatchGetItem and BatchWriteItem: many items of many tables in one call, each of them an operation of its own.

use super::{
    Key, KeyShape, Table,
    get::{projected, read_many},
    put::prepare,
    write_output::consumed,
};
use crate::{
    capacity::{Consumed, ReadStrength, read_units},
    config::Durability,
    engine::{Engine, TableSlot, WriteAction, WriteOp, WriteOptions},
    error::{Error, Result},
    expression::Projection,
    item::{Item, ItemRef},
    schema::{EncodedKey, TableDefinition},
};
use bytes::Bytes;
use std::sync::Arc;

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

fn slot_of(engine: &Engine, name: &str) -> Result<Arc<TableSlot>> {
    engine.table(name).ok_or_else(|| Error::no_table(name))
}

/// Adds to the sum of a table, in order of first appearance.
pub(super) fn add_consumed(sums: &mut Vec<(String, Consumed)>, table: &str, consumed: &Consumed) {
    match sums.iter_mut().find(|(name, _)| name == table) {
        Some((_, sum)) => sum.add(consumed),
        None => sums.push((table.to_owned(), consumed.clone())),
    }
}

fn check_count(keys: usize) -> Result<()> {
    match keys {
        0 => Err(Error::validation("a batch get needs at least one key")),
        1..=MAX_BATCH_GET_KEYS => Ok(()),
        _ => Err(Error::validation("Too many items requested for the BatchGetItem call")),
    }
}

/// Reads up to 100 items.
pub(crate) fn batch_get(engine: &Engine, requests: &[BatchGet]) -> Result<BatchGetOutput> {
    check_count(requests.iter().map(|request| request.keys.len()).sum())?;
    let mut found = Vec::with_capacity(requests.len());
    for request in requests {
        let slot = slot_of(engine, &request.table)?;
        let definition = slot.state().definition.clone();
        let keys = request.keys.iter().map(|key| definition.key_of_attributes(key)).collect::<Result<Vec<_>>>()?;
        found.push(read_many(engine, &slot, &keys)?);
    }
    let mut output = BatchGetOutput::default();
    let mut room = MAX_BATCH_BYTES;
    for (request, found) in requests.iter().zip(found) {
        let Answer { items, left_over, units } =
            answer(found, &mut room, request.projection.as_ref(), ReadStrength::of(request.consistent));
        add_consumed(&mut output.consumed, &request.table, &Consumed::of_table(units));
        output.items.push((request.table.clone(), items));
        if !left_over.is_empty() {
            let keys = left_over.into_iter().map(|at| request.keys[at].clone()).collect();
            let (table, projection) = (request.table.clone(), request.projection.clone());
            output.unprocessed.push(BatchGet { table, keys, projection, consistent: request.consistent });
        }
    }
    Ok(output)
}

/// What fits into the answer.
struct Answer {
    items: Vec<ItemRef>,
    /// Positions of the keys that were left out.
    left_over: Vec<usize>,
    units: f64,
}

/// Takes items while there is room for them, by DynamoDB's size rule; none behind the first one that does not fit.
fn answer(
    found: Vec<Option<ItemRef>>,
    room: &mut usize,
    projection: Option<&Projection>,
    strength: ReadStrength,
) -> Answer {
    let mut answer = Answer { items: Vec::with_capacity(found.len()), left_over: Vec::new(), units: 0.0 };
    for (at, item) in found.into_iter().enumerate() {
        let size = item.as_ref().map_or(0, ItemRef::size_bytes);
        if *room == 0 || size > *room {
            *room = 0;
            answer.left_over.push(at);
            continue;
        }
        *room -= size;
        answer.units += read_units(size, strength);
        if let Some(item) = item {
            answer.items.push(projected(item, projection));
        }
    }
    answer
}

/// The answer to a batch get of one table.
#[derive(Clone, Debug)]
pub struct BatchItems<Q> {
    /// What was found, in the order of the keys; absent items are left out.
    pub items: Vec<ItemRef>,
    /// Keys that did not fit into the answer of at most 16 MB: ask for them again.
    pub unprocessed: Vec<Q>,
    /// Read units.
    pub consumed: Consumed,
}

impl<K: KeyShape> Table<K> {
    /// Reads up to 100 items by their whole keys, in one call and in any order of the keys. Each is a read of its own;
    /// together they show no one moment. [`Database::batch_get`](crate::Database::batch_get) reads from several tables,
    /// by keys as items.
    ///
    /// ```
    /// use hashrange::{Database, Item, S};
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::in_memory()?;
    /// let orders = db.create_table("orders").hash::<S>("cust").range::<S>("order").create()?;
    /// orders.put(&Item::new().with("cust", "c#1").with("order", "o#7"))?;
    /// let found = orders.batch_get([("c#1", "o#7"), ("c#1", "o#8")])?;
    /// assert_eq!(found.items.len(), 1);
    /// assert!(found.unprocessed.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A validation error for no key, more than 100, or one that comes twice; errors of the disk.
    pub fn batch_get<Q: Key<K>>(&self, keys: impl IntoIterator<Item = Q>) -> Result<BatchItems<Q>> {
        let keys: Vec<Q> = keys.into_iter().collect();
        check_count(keys.len())?;
        let state = self.slot.state();
        let encoded = keys.iter().map(|key| key.encode(&state.definition)).collect::<Result<Vec<_>>>()?;
        let found = read_many(&self.engine, &self.slot, &encoded)?;
        let mut room = MAX_BATCH_BYTES;
        let Answer { items, left_over, units } = answer(found, &mut room, None, ReadStrength::of(false));
        let mut unprocessed = Vec::new();
        if !left_over.is_empty() {
            let keys = keys.into_iter().enumerate().filter(|(at, _)| left_over.binary_search(at).is_ok());
            unprocessed.extend(keys.map(|(_, key)| key));
        }
        Ok(BatchItems { items, unprocessed, consumed: Consumed::of_table(units) })
    }
}

/// Does up to 25 puts and deletes. Each is atomic, the batch is not; all are checked before any is done.
pub(crate) fn batch_write(
    engine: &Engine,
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
        let slot = slot_of(engine, name)?;
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
    let options = WriteOptions { durability, skip_wait: true, ..WriteOptions::default() };
    for ((slot, key, item), (name, write)) in prepared.iter().zip(writes) {
        let Ok(_here) = engine.enter_write(slot, key) else {
            output.unprocessed.push((name.clone(), write.clone())); // a transaction is at the item
            continue;
        };
        let mut decide =
            |_: &TableDefinition, _: Option<&ItemRef>| Ok(item.clone().map_or(WriteAction::Delete, WriteAction::Put));
        let outcome = engine.write_one(WriteOp { slot, key, decide: &mut decide }, &options)?;
        add_consumed(&mut output.consumed, name, &consumed(&outcome, 1.0));
    }
    engine.wait_all_durable(durability)?;
    Ok(output)
}
