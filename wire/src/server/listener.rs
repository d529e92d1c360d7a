//! The listening socket: accepts connections up to a number, gives each a thread, and stops in order.

use super::{ServerOptions, connection::ServerContext, poll_before_sleep::SpinningStream};
use hashrange::Database;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use std::{io, net::SocketAddr, sync::Arc, thread::JoinHandle, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};

/// Bytes of a request's head: DynamoDB's clients send about one kilobyte.
const MAX_HEAD_BYTES: usize = 32 << 10;
/// More threads than any system has for one process.
const MOST_CONNECTIONS: u32 = 1 << 20;
/// Headers of a request.
const MAX_HEADERS: usize = 64;
/// Pause after the system refused to accept a connection, for example because it ran out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A server that is running; it stops when this is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Stopper,
    thread: Option<JoinHandle<()>>,
}

/// Asks a server to stop, from anywhere: a signal handler, another thread.
#[derive(Clone, Debug)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// No further connections are accepted; requests in progress are finished, up to
    /// [`stop_timeout`](ServerOptions::stop_timeout).
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Server {
    /// Starts a server of `database` on a thread of its own; it accepts connections when this returns.
    ///
    /// Fails if the address cannot be listened on, or if it is not a loopback address and there are no credentials.
    pub fn start(database: Database, options: ServerOptions) -> io::Result<Self> {
        if !options.address.ip().is_loopback() && options.credentials.is_none() {
            let text =
                format!("{} can be reached from other machines; set credentials to listen there", options.address);
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        let runtime = runtime()?;
        let listener = runtime.block_on(TcpListener::bind(options.address))?;
        let address = listener.local_addr()?;
        let (sender, receiver) = watch::channel(false);
        let state = Arc::new(ServerContext::new(database, options, address));
        let thread = std::thread::Builder::new().name("hashrange-serve".to_owned()).spawn(move || {
            runtime.block_on(accept(listener, &state, receiver));
        })?;
        Ok(Self { address, stop: Stopper(sender), thread: Some(thread) })
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

/// What a thread waits on: its socket and its timers.
fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Accepts connections until a stop is asked for, then waits for those that are open.
async fn accept(listener: TcpListener, state: &Arc<ServerContext>, mut stop: watch::Receiver<bool>) {
    let most = u32::try_from(state.options.max_connections.max(1)).unwrap_or(MOST_CONNECTIONS).min(MOST_CONNECTIONS);
    let connections = Arc::new(Semaphore::new(most as usize));
    let open = GracefulShutdown::new();
    loop {
        let accepted = async {
            let place = Arc::clone(&connections).acquire_owned().await;
            (place, listener.accept().await)
        };
        tokio::select! {
            (place, accepted) = accepted => match accepted {
                Ok((stream, peer)) => {
                    if let Err(error) = serve(state, stream, peer, place.ok(), &open) {
                        tracing::warn!(%peer, %error, "cannot serve a connection");
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            _ = stop.wait_for(|stop| *stop) => break,
        }
    }
    drop(listener);
    // A place is given back when its thread has let go of everything, the database included.
    let all_gone = async {
        open.shutdown().await;
        connections.acquire_many(most).await.is_ok()
    };
    if tokio::time::timeout(state.options.stop_timeout, all_gone).await.is_err() {
        tracing::warn!("stopped with requests in progress");
    }
}

/// Serves one connection on a thread of its own; `place` counts it among the open ones.
fn serve(
    state: &Arc<ServerContext>,
    stream: TcpStream,
    peer: SocketAddr,
    place: Option<OwnedSemaphorePermit>,
    open: &GracefulShutdown,
) -> io::Result<()> {
    // Answers are small and awaited: they must not wait for more.
    let _ = stream.set_nodelay(true);
    let stream = stream.into_std()?;
    let (runtime, watcher, state) = (runtime()?, open.watcher(), Arc::clone(state));
    let connection = async move {
        let _counted = state.metrics.connection();
        let stream = match TcpStream::from_std(stream) {
            Ok(stream) => TokioIo::new(SpinningStream::new(stream, peer, state.served_last.clone())),
            Err(error) => return tracing::warn!(%peer, %error, "cannot serve a connection"),
        };
        let service_state = Arc::clone(&state);
        let service = service_fn(move |request| {
            let state = Arc::clone(&service_state);
            async move { Ok::<_, std::convert::Infallible>(state.respond(request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(state.options.head_timeout)
            .max_buf_size(MAX_HEAD_BYTES)
            .max_headers(MAX_HEADERS)
            .serve_connection(stream, service);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%peer, %error, "connection ended");
        }
    };
    let thread = std::thread::Builder::new().name("hashrange-http".to_owned()).spawn(move || {
        runtime.block_on(connection);
        drop(place);
    });
    thread.map(|_| ())
}
