//! Background work as a thin shell: three threads that call steps. One is for flushes, so that a flush never waits for a
//! compaction; one for compactions and whatever else may take long; one for what happens because time passes, and for syncs of
//! the log that no writer waits for.
//!
//! All logic is in the steps. A database opened without background threads does the same work by `Database::step`.
//!
//! Imports: canary, sync, error, clock, observe, config, file, item, schema, wal, engine.

mod expiry;
mod trigger;
mod turns;

pub use expiry::{Sweeper, TtlDescription, TtlStatus};
pub use trigger::{Run, TriggerHealth, TriggerMonitor};

use crate::{
    engine::{Engine, Signal, WakeFlag, Work},
    error::{Error, Result},
    observe::{Job, Subject},
};
use parking_lot::Mutex;
use std::{sync::Arc, thread::JoinHandle, time::Duration};
use turns::Turns;

/// Longest sleep of a maintenance thread that is not woken.
const IDLE_SLEEP: Duration = Duration::from_millis(200);

/// Pause behind each step of the sweeper, so that foreground writes find the log and the locks free most of the time.
const SWEEP_PAUSE: Duration = Duration::from_micros(500);

/// A kind of background work, of which a [`Stepper`](crate::inspect::Stepper) does one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Piece {
    /// Whatever is most urgent, as [`Database::step`](crate::Database::step) does.
    Urgent,
    /// One memtable becomes a run, however small it is.
    Flush {
        /// Number of the partition; that of the largest memtable if absent.
        partition: Option<u64>,
    },
    /// All runs of a partition become one, however few they are.
    Compaction {
        /// Number of the partition; one with the most runs if absent.
        partition: Option<u64>,
    },
    /// A partition becomes two, however small it is. It needs two tokens at least, and they must be in runs.
    Split {
        /// Number of the partition; the one with the most bytes in runs if absent.
        partition: Option<u64>,
    },
    /// A part of a new index is filled.
    Backfill,
    /// Records of a change stream go from memory to a segment.
    StreamSegment,
    /// Records of streams that are too old are removed.
    StreamRetention,
    /// Items whose time to live has ended are deleted: up to 16.
    Expiry,
    /// A base of history is taken, or old ones are dropped.
    History,
    /// Log segments that nothing needs are removed.
    LogTrim,
}

/// The number that stands for a thread in reports of its failure: no partition or index has it.
const NO_THREAD: u64 = u64::MAX;

/// The maintenance threads of one database. They run from the opening on: items expire and records of streams age also where
/// no request comes.
pub struct Maintenance {
    engine: Arc<Engine>,
    sweeper: Arc<Sweeper>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Triggers that have no thread of their own.
    triggers: Mutex<Vec<(u64, Arc<TriggerMonitor>, Run)>>,
    monitors: Mutex<Vec<Arc<TriggerMonitor>>>,
    /// What hands records to Kinesis destinations, if it has no thread of its own.
    deliveries: Mutex<Vec<Run>>,
    /// Those of [`Maintenance::step`].
    turns: Mutex<Turns>,
}

