//! Changes of the manifest. An edit names one thing and what it is now, so that applying an edit twice, or applying it
//! to a state that has it already, changes nothing.
//!
//! Edits are written as JSON: the manifest is small and changes rarely, and a person can read it with a text tool.

use super::facts::{BaseMeta, Counters, HistoryMeta, PartitionMeta, ShardMeta, StreamMeta, StreamSegmentMeta};
use crate::schema::TableDefinition;
use serde::{Deserialize, Serialize};

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Edit {
    /// The table is now this.
    PutTable(Box<TableDefinition>),
    /// The table with this number is gone.
    DropTable(u32),
    /// The partition is now this.
    PutPartition(PartitionMeta),
    /// The partition with this number is gone.
    DropPartition(u64),
    /// The log segment ends at this offset, whatever is behind it.
    PutLogEnd {
        /// Number of the segment.
        segment: u64,
        /// Offset in bytes at which its records end.
        valid_end: u64,
    },
    /// The log begins with this segment; those before are garbage. It never goes back.
    PutLogStart(u64),
    /// The log is on stable storage up to this place. It never goes back.
    PutLogReach {
        /// Number of a segment.
        segment: u64,
        /// Offset in bytes.
        offset: u64,
    },
    /// In an encrypted database, the begin of the salt of a log segment. That of the highest segment counts.
    PutLogMark {
        /// Number of the segment.
        segment: u64,
        /// The first eight bytes of its salt.
        mark: u64,
    },
    /// In an encrypted database, log segments from this one on are encrypted. It never goes back.
    PutLogEncryptedFrom(u64),
    /// Numbers up to these are taken. A counter never goes back.
    PutCounters(Counters),
    /// The stream is now this.
    PutStream(Box<StreamMeta>),
    /// The stream with this number is gone.
    DropStream(u64),
    /// The shard of a stream is now this.
    PutShard(ShardMeta),
    /// The shard with this number is gone.
    DropShard(u64),
    /// The stream segment is now this.
    PutStreamSegment(StreamSegmentMeta),
    /// The stream segment in the file with this number is gone.
    DropStreamSegment(u64),
    /// A named value of another room, which the manifest keeps and does not look into.
    PutNote {
        /// Its name.
        key: String,
        /// What it is now.
        value: serde_json::Value,
    },
    /// The note with this name is gone.
    DropNote(String),
    /// History is kept like this.
    PutHistory(HistoryMeta),
    /// No history is kept.
    DropHistory,
    /// There is this base.
    PutBase(BaseMeta),
    /// The base in the file with this number is gone.
    DropBase(u64),
}
