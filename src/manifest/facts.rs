//! What the manifest knows about partitions, runs and stream segments: enough to open a database without reading one of
//! their files.

use crate::schema::{KeySchema, KinesisFeed, StreamPurpose, StreamView};
use serde::{Deserialize, Serialize};

/// A sorted run, as its writer left it. Everything that a read needs to decide whether to look into it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunMeta {
    /// Number of the file.
    pub file: u64,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Entries, tombstones included.
    pub entries: u64,
    /// Entries that say that an item is gone.
    pub tombstones: u64,
    /// DynamoDB size of the items in bytes.
    pub logical_bytes: u64,
    /// Lowest token of an entry.
    pub min_token: u64,
    /// Highest token of an entry.
    pub max_token: u64,
    /// Lowest sequence number of an entry.
    pub min_seqno: u64,
    /// Highest sequence number of an entry.
    pub max_seqno: u64,
    /// Whether it is the partition's bottom run, below which nothing is: tombstones end there.
    pub bottom: bool,
    /// Where the footer begins, in bytes from the start of the file.
    pub footer: u64,
    /// Generation of the database key that the file is encrypted with; 0 if it is not encrypted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub generation: u32,
    /// Begin of the salt of the file, so that no file of a copy of the database is taken for it; 0 if it is not encrypted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mark: u64,
}

fn is_zero<N: Copy + Into<u64>>(number: &N) -> bool {
    (*number).into() == 0
}

/// One range of tokens of one table or global index, and the runs that hold its items.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionMeta {
    /// Number within the database, never reused.
    pub id: u64,
    /// Number of the table or global index that it belongs to.
    pub keyspace: u32,
    /// Lowest token.
    pub first_token: u64,
    /// Highest token, inclusive.
    pub last_token: u64,
    /// Every change up to this sequence number is in a run; replay begins above it.
    pub flushed_seqno: u64,
    /// Newest first. Two partitions may name the same file after a split.
    pub runs: Vec<RunMeta>,
}

/// A change stream of a table, enabled or disabled. It outlives its table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamMeta {
    /// Number within the database, never reused.
    pub id: u64,
    /// Number of the table.
    pub table: u32,
    /// Name of the table.
    pub table_name: String,
    /// Primary key of the table: what identifies a record's item.
    pub key: KeySchema,
    /// Which images its records carry.
    pub view: StreamView,
    /// Milliseconds since 1970 at which it was enabled; its label, unique among the streams of that table name.
    pub label_millis: u64,
    /// Milliseconds since 1970 at which it was disabled; absent while it takes records.
    pub disabled_millis: Option<u64>,
    /// Where its records go, if it is kept for a Kinesis destination and not for programs that read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinesis: Option<KinesisFeed>,
}

impl StreamMeta {
    /// What it is for.
    pub fn purpose(&self) -> StreamPurpose {
        if self.kinesis.is_some() { StreamPurpose::Kinesis } else { StreamPurpose::Readers }
    }
}

/// A shard of a change stream: the changes of one range of tokens during one range of sequence numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardMeta {
    /// Number within the database, never reused.
    pub id: u64,
    /// Number of the stream.
    pub stream: u64,
    /// Number of the partition whose changes it holds.
    pub partition: u64,
    /// Lowest token.
    pub first_token: u64,
    /// Highest token, inclusive.
    pub last_token: u64,
    /// The shard that it continues, if there was one.
    pub parent: Option<u64>,
    /// Its changes have higher sequence numbers than this one.
    pub start_seqno: u64,
    /// Its changes have at most this sequence number; absent while it is open.
    pub end_seqno: Option<u64>,
    /// Milliseconds since 1970 at which it was opened.
    pub opened_millis: u64,
    /// Milliseconds since 1970 at which it was closed.
    pub closed_millis: Option<u64>,
    /// Its changes up to this sequence number were removed because of their age.
    pub trimmed_seqno: u64,
    /// Place of the last one that was removed among the changes of its commit; absent if an older version removed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trimmed_ordinal: Option<u16>,
}

/// A sealed segment of one shard of a change stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamSegmentMeta {
    /// Number of the file.
    pub file: u64,
    /// Number of the shard.
    pub shard: u64,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Change records in it.
    pub records: u64,
    /// Lowest sequence number of a record.
    pub first_seqno: u64,
    /// Highest sequence number of a record.
    pub last_seqno: u64,
    /// Place of the last record among the changes of its commit; absent if an older version wrote the segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_ordinal: Option<u16>,
    /// Milliseconds since 1970 of the newest record: retention counts from there.
    pub last_millis: u64,
    /// Where the index of its blocks begins, in bytes from the start of the file.
    pub index_offset: u64,
    /// Generation of the database key that the file is encrypted with; 0 if it is not encrypted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub generation: u32,
    /// Begin of the salt of the file, so that no file of a copy of the database is taken for it; 0 if it is not encrypted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mark: u64,
}

/// That history is kept, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryMeta {
    /// How far back, in milliseconds.
    pub retention_millis: u64,
    /// Bytes of log after which a new base is taken.
    pub base_bytes: u64,
    /// No commit in a segment that was trimmed was logged later than this, in milliseconds since 1970.
    pub stamp_millis: u64,
}

/// A base: what was alive at a moment, from which the log leads on to every later commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseMeta {
    /// Number of the file.
    pub file: u64,
    /// Every commit from this one on can be read from the base and the log behind it.
    pub seqno: u64,
    /// No commit up to that one was logged later than this, in milliseconds since 1970.
    pub stamp_millis: u64,
    /// The log segment that was written to when it was taken.
    pub segment: u64,
    /// The first log segment that it needs.
    pub first_segment: u64,
    /// Numbers of the runs that it needs.
    pub runs: Vec<u64>,
}

/// The next numbers to give out. Numbers are never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Next number of a run or stream file.
    pub next_file: u64,
    /// Next number of a table or index.
    pub next_table: u32,
    /// Next number of a partition.
    pub next_partition: u64,
    /// Next number of a stream or shard.
    #[serde(default)]
    pub next_shard: u64,
}
