//! Backpressure: writers slow down smoothly before memtables outgrow their budget, and wait at twice the budget. While
//! flushes fail there is nothing to wait for: those who would wait get the failure instead.

use crate::error::{Error, Result};
use parking_lot::{Condvar, Mutex};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// Longest wait before a stopped writer looks again by itself, should a wake-up be missed.
const RECHECK: Duration = Duration::from_millis(20);
/// Delay of one write when memtables have reached their hard limit.
const LONGEST_DELAY_MICROS: usize = 1000;

/// Memory of all memtables, and the writers that wait for it to shrink.
#[derive(Debug)]
pub struct Pressure {
    budget_bytes: usize,
    used_bytes: AtomicUsize,
    /// What the last flush failed with, if it did.
    failure: Mutex<Option<Error>>,
    relieved: Condvar,
}

impl Pressure {
    /// Pressure for memtables of `budget_bytes` together.
    pub fn new(budget_bytes: usize) -> Self {
        Self {
            budget_bytes: budget_bytes.max(1),
            used_bytes: AtomicUsize::new(0),
            failure: Mutex::new(None),
            relieved: Condvar::new(),
        }
    }
    /// Memory that the memtables hold now.
    pub fn used_bytes(&self) -> usize {
        self.used_bytes.load(Ordering::Relaxed)
    }
    /// Whether a flush is due: half of the budget is used.
    pub fn flush_due(&self) -> bool {
        self.used_bytes() >= self.budget_bytes / 2
    }
    /// A write added this much.
    pub fn add(&self, bytes: usize) {
        self.used_bytes.fetch_add(bytes, Ordering::Relaxed);
    }
    /// A flush has been published; `used` is what remains.
    pub fn set(&self, used: usize) {
        self.used_bytes.store(used, Ordering::Relaxed);
        let _guard = self.failure.lock();
        self.relieved.notify_all();
    }
    /// What became of a flush, or of looking whether one is due.
    pub fn note(&self, failure: Option<&Error>) {
        *self.failure.lock() = failure.cloned();
        self.relieved.notify_all();
    }
    /// Whether writers should be slowed at all; one load on the path of every write.
    pub fn is_high(&self) -> bool {
        self.used_bytes() > self.budget_bytes + self.budget_bytes / 4
    }
    /// Slows or stops a writer for as long as `flushing` says that relief is coming. Errors: the flush that would have to
    /// give relief failed.
    pub fn wait(&self, flushing: impl Fn() -> bool) -> Result<()> {
        let soft = self.budget_bytes + self.budget_bytes / 4;
        let hard = self.budget_bytes * 2;
        let used = self.used_bytes();
        if used <= soft || !flushing() {
            return Ok(());
        }
        if used < hard {
            let share = (used - soft) * LONGEST_DELAY_MICROS / (hard - soft).max(1);
            std::thread::sleep(Duration::from_micros(share as u64));
            return Ok(());
        }
        let mut failure = self.failure.lock();
        while self.used_bytes() >= hard && flushing() {
            if let Some(error) = &*failure {
                return Err(error.clone());
            }
            self.relieved.wait_for(&mut failure, RECHECK);
        }
        Ok(())
    }
}
