//! The server on a socket, spoken to byte by byte.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod cbor;
mod client;
mod faults;
mod guard;
mod hostile;
mod limits;
mod mounted;
mod requests;
mod signatures;
mod stalled;
mod tls;
