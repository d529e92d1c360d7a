//! TLS on the socket of a connection.
//!
//! A [`TlsSocket`] is between hyper and the [`Socket`]: rustls turns records into bytes and back, and does no I/O of its own. The
//! handshake belongs to the head of the first request: its bytes begin the time that a head has, and a finished handshake
//! begins the time that a connection may be idle. Everything that a client can make a session hold is bounded by rustls: 64 KiB
//! of a handshake, one record that arrives, 64 KiB that wait to be sent.

use super::socket::{Socket, Wire, uninterrupted};
use hyper::rt::{Read, ReadBufCursor, Write};
use rustls::{ServerConfig, ServerConnection};
use std::{
    io::{self, ErrorKind, IoSlice, Read as _, Write as _},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// The first byte of a client that speaks TLS: the type of a record with a handshake in it.
pub(crate) const HANDSHAKE_RECORD: u8 = 0x16;

/// A socket with a TLS session on it.
pub(crate) struct TlsSocket {
    socket: Socket,
    session: ServerConnection,
}

impl TlsSocket {
    /// A session that has not begun. Errors: rustls cannot make one of this configuration.
    pub(crate) fn new(socket: Socket, config: Arc<ServerConfig>) -> io::Result<Self> {
        let session = ServerConnection::new(config).map_err(io::Error::other)?;
        Ok(Self { socket, session })
    }

    /// Sends what the session has to send: its part of the handshake, answers, alerts.
    fn send_pending(&mut self) -> Poll<io::Result<()>> {
        while self.session.wants_write() {
            let connection = self.socket.connection();
            let written = uninterrupted(|| self.session.write_tls(&mut Wire(connection)));
            match self.socket.written(written) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Bytes that were decrypted already; `None` if there are none, 0 at the end of the connection.
    fn decrypted(&mut self, most: usize) -> io::Result<Option<usize>> {
        match self.session.reader().read(&mut self.socket.buffer[..most]) {
            Ok(bytes) => {
                if bytes > 0 {
                    self.socket.connection().begin_head();
                }
                Ok(Some(bytes))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            // Many clients close without saying so. HTTP itself says where a message ends.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(Some(0)),
            Err(error) => Err(error),
        }
    }

    /// Reads records, without waiting, and decrypts them. `false` if nothing has arrived.
    fn receive(&mut self) -> io::Result<bool> {
        let connection = self.socket.connection();
        match uninterrupted(|| self.session.read_tls(&mut Wire(connection))) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
        let was_handshaking = self.session.is_handshaking();
        if let Err(error) = self.session.process_new_packets() {
            // The alert tells the client why. A client that takes nothing is not told.
            let _ = self.send_pending();
            return Err(io::Error::new(ErrorKind::InvalidData, error));
        }
        if was_handshaking && !self.session.is_handshaking() {
            self.socket.connection().handshake_done();
        }
        Ok(true)
    }

    fn poll_send(&mut self, write: impl FnOnce(&mut ServerConnection) -> io::Result<usize>) -> Poll<io::Result<usize>> {
        // What is left of earlier answers goes first, so that the session has room.
        if let Poll::Ready(Err(error)) = self.send_pending() {
            return Poll::Ready(Err(error));
        }
        match write(&mut self.session) {
            Ok(0) => Poll::Pending, // full: the socket was noted as waited for
            Ok(bytes) => match self.send_pending() {
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                _ => Poll::Ready(Ok(bytes)),
            },
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl Read for TlsSocket {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, mut target: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let most = target.remaining().min(this.socket.buffer.len());
        loop {
            if let Some(bytes) = this.decrypted(most)? {
                target.put_slice(&this.socket.buffer[..bytes]);
                return Poll::Ready(Ok(()));
            }
            if let Poll::Ready(Err(error)) = this.send_pending() {
                return Poll::Ready(Err(error));
            }
            if !this.receive()? {
                return this.socket.nothing_arrived();
            }
        }
    }
}

impl Write for TlsSocket {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.poll_send(|session| session.writer().write(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if slices.iter().all(|slice| slice.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        self.poll_send(|session| session.writer().write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = self.send_pending();
        if matches!(sent, Poll::Ready(Ok(()))) {
            self.socket.connection().flushed();
        }
        sent
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.session.send_close_notify();
        // A client that has gone needs no goodbye, and one that takes nothing is not waited for.
        let _ = self.send_pending();
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
