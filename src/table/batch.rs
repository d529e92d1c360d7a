//! Batches of one table, by typed keys.

use super::{Key, KeyShape, Table, get::projected_twice, key_shape::TypedKey};
use crate::{
    capacity::Consumed,
    error::{Error, Result},
    expression::{IntoProjection, ProjectionExpression},
    item::ItemRef,
    request::{BatchGetItem, KeysAndAttributes, RequestKey},
};
use serde::de::DeserializeOwned;

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

impl<Q> BatchItems<Q> {
    /// Each item as a value of a type. Errors: kind [`Decode`](crate::ErrorKind::Decode), if one does not fit.
    pub fn typed<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        self.items.iter().map(ItemRef::de).collect()
    }
}

/// A batch get of one table that is being described; [`BatchKeys::send`] does it.
#[derive(Debug)]
#[must_use = "nothing is read before `send`"]
pub struct BatchKeys<'a, K, Q> {
    table: &'a Table<K>,
    keys: Vec<Q>,
    projection: Option<ProjectionExpression>,
    consistent: bool,
    /// What is wrong with the description; `send` reports it.
    fault: Option<Error>,
}

impl<K: KeyShape, Q: Key<K>> BatchKeys<'_, K, Q> {
    /// Returns only these paths of each item. Comes once, or `send` rejects the read.
    pub fn project(mut self, projection: impl IntoProjection) -> Self {
        let fault = match (&self.projection, projection.into_projection()) {
            (None, Ok(projection)) => {
                self.projection = Some(projection);
                return self;
            }
            (Some(_), Ok(_)) => projected_twice(),
            (_, Err(fault)) => fault,
        };
        self.fault.get_or_insert(fault);
        self
    }
    /// Whether the reads must be strongly consistent: they always are, and cost twice as much if they say so.
    pub fn consistent(mut self, consistent: bool) -> Self {
        self.consistent = consistent;
        self
    }
    /// Reads. Errors: validation (no key, more than 100, one that comes twice; what is wrong with the description), disk.
    pub fn send(self) -> Result<BatchItems<Q>> {
        let Self { table, keys, projection, consistent, fault } = self;
        if let Some(fault) = fault {
            return Err(fault);
        }
        let typed: Vec<TypedKey<'_, K, Q>> = keys.iter().map(TypedKey::new).collect();
        let mut wanted = KeysAndAttributes::new(table.table_ref(), typed.iter().map(|key| RequestKey::typed(key)));
        (wanted.projection, wanted.consistent_read) = (projection, consistent);
        let mut output = table.executor().execute(&BatchGetItem::new([wanted]))?;
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
        self.batch_get_with(keys).send()
    }

    /// A batch get with a projection or a statement of its consistency.
    ///
    /// ```
    /// use hashrange::{Database, Item, key::S};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct User {
    ///     mail: String,
    /// }
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::in_memory()?;
    /// let users = db.create_table("users").hash::<S>("id").create()?;
    /// users.put(&Item::new().with("id", "u1").with("mail", "a@b.c").with("bio", "long"))?;
    /// let found = users.batch_get_with(["u1", "u2"]).project("mail").consistent(true).send()?;
    /// assert_eq!(found.consumed.table, 2.0); // a key without an item costs one unit, too
    /// let users: Vec<User> = found.typed()?;
    /// assert_eq!(users[0].mail, "a@b.c");
    /// # Ok(())
    /// # }
    /// ```
    pub fn batch_get_with<Q: Key<K>>(&self, keys: impl IntoIterator<Item = Q>) -> BatchKeys<'_, K, Q> {
        let keys = keys.into_iter().collect();
        BatchKeys { table: self, keys, projection: None, consistent: false, fault: None }
    }
}
