//! The model's time: the clock's, except that it never goes back.
//!
//! A clock that is set back must not take tokens away that were earned, nor stop the earning until it has caught up. So the
//! model goes on from where it was, and from then on is ahead of the clock by what the clock was set back.

use std::sync::atomic::{AtomicU64, Ordering};

/// Milliseconds that never go back.
#[derive(Debug, Default)]
pub struct ModelTime {
    latest_millis: AtomicU64,
    /// What the clock was set back by.
    ahead_millis: AtomicU64,
}

/// Readings of a clock by several threads may overtake each other by so much.
const JITTER_MILLIS: u64 = 50;

impl ModelTime {
    /// The model's time by a clock, which is read once more before the model believes that it was set back: a thread that loses
    /// the processor between reading the clock and the latest time finds an old reading in its hands.
    #[inline]
    pub fn of(&self, clock: impl Fn() -> u64) -> u64 {
        let ahead_millis = self.ahead_millis.load(Ordering::Relaxed);
        let now_millis = clock().saturating_add(ahead_millis);
        let latest_millis = self.latest_millis.load(Ordering::Relaxed);
        if now_millis == latest_millis {
            now_millis
        } else {
            self.moved(clock, now_millis, latest_millis, ahead_millis)
        }
    }
    fn moved(&self, clock: impl Fn() -> u64, now_millis: u64, latest_millis: u64, ahead_millis: u64) -> u64 {
        if now_millis > latest_millis {
            return self.latest_millis.fetch_max(now_millis, Ordering::Relaxed).max(now_millis);
        }
        if latest_millis - now_millis <= JITTER_MILLIS {
            return latest_millis;
        }
        let back_millis = latest_millis.saturating_sub(clock().saturating_add(ahead_millis));
        if back_millis > JITTER_MILLIS {
            // If another thread saw the same step of the clock and was first, this changes nothing.
            let ahead = ahead_millis.saturating_add(back_millis);
            let _ = self.ahead_millis.compare_exchange(ahead_millis, ahead, Ordering::Relaxed, Ordering::Relaxed);
        }
        latest_millis
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_when_the_clock_is_set_back() {
        let time = ModelTime::default();
        assert_eq!([10_000, 10_020, 10_010, 10_030].map(|at| time.of(|| at)), [10_000, 10_020, 10_020, 10_030]);
        assert_eq!([3_000, 3_100, 4_030].map(|at| time.of(|| at)), [10_030, 10_130, 11_060]);
    }

    #[test]
    fn a_thread_that_was_late_is_no_clock_that_was_set_back() {
        let time = ModelTime::default();
        time.of(|| 10_000);
        let readings = std::cell::Cell::new([9_000, 10_001]);
        let late = time.of(|| {
            let [first, second] = readings.replace([readings.get()[1]; 2]);
            assert!(first <= second);
            first
        });
        assert_eq!((late, time.of(|| 10_002)), (10_000, 10_002));
    }
}
