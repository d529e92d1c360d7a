//! GetItem: one item by its whole key.

use super::{
    any::{RequestRef, ResponseRef},
    cached::{self, Behind},
    executor::{Executor, Request, Response, Run},
    key::RequestKey,
    key_paths::check_projection_paths,
    table_ref::TableRef,
};
use crate::{
    capacity::{Consumed, ReadStrength, read_units},
    engine::{Engine, ReadAccess, TableSlot, TableState, key_ref},
    error::{Error, Result},
    expression::ProjectionExpression,
    item::ItemRef,
    partition::ReadPoint,
    schema::{EncodedKey, TableDefinition},
    service::is_hidden,
};

/// Reads one item by its whole key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GetItem<'a> {
    /// The table.
    pub table: TableRef<'a>,
    /// The key.
    pub key: RequestKey<'a>,
    /// Returns only these paths.
    pub projection: Option<ProjectionExpression>,
    /// Whether the read must be strongly consistent: it always is, and costs twice as much if it says so.
    pub consistent_read: bool,
}

impl<'a> GetItem<'a> {
    /// Reads the item with this key.
    #[inline]
    pub fn new(table: impl Into<TableRef<'a>>, key: impl Into<RequestKey<'a>>) -> Self {
        Self { table: table.into(), key: key.into(), projection: None, consistent_read: false }
    }
}

impl GetItem<'_> {
    /// What is there, for another request: nothing is asked, paid or noted, and no hook sees it.
    pub(crate) fn peek(&self, executor: &Executor<'_>) -> Result<Option<ItemRef>> {
        Ok(self.run(&executor.for_dry_run())?.item)
    }
}

/// The response to a get.
#[derive(Clone, Debug)]
pub struct GetOutput {
    /// The item, or the part of it that was asked for; absent if there is none.
    pub item: Option<ItemRef>,
    /// Bytes of the whole item, if only a part of it is returned.
    whole_bytes: Option<usize>,
    strength: ReadStrength,
}

impl GetOutput {
    /// A whole item.
    pub(crate) fn of(item: Option<ItemRef>, strength: ReadStrength) -> Self {
        Self { item, whole_bytes: None, strength }
    }
    /// Capacity in read units: of the whole item, whatever part was asked for.
    pub fn consumed(&self) -> Consumed {
        let returned = || self.item.as_ref().map_or(0, ItemRef::size_bytes);
        Consumed::of_table(read_units(self.whole_bytes.unwrap_or_else(returned), self.strength))
    }
}

impl Response for GetOutput {
    fn as_response(&self) -> ResponseRef<'_> {
        ResponseRef::Get(self)
    }
    fn consumed_by_table(&self) -> Vec<(usize, Consumed)> {
        vec![(0, self.consumed())]
    }
}

impl Request for GetItem<'_> {}
impl Run for GetItem<'_> {
    type Response = GetOutput;
    #[inline(always)]
    fn run(&self, executor: &Executor<'_>) -> Result<GetOutput> {
        let table = self.table.resolve(executor.engine)?;
        let strength = ReadStrength::of(self.consistent_read);
        if self.projection.is_some() {
            check_projection_paths(&table.state().definition, self.projection.as_ref())?;
        }
        let item = read_by_key(executor, &table, strength, |definition| self.key.encode(definition))?;
        let Some(projection) = &self.projection else { return Ok(GetOutput { item, whole_bytes: None, strength }) };
        let whole_bytes = Some(item.as_ref().map_or(0, ItemRef::size_bytes));
        Ok(GetOutput { item: item.map(|item| projected(item, Some(projection))), whole_bytes, strength })
    }
    fn run_cached(&self, behind: &Behind<'_>) -> Result<GetOutput> {
        cached::get(self, behind)
    }
    fn as_request(&self) -> RequestRef<'_> {
        RequestRef::GetItem(self)
    }
    fn tables(&self) -> Vec<&TableRef<'_>> {
        vec![&self.table]
    }
}

