//! Options of a database, with their units, defaults and limits.
//!
//! Imports: error, clock, cipher, capacity, faults, observe.

use crate::{
    capacity::CapacityModel,
    cipher::Encryption,
    clock::Clock,
    error::{Result, check_option},
    faults::FaultModel,
    observe::{Follower, Observer},
};
use std::ops::RangeInclusive;

/// Sizes of one log segment in bytes: offsets in its frames have four bytes.
const LOG_SEGMENT_BYTES: RangeInclusive<u64> = 4 << 10..=1 << 30;
/// Partitions of a new table.
const INITIAL_PARTITIONS: RangeInclusive<usize> = 1..=1024;

/// When a write is acknowledged, and so what a crash can take away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// Acknowledged once the log record is on stable storage: survives a power failure. The default.
    #[default]
    Sync,
    /// Acknowledged once the operating system has the log record: survives a killed process; a power failure or a
    /// crash of the operating system can lose the last writes (always a suffix of the log, never a part of a write).
    Buffered,
}

/// How sealed files are read: runs, and segments of change streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ReadMode {
    /// They are mapped into memory; each block is verified when it is first touched, and a device that fails later ends the
    /// process (`SIGBUS`). Mapped is also the end of the log for writing, on file systems that overwrite in place (ext4 and
    /// tmpfs). The default.
    #[default]
    Mapped,
    /// They are read by positioned reads, runs through a block cache, and nothing is mapped: for network disks and files that
    /// others may change.
    Buffered,
}

/// Rejects what overlaps, as the service does; see [`OpenOptions::conflicts`](crate::OpenOptions::conflicts).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConflictModel {
    /// Operations of a thousand that are rejected by chance as well, 0 to 1,000.
    pub refused_per_thousand: u32,
    /// The same seed rejects the same operations of the same sequence.
    pub seed: u64,
}

/// Shortest and longest history, in seconds: one second to 10 years.
const RETENTION_SECS: RangeInclusive<u64> = 1..=10 * 366 * 24 * 60 * 60;

/// How history is kept; see [`OpenOptions::history`](crate::OpenOptions::history).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryOptions {
    /// How far back the database can be read, in seconds; 1 to 316,224,000 (10 years). Default 35 days, as the service has.
    pub retention_secs: u64,
    /// Bytes of log after which a new base is taken. Opening an earlier moment replays as many at most, in memory. More
    /// bases keep more runs that compaction replaced. Default 256 MiB; at least 1.
    pub base_bytes: u64,
}

impl HistoryOptions {
    /// Rejects values that are out of range, by the name of the field.
    pub(crate) fn check(&self) -> Result<()> {
        check_option("history.retention_secs", self.retention_secs, RETENTION_SECS)?;
        check_option("history.base_bytes", self.base_bytes, 1..=u64::MAX)
    }
}

impl Default for HistoryOptions {
    fn default() -> Self {
        Self { retention_secs: 35 * 24 * 60 * 60, base_bytes: 256 << 20 }
    }
}

/// How much the ledger keeps; see [`OpenOptions::ledger`](crate::OpenOptions::ledger).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LedgerOptions {
    /// Rows that are kept with their minute and partition, about 200 bytes each. 100 to 10,000,000; default 50,000. Beyond
    /// that, the oldest minute is added up.
    pub max_rows: usize,
    /// Keys that the sketch of a table or index counts at once, for each of its four rankings: about 150 bytes each, what the key
    /// takes, and 24 bytes for each of the last 30 minutes in which it was seen. 8 to 65,536; default 1,024.
    pub max_keys: usize,
}

impl LedgerOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self { max_rows: 50_000, max_keys: 1_024 }
    }
    /// Rejects what is out of range, by the name of the field.
    pub(crate) fn check(&self) -> Result<()> {
        check_option("ledger.max_rows", self.max_rows, 100..=10_000_000)?;
        check_option("ledger.max_keys", self.max_keys, 8..=65_536)
    }
}

impl Default for LedgerOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// A secret of 16 bytes, which `Debug` does not show.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PageTokenKey(pub [u8; 16]);

impl std::fmt::Debug for PageTokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PageTokenKey(..)")
    }
}

