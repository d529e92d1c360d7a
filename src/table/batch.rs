//! Batches of one table, by typed keys.

use super::{Key, KeyShape, Table, key_shape::TypedKey};
use crate::{
    capacity::Consumed,
    error::Result,
    item::ItemRef,
    request::{BatchGetItem, KeysAndAttributes, RequestKey},
};

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
    /// together they show no one moment. A [`BatchGetItem`] reads from several tables.
    ///
    /// ```
    /// use hashrange::{Database, Item, key::S};
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
        let typed: Vec<TypedKey<'_, K, Q>> = keys.iter().map(TypedKey::new).collect();
        let wanted = KeysAndAttributes::new(self.table_ref(), typed.iter().map(|key| RequestKey::typed(key)));
        let mut output = self.executor().execute(&BatchGetItem::new([wanted]))?;
        let left_over = output.unprocessed.pop().unwrap_or_default();
        let mut unprocessed = Vec::new();
        if !left_over.is_empty() {
            let keys = keys.into_iter().enumerate().filter(|(at, _)| left_over.binary_search(at).is_ok());
            unprocessed.extend(keys.map(|(_, key)| key));
        }
        let items = output.items.pop().map(|(_, items)| items).unwrap_or_default();
        let consumed = output.consumed.pop().map(|(_, consumed)| consumed).unwrap_or_default();
        Ok(BatchItems { items, unprocessed, consumed })
    }
}
