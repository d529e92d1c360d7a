//! Consumers of change streams: workers that read all shards of a stream in the right order, share them by leases, and
//! keep checkpoints in a table of the database.
//!
//! A [`Consumer`] is one worker, a [`Delivery`] one record that it hands out, a [`Batch`] several of one shard.
//!
//! Imports: error, clock, config, date, item, schema, expression, access, manifest, stream, engine, request, table.

mod checkpoints;
mod delivery;
mod follow;
mod gap;
mod process;
mod shard_assignment;
mod worker;

pub use delivery::{Batch, Deliveries, Delivery};
pub use follow::Follow;
pub use gap::Gap;
pub use worker::{Consumer, TableStream};
