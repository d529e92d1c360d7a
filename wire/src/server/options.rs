//! What a server is started with, and its limits.

#[cfg(feature = "tls")]
use crate::http::tls_identity::TlsIdentity;
use crate::{
    access::{AccessMode, SharedPrincipals},
    arn::Owner,
    http::{connections::Deadlines, pace::Pace, signature::Credentials},
    kms::KeyService,
    objects::ObjectStore,
    profile::Profile,
    timing::Timing,
};
use hashrange::regions::World;
use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

/// Options of a server; each has a default that is safe on a developer's machine.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerOptions {
    /// Address to listen on; port 0 picks a free one. Default `127.0.0.1:8000`. Other than loopback addresses need
    /// [`credentials`](Self::credentials), or [`any_client`](Self::any_client).
    pub address: SocketAddr,
    /// Whether requests of other machines are served though nothing has to be signed, whatever their `Host` header names: for
    /// a container, whose network decides who reaches it. Web pages stay rejected unless
    /// [`allowed_origins`](Self::allowed_origins) names them. Default: no.
    pub any_client: bool,
    /// If set, everything but `GET /` has to be signed (Signature Version 4) with these; neither part may be empty.
    /// Default: none, signatures are ignored.
    pub credentials: Option<Credentials>,
    /// If set, everything but `GET /` has to be signed with the key of one of these principals, and policies decide what it may
    /// do. With [`credentials`](Self::credentials) besides, those are the root of the account. They can be replaced while the
    /// server runs. Default: none, everything is allowed.
    pub principals: Option<SharedPrincipals>,
    /// If set, connections are encrypted by TLS 1.2 or 1.3 with this certificate, and a request in clear is answered with status
    /// 400. It can be replaced while the server runs. Default: none, requests and answers can be read on their way.
    #[cfg(feature = "tls")]
    pub tls: Option<TlsIdentity>,
    /// What a rejection by the policies of [`principals`](Self::principals) does. Default: it rejects.
    pub access_mode: AccessMode,
    /// The keys that tables can be encrypted with; the database has them as a [hook](hashrange::OpenOptions::hook) too. Default:
    /// none, any key is taken.
    pub keys: Option<KeyService>,
    /// The regions that the database is one of; [`owner`](Self::owner) names the one. Tables can have replicas in the others
    /// then. Default: none, there is one region.
    pub world: Option<World>,
    /// Names, besides those of the loopback interface and the address listened on, that a `Host` header may have; no
    /// ports. An entry `*` allows all. Default: none; all if requests have to be signed, or with
    /// [`any_client`](Self::any_client).
    pub allowed_hosts: Vec<String>,
    /// Origins of web pages that may send requests, such as `http://localhost:3000`. An entry `*` allows all.
    /// Default: none, requests with an `Origin` header are rejected.
    pub allowed_origins: Vec<String>,
    /// Region and account in ARNs. Default `us-east-1`, `000000000000`.
    pub owner: Owner,
    /// Wording of rejections.
    pub profile: Profile,
    /// How long changes of tables take.
    pub timing: Timing,
    /// Where exports go and imports come from, such as a [folder](crate::objects::FolderStore). Default: nowhere; exports and
    /// imports are rejected.
    pub objects: Option<Arc<dyn ObjectStore>>,
    /// Whether `GET /metrics` answers with metrics in OpenMetrics' text format, and `GET /ledger` with the database's ledger as
    /// JSON, if it keeps one. With [`credentials`](Self::credentials) it
    /// wants a signature, or the id and secret by HTTP's basic authentication, which is what Prometheus can send. Default
    /// false.
    pub metrics: bool,
    /// Connections served at once, at most. Fewer if the system's limit on descriptors, less a quarter for the database and
    /// the program, is lower. A new connection closes the one that is idle for the longest time; while all are busy it
    /// waits. Default 1,024.
    pub max_connections: usize,
    /// Connections from one address, at most; a further one takes the place of one that is idle, or is answered with status 503. Default: three quarters of
    /// [`max_connections`](Self::max_connections).
    pub max_connections_per_address: Option<usize>,
    /// Bytes of memory for requests, over all connections: bodies, what they become when they are decoded, and answers.
    /// Further requests wait, up to [`memory_timeout`](Self::memory_timeout); those of one address get at most three
    /// quarters. Small requests do not count. Default 256 MiB.
    pub max_buffered_bytes: usize,
    /// How long a request waits for memory before it is answered with status 503. Default 60 s.
    pub memory_timeout: Duration,
    /// How long a connection may be idle. Default 120 s.
    pub idle_timeout: Duration,
    /// How long the head of a request may take, from its first byte. Default 10 s.
    pub head_timeout: Duration,
    /// The longest time in which a client may send nothing of a body, or take nothing of an answer. Default 10 s; never more
    /// than 2 s while other requests wait for memory or connections.
    pub stall_timeout: Duration,
    /// Bytes a second, on average, at which a client has to send a body and to take an answer; it is cut off
    /// otherwise. Default 64 KiB.
    pub min_bytes_per_sec: u32,
    /// How long requests in progress may go on after a stop was asked for. Default 10 s.
    pub stop_timeout: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8000),
            any_client: false,
            credentials: None,
            principals: None,
            access_mode: AccessMode::default(),
            keys: None,
            world: None,
            #[cfg(feature = "tls")]
            tls: None,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            owner: Owner::default(),
            profile: Profile::default(),
            timing: Timing::default(),
            objects: None,
            metrics: false,
            max_connections: 1_024,
            max_connections_per_address: None,
            max_buffered_bytes: 256 << 20,
            memory_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(120),
            head_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(10),
            min_bytes_per_sec: 64 << 10,
            stop_timeout: Duration::from_secs(10),
        }
    }
}

impl ServerOptions {
    /// Checks that the server is not open to all clients by mistake.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.credentials.as_ref().is_some_and(|credentials| !credentials.are_complete()) {
            let text = "the access key id or the secret access key is empty; set both, or none";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        if !self.address.ip().is_loopback() && !self.is_signed() && !self.any_client {
            let text = format!(
                "{} can be reached from other machines; set credentials to listen there, or allow any client",
                self.address
            );
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        Ok(())
    }

    /// Checks that pages can be mounted: a browser does not sign, and pages are for this machine only.
    pub(super) fn check_mount(&self) -> io::Result<()> {
        if self.is_signed() {
            let text = "mounted pages cannot be served where requests have to be signed: a browser does not sign";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        if !self.address.ip().is_loopback() {
            let text =
                format!("{} can be reached from other machines; mounted pages are for this one only", self.address);
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        Ok(())
    }

    /// Whether a `Host` header may have any name unless some are allowed.
    pub(super) fn takes_any_host(&self) -> bool {
        self.is_signed() || self.any_client
    }

    /// Whether requests have to be signed.
    pub(super) fn is_signed(&self) -> bool {
        self.credentials.is_some() || self.principals.is_some()
    }

    pub(super) fn deadlines(&self) -> Deadlines {
        let pace = Pace { head_start: self.stall_timeout, bytes_per_sec: self.min_bytes_per_sec };
        Deadlines { idle: self.idle_timeout, head: self.head_timeout, pace }
    }
}
