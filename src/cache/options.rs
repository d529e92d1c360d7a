//! What an accelerator is like.

use crate::error::{Error, Result};

/// Nodes of a cluster at most: one primary and ten replicas.
const MAX_NODES: usize = 11;
/// The least room for a node, bytes.
const MIN_CAPACITY_BYTES: usize = 64 << 10;
/// A hundred years, milliseconds: longer than any time to live that means something.
const MAX_MILLIS: u64 = 100 * 366 * 86_400_000;
/// The longest time that news may take: what is on its way is kept in memory.
const MAX_REPLICATION_MILLIS: u64 = 60_000;

/// How an accelerator caches: [`Database::accelerator`](crate::Database::accelerator).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceleratorOptions {
    /// How long an item is answered from the cache, milliseconds from when it was stored (DAX's `record-ttl-millis`). Default
    /// 300,000; 0: for ever.
    pub item_ttl_millis: u64,
    /// How long a page of a query or scan is, milliseconds from when it was stored (DAX's `query-ttl-millis`). Default
    /// 300,000; 0: no page is kept.
    pub query_ttl_millis: u64,
    /// Bytes that the entries of a node have room in, half of them for items and half for pages. Default 64 MiB, at least
    /// 64 KiB. What was used least recently gives way.
    pub capacity_bytes: usize,
    /// Nodes, each with caches of its own: 1 to 11. Default 1.
    pub nodes: usize,
    /// How long what one node learns takes to reach the others, and what a transaction wrote to reach all, milliseconds: at
    /// most a minute. Default 0.
    pub replication_millis: u64,
    /// Decides which node answers a request. Default 0.
    pub seed: u64,
}

impl Default for AcceleratorOptions {
    fn default() -> Self {
        Self {
            item_ttl_millis: 300_000,
            query_ttl_millis: 300_000,
            capacity_bytes: 64 << 20,
            nodes: 1,
            replication_millis: 0,
            seed: 0,
        }
    }
}

impl AcceleratorOptions {
    /// Rejects what makes no sense, by field.
    pub(crate) fn check(&self) -> Result<()> {
        let Self { item_ttl_millis, query_ttl_millis, capacity_bytes, nodes, replication_millis, seed: _ } = *self;
        if !(1..=MAX_NODES).contains(&nodes) {
            return Err(Error::validation(format!("nodes: an accelerator has 1 to {MAX_NODES}, not {nodes}")));
        }
        if capacity_bytes < MIN_CAPACITY_BYTES {
            let text = format!("capacity_bytes: a node needs at least {MIN_CAPACITY_BYTES}, not {capacity_bytes}");
            return Err(Error::validation(text));
        }
        if replication_millis > MAX_REPLICATION_MILLIS {
            let text = format!("replication_millis: at most {MAX_REPLICATION_MILLIS}, not {replication_millis}");
            return Err(Error::validation(text));
        }
        let times = [("item_ttl_millis", item_ttl_millis), ("query_ttl_millis", query_ttl_millis)];
        match times.into_iter().find(|(_, millis)| *millis > MAX_MILLIS) {
            Some((name, millis)) => Err(Error::validation(format!("{name}: {millis} is more than a hundred years"))),
            None => Ok(()),
        }
    }
}
