//! The listening socket: accepts connections up to a number, gives each a thread, and stops in order.

use super::{ServerOptions, context::ServerContext, descriptors, mount::Mount, service::Service};
#[cfg(feature = "tls")]
use crate::http::tls::{HANDSHAKE_RECORD, TlsSocket};
use crate::http::{
    connections::{Connection, Open},
    driver::{Beside, Driver, Interest},
    socket::Socket,
    stream::{Stream, Transport},
};
use hashrange::{Database, regions::World};
use hyper::{server::conn::http1, service::service_fn};
use rustix::event::{PollFd, PollFlags, poll};
#[cfg(feature = "tls")]
use std::future::poll_fn;
use std::{
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// Bytes of a request's head: DynamoDB's clients send about one kilobyte.
const MAX_HEAD_BYTES: usize = 32 << 10;
/// Headers of a request.
const MAX_HEADERS: usize = 64;
/// Pause after the system did not accept a connection, and between two looks for a connection that can be closed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How many such pauses a connection that is closed for another one gets to end.
const EVICTION_PAUSES: u32 = 20;
/// What a connection beyond the number for its address gets.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// A socket that listens, before a database is served on it. Clients that connect wait.
#[derive(Debug)]
pub struct BoundServer {
    listener: TcpListener,
    options: ServerOptions,
    mount: Option<Mount>,
    address: SocketAddr,
}

/// A server that is running; it stops when this is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Stopper,
    thread: Option<JoinHandle<()>>,
}

/// Asks a server to stop, from anywhere: a signal handler, another thread.
#[derive(Clone, Debug)]
pub struct Stopper(Arc<StopSignal>);

#[derive(Debug)]
struct StopSignal {
    stopping: AtomicBool,
    /// A socket connected to itself: a byte in it wakes the accepting thread.
    wake: UdpSocket,
}

impl Stopper {
    fn new() -> io::Result<Self> {
        let wake = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        wake.connect(wake.local_addr()?)?;
        wake.set_nonblocking(true)?;
        Ok(Self(Arc::new(StopSignal { stopping: AtomicBool::new(false), wake })))
    }

    /// No further connections are accepted; requests in progress are finished, up to
    /// [`stop_timeout`](ServerOptions::stop_timeout).
    pub fn stop(&self) {
        self.0.stopping.store(true, Ordering::SeqCst);
        if let Err(error) = self.0.wake.send(&[0]) {
            tracing::warn!(%error, "the server stops with the next connection");
        }
    }

    fn is_asked(&self) -> bool {
        self.0.stopping.load(Ordering::SeqCst)
    }
}

impl BoundServer {
    /// Serves pages of another crate besides, for browsers on this machine. Errors: requests have to be signed, which a browser
    /// does not do; the address is not a loopback one.
    pub fn mount(mut self, mount: Mount) -> io::Result<Self> {
        self.options.check_mount()?;
        self.mount = Some(mount);
        Ok(self)
    }

    /// Serves one of several regions: tables can have replicas in the others. The options name the region.
    #[must_use]
    pub fn in_world(mut self, world: World) -> Self {
        self.options.world = Some(world);
        self
    }

    /// Serves a database, on a thread of its own.
    pub fn serve(self, database: Database) -> io::Result<Server> {
        let Self { listener, options, mount, address } = self;
        let stop = Stopper::new()?;
        let stopper = stop.clone();
        let context = Arc::new(ServerContext::new(database, options, mount, address));
        let thread = thread::Builder::new().name("hashrange-serve".to_owned()).spawn(move || {
            Acceptor { listener, stop: stopper, context }.run();
        })?;
        Ok(Server { address, stop, thread: Some(thread) })
    }

    /// The address listened on, with the port that was picked.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Server {
    /// Takes the address, so that a database is opened only if it can be served.
    ///
    /// Fails if the address cannot be listened on, if it is not a loopback address and there are no credentials, and if the
    /// credentials are empty.
    pub fn bind(options: ServerOptions) -> io::Result<BoundServer> {
        options.check()?;
        let listener = TcpListener::bind(options.address)?;
        // A client that goes away between `poll` and `accept` must not block the thread.
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(BoundServer { listener, options, mount: None, address })
    }

    /// Starts a server of `database` on a thread of its own; it accepts connections when this returns. Fails as
    /// [`bind`](Self::bind) does.
    pub fn start(database: Database, options: ServerOptions) -> io::Result<Self> {
        Self::bind(options)?.serve(database)
    }

    /// The address listened on, with the port that was picked.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A handle that asks this server to stop.
    pub fn stopper(&self) -> Stopper {
        self.stop.clone()
    }

    /// Waits until the server has stopped.
    pub fn wait(mut self) {
        self.join();
    }

    /// Stops the server and waits until it has.
    pub fn stop(self) {
        self.stop.stop();
        self.wait();
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.stop();
        self.join();
    }
}

/// The thread that accepts connections.
struct Acceptor {
    listener: TcpListener,
    stop: Stopper,
    context: Arc<ServerContext>,
}

