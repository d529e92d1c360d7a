//! Facts about an open database, for people and programs that look inside.

use super::{
    catalog::TableState,
    engine::Engine,
    log_pins::{KeptSegment, LogPin},
    ring::TokenRing,
};
use crate::{
    error::Result,
    index::entry,
    manifest::RunMeta,
    partition::{Partition, PartitionStats},
    schema::{ITEM_SPACE, IndexKind, TableDefinition},
    wal::SegmentStats,
};
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};

/// Entries up to which a table is counted by reading it; a larger one is estimated from its runs.
const MAX_EXACT_COUNT: u64 = 50_000;
/// Entries of a larger table that are read to learn what part of the estimate are items, and what part entries of local indexes.
const SAMPLED_ENTRIES: u64 = 10_000;

/// The log.
#[derive(Clone, Debug, Serialize)]
pub struct LogStats {
    /// Segments that exist, oldest first.
    pub segments: Vec<SegmentStats>,
    /// Number of the last commit.
    pub last_seqno: u64,
    /// Number up to which everything is on stable storage.
    pub durable_seqno: u64,
    /// What needs the log, and from which commit on, lowest commit first: a segment is removed once nothing needs it or a
    /// segment before it. The segment at the end always stays.
    pub pins: Vec<LogPin>,
    /// Segments that are no part of the log any more: only history, backups or readers of the past need them. Oldest first.
    pub kept: Vec<KeptSegment>,
}

/// One partition of a table or global index.
#[derive(Clone, Debug, Serialize)]
pub struct TablePartitionStats {
    /// Name of the table.
    pub table: String,
    /// Name of the global index; absent for the table itself.
    pub index: Option<String>,
    /// Token range, memtables and runs.
    #[serde(flatten)]
    pub partition: PartitionStats,
}

/// A database as a whole.
#[derive(Clone, Debug, Serialize)]
pub struct DatabaseStats {
    /// Where it is.
    pub folder: String,
    /// Memory of all memtables, in bytes.
    pub memtable_bytes: usize,
    /// The log.
    pub log: LogStats,
    /// All partitions of all tables and indexes.
    pub partitions: Vec<TablePartitionStats>,
    /// Bytes of all runs on disk.
    pub run_bytes: u64,
    /// Bytes of all items and index entries in runs, by DynamoDB's size rule.
    pub logical_bytes: u64,
    /// Bytes of all log segments on disk.
    pub log_bytes: u64,
    /// Bytes of former log segments that are kept on disk to be written over by later ones: at most four segments. They go when
    /// the database is closed or compacted, and when the disk is nearly full.
    pub log_spare_bytes: u64,
    /// Bytes of all segments of change streams on disk.
    pub stream_bytes: u64,
    /// Memory of the records of change streams that are not yet in segments, in bytes.
    pub stream_tail_bytes: usize,
}

/// What the log-structured form of the data costs; see [`Database::amplification`](crate::Database::amplification).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Amplification {
    /// Bytes written to files since the database was opened (log, flushes, compactions, stream segments) for each byte
    /// written to the log. 1 before the first flush; 0 if nothing was written.
    pub write: f64,
    /// Bytes of all runs for each byte of the newest versions in runs and memtables. Overwritten and deleted versions that
    /// no compaction has dropped yet raise it; compression of keys lowers it. 0 if there is nothing in runs.
    pub space: f64,
    /// Memtables and runs that hold something, as a mean over all partitions: so many places may have to be asked for one
    /// item.
    pub read: f64,
    /// The same for the partition with the most of them.
    pub read_worst: usize,
    /// Bytes of the newest versions of all items and index entries by DynamoDB's size rule.
    pub live_bytes: u64,
    /// Whether `live_bytes` was counted. In a database of more than 50,000 entries it is the bytes in runs, with
    /// overwritten versions.
    pub is_exact: bool,
}

/// Entries and their bytes (by DynamoDB's size rule), by key space.
pub type SpaceCounts = BTreeMap<u8, (u64, u64)>;

fn add(counts: &mut SpaceCounts, space: u8, size_bytes: usize) {
    let of_space = counts.entry(space).or_default();
    *of_space = (of_space.0 + 1, of_space.1 + size_bytes as u64);
}

/// Entries of partitions and their bytes, as memtables and runs have counted them.
fn estimate(partitions: &[Arc<Partition>]) -> (u64, u64) {
    let (mut entries, mut bytes) = (0, 0);
    for facts in partitions.iter().map(|partition| partition.describe()) {
        let keys = facts.frozen.iter().chain([&facts.active]).map(|memtable| memtable.keys as u64);
        entries += keys.sum::<u64>() + facts.runs.iter().map(|run| run.facts.entries).sum::<u64>();
        bytes += facts.runs.iter().map(|run| run.facts.logical_bytes).sum::<u64>();
    }
    (entries, bytes)
}

