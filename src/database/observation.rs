//! What a database tells of itself: counters, health, events.

use super::Database;
use crate::observe::{Health, Statistics, Subscription};

impl Database {
    /// A number that was drawn when the database was created: no two databases share it, except for copies of a folder.
    pub fn identity(&self) -> u64 {
        self.engine().database_id()
    }
    /// Counts since the database was opened (syncs, flushes, compactions, failures, ...), and what it holds now. Reading
    /// them stops nothing and costs microseconds.
    pub fn statistics(&self) -> Statistics {
        self.engine().statistics()
    }
    /// What fails now: background work with its cause, since when, how often and when it is attempted again, and whether
    /// writing has ended. Work that succeeds leaves the list.
    ///
    /// ```
    /// let db = hashrange::Database::in_memory()?;
    /// let health = db.health();
    /// assert!(health.is_good() && health.is_writable());
    /// for failure in &health.failures {
    ///     eprintln!("{failure}");
    /// }
    /// # Ok::<(), hashrange::Error>(())
    /// ```
    pub fn health(&self) -> Health {
        self.engine().health()
    }
    /// A queue of the events of background work from now on. It holds at most `capacity` events (1 to 65,536; what
    /// is beyond is taken for the nearest); those that come while it is full are left out and counted, since the database waits
    /// for no reader.
    ///
    /// ```
    /// # use hashrange::{Database, Item, key::S, observe::EventKind};
    /// let db = Database::options().background(false).in_memory()?;
    /// let events = db.subscribe(100);
    /// db.create_table("stock").hash::<S>("sku").create()?.put(&Item::new().with("sku", "bolt"))?;
    /// db.flush()?;
    /// let flushed = |event: hashrange::observe::Event| matches!(event.kind, EventKind::Flushed { entries: 1, .. });
    /// assert!(std::iter::from_fn(|| events.try_next()).any(flushed));
    /// # Ok::<(), hashrange::Error>(())
    /// ```
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        self.engine().observe().subscribe(capacity)
    }
}
