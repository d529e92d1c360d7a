//! What the connections of a server share.

use super::{ServerOptions, metrics::Metrics, mount::Mount};
use crate::{
    http::{budget::Budget, connections::Connections, driver::LastActive, guard::Guard, request_id::RequestIds},
    protocol::Protocol,
};
use hashrange::Database;
use std::{net::SocketAddr, sync::Arc};

/// What the connections of a server share.
pub(super) struct ServerContext {
    pub(super) options: ServerOptions,
    /// Pages of another crate.
    pub(super) mount: Option<Mount>,
    pub(super) protocol: Protocol,
    pub(super) connections: Arc<Connections>,
    pub(super) metrics: Metrics,
    pub(super) guard: Guard,
    pub(super) ids: RequestIds,
    pub(super) last_active: LastActive,
    /// Memory for bodies that arrive. Those who hold it wait for `work`, never the other way round.
    pub(super) arriving: Arc<Budget>,
    /// Memory for carrying requests out, and for answers until they are sent.
    pub(super) work: Arc<Budget>,
}

impl ServerContext {
    /// The context of a server of `database` that listens on `address`.
    pub(super) fn new(database: Database, options: ServerOptions, mount: Option<Mount>, address: SocketAddr) -> Self {
        let any_host = options.takes_any_host();
        let connections = Arc::new(Connections::default());
        let arriving = Budget::new(options.max_buffered_bytes / 4);
        let work = Budget::new(options.max_buffered_bytes - options.max_buffered_bytes / 4);
        Self {
            guard: Guard::new(address, &options.allowed_hosts, &options.allowed_origins, any_host),
            ids: RequestIds::new(database.clock().now_millis()),
            metrics: Metrics::new(&database, &connections, [&arriving, &work]),
            last_active: LastActive::default(),
            protocol: protocol(database, &options),
            connections,
            arriving,
            work,
            options,
            mount,
        }
    }
}

fn protocol(database: Database, options: &ServerOptions) -> Protocol {
    let mut protocol = Protocol::new(database)
        .owner(options.owner.clone())
        .profile(options.profile)
        .timing(options.timing)
        .access_mode(options.access_mode);
    if let Some(keys) = &options.keys {
        protocol = protocol.keys(keys.clone());
    }
    if let Some(world) = &options.world {
        protocol = protocol.world(world.clone());
    }
    if let Some(objects) = &options.objects {
        protocol = protocol.objects(objects.clone());
    }
    protocol.resume();
    protocol
}
