//! Background work of the database that is shown, stopped by a reader of the console who does it step by step.

use crate::refusal::Refusal;
use hashrange::{
    Database,
    inspect::{Piece, StepReport, Stepper},
};
use parking_lot::Mutex;
use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// A pause in which no step is asked for ends after this, since the tab that began it may be closed.
const LONGEST_IDLE: Duration = Duration::from_secs(600);

/// Whether background work is stopped.
#[derive(Default)]
pub(crate) struct Pause(Arc<State>);

#[derive(Default)]
struct State {
    stepper: Mutex<Option<Stepper>>,
    /// Steps and pauses so far: one that has not changed tells that nothing was asked for.
    asked: AtomicU64,
}

impl Pause {
    /// Whether background work is stopped.
    pub(crate) fn is_on(&self) -> bool {
        self.0.stepper.lock().is_some()
    }
    /// Stops background work. Errors: the database is closed; no thread can be started that ends a forgotten pause.
    pub(crate) fn begin(&self, db: &Database) -> Result<(), Refusal> {
        let mut stepper = self.0.stepper.lock();
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        if stepper.is_none() {
            let state = Arc::downgrade(&self.0);
            let watching = std::thread::Builder::new().name("console-pause".to_owned()).spawn(move || watch(&state));
            watching.map_err(|error| Refusal::busy(format!("cannot start a thread: {error}")))?;
            *stepper = Some(db.stepper()?);
        }
        Ok(())
    }
    /// Lets background work go on.
    pub(crate) fn end(&self) {
        self.0.stepper.lock().take();
    }
    /// Does one piece. Errors: background work is not stopped; those of the work.
    pub(crate) fn step(&self, piece: Piece) -> Result<StepReport, Refusal> {
        let stepper = self.0.stepper.lock();
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        match &*stepper {
            Some(stepper) => Ok(stepper.step(piece)?),
            None => Err(Refusal::invalid("background work is running; pause it first")),
        }
    }
}

/// Ends a pause in which nothing is asked for.
fn watch(state: &Weak<State>) {
    let asked = || state.upgrade().map(|state| state.asked.load(Ordering::Relaxed));
    let mut before = asked();
    loop {
        std::thread::sleep(LONGEST_IDLE);
        let Some(state) = state.upgrade() else { return };
        let now = Some(state.asked.load(Ordering::Relaxed));
        if now == before || state.stepper.lock().is_none() {
            state.stepper.lock().take();
            return;
        }
        before = now;
    }
}
