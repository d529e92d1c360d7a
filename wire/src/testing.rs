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

    /// As [`start`](Self::start), with a clock that stands until it is moved: for tests of expiry and of streams.
    pub fn with_clock(clock: Clock) -> io::Result<Self> {
        Self::of(Database::options().clock(clock).in_memory().map_err(io::Error::other)?)
    }

    /// A server of a database that the test has filled.
    pub fn of(database: Database) -> io::Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let options = ServerOptions { address, ..ServerOptions::default() };
        Ok(Self { server: Server::start(database.clone(), options)?, database })
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
