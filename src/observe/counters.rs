//! Counts since the database was opened.

use std::sync::atomic::{AtomicU64, Ordering};

/// A count that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds to it. The order among counts is not kept.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }
    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[doc = $text:literal])+ $name:ident,)+) => {
        /// What is counted; see [`Statistics`] for the meaning of each count.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[doc = $text])+ pub $name: Count,)+
        }

        /// What a database did since it was opened, and what it holds now; see
        /// [`Database::statistics`](crate::Database::statistics).
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Statistics {
            $($(#[doc = $text])+ pub $name: u64,)+
            /// Bytes of memory that memtables and surplus tails of streams take now.
            pub memtable_bytes: u64,
            /// Bytes of the log segments that exist now.
            pub log_bytes: u64,
            /// Bytes of former log segments that are kept to be written over.
            pub log_spare_bytes: u64,
            /// Number of the newest commit. It goes on counting when the database is opened again.
            pub last_commit: u64,
            /// Number of the newest commit that is on stable storage.
            pub durable_commit: u64,
        }

        impl Counters {
            /// The counts as they are now; what is not counted is 0.
            pub fn read(&self) -> Statistics {
                Statistics { $($name: self.$name.get(),)+ ..Statistics::default() }
            }
        }
    };
}

counters! {
    /// Syncs of the log.
    log_syncs,
    /// Bytes of records that were written to the log.
    log_bytes_written,
    /// Log segments that were sealed.
    log_segments_sealed,
    /// Bytes of log segments that were removed.
    log_bytes_trimmed,
    /// Memtables that became runs.
    flushes,
    /// Bytes of those runs.
    flushed_bytes,
    /// Merges of runs.
    compactions,
    /// Bytes of the runs that were merged.
    compaction_bytes_read,
    /// Bytes of the runs that merges wrote.
    compaction_bytes_written,
    /// Partitions that were cut into two.
    splits,
    /// Steps that filled a new index.
    backfill_steps,
    /// Items that were deleted because their time to live had ended.
    items_expired,
    /// Segments of change streams that were written.
    stream_segments,
    /// Bytes of those segments.
    stream_segment_bytes,
    /// Deleted entries that queries and scans stepped over.
    tombstones_skipped,
    /// Attempts at background work that failed.
    background_failures,
}
