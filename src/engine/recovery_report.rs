//! What opening found and decided, as a value.

use crate::wal::{Recovered, SegmentVerdict};
use serde::Serialize;
use std::cell::Cell;

/// What the opening of a database found in its files, and what it decided; see
/// [`Database::recovery`](crate::Database::recovery).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RecoveryReport {
    /// What was decided about each segment of the log, oldest first. Empty for a new database.
    pub segments: Vec<SegmentVerdict>,
    /// Log records that were read.
    pub records: u64,
    /// Versions of items and index entries that went from the log into memtables.
    pub replayed: u64,
    /// Versions that were in runs already, and so were left out.
    pub skipped: u64,
    /// Records that were readable, and perhaps not durable: the new segment begins with them, written and synced again.
    pub taken_over: u64,
    /// Number of the newest commit that survived; 0 if there is none.
    pub last_commit: u64,
    /// Whether the log was sealed: the database was closed, and nothing could be lost.
    pub was_closed: bool,
    /// Names of files that were removed, since nothing needs them: a run that was not published before the crash, for example.
    pub removed_files: Vec<String>,
}

impl RecoveryReport {
    pub(super) fn new(recovered: &Recovered, versions: &Versions) -> Self {
        let segments = recovered.verdicts.clone();
        Self {
            records: segments.iter().map(|verdict| verdict.records).sum(),
            replayed: versions.replayed.get(),
            skipped: versions.skipped.get(),
            taken_over: recovered.taken_over.len() as u64,
            last_commit: recovered.next_seqno.saturating_sub(1),
            was_closed: segments.last().is_some_and(|verdict| verdict.case == "sealed"),
            removed_files: Vec::new(),
            segments,
        }
    }
}

/// What replay did with the versions that the log has.
#[derive(Debug, Default)]
pub(super) struct Versions {
    pub replayed: Cell<u64>,
    pub skipped: Cell<u64>,
}

impl Versions {
    /// One more.
    pub fn count(&self, is_replayed: bool) {
        let counted = if is_replayed { &self.replayed } else { &self.skipped };
        counted.set(counted.get() + 1);
    }
}
