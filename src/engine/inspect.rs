//! Facts about an open database, for people and programs that look inside.

use super::{engine::Engine, ring::TokenRing};
use crate::{
    error::Result,
    manifest::RunMeta,
    partition::{Partition, PartitionStats},
    schema::ITEM_SPACE,
    wal::SegmentStats,
};
use serde::Serialize;
use std::sync::Arc;

/// Entries up to which a table is counted by reading it; a larger one is estimated from its runs.
const MAX_EXACT_COUNT: u64 = 50_000;

/// The log.
#[derive(Clone, Debug, Serialize)]
pub struct LogStats {
    /// Segments that exist, oldest first.
    pub segments: Vec<SegmentStats>,
    /// Number of the last commit.
    pub last_seqno: u64,
    /// Number up to which everything is on stable storage.
    pub durable_seqno: u64,
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
    /// Where it lies.
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
    /// Bytes of all segments of change streams on disk.
    pub stream_bytes: u64,
    /// Memory of the records of change streams that are not yet in segments, in bytes.
    pub stream_tail_bytes: usize,
}

impl Engine {
    /// Items and their bytes (by DynamoDB's size rule) in one ring: counted in small rings, estimated in large ones, where
    /// overwritten items count twice until compaction.
    pub fn counts(&self, ring: &TokenRing) -> (u64, u64) {
        let partitions = ring.all();
        let (mut entries, mut bytes) = (0, 0);
        for facts in partitions.iter().map(|partition| partition.describe()) {
            let keys = facts.frozen.iter().chain([&facts.active]).map(|memtable| memtable.keys as u64);
            entries += keys.sum::<u64>() + facts.runs.iter().map(|run| run.facts.entries).sum::<u64>();
            bytes += facts.runs.iter().map(|run| run.facts.logical_bytes).sum::<u64>();
        }
        if entries > MAX_EXACT_COUNT {
            return (entries, bytes);
        }
        self.count_exactly(&partitions).unwrap_or((entries, bytes))
    }

    fn count_exactly(&self, partitions: &[Arc<Partition>]) -> Result<(u64, u64)> {
        let mut counts = (0, 0);
        for partition in partitions {
            let view = partition.view();
            let mut cursor = view.scan(partition.first_token, partition.last_token, None, self.wal.visible())?;
            while let Some(item) = cursor.item() {
                if cursor.collection().first() == Some(&ITEM_SPACE) {
                    counts = (counts.0 + 1, counts.1 + item.size_bytes() as u64);
                }
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
        let mut runs: Vec<RunMeta> = Vec::new();
        let manifest = self.files.manifest();
        let stream_bytes = manifest.state().stream_segments.values().map(|facts| facts.bytes).sum();
        for facts in manifest.state().partitions.values().flat_map(|record| &record.runs) {
            if !runs.iter().any(|known| known.file == facts.file) {
                runs.push(facts.clone());
            }
        }
        drop(manifest);
        let segments = self.wal.segments();
        DatabaseStats {
            folder: self.describe(),
            memtable_bytes: self.admission.write_budget.used_bytes(),
            run_bytes: runs.iter().map(|facts| facts.bytes).sum(),
            logical_bytes: runs.iter().map(|facts| facts.logical_bytes).sum(),
            log_bytes: segments.iter().map(|segment| segment.bytes).sum(),
            stream_bytes,
            stream_tail_bytes: self.streams.tail_bytes(),
            log: LogStats { segments, last_seqno: self.wal.last_seqno(), durable_seqno: self.wal.visible().load() },
            partitions,
        }
    }
}
