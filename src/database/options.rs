//! How a database is opened.

use super::Database;
use crate::{
    capacity::CapacityModel,
    clock::Clock,
    config::{ConflictModel, Durability, HistoryOptions, LedgerOptions, Options, PageTokenKey, ReadMode},
    engine::Engine,
    error::{Error, ErrorKind, Result},
    faults::FaultModel,
    file::{Disk, FileName, MemoryDisk, OverlayDisk, RealDisk},
    observe::{Event, Observer},
    request::{Hook, Hooks},
    scaling::AutoScaling,
};
use std::{path::Path, sync::Arc, time::Duration};

/// Space that is kept for opening a database and dropping a table on a full disk, in bytes: a log segment, a manifest.
const RESERVE_BYTES: u64 = 2 << 20;
/// Memory for the decrypted pages of an encrypted database, in bytes.
const ENCRYPTED_CACHE_BYTES: usize = 256 << 20;

/// Errors: there is no database in a folder, and no remains of one.
fn check_there_is_one(folder: &Path) -> Result<()> {
    let none = || Error::not_found(format!("there is no database in {}", folder.display()));
    if !folder.is_dir() {
        return Err(none());
    }
    let files = RealDisk::open_to_read(folder)?.list()?;
    if files.contains(&FileName::Current) {
        return Ok(());
    }
    // Without `CURRENT`, what is left of a database is damage and not nothing.
    let is_none = |name: &FileName| {
        use FileName::{CurrentNext, Keys, KeysNext, Lock, Reserve};
        matches!(name, Lock | Reserve | CurrentNext | Keys | KeysNext)
    };
    let is_data = |name: &FileName| !is_none(name);
    match files.iter().any(is_data) {
        true => Err(Error::corrupt(FileName::Current, 0, "the file is missing")),
        false => Err(none()),
    }
}

/// How to open a database; begins with [`Database::options`]. Every option has a default, see [`Options`](crate::inspect::Options).
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is opened before `open` or `in_memory`"]
pub struct OpenOptions {
    pub(super) options: Options,
    pub(super) hooks: Hooks,
    /// What was asked for; an encrypted database has other defaults.
    read_mode: Option<ReadMode>,
    block_cache_bytes: Option<usize>,
}

