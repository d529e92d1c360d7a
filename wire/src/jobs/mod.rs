//! Work that outlives its request: backups, restores, exports, imports and bulk writes.
//!
//! A request is checked and answered at once, and a thread does the work. What is promised is a row of
//! [`records`] before the answer, so that a server that was killed takes the work up again when it is started. States are shown
//! by the database's clock: with [`Timing::Service`](crate::Timing::Service) a job that is done still shows the states that the
//! service would.

pub(crate) mod backups;
mod bulk;
mod export_changes;
mod export_filter;
mod exports;
mod imports;
mod item_errors;
mod loading;
mod past;
mod reading;
pub(crate) mod records;
mod restores;

pub(crate) use backups::BackupData;
pub(crate) use export_filter::ExportFilter;

use crate::{error::Failure, objects::ObjectStore, timing::Timing};
use hashrange::Database;
use records::{BackupRecord, BulkRecord, ExportRecord, ImportRecord, JobFailure, Record, Records, RestoreRecord};
use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{BuildHasher, Hasher, RandomState},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// How long a client token stands for its job, in milliseconds: 8 hours.
pub(crate) const TOKEN_MILLIS: u64 = 8 * 60 * 60 * 1000;
/// How long a job is listed that has ended, in milliseconds: 90 days. The next start forgets those that ended before.
const LISTED_MILLIS: u64 = 90 * 24 * 60 * 60 * 1000;
/// How often a job that waits for the database's clock looks at it.
const CLOCK_PAUSE: Duration = Duration::from_millis(20);
/// The longest pause. Pauses double up to it, since many jobs may wait for minutes.
const LONGEST_CLOCK_PAUSE: Duration = Duration::from_millis(200);

/// What all protocols over one open database share of its jobs.
#[derive(Default)]
pub(crate) struct JobBoard {
    /// Whether what an earlier process left was taken up.
    is_begun: AtomicBool,
    /// Held while that is done.
    beginning: Mutex<()>,
    is_stopping: AtomicBool,
    /// A request holds this lock while it begins to need history, and a job or request while it looks whether anything still needs it.
    history: Mutex<()>,
    /// Held while a table that is to be deleted is backed up: the id of such a backup is the time alone.
    system_backup: Mutex<()>,
    state: Mutex<BoardState>,
    changed: Condvar,
}

#[derive(Default)]
struct BoardState {
    /// Jobs that threads of this process work on.
    running: BTreeSet<String>,
    threads: Vec<JoinHandle<()>>,
    /// Bulk writes that are to end.
    cancelled: BTreeSet<String>,
    /// Backups of a database that lives in memory.
    in_memory: BTreeMap<String, BackupData>,
}

impl std::fmt::Debug for JobBoard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "JobBoard({} running)", self.state().running.len())
    }
}

impl JobBoard {
    fn state(&self) -> MutexGuard<'_, BoardState> {
        // What the lock guards is whole after each statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether what an earlier process left was taken up.
    pub(crate) fn has_begun(&self) -> bool {
        self.is_begun.load(Ordering::Acquire)
    }

    /// While this is held, history is not given up, and nothing else begins to need it.
    pub(crate) fn hold_history(&self) -> MutexGuard<'_, ()> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn one_system_backup(&self) -> MutexGuard<'_, ()> {
        self.system_backup.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the threads; what they work on is taken up by the next start.
    pub(crate) fn stop(&self) {
        self.is_stopping.store(true, Ordering::SeqCst);
        let threads = std::mem::take(&mut self.state().threads);
        for thread in threads {
            // A panic of the thread has been reported by the panic hook.
            let _ = thread.join();
        }
        self.is_stopping.store(false, Ordering::SeqCst);
        self.is_begun.store(false, Ordering::SeqCst);
    }

    /// Waits until the work on a job has ended, for so long at most.
    pub(crate) fn wait_for(&self, id: &str, timeout: Duration) {
        let state = self.state();
        // The answer is right either way.
        drop(self.changed.wait_timeout_while(state, timeout, |state| state.running.contains(id)));
    }
}

/// The jobs of a database, with what they need.
#[derive(Clone)]
pub(crate) struct Jobs {
    /// No policies decide on its requests.
    pub(crate) database: Database,
    pub(crate) objects: Option<Arc<dyn ObjectStore>>,
    pub(crate) timing: Timing,
    pub(crate) board: Arc<JobBoard>,
}

/// How the work on a job ended, if it was not done.
pub(crate) enum Stopped {
    /// The server or the database ends; the next start takes the work up again.
    Ending,
    /// The job failed.
    Failed(JobFailure),
}

impl From<hashrange::Error> for Stopped {
    fn from(error: hashrange::Error) -> Self {
        if error.kind() == hashrange::ErrorKind::Closed {
            Self::Ending
        } else {
            Self::Failed(JobFailure::internal(error))
        }
    }
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(JobFailure::internal(failure.message()))
    }
}

impl From<std::io::Error> for Stopped {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(JobFailure::internal(error))
    }
}

impl Jobs {
    /// Keeps what became of a job; where that fails, the log says so.
    fn keep_outcome<R: Record>(&self, record: &R) {
        if let Err(failure) = self.records().put(record) {
            not_kept(record, &failure);
        }
    }

