//! The database as it was at earlier moments.

use super::{Database, TableDescription};
use crate::{
    config::HistoryOptions,
    engine::{EngineAtMoment, HistoryWindow, ItemChanges, ItemVersion, Moment, TableDigest},
    error::Result,
    item::Item,
    request::Hooks,
    table::{Dynamic, KeyShape, Table},
};
use std::{ops::ControlFlow, sync::Arc};

/// A database as it was at one moment: exactly the state after one commit, whole transactions included.
///
/// It is read as the live one is, and takes no writes: they fail with
/// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported). It has tables, items and indexes, and no change streams. What
/// is written to the live database meanwhile is never seen here.
///
/// It copies nothing: it reads the runs of the live database, and has in memory what was not in runs at the moment it
/// begins from. While it lives, the files that it reads and the log from its moment on stay on disk. Cheap to clone; the
/// last clone gives them back. It stays readable after the live database was closed.
///
/// ```
/// use hashrange::{Database, Item, history::{HistoryOptions, Moment}, key::S};
///
/// # fn main() -> hashrange::Result<()> {
/// let db = Database::options().history(HistoryOptions::default()).in_memory()?;
/// let stock = db.create_table("stock").hash::<S>("sku").create()?;
/// stock.put(&Item::new().with("sku", "bolt").with("left", 7))?;
/// let before = db.at(Moment::Now)?;
/// db.delete_table("stock")?;
///
/// let stock = before.table::<S>("stock")?;
/// assert_eq!(stock.get("bolt")?.and_then(|item| item.get("left")?.as_u64()), Some(7));
/// // The same by its number, for as long as history reaches back.
/// let again = db.at(Moment::Commit(before.commit()))?;
/// assert_eq!(again.list_tables(), ["stock"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Snapshot {
    database: Database,
    at: Arc<EngineAtMoment>,
}

impl Snapshot {
    /// Number of the last commit that it has.
    pub fn commit(&self) -> u64 {
        self.at.commit
    }
    /// The time of that commit, in milliseconds since 1970: the highest of all commits up to it, so that it never falls even
    /// if the clock was set back. Without history it may be that of a commit that came during the call.
    pub fn at_millis(&self) -> u64 {
        self.at.at_millis
    }
    /// The database as it was, for everything that reads: requests, statements, verification, a [`fork`](Database::fork)
    /// that can be written.
    pub fn database(&self) -> &Database {
        &self.database
    }
    /// Names of all tables, in the order of their bytes.
    pub fn list_tables(&self) -> Vec<String> {
        self.database.list_tables()
    }
    /// Definition and numbers of a table. Errors: there is no such table.
    pub fn describe_table(&self, name: &str) -> Result<TableDescription> {
        self.database.describe_table(name)
    }
    /// What became of the items of a table since an earlier moment: each item that was written in between, or where the log
    /// cannot tell (the moments are of two databases, or the table was restored in between) each that differs, in the order of
    /// its place. One that was absent at both moments is left out; one that was written and is what it was before is not.
    /// A table that was deleted and created again is another table, and all its items are new.
    ///
    /// It costs what was written, not what there is, where the log can tell; the keys that were written are held in memory.
    /// Errors: there is no such table now; damage, disk.
    ///
    /// ```
    /// use hashrange::{Database, Item, history::Moment, key::S};
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::in_memory()?;
    /// let stock = db.create_table("stock").hash::<S>("sku").create()?;
    /// stock.put(&Item::new().with("sku", "bolt").with("left", 7))?;
    /// let before = db.at(Moment::Now)?;
    /// stock.put(&Item::new().with("sku", "bolt").with("left", 6))?;
    /// for change in db.at(Moment::Now)?.changes_since(&before, "stock")? {
    ///     let change = change?;
    ///     assert!(change.old.is_some() && change.new.is_some() && change.old != change.new);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn changes_since(&self, earlier: &Self, table: &str) -> Result<ItemChanges> {
        self.at.changes_since(&earlier.at, table)
    }
    /// A typed handle on a table. Errors: there is no such table, key of another shape.
    pub fn table<K: KeyShape>(&self, name: &str) -> Result<Table<K>> {
        self.database.table(name)
    }
    /// A handle on a table whose keys are known at run time only. Errors: there is no such table.
    pub fn dynamic_table(&self, name: &str) -> Result<Table<Dynamic>> {
        self.database.dynamic_table(name)
    }
}

