//! The state of an open database, and who may touch which part of it.

use super::{
    background::Background,
    catalog::TableSlot,
    files::Files,
    history::History,
    open::reach_of,
    recovery_report::RecoveryReport,
    session::Session,
    signal::Signal,
    tables::Tables,
    work_gate::{AtWork, WorkGate},
};
use crate::{
    admission::{Admission, Claim, TokenUse},
    cipher::Encryption,
    config::Options,
    error::{Error, Result},
    faults::Faults,
    format::protection::Protection,
    observe::Observe,
    schema::{IndexKind, TableDefinition, TableStatus},
    service::{IndexLag, IndexLagReport, PendingPropagation, PropagationModels, is_creating, status_at},
    stream::Streams,
    wal::Wal,
};
use std::{path::Path, sync::Arc};

/// An open database, composed of owners. Each says in its own documents which lock guards what; the order of the locks is
/// [`Rank`](crate::sync::Rank).
pub struct Engine {
    pub(super) options: Options,
    /// Where everything that happens is reported.
    pub(super) observe: Arc<Observe>,
    /// The log. Its two locks are innermost.
    pub(super) wal: Wal,
    /// Tables and their partitions.
    pub(super) tables: Tables,
    /// Disk and manifest.
    pub(super) files: Files,
    /// Whether anything may be written.
    pub(super) session: Session,
    /// Change streams.
    pub(super) streams: Streams,
    /// Bases that lead to earlier moments.
    pub(super) history: History,
    /// What may delay or reject a write.
    pub(super) admission: Admission,
    /// Global indexes with a modelled lag.
    pub(super) propagation: PropagationModels,
    /// What wakes background work and lets one step of a kind run at a time.
    pub(super) background: Background,
    /// The operations that change files, for which closing waits, and the lock of the folder. Dropped last: another process may
    /// open the folder after it.
    pub(super) gate: WorkGate,
    /// What opening found.
    pub(super) recovery: RecoveryReport,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine({})", self.files.disk.describe())
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
    /// What opening found and decided.
    pub fn recovery(&self) -> &RecoveryReport {
        &self.recovery
    }
    /// What wakes maintenance.
    pub fn signal(&self) -> &Signal {
        &self.background.signal
    }
    /// The number that tells this database from any other.
    pub fn database_id(&self) -> u64 {
        self.files.protection.database_id()
    }
    /// Change streams.
    pub fn streams(&self) -> &Streams {
        &self.streams
    }
    /// Faults that requests meet, if they can meet any.
    pub fn faults(&self) -> Option<&Arc<Faults>> {
        self.admission.faults.as_ref()
    }
    /// The status of a table now, if new tables take time to become usable.
    pub fn status_of(&self, table: &TableDefinition) -> TableStatus {
        status_at(table, self.creating_millis(table), || self.options.clock.now_millis())
    }
    /// Whether a table is still being created.
    #[inline]
    pub fn is_creating(&self, table: &TableDefinition) -> bool {
        is_creating(table, self.creating_millis(table), || self.options.clock.now_millis())
    }
    /// How long a new table takes to become usable, by the options and by faults.
    #[inline]
    fn creating_millis(&self, table: &TableDefinition) -> u64 {
        let faulty_millis = self.faults().map_or(0, |faults| faults.state_millis(&table.name).0);
        self.options.creating_millis.max(faulty_millis)
    }
    /// The table of that name.
    pub fn table(&self, name: &str) -> Option<Arc<TableSlot>> {
        self.tables.named(name)
    }
    /// The table with that number.
    pub fn table_of_number(&self, number: u32) -> Option<Arc<TableSlot>> {
        self.tables.load().by_id.get(&number).cloned()
    }
    /// Names of all tables, in the order of their bytes.
    pub fn table_names(&self) -> Vec<String> {
        self.tables.load().by_name.keys().cloned().collect()
    }
    /// The root key that the database goes by now, if it is encrypted.
    pub fn encryption(&self) -> Option<Encryption> {
        self.files.encryption.load_full().map(|encryption| Encryption::clone(&encryption))
    }
    /// How the files of the database are protected.
    pub fn protection(&self) -> &Protection {
        &self.files.protection
    }
    /// The folder, for messages.
    pub fn describe(&self) -> String {
        self.files.disk.describe()
    }
    /// The folder of the database, if it is in one.
    pub fn folder(&self) -> Option<&Path> {
        self.files.disk.folder()
    }
    /// Takes no more writes: for a database that is only read.
    pub fn end_writing(&self) {
        self.wal.end_writing();
    }
    /// Begins work that changes files: closing waits for it. Errors: the database was closed; disk.
    pub(super) fn enter_work(&self) -> Result<AtWork<'_>> {
        let work = self.gate.enter()?;
        self.begin_session()?;
        Ok(work)
    }
    /// Rejects what comes after the end. Operations on a table ask its slot.
    pub fn check_open(&self) -> Result<()> {
        self.gate.check_open()
    }
    /// Ends everything: waits for work that is under way, wakes waiting writers, seals the log, so that what was written without a
    /// sync is durable afterwards, and gives the folder free, also where that failed. All that comes after it is rejected.
    /// Closing again does nothing.
    pub fn close(&self) -> Result<()> {
        if !self.gate.close() {
            return Ok(());
        }
        self.tables.load().by_id.values().for_each(|slot| slot.mark_closed());
        self.streams.announce();
        let sealed = self.seal();
        self.files.kept.close();
        self.gate.release_folder();
        sealed
    }
    fn seal(&self) -> Result<()> {
        // A session that is being begun is waited for; one that has not begun does not begin any more.
        let mut manifest = self.files.manifest();
        if !self.wal.close()? {
            return Ok(());
        }
        manifest.close(&reach_of(&self.wal))
    }
    /// Notes what the items of a transaction with a client request token were sized on.
    pub fn note_token_images(&self, token: &str, image_bytes: Arc<[usize]>) {
        self.admission.tokens.note_images(token, image_bytes);
    }
    /// The transaction that was carried out with a client request token, if that is not long ago.
    pub fn known_token(&self, token: &str) -> Option<TokenUse> {
        self.admission.tokens.known(token, self.options.clock.now_millis())
    }
    /// Takes a client request token for a transaction that is about to be logged, unless another one has it.
    pub(super) fn claim_token<'a>(&'a self, token: &'a str) -> Option<Claim<'a>> {
        self.admission.tokens.claim(token, self.options.clock.now_millis())
    }
    /// Changes on their way to an index, if its lag is modelled.
    pub fn pending_propagation(&self, index: u32) -> Option<Arc<PendingPropagation>> {
        self.propagation.of(index)
    }
    /// The modelled lag of a global index, if it has one. Errors: there is no such table or global index.
    pub fn index_lag(&self, table: &str, index: &str) -> Result<Option<IndexLagReport>> {
        let slot = self.table(table).ok_or_else(|| Error::no_table(table))?;
        let state = slot.state();
        let found = state.definition.index(index).filter(|index| index.kind == IndexKind::Global);
        let found = found.ok_or_else(|| Error::no_index(index))?;
        Ok(self.propagation.of(found.id).map(|pending| pending.report(&self.options.clock)))
    }
    /// Models the lag of a global index from now on; `None` ends it, and what is on its way arrives at once.
    pub fn set_index_lag(&self, table: &str, index: &str, lag: Option<IndexLag>) -> Result<()> {
        let _gate = self.tables.schema_gate.write();
        let slot = self.table(table).ok_or_else(|| Error::no_table(table))?;
        let state = slot.state();
        let found = state.definition.index(index).filter(|index| index.kind == IndexKind::Global);
        let found = found.ok_or_else(|| Error::no_index(index))?;
        self.propagation.set(found.id, lag);
        Ok(())
    }
}
