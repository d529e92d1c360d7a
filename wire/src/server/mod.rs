//! The HTTP server: DynamoDB's protocol on a socket.
//!
//! A connection has a thread of its own, which calls the engine itself: a call that waits for a disk delays no other
//! connection, and no request is handed to another thread and back, which costs more than a point read. Everything that a
//! client can make the server hold is bounded:
//!
//! | resource | bound |
//! |---|---|
//! | descriptors | [`max_connections`](ServerOptions::max_connections), and what the system allows less what the database needs; an idle connection is closed for a new one |
//! | memory | [`max_buffered_bytes`](ServerOptions::max_buffered_bytes), which counts bodies, what they become when decoded, and answers; a client at one address gets three quarters |
//! | time | [`idle_timeout`](ServerOptions::idle_timeout), [`head_timeout`](ServerOptions::head_timeout), and [`min_bytes_per_sec`](ServerOptions::min_bytes_per_sec) for bodies and answers; a TLS handshake counts as part of the first head |
//!
//! ```no_run
//! use hashrange::Database;
//! use hashrange_wire::server::{Server, ServerOptions};
//!
//! let server = Server::start(Database::in_memory()?, ServerOptions::default())?;
//! println!("listening on http://{}", server.address());
//! server.wait();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod body;
mod context;
mod cost;
mod descriptors;
mod dialect;
mod keys;
mod listener;
mod metrics;
mod mount;
mod mounted;
mod options;
mod service;
mod service_metrics;
mod tag;

pub use crate::http::signature::Credentials;
#[cfg(feature = "tls")]
pub use crate::http::tls_identity::{TlsIdentity, TlsIdentityError};
pub use listener::{BoundServer, Server, Stopper};
pub use mount::{Handler, LiveBody, Mount, MountedBody};
pub use options::ServerOptions;
