//! A cache in front of the served database, at a port of its own.

use crate::{failure::Failure, output};
use clap::Args;
use hashrange::{
    Database,
    accelerator::{Accelerator, AcceleratorOptions},
};
use hashrange_wire::server::{BoundServer, Server, ServerOptions, Stopper};
use std::net::SocketAddr;

/// The cache of a server.
#[derive(Debug, Args)]
pub(crate) struct AcceleratorArgs {
    /// Serve the database a second time, through a cache as DAX is one: answers at that port may be old
    #[arg(long)]
    dax: bool,
    /// Port of the cache; 0 picks a free one
    #[arg(long, value_name = "PORT", requires = "dax", default_value_t = 8111)]
    dax_port: u16,
    /// Milliseconds that an item is answered from the cache; 0: for ever
    #[arg(long, value_name = "MILLIS", requires = "dax", default_value_t = 300_000)]
    dax_item_ttl: u64,
    /// Milliseconds that a page of a query or scan is; 0: not at all
    #[arg(long, value_name = "MILLIS", requires = "dax", default_value_t = 300_000)]
    dax_query_ttl: u64,
    /// Megabytes that each node keeps entries in
    #[arg(long, value_name = "NUMBER", requires = "dax", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    dax_mb: u32,
    /// Nodes with caches of their own, one of which answers a request
    #[arg(long, value_name = "NUMBER", requires = "dax", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=11))]
    dax_nodes: u8,
    /// Milliseconds after which nodes learn of each other, and of transactions
    #[arg(long, value_name = "MILLIS", requires = "dax", default_value_t = 0)]
    dax_replication: u64,
}

/// The port of a cache that is not served yet.
pub(crate) struct BoundCache(BoundServer);

/// The cache, served.
pub(crate) struct ServedCache {
    server: Server,
    accelerator: Accelerator,
}

impl AcceleratorArgs {
    /// Whether there is a cache.
    pub(crate) fn is_wanted(&self) -> bool {
        self.dax
    }
    /// Takes the port, with the other options of the server. Errors: it is taken.
    pub(crate) fn bind(&self, options: &ServerOptions) -> Result<Option<BoundCache>, Failure> {
        if !self.dax {
            return Ok(None);
        }
        let address = SocketAddr::new(options.address.ip(), self.dax_port);
        let mut options = options.clone();
        options.address = address;
        let bound = Server::bind(options).map_err(|error| Failure::io(format!("cannot serve on {address}"), error))?;
        Ok(Some(BoundCache(bound)))
    }

    /// Begins to serve. Errors: an option makes no sense.
    pub(crate) fn serve(&self, cache: BoundCache, db: &Database) -> Result<ServedCache, Failure> {
        let accelerator = db.accelerator(AcceleratorOptions {
            item_ttl_millis: self.dax_item_ttl,
            query_ttl_millis: self.dax_query_ttl,
            capacity_bytes: (self.dax_mb as usize) << 20,
            nodes: usize::from(self.dax_nodes),
            replication_millis: self.dax_replication,
            seed: 0,
        })?;
        let server = cache.0.serve(accelerator.database().clone());
        let server = server.map_err(|error| Failure::io("cannot begin to serve the cache", error))?;
        Ok(ServedCache { server, accelerator })
    }
}

impl ServedCache {
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }
    pub(crate) fn stopper(&self) -> Stopper {
        self.server.stopper()
    }
    /// Waits until the port is closed, and says what was counted.
    pub(crate) fn finish(self) {
        self.server.wait();
        let stats = self.accelerator.stats();
        output::remark(format_args!(
            "cache: items {} hits, {} misses; queries {} hits, {} misses; scans {} hits, {} misses; {} requests passed \
             through",
            stats.item_cache_hits,
            stats.item_cache_misses,
            stats.query_cache_hits,
            stats.query_cache_misses,
            stats.scan_cache_hits,
            stats.scan_cache_misses,
            stats.passed_through,
        ));
    }
}
