//! A recorder of requests that a page starts and stops.
//!
//! A database takes hooks when it is opened only, so the tap is given to it then. Until a page starts a recording the tap is idle,
//! which costs a request one look at a flag. A recording is kept in memory and is bounded.

use bytes::Bytes;
use hashrange::{
    Clock, Error,
    request::{Call, Completion, Hook},
    trace::{RecordOptions, Recorder},
};
use std::{
    io::{self, Write},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Bytes of a recording, at most.
const MAX_TRACE_BYTES: u64 = 64 << 20;

/// Records requests between a start and a stop. Clones share one recording. To be given to
/// [`OpenOptions::hook`](hashrange::OpenOptions::hook), and to [`ConsoleOptions::tap`](crate::ConsoleOptions::tap).
#[derive(Clone, Debug, Default)]
pub struct TraceTap(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    is_recording: AtomicBool,
    state: Mutex<TapState>,
}

#[derive(Debug, Default)]
struct TapState {
    recorder: Option<Arc<Recorder>>,
    /// What is being recorded.
    trace: Buffer,
    /// The recording, once it was ended.
    ended: Option<Bytes>,
}

/// Where a recorder writes.
#[derive(Clone, Debug, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TraceTap {
    /// Whether requests are recorded now.
    pub(crate) fn is_recording(&self) -> bool {
        self.0.is_recording.load(Ordering::Acquire)
    }

    /// Begins a recording; one that was there is forgotten.
    pub(crate) fn start(&self, clock: Clock) -> Result<(), Error> {
        let mut state = lock(&self.0.state);
        let trace = Buffer::default();
        let options = RecordOptions { max_bytes: MAX_TRACE_BYTES, ..RecordOptions::default() };
        state.recorder = Some(Arc::new(Recorder::new(trace.clone(), clock, options)?));
        (state.trace, state.ended) = (trace, None);
        self.0.is_recording.store(true, Ordering::Release);
        Ok(())
    }

    /// Ends the recording, which stays to be read.
    pub(crate) fn stop(&self) -> Result<(), Error> {
        self.0.is_recording.store(false, Ordering::Release);
        let mut state = lock(&self.0.state);
        let (Some(recorder), None) = (state.recorder.clone(), &state.ended) else { return Ok(()) };
        let finished = recorder.finish();
        let bytes = std::mem::take(&mut *lock(&state.trace.0));
        state.ended = Some(bytes.into());
        finished
    }

    /// Accesses that were recorded, and those that did not fit; `None` before the first recording.
    pub(crate) fn counts(&self) -> Option<(u64, u64)> {
        Some(lock(&self.0.state).recorder.as_ref()?.counts())
    }

    /// The recording that was ended, as the bytes of a trace; empty if there is none.
    pub(crate) fn trace(&self) -> Bytes {
        lock(&self.0.state).ended.clone().unwrap_or_default()
    }

    fn current(&self) -> Option<Arc<Recorder>> {
        self.is_recording().then(|| lock(&self.0.state).recorder.clone()).flatten()
    }
}

impl Hook for TraceTap {
    fn is_idle(&self) -> bool {
        !self.is_recording()
    }
    fn after(&self, call: &Call<'_>, completion: &Completion<'_>) {
        if let Some(recorder) = self.current() {
            recorder.after(call, completion);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hashrange::{Database, Item, key::S};

    #[test]
    fn a_recording_that_was_ended_is_handed_out_without_a_copy() {
        let tap = TraceTap::default();
        let db = Database::options().hook(Arc::new(tap.clone())).in_memory().expect("a database");
        let table = db.create_table("orders").hash::<S>("id").create().expect("a table");
        tap.start(db.clock().clone()).expect("a start");
        table.put(&Item::new().with("id", "a")).expect("a put");
        assert!(tap.trace().is_empty(), "it goes on");
        tap.stop().expect("a stop");
        let (trace, again) = (tap.trace(), tap.trace());
        assert!(!trace.is_empty() && trace.as_ptr() == again.as_ptr());
        tap.stop().expect("a stop that comes late");
        assert_eq!(tap.trace(), trace);
        tap.start(db.clock().clone()).expect("a start");
        assert!(tap.trace().is_empty(), "the one before is forgotten");
    }
}
