//! How far a write has come: the points that it passes from its locks to its sync, for a reader who wants to follow one.
//!
//! A database reports points only if it was opened with a [`Follower`], as [`Machine`](crate::testing::Machine) does. All
//! other databases pay one load and one branch for each point.

use super::event::Subject;
use serde::Serialize;
use std::{fmt, sync::Arc};

/// A point that a write has reached, in the order in which a write reaches them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "point", rename_all = "snake_case")]
#[non_exhaustive]
pub enum WritePoint {
    /// The program calls. Nothing has happened yet.
    Requested,
    /// The partitions of all items of the request are locked: no other writer changes these items until they are unlocked.
    Locked {
        /// The partitions, in the order in which they were locked.
        partitions: Vec<Subject>,
    },
    /// The newest version of each item was read, and conditions, limits and updates were evaluated on it.
    Checked {
        /// Items of the request.
        items: usize,
        /// Those of them that existed.
        existing: usize,
        /// Why the write is rejected, if it is: then this is the last point before the answer.
        rejected: Option<String>,
    },
    /// The commit is one record in the log's buffer. The buffer is memory of this process.
    Logged {
        /// Number of the commit.
        commit: u64,
        /// Bytes of the record, without its frame.
        bytes: usize,
    },
    /// A version of an item, or its entry in a local index, is in the memtable of its partition.
    Inserted {
        /// The partition.
        subject: Subject,
        /// Whether it is an entry of a local index, which is in the partition of its item.
        is_index_entry: bool,
        /// Whether it is a tombstone: the mark of something that was deleted.
        is_tombstone: bool,
    },
    /// A record for the change stream of the table is in the memory of its shard.
    Streamed {
        /// The shard's table.
        subject: Subject,
    },
    /// The locks of the items are released. Other writers see the new versions; readers do not yet, unless the write is
    /// `Buffered`.
    Unlocked,
    /// An entry of a global index is in the memtable of its own partition.
    IndexInserted {
        /// The partition of the index.
        subject: Subject,
        /// Whether it is a tombstone.
        is_tombstone: bool,
    },
    /// The log's buffer was handed to the operating system: it survives the end of the process, and not yet a power cut.
    Written {
        /// Number of the log segment.
        segment: u64,
        /// Bytes that were written.
        bytes: usize,
    },
    /// The log is on stable storage up to this commit. Readers see it from now on.
    Synced {
        /// Number of the newest commit that is durable.
        commit: u64,
    },
    /// The program has the answer.
    Answered,
    /// Background work that was done after the answer, as its event says it.
    Worked {
        /// The event in words.
        event: String,
    },
}

impl WritePoint {
    /// The name of the point in one word, as its JSON has it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Locked { .. } => "locked",
            Self::Checked { .. } => "checked",
            Self::Logged { .. } => "logged",
            Self::Inserted { .. } => "inserted",
            Self::Streamed { .. } => "streamed",
            Self::Unlocked => "unlocked",
            Self::IndexInserted { .. } => "index_inserted",
            Self::Written { .. } => "written",
            Self::Synced { .. } => "synced",
            Self::Answered => "answered",
            Self::Worked { .. } => "worked",
        }
    }
}

impl fmt::Display for WritePoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = |is_tombstone: &bool| if *is_tombstone { "a tombstone" } else { "an entry" };
        match self {
            Self::Requested => f.write_str("the program sends the request"),
            Self::Locked { partitions } => {
                let names: Vec<String> = partitions.iter().map(Subject::to_string).collect();
                write!(f, "locked {}", names.join(", "))
            }
            Self::Checked { items, existing, rejected: None } => {
                write!(f, "read {items} items, of which {existing} exist; conditions hold")
            }
            Self::Checked { rejected: Some(why), .. } => write!(f, "rejected: {why}"),
            Self::Logged { commit, bytes } => {
                write!(f, "commit {commit} is a record of {bytes} bytes in the log's buffer")
            }
            Self::Inserted { subject, is_index_entry: false, is_tombstone: false } => {
                write!(f, "the item is in the memtable of {subject}")
            }
            Self::Inserted { subject, is_index_entry: false, is_tombstone: true } => {
                write!(f, "a tombstone for the item is in the memtable of {subject}")
            }
            Self::Inserted { subject, is_tombstone, .. } => {
                write!(f, "{} of a local index is in the memtable of {subject}", entry(is_tombstone))
            }
            Self::Streamed { subject } => write!(f, "a stream record is in memory for {subject}"),
            Self::Unlocked => f.write_str("the locks are released"),
            Self::IndexInserted { subject, is_tombstone } => {
                write!(f, "{} is in the memtable of {subject}", entry(is_tombstone))
            }
            Self::Written { segment, bytes } => write!(f, "{bytes} bytes were written to log segment {segment}"),
            Self::Synced { commit } => write!(f, "the log is synced up to commit {commit}"),
            Self::Answered => f.write_str("the program has the answer"),
            Self::Worked { event } => f.write_str(event),
        }
    }
}

/// Sees each point as it is reached, on the thread of the writer and while that holds its locks: it must not use the
/// database.
#[derive(Clone)]
pub struct Follower(Arc<dyn Fn(WritePoint) + Send + Sync>);

impl Follower {
    /// A follower that calls a function.
    pub fn new(follow: impl Fn(WritePoint) + Send + Sync + 'static) -> Self {
        Self(Arc::new(follow))
    }
    /// Shows it a point.
    pub fn show(&self, point: WritePoint) {
        (self.0)(point);
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Follower")
    }
}
