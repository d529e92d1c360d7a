//! One range of tokens of a table or global index: in memory first, then in sorted runs.
//!
//! ```text
//! insert ──> active memtable ──freeze──> frozen memtables ──flush──> runs ──compact──> fewer runs
//!                   │                          │                      │
//!                   └───────────── view ───────┴──────────────────────┘
//!                                   └──> get (newest first, ends early), query and scan (merge)
//! ```
//!
//! Keys are (token, collection, sort key), and the newest version of a key is the one with the highest sequence number,
//! in any partition. The room knows neither the log nor other partitions nor the schema: sequence numbers, the visible
//! point and encoded keys come from the caller.
//!
//! Imports: canary, sync, error, cipher, config, visible, file, format, item, manifest.

mod compaction;
mod fence;
mod flush;
mod inspect;
mod key;
mod memtable;
mod merge;
mod overlay;
#[expect(clippy::module_inception, reason = "the room is named after what it is about")]
mod partition;
mod run;
mod split;
#[cfg(test)]
mod tests;
mod view;

pub use compaction::{Choice, Policy, Reason};
pub use flush::{FlushOutcome, RunContext};
pub use inspect::{MemtableStats, PartitionStats, RunStats};
pub use key::{CollectionRange, KeyRef, NewVersion, ReadPoint, TakeItem};
pub use memtable::LARGE_VALUE_BYTES;
pub use merge::MergeCursor;
pub use partition::{Partition, WriteGuard};
#[cfg(feature = "encryption")]
pub use run::RUN_HEADER_BYTES;
pub use run::{PageCache, Run, RunContentStats};
#[cfg(feature = "fuzzing")]
pub use {
    key::Version,
    memtable::{Memtable, MemtableCursor},
    run::{RunCursor, RunWriter, seal_run},
};