impl Maintenance {
    /// Maintenance of a database; no thread runs yet.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self {
            engine,
            sweeper: Arc::default(),
            threads: Mutex::new(Vec::new()),
            triggers: Mutex::new(Vec::new()),
            monitors: Mutex::new(Vec::new()),
            deliveries: Mutex::new(Vec::new()),
            turns: Mutex::default(),
        }
    }

    /// Starts the threads, unless the database was opened without.
    pub fn start(&self) {
        if !self.engine.options().background {
            return;
        }
        let mut threads = self.threads.lock();
        let mut turns = Turns::default();
        let compact_work: Worker = Box::new(move |engine, _| turns.work(engine));
        let workers = [
            (
                Job::Flush,
                "hashrange-flush",
                Box::new(flush_work) as Worker,
                (|signal| &signal.flush) as fn(&Signal) -> &WakeFlag,
            ),
            (Job::Compaction, "hashrange-compact", compact_work, |signal| &signal.compaction),
            (Job::Expiry, "hashrange-age", Box::new(age_work), |signal| &signal.log),
        ];
        for (job, name, mut work, bell) in workers {
            let (engine, sweeper) = (self.engine.clone(), self.sweeper.clone());
            // Writers ask whether a thread flushes; the other threads do nothing for them.
            let (flushes, ages) = (job == Job::Flush, job == Job::Expiry);
            if flushes {
                engine.signal().serve(true);
            }
            if ages {
                engine.serve_log(true);
            }
            let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
                let _serving = Serving { engine: &engine, flushes, ages };
                while !engine.signal().is_stopping() {
                    // A failure is reported where it happened, and what failed waits there for its next attempt.
                    let piece = engine.signal().begin_piece();
                    let worked = piece.is_some() && work(&engine, &sweeper).unwrap_or(false);
                    drop(piece);
                    if !worked {
                        engine.signal().wait(bell(engine.signal()), IDLE_SLEEP);
                    }
                }
            });
            match spawned {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    let error = Error::io("start", "a maintenance thread", &error);
                    self.engine.observe().failed(job, NO_THREAD, || Subject::Database, &error);
                    drop(Serving { engine: &self.engine, flushes, ages });
                }
            }
        }
    }

    /// Calls a trigger from now on: on a thread of its own, or by [`Maintenance::step`] in a database without threads.
    pub fn add_trigger(&self, monitor: Arc<TriggerMonitor>, mut run: Run) -> Result<()> {
        self.engine.check_open()?;
        let mut monitors = self.monitors.lock();
        let number = monitors.len() as u64;
        monitors.push(monitor.clone());
        drop(monitors);
        if !self.engine.options().background {
            self.triggers.lock().push((number, monitor, run));
            return Ok(());
        }
        let engine = self.engine.clone();
        let spawned = std::thread::Builder::new().name("hashrange-trigger".to_owned()).spawn(move || {
            while !engine.signal().is_stopping() {
                if engine.observe().is_due(Job::Trigger, number) {
                    report(&engine, number, &monitor, &monitor.run(&mut run, IDLE_SLEEP));
                } else {
                    engine.signal().wait(&engine.signal().ending, IDLE_SLEEP);
                }
            }
        });
        let thread = spawned.map_err(|error| Error::io("start", "a thread", &error))?;
        self.threads.lock().push(thread);
        Ok(())
    }

    /// Runs a delivery from now on, which reports its failures itself: on a thread of its own, or by [`Maintenance::step`] in
    /// a database without threads.
    pub fn add_delivery(&self, mut run: Run) -> Result<()> {
        self.engine.check_open()?;
        if !self.engine.options().background {
            self.deliveries.lock().push(run);
            return Ok(());
        }
        let engine = self.engine.clone();
        let spawned = std::thread::Builder::new().name("hashrange-kinesis".to_owned()).spawn(move || {
            while !engine.signal().is_stopping() {
                if run(IDLE_SLEEP).is_err() {
                    engine.signal().wait(&engine.signal().ending, IDLE_SLEEP);
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
        let work = self.turns.lock().step(engine)?;
        if work != Work::Idle {
            return Ok(work);
        }
        if engine.stream_step()? {
            return Ok(Work::Aged);
        }
        if self.sweeper.step(engine)? > 0 {
            return Ok(Work::Expired);
        }
        if engine.history_step()? {
            return Ok(Work::HistoryKept);
        }
        if engine.trim_log()? > 0 {
            return Ok(Work::Trimmed);
        }
        if engine.sync_ahead_step()? {
            return Ok(Work::LogSynced);
        }
        for run in self.deliveries.lock().iter_mut() {
            if run(Duration::ZERO)? {
                return Ok(Work::Delivered);
            }
        }
        // One that fails does not keep the others from their turn.
        let mut failure = None;
        for (number, monitor, run) in self.triggers.lock().iter_mut() {
            let ran = monitor.run(run, Duration::ZERO);
            report(engine, *number, monitor, &ran);
            match ran {
                Ok(true) => return Ok(Work::Triggered),
                Ok(false) => {}
                Err(error) => _ = failure.get_or_insert(error),
            }
        }
        failure.map_or(Ok(Work::Idle), Err)
    }

    /// One piece of work of a kind, also where nothing makes it urgent; [`Work::Idle`] if there is none of that kind.
    pub fn piece(&self, piece: Piece) -> Result<Work> {
        let engine = &self.engine;
        let done = |did: bool, work| if did { work } else { Work::Idle };
        Ok(match piece {
            Piece::Urgent => self.step()?,
            Piece::Flush { partition } => done(engine.flush_one(partition)?, Work::Flushed),
            Piece::Compaction { partition } => done(engine.compact_one(partition)?, Work::Compacted),
            Piece::Split { partition } => done(engine.split_one(partition)?, Work::Split),
            Piece::Backfill => done(engine.backfill_step()?, Work::Backfilled),
            Piece::StreamSegment => done(engine.cut_one()?, Work::StreamSegmentWritten),
            Piece::StreamRetention => done(engine.stream_step()?, Work::Aged),
            Piece::Expiry => done(self.sweeper.step(engine)? > 0, Work::Expired),
            Piece::History => done(engine.history_step()?, Work::HistoryKept),
            Piece::LogTrim => done(engine.trim_log()? > 0, Work::Trimmed),
        })
    }

    /// How the triggers fare, in the order in which they were added.
    pub fn trigger_health(&self) -> Vec<TriggerHealth> {
        self.monitors.lock().iter().map(|monitor| monitor.health()).collect()
    }

    /// Deletes everything whose time to live has ended; returns the number of items.
    pub fn sweep_now(&self) -> Result<u64> {
        self.sweeper.sweep_now(&self.engine)
    }

    /// Ends the threads and waits for them, unless a trigger ends itself with the database.
    pub fn stop(&self) {
        self.engine.signal().stop();
        if let Some(mut triggers) = self.triggers.try_lock() {
            triggers.clear();
        }
        if let Some(mut deliveries) = self.deliveries.try_lock() {
            deliveries.clear();
        }
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads.into_iter().filter(|thread| thread.thread().id() != std::thread::current().id()) {
            let _ = thread.join();
        }
    }
}

/// Tells writers when a thread that serves them has ended, also by a panic: writers do its work themselves from then on.
struct Serving<'e> {
    engine: &'e Engine,
    flushes: bool,
    ages: bool,
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        if self.flushes {
            self.engine.signal().serve(false);
        }
        if self.ages {
            self.engine.serve_log(false);
        }
    }
}

/// Says what became of a batch that a trigger took.
fn report(engine: &Engine, number: u64, monitor: &TriggerMonitor, ran: &Result<bool>) {
    if engine.signal().is_stopping() {
        return; // it failed because the database ends
    }
    monitor.ran(ran);
    let subject = || Subject::Trigger { trigger: monitor.health().consumer };
    match ran {
        Ok(_) => engine.observe().succeeded(Job::Trigger, number),
        Err(error) => engine.observe().failed(Job::Trigger, number, subject, error),
    }
}

/// One unit of work of a thread; `false` if there was nothing to do.
type Worker = Box<dyn FnMut(&Engine, &Sweeper) -> Result<bool> + Send>;

fn flush_work(engine: &Engine, _: &Sweeper) -> Result<bool> {
    engine.flush_step()
}

/// The log is synced ahead of its writers, streams age and items expire, and files that another program removes are noticed: at
/// a measured pace, since no caller waits for it.
fn age_work(engine: &Engine, sweeper: &Sweeper) -> Result<bool> {
    // A log that cannot be synced keeps nothing else from its turn.
    let synced = engine.sync_ahead_step();
    if engine.history_step()? {
        return Ok(true);
    }
    if sweeper.rests(engine) {
        return synced;
    }
    engine.check_files()?;
    let aged = engine.stream_step();
    let swept = sweeper.step(engine)? > 0;
    if swept {
        std::thread::sleep(SWEEP_PAUSE);
    }
    Ok(aged? || swept || synced?)
}
