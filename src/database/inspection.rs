//! Looking inside: what a database is made of, and its background work one piece at a time.

use super::Database;
use crate::{
    engine::{Amplification, DatabaseStats, RecoveryReport, Work},
    error::Result,
    maintenance::Piece,
    observe::{Event, Subscription},
};

/// Events that one piece of work is expected to cause at most; more are left out.
const MOST_EVENTS: usize = 256;

impl Database {
    /// Everything that can be seen from outside: partitions with memtables and runs, the log and what needs its segments,
    /// sizes.
    pub fn facts(&self) -> DatabaseStats {
        self.engine().facts()
    }
    /// What the log-structured form of the data costs now: bytes written for a byte, bytes stored for a byte, places that a
    /// read may have to ask. It reads a database of up to 50,000 entries to know what is alive. Errors: disk, damage.
    pub fn amplification(&self) -> Result<Amplification> {
        self.engine().check_open()?;
        self.engine().amplification()
    }
    /// What the opening of this database found in its log and files, and what it decided.
    ///
    /// ```
    /// let db = hashrange::Database::in_memory()?;
    /// assert!(db.recovery().segments.is_empty() && db.recovery().last_commit == 0);
    /// # Ok::<(), hashrange::Error>(())
    /// ```
    pub fn recovery(&self) -> &RecoveryReport {
        self.engine().recovery()
    }
    /// Does one unit of background work and says what; for databases opened with `background(false)`.
    pub fn step(&self) -> Result<Work> {
        self.engine().check_open()?;
        self.inner.maintenance.step()
    }
    /// Stops background work and does it one piece at a time from now on, as the caller asks. Returns once no piece is under
    /// way. Errors: the database is closed.
    ///
    /// ```
    /// use hashrange::{Database, Item, inspect::{Piece, Work}, key::S};
    ///
    /// let db = Database::in_memory()?;
    /// let stepper = db.stepper()?;
    /// db.create_table("stock").hash::<S>("sku").create()?.put(&Item::new().with("sku", "bolt"))?;
    ///
    /// let step = stepper.step(Piece::Flush { partition: None })?;
    /// assert_eq!((step.work, step.events.len()), (Work::Flushed, 1));
    /// println!("{}", step.events[0].kind);
    /// # Ok::<(), hashrange::Error>(())
    /// ```
    pub fn stepper(&self) -> Result<Stepper> {
        self.engine().check_open()?;
        self.engine().signal().pause();
        Ok(Stepper { events: self.subscribe(MOST_EVENTS), database: self.clone() })
    }
}

/// Background work of a database, one piece at a time; see [`Database::stepper`].
///
/// While it lives, the threads of flushes, compactions and aging rest. A writer that runs out of memory for memtables flushes
/// by itself, as in a database without threads. Triggers go on. The database stays open as long as the stepper lives.
/// Several steppers may be there at a time; background work goes on when the last one is dropped.
#[derive(Debug)]
pub struct Stepper {
    events: Subscription,
    database: Database,
}

/// What one step did.
#[derive(Clone, Debug)]
pub struct StepReport {
    /// The work; [`Work::Idle`] if there was nothing to do.
    pub work: Work,
    /// The events of the database since the step before, in their order: those of this piece, and what else was reported
    /// meanwhile, such as log segments that writers sealed.
    pub events: Vec<Event>,
}

impl Stepper {
    /// Does one piece of work of a kind. Errors: those of the work; the database is closed.
    pub fn step(&self, piece: Piece) -> Result<StepReport> {
        self.database.engine().check_open()?;
        let work = self.database.inner.maintenance.piece(piece)?;
        Ok(StepReport { work, events: std::iter::from_fn(|| self.events.try_next()).collect() })
    }
    /// The database.
    pub fn database(&self) -> &Database {
        &self.database
    }
}

impl Drop for Stepper {
    fn drop(&mut self) {
        self.database.engine().signal().resume();
    }
}
