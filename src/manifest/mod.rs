//! Which files are alive: the one place that says which tables, partitions, runs, log ends and stream segments make up
//! a database. What it does not name is garbage.
//!
//! Its content is a [`ManifestState`], changed by [`Edit`]s that become durable together in one frame. `CURRENT` names the file
//! that holds it. Opening a database reads the manifest and the log, and no run: all facts that a run is opened with
//! are here.
//!
//! Imports: canary, error, cipher, file, format, schema, wal.

mod base;
mod edit;
mod facts;
mod log;
mod read;
mod state;
mod validate;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod tests;

pub use base::{read_base, write_base};
pub use edit::Edit;
pub use facts::{BaseMeta, Counters, HistoryMeta, PartitionMeta, RunMeta, ShardMeta, StreamMeta, StreamSegmentMeta};
pub use log::Manifest;
pub use state::ManifestState;
