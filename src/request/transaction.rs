//! The requests of a transaction that runs as a closure: reads of what is newest, and a commit that is carried out only if
//! what was read still holds.
//!
//! A [`Hook`](super::Hook) sees the reads as [`GetItem`]s, and the commit as a [`TransactWriteItems`] of its writes.

use super::{
    any::{RequestRef, ResponseRef},
    delete_item::DeleteItem,
    executor::{Executor, Request, Response, Run},
    get_item::{GetItem, GetOutput, charge},
    key::RequestKey,
    put_item::PutItem,
    range_read::RangeRead,
    table_ref::TableRef,
    transact_write_items::{TransactOutput, TransactWriteItem, TransactWriteItems},
    write_output::{add_consumed, consumed},
};
use crate::{
    capacity::{Consumed, ReadStrength},
    config::Durability,
    engine::{Charge, Decide, Engine, TableSlot, WriteAction, WriteOp, WriteOptions, key_ref},
    error::{Error, ErrorKind, Result},
    item::ItemRef,
    partition::ReadPoint,
    schema::{EncodedKey, TableDefinition},
    service::Access,
};
use std::sync::Arc;

/// Reads the newest version of an item, durable or not, expired or not.
pub(crate) struct ReadNewest<'a>(pub GetItem<'a>);

impl Request for ReadNewest<'_> {}
impl Run for ReadNewest<'_> {
    type Response = GetOutput;
    fn run(&self, executor: &Executor<'_>) -> Result<GetOutput> {
        let engine = executor.engine;
        let table = self.0.table.resolve(engine)?;
        table.check_alive()?;
        let state = table.state();
        let key = self.0.key.encode(&state.definition)?;
        let partition = state.ring.find(key.token());
        let found = partition.get(key_ref(&key), ReadPoint::Newest, engine.wal().visible())?;
        let item = found.and_then(|version| version.item);
        if executor.is_metered() {
            charge(executor, &table, &state, &key, ReadStrength::Transactional, item.as_ref())?;
        }
        Ok(GetOutput::of(item, ReadStrength::Transactional))
    }
    fn as_request(&self) -> RequestRef<'_> {
        RequestRef::GetItem(&self.0)
    }
    fn is_in_transaction(&self) -> bool {
        true
    }
    fn tables(&self) -> Vec<&TableRef<'_>> {
        vec![&self.0.table]
    }
}

/// An item that a closure read or wrote.
#[derive(Debug)]
pub(crate) struct Touched {
    pub engine: Arc<Engine>,
    pub slot: Arc<TableSlot>,
    /// What its index keys were checked for, if it is put.
    pub definition: Arc<TableDefinition>,
    pub key: EncodedKey,
    /// The item as it was read first; `None` if it was not read.
    pub read: Option<Option<ItemRef>>,
    /// What becomes of it; `None` if it is not written.
    pub write: Option<WriteAction>,
}

/// Compares what was read with what is now, and writes if it is the same.
pub(crate) struct CommitTransaction<'a> {
    touched: Vec<&'a Touched>,
    ranges: &'a [RangeRead],
    with_writes: bool,
    /// What a hook sees.
    described: TransactWriteItems<'a>,
}

impl<'a> CommitTransaction<'a> {
    /// A commit of these items; without the writes it only says whether what was read, ranges included, still holds.
    pub fn new(touched: &'a [Touched], ranges: &'a [RangeRead], with_writes: bool, is_described: bool) -> Self {
        let relevant = touched.iter().filter(|touched| with_writes || touched.read.is_some());
        let described = relevant.clone().filter(|_| is_described && with_writes).filter_map(describe);
        Self { described: TransactWriteItems::new(described), touched: relevant.collect(), ranges, with_writes }
    }
    /// When to answer; the database's durability if absent.
    pub fn durability(mut self, durability: Option<Durability>) -> Self {
        self.described.durability = durability;
        self
    }
    /// Whether there is nothing to be done.
    pub fn is_empty(&self) -> bool {
        self.touched.is_empty() && self.ranges.is_empty()
    }
    fn decide(&self, touched: &Touched, now: Option<&ItemRef>) -> Result<WriteAction> {
        match &touched.read {
            Some(read) if !is_same(read.as_ref(), now) => Err(changed()),
            _ if self.with_writes => Ok(touched.write.clone().unwrap_or(WriteAction::Keep)),
            _ => Ok(WriteAction::Keep),
        }
    }
}

