//! What can happen in a database without a caller, as values.

use super::health::Failure;
use serde::Serialize;
use std::fmt;

/// A kind of background work, or of something that only background work would report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Job {
    /// Writing or syncing the log. A failure ends writing.
    Log,
    /// Creating the next log segment, before anything is written to it.
    LogSegment,
    /// Removing log segments that nothing needs any more.
    LogTrim,
    /// Writing the manifest. A failure ends writing.
    Manifest,
    /// Writing a memtable as a run.
    Flush,
    /// Merging runs of a partition.
    Compaction,
    /// Cutting a partition into two.
    Split,
    /// Filling a new index with the items that were there before.
    Backfill,
    /// Deleting items whose time to live has ended.
    Expiry,
    /// Writing records of a change stream from memory to a segment.
    StreamSegment,
    /// Closing old shards of change streams and removing old records.
    StreamRetention,
    /// Calling a function of the user with records of a change stream.
    Trigger,
    /// Handing records to Kinesis destinations.
    Kinesis,
    /// Keeping history: taking bases, and dropping those that are older than the retention.
    History,
    /// Bringing bases and log to an archive.
    Archive,
}

impl Job {
    /// The job in one word, for logs and names of metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::LogSegment => "log_segment",
            Self::LogTrim => "log_trim",
            Self::Manifest => "manifest",
            Self::Flush => "flush",
            Self::Compaction => "compaction",
            Self::Split => "split",
            Self::Backfill => "backfill",
            Self::Expiry => "expiry",
            Self::StreamSegment => "stream_segment",
            Self::StreamRetention => "stream_retention",
            Self::Trigger => "trigger",
            Self::Kinesis => "kinesis",
            Self::History => "history",
            Self::Archive => "archive",
        }
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a job works on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Subject {
    /// The database as a whole.
    Database,
    /// A table.
    Table {
        /// Its name.
        table: String,
    },
    /// An index.
    Index {
        /// Name of its table.
        table: String,
        /// Its name.
        index: String,
    },
    /// One partition of a table, or of a global index.
    Partition {
        /// Number of the partition, unique in the database.
        partition: u64,
        /// Name of the table.
        table: String,
        /// Name of the global index, if the partition is one of it.
        index: Option<String>,
    },
    /// A shard of a change stream.
    Shard {
        /// Number of the shard, unique in the database.
        shard: u64,
        /// Name of the table.
        table: String,
    },
    /// A function that is called with records of a change stream.
    Trigger {
        /// The name that it was registered under.
        trigger: String,
    },
    /// A Kinesis data stream that a table sends its changes to.
    Destination {
        /// ARN of the data stream.
        stream_arn: String,
        /// Name of the table.
        table: String,
    },
}

impl Subject {
    /// The table that it belongs to, if it belongs to one.
    pub fn table(&self) -> Option<&str> {
        match self {
            Self::Table { table }
            | Self::Index { table, .. }
            | Self::Partition { table, .. }
            | Self::Shard { table, .. }
            | Self::Destination { table, .. } => Some(table),
            Self::Database | Self::Trigger { .. } => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database => f.write_str("the database"),
            Self::Table { table } => write!(f, "table {table}"),
            Self::Index { table, index } => write!(f, "index {index} of table {table}"),
            Self::Partition { partition, table, index: None } => write!(f, "partition {partition} of table {table}"),
            Self::Partition { partition, table, index: Some(index) } => {
                write!(f, "partition {partition} of index {index} of table {table}")
            }
            Self::Shard { shard, table } => write!(f, "shard {shard} of the stream of table {table}"),
            Self::Trigger { trigger } => write!(f, "consumer {trigger}"),
            Self::Destination { stream_arn, table } => write!(f, "Kinesis destination {stream_arn} of table {table}"),
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// When, in milliseconds since 1970 by the database's clock.
    pub at_millis: u64,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EventKind {
    /// The database was opened and its log was read.
    Recovered {
        /// Log records that were read.
        records: u64,
        /// Log segments that count.
        segments: usize,
        /// Bytes of those segments.
        bytes: u64,
    },
    /// A memtable became a run.
    Flushed {
        /// The partition.
        subject: Subject,
        /// Entries of the run, tombstones included; 0 if nothing was left to write.
        entries: u64,
        /// Bytes of the run.
        bytes: u64,
    },
    /// Runs of a partition were merged into one.
    Compacted {
        /// The partition.
        subject: Subject,
        /// Why: `too_many_runs`, `shared`, `tombstones` or `requested`.
        reason: &'static str,
        /// Runs that were merged.
        runs: usize,
        /// Bytes of those runs.
        bytes_read: u64,
        /// Bytes of the new run; 0 if nothing was left.
        bytes_written: u64,
    },
    /// A partition was cut into two.
    Split {
        /// The partition that is gone.
        subject: Subject,
        /// Numbers of the two that replace it.
        children: [u64; 2],
    },
    /// A new index has an entry for every item that belongs in it.
    Backfilled {
        /// The index.
        subject: Subject,
    },
    /// Items whose time to live had ended were deleted.
    Expired {
        /// The table.
        subject: Subject,
        /// How many.
        items: u64,
    },
    /// Records of a change stream went from memory to a segment.
    StreamSegmentWritten {
        /// The shard.
        subject: Subject,
        /// Bytes of the segment.
        bytes: u64,
    },
    /// A log segment became full, or was left early, and was sealed.
    LogSegmentSealed {
        /// Number of the segment.
        segment: u64,
        /// Its bytes.
        bytes: u64,
    },
    /// Log segments that nothing needs any more were removed.
    LogTrimmed {
        /// Bytes given back.
        bytes: u64,
    },
    /// An attempt at background work failed. It is attempted again at the time that the failure names.
    Failed(Failure),
    /// Work that had failed succeeded.
    Resumed {
        /// The work.
        job: Job,
        /// What it works on.
        subject: Subject,
    },
    /// Writing or syncing the log or the manifest failed: the database takes no more writes until it is opened again.
    WritingEnded(Failure),
}

impl EventKind {
    /// Whether it tells of something that went wrong.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::WritingEnded(_))
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recovered { records, segments, bytes } => {
                write!(f, "recovered {records} records from {segments} log segments of {bytes} bytes")
            }
            Self::Flushed { subject, entries, bytes } => {
                write!(f, "flushed {subject}: {entries} entries, {bytes} bytes")
            }
            Self::Compacted { subject, reason, runs, bytes_read, bytes_written } => {
                write!(f, "compacted {subject} ({reason}): {runs} runs, {bytes_read} bytes to {bytes_written}")
            }
            Self::Split { subject, children: [low, high] } => write!(f, "split {subject} into {low} and {high}"),
            Self::Backfilled { subject } => write!(f, "filled {subject}"),
            Self::Expired { subject, items } => write!(f, "expired {items} items of {subject}"),
            Self::StreamSegmentWritten { subject, bytes } => write!(f, "wrote a segment of {subject}: {bytes} bytes"),
            Self::LogSegmentSealed { segment, bytes } => write!(f, "sealed log segment {segment}: {bytes} bytes"),
            Self::LogTrimmed { bytes } => write!(f, "trimmed {bytes} bytes of log"),
            Self::Failed(failure) => write!(f, "{failure}"),
            Self::Resumed { job, subject } => write!(f, "{job} of {subject} works again"),
            Self::WritingEnded(failure) => write!(f, "writing ended: {failure}"),
        }
    }
}
