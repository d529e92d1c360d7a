//! Who sees events: one function, given at opening, and queues that are taken at any time.

use super::event::Event;
use parking_lot::Mutex;
use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

/// A function that sees every event of a database. It runs on the thread on which the event happened, often while that
/// holds a lock of the engine: it must be quick, must not block, and must not use the database. If it panics, that event is lost
/// to it, and the database goes on.
#[derive(Clone)]
pub struct Observer(Arc<dyn Fn(&Event) + Send + Sync>);

impl Observer {
    /// An observer that calls a function.
    pub fn new(observe: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(observe))
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

/// A queue of events that holds a limited number of them. When it is full, new events are left out and counted; the
/// database never waits for its reader.
#[derive(Debug)]
pub struct Subscription {
    events: Receiver<Event>,
    lost: Arc<AtomicU64>,
}

impl Subscription {
    /// The next event that is there already.
    pub fn try_next(&self) -> Option<Event> {
        self.events.try_recv().ok()
    }
    /// The next event; `None` if there is none for so long, or the database is closed.
    pub fn next_within(&self, longest: Duration) -> Option<Event> {
        self.events.recv_timeout(longest).ok()
    }
    /// Events that were left out because the queue was full.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

/// Most events of a queue, whose places are allocated at once.
const MAX_CAPACITY: usize = 65_536;

#[derive(Debug)]
struct Queue {
    events: SyncSender<Event>,
    lost: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
pub(super) struct Subscribers {
    observer: Option<Observer>,
    queues: Mutex<Vec<Queue>>,
}

impl Subscribers {
    pub(super) fn new(observer: Option<Observer>) -> Self {
        Self { observer, queues: Mutex::default() }
    }

    pub(super) fn subscribe(&self, capacity: usize) -> Subscription {
        let (events, receiver) = sync_channel(capacity.clamp(1, MAX_CAPACITY));
        let lost = Arc::new(AtomicU64::new(0));
        self.queues.lock().push(Queue { events, lost: lost.clone() });
        Subscription { events: receiver, lost }
    }

    pub(super) fn publish(&self, event: Event) {
        #[cfg(feature = "tracing")]
        trace(&event);
        if let Some(Observer(observe)) = &self.observer {
            // The panic hook of the program has told of it. Background work must not end by it, nor a caller that did nothing wrong.
            let _ = catch_unwind(AssertUnwindSafe(|| observe(&event)));
        }
        self.queues.lock().retain(|queue| match queue.events.try_send(event.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                queue.lost.fetch_add(1, Ordering::Relaxed);
                true
            }
            // Its reader is gone.
            Err(TrySendError::Disconnected(_)) => false,
        });
    }
}

#[cfg(feature = "tracing")]
fn trace(event: &Event) {
    let Event { at_millis, kind } = event;
    if kind.is_failure() {
        tracing::warn!(target: "hashrange", at_millis, "{kind}");
    } else {
        tracing::debug!(target: "hashrange", at_millis, "{kind}");
    }
}
