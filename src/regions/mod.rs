//! Databases in several regions, whose tables are replicas of each other: what DynamoDB's global tables are.
//!
//! A [`World`] has one database for each region, in one process. A change that is committed in one region travels over a link to
//! each of the others and is applied there, if its stamp is greater than that of the item: the last writer wins, whole items at
//! a time, and the loser is told nothing. How long changes take, whether a link works and whether a region does are models
//! that a program sets, by a clock that it may move, from a seed.
//!
//! A link reads the log of its source and keeps its place there; what is on its way is in memory only. Since a change that
//! arrives twice is applied once, a link may begin again anywhere before its place, and where the log does not reach so far
//! back any more it compares all items. The place is a row of a table that the database of the receiver keeps for itself.
//!
//! Tables with strong consistency are coordinated when a request is at the door: it waits for its turn, takes over what a second
//! region has, and is acknowledged once a second region has what it wrote.
//!
//! What a table knows of its replicas, and the stamp of an item, are in [`schema`](crate::schema).
//!
//! Imports: canary, error, clock, random, faults, config, file, item, schema, ledger, engine, request, maintenance, table, scaling, database.

mod clocks;
mod coordinator;
mod inspection;
mod link;
mod link_positions;
mod membership;
mod options;
mod region;
mod report;
mod settings;
mod strong;
mod thread;
mod topology;
mod transit;
mod world;

pub use options::{LinkModel, WorldOptions};
pub use report::{Latency, LinkReport};
pub use strong::StrongPeers;
pub use world::World;