fn describe(touched: &Touched) -> Option<TransactWriteItem<'_>> {
    let table = TableRef::borrowed(&touched.engine, &touched.slot);
    match touched.write.as_ref()? {
        WriteAction::Put(bytes) => {
            let item = ItemRef::from_bytes(bytes.clone()).to_item();
            Some(TransactWriteItem::Put(PutItem::new(table, std::borrow::Cow::Owned(item))))
        }
        WriteAction::Delete => {
            let key = RequestKey::encoded(touched.key.clone());
            Some(TransactWriteItem::Delete(DeleteItem::new(table, key)))
        }
        WriteAction::Keep => None,
    }
}

/// Whether what a transaction had read still held, so that it was committed.
pub(crate) struct CommitOutput {
    pub is_committed: bool,
    output: TransactOutput,
}

impl Response for CommitOutput {
    fn as_response(&self) -> ResponseRef<'_> {
        ResponseRef::TransactWrite(&self.output)
    }
    fn consumed_by_table(&self) -> Vec<(usize, Consumed)> {
        self.output.consumed_by_table()
    }
}

impl Request for CommitTransaction<'_> {}
impl Run for CommitTransaction<'_> {
    type Response = CommitOutput;
    fn run(&self, executor: &Executor<'_>) -> Result<CommitOutput> {
        let engine = executor.engine;
        let mut output = CommitOutput { is_committed: false, output: TransactOutput::default() };
        let slots = self.touched.iter().map(|touched| &*touched.slot);
        let held = engine.hold_tables(slots.chain(self.ranges.iter().map(|range| &*range.slot)))?;
        for (at, touched) in self.touched.iter().enumerate() {
            if let (true, Some(WriteAction::Put(bytes))) = (self.with_writes, &touched.write)
                && !Arc::ptr_eq(held.definition(at), &touched.definition)
            {
                // An index was added meanwhile.
                held.definition(at).check_index_keys(&ItemRef::from_bytes(bytes.clone()).to_item())?;
            }
        }
        let items = self.touched.iter().map(|touched| (&*touched.slot, &touched.key));
        let Ok(_here) = engine.enter_transaction(Access::TransactWrite, items) else { return Ok(output) };
        let mut closures: Vec<Box<Decide<'_>>> = Vec::with_capacity(self.touched.len() + self.ranges.len());
        for touched in &self.touched {
            closures.push(Box::new(|_: &TableDefinition, now: Option<&ItemRef>| self.decide(touched, now)));
        }
        for range in self.ranges {
            closures.push(Box::new(
                |_: &TableDefinition, _: Option<&ItemRef>| {
                    if range.still_holds(engine)? { Ok(WriteAction::Keep) } else { Err(changed()) }
                },
            ));
        }
        let items = self.touched.iter().map(|touched| (&*touched.slot, &touched.key));
        let places = items.chain(self.ranges.iter().map(|range| (&*range.slot, &range.place)));
        let mut ops: Vec<WriteOp<'_>> = places
            .zip(&mut closures)
            .map(|((slot, key), decide)| WriteOp { slot, key, decide: &mut **decide })
            .collect();
        // What only compares has paid when it was read.
        let charge = if self.with_writes { Charge::Transaction } else { Charge::Free };
        let options = WriteOptions {
            durability: self.described.durability,
            report_conflict_early: true,
            charge,
            ..executor.write_options()
        };
        let results = engine.write_held(held, &mut ops, &options)?;
        for (at, result) in results.into_iter().enumerate() {
            match result {
                Err(error) if error.kind() == ErrorKind::Conflict => return Ok(output),
                Err(error) => return Err(error),
                Ok(_) if at >= self.touched.len() => {}
                Ok(outcome) => {
                    let sums = &mut output.output.consumed;
                    add_consumed(sums, &outcome.definition.name, &consumed(&outcome, 2.0));
                }
            }
        }
        if !self.ranges.is_empty() {
            // What was read of the ranges may not be durable yet. Where something was written, its sync did that as well.
            engine.wait_all_durable(None)?;
        }
        output.is_committed = true;
        Ok(output)
    }
    fn as_request(&self) -> RequestRef<'_> {
        RequestRef::TransactWriteItems(&self.described)
    }
    fn tables(&self) -> Vec<&TableRef<'_>> {
        self.described.tables()
    }
}

pub(super) fn is_same(read: Option<&ItemRef>, now: Option<&ItemRef>) -> bool {
    match (read, now) {
        (None, None) => true,
        // The same item may have inline names in a memtable and a dictionary's in a run.
        (Some(read), Some(now)) => {
            (read.names().is_none() && now.names().is_none() && read.encoded() == now.encoded())
                || read.to_item() == now.to_item()
        }
        _ => false,
    }
}

/// An item is not any more what the transaction had read.
fn changed() -> Error {
    Error::new(ErrorKind::Conflict, "TransactionConflictException", "Transaction is ongoing for the item")
}
