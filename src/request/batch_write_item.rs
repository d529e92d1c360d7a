//! BatchWriteItem: up to 25 puts and deletes of any tables in one call, each of them by itself atomic.

use super::{
    any::{RequestRef, ResponseRef},
    batch_get_item::{MAX_BATCH_BYTES, add_table},
    cached::Behind,
    executor::{Executor, Request, Response, Run},
    key::RequestKey,
    table_ref::{FoundTable, TableRef},
    write::{Change, Write, prepare_put, write_one},
    write_output::{add_consumed, by_position, consumed},
};
use crate::{
    capacity::Consumed,
    config::Durability,
    engine::WriteOptions,
    error::{Error, ErrorKind, Result},
    item::Item,
    schema::{EncodedKey, TableDefinition},
};
use bytes::Bytes;
use std::{borrow::Cow, sync::Arc};

/// Most puts and deletes of one batch write.
pub const MAX_BATCH_WRITES: usize = 25;

/// Does up to 25 puts and deletes in any tables, each by itself atomic.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct BatchWriteItem<'a> {
    /// The tables and what is done in them; no item may come twice.
    pub writes: Vec<(TableRef<'a>, WriteRequest<'a>)>,
    /// When to answer; the database's durability if absent.
    pub durability: Option<Durability>,
}

impl<'a> BatchWriteItem<'a> {
    /// Does these puts and deletes.
    pub fn new(writes: impl IntoIterator<Item = (TableRef<'a>, WriteRequest<'a>)>) -> Self {
        Self { writes: writes.into_iter().collect(), durability: None }
    }
}

/// One action of a batch write.
#[derive(Clone, Debug)]
pub enum WriteRequest<'a> {
    /// Replaces an item.
    Put(Cow<'a, Item>),
    /// Deletes the item with a key.
    Delete(RequestKey<'a>),
}

/// The response to a batch write.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct BatchWriteOutput {
    /// Positions of the actions that were not done, since a transaction is at their items or there was no throughput for
    /// them: send them again.
    pub unprocessed: Vec<usize>,
    /// Write units, by table.
    pub consumed: Vec<(String, Consumed)>,
}

impl Response for BatchWriteOutput {
    fn as_response(&self) -> ResponseRef<'_> {
        ResponseRef::BatchWrite(self)
    }
    fn consumed_by_table(&self) -> Vec<(usize, Consumed)> {
        by_position(&self.consumed)
    }
}

/// An action that is checked and encoded for one definition of its table.
struct Prepared<'a> {
    table: FoundTable<'a>,
    definition: Arc<TableDefinition>,
    key: EncodedKey,
    put: Option<(&'a Item, Bytes)>,
}

impl BatchWriteItem<'_> {
    /// Checks all actions before the first one is done.
    fn prepare(&self, executor: &Executor<'_>) -> Result<Vec<Prepared<'_>>> {
        if self.writes.len() > MAX_BATCH_WRITES {
            return Err(Error::validation("Too many items requested for the BatchWriteItem call"));
        }
        if self.writes.is_empty() {
            return Err(Error::validation("a batch write needs at least one put or delete"));
        }
        let mut all: Vec<Prepared<'_>> = Vec::with_capacity(self.writes.len());
        let mut bytes = 0;
        for (table, write) in &self.writes {
            let table = table.resolve(executor.engine)?;
            table.check_alive()?;
            let definition = table.state().definition.clone();
            let (key, put) = match write {
                WriteRequest::Put(item) => {
                    let (key, encoded) = prepare_put(&definition, item)?;
                    bytes += encoded.len();
                    (key, Some((&**item, encoded)))
                }
                WriteRequest::Delete(key) => (key.encode(&definition)?, None),
            };
            if all.iter().any(|other| Arc::ptr_eq(&other.table, &table) && other.key == key) {
                return Err(Error::validation("Provided list of item keys contains duplicates"));
            }
            all.push(Prepared { table, definition, key, put });
        }
        if bytes > MAX_BATCH_BYTES {
            return Err(Error::validation(format!("a batch write has at most {MAX_BATCH_BYTES} bytes, not {bytes}")));
        }
        Ok(all)
    }
}

impl Request for BatchWriteItem<'_> {}
impl Run for BatchWriteItem<'_> {
    type Response = BatchWriteOutput;
    fn run(&self, executor: &Executor<'_>) -> Result<BatchWriteOutput> {
        let engine = executor.engine;
        let mut output = BatchWriteOutput::default();
        let mut throttled = None;
        // The batch waits for the disk once, after its last write.
        let options = WriteOptions { durability: self.durability, skip_wait: true, ..executor.write_options() };
        for (at, Prepared { table, definition, key, put }) in self.prepare(executor)?.into_iter().enumerate() {
            if let Some(error) = executor.throttled_item(at) {
                add_consumed(&mut output.consumed, &definition.name, &Consumed::default());
                output.unprocessed.push(at);
                throttled.get_or_insert_with(|| error.clone());
                continue;
            }
            let written = engine.hold_tables([&**table]).and_then(|held| {
                if let Some((item, _)) = &put
                    && !Arc::ptr_eq(held.definition(0), &definition)
                {
                    held.definition(0).check_index_keys(item)?; // an index was added meanwhile
                }
                let change = put.map_or(Change::Delete, |(_, bytes)| Change::Put(bytes));
                let write = Write { slot: &table, key, change, condition: None, return_old_on_failure: false };
                write_one(engine, held, &write, &options)
            });
            match written {
                Ok((outcome, _)) => add_consumed(&mut output.consumed, &definition.name, &consumed(&outcome, 1.0)),
                Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Throttled) => {
                    // The table is among those of the sums, whatever is done in it.
                    add_consumed(&mut output.consumed, &definition.name, &Consumed::default());
                    output.unprocessed.push(at);
                    throttled = throttled.or(Some(error).filter(|error| error.kind() == ErrorKind::Throttled));
                }
                Err(error) => {
                    // What was done before is there for readers once the caller has the error, and the cache learns of it.
                    engine.wait_all_durable(self.durability)?;
                    return Err(error);
                }
            }
        }
        // A batch of which nothing could be done is answered by the first of its errors.
        if let Some(error) = throttled.filter(|_| output.unprocessed.len() == self.writes.len()) {
            return Err(error);
        }
        engine.wait_all_durable(self.durability)?;
        Ok(output)
    }
    fn run_cached(&self, behind: &Behind<'_>) -> Result<BatchWriteOutput> {
        let result = behind.pass(self);
        let is_done = |at: &usize| match &result {
            Ok(output) => !output.unprocessed.contains(at),
            // A batch that fails may have done some of its writes. The next readers ask the database for the items of all of them.
            Err(error) => error.kind() != ErrorKind::Throttled,
        };
        for (table, write) in (0..self.writes.len()).filter(is_done).map(|at| &self.writes[at]) {
            behind.learn(table, result.is_ok(), |definition| match write {
                WriteRequest::Put(item) => definition.key_of_item(item),
                WriteRequest::Delete(key) => key.encode(definition),
            });
        }
        result
    }
    fn as_request(&self) -> RequestRef<'_> {
        RequestRef::BatchWriteItem(self)
    }
    fn tables(&self) -> Vec<&TableRef<'_>> {
        let mut tables = Vec::new();
        self.writes.iter().for_each(|(table, _)| add_table(&mut tables, table));
        tables
    }
}