    /// The rows.
    pub(crate) fn records(&self) -> Records<'_> {
        Records(&self.database)
    }

    pub(crate) fn now_millis(&self) -> u64 {
        self.database.clock().now_millis()
    }

    /// An id for a row of this kind: the time that begins its job, and letters that tell it from others.
    pub(crate) fn new_id<R: Record>(&self, now_millis: u64) -> Result<String, Failure> {
        loop {
            let random = RandomState::new().build_hasher().finish();
            let id = format!("{now_millis:014}-{:08x}", random & 0xffff_ffff);
            if self.records().get::<R>(&id)?.is_none() {
                return Ok(id);
            }
        }
    }

    /// Begins work on a thread of its own.
    fn spawn(&self, id: &str, work: impl FnOnce(&Self) + Send + 'static) {
        let mut state = self.board.state();
        if self.board.is_stopping.load(Ordering::SeqCst) || !state.running.insert(id.to_owned()) {
            return;
        }
        let (jobs, id) = (self.clone(), id.to_owned());
        let name = id.clone();
        let spawned = thread::Builder::new().name("hashrange-job".to_owned()).spawn(move || {
            work(&jobs);
            jobs.board.state().running.remove(&id);
            jobs.board.changed.notify_all();
        });
        match spawned {
            Ok(thread) => {
                state.threads.retain(|thread| !thread.is_finished());
                state.threads.push(thread);
            }
            Err(error) => {
                state.running.remove(&name);
                tracing::error!(%error, job = name, "no thread for a job; the next start of the server takes it up");
            }
        }
    }

    /// Waits until the database's clock shows a time.
    fn wait_until(&self, millis: u64) -> Result<(), Stopped> {
        let mut pause = CLOCK_PAUSE;
        while self.now_millis() < millis {
            self.check_going_on()?;
            thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_CLOCK_PAUSE);
        }
        Ok(())
    }

    /// Ends the work if the server ends.
    fn check_not_stopping(&self) -> Result<(), Stopped> {
        if self.board.is_stopping.load(Ordering::SeqCst) { Err(Stopped::Ending) } else { Ok(()) }
    }

    /// Ends the work if the server or the database ends.
    fn check_going_on(&self) -> Result<(), Stopped> {
        self.check_not_stopping()?;
        match self.database.describe_table(records::TABLE) {
            Err(error) if error.kind() == hashrange::ErrorKind::Closed => Err(Stopped::Ending),
            _ => Ok(()),
        }
    }

    /// When something that began at a moment and takes so long with the service's timing is done, in milliseconds since 1970.
    fn due_millis(&self, began_millis: u64, takes_millis: u64) -> u64 {
        match self.timing {
            Timing::Instant => began_millis,
            Timing::Service => began_millis.saturating_add(takes_millis),
        }
    }

    /// Takes up what an earlier process promised and did not finish. Requests that come meanwhile wait for it.
    pub(crate) fn begin(&self) {
        let _one_at_a_time = self.board.beginning.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.board.has_begun() {
            self.take_up();
            self.board.is_begun.store(true, Ordering::SeqCst);
        }
    }

    fn take_up(&self) {
        tell(self.keep_wanted_history());
        self.take_up_each(|backup: BackupRecord| {
            self.go_on_with_backup(backup);
            Ok(())
        });
        tell(self.remove_left_over_backups());
        self.take_up_each(|restore: RestoreRecord| self.go_on_with_restore(restore));
        self.take_up_each(|export: ExportRecord| {
            if !export.status.is_open() {
                return self.forget_after_a_while(&export, export.ended_millis);
            }
            self.go_on_with_export(export);
            Ok(())
        });
        self.take_up_each(|import: ImportRecord| {
            if !import.status.is_open() {
                return self.forget_after_a_while(&import, import.ended_millis);
            }
            self.go_on_with_import(import)
        });
        self.take_up_each(|bulk: BulkRecord| {
            if !bulk.status.is_open() {
                return self.forget_after_a_while(&bulk, bulk.ended_millis);
            }
            // As this version writes it, so that its progress can be noted.
            self.records().put(&bulk)?;
            self.go_on_with_bulk(bulk);
            Ok(())
        });
        // A job that needed it may have ended just before the process did.
        self.stop_history_after_job();
    }

    /// Takes up the jobs of a kind. A job that cannot be taken up keeps no other from it.
    fn take_up_each<R: Record>(&self, take_up: impl Fn(R) -> Result<(), Failure>) {
        match self.records().list::<R>() {
            Ok(jobs) => jobs.into_iter().for_each(|job| tell(take_up(job))),
            Err(failure) => tell(Err(failure)),
        }
    }

    /// Removes the row of a job that ended long ago.
    fn forget_after_a_while<R: Record>(&self, record: &R, ended_millis: Option<u64>) -> Result<(), Failure> {
        let is_old = ended_millis.is_some_and(|ended| ended.saturating_add(LISTED_MILLIS) < self.now_millis());
        if is_old { self.records().remove::<R>(record.id()).map(drop) } else { Ok(()) }
    }
}

fn not_kept<R: Record>(record: &R, failure: &Failure) {
    let (message, job) = (failure.message(), record.id());
    tracing::error!(message, kind = R::KIND, job, "what became of a job cannot be kept");
}

fn tell(taken_up: Result<(), Failure>) {
    if let Err(failure) = taken_up {
        tracing::error!(message = failure.message(), "what an earlier process began cannot be taken up");
    }
}
