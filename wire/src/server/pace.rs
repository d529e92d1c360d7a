//! Where an engine call runs: on the thread that serves connections, or on one that may wait.
//!
//! Handing a call to another thread and taking its answer back costs more than a point read or a write that does not
//! wait for a disk. Operations that have been quick are therefore called in place. What was quick may block the next
//! time (a cold page, a full memtable, a sync), so two things bound the harm: an operation that was slow once goes to
//! the other threads for a second before it is tried in place again, by one request; and only half of the threads that
//! serve connections may be inside the engine at any time, so the other half always goes on serving.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::time::{Duration, Instant};

/// Operations on one item or one page, which may be quick.
const OPERATIONS: [&str; 5] = ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query"];
/// Larger bodies take long to read in any case.
const MAX_BODY_BYTES: usize = 64 << 10;
/// A call that takes longer blocks on something.
const SLOW: Duration = Duration::from_micros(300);
/// How long an operation that was slow is not tried in place, in milliseconds.
const RETRY_MILLIS: u64 = 1_000;

/// What is known about the pace of operations.
pub(super) struct Pace {
    started: Instant,
    /// Calls in place right now.
    in_place: AtomicUsize,
    most_in_place: usize,
    /// By operation: milliseconds after the start from which it may be tried in place.
    retry_at_millis: [AtomicU64; OPERATIONS.len()],
}

impl Pace {
    /// Nothing is known to be slow yet; `threads` serve connections.
    pub(super) fn new(threads: usize) -> Self {
        Self {
            started: Instant::now(),
            in_place: AtomicUsize::new(0),
            most_in_place: threads / 2,
            retry_at_millis: [const { AtomicU64::new(0) }; OPERATIONS.len()],
        }
    }

    /// Leave to call an operation in place; none if it has to go to another thread.
    pub(super) fn in_place(&self, target: &str, body_bytes: usize) -> Option<InPlace<'_>> {
        let name = target.rsplit('.').next()?;
        let operation = OPERATIONS.iter().position(|known| *known == name)?;
        let retry_at = self.retry_at_millis[operation].load(Ordering::Relaxed);
        if body_bytes > MAX_BODY_BYTES || (retry_at > 0 && !self.may_retry(operation, retry_at)) {
            return None;
        }
        if self.in_place.fetch_add(1, Ordering::Relaxed) >= self.most_in_place {
            self.in_place.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(InPlace { pace: self, operation, began: Instant::now() })
    }

    /// Whether the pause is over and this request is the one that tries.
    fn may_retry(&self, operation: usize, retry_at: u64) -> bool {
        let now = self.now_millis();
        let taken = |next| {
            let slot = &self.retry_at_millis[operation];
            slot.compare_exchange(retry_at, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        };
        now >= retry_at && taken(now + RETRY_MILLIS)
    }

    fn now_millis(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A call in place; its end tells how long it took.
pub(super) struct InPlace<'p> {
    pace: &'p Pace,
    operation: usize,
    began: Instant,
}

impl Drop for InPlace<'_> {
    fn drop(&mut self) {
        let was_slow = self.began.elapsed() > SLOW;
        let slot = &self.pace.retry_at_millis[self.operation];
        if was_slow {
            slot.store(self.pace.now_millis() + RETRY_MILLIS, Ordering::Relaxed);
        } else if slot.load(Ordering::Relaxed) > 0 {
            slot.store(0, Ordering::Relaxed);
        }
        self.pace.in_place.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_quick_operations_run_in_place() {
        let pace = Pace::new(4);
        assert!(pace.in_place("DynamoDB_20120810.Scan", 2).is_none());
        assert!(pace.in_place("DynamoDB_20120810.PutItem", MAX_BODY_BYTES + 1).is_none());
        assert!(pace.in_place("DynamoDB_20120810.GetItem", 2).is_some());
    }

    #[test]
    fn half_of_the_threads_stay_free() {
        let pace = Pace::new(4);
        let held: Vec<_> = (0..3).map(|_| pace.in_place("x.GetItem", 2)).collect();
        assert_eq!(held.iter().flatten().count(), 2);
        drop(held);
        assert!(pace.in_place("x.GetItem", 2).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_operation_pauses_and_one_request_tries_again() {
        let pace = Pace::new(8);
        let slow = pace.in_place("x.PutItem", 2);
        tokio::time::advance(Duration::from_millis(5)).await;
        drop(slow);
        assert!(pace.in_place("x.PutItem", 2).is_none());
        assert!(pace.in_place("x.GetItem", 2).is_some());
        tokio::time::advance(Duration::from_millis(RETRY_MILLIS)).await;
        let trial = pace.in_place("x.PutItem", 2);
        assert!(trial.is_some() && pace.in_place("x.PutItem", 2).is_none());
        drop(trial);
        assert!(pace.in_place("x.PutItem", 2).is_some());
    }
}
