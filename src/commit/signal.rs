//! How maintenance threads are woken, each by those who made work for it, and how writers learn whether there are any.

use parking_lot::{Condvar, Mutex};
use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

/// Wakes one thread. It goes on ringing until that thread sleeps again, so that whoever rings often pays for one waking.
#[derive(Debug, Default)]
pub struct Bell {
    rings: AtomicBool,
    lock: Mutex<()>,
    changed: Condvar,
}

impl Bell {
    /// There is something to do. Cheap while it rings already.
    pub fn ring(&self) {
        if !self.rings.load(Ordering::Acquire) && !self.rings.swap(true, Ordering::AcqRel) {
            let _guard = self.lock.lock();
            self.changed.notify_all();
        }
    }
    /// Sleeps until it rings, or `longest` has passed. What is done before the next call is done for all who rang until
    /// now.
    fn wait(&self, longest: Duration) {
        let mut guard = self.lock.lock();
        if !self.rings.load(Ordering::Acquire) {
            self.changed.wait_for(&mut guard, longest);
        }
        self.rings.store(false, Ordering::Release);
    }
}

/// The bells of the maintenance threads of a database.
#[derive(Debug, Default)]
pub struct Signal {
    /// Memtables, tails of streams or the log have grown.
    pub flush: Bell,
    /// There are new runs, or an index to be filled.
    pub compaction: Bell,
    /// Rung by nobody but the end: time passes by itself.
    pub aging: Bell,
    stopping: AtomicBool,
    servants: AtomicUsize,
}

impl Signal {
    /// Maintenance should end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        for bell in [&self.flush, &self.compaction, &self.aging] {
            bell.ring();
        }
    }
    /// Whether maintenance should end.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
    /// Waits until a bell rings, maintenance should end, or `longest` has passed.
    pub fn wait(&self, bell: &Bell, longest: Duration) {
        if !self.is_stopping() {
            bell.wait(longest);
        }
    }
    /// A maintenance thread begins (+) or ends.
    pub fn serve(&self, begins: bool) {
        if begins {
            self.servants.fetch_add(1, Ordering::AcqRel);
        } else {
            self.servants.fetch_sub(1, Ordering::AcqRel);
        }
    }
    /// Whether a maintenance thread is alive.
    pub fn is_served(&self) -> bool {
        self.servants.load(Ordering::Acquire) > 0 && !self.is_stopping()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::Arc, thread, time::Instant};

    /// Longer than anything here takes.
    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(30);

    /// How long a call takes.
    #[expect(clippy::disallowed_methods, reason = "how long somebody sleeps is what is tested")]
    fn duration_of(call: impl FnOnce()) -> Duration {
        let begin = Instant::now();
        call();
        begin.elapsed()
    }

    #[test]
    fn a_bell_wakes_who_sleeps() {
        let signal = Arc::new(Signal::default());
        for _ in 0..2 {
            let sleeper = signal.clone();
            let slept = thread::spawn(move || duration_of(|| sleeper.wait(&sleeper.flush, LONG)));
            thread::sleep(SHORT);
            assert!(!slept.is_finished(), "nobody rang yet");
            signal.flush.ring();
            assert!(slept.join().unwrap() < LONG);
        }
    }

    #[test]
    fn what_rang_before_the_sleep_is_heard_once() {
        let signal = Signal::default();
        signal.flush.ring();
        signal.flush.ring();
        assert!(duration_of(|| signal.wait(&signal.flush, LONG)) < LONG);
        assert!(duration_of(|| signal.wait(&signal.flush, SHORT)) >= SHORT, "heard already");
        signal.compaction.ring();
        assert!(duration_of(|| signal.wait(&signal.flush, SHORT)) >= SHORT, "another one's bell");
    }

    #[test]
    fn the_end_wakes_everybody_for_good() {
        let signal = Arc::new(Signal::default());
        let sleepers: Vec<_> = [0, 1, 2]
            .into_iter()
            .map(|which| {
                let signal = signal.clone();
                thread::spawn(move || {
                    let bell = [&signal.flush, &signal.compaction, &signal.aging][which];
                    duration_of(|| signal.wait(bell, LONG))
                })
            })
            .collect();
        thread::sleep(SHORT);
        assert!(!signal.is_stopping());
        signal.stop();
        assert!(signal.is_stopping());
        for slept in sleepers {
            assert!(slept.join().unwrap() < LONG);
        }
        for _ in 0..2 {
            assert!(duration_of(|| signal.wait(&signal.flush, LONG)) < LONG, "nobody sleeps any more");
        }
    }

    #[test]
    fn writers_are_served_while_a_thread_is_there_and_goes_on() {
        let signal = Signal::default();
        assert!(!signal.is_served());
        signal.serve(true);
        signal.serve(true);
        signal.serve(false);
        assert!(signal.is_served(), "one is left");
        signal.serve(false);
        assert!(!signal.is_served());
        signal.serve(true);
        signal.stop();
        assert!(!signal.is_served(), "it is about to end");
    }
}