impl Engine {
    /// What the form of the data costs now. Errors: disk, damage.
    pub fn amplification(&self) -> Result<Amplification> {
        let partitions: Vec<Arc<Partition>> = self.tables.rings().iter().flat_map(|ring| ring.all().to_vec()).collect();
        let (mut entries, mut places, mut read_worst) = (0, 0, 0);
        for stats in partitions.iter().map(|partition| partition.describe()) {
            let memtables = stats.frozen.iter().chain([&stats.active]).filter(|memtable| memtable.keys > 0);
            let keys: usize = memtables.clone().map(|memtable| memtable.keys).sum();
            entries += keys as u64 + stats.runs.iter().map(|run| run.facts.entries).sum::<u64>();
            let sources = memtables.count() + stats.runs.len();
            places += sources;
            read_worst = read_worst.max(sources);
        }
        let (run_bytes, in_runs) = self.run_bytes();
        let is_exact = entries <= MAX_EXACT_COUNT;
        let live_bytes = if is_exact { self.live_bytes(&partitions)? } else { in_runs };
        let counted = self.observe.counters().read();
        let rewritten = counted.flushed_bytes + counted.compaction_bytes_written + counted.stream_segment_bytes;
        Ok(Amplification {
            write: ratio(counted.log_bytes_written + rewritten, counted.log_bytes_written),
            space: ratio(run_bytes, live_bytes),
            read: ratio(places as u64, partitions.len() as u64),
            read_worst,
            live_bytes,
            is_exact,
        })
    }

    /// Bytes of the newest versions of everything.
    fn live_bytes(&self, partitions: &[Arc<Partition>]) -> Result<u64> {
        let mut bytes = 0;
        for partition in partitions {
            let view = partition.view();
            let mut cursor = view.scan(partition.first_token, partition.last_token, None, self.wal.visible())?;
            while let Some(item) = cursor.item() {
                bytes += item.size_bytes() as u64;
                cursor.advance()?;
            }
        }
        Ok(bytes)
    }

    /// Bytes of all runs, each once, and of the items and entries in them by DynamoDB's size rule.
    fn run_bytes(&self) -> (u64, u64) {
        let mut runs: Vec<RunMeta> = Vec::new();
        let manifest = self.files.manifest();
        for facts in manifest.state().partitions.values().flat_map(|record| &record.runs) {
            if !runs.iter().any(|known| known.file == facts.file) {
                runs.push(facts.clone());
            }
        }
        (runs.iter().map(|facts| facts.bytes).sum(), runs.iter().map(|facts| facts.logical_bytes).sum())
    }

    /// Items and their bytes (by DynamoDB's size rule) in one ring: counted in small rings, estimated in large ones, where
    /// overwritten items count twice until compaction.
    pub fn counts(&self, ring: &TokenRing) -> (u64, u64) {
        let partitions = ring.all();
        let (entries, bytes) = estimate(&partitions);
        if entries > MAX_EXACT_COUNT {
            return (entries, bytes);
        }
        let of_items = |spaces: SpaceCounts| spaces.get(&ITEM_SPACE).copied().unwrap_or_default();
        self.count_spaces(&partitions).map_or((entries, bytes), of_items)
    }

    /// Items of a table, and entries of each of its indexes, with their bytes (by DynamoDB's size rule), by the number of the table or
    /// index. Counted or estimated as by [`counts`](Self::counts).
    pub fn counts_of(&self, state: &TableState) -> BTreeMap<u32, (u64, u64)> {
        let definition = &state.definition;
        let of_kind = |kind: IndexKind| {
            definition.indexes.iter().zip(&state.index_rings).filter(move |(index, _)| index.kind == kind)
        };
        let mut counts = BTreeMap::new();
        if of_kind(IndexKind::Local).next().is_none() {
            counts.insert(definition.id, self.counts(&state.ring));
        } else {
            // Entries of local indexes are in the partitions of the items.
            let spaces = self.counts_by_space(state);
            let of_space = |space: u8| spaces.get(&space).copied().unwrap_or_default();
            counts.insert(definition.id, of_space(ITEM_SPACE));
            let locals = of_kind(IndexKind::Local).map(|(index, _)| index);
            counts.extend(locals.map(|index| (index.id, of_space(definition.local_space(index)))));
        }
        counts.extend(of_kind(IndexKind::Global).map(|(index, ring)| (index.id, self.counts(ring))));
        counts
    }

