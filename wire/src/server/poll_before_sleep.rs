//! A stream that looks out for its client before its thread goes to sleep.
//!
//! Waking a thread can take longer than answering a point read, above all on a virtual machine, which gives back a
//! processor without work. A client that sent its last request right behind the answer before it most likely does so
//! again. Its connection is asked for news a little longer, with the processor offered to others in between, before its
//! thread sleeps. Only the connection that was served last does that: where several are busy, the processors have
//! work, and looking out would take it from them.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    task::{Context, Poll},
    thread,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Instant,
};

/// How long the connection looks out for a client that was as quick as that the last time.
const LOOKOUT: Duration = Duration::from_micros(100);

/// The number of the connection of a server that heard from its client last.
#[derive(Clone, Default)]
pub(super) struct LastActiveConnection(Arc<AtomicU16>);

/// A stream of a connection, and how long its client let it wait.
pub(super) struct SpinningStream {
    stream: TcpStream,
    served_last: LastActiveConnection,
    /// What tells this connection from others that are open: the port of its client.
    number: u16,
    /// Since when it waits, if it does.
    waiting_since: Option<Instant>,
    /// How long its client let it wait the last time, if no other client was served meanwhile.
    last_wait: Option<Duration>,
}

impl SpinningStream {
    /// The stream of the connection with the client at `peer`.
    pub(super) fn new(stream: TcpStream, peer: SocketAddr, served_last: LastActiveConnection) -> Self {
        Self { stream, served_last, number: peer.port(), waiting_since: None, last_wait: None }
    }

    /// Notes that the client has sent something.
    fn heard(&mut self) {
        if let Some(since) = self.waiting_since.take() {
            let alone = self.served_last.0.swap(self.number, Ordering::Relaxed) == self.number;
            self.last_wait = alone.then(|| since.elapsed());
        }
    }

    /// Whether to ask again before the thread sleeps.
    fn looks_out(&mut self) -> bool {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        self.last_wait.is_some_and(|wait| wait <= LOOKOUT)
            && self.served_last.0.load(Ordering::Relaxed) == self.number
            && since.elapsed() < LOOKOUT
    }
}

impl AsyncRead for SpinningStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if read.is_ready() {
            self.heard();
        } else if self.looks_out() {
            thread::yield_now();
            cx.waker().wake_by_ref();
        }
        read
    }
}

impl AsyncWrite for SpinningStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
