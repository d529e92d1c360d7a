//! GetItem: one item by its whole key.

use super::{IntoProjection, Key, KeyShape, Table, into_expression::only_projection};
use crate::{
    capacity::{Consumed, ReadStrength, read_units},
    engine::{Engine, TableSlot, TableState, key_ref},
    error::{Error, Result},
    expression::Projection,
    item::ItemRef,
    partition::ReadPoint,
    schema::EncodedKey,
    service::is_hidden,
};

/// A get that is being described; [`Get::send`] does it.
#[derive(Debug)]
#[must_use = "nothing is read before `send`"]
pub struct Get<K> {
    table: Table<K>,
    key: Result<EncodedKey>,
    projection: Result<Option<Projection>>,
    consistent: bool,
}

/// The answer to a get.
#[derive(Clone, Debug)]
pub struct GetOutput {
    /// The item, or the part of it that was asked for; absent if there is none.
    pub item: Option<ItemRef>,
    /// Capacity in read units: of the whole item, whatever part was asked for.
    pub consumed: Consumed,
}

impl<K: KeyShape> Table<K> {
    /// The item with this key, as a view that decodes what is looked at. Sees every write that returned before.
    pub fn get(&self, key: impl Key<K>) -> Result<Option<ItemRef>> {
        let state = self.slot.state();
        let key = key.encode(&state.definition)?;
        read_from(&self.engine, &self.slot, &state, &key)
    }

    /// A get with a projection or a statement of its consistency.
    pub fn get_with(&self, key: impl Key<K>) -> Get<K> {
        Get { key: key.encode(&self.definition()), table: self.clone(), projection: Ok(None), consistent: false }
    }
}

/// The newest item at a place that readers may see.
pub(super) fn read(engine: &Engine, slot: &TableSlot, key: &EncodedKey) -> Result<Option<ItemRef>> {
    read_from(engine, slot, &slot.state(), key)
}

#[inline]
fn read_from(engine: &Engine, slot: &TableSlot, state: &TableState, key: &EncodedKey) -> Result<Option<ItemRef>> {
    slot.check_alive()?;
    let partition = state.ring.find(key.token());
    let found = partition.get(key_ref(key), ReadPoint::Visible, engine.wal().visible())?;
    let item = found.and_then(|version| version.item);
    Ok(item.filter(|item| !is_hidden(engine.options(), &state.definition, item)))
}

/// The newest items at many places of a table that readers may see, in the order of the places.
///
/// Keys are taken in the order of their tokens: what a partition holds is read through one view of it, and what lies
/// side by side is read side by side. Fails if a key comes twice.
pub(super) fn read_many(engine: &Engine, slot: &TableSlot, keys: &[EncodedKey]) -> Result<Vec<Option<ItemRef>>> {
    slot.check_alive()?;
    let state = slot.state();
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
        view.fetch_ahead(here.iter().map(|(token, _)| *token));
        for (_, at) in here {
            let found = view.get(key_ref(&keys[*at]), ReadPoint::Visible, engine.wal().visible())?;
            let item = found.and_then(|version| version.item);
            items[*at] = item.filter(|item| !is_hidden(engine.options(), &state.definition, item));
        }
        rest = others;
    }
    Ok(items)
}

impl<K: KeyShape> Get<K> {
    /// Returns only these paths. Comes once, or `send` refuses the read.
    pub fn project(mut self, projection: impl IntoProjection) -> Self {
        self.projection = only_projection(self.projection, projection.into_projection());
        self
    }
    /// Whether the read must be strongly consistent: it always is, and costs twice as much if it says so.
    pub fn consistent(mut self, consistent: bool) -> Self {
        self.consistent = consistent;
        self
    }
    /// Reads.
    pub fn send(self) -> Result<GetOutput> {
        let projection = self.projection?;
        let item = read(&self.table.engine, &self.table.slot, &self.key?)?;
        let size = item.as_ref().map_or(0, ItemRef::size_bytes);
        let consumed = Consumed::of_table(read_units(size, ReadStrength::of(self.consistent)));
        Ok(GetOutput { item: item.map(|item| projected(item, projection.as_ref())), consumed })
    }
}

/// The part of an item that a projection names.
pub(super) fn projected(item: ItemRef, projection: Option<&Projection>) -> ItemRef {
    // Not `map_or_else`: a clone and its drop would count references up and down, for every item of a page.
    match projection {
        Some(projection) => ItemRef::from(&projection.apply(&item)),
        None => item,
    }
}