    /// Entries and their bytes in the ring of a table, by key space: its items, and the entries of each local index. Of a large
    /// ring a sample tells which part of the estimate each has.
    fn counts_by_space(&self, state: &TableState) -> SpaceCounts {
        let partitions = state.ring.all();
        let (entries, bytes) = estimate(&partitions);
        let alone = || SpaceCounts::from([(ITEM_SPACE, (entries, bytes))]);
        if entries <= MAX_EXACT_COUNT {
            return self.count_spaces(&partitions).unwrap_or_else(|_| alone());
        }
        let Ok(sample) = self.sample_spaces(&state.definition, &partitions) else { return alone() };
        let (of, of_bytes) = sample.values().fold((0, 0), |sum, counts| (sum.0 + counts.0, sum.1 + counts.1));
        let part = |count: u64, of: u64, all: u64| {
            u64::try_from(u128::from(count) * u128::from(all) / u128::from(of.max(1))).unwrap_or(u64::MAX)
        };
        let scaled = sample
            .iter()
            .map(|(space, (count, size))| (*space, (part(*count, of, entries), part(*size, of_bytes, bytes))));
        if of == 0 { alone() } else { scaled.collect() }
    }

    /// Counts entries by key space.
    fn count_spaces(&self, partitions: &[Arc<Partition>]) -> Result<SpaceCounts> {
        let mut counts = SpaceCounts::new();
        for partition in partitions {
            let view = partition.view();
            let mut cursor = view.scan(partition.first_token, partition.last_token, None, self.wal.visible())?;
            while let Some(item) = cursor.item() {
                add(&mut counts, cursor.collection().first().copied().unwrap_or(ITEM_SPACE), item.size_bytes());
                cursor.advance()?;
            }
        }
        Ok(counts)
    }

    /// Counts the first items of a table, and the entries that they have in local indexes. The entries are not read: all of those
    /// of a partition key lie behind all of its items, so that the first entries of a ring may be items alone.
    fn sample_spaces(&self, definition: &TableDefinition, partitions: &[Arc<Partition>]) -> Result<SpaceCounts> {
        let locals = || definition.indexes.iter().filter(|index| index.kind == IndexKind::Local);
        let (mut counts, mut read) = (SpaceCounts::new(), 0);
        for partition in partitions {
            let view = partition.view();
            let mut cursor = view.scan(partition.first_token, partition.last_token, None, self.wal.visible())?;
            while let Some(item) = cursor.item() {
                if read >= SAMPLED_ENTRIES {
                    return Ok(counts);
                }
                if cursor.collection().first() == Some(&ITEM_SPACE) {
                    add(&mut counts, ITEM_SPACE, item.size_bytes());
                    for (index, entry) in locals().filter_map(|index| Some((index, entry(definition, index, &item)?))) {
                        add(&mut counts, definition.local_space(index), entry.size_bytes);
                    }
                }
                read += 1;
                cursor.advance()?;
            }
        }
        Ok(counts)
    }

    /// Everything that can be seen from outside, gathered without stopping any thread.
    pub fn facts(&self) -> DatabaseStats {
        let mut partitions = Vec::new();
        for slot in self.tables.load().by_id.values() {
            let state = slot.state();
            let table = &state.definition.name;
            let mut add = |index: Option<&str>, ring: &TokenRing| {
                partitions.extend(ring.all().iter().map(|partition| TablePartitionStats {
                    table: table.clone(),
                    index: index.map(str::to_owned),
                    partition: partition.describe(),
                }));
            };
            add(None, &state.ring);
            for (index, ring) in state.definition.indexes.iter().zip(&state.index_rings) {
                if ring.keyspace != state.ring.keyspace {
                    add(Some(&index.name), ring);
                }
            }
        }
        let stream_bytes = self.files.manifest().state().stream_segments.values().map(|facts| facts.bytes).sum();
        let (run_bytes, logical_bytes) = self.run_bytes();
        let segments = self.wal.segments();
        DatabaseStats {
            folder: self.describe(),
            memtable_bytes: self.admission.write_budget.used_bytes(),
            run_bytes,
            logical_bytes,
            log_bytes: segments.iter().map(|segment| segment.bytes).sum(),
            log_spare_bytes: self.wal.spare_bytes(),
            stream_bytes,
            stream_tail_bytes: self.streams.tail_bytes(),
            log: LogStats {
                pins: self.log_pins(&segments),
                kept: self.kept_segments(),
                last_seqno: self.wal.last_seqno(),
                durable_seqno: self.wal.visible().load(),
                segments,
            },
            partitions,
        }
    }
}

fn ratio(of: u64, to: u64) -> f64 {
    if to == 0 { 0.0 } else { of as f64 / to as f64 }
}
