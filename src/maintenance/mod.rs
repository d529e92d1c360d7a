//! Background work as a thin shell: three threads that call steps. One is for flushes, so that a flush never waits for a
//! compaction; one for compactions and whatever else may take long; one for what happens because time passes.
//!
//! All logic is in the steps. A database opened without background threads does the same work by `Database::step`.

mod expiry;

pub use expiry::{Sweeper, TtlDescription, TtlStatus};

use crate::{
    engine::{Engine, Signal, WakeFlag, Work},
    error::{Error, Result},
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

/// Longest sleep of a maintenance thread that is not woken.
const IDLE_SLEEP: Duration = Duration::from_millis(200);

/// Pause behind each step of the sweeper, so that foreground writes find the log and the locks free most of the time.
const SWEEP_PAUSE: Duration = Duration::from_micros(500);

/// Pause behind each step that fills an index, about as long as the step: half of the time writers have the locks of the
/// index and the processor to themselves.
const BACKFILL_PAUSE: Duration = Duration::from_millis(2);

/// The maintenance threads of one database, started when the database is first used.
pub struct Maintenance {
    engine: Arc<Engine>,
    sweeper: Arc<Sweeper>,
    started: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Triggers that have no thread of their own.
    triggers: Mutex<Vec<Trigger>>,
}

/// Work of a user: waits for something to do at most so long, does it, and says whether there was anything.
pub type Trigger = Box<dyn FnMut(Duration) -> Result<bool> + Send>;

impl Maintenance {
    /// Maintenance of a database; no thread runs yet.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self {
            engine,
            sweeper: Arc::default(),
            started: AtomicBool::new(false),
            threads: Mutex::new(Vec::new()),
            triggers: Mutex::new(Vec::new()),
        }
    }

    /// Starts the threads unless they run, or the database was opened without.
    pub fn ensure_running(&self) {
        if !self.engine.options().background || self.started.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut threads = self.threads.lock();
        let workers = [
            ("hashrange-flush", flush_work as Worker, (|signal| &signal.flush) as fn(&Signal) -> &WakeFlag),
            ("hashrange-compact", compact_work, |signal| &signal.compaction),
            ("hashrange-age", age_work, |signal| &signal.aging),
        ];
        for (name, work, bell) in workers {
            let (engine, sweeper) = (self.engine.clone(), self.sweeper.clone());
            engine.signal().serve(true);
            let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
                while !engine.signal().is_stopping() {
                    // A failure is latched where it happened; trying again at leisure does no harm.
                    if !work(&engine, &sweeper).unwrap_or(false) {
                        engine.signal().wait(bell(engine.signal()), IDLE_SLEEP);
                    }
                }
                engine.signal().serve(false);
            });
            match spawned {
                Ok(thread) => threads.push(thread),
                Err(_) => self.engine.signal().serve(false), // writers then flush by themselves
            }
        }
    }

    /// Calls a trigger from now on: on a thread of its own, or by [`Maintenance::step`] in a database without threads.
    pub fn add_trigger(&self, mut trigger: Trigger) -> Result<()> {
        if !self.engine.options().background {
            self.triggers.lock().push(trigger);
            return Ok(());
        }
        let engine = self.engine.clone();
        let spawned = std::thread::Builder::new().name("hashrange-trigger".to_owned()).spawn(move || {
            while !engine.signal().is_stopping() {
                // What failed comes again, but not at once.
                if trigger(IDLE_SLEEP).is_err() {
                    engine.signal().wait(&engine.signal().aging, IDLE_SLEEP);
                }
            }
        });
        let thread = spawned.map_err(|error| Error::io("start", "a thread", &error))?;
        self.threads.lock().push(thread);
        Ok(())
    }

    /// One unit of whatever is most urgent.
    pub fn step(&self) -> Result<Work> {
        let engine = &self.engine;
        if engine.flush_step()? {
            return Ok(Work::Flushed);
        }
        if engine.backfill_step()? {
            return Ok(Work::Backfilled);
        }
        let work = engine.compact_step()?;
        if work != Work::Idle {
            return Ok(work);
        }
        if engine.stream_step()? {
            return Ok(Work::Aged);
        }
        if self.sweeper.step(engine)? > 0 {
            return Ok(Work::Expired);
        }
        for trigger in self.triggers.lock().iter_mut() {
            if trigger(Duration::ZERO)? {
                return Ok(Work::Triggered);
            }
        }
        if engine.trim_log()? > 0 { Ok(Work::Trimmed) } else { Ok(Work::Idle) }
    }

    /// Deletes everything whose time to live has ended; returns the number of items.
    pub fn sweep_now(&self) -> Result<u64> {
        self.sweeper.sweep_now(&self.engine)
    }

    /// Ends the threads and waits for them.
    pub fn stop(&self) {
        self.engine.signal().stop();
        self.triggers.lock().clear();
        for thread in self.threads.lock().drain(..) {
            let _ = thread.join();
        }
    }
}

/// One unit of work of a thread; `false` if there was nothing to do.
type Worker = fn(&Engine, &Sweeper) -> Result<bool>;

fn flush_work(engine: &Engine, _: &Sweeper) -> Result<bool> {
    engine.flush_step()
}

/// Streams age and items expire: at a measured pace, since no caller waits for it.
fn age_work(engine: &Engine, sweeper: &Sweeper) -> Result<bool> {
    let aged = engine.stream_step()?;
    let swept = sweeper.step(engine)? > 0;
    if swept {
        std::thread::sleep(SWEEP_PAUSE);
    }
    Ok(aged || swept)
}

fn compact_work(engine: &Engine, _: &Sweeper) -> Result<bool> {
    if engine.backfill_step()? {
        std::thread::sleep(BACKFILL_PAUSE);
        return Ok(true);
    }
    Ok(engine.compact_step()? != Work::Idle)
}
