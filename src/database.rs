//! The database as a whole: opening and closing, tables by name, and operations that span tables.
//!
//! Imports: error, clock, cipher, capacity, faults, observe, config, date, file, item, schema, access, stream, service, ledger, cache, engine, request, archive, maintenance, table, scaling, consumer, kinesis.

mod accelerator;
mod archiving;
mod change_streams;
mod coordination;
mod faults;
mod history;
mod inspection;
#[cfg(feature = "encryption")]
mod keys;
mod kinesis;
mod ledger;
mod loading;
mod machine;
mod observation;
mod options;
mod policy_lint;
mod requests;
mod restricted;
mod table_builder;
mod table_difference;
mod triggers;

pub use accelerator::{Accelerated, Accelerator};
pub use history::Snapshot;
pub use inspection::{StepReport, Stepper};
pub use kinesis::{DestinationDescription, KinesisDestinations};
pub use ledger::DryRun;
pub use loading::TableLoader;
pub use machine::{CrashOutcomes, FollowedPoint, Machine};
pub use options::OpenOptions;
pub use restricted::RestrictedDatabase;
pub use table_builder::TableBuilder;
pub use table_difference::TableDifference;

use crate::{
    capacity::ThroughputReport,
    clock::Clock,
    config::{Durability, Options},
    engine::{Engine, TableSlot, TableSpec, TableUpdate, VerifyReport},
    error::{Detail, Error, Result},
    file::{Disk, MemoryDisk, RealDisk, TakeOver},
    kinesis::Deliveries,
    maintenance::{Maintenance, TtlDescription},
    request::{Hooks, ResourcePolicies},
    scaling::AutoScaling,
    schema::{IndexDefinition, IndexKind, KeyAttribute, KeySchema, TableDefinition},
    service::{IndexLag, IndexLagReport},
    table::{Dynamic, KeyShape, Table},
};
use parking_lot::Mutex;
use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    marker::PhantomData,
    path::Path,
    sync::Arc,
};

/// An open database. Cheap to clone.
///
/// It is closed by [`Database::close`], or when the last handle goes that keeps it open: clones of it, every [`Table`], every
/// [`TableStream`](crate::streams::TableStream) and every [`Consumer`](crate::streams::Consumer) do, and so does what such a handle was moved into, be it a
/// thread, an iterator, or the function of a trigger ([`Database::on_change`]), which lives until the database is closed.
/// A process that ends without closing loses nothing that was acknowledged as [`Durability::Sync`].
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
    /// What sees requests of this handle, and as whom policies decide on them.
    hooks: Hooks,
}

struct Inner {
    maintenance: Maintenance,
    engine: Arc<Engine>,
    hooks: Hooks,
    scaling: Option<AutoScaling>,
    resource_policies: Arc<ResourcePolicies>,
    deliveries: Arc<Deliveries>,
    companions: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.maintenance.stop();
        // A database whose log failed cannot be sealed; recovery deals with what is there.
        let _ = self.engine.close();
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({})", self.inner.engine.describe())
    }
}

/// Numbers about an index.
#[derive(Clone, Debug)]
pub struct IndexStats {
    /// Its name.
    pub name: String,
    /// Entries, as far as they are in runs and memtables; overwritten ones may count twice until compaction.
    pub item_count: u64,
    /// Bytes of the entries by DynamoDB's size rule, counted like the entries.
    pub size_bytes: u64,
    /// Share of the items that have been read for an index that is being filled, 0 to 1.
    pub backfill_progress: Option<f64>,
}

/// A table with its numbers.
#[derive(Clone, Debug)]
pub struct TableDescription {
    /// Keys, indexes and settings.
    pub definition: Arc<TableDefinition>,
    /// Items, as far as they are in runs and memtables; overwritten ones may count twice until compaction.
    pub item_count: u64,
    /// Bytes of the items by DynamoDB's size rule, counted like the items.
    pub size_bytes: u64,
    /// Numbers of the indexes, in the order of the definition.
    pub indexes: Vec<IndexStats>,
}

