//! Describing a table in code, and making it so: creating it, opening it, or changing the one that exists.

use super::{Database, TableDifference};
use crate::{
    clock::Deadline,
    engine::{TableSpec, TableUpdate, Work},
    error::{Detail, Error, Result},
    item::KeyType,
    schema::{BillingMode, IndexKind, IndexStatus, KeyAttribute, ProvisionedThroughput, StreamView, TableStatus},
    table::{self, KeyPart, KeyShape, Table},
};
use std::{fmt, marker::PhantomData, time::Duration};

/// How long [`TableBuilder::open_or_update`] waits for one index before it adds the next.
const LONGEST_FILLING: Duration = Duration::from_secs(24 * 3600);
/// Pause between two looks at an index that is being filled.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// A table that is being described; `K` grows as its keys are named.
#[must_use = "nothing is created before `create`, `open_or_create` or `open_or_update`"]
pub struct TableBuilder<K> {
    pub(super) database: Database,
    pub(super) spec: TableSpec,
    pub(super) shape: PhantomData<fn() -> K>,
}

impl<K> Clone for TableBuilder<K> {
    fn clone(&self) -> Self {
        Self { database: self.database.clone(), spec: self.spec.clone(), shape: PhantomData }
    }
}

impl<K> fmt::Debug for TableBuilder<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TableBuilder").field(&self.spec).finish()
    }
}

impl TableBuilder<()> {
    /// The partition key: its type and attribute name, `partition_key::<S>("customer")`.
    pub fn partition_key<H: KeyPart>(mut self, name: impl Into<String>) -> TableBuilder<H> {
        self.spec.key.hash = KeyAttribute::new(name, H::TYPE);
        TableBuilder { database: self.database, spec: self.spec, shape: PhantomData }
    }
    /// Short for [`partition_key`](Self::partition_key), as the wire protocol names it: `HASH`.
    pub fn hash<H: KeyPart>(self, name: impl Into<String>) -> TableBuilder<H> {
        self.partition_key(name)
    }
}

impl<H: KeyPart> TableBuilder<H> {
    /// The sort key: its type and attribute name, `sort_key::<N>("order")`.
    pub fn sort_key<R: KeyPart>(mut self, name: impl Into<String>) -> TableBuilder<(H, R)> {
        self.spec.key.range = Some(KeyAttribute::new(name, R::TYPE));
        TableBuilder { database: self.database, spec: self.spec, shape: PhantomData }
    }
    /// Short for [`sort_key`](Self::sort_key), as the wire protocol names it: `RANGE`.
    pub fn range<R: KeyPart>(self, name: impl Into<String>) -> TableBuilder<(H, R)> {
        self.sort_key(name)
    }
}

