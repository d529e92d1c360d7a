//! How maintenance threads are woken, each by those who made work for it, and how writers learn whether there are any.

use parking_lot::{Condvar, Mutex, RwLock, RwLockReadGuard};
use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

/// Wakes one thread. It goes on ringing until that thread sleeps again, so that frequent notifications cost one wake-up.
#[derive(Debug, Default)]
pub struct WakeFlag {
    rings: AtomicBool,
    lock: Mutex<()>,
    changed: Condvar,
}

impl WakeFlag {
    /// There is something to do. Cheap while it rings already.
    pub fn notify(&self) {
        if !self.rings.load(Ordering::Acquire) && !self.rings.swap(true, Ordering::AcqRel) {
            let _guard = self.lock.lock();
            self.changed.notify_all();
        }
    }
    /// Whether there was a notification that the thread has not seen yet.
    #[cfg(test)]
    pub fn is_set(&self) -> bool {
        self.rings.load(Ordering::Acquire)
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
    pub flush: WakeFlag,
    /// There are new runs, or an index to be filled.
    pub compaction: WakeFlag,
    /// Buffered writers are far ahead of the last sync of the log. Time, which the same thread minds, passes by itself.
    pub log: WakeFlag,
    /// Notified at the end only, for threads that wait for time to pass or for what does not ring here.
    pub ending: WakeFlag,
    stopping: AtomicBool,
    servants: AtomicUsize,
    /// Those who want background work to rest.
    pauses: AtomicUsize,
    /// Shared by the threads, each for one piece of work; taken once by each pause, which so waits for the pieces under way.
    working: RwLock<()>,
}

impl Signal {
    /// Maintenance should end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        for bell in [&self.flush, &self.compaction, &self.log, &self.ending] {
            bell.notify();
        }
    }
    /// Whether maintenance should end.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
    /// Waits until a bell rings, maintenance should end, or `longest` has passed.
    pub fn wait(&self, bell: &WakeFlag, longest: Duration) {
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
    /// Whether a maintenance thread is alive and works.
    pub fn is_served(&self) -> bool {
        self.servants.load(Ordering::Acquire) > 0 && !self.is_stopping() && !self.is_paused()
    }
    /// Lets maintenance threads rest until as many calls of `resume` as of `pause`. Returns once no piece of work is under
    /// way.
    pub fn pause(&self) {
        self.pauses.fetch_add(1, Ordering::AcqRel);
        drop(self.working.write());
    }
    /// Ends a pause.
    pub fn resume(&self) {
        self.pauses.fetch_sub(1, Ordering::AcqRel);
        for bell in [&self.flush, &self.compaction, &self.log] {
            bell.notify();
        }
    }
    /// Whether maintenance threads rest.
    pub fn is_paused(&self) -> bool {
        self.pauses.load(Ordering::Acquire) > 0
    }
    /// A maintenance thread wants to do a piece of work: a guard to hold meanwhile; `None` while there is a pause.
    pub fn begin_piece(&self) -> Option<RwLockReadGuard<'_, ()>> {
        if self.is_paused() {
            return None;
        }
        let working = self.working.read();
        // A pause that came in between has not waited for this piece, or waits for the guard now.
        (!self.is_paused()).then_some(working)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::{Arc, mpsc},
        thread,
    };

    /// Longer than anything here takes.
    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(50);

    /// Waits for the bell that `which` picks, on a thread of its own that tells when it is woken.
    fn sleeper(signal: &Arc<Signal>, which: fn(&Signal) -> &WakeFlag) -> mpsc::Receiver<()> {
        let (signal, (tell, told)) = (signal.clone(), mpsc::channel());
        thread::spawn(move || {
            signal.wait(which(&signal), 2 * LONG);
            tell.send(())
        });
        told
    }

    #[test]
    fn a_bell_wakes_who_sleeps() {
        let signal = Arc::new(Signal::default());
        for _ in 0..2 {
            let woken = sleeper(&signal, |signal| &signal.flush);
            assert!(woken.recv_timeout(SHORT).is_err(), "nobody rang yet");
            signal.compaction.notify();
            assert!(woken.recv_timeout(SHORT).is_err(), "another one's bell");
            signal.flush.notify();
            assert!(woken.recv_timeout(LONG).is_ok());
        }
    }

    #[test]
    fn what_rang_before_the_sleep_is_heard_once() {
        let signal = Arc::new(Signal::default());
        signal.flush.notify();
        signal.flush.notify();
        assert!(sleeper(&signal, |signal| &signal.flush).recv_timeout(LONG).is_ok());
        assert!(sleeper(&signal, |signal| &signal.flush).recv_timeout(SHORT).is_err(), "heard already");
    }

    #[test]
    fn a_sleep_ends_by_itself() {
        let signal = Signal::default();
        signal.wait(&signal.ending, SHORT);
    }

    #[test]
    fn the_end_wakes_everybody_for_good() {
        let signal = Arc::new(Signal::default());
        let bells: [fn(&Signal) -> &WakeFlag; 4] =
            [|signal| &signal.flush, |signal| &signal.compaction, |signal| &signal.log, |signal| &signal.ending];
        let sleepers = bells.map(|bell| sleeper(&signal, bell));
        thread::sleep(SHORT);
        assert!(!signal.is_stopping());
        signal.stop();
        assert!(signal.is_stopping());
        for woken in sleepers {
            assert!(woken.recv_timeout(LONG).is_ok());
        }
        for _ in 0..2 {
            assert!(sleeper(&signal, bells[0]).recv_timeout(LONG).is_ok(), "nobody sleeps any more");
        }
    }

    #[test]
    fn a_pause_waits_for_the_piece_under_way_and_lets_no_other_begin() {
        let signal = Arc::new(Signal::default());
        let piece = signal.begin_piece().unwrap();
        let (tell, told) = mpsc::channel();
        let pausing = signal.clone();
        thread::spawn(move || {
            pausing.pause();
            tell.send(())
        });
        assert!(told.recv_timeout(SHORT).is_err(), "a piece is under way");
        drop(piece);
        assert!(told.recv_timeout(LONG).is_ok());
        signal.pause();
        signal.resume();
        assert!(signal.begin_piece().is_none(), "one of two pauses goes on");
        signal.resume();
        assert!(signal.begin_piece().is_some());
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
