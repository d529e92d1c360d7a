//! Query: the items of one collection in the order of their sort keys.

use super::{HashKey, KeyShape, Table, read::Read};
use crate::{
    error::Result,
    expression::{BoundKey, KeyCondition, Placeholders, parse_alone},
    item::{AttributeValue, ItemRef},
    request::{Query, QueryKey, SortCondition},
};

impl<K: KeyShape> Table<K> {
    /// The items of a partition key, in ascending order of the sort key until said otherwise. A page reads up to 1 MB, and is charged
    /// for the sum of what it read: half a read unit for each 4 KB, rounded up, twice that if it is strongly consistent; what a
    /// filter leaves out is charged too. Nothing is read before a page or an item is asked for.
    ///
    /// Errors, of the page or item: a key, range, filter or index that breaks a rule ([`Validation`](crate::ErrorKind::Validation));
    /// the table was deleted; what options ask for (throttled, denied, a fault); damage; disk; closed.
    pub fn query(&self, hash: impl HashKey<K>) -> Read<Query<'static>> {
        self.query_key(QueryKey::of_scalar(hash.hash_scalar()))
    }

    /// A query by a key condition expression: `query_expr("cust = :c AND total < :t", values! {":c" => "c#1", ":t" => 9})`.
    pub fn query_expr(&self, text: &str, mut placeholders: Placeholders) -> Read<Query<'static>> {
        if let Some(condition) = KeyCondition::parse_equality(text, &mut placeholders) {
            return self.query_key(condition);
        }
        match parse_alone(&placeholders, |scope| KeyCondition::parse(text, scope)) {
            Ok(condition) => self.query_key(condition),
            Err(fault) => self.query_key(QueryKey::of_scalar(None)).refuse(fault),
        }
    }

    /// The entries of an index that have these values of its partition key, one for each of its parts; ascending by the
    /// index's sort key until said otherwise. They carry what the index projects: `item.de::<T>()` makes them a type with
    /// those fields.
    ///
    /// ```
    /// use hashrange::{Database, Item, admin::index, key::{N, S, ge}};
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::in_memory()?;
    /// let by_status = index("by_status").hash::<S>("status").range::<N>("total").keys_only();
    /// let orders = db.create_table("orders").hash::<S>("id").gsi(by_status).create()?;
    /// orders.put(&Item::new().with("id", "o1").with("status", "OPEN").with("total", 7).with("note", "fragile"))?;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct ByStatus {
    ///     id: String,
    ///     total: u32,
    /// }
    /// for entry in orders.query_index("by_status", ["OPEN"]).range(ge(5)).items() {
    ///     let entry: ByStatus = entry?.de()?;
    ///     assert_eq!((entry.id.as_str(), entry.total), ("o1", 7));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn query_index<V: Into<AttributeValue>>(
        &self,
        name: impl Into<String>,
        hash: impl IntoIterator<Item = V>,
    ) -> Read<Query<'static>> {
        let hash = hash.into_iter().map(Into::into).collect();
        self.query_key(BoundKey { hash, range: Vec::new(), last: None }).index(name)
    }

    /// A query by values for the key attributes, or by a key condition that was parsed before.
    pub fn query_key(&self, key: impl Into<QueryKey>) -> Read<Query<'static>> {
        Read::new(Query::new(self.owned_ref(), key), self.hooks.clone())
    }
}

impl Read<Query<'static>> {
    /// Only items whose sort key fulfils a condition: `begins_with("o#")`, `between(1, 9)`, ... An index whose sort key has
    /// several parts takes a condition for each, in their order; only the last may be other than an equality. A key
    /// condition has one range in DynamoDB, so that a second one is rejected by the read.
    pub fn range(mut self, condition: SortCondition) -> Self {
        match self.request.key.and_sort(condition) {
            Ok(()) => self,
            Err(fault) => self.refuse(fault),
        }
    }
    /// Descending order of the sort key.
    pub fn descending(mut self) -> Self {
        self.request.scan_index_forward = false;
        self
    }
    /// The last item in the order of the query, if there is one; reads no more than [`first`](Self::first) does.
    pub fn last(mut self) -> Result<Option<ItemRef>> {
        self.request.scan_index_forward = !self.request.scan_index_forward;
        self.first()
    }
}
