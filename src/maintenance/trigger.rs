//! Functions of the program that are called with the changes of a stream: how they are called, and how they fare.
//!
//! A function may fail or panic at any time, and so may the filter of its consumer. Neither ends the trigger: the failure is counted here for
//! [`Database::triggers`](crate::Database::triggers), reported as background work that fails, and after a pause that
//! doubles with each failure in a row the records come again.

use crate::{
    clock::Clock,
    error::{Error, Result},
};
use parking_lot::Mutex;
use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

/// Work of a program: waits for something to do at most so long, does it, and says whether there was anything.
pub type Run = Box<dyn FnMut(Duration) -> Result<bool> + Send>;

/// How a trigger fares; see [`Database::triggers`](crate::Database::triggers).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TriggerHealth {
    /// Name of its consumer.
    pub consumer: String,
    /// Name of the table whose stream it reads.
    pub table: String,
    /// Batches that were processed and acknowledged.
    pub batches: u64,
    /// Calls of its function that failed, panics among them.
    pub failed_calls: u64,
    /// Calls of its function that panicked, and calls of its consumer's filter that did.
    pub panics: u64,
    /// Batches in a row that could not be processed: the trigger makes no progress unless this is 0. Records that went to
    /// the dead letters are progress.
    pub failures_in_a_row: u64,
    /// The last failure, in words.
    pub last_failure: Option<String>,
    /// When that was, in milliseconds since 1970 by the clock of the database.
    pub last_failure_millis: Option<u64>,
}

/// Watches how a trigger fares.
#[derive(Debug)]
pub struct TriggerMonitor {
    clock: Clock,
    health: Mutex<TriggerHealth>,
}

impl TriggerMonitor {
    /// Of a trigger that was never called.
    pub fn new(clock: Clock, consumer: &str, table: &str) -> Self {
        let (consumer, table) = (consumer.to_owned(), table.to_owned());
        Self { clock, health: Mutex::new(TriggerHealth { consumer, table, ..TriggerHealth::default() }) }
    }
    /// How it fares now.
    pub fn health(&self) -> TriggerHealth {
        self.health.lock().clone()
    }

    /// Calls the program's function; a panic becomes an error.
    pub fn call<T, E: fmt::Display>(&self, function: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
        // What the function left half done is its own; the program that takes panics for failures says that it can go on.
        let called = catch_unwind(AssertUnwindSafe(function));
        let panicked = called.is_err();
        let result = match called {
            Ok(result) => result.map_err(|error| error.to_string()),
            Err(panic) => Err(format!("the function of the trigger panicked: {}", message_of(panic.as_ref()))),
        };
        if let Err(failure) = &result {
            let mut health = self.health.lock();
            health.failed_calls += 1;
            health.panics += u64::from(panicked);
            self.note(&mut health, failure);
        }
        result
    }

    /// Does a piece of the trigger's work. A panic, of its filter for example, becomes an error.
    pub fn run(&self, run: &mut Run, patience: Duration) -> Result<bool> {
        // What was read and not acknowledged comes again.
        catch_unwind(AssertUnwindSafe(|| run(patience))).unwrap_or_else(|panic| {
            self.health.lock().panics += 1;
            Err(Error::validation(format!("the trigger's filter panicked: {}", message_of(panic.as_ref()))))
        })
    }

    /// Takes note of what became of a batch.
    pub fn ran(&self, result: &Result<bool>) {
        let mut health = self.health.lock();
        match result {
            Ok(did_something) => {
                health.batches += u64::from(*did_something);
                health.failures_in_a_row = 0;
            }
            Err(error) => {
                health.failures_in_a_row += 1;
                self.note(&mut health, error.message());
            }
        }
    }

    fn note(&self, health: &mut TriggerHealth, failure: &str) {
        health.last_failure = Some(failure.to_owned());
        health.last_failure_millis = Some(self.clock.now_millis());
    }
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message")
}
