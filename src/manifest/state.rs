//! What all edits so far amount to.

use super::{
    edit::Edit,
    facts::{BaseMeta, Counters, HistoryMeta, PartitionMeta, ShardMeta, StreamMeta, StreamSegmentMeta},
};
use crate::{schema::TableDefinition, wal::LogBounds};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that is alive in a database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ManifestState {
    /// The database's own number, drawn when it was created; seeds all checksums.
    pub database_id: u64,
    /// Version of the format that the manifest is written in.
    pub format_version: u32,
    /// Tables by number.
    pub tables: BTreeMap<u32, TableDefinition>,
    /// Partitions of tables and global indexes by number.
    pub partitions: BTreeMap<u64, PartitionMeta>,
    /// Where the log begins, how far it reaches at least, and where segments end that others took over.
    pub log: LogBounds,
    /// The next numbers to give out.
    pub counters: Counters,
    /// Change streams by number.
    pub streams: BTreeMap<u64, StreamMeta>,
    /// Shards of change streams by number.
    pub shards: BTreeMap<u64, ShardMeta>,
    /// Stream segments by number of the file.
    pub stream_segments: BTreeMap<u64, StreamSegmentMeta>,
    /// Values of other rooms by name.
    pub notes: BTreeMap<String, serde_json::Value>,
    /// How history is kept, if it is.
    pub history: Option<HistoryMeta>,
    /// Bases of history by number of the file.
    pub bases: BTreeMap<u64, BaseMeta>,
}

impl ManifestState {
    /// A database with nothing in it.
    pub fn new(database_id: u64, format_version: u32) -> Self {
        Self { database_id, format_version, ..Self::default() }
    }

    /// Applies an edit.
    pub fn apply(&mut self, edit: Edit) {
        match edit {
            Edit::PutTable(table) => drop(self.tables.insert(table.id, *table)),
            Edit::DropTable(id) => drop(self.tables.remove(&id)),
            Edit::PutPartition(partition) => drop(self.partitions.insert(partition.id, partition)),
            Edit::DropPartition(id) => drop(self.partitions.remove(&id)),
            Edit::PutLogEnd { segment, valid_end } => self.log.put_end(segment, valid_end),
            Edit::PutLogStart(segment) => self.log.begin_at(segment),
            Edit::PutLogEncryptedFrom(segment) => self.log.encrypt_from(segment),
            Edit::PutLogMark { segment, mark } => self.log.put_mark(segment, mark),
            Edit::PutLogReach { segment, offset } => self.log.reach_to(segment, offset),
            Edit::PutCounters(counters) => self.counters.raise(counters),
            Edit::PutStream(stream) => drop(self.streams.insert(stream.id, *stream)),
            Edit::DropStream(id) => drop(self.streams.remove(&id)),
            Edit::PutShard(shard) => drop(self.shards.insert(shard.id, shard)),
            Edit::DropShard(id) => drop(self.shards.remove(&id)),
            Edit::PutStreamSegment(segment) => drop(self.stream_segments.insert(segment.file, segment)),
            Edit::DropStreamSegment(file) => drop(self.stream_segments.remove(&file)),
            Edit::PutNote { key, value } => drop(self.notes.insert(key, value)),
            Edit::DropNote(key) => drop(self.notes.remove(&key)),
            Edit::PutHistory(history) => self.history = Some(history),
            Edit::DropHistory => self.history = None,
            Edit::PutBase(base) => {
                self.bases.insert(base.file, base);
                self.keep_log();
            }
            Edit::DropBase(file) => {
                self.bases.remove(&file);
                self.keep_log();
            }
        }
    }

    fn keep_log(&mut self) {
        self.log.keep_from(self.bases.values().map(|base| base.first_segment).min());
    }

    /// The same without history: what a copy has, which begins its own.
    pub fn without_history(&self) -> Self {
        let mut state = Self { history: None, bases: BTreeMap::new(), ..self.clone() };
        state.keep_log();
        state
    }

