//! Background work as a thin shell: two threads that call steps, one for flushes and one for everything that may take
//! longer, so that a flush never waits for a compaction.
//!
//! All logic is in the steps. A database opened without background threads does the same work by `Database::step`.

use crate::{
    commit::{Store, Work},
    error::Result,
};
use parking_lot::Mutex;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// Longest sleep of a maintenance thread that nobody wakes.
const IDLE_SLEEP: Duration = Duration::from_millis(200);

/// The maintenance threads of one database, started when the database is first used.
pub struct Maintenance {
    store: Arc<Store>,
    started: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Maintenance {
    /// Maintenance of a database; no thread runs yet.
    pub fn new(store: Arc<Store>) -> Self {
        Self { store, started: AtomicBool::new(false), threads: Mutex::new(Vec::new()) }
    }

    /// Starts the threads unless they run, or the database was opened without.
    pub fn ensure_running(&self) {
        if !self.store.options().background || self.started.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut threads = self.threads.lock();
        for (name, work) in [("hashrange-flush", flush_work as Worker), ("hashrange-compact", compact_work)] {
            let store = self.store.clone();
            store.signal().serve(true);
            let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
                while !store.signal().is_stopping() {
                    // A failure is latched where it happened; trying again at leisure does no harm.
                    if !work(&store).unwrap_or(false) {
                        store.signal().wait(IDLE_SLEEP);
                    }
                }
                store.signal().serve(false);
            });
            match spawned {
                Ok(thread) => threads.push(thread),
                Err(_) => self.store.signal().serve(false), // writers then flush by themselves
            }
        }
    }

    /// One unit of whatever is most urgent.
    pub fn step(store: &Store) -> Result<Work> {
        if store.flush_step()? {
            return Ok(Work::Flushed);
        }
        if store.backfill_step()? {
            return Ok(Work::Backfilled);
        }
        let work = store.compact_step()?;
        if work == Work::Idle && store.trim_log()? > 0 { Ok(Work::Trimmed) } else { Ok(work) }
    }

    /// Ends the threads and waits for them.
    pub fn stop(&self) {
        self.store.signal().stop();
        for thread in self.threads.lock().drain(..) {
            let _ = thread.join();
        }
    }
}

/// One unit of work of a thread; `false` if there was nothing to do.
type Worker = fn(&Store) -> Result<bool>;

fn flush_work(store: &Store) -> Result<bool> {
    store.flush_step()
}

fn compact_work(store: &Store) -> Result<bool> {
    if store.backfill_step()? {
        return Ok(true);
    }
    Ok(store.compact_step()? != Work::Idle)
}
