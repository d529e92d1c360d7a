//! The state of an open database, and who may touch which part of it.

use super::{catalog::Catalog, catalog::TableSlot, ring::TokenRing, signal::Signal};
use crate::{
    admission::{ItemCollectionSizes, TokenUse, Tokens, WriteBudget},
    config::Options,
    error::{Error, Result},
    file::Disk,
    manifest::{Edit, Manifest},
    observe::Observe,
    partition::{PageCache, RunContext},
    schema::IndexKind,
    service::{InFlight, IndexLag, PendingPropagation},
    stream::{SegmentContext, Streams},
    sync::{Mutex, RwLock},
    wal::Wal,
};
use arc_swap::ArcSwap;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

/// An open database: the log, the partitions of all tables, and the manifest that says which files are alive.
pub struct Engine {
    pub(super) options: Options,
    /// Where everything that happens is reported.
    pub(super) observe: Arc<Observe>,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) database_id: u64,
    pub(super) wal: Wal,
    pub(super) catalog: ArcSwap<Catalog>,
    pub(super) write_budget: WriteBudget,
    pub(super) signal: Signal,
    pub(super) run_cache: Arc<PageCache>,
    /// Writers hold it shared from deriving index entries until their record is logged; a schema change holds it
    /// exclusively while its own record is logged. So the log knows which indexes stood at every record.
    pub(super) schema_gate: RwLock<()>,
    /// Guards the manifest file and every change of what is published from it.
    pub(super) manifest: Mutex<Manifest>,
    /// Flush and compaction hold it shared; a split holds it exclusively, for a moment.
    pub(super) split_gate: RwLock<()>,
    /// One flush at a time.
    pub(super) flush_lock: Mutex<()>,
    /// One compaction or split at a time.
    pub(super) compaction_lock: Mutex<()>,
    /// One step of filling an index at a time.
    pub(super) backfill_lock: Mutex<()>,
    /// How far the filling of new indexes has come, by index number.
    pub(super) backfills: Mutex<BTreeMap<u32, super::progress::Progress>>,
    /// Changes on their way to global indexes with a modelled lag, by index number.
    pub(super) lags: ArcSwap<BTreeMap<u32, Arc<PendingPropagation>>>,
    /// Sizes of item collections, where they are limited.
    pub(super) collections: ItemCollectionSizes,
    /// Client request tokens of the last ten minutes.
    pub(super) tokens: Tokens,
    /// Operations that are going on, where conflicts are reported.
    pub(super) in_flight: Arc<InFlight>,
    /// Change streams.
    pub(super) streams: Streams,
    pub(super) next_file: AtomicU64,
    pub(super) next_partition: AtomicU64,
    pub(super) next_keyspace: AtomicU32,
    /// The operations that change files, for which closing waits, and the lock of the folder.
    pub(super) gate: super::work_gate::WorkGate,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine({})", self.disk.describe())
    }
}

impl Engine {
    /// What the database was opened with.
    pub fn options(&self) -> &Options {
        &self.options
    }
    /// Where everything that happens is reported.
    pub fn observe(&self) -> &Observe {
        &self.observe
    }
    /// The log.
    pub fn wal(&self) -> &Wal {
        &self.wal
    }
    /// What wakes maintenance.
    pub fn signal(&self) -> &Signal {
        &self.signal
    }
    /// The number that tells this database from any other.
    pub fn database_id(&self) -> u64 {
        self.database_id
    }
    /// Change streams.
    pub fn streams(&self) -> &Streams {
        &self.streams
    }
    /// The table of that name.
    pub fn table(&self, name: &str) -> Option<Arc<TableSlot>> {
        self.catalog.load().by_name.get(name).cloned()
    }
    /// Names of all tables, in the order of their bytes.
    pub fn table_names(&self) -> Vec<String> {
        self.catalog.load().by_name.keys().cloned().collect()
    }
    /// Every ring of every table.
    pub fn rings(&self) -> Vec<Arc<TokenRing>> {
        self.catalog.load().rings()
    }
    /// The folder, for messages.
    pub fn describe(&self) -> String {
        self.disk.describe()
    }
    /// Takes no more writes: for a database that is only read.
    pub fn end_writing(&self) {
        self.wal.end_writing();
    }
    /// Refuses what comes after the end. Operations on a table ask its slot.
    pub fn check_open(&self) -> Result<()> {
        self.gate.check_open()
    }
    /// Ends everything: waits for work that is under way, wakes who waits, seals the log, so that what was written without a
    /// sync is durable afterwards, and gives the folder free, also where that failed. All that comes after it is refused.
    /// Closing again does nothing.
    pub fn close(&self) -> Result<()> {
        if !self.gate.close() {
            return Ok(());
        }
        self.catalog.load().by_id.values().for_each(|slot| slot.mark_closed());
        self.streams.announce();
        let sealed = self.seal();
        self.gate.release_folder();
        sealed
    }
    fn seal(&self) -> Result<()> {
        if !self.wal.close()? {
            return Ok(());
        }
        let (segment, offset) = self.wal.durable_end();
        self.manifest.lock().close(&[Edit::PutLogReach { segment, offset }])
    }
    /// The transaction that was carried out with a client request token, if that is not long ago.
    pub fn known_token(&self, token: &str) -> Option<TokenUse> {
        self.tokens.known(token, self.options.clock.now_millis())
    }
    /// Changes on their way to an index, if its lag is modelled.
    pub fn pending_propagation(&self, index: u32) -> Option<Arc<PendingPropagation>> {
        self.lags.load().get(&index).cloned()
    }
    /// Models the lag of a global index from now on; `None` ends it, and what is on its way arrives at once.
    pub fn set_index_lag(&self, table: &str, index: &str, lag: Option<IndexLag>) -> Result<()> {
        let _gate = self.schema_gate.write();
        let slot = self.table(table).ok_or_else(|| Error::no_table(table))?;
        let state = slot.state();
        let found = state.definition.index(index).filter(|index| index.kind == IndexKind::Global);
        let found = found.ok_or_else(|| Error::no_index(index))?;
        let mut lags = BTreeMap::clone(&self.lags.load());
        match lag {
            Some(lag) => lags.insert(found.id, Arc::new(PendingPropagation::new(lag))),
            None => lags.remove(&found.id),
        };
        self.lags.store(Arc::new(lags));
        Ok(())
    }
    /// An index is gone, and with it what was on its way there.
    pub(super) fn forget_lag(&self, index: u32) {
        if self.lags.load().contains_key(&index) {
            let mut lags = BTreeMap::clone(&self.lags.load());
            lags.remove(&index);
            self.lags.store(Arc::new(lags));
        }
    }
    pub(super) fn new_file(&self) -> u64 {
        self.next_file.fetch_add(1, Ordering::Relaxed)
    }
    pub(super) fn new_partition(&self) -> u64 {
        self.next_partition.fetch_add(1, Ordering::Relaxed)
    }
    pub(super) fn segment_context(&self) -> SegmentContext {
        SegmentContext { disk: self.disk.clone(), database_id: self.database_id }
    }
    pub(super) fn run_context<'a>(&'a self, next_file: &'a (dyn Fn() -> u64 + Sync)) -> RunContext<'a> {
        RunContext {
            disk: self.disk.clone(),
            database_id: self.database_id,
            next_file,
            read_mode: self.options.read_mode,
            cache: self.run_cache.clone(),
        }
    }
}
