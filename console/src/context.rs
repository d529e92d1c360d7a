//! What all requests of a console share.

use crate::{
    lessons::{Lab, Lesson},
    options::ConsoleOptions,
    pause::Pause,
    refusal::Refusal,
    sessions::{LessonRun, Sessions},
};
use hashrange::Database;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Event streams that are open at once, at most.
const MAX_STREAMS: usize = 32;

/// What all requests share.
pub(crate) struct Context {
    /// The database that is shown.
    pub(crate) db: Database,
    /// What the console was made with.
    pub(crate) options: ConsoleOptions,
    /// Lessons that are shown.
    pub(crate) lessons: Vec<Arc<Lesson>>,
    /// Background work that a reader has stopped.
    pub(crate) pause: Pause,
    /// Workbenches.
    pub(crate) benches: Sessions<Lab>,
    /// Lessons under way.
    pub(crate) runs: Sessions<LessonRun>,
    streams: Arc<AtomicUsize>,
}

impl Context {
    /// The context of a new console.
    pub(crate) fn new(db: Database, options: ConsoleOptions) -> Self {
        let lessons = options.lessons.clone();
        let (pause, benches, runs) = (Pause::default(), Sessions::default(), Sessions::default());
        Self { db, options, lessons, pause, benches, runs, streams: Arc::default() }
    }

    /// Errors: the console only reads.
    pub(crate) fn check_write(&self) -> Result<(), Refusal> {
        if self.options.write {
            return Ok(());
        }
        Err(Refusal::forbidden(
            "this console only reads; start it with --write (hashrange console) or --console-write (hashrange serve)",
        ))
    }

    /// The currency of amounts, if there are prices.
    pub(crate) fn currency(&self) -> Option<&str> {
        self.options.prices.as_ref().map(|prices| prices.currency.as_str())
    }

    /// A place among the event streams that are open. Errors: there is none left.
    pub(crate) fn open_stream(&self) -> Result<StreamPlace, Refusal> {
        let place = StreamPlace(Arc::clone(&self.streams));
        if place.0.fetch_add(1, Ordering::Relaxed) >= MAX_STREAMS {
            return Err(Refusal::busy(format!(
                "{MAX_STREAMS} event streams are open; close some of the console's tabs"
            )));
        }
        Ok(place)
    }
}

/// A place among the event streams that are open; it is free again when this is dropped.
pub(crate) struct StreamPlace(Arc<AtomicUsize>);

impl Drop for StreamPlace {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
