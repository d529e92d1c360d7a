//! The HTTP server: DynamoDB's protocol on a socket.
//!
//! A connection has a thread of its own, which calls the engine itself: a call that waits for a disk stalls no other connection,
//! and none has to be handed to another thread and back, which costs more than a point read. Everything that a client can
//! make the server hold is bounded: the number of connections, the size and number of headers, the size of a body and of
//! all bodies together, and the time that each of them may take to arrive.
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

mod coding;
mod connection;
mod guard;
mod listener;
mod metrics;
mod options;
mod poll_before_sleep;
mod request_id;
mod signature;

pub use listener::{Server, Stopper};
pub(crate) use options::MAX_BODY_BYTES;
pub use options::{Credentials, ServerOptions};
