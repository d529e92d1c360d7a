//! A cache in front of a database, as the service's accelerator (DAX) is one: answers are fast, and may be old.
//!
//! Two caches never fill each other. The item cache has the answers of GetItem and BatchGetItem by primary key; a write
//! that passes through the cache replaces the item in it. The result cache has whole pages of Query and Scan by everything
//! that they asked for; no write touches it, so a page is repeated until its time is over. That surprises many programs.
//!
//! A [`Cluster`] has one node or several. Each [node](node) has both caches whole, a request goes to one node, and what it
//! learns reaches the others after a delay, so that two reads in a row can go back in time.
//!
//! The room keeps values and knows no request: `request/cached.rs` says what is looked up, filled and replaced.
//!
//! Imports: error, clock, random, capacity, item, schema.

mod cluster;
mod lru;
mod node;
mod options;
#[cfg(test)]
mod tests;

pub use cluster::{AcceleratorStats, CacheUse, Cluster};
pub use node::{Found, ItemKey, Miss, ResultKind};
pub use options::AcceleratorOptions;