impl<K: KeyShape> TableBuilder<K> {
    /// Adds a local secondary index: `index("by_total").range::<N>("total")`.
    pub fn lsi(mut self, index: table::IndexBuilder) -> Self {
        let hash = vec![self.spec.key.hash.clone()];
        self.spec.indexes.push(index.into_spec(IndexKind::Local, Some(hash)));
        self
    }
    /// Adds a global secondary index: `index("by_status").hash::<S>("status").range::<N>("total")`.
    pub fn gsi(mut self, index: table::IndexBuilder) -> Self {
        self.spec.indexes.push(index.into_spec(IndexKind::Global, None));
        self
    }
    /// Keeps a change stream with these images.
    pub fn stream(mut self, view: StreamView) -> Self {
        self.spec.stream = Some(view);
        self
    }
    /// Lets items expire at the epoch second that an attribute holds. A key attribute must be a number for it, or the table
    /// is not created.
    pub fn ttl(mut self, attribute: impl Into<String>) -> Self {
        self.spec.ttl_attribute = Some(attribute.into());
        self
    }
    /// Provisioned billing with these units a second.
    pub fn provisioned(mut self, read_units_per_sec: u64, write_units_per_sec: u64) -> Self {
        self.spec.billing = BillingMode::Provisioned;
        self.spec.throughput = ProvisionedThroughput { read_units_per_sec, write_units_per_sec };
        self
    }
    /// Rejects deletion of the table.
    pub fn deletion_protection(mut self) -> Self {
        self.spec.deletion_protection = true;
        self
    }
    /// Creates the table. A table's name has 3 to 255 characters of `[a-zA-Z0-9_.-]`. Errors: it exists, a name or key breaks
    /// a rule.
    pub fn create(self) -> Result<Table<K>> {
        self.check_ttl()?;
        let slot = self.database.engine().create_table(self.spec)?;
        self.database.engine().pass_commit_gate()?;
        Table::open(self.database.engine().clone(), slot, self.database.kept_hooks())
    }
    /// No item would ever expire by a key attribute that is text or binary.
    fn check_ttl(&self) -> Result<()> {
        let is_it = |key: &&KeyAttribute| self.spec.ttl_attribute.as_ref() == Some(&key.name) && key.kind != KeyType::N;
        match self.spec.key.attributes().find(is_it) {
            None => Ok(()),
            Some(KeyAttribute { name, kind }) => Err(Error::validation(format!(
                "a time to live is a number of seconds, and key attribute {name} is of type {}",
                kind.name()
            ))),
        }
    }
    /// Opens the table that exists as it is; its key must be the described one.
    pub fn open(self) -> Result<Table<K>> {
        let table = self.database.table(&self.spec.name)?;
        let existing = &table.definition().key;
        if *existing != self.spec.key {
            return Err(differs(&self.spec.name, &[TableDifference::Key { existing: existing.clone() }]));
        }
        Ok(table)
    }
    /// Where the table that exists differs from this description; nothing if there is no table. What is not described may
    /// be as it likes: indexes that others added, a stream, a time to live.
    pub fn differences(&self) -> Vec<TableDifference> {
        let slot = self.database.engine().table(&self.spec.name);
        slot.map_or_else(Vec::new, |slot| TableDifference::all(&self.spec, &slot.state().definition))
    }
    /// Opens the table, or creates it where there is none. Errors: the table that exists differs from this description, and
    /// how ([`Detail::TableDiffers`]); [`open_or_update`](Self::open_or_update) changes it,
    /// [`open`](Self::open) takes it as it is.
    pub fn open_or_create(self) -> Result<Table<K>> {
        if let Some(created) = self.create_if_absent()? {
            return Ok(created);
        }
        match self.differences().as_slice() {
            [] => self.open(),
            differences => Err(differs(&self.spec.name, differences)),
        }
    }
    /// Creates the table; `None` if there is one, which another thread may have created in this moment.
    fn create_if_absent(&self) -> Result<Option<Table<K>>> {
        if self.database.engine().table(&self.spec.name).is_some() {
            return Ok(None);
        }
        match self.clone().create() {
            Err(error) if matches!(error.detail(), Some(Detail::TableExists { .. })) => Ok(None),
            created => created.map(Some),
        }
    }
    /// Opens the table, creates it where there is none, and changes the one that exists to what is described: adds global
    /// indexes, a stream, a time to live or another attribute for it, and changes throughput and deletion protection. Nothing
    /// is removed. So the next version of a program describes its tables as it wants them.
    ///
    /// A new index is filled in the background; [`Database::wait_active`] waits for it. Where several are added, each waits
    /// for the one before.
    ///
    /// Errors: what cannot be changed (keys, local indexes, the key or projection of an index, the images of a stream), and what
    /// breaks a rule of tables and indexes, before anything is changed.
    ///
    /// ```
    /// use hashrange::{Database, Item, admin::index, key::S};
    /// use std::time::Duration;
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::in_memory()?;
    /// // The first version of a program.
    /// let users = db.create_table("users").hash::<S>("id").open_or_create()?;
    /// users.put(&Item::new().with("id", "u1").with("mail", "a@b.c"))?;
    ///
    /// // The second one.
    /// let described = || db.create_table("users").hash::<S>("id").gsi(index("by_mail").hash::<S>("mail"));
    /// assert!(described().open_or_create().is_err());
    /// let users = described().open_or_update()?;
    /// db.wait_active("users", Duration::from_secs(60))?;
    /// assert_eq!(users.query_index("by_mail", ["a@b.c"]).count()?, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn open_or_update(self) -> Result<Table<K>> {
        if let Some(created) = self.create_if_absent()? {
            return Ok(created);
        }
        let (database, name) = (self.database.clone(), self.spec.name.clone());
        self.check_ttl()?;
        let differences = self.differences();
        let fixed: Vec<_> = differences.iter().filter(|difference| !difference.can_be_changed()).cloned().collect();
        if !fixed.is_empty() {
            return Err(differs(&name, &fixed));
        }
        let updates: Vec<_> = differences.iter().map(|difference| difference.update(&self.spec)).collect();
        self.check(&updates)?;
        for update in updates {
            if update.create_index.is_some() {
                database.wait_active(&name, LONGEST_FILLING)?;
            }
            database.update_table(&name, update)?;
        }
        self.open()
    }
    /// Rejects updates, one after the other, of which one breaks a rule. An index that is being filled is taken for filled, as
    /// each waits for the one before.
    fn check(&self, updates: &[TableUpdate]) -> Result<()> {
        let engine = self.database.engine();
        let mut definition = (*engine.existing(&self.spec.name)?.state().definition).clone();
        for update in updates {
            definition.indexes.iter_mut().for_each(|index| index.status = IndexStatus::Active);
            definition = engine.changed(definition, update.clone())?;
        }
        Ok(())
    }
}

fn differs(table: &str, differences: &[TableDifference]) -> Error {
    let differences: Vec<String> = differences.iter().map(ToString::to_string).collect();
    let text = format!("table {table} exists and differs from its description: {}", differences.join("; "));
    Error::validation(text).with_detail(Detail::TableDiffers { table: table.to_owned(), differences })
}

impl Database {
    /// Waits until a table and all of its indexes can be used: a new index of a table that exists is filled in the background
    /// first. A database without threads does that work here.
    ///
    /// Errors: in use, if it takes longer than `longest`; there is no such table; disk.
    pub fn wait_active(&self, table: &str, longest: Duration) -> Result<()> {
        let deadline = Deadline::after(longest);
        loop {
            let definition = self.describe_table(table)?.definition;
            let creating = definition.indexes.iter().find(|index| index.status == IndexStatus::Creating);
            let is_usable = !matches!(definition.status, TableStatus::Creating);
            if is_usable && creating.is_none() {
                return Ok(());
            }
            if deadline.is_over() {
                let error = Error::in_use(match creating {
                    Some(index) => format!("index {} of table {table} is still being filled", index.name),
                    None => format!("table {table} is still being created"),
                });
                return Err(match creating {
                    Some(index) => error.with_detail(Detail::IndexCreating { index: index.name.clone() }),
                    None => error,
                });
            }
            if self.opened_with().background || self.step()? == Work::Idle {
                std::thread::sleep(LOOK_AGAIN.min(deadline.remaining()));
            }
        }
    }
}
