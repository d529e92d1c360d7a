//! The socket of a connection as hyper reads and writes it: it notes what it waits for, and keeps the deadlines.

use super::{connections::Connection, driver::Interest, pace::now};
use hyper::rt::{Read, ReadBufCursor, Write};
use std::{
    io::{self, ErrorKind, IoSlice, Read as _, Write as _},
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

/// Bytes that are read at once.
const READ_BYTES: usize = 16 << 10;

/// A socket that does not block.
pub(crate) struct Socket {
    connection: Arc<Connection>,
    interest: Rc<Interest>,
    /// Where bytes arrive; those that are decrypted too.
    pub(super) buffer: Box<[u8]>,
}

impl Socket {
    /// The socket of a connection; `interest` is where its driver looks.
    pub(crate) fn new(connection: Arc<Connection>, interest: Rc<Interest>) -> Self {
        Self { connection, interest, buffer: vec![0; READ_BYTES].into_boxed_slice() }
    }

    /// The connection that it belongs to.
    #[cfg(feature = "tls")]
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The first byte that the client sends, which stays to be read; `None` if the connection ends before one.
    #[cfg(feature = "tls")]
    pub(crate) fn poll_first_byte(&self) -> Poll<io::Result<Option<u8>>> {
        let mut first = [0];
        match uninterrupted(|| self.connection.socket().peek(&mut first)) {
            Ok(0) => Poll::Ready(Ok(None)),
            Ok(_) => Poll::Ready(Ok(Some(first[0]))),
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.nothing_arrived().map_ok(|()| None),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// What a write means: bytes are on their way, or the client is waited for, as long as it may take.
    pub(super) fn written(&self, written: io::Result<usize>) -> Poll<io::Result<usize>> {
        match written {
            Ok(bytes) => {
                self.connection.sent(bytes);
                Poll::Ready(Ok(bytes))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.connection.send_blocked();
                if self.connection.output_deadline().is_some_and(|deadline| deadline <= now()) {
                    return Poll::Ready(Err(too_slow("the client does not take its answer")));
                }
                self.interest.write.set(true);
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Nothing is there to be read: waits, or ends the connection where that is due.
    pub(super) fn nothing_arrived(&self) -> Poll<io::Result<()>> {
        if self.connection.is_idle() && (self.connection.is_stopping() || self.connection.input_is_late()) {
            return Poll::Ready(Ok(())); // reads as the end of the connection
        }
        if self.connection.head_is_late() {
            return Poll::Ready(Err(too_slow("the head of a request does not arrive")));
        }
        self.interest.read.set(true);
        Poll::Pending
    }
}

fn too_slow(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::TimedOut, what)
}

/// Repeats a call that a signal has interrupted.
pub(super) fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// The bytes of a connection as they are on the network, for what reads and writes records.
#[cfg(feature = "tls")]
pub(super) struct Wire<'c>(pub(super) &'c Connection);

#[cfg(feature = "tls")]
impl io::Read for Wire<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let bytes = self.0.socket().read(target)?;
        self.0.received(bytes);
        Ok(bytes)
    }
}

#[cfg(feature = "tls")]
impl io::Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.socket().write(bytes)
    }
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.socket().write_vectored(slices)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Socket {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, mut target: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let most = target.remaining().min(this.buffer.len());
        match uninterrupted(|| this.connection.socket().read(&mut this.buffer[..most])) {
            Ok(bytes) => {
                this.connection.received(bytes);
                target.put_slice(&this.buffer[..bytes]);
                Poll::Ready(Ok(()))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => this.nothing_arrived(),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl Write for Socket {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.written(uninterrupted(|| self.connection.socket().write(bytes)))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.written(uninterrupted(|| self.connection.socket().write_vectored(slices)))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A client that has gone needs no goodbye.
        let _ = self.connection.socket().shutdown(std::net::Shutdown::Write);
        Poll::Ready(Ok(()))
    }
}
