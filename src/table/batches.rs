//! Reads and writes of many items of any tables in one call: BatchGetItem, BatchWriteItem, TransactGetItems.

use super::{Key, KeyShape, Table, ToItem, get::projected_twice};
use crate::{
    config::Durability,
    engine::Engine,
    error::{Error, Result},
    expression::IntoProjection,
    request::{
        self, BatchGetItem, BatchGetOutput, BatchWriteItem, BatchWriteOutput, Executor, Hooks, KeysAndAttributes,
        RequestKey, TransactGetItems, TransactGetOutput, WriteRequest,
    },
};
use std::sync::Arc;

/// Reads of up to 100 items of any tables, each a read of its own; described by
/// [`Database::batch_get`](crate::Database::batch_get), done by [`BatchGet::send`].
#[derive(Clone, Debug)]
#[must_use = "nothing is read before `send`"]
pub struct BatchGet {
    engine: Arc<Engine>,
    hooks: Hooks,
    request: BatchGetItem<'static>,
    /// What is wrong with the description; `send` reports it.
    fault: Option<Error>,
}

impl BatchGet {
    pub(crate) fn new(engine: Arc<Engine>, hooks: Hooks) -> Self {
        Self { engine, hooks, request: BatchGetItem::default(), fault: None }
    }
    fn refuse(mut self, fault: Error) -> Self {
        self.fault.get_or_insert(fault);
        self
    }
    /// Reads these keys of a table.
    pub fn keys<K: KeyShape, Q: Key<K>>(mut self, table: &Table<K>, keys: impl IntoIterator<Item = Q>) -> Self {
        let definition = table.definition();
        let keys = keys.into_iter().map(|key| key.encode(&definition).map(RequestKey::encoded));
        match keys.collect::<Result<Vec<_>>>() {
            Ok(keys) => self.request.tables.push(KeysAndAttributes::new(table.owned_ref(), keys)),
            Err(fault) => return self.refuse(fault),
        }
        self
    }
    /// Returns only these paths of the items of the table that was named last. Comes once for a table.
    pub fn project(mut self, projection: impl IntoProjection) -> Self {
        match (self.request.tables.last_mut(), projection.into_projection()) {
            (Some(table), Ok(projection)) if table.projection.is_none() => table.projection = Some(projection),
            (_, Err(fault)) => return self.refuse(fault),
            (Some(_), _) => return self.refuse(projected_twice()),
            (None, _) => return self.refuse(Error::validation("name a table before its projection")),
        }
        self
    }
    /// Whether the reads of the table that was named last must be strongly consistent: they always are, and cost twice as
    /// much if they say so.
    pub fn consistent(mut self, consistent: bool) -> Self {
        match self.request.tables.last_mut() {
            Some(table) => table.consistent_read = consistent,
            None => return self.refuse(Error::validation("name a table before its consistency")),
        }
        self
    }
    /// Reads. Errors: validation (no key, more than 100, one that comes twice), disk.
    pub fn send(&self) -> Result<BatchGetOutput> {
        match &self.fault {
            Some(fault) => Err(fault.clone()),
            None => Executor::new(&self.engine, &self.hooks).execute(&self.request),
        }
    }
    /// A batch of the keys that did not fit into a response to this one; `None` if all did.
    pub fn rest(self, output: &BatchGetOutput) -> Option<Self> {
        let request = output.unprocessed_keys(&self.request)?;
        Some(Self { request, ..self })
    }
}

/// Up to 25 puts and deletes in any tables, each by itself atomic; described by
/// [`Database::batch_write`](crate::Database::batch_write), done by [`BatchWrite::send`].
#[derive(Clone, Debug)]
#[must_use = "nothing is written before `send`"]
pub struct BatchWrite {
    engine: Arc<Engine>,
    hooks: Hooks,
    request: BatchWriteItem<'static>,
    /// What is wrong with the description; `send` reports it.
    fault: Option<Error>,
}

