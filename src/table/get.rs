//! GetItem: one item by its whole key.

use super::{IntoProjection, Key, KeyShape, Table};
use crate::{
    capacity::{Consumed, ReadStrength, read_units},
    commit::{Store, TableSlot, key_ref},
    error::Result,
    expression::Projection,
    item::ItemRef,
    partition::ReadPoint,
    schema::{EncodedKey, TableDefinition},
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
        let key = key.encode(&self.slot.state().definition)?;
        read(&self.store, &self.slot, &key)
    }

    /// A get with a projection or a statement of its consistency.
    pub fn get_with(&self, key: impl Key<K>) -> Get<K> {
        Get { key: key.encode(&self.definition()), table: self.clone(), projection: Ok(None), consistent: false }
    }
}

/// The newest item at a place that readers may see, expired or not.
pub(super) fn read_stored(store: &Store, slot: &TableSlot, key: &EncodedKey) -> Result<Option<ItemRef>> {
    slot.check_alive()?;
    let partition = slot.state().ring.find(key.token());
    let found = partition.get(key_ref(key), ReadPoint::Visible, store.wal().visible())?;
    Ok(found.and_then(|version| version.item))
}

/// The newest item at a place that readers may see.
pub(super) fn read(store: &Store, slot: &TableSlot, key: &EncodedKey) -> Result<Option<ItemRef>> {
    slot.check_alive()?;
    let state = slot.state();
    let partition = state.ring.find(key.token());
    let found = partition.get(key_ref(key), ReadPoint::Visible, store.wal().visible())?;
    let item = found.and_then(|version| version.item);
    Ok(item.filter(|item| !is_hidden(store, &state.definition, item)))
}

/// Whether an item has expired and the database hides such items from reads.
pub(super) fn is_hidden(store: &Store, table: &TableDefinition, item: &ItemRef) -> bool {
    store.options().hide_expired
        && table.ttl_attribute.is_some()
        && table.is_expired(item, store.options().clock.now_secs())
}

impl<K: KeyShape> Get<K> {
    /// Returns only these paths.
    pub fn project(mut self, projection: impl IntoProjection) -> Self {
        self.projection = projection.into_projection().map(Some);
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
        let item = read(&self.table.store, &self.table.slot, &self.key?)?;
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
