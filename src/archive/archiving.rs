//! An archiver at work beside an open database.

use super::{
    archiver::{ArchiveMode, ArchiveOptions, Archiver},
    place::ArchivePlace,
};
use crate::{
    engine::{CommitGate, Engine, HistoryNeed, Point},
    error::{Error, ErrorKind, Result},
    observe::{Job, Subject},
};
use parking_lot::{Condvar, Mutex};
use std::{fmt, sync::Arc, thread::JoinHandle, time::Duration};
use xxhash_rust::xxh3::xxh3_64;

/// The pause between two looks for a new base, where commits bring the log to the archive themselves.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A database is being archived, until this is dropped: then all that was committed is archived once more, and nothing after
/// it. It keeps the database open.
#[must_use = "archiving ends when this is dropped"]
pub struct Archiving {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// What commits wait at, if they do.
    gate: Option<Arc<dyn CommitGate>>,
}

struct Shared {
    engine: Arc<Engine>,
    archiver: Arc<Archiver>,
    /// The number under which its failures are reported. It is made of the place, so that a success of the next archiver of the same
    /// place ends them.
    number: u64,
    stops: Mutex<bool>,
    woken: Condvar,
}

impl Shared {
    /// Archives what is new, and looks how much waits.
    fn step(&self) -> Result<bool> {
        let archived = self.report(self.archiver.step());
        self.watch_backlog();
        archived
    }

    fn watch_backlog(&self) {
        if let Err(error) = self.archiver.watch_backlog() {
            let _ = self.report::<()>(Err(error));
        }
    }

    fn report<T>(&self, archived: Result<T>) -> Result<T> {
        match &archived {
            Ok(_) => self.engine.observe().succeeded(Job::Archive, self.number),
            // The end of the database is no failure.
            Err(error) if error.kind() == ErrorKind::Closed => {}
            Err(error) => self.engine.observe().failed(Job::Archive, self.number, || Subject::Database, error),
        }
        archived
    }

    fn run(&self, every: Duration) {
        loop {
            let mut stops = self.stops.lock();
            if !*stops {
                self.woken.wait_for(&mut stops, every);
            }
            if *stops {
                return;
            }
            drop(stops);
            // A failure is reported, and tried again when that is due.
            if self.engine.observe().is_due(Job::Archive, self.number) {
                let _ = self.step();
            } else {
                self.watch_backlog();
            }
        }
    }
}

impl fmt::Debug for Archiving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Archiving").field("archived_to", &self.archived_to()).finish_non_exhaustive()
    }
}

impl Archiving {
    /// Begins to archive a database. `history` keeps the history on until the end of the archiving.
    pub(crate) fn begin(
        engine: Arc<Engine>,
        history: HistoryNeed,
        place: ArchivePlace,
        options: ArchiveOptions,
    ) -> Result<Self> {
        let number = xxh3_64(place.to_string().as_bytes());
        let archiver = Arc::new(Archiver::open(engine.clone(), history, place, options)?);
        let shared = Shared { engine, archiver, number, stops: Mutex::new(false), woken: Condvar::new() };
        let mut archiving = Self { shared: Arc::new(shared), thread: None, gate: None };
        archiving.step()?;
        if archiving.shared.archiver.is_waited_for() {
            let gate: Arc<dyn CommitGate> = archiving.shared.archiver.clone();
            archiving.shared.engine.add_commit_gate(gate.clone());
            archiving.gate = Some(gate);
        }
        if archiving.shared.engine.options().background {
            let every = match options.mode {
                ArchiveMode::Async { every } => every,
                ArchiveMode::Sync => LOOK_EVERY,
            };
            let shared = archiving.shared.clone();
            let builder = std::thread::Builder::new().name("hashrange-archive".to_owned());
            let spawned = builder.spawn(move || shared.run(every));
            archiving.thread = Some(spawned.map_err(|error| Error::io("start", "a thread", &error))?);
        }
        Ok(archiving)
    }
    /// Archives all that was committed before the call; whether there was anything new. For databases without background work,
    /// and for callers that want to know that everything is there. Errors: the place cannot be written, another database
    /// writes to it.
    pub fn step(&self) -> Result<bool> {
        self.shared.step()
    }
    /// Everything up to this commit is in the archive; `None` before the first base is there.
    pub fn archived_to(&self) -> Option<Point> {
        self.shared.archiver.archived_to()
    }
}

impl Drop for Archiving {
    fn drop(&mut self) {
        *self.shared.stops.lock() = true;
        self.shared.woken.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        if let Some(gate) = &self.gate {
            self.shared.engine.remove_commit_gate(gate);
        }
        // A failure is part of the database's health.
        let _ = self.shared.step();
    }
}