impl BatchWrite {
    pub(crate) fn new(engine: Arc<Engine>, hooks: Hooks) -> Self {
        Self { engine, hooks, request: BatchWriteItem::default(), fault: None }
    }
    fn refuse(mut self, fault: Error) -> Self {
        self.fault.get_or_insert(fault);
        self
    }
    /// Replaces an item.
    pub fn put<K: KeyShape, T: ToItem + ?Sized>(mut self, table: &Table<K>, item: &T) -> Self {
        match table.put_with(item).into_request().map(request::PutItem::into_owned) {
            Ok(put) => self.request.writes.push((put.table, WriteRequest::Put(put.item))),
            Err(fault) => return self.refuse(fault),
        }
        self
    }
    /// Deletes the item with a key.
    pub fn delete<K: KeyShape>(mut self, table: &Table<K>, key: impl Key<K>) -> Self {
        match key.encode(&table.definition()) {
            Ok(key) => {
                let delete = WriteRequest::Delete(RequestKey::encoded(key));
                self.request.writes.push((table.owned_ref(), delete));
            }
            Err(fault) => return self.refuse(fault),
        }
        self
    }
    /// Overrides the database's durability for this batch.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.request.durability = Some(durability);
        self
    }
    /// Writes. Errors: validation (nothing to do, more than 25, an item that comes twice; nothing is written then), disk.
    pub fn send(&self) -> Result<BatchWriteOutput> {
        match &self.fault {
            Some(fault) => Err(fault.clone()),
            None => Executor::new(&self.engine, &self.hooks).execute(&self.request),
        }
    }
    /// A batch of the actions that were not done; `None` if all were.
    pub fn rest(mut self, output: &BatchWriteOutput) -> Option<Self> {
        let left = output.unprocessed.iter().filter_map(|at| self.request.writes.get(*at).cloned());
        self.request.writes = left.collect();
        (!self.request.writes.is_empty()).then_some(self)
    }
}

/// Reads of up to 100 items of any tables as they are at one moment; described by
/// [`Database::transact_get`](crate::Database::transact_get), done by [`TransactGet::send`].
#[derive(Clone, Debug)]
#[must_use = "nothing is read before `send`"]
pub struct TransactGet {
    engine: Arc<Engine>,
    hooks: Hooks,
    request: TransactGetItems<'static>,
    /// What is wrong with the description; `send` reports it.
    fault: Option<Error>,
}

impl TransactGet {
    pub(crate) fn new(engine: Arc<Engine>, hooks: Hooks) -> Self {
        Self { engine, hooks, request: TransactGetItems::default(), fault: None }
    }
    fn refuse(mut self, fault: Error) -> Self {
        self.fault.get_or_insert(fault);
        self
    }
    /// Reads the item with a key.
    pub fn get<K: KeyShape>(mut self, table: &Table<K>, key: impl Key<K>) -> Self {
        match key.encode(&table.definition()) {
            Ok(key) => {
                let get = request::TransactGetItem::new(table.owned_ref(), RequestKey::encoded(key));
                self.request.gets.push(get);
            }
            Err(fault) => return self.refuse(fault),
        }
        self
    }
    /// Returns only these paths of the item that was named last. Comes once for an item.
    pub fn project(mut self, projection: impl IntoProjection) -> Self {
        match (self.request.gets.last_mut(), projection.into_projection()) {
            (Some(get), Ok(projection)) if get.projection.is_none() => get.projection = Some(projection),
            (_, Err(fault)) => return self.refuse(fault),
            (Some(_), _) => return self.refuse(projected_twice()),
            (None, _) => return self.refuse(Error::validation("name an item before its projection")),
        }
        self
    }
    /// Reads. Errors: validation (no key, more than 100, one that comes twice), a transaction that writes is at an item
    /// (where the model of conflicts is on), disk.
    pub fn send(&self) -> Result<TransactGetOutput> {
        match &self.fault {
            Some(fault) => Err(fault.clone()),
            None => Executor::new(&self.engine, &self.hooks).execute(&self.request),
        }
    }
}
