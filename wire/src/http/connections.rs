//! The open connections: what each does at the moment, and which one is closed when another needs its place or memory.

use super::pace::{Pace, Transfer, now};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, Shutdown, SocketAddr, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Time that the head of a request has where others wait for its connection.
const HEAD_TIME_UNDER_PRESSURE: Duration = Duration::from_secs(2);

/// How long clients may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    /// From an answer to the first byte of the next request.
    pub(crate) idle: Duration,
    /// From the first byte of a request to the end of its head.
    pub(crate) head: Duration,
    /// Bodies of requests, and answers.
    pub(crate) pace: Pace,
}

/// What arrives from the client.
#[derive(Clone, Copy, Debug)]
enum Input {
    /// Nothing, since the last answer.
    Idle(Instant),
    /// The head of a request.
    Head(Instant),
    /// The body of a request.
    Body(Transfer),
    /// A whole request has arrived and is not answered yet.
    Arrived,
}

#[derive(Clone, Copy, Debug)]
struct Activity {
    input: Input,
    /// An answer that the client does not take at once.
    output: Option<Transfer>,
}

/// One connection, as its own thread and all others see it.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: TcpStream,
    peer: SocketAddr,
    deadlines: Deadlines,
    activity: Mutex<Activity>,
    stopping: AtomicBool,
}

impl Connection {
    fn new(socket: TcpStream, peer: SocketAddr, deadlines: Deadlines) -> Self {
        let activity = Activity { input: Input::Idle(now()), output: None };
        Self { socket, peer, deadlines, activity: Mutex::new(activity), stopping: AtomicBool::new(false) }
    }

    /// The socket, which does not block.
    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// The client.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// What counts as one client: an IPv4 address, or a network of IPv6 as a subscriber gets it.
    pub(crate) fn address(&self) -> IpAddr {
        client_address(self.peer.ip())
    }

    fn activity(&self) -> MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes have arrived.
    pub(crate) fn received(&self, bytes: usize) {
        match &mut self.activity().input {
            idle @ Input::Idle(_) => *idle = Input::Head(now()),
            Input::Body(transfer) => transfer.advance(bytes),
            Input::Head(_) | Input::Arrived => {}
        }
    }

    /// Bytes of a request have been decrypted that arrived together with those before them.
    #[cfg(feature = "tls")]
    pub(super) fn begin_head(&self) {
        if let idle @ Input::Idle(_) = &mut self.activity().input {
            *idle = Input::Head(now());
        }
    }

    /// The client and the server agree on keys: the first request is awaited.
    #[cfg(feature = "tls")]
    pub(super) fn handshake_done(&self) {
        self.activity().input = Input::Idle(now());
    }

    /// The head of a request is complete, its body is awaited.
    pub(crate) fn begin_body(&self) {
        self.activity().input = Input::Body(Transfer::begin(self.deadlines.pace));
    }

    /// The request is complete, or its body is not wanted: its client is not waited for until it is answered.
    pub(crate) fn arrived(&self) {
        self.activity().input = Input::Arrived;
    }

    /// The client has taken bytes of an answer.
    pub(crate) fn sent(&self, bytes: usize) {
        if let Some(transfer) = &mut self.activity().output {
            transfer.advance(bytes);
        }
    }

    /// The client does not take more of an answer for the moment.
    pub(crate) fn send_blocked(&self) {
        self.activity().output.get_or_insert_with(|| Transfer::begin(self.deadlines.pace));
    }

    /// Everything that was to be sent is on its way.
    pub(crate) fn flushed(&self) {
        let mut activity = self.activity();
        activity.output = None;
        if matches!(activity.input, Input::Arrived) {
            activity.input = Input::Idle(now());
        }
    }