    /// The edits that make this state out of an empty one.
    pub fn to_edits(&self) -> impl Iterator<Item = Edit> + '_ {
        let counters = [Edit::PutCounters(self.counters)];
        let tables = self.tables.values().map(|table| Edit::PutTable(Box::new(table.clone())));
        let partitions = self.partitions.values().cloned().map(Edit::PutPartition);
        let (segment, offset) = self.log.reach;
        let log = [Edit::PutLogStart(self.log.first_segment), Edit::PutLogReach { segment, offset }];
        let encrypted_from =
            Some(self.log.encrypted_from).filter(|segment| *segment > 0).map(Edit::PutLogEncryptedFrom);
        let (segment, mark) = self.log.mark;
        let mark = (segment > 0).then_some(Edit::PutLogMark { segment, mark });
        let log = log.into_iter().chain(encrypted_from).chain(mark);
        let ends = self.log.ends.iter();
        let ends = ends.map(|(segment, end)| Edit::PutLogEnd { segment: *segment, valid_end: *end });
        let streams = self.streams.values().map(|stream| Edit::PutStream(Box::new(stream.clone())));
        let shards = self.shards.values().cloned().map(Edit::PutShard);
        let segments = self.stream_segments.values().cloned().map(Edit::PutStreamSegment);
        let streams = streams.chain(shards).chain(segments);
        let notes = self.notes.iter();
        let notes = notes.map(|(key, value)| Edit::PutNote { key: key.clone(), value: value.clone() });
        // Bases come before the log, whose ends they keep.
        let bases = self.bases.values().cloned().map(Edit::PutBase);
        let history = self.history.into_iter().map(Edit::PutHistory).chain(bases);
        let log = history.chain(log).chain(ends);
        counters.into_iter().chain(tables).chain(partitions).chain(log).chain(streams).chain(notes)
    }

    /// Numbers of the run files that a partition names; all others are garbage.
    pub fn live_runs(&self) -> BTreeSet<u64> {
        self.partitions.values().flat_map(|partition| &partition.runs).map(|run| run.file).collect()
    }

    /// Partitions that belong to no table or index. Version 0.1.0 could leave one behind when a table or index was dropped
    /// while a partition of it was flushed; its files are gone.
    pub fn orphans(&self) -> impl Iterator<Item = &PartitionMeta> {
        let of_indexes = self.tables.values().flat_map(|table| table.indexes.iter().map(|index| index.id));
        let keyspaces: BTreeSet<u32> = self.tables.keys().copied().chain(of_indexes).collect();
        self.partitions.values().filter(move |partition| !keyspaces.contains(&partition.keyspace))
    }
}

impl Counters {
    /// Takes the higher of each number.
    fn raise(&mut self, other: Self) {
        self.next_file = self.next_file.max(other.next_file);
        self.next_table = self.next_table.max(other.next_table);
        self.next_partition = self.next_partition.max(other.next_partition);
        self.next_shard = self.next_shard.max(other.next_shard);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::RunMeta;

    #[test]
    fn a_state_is_the_sum_of_its_edits() {
        let runs = vec![RunMeta { file: 9, max_token: u64::MAX, ..RunMeta::default() }];
        let edits = [
            Edit::PutCounters(Counters { next_file: 10, next_table: 2, next_partition: 3, next_shard: 10 }),
            Edit::PutCounters(Counters { next_file: 4, next_table: 5, next_partition: 1, next_shard: 4 }),
            Edit::PutPartition(PartitionMeta { id: 1, runs, ..PartitionMeta::default() }),
            Edit::PutPartition(PartitionMeta { id: 2, ..PartitionMeta::default() }),
            Edit::DropPartition(2),
            Edit::PutLogEnd { segment: 3, valid_end: 64 },
            Edit::PutLogEnd { segment: 4, valid_end: 99 },
            Edit::PutLogStart(4),
            Edit::PutLogStart(2),
            Edit::PutLogEncryptedFrom(3),
            Edit::PutLogMark { segment: 5, mark: u64::MAX },
            Edit::PutLogReach { segment: 5, offset: 100 },
            Edit::PutLogReach { segment: 4, offset: 200 },
            Edit::PutShard(ShardMeta { id: 6, ..ShardMeta::default() }),
            Edit::PutStreamSegment(StreamSegmentMeta { file: 5, ..StreamSegmentMeta::default() }),
            Edit::PutNote { key: "a".into(), value: serde_json::json!({"deep": [1, u64::MAX]}) },
            Edit::DropNote("b".into()),
            Edit::PutHistory(HistoryMeta { retention_millis: 1, base_bytes: 2, stamp_millis: 3 }),
            Edit::PutBase(BaseMeta { file: 11, first_segment: 3, ..BaseMeta::default() }),
            Edit::PutBase(BaseMeta { file: 12, first_segment: 4, runs: vec![9], ..BaseMeta::default() }),
            Edit::PutLogEnd { segment: 3, valid_end: 65 },
        ];
        let mut state = ManifestState::new(7, 1);
        edits.into_iter().for_each(|edit| state.apply(edit));
        assert_eq!(state.counters, Counters { next_file: 10, next_table: 5, next_partition: 3, next_shard: 10 });
        assert_eq!(state.live_runs(), BTreeSet::from([9]));
        assert_eq!((state.log.first_segment, state.log.reach), (4, (5, 100)));
        assert_eq!(state.log.ends, BTreeMap::from([(3, 65), (4, 99)]), "a base keeps the end that it needs");
        let mut again = ManifestState::new(7, 1);
        for edit in state.to_edits() {
            let json = serde_json::to_string(&edit).unwrap();
            again.apply(serde_json::from_str(&json).unwrap());
        }
        assert_eq!(again, state);
        again.apply(Edit::DropBase(11));
        assert_eq!((again.log.kept_from, again.log.ends), (Some(4), BTreeMap::from([(4, 99)])));
    }
}
