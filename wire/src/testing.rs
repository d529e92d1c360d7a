//! Help for test suites: a server on a free port that is gone when it is dropped.
//!
//! ```
//! use hashrange_wire::testing::TestServer;
//!
//! let server = TestServer::start()?;
//! let endpoint = server.endpoint();                   // give it to any DynamoDB client as its endpoint
//! assert!(endpoint.starts_with("http://127.0.0.1:"));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Tests that need the same data each begin with a fork of a database that was filled once. A clock that is moved by hand
//! makes hours pass between two lines:
//!
//! ```
//! use hashrange::{Clock, Database, Item, key::S};
//! use hashrange_wire::testing::TestServer;
//! use std::time::Duration;
//!
//! let clock = Clock::manual(1_800_000_000_000);
//! let prepared = Database::options().clock(clock.clone()).background(false).in_memory()?; // no threads
//! let sessions = prepared.create_table("sessions").hash::<S>("id").ttl("ends").create()?;
//! sessions.put(&Item::new().with("id", "s#1").with("ends", 1_800_003_600))?;
//!
//! let server = TestServer::fork_of(&prepared)?;
//! clock.advance(Duration::from_secs(3_601));
//! assert_eq!(server.database().sweep_now()?, 1);      // gone from the server's database
//! assert!(sessions.get("s#1")?.is_some());            // not from the one it was forked of
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::server::{Server, ServerOptions};
use hashrange::{Clock, Database};
use std::{io, net::SocketAddr};

/// A server of a database in memory.
#[derive(Debug)]
pub struct TestServer {
    server: Server,
    database: Database,
}

impl TestServer {
    /// A server of an empty database in memory.
    pub fn start() -> io::Result<Self> {
        Self::of(Database::in_memory().map_err(io::Error::other)?)
    }

    /// As [`start`](Self::start), with a clock that does not move until it is moved: for tests of expiry and of streams.
    pub fn with_clock(clock: Clock) -> io::Result<Self> {
        Self::of(Database::options().clock(clock).in_memory().map_err(io::Error::other)?)
    }

    /// A server of a database that the test has filled.
    pub fn of(database: Database) -> io::Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let options = ServerOptions { address, ..ServerOptions::default() };
        Ok(Self { server: Server::start(database.clone(), options)?, database })
    }

    /// A server of a copy of a database: what clients do to it, the original never sees. See [`Database::fork`].
    pub fn fork_of(database: &Database) -> io::Result<Self> {
        Self::of(database.fork().map_err(io::Error::other)?)
    }

    /// A client of the official Rust SDK on the same database, without the way over the socket.
    #[cfg(feature = "aws-sdk")]
    pub fn aws_client(&self) -> aws_sdk_dynamodb::Client {
        crate::aws::aws_client(&self.database)
    }

    /// The endpoint, such as `http://127.0.0.1:40123`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// The database behind it.
    pub fn database(&self) -> &Database {
        &self.database
    }
}
