//! What the server knows of HTTP and of sockets, apart from DynamoDB's protocol and from the database.
//!
//! A connection has one thread and one descriptor. Its thread polls hyper's future for it ([`driver`]) and sleeps in
//! `poll(2)` on the socket ([`socket`], or [`stream`] where it may be encrypted), up to the next deadline. What a connection does at the moment is kept in one value
//! ([`connections`]), which says when its client is too slow, and which of all connections may be closed for another one.
//! Memory for bodies and answers is borrowed from a [`budget`] and returned when the bytes have left.

pub(crate) mod budget;
pub(crate) mod coding;
pub(crate) mod connections;
pub(crate) mod driver;
pub(crate) mod guard;
pub(crate) mod pace;
pub(crate) mod request_id;
pub(crate) mod signature;
pub(crate) mod socket;
pub(crate) mod stream;
#[cfg(feature = "tls")]
pub(crate) mod tls;
#[cfg(feature = "tls")]
pub(crate) mod tls_identity;

/// Largest request body, as of DynamoDB.
pub(crate) const MAX_BODY_BYTES: usize = 16 << 20;