impl Database {
    /// How to open a database.
    pub fn options() -> OpenOptions {
        OpenOptions::default()
    }
    /// Opens the database in a folder with default options; creates it where there is none. Errors: as
    /// [`OpenOptions::open`].
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        Self::options().open(folder)
    }
    /// A database that is in memory only, with default options, and gone with its last handle. Errors: as
    /// [`OpenOptions::in_memory`].
    pub fn in_memory() -> Result<Self> {
        Self::options().in_memory()
    }
    /// Where time comes from.
    pub fn clock(&self) -> &Clock {
        &self.engine().options().clock
    }
    /// What the database was opened with.
    pub fn opened_with(&self) -> &Options {
        self.engine().options()
    }
    /// A database of an engine, whose threads run from now on.
    fn of_engine(engine: Arc<Engine>, hooks: Hooks, scaling: Option<AutoScaling>) -> Self {
        let maintenance = Maintenance::new(engine.clone());
        maintenance.start();
        let hooks = hooks.noting(engine.recorder().cloned());
        let (resource_policies, deliveries) = (Arc::default(), Arc::default());
        let companions = Mutex::default();
        let inner =
            Inner { maintenance, engine, hooks: hooks.clone(), scaling, resource_policies, deliveries, companions };
        Self { inner: Arc::new(inner), hooks }
    }
    fn engine(&self) -> &Arc<Engine> {
        &self.inner.engine
    }
    /// What sees the requests of a handle, which keeps the database open.
    fn kept_hooks(&self) -> Hooks {
        self.hooks.keeping(self.inner.clone())
    }

    /// A new table, or a typed handle on one that exists: name the keys, then `create`, `open` or `open_or_create`.
    pub fn create_table(&self, name: impl Into<String>) -> TableBuilder<()> {
        let key = KeySchema { hash: KeyAttribute::new("", crate::item::KeyType::S), range: None };
        TableBuilder { database: self.clone(), spec: TableSpec::new(name, key), shape: PhantomData }
    }
    /// Creates a table from a specification made at run time. It is durable and usable when this returns; in the service it is
    /// `CREATING` for a while (`OpenOptions::creating_millis` makes it so here). Limits are DynamoDB's: a name of 3 to 255 characters
    /// of `[a-zA-Z0-9_.-]`, 5 local and 20 global indexes.
    ///
    /// Errors: the table exists ([`InUse`](crate::ErrorKind::InUse)); a name, key or index breaks a rule
    /// ([`Validation`](crate::ErrorKind::Validation)); disk; closed.
    pub fn create_table_from(&self, spec: TableSpec) -> Result<TableDescription> {
        let slot = self.engine().create_table(spec)?;
        self.engine().pass_commit_gate()?;
        let name = slot.state().definition.name.clone();
        self.describe_table(&name)
    }
    /// A typed handle on a table that exists. Errors: not found, key of another shape.
    pub fn table<K: KeyShape>(&self, name: &str) -> Result<Table<K>> {
        Table::open(self.engine().clone(), self.usable(name)?, self.kept_hooks())
    }
    /// A handle on a table whose keys are known at run time only: keys are given as items.
    pub fn dynamic_table(&self, name: &str) -> Result<Table<Dynamic>> {
        Ok(Table::of_any_shape(self.engine().clone(), self.usable(name)?, self.kept_hooks()))
    }
    /// A table that exists and is not being created.
    fn usable(&self, name: &str) -> Result<Arc<TableSlot>> {
        self.engine().check_open()?;
        let slot = self.engine().table(name).ok_or_else(|| Error::no_table(name))?;
        // Tables are there at once, unless they are being loaded or the program wants them to take their time.
        if self.engine().is_creating(&slot.state().definition) {
            return Err(Error::no_table(name));
        }
        Ok(slot)
    }
    /// What a program keeps beside an open database, one value of each type: made by the first call, and dropped when the
    /// database is. All handles of the database share it. It must hold no handle of this database, which would keep the
    /// database open for ever.
    pub fn companion<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut companions = self.inner.companions.lock();
        let kept = companions.entry(TypeId::of::<T>()).or_insert_with(|| Arc::<T>::default());
        // The entry under the number of a type is of that type.
        kept.clone().downcast().unwrap_or_default()
    }
    /// The folder of a database that was opened by [`Database::open`] or [`OpenOptions::open`]; `None` for one in memory.
    pub fn folder(&self) -> Option<&Path> {
        self.engine().folder()
    }
    /// Definition and numbers of a table, as `DescribeTable` has them; sizes are in bytes. In the service numbers are up to six
    /// hours old, here they are of this moment. Errors: not found; closed.
    pub fn describe_table(&self, name: &str) -> Result<TableDescription> {
        self.engine().check_open()?;
        self.inner.scaling.iter().for_each(AutoScaling::catch_up);
        let slot = self.engine().table(name).ok_or_else(|| not_found(name))?;
        let state = slot.state();
        let counts = self.engine().counts_of(&state);
        let counted = |id: u32| counts.get(&id).copied().unwrap_or_default();
        let (item_count, size_bytes) = counted(state.definition.id);
        // The internal index of the TTL sweeper is not shown to users.
        let visible = |index: &IndexDefinition| index.kind != IndexKind::Expiry;
        let indexes = state.definition.indexes.iter().filter(|index| visible(index)).map(|index| {
            let (item_count, size_bytes) = counted(index.id);
            let backfill_progress = self.engine().backfill_progress(index.id);
            IndexStats { name: index.name.clone(), item_count, size_bytes, backfill_progress }
        });
        let indexes = indexes.collect();
        let mut definition =
            TableDefinition { status: self.engine().status_of(&state.definition), ..(*state.definition).clone() };
        definition.indexes.retain(visible);
        Ok(TableDescription { definition: Arc::new(definition), item_count, size_bytes, indexes })
    }
    /// Names of all tables, in the order of their bytes. Tables that the database keeps for itself (`hashrange.` and more)
    /// are not among them.
    pub fn list_tables(&self) -> Vec<String> {
        let mut names = self.engine().table_names();
        names.retain(|name| !name.starts_with(crate::schema::INTERNAL_PREFIX));
        names
    }
    /// Changes settings, adds or removes a global index, turns stream or TTL on or off. The change is durable when this returns; a
    /// new index is filled in the background, and [`wait_active`](Self::wait_active) waits for it. As in the service one global index
    /// of a table is added or removed at a time, and keys and local indexes cannot be changed.
    ///
    /// Errors: not found; the table is being created ([`InUse`](crate::ErrorKind::InUse)); another index is being added
    /// ([`LimitExceeded`](crate::ErrorKind::LimitExceeded)); the index exists, the stream or TTL is on or off already, or a rule is
    /// broken ([`Validation`](crate::ErrorKind::Validation)); disk; closed.
    pub fn update_table(&self, name: &str, update: TableUpdate) -> Result<TableDescription> {
        self.update_table_with(name, |_| Ok::<_, Error>(update))
    }
    /// Changes a table as `decide` says, which is given the table as it is: nothing else changes the table between what it
    /// sees and what it asks for. If it rejects, nothing is changed, and its rejection is the error. It must not call the
    /// database, which would wait for it. Errors also: as [`update_table`](Self::update_table).
    ///
    /// ```
    /// use hashrange::{Database, Error, admin::TableUpdate, key::S};
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::in_memory()?;
    /// db.create_table("orders").hash::<S>("id").create()?;
    /// let toggled = db.update_table_with("orders", |table| {
    ///     let deletion_protection = Some(!table.deletion_protection);
    ///     Ok::<_, Error>(TableUpdate { deletion_protection, ..TableUpdate::default() })
    /// })?;
    /// assert!(toggled.definition.deletion_protection);
    /// # Ok(())
    /// # }
    /// ```
    pub fn update_table_with<E: From<Error>>(
        &self,
        name: &str,
        decide: impl FnOnce(&TableDefinition) -> std::result::Result<TableUpdate, E>,
    ) -> std::result::Result<TableDescription, E> {
        self.engine().update_table(name, decide)?;
        self.engine().pass_commit_gate()?;
        Ok(self.describe_table(name)?)
    }
    /// Lets changes take time to arrive in a global index, as they do in the service, so that an application can be tested
    /// against it; `None` makes them arrive at once again, which is the default. Reads of the index show each item as it was
    /// before the changes that are on their way. Setting it again begins with every change arrived. It is a setting of the open
    /// database, not of the table: opened again, an index has no lag until one is set. While it is set, a read of the index looks
    /// at every change on its way. Errors: there is no such table or global index.
    ///
    /// ```
    /// use hashrange::{Clock, Database, Item, admin::index, key::S, service::{Delay, IndexLag, StaleReplica}};
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// let clock = Clock::manual(1_800_000_000_000);
    /// let db = Database::options().clock(clock.clone()).in_memory()?;
    /// let users = db.create_table("users").hash::<S>("id").gsi(index("by_mail").hash::<S>("mail")).create()?;
    /// let lag = IndexLag { delay: Delay::Fixed(50), stale: StaleReplica::default(), seed: 1 };
    /// db.set_index_lag("users", "by_mail", Some(lag))?;
    ///
    /// users.put(&Item::new().with("id", "u1").with("mail", "a@b.c"))?;
    /// assert_eq!(users.scan().index("by_mail").count()?, 0);
    /// clock.advance(std::time::Duration::from_millis(50));
    /// assert_eq!(users.scan().index("by_mail").count()?, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_index_lag(&self, table: &str, index: &str, lag: Option<IndexLag>) -> Result<()> {
        self.engine().set_index_lag(table, index, lag)
    }
    /// The lag that [`set_index_lag`](Self::set_index_lag) gave a global index, and the changes that are on their way there; `None`
    /// if changes arrive at once. Errors: there is no such table or global index.
    pub fn index_lag(&self, table: &str, index: &str) -> Result<Option<IndexLagReport>> {
        self.engine().index_lag(table, index)
    }
    /// Throughput of a table and its global indexes as the [model](OpenOptions::capacity) has it: what is left, virtual
    /// partitions, and how hot each is. `None` without a model. Errors: there is no such table.
    pub fn throughput(&self, table: &str) -> Result<Option<ThroughputReport>> {
        self.engine().throughput_report(table)
    }
    /// Auto scaling: targets and policies, and what they did. Errors: the database was opened without
    /// [`OpenOptions::auto_scaling`], kind [`Unsupported`](crate::ErrorKind::Unsupported).
    pub fn auto_scaling(&self) -> Result<AutoScaling> {
        self.engine().check_open()?;
        self.inner.scaling.clone().ok_or_else(|| {
            Error::unsupported("the database was opened without auto scaling; open it with OpenOptions::auto_scaling")
        })
    }
    /// Deletes a table with everything in it and gives its space back. Returns what it was. Records of its stream can be read for as
    /// long as they are kept, as in the service.
    ///
    /// Errors: not found; the table is being created, or an index of it is being filled ([`InUse`](crate::ErrorKind::InUse)); it is
    /// protected against deletion or is a replica that others need ([`Validation`](crate::ErrorKind::Validation)); disk; closed.
    pub fn delete_table(&self, name: &str) -> Result<TableDescription> {
        let description = self.describe_table(name)?;
        self.engine().delete_table(name)?;
        self.engine().pass_commit_gate()?;
        Ok(description)
    }

    /// TTL of a table. Errors: not found.
    pub fn describe_ttl(&self, table: &str) -> Result<TtlDescription> {
        let slot = self.engine().table(table).ok_or_else(|| not_found(table))?;
        Ok(TtlDescription::of(&slot.state().definition))
    }
    /// Turns TTL of a table on or off. Errors: not found, it is on or off already.
    pub fn update_ttl(&self, table: &str, attribute: &str, enabled: bool) -> Result<TtlDescription> {
        self.update_table_with(table, |definition| ttl_change(definition, attribute, enabled))?;
        self.describe_ttl(table)
    }
    /// Deletes every item of every table whose time to live has ended by now; returns how many that were. Background work
    /// does the same at its own pace; the service does it within days. Nothing is charged. Errors: an item that is damaged, after all
    /// others were deleted; disk; closed.
    pub fn sweep_now(&self) -> Result<u64> {
        self.engine().check_open()?;
        self.inner.maintenance.sweep_now()
    }

    /// Writes all memtables as runs, so that the next opening has no log to read. Errors: disk; writing has ended
    /// ([`Poisoned`](crate::ErrorKind::Poisoned)); opened for reading only; closed.
    pub fn flush(&self) -> Result<()> {
        self.engine().flush_all()
    }
    /// Flushes, merges every partition down to one run, and gives back the space of what was overwritten and deleted. It reads and
    /// writes the whole database. Errors: as [`flush`](Self::flush), and damage; a partition that fails stops no other, and the
    /// error is that of the first.
    pub fn compact(&self) -> Result<()> {
        self.engine().compact_all()
    }
    /// Makes all writes durable that were acknowledged before, also those of `Buffered`. Errors: the sync failed, which ends
    /// writing ([`Poisoned`](crate::ErrorKind::Poisoned)); closed.
    pub fn sync(&self) -> Result<()> {
        self.engine().check_open()?;
        self.engine().wait_all_durable(Some(Durability::Sync))
    }
    /// Checks the log, every byte of every run and stream segment, and every index against its table; the first thing that is wrong is
    /// the error. Meant for a database that is not written to: beside writers, an index may be read before or after its table.
    /// What looks damaged where there were writes meanwhile is read again, a few times. Errors: damage, with file and offset
    /// ([`Corrupt`](crate::ErrorKind::Corrupt)); disk; closed.
    pub fn verify(&self) -> Result<VerifyReport> {
        self.engine().verify()
    }
    /// A copy in memory of the database as it is now, for one test or one experiment: what is done to the copy is never
    /// seen here. Sealed runs are shared, not copied; what is copied is the log since the last flush. The copy has the
    /// same options, and the same manual clock if there is one. Everything that was acknowledged before the call is in it, and
    /// what is committed meanwhile up to one commit; writers do not wait. Errors: log or disk.
    ///
    /// ```
    /// # use hashrange::{Database, Item, key::S};
    /// let prepared = Database::in_memory()?;
    /// prepared.create_table("stock").hash::<S>("sku").create()?.put(&Item::new().with("sku", "bolt"))?;
    ///
    /// let copy = prepared.fork()?;
    /// copy.delete_table("stock")?;
    /// assert_eq!(prepared.list_tables(), ["stock"]);
    /// # Ok::<(), hashrange::Error>(())
    /// ```
    pub fn fork(&self) -> Result<Self> {
        let disk = MemoryDisk::new();
        self.engine().fork_to(&disk)?;
        OpenOptions::again(self.engine(), &self.inner.hooks).open_on(Arc::new(disk))
    }
    /// As [`fork`](Self::fork), into a folder that is empty or does not exist yet. Runs become hard links where the file
    /// system has them, so the copy takes hardly any space until one of the two changes. Errors also: the folder holds
    /// something.
    pub fn fork_into(&self, folder: impl AsRef<Path>) -> Result<Self> {
        let disk = RealDisk::open(folder.as_ref(), true)?;
        if !disk.list()?.is_empty() || disk.has_foreign_files()? {
            let text = format!("{} is not empty; fork into a folder that is, or that does not exist", disk.describe());
            return Err(Error::validation(text));
        }
        self.engine().fork_to(&disk)?;
        OpenOptions::again(self.engine(), &self.inner.hooks).open_on(Arc::new(disk))
    }
    /// As [`fork`](Self::fork), onto an empty disk, and without opening the copy: [`OpenOptions::open_on`] does that when it is
    /// wanted. Errors: log or disk.
    ///
    /// ```
    /// # use hashrange::{Database, Item, file::MemoryDisk, key::S};
    /// # use std::sync::Arc;
    /// let db = Database::in_memory()?;
    /// let stock = db.create_table("stock").hash::<S>("sku").create()?;
    /// stock.put(&Item::new().with("sku", "bolt"))?;
    ///
    /// let kept = Arc::new(MemoryDisk::new());
    /// db.fork_onto(&*kept)?;
    /// stock.delete("bolt")?;
    /// let copy = db.copy_options().open_on(kept)?;
    /// assert!(copy.table::<S>("stock")?.get("bolt")?.is_some());
    /// # Ok::<(), hashrange::Error>(())
    /// ```
    pub fn fork_onto(&self, disk: &dyn TakeOver) -> Result<()> {
        self.engine().fork_to(disk)
    }
    /// How this database was opened, for opening a copy of it that is only read or prepared: without its models of the service,
    /// its hook and its observer, and without background work.
    pub fn copy_options(&self) -> OpenOptions {
        let mut copy = OpenOptions::again(self.engine(), &Hooks::default());
        copy.options = Options {
            creating_millis: 0,
            conflicts: None,
            capacity: None,
            faults: None,
            auto_scaling: false,
            is_copy: true,
            history: None,
            ledger: None,
            observer: None,
            background: false,
            ..copy.options
        };
        copy
    }
    /// Closes the database, whatever other handles there are: ends triggers and background work, waits for what is under
    /// way, makes everything durable, and gives the folder free for another opening. Every read and write of items and every
    /// change of a table afterwards fails with [`ErrorKind::Closed`](crate::ErrorKind::Closed), of any handle; consumers that
    /// wait are woken with it. What only describes (tables, streams, the ledger, statistics) answers as before.
    /// Closing again does nothing.
    ///
    /// Dropping the last handle does the same work, and says nothing of a failure. Errors: log or disk. What was written
    /// [`Durability::Buffered`] may be lost then; nothing is that was written `Sync`. The folder is free all the same.
    ///
    /// ```
    /// # use hashrange::{Database, Item, key::S};
    /// let db = Database::in_memory()?;
    /// let stock = db.create_table("stock").hash::<S>("sku").create()?;
    /// stock.put(&Item::new().with("sku", "bolt"))?;
    /// db.close()?;
    /// assert_eq!(stock.get("bolt").unwrap_err().kind(), hashrange::ErrorKind::Closed);
    /// # Ok::<(), hashrange::Error>(())
    /// ```
    pub fn close(self) -> Result<()> {
        self.inner.maintenance.stop();
        self.inner.engine.close()
    }
}

fn not_found(name: &str) -> Error {
    Error::no_table_named(name)
}

/// What turns time to live of a table on or off. Errors: it is on or off already.
pub(crate) fn ttl_change(table: &TableDefinition, attribute: &str, enabled: bool) -> Result<TableUpdate> {
    let refusal = match (&table.ttl_attribute, enabled) {
        (Some(current), true) if current == attribute => Some("TimeToLive is already enabled".to_owned()),
        (Some(current), _) if current != attribute => {
            Some(format!("TimeToLive is active on a different AttributeName: current AttributeName is {current}"))
        }
        (None, false) => Some("TimeToLive is already disabled".to_owned()),
        _ => None,
    };
    if let Some(text) = refusal {
        let detail = Detail::TtlUnchanged { table: table.name.clone(), is_enabled: table.ttl_attribute.is_some() };
        return Err(Error::validation(text).with_detail(detail));
    }
    let ttl_attribute = Some(enabled.then(|| attribute.to_owned()));
    Ok(TableUpdate { ttl_attribute, ..TableUpdate::default() })
}
