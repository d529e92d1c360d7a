//! What users hold: a handle on a table, and one file for each operation of DynamoDB.
//!
//! A handle is cheap to clone, has no lifetime and can be sent anywhere. An operation has a short form (`put`, `get`,
//! `delete`) and a long one that takes conditions, return values and durability (`put_with`, `get_with`, ...).
//!
//! Imports: error, capacity, config, entity, date, item, schema, expression, manifest, stream, service, engine, request.

mod batch;
mod batches;
mod delete;
mod get;
pub(crate) mod index_builder;
mod item_collection_metrics;
mod items;
pub(crate) mod key_shape;
mod put;
mod query;
pub(crate) mod range;
mod read;
mod scan;
pub(crate) mod stream;
mod transact_items;
mod transaction;
mod update;
mod write;

pub use batch::{BatchItems, BatchKeys};
pub use batches::{BatchGet, BatchWrite, TransactGet};
pub use delete::Delete;
pub use get::Get;
pub(crate) use index_builder::IndexBuilder;
pub use item_collection_metrics::ItemCollectionMetrics;
pub use items::{Items, Pages, TypedItems};
pub(crate) use key_shape::{Dynamic, HashKey, Key, KeyPart, KeyShape, S};
pub use put::{Put, ToItem};
pub use read::{PagedRequest, Read};
pub(crate) use stream::{MAX_PAGE_RECORDS, StreamDescription, StreamRecords};
pub(crate) use stream::{describe_stream, list_streams, shard_iterator, stream_of_iterator, stream_records};
pub use transact_items::TransactWrite;
pub use transaction::Transaction;
pub(crate) use transaction::transaction;
pub use update::Update;

use crate::{
    engine::{Engine, TableSlot},
    error::Result,
    expression::UpdateExpression,
    request::{Executor, Hooks, RequestKey, RequestRef, TableRef, UpdateItem},
    schema::TableDefinition,
    service::ConflictGuard,
};
use std::{fmt, marker::PhantomData, sync::Arc};

/// A handle on a table whose key has shape `K`: `Table<S>`, `Table<(S, N)>`, `Table<Dynamic>`, ...
///
/// Cheap to clone. It keeps its database open, as a [`Database`](crate::Database) does: the last handle that goes closes it.
/// After [`Database::close`](crate::Database::close) every operation fails with
/// [`ErrorKind::Closed`](crate::ErrorKind::Closed).
///
/// ```
/// use hashrange::{Database, Item, Result, Table, key::S};
///
/// fn open() -> Result<Table<S>> {
///     Database::in_memory()?.create_table("stock").hash::<S>("sku").open_or_create()
/// }
///
/// # fn main() -> Result<()> {
/// let stock = open()?;
/// stock.put(&Item::new().with("sku", "bolt"))?;
/// # Ok(())
/// # }
/// ```
pub struct Table<K> {
    engine: Arc<Engine>,
    slot: Arc<TableSlot>,
    hooks: Hooks,
    shape: PhantomData<fn() -> K>,
}

impl<K> Clone for Table<K> {
    fn clone(&self) -> Self {
        let (engine, slot, hooks) = (self.engine.clone(), self.slot.clone(), self.hooks.clone());
        Self { engine, slot, hooks, shape: PhantomData }
    }
}

impl<K> fmt::Debug for Table<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({})", self.slot.state().definition.name)
    }
}

impl<K: KeyShape> Table<K> {
    /// A handle on a table, whose key must have the shape. Its requests are seen by the hooks.
    pub(crate) fn open(engine: Arc<Engine>, slot: Arc<TableSlot>, hooks: Hooks) -> Result<Self> {
        K::check(&slot.state().definition.key)?;
        Ok(Self { engine, slot, hooks, shape: PhantomData })
    }
    /// The same handle, which does not keep the database open.
    pub(crate) fn without_keeper(self) -> Self {
        Self { hooks: self.hooks.without_keeper(), ..self }
    }
    /// What sees its requests, and keeps the database open.
    pub(crate) fn hooks(&self) -> &Hooks {
        &self.hooks
    }
    /// What its requests are executed on.
    #[inline]
    fn executor(&self) -> Executor<'_> {
        Executor::new(&self.engine, &self.hooks)
    }
    /// The table, for a request.
    #[inline]
    fn table_ref(&self) -> TableRef<'_> {
        TableRef::borrowed(&self.engine, &self.slot)
    }
    /// The table, for a request that outlives this handle.
    fn owned_ref(&self) -> TableRef<'static> {
        TableRef::owned(self.engine.clone(), self.slot.clone())
    }
    /// The engine of its database.
    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }
    /// Its place in the catalog.
    pub(crate) fn slot(&self) -> &Arc<TableSlot> {
        &self.slot
    }
    /// Holds an item as a transaction would that does not end, until the answer is dropped: until then, writes of the item
    /// and transactions that contain it are rejected with DynamoDB's `TransactionConflictException`, whatever
    /// [`OpenOptions::conflicts`](crate::OpenOptions::conflicts) says, and reads of it succeed. For tests of what an application does then.
    ///
    /// ```
    /// # use hashrange::{Database, Item, key::S};
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::in_memory()?;
    /// let stock = db.create_table("stock").hash::<S>("sku").create()?;
    /// let held = stock.simulate_conflict("bolt")?;
    /// let refusal = stock.put(&Item::new().with("sku", "bolt")).unwrap_err();
    /// assert_eq!(refusal.code(), "TransactionConflictException");
    /// drop(held);
    /// stock.put(&Item::new().with("sku", "bolt"))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Errors: the key is none of this table. On a handle of a [principal](crate::Database::as_principal), `UpdateItem` of the
    /// item has to be allowed: to hold an item keeps others from writing it.
    pub fn simulate_conflict(&self, key: impl Key<K>) -> Result<ConflictGuard> {
        let key = key.encode(&self.definition())?;
        if self.hooks.caller().is_some() {
            let update =
                UpdateItem::new(self.table_ref(), RequestKey::encoded(key.clone()), UpdateExpression::default());
            self.executor().authorize(RequestRef::UpdateItem(&update))?;
        }
        Ok(self.engine.simulate_conflict(&self.slot, key))
    }
    /// The table's name.
    pub fn name(&self) -> String {
        self.slot.state().definition.name.clone()
    }
    /// Number of the partition that holds the item with a key, as [`Database::facts`](crate::Database::facts) numbers
    /// them: where the items of this partition key are. It changes when the partition splits.
    ///
    /// ```
    /// # use hashrange::{Database, key::S};
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::options().initial_partitions(1).in_memory()?;
    /// let stock = db.create_table("stock").hash::<S>("sku").create()?;
    /// assert_eq!(stock.partition_of("bolt")?, stock.partition_of("nut")?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn partition_of(&self, key: impl Key<K>) -> Result<u64> {
        self.slot.check_alive()?;
        let state = self.slot.state();
        let token = key.encode(&state.definition)?.token();
        Ok(state.ring.find(token).id)
    }
    /// The table's definition as of now.
    pub fn definition(&self) -> Arc<TableDefinition> {
        self.slot.state().definition.clone()
    }
}

impl Table<Dynamic> {
    /// A handle on a table, whatever its key is. Its requests are seen by the hooks.
    pub(crate) fn of_any_shape(engine: Arc<Engine>, slot: Arc<TableSlot>, hooks: Hooks) -> Self {
        Self { engine, slot, hooks, shape: PhantomData }
    }
}

impl<'a, K> From<&'a Table<K>> for TableRef<'a> {
    fn from(table: &'a Table<K>) -> Self {
        TableRef::borrowed(&table.engine, &table.slot)
    }
}
