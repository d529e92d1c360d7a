//! TransactGetItems: items of any tables as they were at one moment.

use super::{
    any::{RequestRef, ResponseRef},
    batch_get_item::add_table,
    executor::{Executor, Request, Response, Run},
    get_item::projected,
    key::RequestKey,
    key_paths::check_projection_paths,
    table_ref::TableRef,
    transact_write_items::{DUPLICATE, MAX_TRANSACTION_ACTIONS, MAX_TRANSACTION_BYTES, Reasons, throttling_reason},
    write_output::{add_consumed, by_position},
};
use crate::{
    capacity::{Consumed, ReadStrength, read_units},
    engine::{ReadAccess, TableSlot, key_ref},
    error::{CancellationReason, Error, Result},
    expression::ProjectionExpression,
    item::ItemRef,
    schema::EncodedKey,
    service::{Access, is_hidden},
};
use std::sync::Arc;

/// Reads up to 100 items of any tables as they were at one moment.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TransactGetItems<'a> {
    /// What is read; no item may come twice.
    pub gets: Vec<TransactGetItem<'a>>,
}

/// One item of a transactional read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TransactGetItem<'a> {
    /// The table.
    pub table: TableRef<'a>,
    /// The key.
    pub key: RequestKey<'a>,
    /// Returns only these paths.
    pub projection: Option<ProjectionExpression>,
}

impl<'a> TransactGetItems<'a> {
    /// Reads these items.
    pub fn new(gets: impl IntoIterator<Item = TransactGetItem<'a>>) -> Self {
        Self { gets: gets.into_iter().collect() }
    }
}

impl<'a> TransactGetItem<'a> {
    /// The item with this key.
    pub fn new(table: impl Into<TableRef<'a>>, key: impl Into<RequestKey<'a>>) -> Self {
        Self { table: table.into(), key: key.into(), projection: None }
    }
}

/// The response to a transactional read.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TransactGetOutput {
    /// What was found, in the order of the request.
    pub items: Vec<Option<ItemRef>>,
    /// Read units by table, in order of first appearance.
    pub consumed: Vec<(String, Consumed)>,
}

impl Response for TransactGetOutput {
    fn as_response(&self) -> ResponseRef<'_> {
        ResponseRef::TransactGet(self)
    }
    fn consumed_by_table(&self) -> Vec<(usize, Consumed)> {
        by_position(&self.consumed)
    }
}

impl TransactGetItems<'_> {
    fn places(&self, executor: &Executor<'_>) -> Result<Vec<(Arc<TableSlot>, EncodedKey)>> {
        if !(1..=MAX_TRANSACTION_ACTIONS).contains(&self.gets.len()) {
            return Err(Error::validation(format!(
                "a transactional read has 1 to {MAX_TRANSACTION_ACTIONS} keys, not {}",
                self.gets.len()
            )));
        }
        let mut places: Vec<(Arc<TableSlot>, EncodedKey)> = Vec::with_capacity(self.gets.len());
        let mut reasons = Reasons::default();
        for get in &self.gets {
            let slot = get.table.resolve(executor.engine)?.clone();
            slot.check_alive()?;
            let state = slot.state();
            check_projection_paths(&state.definition, get.projection.as_ref())?;
            let encoded = get.key.encode(&state.definition);
            let Some(key) = reasons.take(encoded)? else { continue };
            if places.iter().any(|(other, known)| Arc::ptr_eq(other, &slot) && *known == key) {
                return Err(Error::validation(DUPLICATE));
            }
            places.push((slot, key));
        }
        reasons.finish()?;
        Ok(places)
    }
}

impl Request for TransactGetItems<'_> {}
impl Run for TransactGetItems<'_> {
    type Response = TransactGetOutput;
    fn run(&self, executor: &Executor<'_>) -> Result<TransactGetOutput> {
        let engine = executor.engine;
        let places = self.places(executor)?;
        let items = places.iter().map(|(slot, key)| (&**slot, key));
        let _here = engine.enter_transaction(Access::TransactRead, items)?;
        let found = engine.read_together(&places)?;
        let is_shown = |slot: &TableSlot, item: &ItemRef| !is_hidden(engine.options(), &slot.state().definition, item);
        let found = found.into_iter().zip(&places).map(|(item, (slot, _))| item.filter(|item| is_shown(slot, item)));
        let found: Vec<Option<ItemRef>> = found.collect();
        let size = |item: &Option<ItemRef>| item.as_ref().map_or(0, ItemRef::size_bytes);
        let bytes: usize = found.iter().map(size).sum();
        if bytes > MAX_TRANSACTION_BYTES {
            return Err(Error::validation(format!(
                "Collection size of items exceeded: the items of a transactional read have at most \
                 {MAX_TRANSACTION_BYTES} bytes together, not {bytes}"
            )));
        }
        if executor.is_metered() {
            let reads = places.iter().zip(&found).map(|((slot, key), item)| (&**slot, key, size(item)));
            charge_together(executor, reads)?;
        }
        let mut output = TransactGetOutput::default();
        for ((get, (slot, _)), item) in self.gets.iter().zip(&places).zip(found) {
            let units = read_units(size(&item), ReadStrength::Transactional);
            add_consumed(&mut output.consumed, &slot.state().definition.name, &Consumed::of_table(units));
            output.items.push(item.map(|item| projected(item, get.projection.as_ref())));
        }
        Ok(output)
    }
    fn as_request(&self) -> RequestRef<'_> {
        RequestRef::TransactGetItems(self)
    }
    fn tables(&self) -> Vec<&TableRef<'_>> {
        let mut tables = Vec::new();
        self.gets.iter().for_each(|get| add_table(&mut tables, &get.table));
        tables
    }
}

/// All reads, each with the bytes that it is sized on, ask for throughput, and pay if each of them has it. Errors: the transaction
/// is cancelled.
pub(super) fn charge_together<'r>(
    executor: &Executor<'_>,
    reads: impl Iterator<Item = (&'r TableSlot, &'r EncodedKey, usize)>,
) -> Result<()> {
    let (engine, strength) = (executor.engine, ReadStrength::Transactional);
    let (mut tickets, mut reasons) = (Vec::new(), Vec::new());
    for (slot, key, size_bytes) in reads {
        let units = read_units(size_bytes, strength);
        let state = slot.state();
        let read = ReadAccess::of_item(slot, &state, key_ref(key), strength, executor.label);
        match engine.admit_read(&read, units) {
            Ok(ticket) => {
                tickets.push((ticket, slot, key, units));
                reasons.push(CancellationReason::none());
            }
            Err(error) => reasons.push(throttling_reason(&error).ok_or(error)?),
        }
    }
    if reasons.iter().any(|reason| !reason.is_none()) {
        return Err(Error::transaction_canceled(reasons));
    }
    for (ticket, slot, key, units) in &tickets {
        let state = slot.state();
        let read = ReadAccess::of_item(slot, &state, key_ref(key), strength, executor.label);
        engine.pay_read(&read, ticket.as_ref(), *units);
    }
    Ok(())
}
