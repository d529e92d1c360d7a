//! Tables that are filled before they are there.

use super::{Database, Snapshot, TableDescription};
use crate::{
    engine::{IndexSpec, Loading, TableSpec},
    error::{Error, Result},
    item::Item,
    request::prepare_put,
    schema::{IndexDefinition, IndexKind, TableDefinition},
};
use std::sync::Arc;

/// A new table that is being filled: for restores, imports and anything else that brings many items at once.
///
/// The table exists with status CREATING: it is described and listed, it can be neither read nor written, changed nor
/// deleted. [`finish`](Self::finish) makes it active with all items and index entries in one step. Dropped before that, or
/// interrupted by a crash, nothing of it is left. Items are not logged one by one, so that it is faster than writing, and
/// the table's change stream, if it is to have one, begins behind them.
///
/// ```
/// use hashrange::{Database, Item, admin::TableSpec, key::{KeyType, S}, schema::{KeyAttribute, KeySchema}};
///
/// # fn main() -> hashrange::Result<()> {
/// let db = Database::in_memory()?;
/// let key = KeySchema { hash: KeyAttribute::new("sku", KeyType::S), range: None };
/// let mut loader = db.load_table(TableSpec::new("stock", key))?;
/// for n in 0..1000 {
///     loader.put(&Item::new().with("sku", format!("part {n}")).with("left", n))?;
/// }
/// assert!(db.table::<S>("stock").is_err(), "nothing of it is seen yet");
/// loader.finish()?;
/// assert_eq!(db.table::<S>("stock")?.scan().count()?, 1000);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "without `finish` the table goes"]
pub struct TableLoader {
    loading: Loading,
    database: Database,
    items: u64,
}

impl TableLoader {
    /// The table, as it is while it is being created.
    pub fn definition(&self) -> Arc<TableDefinition> {
        self.loading.definition()
    }
    /// Adds an item. One with the same key that was added before is replaced. Errors: the item breaks a rule of items or of
    /// the table (nothing is added, and the loader goes on), log or disk.
    pub fn put(&mut self, item: &Item) -> Result<()> {
        let (key, bytes) = prepare_put(&self.loading.definition(), item)?;
        self.loading.put(&key, bytes)?;
        self.items += 1;
        Ok(())
    }
    /// Adds all items of a table as it was at a moment; returns how many those are. Errors: there is no such table, its
    /// primary key differs in name or type, damage, log or disk.
    pub fn copy_from(&mut self, from: &Snapshot, table: &str) -> Result<u64> {
        let copied = self.loading.copy(from.database().engine(), table, &mut || true)?.unwrap_or_default();
        self.items += copied;
        Ok(copied)
    }
    /// As [`copy_from`](Self::copy_from), for as long as `goes_on` says so, which is asked every thousand items or so; `None` if
    /// it ended the copy, which is not whole then.
    pub fn copy_from_while(
        &mut self,
        from: &Snapshot,
        table: &str,
        mut goes_on: impl FnMut() -> bool,
    ) -> Result<Option<u64>> {
        let copied = self.loading.copy(from.database().engine(), table, &mut goes_on)?;
        self.items += copied.unwrap_or_default();
        Ok(copied)
    }
    /// Items that were added, those included that were replaced.
    pub fn items(&self) -> u64 {
        self.items
    }
    /// Makes the table active, durably and in one step. Errors: log or disk; the table goes then.
    pub fn finish(self) -> Result<TableDescription> {
        let slot = self.loading.finish()?;
        let name = slot.state().definition.name.clone();
        self.database.describe_table(&name)
    }
}

impl IndexSpec {
    /// An index like another one.
    pub fn like(index: &IndexDefinition) -> Self {
        let IndexDefinition { name, kind, hash, range, projection, throughput, .. } = index.clone();
        Self { name, kind, hash, range, projection, throughput }
    }
}

impl TableSpec {
    /// A table like another one, under a name of its own: keys, indexes, billing and throughput. Stream, time to live, tags,
    /// protection and settings are not taken over, as no restore of the service does.
    pub fn like(table: &TableDefinition, name: impl Into<String>) -> Self {
        let indexes = table.indexes.iter().filter(|index| index.kind != IndexKind::Expiry);
        let indexes = indexes.map(IndexSpec::like).collect();
        let (billing, throughput) = (table.billing, table.throughput);
        Self { indexes, billing, throughput, ..Self::new(name, table.key.clone()) }
    }
}

impl Database {
    /// Begins to load a new table; see [`TableLoader`](crate::admin::TableLoader). Errors: a table of that name exists,
    /// validation, log or disk.
    pub fn load_table(&self, spec: TableSpec) -> Result<TableLoader> {
        let loading = Loading::begin(self.engine(), spec)?;
        Ok(TableLoader { loading, database: self.clone(), items: 0 })
    }
    /// Deletes a table of a copy that was made for the sake of another table. Neither deletion protection nor strongly consistent
    /// replicas nor an index that is being filled hinder it. Errors: this database was not opened by
    /// [`copy_options`](Self::copy_options); not found; disk; closed.
    ///
    /// ```
    /// use hashrange::{Database, file::MemoryDisk, key::S};
    /// use std::sync::Arc;
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::in_memory()?;
    /// db.create_table("stock").hash::<S>("sku").deletion_protection().create()?;
    /// let kept = Arc::new(MemoryDisk::new());
    /// db.fork_onto(&*kept)?;
    /// let copy = db.copy_options().open_on(kept)?;
    /// assert!(copy.delete_table("stock").is_err());
    /// copy.drop_from_copy("stock")?;
    /// assert!(copy.list_tables().is_empty() && db.drop_from_copy("stock").is_err());
    /// assert_eq!(db.list_tables(), ["stock"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn drop_from_copy(&self, name: &str) -> Result<()> {
        if !self.engine().options().is_copy {
            return Err(Error::unsupported(
                "tables are dropped from a copy, which is opened by `Database::copy_options`",
            ));
        }
        let slot = self.engine().table(name).ok_or_else(|| Error::no_table(name))?;
        self.engine().drop_replica(&slot)
    }
    /// Restores a table as it was at a moment into a new one, which `spec` says: [`TableSpec::like`] makes one like it. The
    /// new table has the items, and its indexes are built from them; the snapshot may be of another database. Nothing of
    /// it is seen before all of it is. Errors: as [`load_table`](Self::load_table) and
    /// [`TableLoader::copy_from`](crate::admin::TableLoader::copy_from); nothing is left then.
    ///
    /// ```
    /// use hashrange::{Database, Item, admin::TableSpec, history::Moment, key::S};
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::in_memory()?;
    /// let stock = db.create_table("stock").hash::<S>("sku").create()?;
    /// stock.put(&Item::new().with("sku", "bolt"))?;
    /// let before = db.at(Moment::Now)?;
    /// stock.delete("bolt")?;
    ///
    /// let spec = TableSpec::like(&before.describe_table("stock")?.definition, "stock-restored");
    /// db.restore_table(&before, "stock", spec)?;
    /// assert!(db.table::<S>("stock-restored")?.get("bolt")?.is_some());
    /// # Ok(())
    /// # }
    /// ```
    pub fn restore_table(&self, from: &Snapshot, table: &str, spec: TableSpec) -> Result<TableDescription> {
        let mut loader = self.load_table(spec)?;
        loader.copy_from(from, table)?;
        loader.finish()
    }
}
