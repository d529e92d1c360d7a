//! A recorder of requests that a page starts and stops.
//!
//! A database takes hooks when it is opened only, so the tap is given to it then. Until a page starts a recording the tap is idle,
//! which costs a request one look at a flag. A recording is kept in memory and is bounded.

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
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    recorder: Option<Arc<Recorder>>,
    trace: Buffer,
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
        state.trace = trace;
        self.0.is_recording.store(true, Ordering::Release);
        Ok(())
    }

    /// Ends the recording, which stays to be read.
    pub(crate) fn stop(&self) -> Result<(), Error> {
        self.0.is_recording.store(false, Ordering::Release);
        lock(&self.0.state).recorder.as_ref().map_or(Ok(()), |recorder| recorder.finish())
    }

    /// Accesses that were recorded, and those that did not fit; `None` before the first recording.
    pub(crate) fn counts(&self) -> Option<(u64, u64)> {
        Some(lock(&self.0.state).recorder.as_ref()?.counts())
    }

    /// The recording that was ended, as the bytes of a trace; empty if there is none.
    pub(crate) fn trace(&self) -> Vec<u8> {
        let trace = lock(&self.0.state).trace.clone();
        let bytes = lock(&trace.0);
        bytes.clone()
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