/// What a database is opened with. Every field has a documented default; see `Database::options`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Durability of writes that do not say otherwise. Default: [`Durability::Sync`].
    pub durability: Durability,
    /// How sealed files are read. Default: [`ReadMode::Mapped`].
    pub read_mode: ReadMode,
    /// Source of time. Default: the system clock.
    pub clock: Clock,
    /// Seed of the number that the database draws at its creation. Models have seeds of their own; salts and keys come from
    /// the operating system. Default: taken from the clock at opening.
    pub seed: Option<u64>,
    /// Key under which page tokens are sealed. Default: one derived from the database's number.
    pub page_token_key: Option<PageTokenKey>,
    /// Partitions that a new table starts with. Default 4; 1 to 1,024.
    pub initial_partitions: usize,
    /// Size of a partition on disk at which it splits, in bytes. Default 256 MiB.
    pub split_bytes: u64,
    /// Memory of all memtables together, in bytes; a quarter over it writers are slowed, at twice it they wait. Default 64 MiB.
    pub memtable_bytes: usize,
    /// Size of one log segment, in bytes. Default 64 MiB; 4 KiB to 1 GiB.
    pub log_segment_bytes: u64,
    /// Size of all log segments together at which the partition that pins the oldest is flushed, in bytes. Default 256 MiB.
    pub log_bytes: u64,
    /// Memory of the block cache of [`ReadMode::Buffered`], in bytes. Default 32 MiB.
    pub block_cache_bytes: usize,
    /// Overlapping runs of one partition at which they are merged; three times as many where their entries are large, as long as
    /// one of the runs has half of their bytes. Default 4, at least 2.
    pub runs_per_partition: usize,
    /// How long the records of a change stream are kept, in milliseconds by the clock. They take disk space meanwhile: what was
    /// written to tables with a stream, and the images that the stream shows. Default 24 hours, as in the service.
    pub stream_retention_millis: u64,
    /// How long records of a change stream are kept that a consumer has still to process, in milliseconds by the clock, where
    /// that is longer than `stream_retention_millis`. Default 0: no longer than others.
    pub unread_retention_millis: u64,
    /// How long a new table stays in status CREATING, in milliseconds by the clock, as the service's tables do: items are
    /// rejected meanwhile. Default 0.
    pub creating_millis: u64,
    /// Whether items whose time to live has ended are hidden from reads before they are deleted. The service shows them.
    /// Reads of an index see it only of entries that carry the TTL attribute. Default false.
    pub hide_expired: bool,
    /// Bytes that an item collection of a table with local indexes may have, by DynamoDB's size rule; the service allows
    /// 10 GB. A write that would make a larger one grow fails with `ItemCollectionSizeLimitExceededException`. The first
    /// write to each collection after opening reads all of it. Default: no limit.
    pub collection_limit_bytes: Option<u64>,
    /// Rejects operations that overlap, as the service does, instead of letting them wait. Default: none is rejected.
    pub conflicts: Option<ConflictModel>,
    /// Rejects what the service would have no capacity for. Default: nothing is rejected.
    pub capacity: Option<CapacityModel>,
    /// Keeps history. Default: as the database says, which keeps none until it is told to.
    pub history: Option<HistoryOptions>,
    /// Notes what each request consumes, and how much of that is kept. Default: nothing is noted.
    pub ledger: Option<LedgerOptions>,
    /// Faults that requests meet. Default: none, and none can be set later.
    pub faults: Option<FaultModel>,
    /// Whether provisioned throughput follows what is consumed, where there are targets and policies. Default false.
    pub auto_scaling: bool,
    /// Sees every event of background work. Default: none.
    pub observer: Option<Observer>,
    /// Whether this is a copy that was made to be read or prepared, so that tables can be dropped from it.
    pub(crate) is_copy: bool,
    /// What sees the points of writes, in a database whose writes are followed.
    pub(crate) follower: Option<Follower>,
    /// Whether the end of the log may be mapped for writing though runs are not read mapped.
    pub(crate) maps_log: bool,
    /// The root key of an encrypted database. Default: none, and files are not encrypted.
    pub encryption: Option<Encryption>,
    /// The commit that the folder has to reach, or else it is an older copy. Default 0: any will do.
    pub least_commit: u64,
    /// Whether maintenance runs on threads of its own; without, the caller drives it by `Database::step`. Default true.
    pub background: bool,
}

impl Options {
    /// Rejects values that no database can be opened with, by the name of the field.
    pub(crate) fn check(&self) -> Result<()> {
        check_option("initial_partitions", self.initial_partitions, INITIAL_PARTITIONS)?;
        check_option("split_bytes", self.split_bytes, 1..=u64::MAX)?;
        check_option("memtable_bytes", self.memtable_bytes, 1..=usize::MAX)?;
        check_option("log_segment_bytes", self.log_segment_bytes, LOG_SEGMENT_BYTES)?;
        check_option("log_bytes", self.log_bytes, 1..=u64::MAX)?;
        check_option("runs_per_partition", self.runs_per_partition, 2..=usize::MAX)?;
        check_option("stream_retention_millis", self.stream_retention_millis, 1..=u64::MAX)?;
        let refused = self.conflicts.map_or(0, |model| model.refused_per_thousand);
        check_option("conflicts.refused_per_thousand", refused, 0..=1_000)?;
        self.history.as_ref().map_or(Ok(()), HistoryOptions::check)?;
        self.ledger.as_ref().map_or(Ok(()), LedgerOptions::check)?;
        self.faults.as_ref().map_or(Ok(()), FaultModel::check)?;
        self.capacity.as_ref().map_or(Ok(()), CapacityModel::check)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            durability: Durability::Sync,
            read_mode: ReadMode::Mapped,
            clock: Clock::system(),
            seed: None,
            page_token_key: None,
            initial_partitions: 4,
            split_bytes: 256 << 20,
            memtable_bytes: 64 << 20,
            log_segment_bytes: 64 << 20,
            log_bytes: 256 << 20,
            block_cache_bytes: 32 << 20,
            runs_per_partition: 4,
            stream_retention_millis: 24 * 60 * 60 * 1000,
            unread_retention_millis: 0,
            creating_millis: 0,
            hide_expired: false,
            collection_limit_bytes: None,
            conflicts: None,
            capacity: None,
            history: None,
            ledger: None,
            faults: None,
            auto_scaling: false,
            is_copy: false,
            observer: None,
            follower: None,
            maps_log: false,
            encryption: None,
            least_commit: 0,
            background: true,
        }
    }
}
