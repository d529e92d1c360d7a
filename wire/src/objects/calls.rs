//! Runs the asynchronous calls of `object_store` for threads that wait for their answers.
//!
//! A call is handed to a runtime of its own and its answer comes back by a channel, so that a thread may wait that belongs to
//! another runtime.

use std::{
    fmt, io,
    sync::{Arc, mpsc},
};
use tokio::runtime::{Builder, Runtime};

/// Threads that carry calls out. They wait for sockets, sign, and compute checksums.
const THREADS: usize = 2;

/// The runtime of a store.
pub(super) struct Calls {
    /// Always there, until it is dropped.
    runtime: Option<Runtime>,
}

impl Calls {
    /// Begins the threads. Errors: the system has no more.
    pub(super) fn new() -> io::Result<Arc<Self>> {
        let runtime =
            Builder::new_multi_thread().worker_threads(THREADS).thread_name("objects").enable_all().build()?;
        Ok(Arc::new(Self { runtime: Some(runtime) }))
    }

    /// Carries a call out and waits for its answer. Errors: it ended without one.
    pub(super) fn wait<T: Send + 'static>(&self, call: impl Future<Output = T> + Send + 'static) -> io::Result<T> {
        self.begin(call).recv().map_err(|_| ended())
    }

    /// Begins a call, whose answer the receiver gets.
    pub(super) fn begin<T: Send + 'static>(&self, call: impl Future<Output = T> + Send + 'static) -> mpsc::Receiver<T> {
        let (answer, receiver) = mpsc::sync_channel(1);
        if let Some(runtime) = &self.runtime {
            runtime.spawn(async move {
                // A receiver that has gone wants no answer.
                let _ = answer.send(call.await);
            });
        }
        receiver
    }
}

/// A call ended without an answer.
pub(super) fn ended() -> io::Error {
    io::Error::other("a call to the store of objects ended without an answer")
}

impl Drop for Calls {
    fn drop(&mut self) {
        // Waiting for its threads would panic on a thread of another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calls")
    }
}
