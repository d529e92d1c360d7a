//! BatchGetItem: up to 100 items of any tables in one call, each of them a read of its own.

use super::{
    any::{RequestRef, ResponseRef},
    cached::{self, Behind},
    executor::{Executor, Request, Response, Run},
    get_item::{charge, projected, read_many},
    key::RequestKey,
    key_paths::check_projection_paths,
    table_ref::{FoundTable, TableRef},
    write_output::{add_consumed, by_position},
};
use crate::{
    capacity::{Consumed, ReadStrength, read_units},
    engine::TableState,
    error::{Error, ErrorKind, Result},
    expression::ProjectionExpression,
    item::ItemRef,
    schema::EncodedKey,
};
use std::sync::Arc;

/// Most keys of one batch get.
pub const MAX_BATCH_GET_KEYS: usize = 100;
/// Bytes of items that a batch get returns at most; the rest is unprocessed.
pub(super) const MAX_BATCH_BYTES: usize = 16 << 20;

/// Reads up to 100 items of any tables. Each is a read of its own; together they show no one moment.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct BatchGetItem<'a> {
    /// What is read from each table.
    pub tables: Vec<KeysAndAttributes<'a>>,
}

/// The keys that a batch get reads from one table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeysAndAttributes<'a> {
    /// The table.
    pub table: TableRef<'a>,
    /// The keys.
    pub keys: Vec<RequestKey<'a>>,
    /// Returns only these paths.
    pub projection: Option<ProjectionExpression>,
    /// Whether the reads must be strongly consistent; they cost twice as much then.
    pub consistent_read: bool,
}

impl<'a> BatchGetItem<'a> {
    /// Reads these keys.
    pub fn new(tables: impl IntoIterator<Item = KeysAndAttributes<'a>>) -> Self {
        Self { tables: tables.into_iter().collect() }
    }
}

impl<'a> KeysAndAttributes<'a> {
    /// These keys of a table.
    pub fn new<Q: Into<RequestKey<'a>>>(table: impl Into<TableRef<'a>>, keys: impl IntoIterator<Item = Q>) -> Self {
        let keys = keys.into_iter().map(Into::into).collect();
        Self { table: table.into(), keys, projection: None, consistent_read: false }
    }
}

/// The response to a batch get.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct BatchGetOutput {
    /// What was found, by name of the table in the order of the request; absent items are left out.
    pub items: Vec<(String, Vec<ItemRef>)>,
    /// For each entry of the request, the positions of the keys that did not fit into the response of at most 16 MB, or that
    /// there was no throughput for: ask for them again.
    pub unprocessed: Vec<Vec<usize>>,
    /// Read units, by table.
    pub consumed: Vec<(String, Consumed)>,
}

impl BatchGetOutput {
    /// A request for the keys that did not fit into this response to `request`; `None` if all did.
    pub fn unprocessed_keys<'a>(&self, request: &BatchGetItem<'a>) -> Option<BatchGetItem<'a>> {
        let mut tables = Vec::new();
        for (entry, left) in request.tables.iter().zip(&self.unprocessed) {
            if !left.is_empty() {
                let keys = left.iter().filter_map(|at| entry.keys.get(*at).cloned()).collect();
                let (table, projection) = (entry.table.clone(), entry.projection.clone());
                tables.push(KeysAndAttributes { table, keys, projection, consistent_read: entry.consistent_read });
            }
        }
        (!tables.is_empty()).then_some(BatchGetItem { tables })
    }
}

impl Response for BatchGetOutput {
    fn as_response(&self) -> ResponseRef<'_> {
        ResponseRef::BatchGet(self)
    }
    fn consumed_by_table(&self) -> Vec<(usize, Consumed)> {
        by_position(&self.consumed)
    }
}

/// Adds a table to those that a request is about, unless it is among them.
pub(super) fn add_table<'t>(tables: &mut Vec<&'t TableRef<'t>>, table: &'t TableRef<'t>) {
    if !tables.iter().any(|known| known.is_same(table)) {
        tables.push(table);
    }
}

