//! What a server is started with, and its limits.

use crate::{Owner, Profile};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

/// Options of a server; each has a default that is safe on a developer's machine.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerOptions {
    /// Address to listen on; port 0 picks a free one. Default `127.0.0.1:8000`. Other than loopback addresses need
    /// [`credentials`](Self::credentials).
    pub address: SocketAddr,
    /// If set, requests have to be signed (Signature Version 4) with these. Default: none, signatures are ignored.
    pub credentials: Option<Credentials>,
    /// Names, besides those of the loopback interface and the address listened on, that a `Host` header may have; no
    /// ports. An entry `*` allows all. Default: none; all if [`credentials`](Self::credentials) are set.
    pub allowed_hosts: Vec<String>,
    /// Origins of web pages that may send requests, such as `http://localhost:3000`. An entry `*` allows all.
    /// Default: none, requests with an `Origin` header are refused.
    pub allowed_origins: Vec<String>,
    /// Region and account in ARNs. Default `us-east-1`, `000000000000`.
    pub owner: Owner,
    /// Wording of refusals.
    pub profile: Profile,
    /// Whether `GET /metrics` answers with metrics in Prometheus' text format. Default false.
    pub metrics: bool,
    /// Connections served at once; further ones wait to be accepted. Default 1,024.
    pub max_connections: usize,
    /// Bytes of request bodies held at once over all connections; further ones wait. Default 256 MiB, at least 16 MiB.
    pub max_buffered_bytes: usize,
    /// How long a connection may take to send the head of its next request, idle time included. Default 120 s.
    pub head_timeout: Duration,
    /// How long a request may take to send its body. Default 30 s.
    pub body_timeout: Duration,
    /// How long requests in progress may go on after a stop was asked for. Default 10 s.
    pub stop_timeout: Duration,
}

/// Largest request body, as of DynamoDB.
pub(crate) const MAX_BODY_BYTES: usize = 16 << 20;

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8000),
            credentials: None,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            owner: Owner::default(),
            profile: Profile::default(),
            metrics: false,
            max_connections: 1_024,
            max_buffered_bytes: 256 << 20,
            head_timeout: Duration::from_secs(120),
            body_timeout: Duration::from_secs(30),
            stop_timeout: Duration::from_secs(10),
        }
    }
}

/// The key that requests are signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Access key id.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The secret must not reach a log.
        write!(f, "Credentials({})", self.access_key_id)
    }
}
