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
pub struct WriteBudget {
    budget_bytes: usize,
    used_bytes: AtomicUsize,
    /// What the last flush failed with, if it did.
    failure: Mutex<Option<Error>>,
    relieved: Condvar,
}

impl WriteBudget {
    /// Pressure for memtables of `budget_bytes` together.
    pub fn new(budget_bytes: usize) -> Self {
        Self {
            budget_bytes: budget_bytes.clamp(1, usize::MAX / 2), // so that twice as much is a number
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
        self.used_bytes() > self.soft_limit()
    }
    fn soft_limit(&self) -> usize {
        self.budget_bytes + self.budget_bytes / 4
    }
    fn hard_limit(&self) -> usize {
        self.budget_bytes * 2
    }
    /// How long one write is delayed with so much memory used, between the two limits.
    fn delay(&self, used: usize) -> Duration {
        let (soft, hard) = (self.soft_limit(), self.hard_limit());
        let share = used.saturating_sub(soft) * LONGEST_DELAY_MICROS / (hard - soft);
        Duration::from_micros(share as u64)
    }
    /// Slows or stops a writer for as long as `flushing` says that relief is coming. Errors: the flush that would have to
    /// give relief failed.
    pub fn wait(&self, flushing: impl Fn() -> bool) -> Result<()> {
        let hard = self.hard_limit();
        let used = self.used_bytes();
        if used <= self.soft_limit() || !flushing() {
            return Ok(());
        }
        if used < hard {
            std::thread::sleep(self.delay(used));
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn used(bytes: usize) -> WriteBudget {
        let pressure = WriteBudget::new(1000);
        pressure.add(bytes);
        pressure
    }

    #[test]
    fn flushes_are_due_at_half_of_the_budget_and_writers_slow_above_five_quarters() {
        assert_eq!([499, 500].map(|bytes| used(bytes).flush_due()), [false, true]);
        assert_eq!([1250, 1251].map(|bytes| used(bytes).is_high()), [false, true]);
        let never = || -> bool { unreachable!("nobody is asked") };
        used(1250).wait(never).unwrap();
    }

    #[test]
    fn the_delay_grows_with_the_memory_up_to_a_millisecond() {
        let delays = [1250, 1253, 1500, 1625, 1997].map(|bytes| used(bytes).delay(bytes).as_micros());
        assert_eq!(delays, [0, 4, 333, 500, 996]);
        // The smallest budget there is: both limits differ, so that nothing is divided by zero.
        assert_eq!(WriteBudget::new(0).delay(2), Duration::from_millis(1));
    }

    #[test]
    fn a_writer_waits_at_twice_the_budget_and_hears_of_failures_there() {
        let failure = Error::validation("no flush");
        for (bytes, hears) in [(1251, false), (1999, false), (2000, true)] {
            let pressure = used(bytes);
            pressure.note(Some(&failure));
            assert_eq!(pressure.wait(|| true).is_err(), hears, "{bytes} bytes");
        }
    }

    #[test]
    fn a_writer_goes_on_when_nobody_flushes_any_more_or_memory_is_free() {
        let (pressure, asked) = (used(5000), Cell::new(0));
        pressure.wait(|| asked.replace(asked.get() + 1) < 2).unwrap();
        assert_eq!(asked.get(), 3);
        pressure.set(7000);
        assert_eq!(pressure.used_bytes(), 7000);
        let relieve = || {
            pressure.used_bytes.store(10, Ordering::Relaxed);
            true
        };
        pressure.wait(relieve).unwrap();
    }
}
