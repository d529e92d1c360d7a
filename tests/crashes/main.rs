//! What survives: killed processes, damaged files, schema changes cut short, and bugs that crashes once showed.
//!
//! Lives of databases on simulated machines are a crate of their own (`simulation/`).

mod backfill_kill;
mod bank;
mod corruption;
mod encryption;
mod full_disk;
mod history;
mod isolation;
mod kill;
mod kinesis;
mod old_folders;
mod old_regions;
#[cfg(hashrange_canaries)]
mod planted;
mod presence;
mod publishing;
mod read_only;
mod regressions;
mod schema_crashes;
mod shard_ends;
mod view;
