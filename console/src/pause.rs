//! Background work of the database that is shown, stopped by a reader of the console who does it step by step.

use crate::refusal::Refusal;
use hashrange::{
    Database,
    inspect::{Piece, StepReport, Stepper},
};
use parking_lot::{Condvar, Mutex};
use std::{sync::Arc, time::Duration};

/// A pause in which no step is asked for ends after this, since the tab that began it may be closed.
const LONGEST_IDLE: Duration = Duration::from_secs(600);

/// Whether background work is stopped.
pub(crate) struct Pause(Arc<Shared>);

struct Shared {
    state: Mutex<PauseState>,
    /// Wakes the thread that ends a forgotten pause: something was asked for, or the pause has ended.
    changed: Condvar,
    longest_idle: Duration,
}

#[derive(Default)]
struct PauseState {
    stepper: Option<Stepper>,
    /// Steps and pauses so far: one that has not changed tells that nothing was asked for.
    asked: u64,
    /// Whether the thread that ends a forgotten pause runs. There is one at most.
    is_watched: bool,
}

impl Default for Pause {
    fn default() -> Self {
        Self::ending_after(LONGEST_IDLE)
    }
}

impl Pause {
    /// No pause yet; one ends by itself when nothing was asked for so long.
    fn ending_after(longest_idle: Duration) -> Self {
        Self(Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), longest_idle }))
    }
    /// Whether background work is stopped.
    pub(crate) fn is_on(&self) -> bool {
        self.0.state.lock().stepper.is_some()
    }
    /// Stops background work. Errors: the database is closed; no thread can be started that ends a forgotten pause.
    pub(crate) fn begin(&self, db: &Database) -> Result<(), Refusal> {
        let mut state = self.0.state.lock();
        self.0.asked(&mut state);
        if state.stepper.is_some() {
            return Ok(());
        }
        // Without a thread that watches it, the stepper is dropped here, and background work goes on.
        let stepper = db.stepper()?;
        if !state.is_watched {
            let shared = self.0.clone();
            let watching = std::thread::Builder::new().name("console-pause".to_owned()).spawn(move || shared.watch());
            watching.map_err(|error| Refusal::busy(format!("cannot start a thread: {error}")))?;
            state.is_watched = true;
        }
        state.stepper = Some(stepper);
        Ok(())
    }
    /// Lets background work go on.
    pub(crate) fn end(&self) {
        let ended = self.0.state.lock().stepper.take();
        self.0.changed.notify_all();
        drop(ended);
    }
    /// Does one piece. Errors: background work is not stopped; those of the work.
    pub(crate) fn step(&self, piece: Piece) -> Result<StepReport, Refusal> {
        let mut state = self.0.state.lock();
        let Some(stepper) = &state.stepper else {
            return Err(Refusal::invalid("background work is running; pause it first"));
        };
        let done = stepper.step(piece);
        // The time until the pause ends by itself begins after the step, which may be a long one.
        self.0.asked(&mut state);
        Ok(done?)
    }
}

/// The thread that watches a pause holds the database; it ends with the console.
impl Drop for Pause {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn asked(&self, state: &mut PauseState) {
        state.asked += 1;
        self.changed.notify_all();
    }

    /// Ends a pause in which nothing is asked for; returns when there is no pause any more.
    fn watch(&self) {
        let mut state = self.state.lock();
        while state.stepper.is_some() {
            let before = state.asked;
            let waited = self.changed.wait_for(&mut state, self.longest_idle);
            if waited.timed_out() && state.asked == before {
                state.stepper = None;
            }
        }
        state.is_watched = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hashrange::Clock;

    /// Waits until something is so, for ten seconds at most.
    fn becomes(what: impl Fn() -> bool) -> bool {
        let until = Clock::system().now_millis() + 10_000;
        while !what() && Clock::system().now_millis() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
        what()
    }

    #[test]
    fn a_pause_that_is_forgotten_ends_by_itself() {
        let db = Database::in_memory().expect("a database");
        let pause = Pause::ending_after(Duration::from_millis(500));
        pause.begin(&db).expect("a pause");
        for _ in 0..8 {
            // The steps take longer than the longest idle time, together but not each.
            std::thread::sleep(Duration::from_millis(100));
            pause.step(Piece::Urgent).expect("the pause goes on as long as steps are asked for");
        }
        assert!(becomes(|| !pause.is_on()), "nothing was asked for");
        pause.begin(&db).expect("another pause");
        assert!(pause.is_on() && becomes(|| !pause.is_on()), "it is watched too");
    }

    #[test]
    fn one_thread_watches_and_the_end_wakes_it() {
        let db = Database::in_memory().expect("a database");
        let pause = Pause::default();
        let holders = || Arc::strong_count(&pause.0);
        for _ in 0..20 {
            pause.begin(&db).expect("a pause");
            pause.begin(&db).expect("the same pause");
            assert_eq!(holders(), 2, "the pause, and one thread");
            pause.end();
        }
        assert!(becomes(|| holders() == 1), "the thread has ended, long before the pause would have");
        pause.begin(&db).expect("a pause");
        let shared = Arc::downgrade(&pause.0);
        drop(pause);
        assert!(becomes(|| shared.strong_count() == 0), "it ends with the console");
    }
}