impl Request for BatchGetItem<'_> {}
impl Run for BatchGetItem<'_> {
    type Response = BatchGetOutput;
    fn run(&self, executor: &Executor<'_>) -> Result<BatchGetOutput> {
        match self.tables.iter().map(|entry| entry.keys.len()).sum() {
            0 => return Err(Error::validation("a batch get needs at least one key")),
            1..=MAX_BATCH_GET_KEYS => {}
            _ => return Err(Error::validation("Too many items requested for the BatchGetItem call")),
        }
        let mut found = Vec::with_capacity(self.tables.len());
        for entry in &self.tables {
            let slot = entry.table.resolve(executor.engine)?;
            slot.check_alive()?;
            let state = slot.state();
            let definition = &state.definition;
            check_projection_paths(definition, entry.projection.as_ref())?;
            let keys = entry.keys.iter().map(|key| key.encode(definition)).collect::<Result<Vec<_>>>()?;
            let items = read_many(executor.engine, &state, &keys)?;
            found.push(FoundItems { slot, state: arc_swap::Guard::into_inner(state), keys, items });
        }
        let mut output = BatchGetOutput::default();
        let mut room = MAX_BATCH_BYTES;
        let (mut is_any_read, mut throttled, mut first) = (false, None, 0);
        for (entry, found) in self.tables.iter().zip(found) {
            let name = found.state.definition.name.clone();
            let read = answer(executor, found, &mut room, entry, first)?;
            first += entry.keys.len();
            is_any_read |= read.left_over.len() < entry.keys.len();
            throttled = throttled.or(read.throttled);
            add_consumed(&mut output.consumed, &name, &Consumed::of_table(read.units));
            output.items.push((name, read.items));
            output.unprocessed.push(read.left_over);
        }
        // A batch of which nothing could be read is answered by the first of its errors.
        match throttled {
            Some(error) if !is_any_read => Err(error),
            _ => Ok(output),
        }
    }
    fn run_cached(&self, behind: &Behind<'_>) -> Result<BatchGetOutput> {
        cached::batch_get(self, behind)
    }
    fn as_request(&self) -> RequestRef<'_> {
        RequestRef::BatchGetItem(self)
    }
    fn tables(&self) -> Vec<&TableRef<'_>> {
        let mut tables = Vec::new();
        self.tables.iter().for_each(|entry| add_table(&mut tables, &entry.table));
        tables
    }
}

/// What was read of a table.
struct FoundItems<'a> {
    slot: FoundTable<'a>,
    state: Arc<TableState>,
    keys: Vec<EncodedKey>,
    items: Vec<Option<ItemRef>>,
}

/// What fits into the response, and was not throttled.
struct Answer {
    items: Vec<ItemRef>,
    /// Positions of the keys that were left out.
    left_over: Vec<usize>,
    units: f64,
    /// The first rejection.
    throttled: Option<Error>,
}

/// Takes items while there is room for them, by DynamoDB's size rule; none behind the first one that does not fit. `first` is
/// the position of the first key among those of the batch.
fn answer(
    executor: &Executor<'_>,
    found: FoundItems<'_>,
    room: &mut usize,
    entry: &KeysAndAttributes<'_>,
    first: usize,
) -> Result<Answer> {
    let strength = ReadStrength::of(entry.consistent_read);
    let FoundItems { slot, state, keys, items } = found;
    let mut answer =
        Answer { items: Vec::with_capacity(items.len()), left_over: Vec::new(), units: 0.0, throttled: None };
    for (at, item) in items.into_iter().enumerate() {
        let size = item.as_ref().map_or(0, ItemRef::size_bytes);
        if *room == 0 || size > *room {
            *room = 0;
            answer.left_over.push(at);
            continue;
        }
        if let Some(error) = executor.throttled_item(first + at) {
            answer.throttled.get_or_insert_with(|| error.clone());
            answer.left_over.push(at);
            continue;
        }
        if executor.is_metered() {
            match charge(executor, &slot, &state, &keys[at], strength, item.as_ref()) {
                Err(error) if error.kind() == ErrorKind::Throttled => {
                    answer.throttled.get_or_insert(error);
                    answer.left_over.push(at);
                    continue;
                }
                charged => charged?,
            }
        }
        *room -= size;
        answer.units += read_units(size, strength);
        if let Some(item) = item {
            answer.items.push(projected(item, entry.projection.as_ref()));
        }
    }
    Ok(answer)
}