impl OpenOptions {
    /// The options of a database that is open.
    pub(super) fn again(engine: &Engine, hooks: &Hooks) -> Self {
        let options = Options { encryption: engine.encryption(), least_commit: 0, ..engine.options().clone() };
        let read_mode = Some(options.read_mode).filter(|_| !options.maps_log);
        let block_cache_bytes = Some(options.block_cache_bytes);
        Self { options, hooks: hooks.clone(), read_mode, block_cache_bytes }
    }
    /// Durability of writes that do not say otherwise. Default: `Sync`.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.options.durability = durability;
        self
    }
    /// How runs and segments of streams are read. Default: mapped; of an encrypted database, which has to be decrypted into a cache, buffered.
    pub fn read_mode(mut self, mode: ReadMode) -> Self {
        self.read_mode = Some(mode);
        self
    }
    /// Source of time. Default: the system clock.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.options.clock = clock;
        self
    }
    /// Seed of the number that the database draws at its creation. Models have seeds of their own; salts and keys come from the
    /// operating system. Default: taken from the clock.
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = Some(seed);
        self
    }
    /// Key under which [page tokens](crate::request::Page::next_token) are sealed, 16 secret bytes. Servers that hand tokens to
    /// clients set it, so that no client can make one up; several servers that share a key take each other's tokens.
    /// Default: a key derived from the database's number, which holds off changes by accident and by clients that do not
    /// know the files, but is no secret of anyone who can read them.
    pub fn page_token_key(mut self, key: [u8; 16]) -> Self {
        self.options.page_token_key = Some(PageTokenKey(key));
        self
    }
    /// Partitions of a new table. Default 4; 1 to 1,024.
    pub fn initial_partitions(mut self, partitions: usize) -> Self {
        self.options.initial_partitions = partitions;
        self
    }
    /// Bytes on disk at which a partition splits. Default 256 MiB.
    pub fn split_bytes(mut self, bytes: u64) -> Self {
        self.options.split_bytes = bytes;
        self
    }
    /// Bytes of all memtables together; change streams may keep a quarter of it in memory besides. Default 64 MiB.
    pub fn memtable_bytes(mut self, bytes: usize) -> Self {
        self.options.memtable_bytes = bytes;
        self
    }
    /// Bytes of one log segment. Default 64 MiB; 4 KiB to 1 GiB.
    pub fn log_segment_bytes(mut self, bytes: u64) -> Self {
        self.options.log_segment_bytes = bytes;
        self
    }
    /// Bytes of all log segments together. Default 256 MiB.
    pub fn log_bytes(mut self, bytes: u64) -> Self {
        self.options.log_bytes = bytes;
        self
    }
    /// Bytes of the block cache of buffered reading. Default 32 MiB; of an encrypted database 256 MiB.
    pub fn block_cache_bytes(mut self, bytes: usize) -> Self {
        self.block_cache_bytes = Some(bytes);
        self
    }
    /// Overlapping runs of one partition at which they are merged; three times as many where their entries are large, as long as
    /// one of the runs has half of their bytes. Default 4, at least 2.
    pub fn runs_per_partition(mut self, runs: usize) -> Self {
        self.options.runs_per_partition = runs;
        self
    }
    /// How long the records of change streams are kept, on disk too. Default 24 hours, as in the service. A consumer that is
    /// away for longer misses records; [`Consumer::next_batch`](crate::streams::Consumer::next_batch) reports the gap. A program that
    /// sleeps over weekends wants a week; `Duration::MAX` keeps them as long as the stream is enabled.
    pub fn stream_retention(mut self, retention: Duration) -> Self {
        self.options.stream_retention_millis = u64::try_from(retention.as_millis()).unwrap_or(u64::MAX);
        self
    }
    /// Keeps records of change streams that a consumer has still to process beyond
    /// [`stream_retention`](Self::stream_retention), until they are as old as `longest`. A consumer that has begun is one, also
    /// while no worker of it runs; one that never comes back costs the disk space of so many days.
    /// [`Health::unread`](crate::observe::Health::unread) tells for which consumers older records are kept. Readers without
    /// a checkpoint do not see them. A stream that was disabled stays as long as its records do. Default: none is kept for longer.
    ///
    /// ```
    /// # use hashrange::Database;
    /// # use std::time::Duration;
    /// let month = Duration::from_secs(30 * 24 * 3600);
    /// let db = Database::options().keep_unread(month).in_memory()?;
    /// assert!(db.health().unread.is_empty());
    /// # Ok::<(), hashrange::Error>(())
    /// ```
    pub fn keep_unread(mut self, longest: Duration) -> Self {
        self.options.unread_retention_millis = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        self
    }
    /// How long a new table stays in status CREATING, in milliseconds. Default 0.
    pub fn creating_millis(mut self, millis: u64) -> Self {
        self.options.creating_millis = millis;
        self
    }
    /// Hides items whose time to live has ended from reads, also before they are deleted. Default false.
    pub fn hide_expired(mut self, hide: bool) -> Self {
        self.options.hide_expired = hide;
        self
    }
    /// Bytes that an item collection of a table with local indexes may have; the service allows 10 GB. Default: no limit.
    pub fn collection_limit_bytes(mut self, bytes: u64) -> Self {
        self.options.collection_limit_bytes = Some(bytes);
        self
    }
    /// Reports conflicts as the service has them, so that an application can be tested against them: an operation that meets
    /// one that the service would not let it meet is rejected with `TransactionConflictException` (or `TransactionInProgressException`,
    /// for a client request token whose first transaction is not finished), and a share of the others by chance. In a batch write the item
    /// comes back unprocessed; [`Database::transaction`] tries again. Default: operations wait for one another, and nothing
    /// conflicts. A test can also hold an item itself, with [`Table::simulate_conflict`](crate::Table::simulate_conflict).
    pub fn conflicts(mut self, model: ConflictModel) -> Self {
        self.options.conflicts = Some(model);
        self
    }
    /// Rejects what the service would have no capacity for, so that an application can be tested against it: by tables'
    /// provisioned throughput or what is given on demand, by partition, and by what global indexes can take. A rejected
    /// request fails with [`ErrorKind::Throttled`](crate::ErrorKind::Throttled), and
    /// [`Error::throttling_reasons`](crate::Error::throttling_reasons) says why; in a batch its items come back unprocessed, in a
    /// transaction it is the reason of a cancellation. Default: nothing is rejected, which costs a request one branch.
    pub fn capacity(mut self, model: CapacityModel) -> Self {
        self.options.capacity = Some(model);
        self
    }
    /// Keeps history: from the opening on, the database can be read as it was after any commit
    /// ([`Database::at`]). It is a setting of the database, which an opening without this option leaves as it is;
    /// [`Database::keep_history`] and [`Database::stop_history`] change it later. It costs the space of the log and of the
    /// runs that compaction replaced, for as long as history reaches back. Default: none is kept.
    pub fn history(mut self, history: HistoryOptions) -> Self {
        self.options.history = Some(history);
        self
    }
    /// Notes what each request consumes, so that [`Database::ledger`] can say what it costs and [`Database::heat`] which keys are
    /// hot. It takes bounded memory, which the options say, and about a microsecond for each access, more where many threads
    /// read one table. Default: nothing is noted, which costs a request one branch.
    pub fn ledger(mut self, options: LedgerOptions) -> Self {
        self.options.ledger = Some(options);
        self
    }
    /// Lets requests meet faults, so that a program can be tested against them: errors, delays, throttles and lost answers, by
    /// operation, table or key, with a seed. The model can be replaced while the database is open
    /// ([`Database::set_faults`]). A fault never changes what is stored; [`ServiceFault`](crate::service::ServiceFault) says of each
    /// when it strikes. Default: no faults, which costs a request one branch.
    pub fn faults(mut self, model: FaultModel) -> Self {
        self.options.faults = Some(model);
        self
    }
    /// Lets provisioned throughput follow what is consumed, by the targets and policies of
    /// [`Database::auto_scaling`]. Default false.
    pub fn auto_scaling(mut self, scales: bool) -> Self {
        self.options.auto_scaling = scales;
        self
    }
    /// Calls a function with every event of background work (flush, compaction, recovery, failures), on the thread where it
    /// happens. The function must be quick, must not block and must not use the database; a program that wants a queue
    /// takes [`Database::subscribe`]. Default: none.
    pub fn observer(mut self, observe: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.options.observer = Some(Observer::new(observe));
        self
    }
    /// Shows every request to this hook, before and after it is carried out; it may reject requests. A
    /// further hook comes behind it, and sees what those before it did not reject. Default: none, which
    /// costs a request one branch.
    pub fn hook(mut self, hook: Arc<dyn Hook>) -> Self {
        self.hooks = self.hooks.and(hook);
        self
    }
    /// Encrypts every file of the database under a root key, and opens a database that is: the page on
    /// [encryption](https://github.com/hashrange/hashrange/blob/main/docs/encryption.md) says against what that protects. Data is read through a cache of
    /// decrypted pages then, of [`block_cache_bytes`](Self::block_cache_bytes). A database whose root key is lost is lost.
    /// Default: none.
    ///
    /// Opening fails with [`ErrorKind::Key`], and changes nothing, if the key is another one, if none is given for an
    /// encrypted database, or if one is given for a database that is not encrypted, unless
    /// [`Encryption::encrypt_existing`](crate::encryption::Encryption::encrypt_existing) asks to encrypt that.
    ///
    /// ```
    /// use hashrange::{Database, encryption::RootKey};
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// let key = RootKey::generate()?;
    /// let db = Database::options().encryption(key).in_memory()?;
    /// assert!(db.keys()?.is_some());
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "encryption")]
    pub fn encryption(mut self, encryption: impl Into<crate::cipher::Encryption>) -> Self {
        self.options.encryption = Some(encryption.into());
        self
    }
    /// Rejects a folder that does not reach this commit: an older copy of the whole folder was put in its place, or its files
    /// were deleted. Nothing in the folder proves that there was a later one, whether or not it is encrypted, so a program that
    /// has to notice it keeps the number elsewhere: [`last_commit`](crate::observe::Statistics::last_commit) of
    /// [`Database::statistics`], asked for before a [`sync`](Database::sync) that succeeds. Numbers of commits only grow. Default 0: any folder will do.
    ///
    /// Opening fails with [`ErrorKind::Corrupt`] and code `DatabaseRolledBack` then, and writes nothing.
    ///
    /// ```
    /// # use hashrange::{Database, Item, key::S};
    /// # let temporary = tempfile::tempdir().unwrap();
    /// # let folder = temporary.path();
    /// let db = Database::open(folder)?;
    /// db.create_table("stock").hash::<S>("sku").create()?.put(&Item::new().with("sku", "bolt"))?;
    /// let seen = db.statistics().last_commit;
    /// db.close()?;
    ///
    /// Database::options().least_commit(seen).open(folder)?.close()?;
    /// let refused = Database::options().least_commit(seen + 1).open(folder).unwrap_err();
    /// assert_eq!(refused.code(), "DatabaseRolledBack");
    /// # Ok::<(), hashrange::Error>(())
    /// ```
    pub fn least_commit(mut self, commit: u64) -> Self {
        self.options.least_commit = commit;
        self
    }
    /// Whether maintenance runs on threads of its own. Default true; without, call [`Database::step`].
    pub fn background(mut self, background: bool) -> Self {
        self.options.background = background;
        self
    }
    /// Opens the database in a folder; creates folder and database where there is none. Errors: another process has
    /// it open, the folder holds something else or a newer format, damage, disk, an option that is out of range.
    pub fn open(self, folder: impl AsRef<Path>) -> Result<Database> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(folder.as_ref(), true)?);
        let opened = match self.clone().open_on(disk.clone()) {
            // The disk is full. What was kept for that is enough to open, and to drop a table.
            Err(error) if error.kind() == ErrorKind::Io && disk.is_full() && disk.release_reserve() => {
                self.open_on(disk.clone())
            }
            opened => opened,
        };
        let database = opened?;
        if !disk.is_full() {
            disk.keep_reserve(RESERVE_BYTES);
        }
        Ok(database)
    }
    /// Opens the database that a folder holds, and creates nothing where there is none. Errors: as
    /// [`open`](Self::open), and [`ErrorKind::NotFound`](crate::error::ErrorKind::NotFound) if there is no database.
    pub fn open_existing(self, folder: impl AsRef<Path>) -> Result<Database> {
        check_there_is_one(folder.as_ref())?;
        self.open(folder)
    }
    /// Opens the database in a folder for reading only: on a read-only volume, on a full disk, or without the right to
    /// write. Nothing in the folder is changed; what recovery has to write stays in memory, and no background work runs.
    /// Writes fail with [`ErrorKind::Unsupported`](crate::error::ErrorKind::Unsupported); a [`fork`](Database::fork) takes
    /// them.
    ///
    /// Any number of processes may have a database open for reading, and none may have it open for writing meanwhile:
    /// readers share the folder's lock, and so a writer gets [`ErrorKind::Locked`](crate::error::ErrorKind::Locked), as a
    /// reader does beside a writer. Where the file system has no locks, nothing keeps a writer out; the readers then see the
    /// database as it was when they opened it, and may fail to read files that the writer removed since.
    ///
    /// Errors: there is no database, a process writes to it, damage of log or manifest or a file that is missing, disk.
    ///
    /// ```
    /// # use hashrange::{Database, Item, key::S};
    /// # let temporary = tempfile::tempdir().unwrap();
    /// # let folder = temporary.path();
    /// let db = Database::open(folder)?;
    /// db.create_table("stock").hash::<S>("sku").create()?.put(&Item::new().with("sku", "bolt"))?;
    /// db.close()?;
    ///
    /// let readers = [Database::options().open_read_only(folder)?, Database::options().open_read_only(folder)?];
    /// for reader in &readers {
    ///     let stock = reader.table::<S>("stock")?;
    ///     assert!(stock.get("bolt")?.is_some());
    ///     assert!(stock.put(&Item::new().with("sku", "nut")).is_err());
    /// }
    /// # Ok::<(), hashrange::Error>(())
    /// ```
    pub fn open_read_only(self, folder: impl AsRef<Path>) -> Result<Database> {
        check_there_is_one(folder.as_ref())?;
        let below = RealDisk::open_to_read(folder.as_ref())?;
        let disk = Arc::new(OverlayDisk::over_own(Arc::new(below)));
        let database = self.background(false).open_on(disk.clone())?;
        disk.seal();
        database.engine().end_writing();
        Ok(database)
    }
    /// Opens, for reading only, a database whose files come from a stranger, and checks all of it before it hands it out:
    /// log and manifest, every byte of every run and stream, every item, and every index against its table.
    ///
    /// The folder is not changed, not even to lock it: what recovery has to write stays in memory. Nothing is mapped,
    /// each page is verified whenever it is read, links are not followed, and no background work runs. Writes fail with
    /// [`ErrorKind::Unsupported`](crate::error::ErrorKind::Unsupported); a [`fork`](Database::fork) takes them. Whatever
    /// the files hold, the answer is an error or a database, never a panic, and memory stays bounded: log and manifest
    /// may have twice [`log_bytes`](Self::log_bytes) together. It takes as long as reading the files a few times.
    ///
    /// Errors: there is no database, a process writes to it, damage of any kind, too long a log, disk.
    pub fn open_untrusted(self, folder: impl AsRef<Path>) -> Result<Database> {
        let below = RealDisk::open_foreign(folder.as_ref())?;
        if !below.list()?.contains(&FileName::Current) {
            return Err(Error::not_found(format!("there is no database in {}", below.describe())));
        }
        let disk = Arc::new(OverlayDisk::new(Arc::new(below), self.options.log_bytes.saturating_mul(2))?);
        let database = self.read_mode(ReadMode::Buffered).background(false).open_on(disk.clone())?;
        database.verify()?;
        disk.seal();
        database.engine().end_writing();
        Ok(database)
    }
    /// A database that is in memory only and gone with its last handle. Errors: an option that is out of range.
    pub fn in_memory(self) -> Result<Database> {
        self.open_on(Arc::new(MemoryDisk::new()))
    }
    /// Takes over what was asked for, and the defaults that depend on it. Errors: what does not go together.
    fn settle(&mut self) -> Result<()> {
        let (is_encrypted, options) = (self.options.encryption.is_some(), &mut self.options);
        if is_encrypted && self.read_mode == Some(ReadMode::Mapped) {
            return Err(Error::unsupported("an encrypted database cannot be read mapped; leave the read mode out"));
        }
        if is_encrypted {
            (options.read_mode, options.block_cache_bytes) = (ReadMode::Buffered, ENCRYPTED_CACHE_BYTES);
            options.maps_log = self.read_mode.is_none();
        }
        options.read_mode = self.read_mode.unwrap_or(options.read_mode);
        options.block_cache_bytes = self.block_cache_bytes.unwrap_or(options.block_cache_bytes);
        options.check()
    }
    /// The options as an opening takes them. Errors: some do not fit together.
    pub(super) fn settled(mut self) -> Result<Options> {
        self.settle().map(|()| self.options)
    }
    /// Opens the database that a disk holds: for disks of one's own, and for tests on the simulated one.
    pub fn open_on(mut self, disk: Arc<dyn Disk>) -> Result<Database> {
        self.settle()?;
        let engine = Arc::new(Engine::open(disk, self.options)?);
        let scaling = engine.options().auto_scaling.then(|| AutoScaling::open(&engine)).transpose()?;
        let of_scaling = scaling.clone().map(|scaling| Arc::new(scaling) as Arc<dyn Hook>);
        let hooks = self.hooks.with_faults(engine.faults().cloned()).with_scaling(of_scaling);
        Ok(Database::of_engine(engine, hooks, scaling))
    }
}