    /// Whether nothing was received since the last answer.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.activity().input, Input::Idle(_))
    }

    /// Whether the server stops: the connection ends as soon as it is idle.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// When the client is too slow with what it sends, if nothing arrives until then.
    pub(crate) fn input_deadline(&self) -> Option<Instant> {
        match self.activity().input {
            Input::Idle(since) => since.checked_add(self.deadlines.idle),
            Input::Head(since) => since.checked_add(self.deadlines.head),
            Input::Body(transfer) => transfer.deadline,
            Input::Arrived => None,
        }
    }

    /// When the client is too slow in taking an answer.
    pub(crate) fn output_deadline(&self) -> Option<Instant> {
        self.activity().output?.deadline
    }

    /// Whether the client was too slow with what it sends.
    pub(crate) fn input_is_late(&self) -> bool {
        self.input_deadline().is_some_and(|deadline| deadline <= now())
    }

    /// Whether the head of a request takes too long.
    pub(crate) fn head_is_late(&self) -> bool {
        matches!(self.activity().input, Input::Head(since) if since.elapsed() >= self.deadlines.head)
    }

    /// Since when the connection may be closed for another one; `None` if it may not.
    fn closable_since(&self) -> Option<(Standing, Instant)> {
        let activity = *self.activity();
        let late = |deadline: Instant, direction: PollFlags| {
            (deadline <= now() && !self.is_ready(direction)).then_some((Standing::Slow, deadline))
        };
        if let Some(output) = activity.output {
            return late(output.deadline_under_pressure, PollFlags::OUT);
        }
        match activity.input {
            Input::Idle(since) => Some((Standing::Idle, since)),
            Input::Head(since) => late(since + HEAD_TIME_UNDER_PRESSURE, PollFlags::IN),
            Input::Body(transfer) => late(transfer.deadline_under_pressure, PollFlags::IN),
            Input::Arrived => None,
        }
    }

    /// Whether bytes have arrived, or could be sent: then the client has done its part, and it is the thread of the connection
    /// that does not get to run.
    fn is_ready(&self, direction: PollFlags) -> bool {
        let mut sockets = [PollFd::new(&self.socket, direction)];
        poll(&mut sockets, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }

    /// Ends the connection from outside; its own thread notices at once.
    fn close(&self) {
        // A socket that the client has closed already cannot be shut down, and does not need it.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

/// A client with an IPv6 address has 2^64 of them.
fn client_address(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

/// Why a connection may be closed; the first is closed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Idle,
    Slow,
}

/// The connections of a server.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    open: Mutex<HashMap<u64, Arc<Connection>>>,
    left: Condvar,
    next: AtomicU64,
    stopping: AtomicBool,
    /// Connections that were closed for others.
    evicted: AtomicU64,
}

impl Connections {
    fn open(&self) -> MutexGuard<'_, HashMap<u64, Arc<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a connection; it is open until the guard is dropped.
    pub(crate) fn add(self: &Arc<Self>, socket: TcpStream, peer: SocketAddr, deadlines: Deadlines) -> Open {
        let connection = Arc::new(Connection::new(socket, peer, deadlines));
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.open().insert(number, Arc::clone(&connection));
        if self.stopping.load(Ordering::SeqCst) {
            connection.stopping.store(true, Ordering::SeqCst);
        }
        Open { all: Arc::clone(self), number, connection: Some(connection) }
    }

    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        self.open().len()
    }

    /// How many are open with clients at the address of a peer.
    pub(crate) fn count_of(&self, peer: IpAddr) -> usize {
        let address = client_address(peer);
        self.open().values().filter(|connection| connection.address() == address).count()
    }

    /// How many were closed because others needed their places or memory.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// Closes the connection that is idle for the longest time, or else the one whose client is too slow for the longest
    /// time; `peer` restricts the choice to clients at its address. Whether there was one.
    pub(crate) fn evict_one(&self, peer: Option<IpAddr>) -> bool {
        let (address, open) = (peer.map(client_address), self.open());
        let of_address = open.values().filter(|known| address.is_none_or(|address| known.address() == address));
        let closable = of_address.filter_map(|connection| Some((connection.closable_since()?, connection)));
        let Some((_, victim)) = closable.min_by_key(|(closable, _)| *closable) else { return false };
        self.evict(victim);
        true
    }

    /// Closes all connections whose clients are too slow while others wait for memory.
    pub(crate) fn evict_slow(&self) {
        for connection in self.open().values() {
            if matches!(connection.closable_since(), Some((Standing::Slow, _))) {
                self.evict(connection);
            }
        }
    }

    fn evict(&self, connection: &Connection) {
        tracing::debug!(peer = %connection.peer, "connection closed for others");
        self.evicted.fetch_add(1, Ordering::Relaxed);
        connection.close();
    }

    /// Waits until fewer than `most` are open, or the time is up; whether they are.
    pub(crate) fn wait_below(&self, most: usize, timeout: Duration) -> bool {
        let open = self.open();
        let waited = self.left.wait_timeout_while(open, timeout, |open| open.len() >= most);
        waited.unwrap_or_else(PoisonError::into_inner).0.len() < most
    }

    /// Lets requests in progress come to an end, and closes connections that are idle, now or when they become so.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        for connection in self.open().values() {
            connection.stopping.store(true, Ordering::SeqCst);
            if connection.is_idle() {
                // Its thread wakes up and reads the end; a request that arrives meanwhile is still read and answered.
                let _ = connection.socket.shutdown(Shutdown::Read);
            }
        }
    }

    /// Closes all connections.
    pub(crate) fn close_all(&self) {
        self.open().values().for_each(|connection| connection.close());
    }
}

/// A connection that is counted as open.
#[derive(Debug)]
pub(crate) struct Open {
    all: Arc<Connections>,
    number: u64,
    connection: Option<Arc<Connection>>,
}

impl Open {
    /// The connection.
    pub(crate) fn take(&mut self) -> Option<Arc<Connection>> {
        self.connection.take()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let removed = self.all.open().remove(&self.number);
        // The descriptor is closed before another connection takes the place.
        drop((removed, self.connection.take()));
        self.all.left.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let client = |text: &str| client_address(text.parse().unwrap()).to_string();
        assert_eq!(client("10.1.2.3"), "10.1.2.3");
        assert_eq!(client("::ffff:10.1.2.3"), "10.1.2.3");
        assert_eq!(client("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