/// The newest item that readers may see, by a key that is encoded once the definition of the table's key is at hand.
#[inline(always)]
pub(crate) fn read_by_key(
    executor: &Executor<'_>,
    slot: &TableSlot,
    strength: ReadStrength,
    encode: impl FnOnce(&TableDefinition) -> Result<EncodedKey>,
) -> Result<Option<ItemRef>> {
    let key = encode(slot.key_definition())?;
    read_admitted(executor, slot, strength, &key)
}

/// The same, by an encoded key.
#[inline(always)]
pub(crate) fn read_admitted(
    executor: &Executor<'_>,
    slot: &TableSlot,
    strength: ReadStrength,
    key: &EncodedKey,
) -> Result<Option<ItemRef>> {
    let item = read(executor.engine, slot, key)?;
    if executor.is_metered() {
        charge(executor, slot, &slot.state(), key, strength, item.as_ref())?;
    }
    Ok(item)
}

/// A read of one item asks for throughput and pays. Errors: throttled.
#[inline(never)]
pub(super) fn charge(
    executor: &Executor<'_>,
    slot: &TableSlot,
    state: &TableState,
    key: &EncodedKey,
    strength: ReadStrength,
    item: Option<&ItemRef>,
) -> Result<()> {
    let units = read_units(item.map_or(0, ItemRef::size_bytes), strength);
    let read = ReadAccess::of_item(slot, state, key_ref(key), strength, executor.label);
    executor.engine.charge_read(&read, units)
}

/// The newest item at a place that readers may see.
#[inline(always)]
pub(super) fn read(engine: &Engine, slot: &TableSlot, key: &EncodedKey) -> Result<Option<ItemRef>> {
    slot.check_alive()?;
    let partition = slot.ring().find(key.token());
    let found = partition.get(key_ref(key), ReadPoint::Visible, engine.wal().visible())?;
    let item = found.and_then(|version| version.item);
    if !engine.options().hide_expired {
        return Ok(item);
    }
    Ok(item.filter(|item| !is_hidden(engine.options(), &slot.state().definition, item)))
}

/// The newest items at many places of a table that readers may see, in the order of the places.
///
/// Keys are taken in the order of their tokens: what a partition holds is read through one view of it, and what is
/// side by side is read side by side. Fails if a key comes twice.
pub(super) fn read_many(engine: &Engine, state: &TableState, keys: &[EncodedKey]) -> Result<Vec<Option<ItemRef>>> {
    let mut order: Vec<(u64, usize)> = keys.iter().map(EncodedKey::token).zip(0..).collect();
    order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| keys[a.1].cmp(&keys[b.1])));
    if order.windows(2).any(|pair| pair[0].0 == pair[1].0 && keys[pair[0].1] == keys[pair[1].1]) {
        return Err(Error::validation("Provided list of item keys contains duplicates"));
    }
    let mut items = vec![None; keys.len()];
    let mut rest = order.as_slice();
    while let Some((token, _)) = rest.first() {
        let partition = state.ring.find(*token);
        let (here, others) = rest.split_at(rest.partition_point(|(token, _)| *token <= partition.last_token).max(1));
        let view = partition.pin();
        view.fetch_ahead(here.iter().map(|(_, at)| key_ref(&keys[*at])));
        for (_, at) in here {
            let found = view.get(key_ref(&keys[*at]), ReadPoint::Visible, engine.wal().visible())?;
            let item = found.and_then(|version| version.item);
            items[*at] = item.filter(|item| !is_hidden(engine.options(), &state.definition, item));
        }
        rest = others;
    }
    Ok(items)
}

/// The part of an item that a projection names.
pub(super) fn projected(item: ItemRef, projection: Option<&ProjectionExpression>) -> ItemRef {
    // Not `map_or_else`: a clone and its drop would count references up and down, for every item of a page.
    match projection {
        Some(projection) => ItemRef::from(&projection.apply(&item)),
        None => item,
    }
}