impl Acceptor {
    /// Accepts connections until a stop is asked for, then waits for those that are open.
    fn run(self) {
        let options = &self.context.options;
        let most = descriptors::most_connections(options.max_connections);
        if most < options.max_connections {
            tracing::info!(
                most,
                wanted = options.max_connections,
                "connections are limited by the system's descriptors"
            );
        }
        let most_of_address = options.max_connections_per_address.unwrap_or(most - most / 4).min(most);
        while self.wait_for_client() && self.make_room(most) {
            match self.listener.accept() {
                Ok((stream, peer)) => self.admit(stream, peer, most_of_address),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    self.context.connections.evict_one(None);
                    thread::sleep(ACCEPT_PAUSE);
                }
            }
        }
        drop(self.listener);
        let connections = &self.context.connections;
        connections.stop();
        if !connections.wait_below(1, self.context.options.stop_timeout) {
            tracing::warn!("stopped with requests in progress");
            connections.close_all();
        }
        self.context.protocol.pause();
    }

    /// Waits until a client wants to connect; false if a stop is asked for.
    fn wait_for_client(&self) -> bool {
        let mut sockets = [PollFd::new(&self.listener, PollFlags::IN), PollFd::new(&self.stop.0.wake, PollFlags::IN)];
        if let Err(error) = poll(&mut sockets, None)
            && error != rustix::io::Errno::INTR
        {
            tracing::warn!(%error, "cannot wait for connections");
            thread::sleep(ACCEPT_PAUSE);
        }
        !self.stop.is_asked()
    }

    /// Waits until a connection more may be open, and closes one that is idle if that helps; false if a stop is asked for.
    fn make_room(&self, most: usize) -> bool {
        let connections = &self.context.connections;
        while connections.count() >= most {
            connections.evict_one(None);
            connections.wait_below(most, ACCEPT_PAUSE);
            if self.stop.is_asked() {
                return false;
            }
        }
        true
    }

    /// Gives a connection a thread, unless its address has too many.
    fn admit(&self, stream: TcpStream, peer: SocketAddr, most_of_address: usize) {
        let context = &self.context;
        context.metrics.accepted();
        let is_full = || context.connections.count_of(peer.ip()) >= most_of_address;
        if is_full() && !(context.connections.evict_one(Some(peer.ip())) && self.left_soon(is_full)) {
            tracing::debug!(%peer, "too many connections from this address");
            let _ = (&stream).write(TOO_MANY);
            return;
        }
        if let Err(error) = self.serve(stream, peer) {
            tracing::warn!(%peer, %error, "cannot serve a connection");
        }
    }

    /// Whether a connection that was closed has left.
    fn left_soon(&self, is_full: impl Fn() -> bool) -> bool {
        let connections = &self.context.connections;
        for _ in 0..EVICTION_PAUSES {
            if !is_full() {
                return true;
            }
            connections.wait_below(connections.count(), ACCEPT_PAUSE);
        }
        !is_full()
    }

    fn serve(&self, stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        // Answers are small and awaited: they must not wait for more.
        let _ = stream.set_nodelay(true);
        let context = Arc::clone(&self.context);
        let mut open = context.connections.add(stream, peer, context.options.deadlines());
        let thread = thread::Builder::new().name("hashrange-http".to_owned()).spawn(move || run(context, &mut open));
        thread.map(|_| ())
    }
}

/// Serves one connection to its end. It counts as open until everything is let go of, the database included.
fn run(context: Arc<ServerContext>, open: &mut Open) {
    let Some(connection) = open.take() else { return };
    let peer = connection.peer();
    if let Err(error) = serve(context, connection) {
        tracing::debug!(%peer, %error, "connection ended");
    }
}

fn serve(context: Arc<ServerContext>, connection: Arc<Connection>) -> io::Result<()> {
    let interest = Rc::new(Interest::default());
    let beside = Beside::default();
    let driver = Driver {
        connection: Arc::clone(&connection),
        interest: Rc::clone(&interest),
        beside: beside.clone(),
        last_active: context.last_active.clone(),
    };
    let socket = Socket::new(Arc::clone(&connection), Rc::clone(&interest));
    let Some((stream, transport)) = begin(&context, &driver, socket)? else { return Ok(()) };
    let service = Service { context, connection, beside, interest, transport };
    let http = http1::Builder::new()
        // A client may say that it sends no more, and still wants its answers.
        .half_close(true)
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(
            stream,
            service_fn(move |request| {
                let service = service.clone();
                service.respond(request)
            }),
        );
    driver.run(http).map_err(io::Error::other)
}

/// Finds out how a client speaks: with a certificate, one that begins with anything but a handshake is not encrypted. `None`
/// if it goes away before it says anything.
#[cfg(feature = "tls")]
fn begin(context: &ServerContext, driver: &Driver, socket: Socket) -> io::Result<Option<(Stream, Transport)>> {
    let Some(identity) = &context.options.tls else { return Ok(Some((Stream::Plain(socket), Transport::Plain))) };
    match driver.run(poll_fn(|_| socket.poll_first_byte()))? {
        None => Ok(None),
        Some(HANDSHAKE_RECORD) => {
            let socket = TlsSocket::new(socket, identity.current())?;
            Ok(Some((Stream::Tls(Box::new(socket)), Transport::Tls)))
        }
        Some(_) => Ok(Some((Stream::Plain(socket), Transport::NotEncrypted))),
    }
}

/// Without TLS, every client speaks in clear.
#[cfg(not(feature = "tls"))]
#[expect(clippy::unnecessary_wraps, reason = "with TLS it can fail")]
fn begin(_: &ServerContext, _: &Driver, socket: Socket) -> io::Result<Option<(Stream, Transport)>> {
    Ok(Some((Stream::Plain(socket), Transport::Plain)))
}