impl Database {
    /// The database as it was at a moment, to be read.
    ///
    /// [`Moment::Now`] works always, and has everything that was acknowledged before the call. Other moments need
    /// [history](crate::OpenOptions::history): the commit or instant must be within [`Database::history_window`]. Writers do not
    /// wait. It takes as long as replaying the log since the last flush, or for an earlier moment since the base before it
    /// ([`HistoryOptions::base_bytes`]), and that much memory.
    ///
    /// Errors: [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) with
    /// [`Detail::OutsideHistory`](crate::error::Detail::OutsideHistory) for a moment that history does not reach; damage of
    /// the files of that moment; log or disk.
    pub fn at(&self, moment: impl Into<Moment>) -> Result<Snapshot> {
        let at = self.engine().at_moment(moment.into())?;
        let database = Self::of_engine(at.engine.clone(), Hooks::default(), None);
        Ok(Snapshot { database, at: Arc::new(at) })
    }
    /// Keeps history from now on, or changes how it is kept: see [`OpenOptions::history`](crate::OpenOptions::history). A shorter
    /// retention gives space back; a longer one brings back nothing. Errors: a value out of range, log or disk.
    pub fn keep_history(&self, options: HistoryOptions) -> Result<()> {
        self.engine().keep_history(options)
    }
    /// Keeps no history any more, and gives its space back. Snapshots stay readable. Errors:
    /// [`ErrorKind::InUse`](crate::ErrorKind::InUse) while the database is [archived](Self::archive_to); disk.
    pub fn stop_history(&self) -> Result<()> {
        self.engine().stop_history()
    }
    /// How history is kept; `None` if none is.
    pub fn history_options(&self) -> Option<HistoryOptions> {
        self.engine().history_options()
    }
    /// All versions of an item that history has, oldest first: what each commit that wrote it made of it. The item is named by
    /// its key attributes. The table may have been deleted since, or be another one of that name: its items are shown too. It
    /// reads the log of the whole history, and has all versions in memory at the end: for an item that is large and often written,
    /// [`visit_item_versions`](Self::visit_item_versions) has one at a time. Errors: [`Detail::OutsideHistory`](crate::error::Detail::OutsideHistory) if none is
    /// kept, there never was such a table, the key does not fit it, damage, disk.
    ///
    /// ```
    /// use hashrange::{Database, Item, history::HistoryOptions, key::S};
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::options().history(HistoryOptions::default()).in_memory()?;
    /// let stock = db.create_table("stock").hash::<S>("sku").create()?;
    /// stock.put(&Item::new().with("sku", "bolt").with("left", 7))?;
    /// stock.delete("bolt")?;
    /// let versions = db.item_versions("stock", &Item::new().with("sku", "bolt"))?;
    /// assert!(versions.len() == 2 && versions[0].item.is_some() && versions[1].item.is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub fn item_versions(&self, table: &str, key: &Item) -> Result<Vec<ItemVersion>> {
        let mut versions = Vec::new();
        self.visit_item_versions(table, key, |version| {
            versions.push(version);
            ControlFlow::Continue(())
        })?;
        Ok(versions)
    }
    /// Shows the versions that [`item_versions`](Self::item_versions) lists to `visit`, one after the other, oldest first, until it
    /// breaks off. Errors: the same, perhaps after some versions were shown.
    pub fn visit_item_versions(
        &self,
        table: &str,
        key: &Item,
        mut visit: impl FnMut(ItemVersion) -> ControlFlow<()>,
    ) -> Result<()> {
        self.engine().visit_item_versions(table, key, &mut visit)
    }
    /// A table in one number: two tables with the same items have the same, also in different databases and whatever led to
    /// them. It reads every item. To compare one state with another while the table is written, ask a
    /// [snapshot](Database::at). Errors: there is no such table, damage, disk.
    ///
    /// ```
    /// # use hashrange::{Database, Item, key::S};
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::in_memory()?;
    /// for name in ["one", "other"] {
    ///     db.create_table(name).hash::<S>("id").create()?.put(&Item::new().with("id", "a"))?;
    /// }
    /// assert_eq!(db.digest("one")?, db.digest("other")?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn digest(&self, table: &str) -> Result<TableDigest> {
        self.engine().check_open()?;
        self.usable(table)?;
        self.engine().digest(table)
    }
    /// Which commits and instants can be read with [`Database::at`]; `None` if no history is kept. The retention of
    /// [`HistoryOptions`] is a promise: the window may reach back further, to the base that serves its beginning.
    pub fn history_window(&self) -> Option<HistoryWindow> {
        self.engine().history_window()
    }
}
