//! Which files are alive: the one place that says which tables, partitions, runs, log ends and stream segments make up
//! a database. What it does not name is garbage.
//!
//! Its content is a [`State`], changed by [`Edit`]s that become durable together in one frame. `CURRENT` names the file
//! that holds it. Opening a database reads the manifest and the log, and no run: all facts that a run is opened with
//! are here.

mod edit;
mod facts;
mod log;
mod read;
mod sense;
mod state;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod tests;

pub use edit::Edit;
pub use facts::{Counters, PartitionRecord, RunFacts, ShardRecord, StreamRecord, StreamSegmentFacts};
pub use log::Manifest;
pub use state::State;
