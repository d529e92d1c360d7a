//! Runs the future of one connection on the thread of that connection.
//!
//! The future is polled; when it cannot go on, the thread sleeps in `poll(2)` until its socket is ready or a deadline has
//! come. So a connection needs no descriptor besides its socket, and a service may block, since no other connection is
//! served on its thread.
//!
//! Waking a thread can take longer than answering a point read, above all on a virtual machine, which gives back a
//! processor without work. A client that sent its last request right behind the answer before it most likely does so
//! again. Its connection polls a little longer, with the processor offered to others in between, before its thread sleeps.
//! Only the connection that was active last does that: where several are busy, the processors have work.

use super::{connections::Connection, pace::now};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    cell::{Cell, RefCell},
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

/// How long a connection polls awake for a client that was as quick as that the last time.
const POLL_AWAKE: Duration = Duration::from_micros(100);
/// Longest sleep of a future that waits for nothing that the driver knows.
const UNKNOWN_WAIT: Duration = Duration::from_millis(50);

/// The connection of a server whose client sent something last, by the port of that client.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastActive(Arc<AtomicU16>);

/// What a connection's future waits for, noted by its socket while it is polled.
#[derive(Debug, Default)]
pub(crate) struct Interest {
    pub(crate) read: Cell<bool>,
    pub(crate) write: Cell<bool>,
    /// When to poll again, whatever the socket does.
    pub(crate) look_again: Cell<Option<Instant>>,
}

/// Futures that run beside a connection's own, and end with it: reading on where a body is not wanted.
#[derive(Clone, Default)]
pub(crate) struct Beside(Rc<RefCell<Vec<SideFuture>>>);

type SideFuture = Pin<Box<dyn Future<Output = ()>>>;

impl Beside {
    /// Adds a future.
    pub(crate) fn add(&self, future: impl Future<Output = ()> + 'static) {
        self.0.borrow_mut().push(Box::pin(future));
    }

    fn poll(&self, context: &mut Context<'_>) {
        let mut running = self.0.take();
        running.retain_mut(|future| future.as_mut().poll(context).is_pending());
        self.0.borrow_mut().append(&mut running);
    }
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The thread of one connection.
pub(crate) struct Driver {
    pub(crate) connection: Arc<Connection>,
    pub(crate) interest: Rc<Interest>,
    pub(crate) beside: Beside,
    pub(crate) last_active: LastActive,
}

impl Driver {
    /// Runs the future of the connection to its end.
    pub(crate) fn run<F: Future>(&self, future: F) -> F::Output {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(future);
        let mut last_wait = None;
        loop {
            self.interest.read.set(false);
            self.interest.write.set(false);
            self.interest.look_again.set(None);
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
            self.beside.poll(&mut context);
            if !woken.0.swap(false, Ordering::Relaxed) {
                last_wait = self.wait(last_wait);
            }
        }
    }

    /// Waits until the socket is ready or a deadline has come. Returns how long the client let the connection wait, if no
    /// other client was active meanwhile.
    fn wait(&self, last_wait: Option<Duration>) -> Option<Duration> {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, self.interest.read.get());
        flags.set(PollFlags::OUT, self.interest.write.get());
        if flags.is_empty() {
            thread::sleep(UNKNOWN_WAIT);
            return None;
        }
        let begun = now();
        let number = self.connection.peer().port();
        let is_last = || self.last_active.0.load(Ordering::Relaxed) == number;
        if last_wait.is_some_and(|wait| wait <= POLL_AWAKE) && flags == PollFlags::IN {
            while is_last() && begun.elapsed() < POLL_AWAKE {
                if self.is_ready(flags, Some(Duration::ZERO)) {
                    return Some(begun.elapsed());
                }
                thread::yield_now();
            }
        }
        let look_again = self.interest.look_again.get();
        let deadlines = [self.connection.input_deadline(), self.connection.output_deadline(), look_again];
        let deadline: Option<Instant> = deadlines.into_iter().flatten().min();
        let ready = self.is_ready(flags, deadline.map(|deadline| deadline.saturating_duration_since(now())));
        let was_last = self.last_active.0.swap(number, Ordering::Relaxed) == number;
        (ready && was_last).then(|| begun.elapsed())
    }

    fn is_ready(&self, flags: PollFlags, timeout: Option<Duration>) -> bool {
        let mut sockets = [PollFd::new(self.connection.socket(), flags)];
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        // An interrupted call counts as ready: the future looks for itself.
        poll(&mut sockets, timeout.as_ref()).map_or(true, |ready| ready > 0)
    }
}
