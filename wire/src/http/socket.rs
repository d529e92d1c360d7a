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
    buffer: Box<[u8]>,
}

impl Socket {
    /// The socket of a connection; `interest` is where its driver looks.
    pub(crate) fn new(connection: Arc<Connection>, interest: Rc<Interest>) -> Self {
        Self { connection, interest, buffer: vec![0; READ_BYTES].into_boxed_slice() }
    }

    fn written(&self, written: io::Result<usize>) -> Poll<io::Result<usize>> {
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
    fn nothing_arrived(&self) -> Poll<io::Result<()>> {
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
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
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
