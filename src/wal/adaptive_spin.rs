//! Waiting awake, and when not to.
//!
//! To sleep and be woken takes longer than much of what is waited for. A writer that expects news within a moment therefore yields
//! the processor again and again instead. On a machine with other work, though, a thread that gets the processor that way keeps
//! it for milliseconds: once that has happened, no thread spins for a while.

use crate::{clock::Deadline, sync};
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// So few yields within a moment say that others kept the processor.
const FEW_YIELDS: u32 = 4;
/// Waits that are skipped after that.
const SKIPPED_WAITS: u32 = 256;

/// Whether it pays to wait awake.
#[derive(Debug, Default)]
pub(super) struct AdaptiveSpin {
    /// Waits that are still skipped.
    skips: AtomicU32,
}

impl AdaptiveSpin {
    /// Yields until something has happened, for so long at most. Returns at once while others need the processors.
    pub(super) fn wait_awake(&self, at_most: Duration, has_happened: impl Fn() -> bool) {
        let skips = self.skips.load(Ordering::Relaxed);
        if skips > 0 {
            self.skips.store(skips - 1, Ordering::Relaxed);
            return;
        }
        let deadline = Deadline::after(at_most);
        let mut yields = 0;
        while !has_happened() {
            if deadline.is_over() {
                if yields < FEW_YIELDS {
                    self.skips.store(SKIPPED_WAITS, Ordering::Relaxed);
                }
                return;
            }
            sync::yield_now();
            yields += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::Cell, thread};

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_wait_ends_with_what_it_waits_for() {
        let asked = Cell::new(0);
        AdaptiveSpin::default().wait_awake(LONG, || asked.replace(asked.get() + 1) == 10);
        assert_eq!(asked.get(), 11);
    }

    #[test]
    fn a_wait_ends_by_itself() {
        AdaptiveSpin::default().wait_awake(Duration::from_micros(100), || false);
    }

    #[test]
    fn nobody_waits_for_a_while_after_others_kept_the_processor() {
        let (patience, asked) = (AdaptiveSpin::default(), Cell::new(0));
        // As if each yield took longer than the whole wait may.
        let wait = || {
            patience.wait_awake(Duration::from_micros(100), || {
                asked.set(asked.get() + 1);
                thread::sleep(Duration::from_millis(1));
                false
            });
            asked.take()
        };
        assert!(wait() > 0);
        for skipped in 0..SKIPPED_WAITS {
            assert_eq!(wait(), 0, "wait {skipped}");
        }
        assert!(wait() > 0, "the next one is tried again");
    }
}
