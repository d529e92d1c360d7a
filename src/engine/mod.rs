//! The meeting point of log and partitions: the only room that sees both, and the only one that holds more than one
//! lock.
//!
//! A write takes the locks of its partitions in ring order, reads what it must, decides, becomes one record of the
//! log, enters the memtables, releases the locks, and answers once the log has made it durable. Everything that must
//! survive (which tables and runs exist) is published here too, always in the same order: file, folder, manifest,
//! view, and only then the removal of what is not needed any more.
//!
//! An [`Engine`] is composed of owners, which say what their locks guard; [`Rank`](crate::sync::Rank) is the order of all
//! locks. Readers take none of them.
//!
//! Imports: canary, sync, error, cipher, capacity, faults, observe, config, visible, file, format, item, schema, wal, manifest, partition, index, stream, service, ledger, admission.

mod admission;
mod apply;
mod archiving;
mod backfill;
mod background;
mod billing_change;
mod catalog;
mod compaction;
mod digest;
#[expect(clippy::module_inception, reason = "the room is named after what it is about")]
mod engine;
#[cfg(test)]
mod engine_tests;
mod files;
mod flush;
mod fork;
#[cfg(test)]
mod fork_tests;
mod held;
mod history;
mod inspect;
mod item_changes;
mod item_collection_limit;
mod item_versions;
mod item_walk;
mod kept;
#[cfg(feature = "encryption")]
mod keys;
#[cfg(test)]
mod late_tests;
mod ledger;
mod loading;
mod lock_set;
mod log_pins;
mod log_trimming;
mod moment;
mod open;
#[cfg(test)]
mod open_tests;
mod partition_queue;
mod pieces;
mod presence;
mod progress;
mod publish;
mod read_together;
mod recovery_report;
#[cfg(test)]
mod relief_tests;
mod replay;
mod replication;
mod report;
mod ring;
mod schema_change;
mod session;
#[cfg(test)]
mod session_tests;
mod signal;
mod staged_write;
mod stamps;
mod stream;
mod tables;
mod throughput;
mod unread;
mod verify;
#[cfg(test)]
mod verify_tests;
mod work_gate;
mod write;
mod write_charge;
mod write_points;

pub use archiving::{CommitGate, DurableLog, TIMELINE_NOTE, Timeline};
pub use catalog::{TableSlot, TableState};
pub use digest::{Digest, TableDigest};
pub use engine::Engine;
pub use flush::Work;
pub use held::HeldTables;
pub use history::{HistoryNeed, HistoryWindow, Point};
pub use inspect::{Amplification, DatabaseStats, LogStats, TablePartitionStats};
pub use item_changes::{ItemChange, ItemChanges};
pub use item_versions::ItemVersion;
pub use kept::Hold;
#[cfg(feature = "encryption")]
pub use keys::{KeyGeneration, RewriteReport};
pub use loading::Loading;
pub use log_pins::{KeptSegment, LogHolder, LogPin};
pub use moment::{EngineAtMoment, Moment};
pub use recovery_report::RecoveryReport;
pub use replication::{ChangeCursor, StampedChange, StampedWalk};
pub use ring::{TokenRing, key_ref};
pub use schema_change::{IndexSpec, TableSpec, TableUpdate};
pub use signal::{Signal, WakeFlag};
pub use throughput::{ReadAccess, ReadTicket};
pub use verify::VerifyReport;
pub use write::{Decide, ItemResult, ItemResults, WriteAction, WriteOp, WriteOptions};
pub use write_charge::Charge;
