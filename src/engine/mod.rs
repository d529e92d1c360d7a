//! The meeting point of log and partitions: the only room that sees both, and the only one that holds more than one
//! lock.
//!
//! A write takes the locks of its partitions in ring order, reads what it must, decides, becomes one record of the
//! log, enters the memtables, releases the locks, and answers once the log has made it durable. Everything that must
//! survive (which tables and runs exist) is published here too, always in the same order: file, folder, manifest,
//! view, and only then the removal of what nobody needs any more.
//!
//! Locks, outermost first: `schema_gate` (shared by writers), partition locks (in the order of key space and token),
//! the manifest's mutex, then the log's own. Readers take none of them.

mod backfill;
mod catalog;
mod collection_limit;
mod enter;
mod flush;
mod fork;
#[cfg(test)]
mod fork_tests;
mod inspect;
#[cfg(test)]
mod late_tests;
mod open;
#[cfg(test)]
mod open_tests;
mod progress;
mod publish;
#[cfg(test)]
mod relief_tests;
mod replay;
mod ring;
mod schema_change;
mod signal;
mod store;
#[cfg(test)]
mod store_tests;
mod stream;
mod verify;
#[cfg(test)]
mod verify_tests;
mod write;

pub use catalog::{TableSlot, TableState};
pub use flush::Work;
pub use inspect::{DatabaseFacts, LogFacts, PartitionFacts};
pub use ring::Ring;
pub use schema_change::{IndexSpec, TableSpec, TableUpdate};
pub use signal::{Bell, Signal};
pub use store::Store;
pub use verify::VerifyReport;
pub use write::{Decide, Decision, Outcome, Outcomes, WriteOp, WriteOptions, key_ref};
