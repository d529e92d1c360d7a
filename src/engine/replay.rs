//! Replaying the log into memtables, and turning definitions into rings: what opening and schema changes share.
//!
//! Replay reads no partition. A change record carries the old image wherever something derives from it, and an index
//! derives its entries only from records that are younger than itself. Whatever a partition has flushed already is
//! skipped by its sequence number; what is applied twice is the same entry with the same number.

use super::{
    apply::{AppliedChange, ApplyTarget, WriteStamp, apply},
    catalog::{Catalog, TableSlot, TableState},
    recovery_report::Versions,
    ring::{TokenRing, equal_ranges, key_ref},
    stream::range_of,
};
use crate::{
    admission::Tokens,
    canary::canary,
    config::Options,
    error::{Error, Result},
    file::FileName,
    index::{self, IndexChange},
    item::ItemRef,
    manifest::{Edit, PartitionMeta, RunMeta},
    partition::{LARGE_VALUE_BYTES, NewVersion, Partition, Run},
    schema::{EncodedKey, IndexDefinition, IndexKind, StreamView, TableDefinition},
    stream::{self, ChangeEvent, Streams},
    visible::Visible,
    wal::record::{self, Before, Commit, Record, SchemaChange},
};
use bytes::Bytes;
use std::sync::Arc;

/// Makes rings for new key spaces and hands out numbers.
pub(super) struct Builder<'a> {
    pub options: &'a Options,
    pub next_partition: &'a mut dyn FnMut() -> u64,
}

impl Builder<'_> {
    /// The state of a table: rings of indexes that stay are taken over, new ones are made and reported as edits.
    pub fn state(
        &mut self,
        definition: TableDefinition,
        previous: Option<&TableState>,
        edits: &mut Vec<Edit>,
    ) -> TableState {
        let ring = previous.map_or_else(|| self.new_ring(definition.id, edits), |state| state.ring.clone());
        let mut index_rings = Vec::with_capacity(definition.indexes.len());
        for index in &definition.indexes {
            let known = previous.and_then(|state| state.index_rings.iter().find(|ring| ring.keyspace == index.id));
            index_rings.push(match (index.kind, known) {
                (IndexKind::Local, _) => ring.clone(),
                (IndexKind::Global | IndexKind::Expiry, Some(known)) => known.clone(),
                (IndexKind::Global | IndexKind::Expiry, None) => self.new_ring(index.id, edits),
            });
        }
        TableState { definition: Arc::new(definition), ring, index_rings }
    }

    fn new_ring(&mut self, keyspace: u32, edits: &mut Vec<Edit>) -> Arc<TokenRing> {
        let mut partitions = Vec::new();
        for (first_token, last_token) in equal_ranges(self.options.initial_partitions) {
            let id = (self.next_partition)();
            let partition = Partition::new(id, keyspace, first_token, last_token, 0, Vec::new());
            edits.push(Edit::PutPartition(partition.record()));
            partitions.push(Arc::new(partition));
        }
        Arc::new(TokenRing::new(keyspace, partitions))
    }
}

/// The ring of a key space from what the manifest recorded.
pub(super) fn ring_from_records<'a>(
    keyspace: u32,
    records: impl Iterator<Item = &'a PartitionMeta>,
    open_run: &mut dyn FnMut(&RunMeta) -> Result<Arc<Run>>,
) -> Result<Arc<TokenRing>> {
    let mut partitions = Vec::new();
    for record in records.filter(|record| record.keyspace == keyspace) {
        let runs = record.runs.iter().map(&mut *open_run).collect::<Result<Vec<_>>>()?;
        partitions.push(Arc::new(Partition::new(
            record.id,
            keyspace,
            record.first_token,
            record.last_token,
            record.flushed_seqno,
            runs,
        )));
    }
    partitions.sort_by_key(|partition| partition.first_token);
    let whole = partitions.first().is_some_and(|partition| partition.first_token == 0)
        && partitions.last().is_some_and(|partition| partition.last_token == u64::MAX)
        && partitions.windows(2).all(|pair| pair[0].last_token.checked_add(1) == Some(pair[1].first_token));
    if !whole {
        let text = format!("the partitions of key space {keyspace} do not cover all tokens");
        return Err(Error::corrupt(FileName::Current, 0, text));
    }
    Ok(Arc::new(TokenRing::new(keyspace, partitions)))
}

/// The database while its log is read back.
pub(super) struct Replay<'a> {
    pub builder: Builder<'a>,
    pub catalog: Catalog,
    pub visible: &'a Visible,
    /// What the manifest must learn once the log is read.
    pub edits: Vec<Edit>,
    /// Highest number of a table or index seen.
    pub highest_keyspace: u32,
    /// Client request tokens of transactions.
    pub tokens: Tokens,
    /// Change streams; they may outlive their tables.
    pub streams: Streams,
    /// Whether streams are kept. A database as it was at an earlier moment has none.
    pub has_streams: bool,
    /// The highest time of a commit, in milliseconds since 1970.
    pub stamp_millis: u64,
    /// What became of the versions that the log has.
    pub versions: Versions,
}

impl Replay<'_> {
    /// Applies one record of the log.
    pub fn apply(&mut self, seqno: u64, payload: &Bytes) -> Result<()> {
        match Record::decode(payload)? {
            Record::Commit(commit) => self.apply_commit(seqno, &commit),
            Record::Schema(change) => self.apply_schema(seqno, change),
        }
        Ok(())
    }

    fn apply_commit(&mut self, seqno: u64, commit: &Commit) {
        if let Some(token) = &commit.token
            && !canary!(ForgottenToken)
        {
            self.tokens.remember(token, commit.at_millis, seqno);
        }
        self.stamp_millis = self.stamp_millis.max(commit.at_millis);
        let stamp = WriteStamp { seqno, at_millis: commit.at_millis, buffered: true };
        let has_streams = !self.streams.is_empty();
        let applied = if canary!(HalfTransaction) { 1 } else { commit.changes.len() };
        for (ordinal, change) in commit.changes.iter().enumerate().take(applied) {
            // A table that is gone by the end of the log, or was gone in the manifest already, has nothing but its stream.
            let state = self.catalog.by_id.get(&change.table).map(|slot| slot.state());
            if state.is_none() && !has_streams {
                continue;
            }
            let old = change.old.item().cloned().map(ItemRef::from_bytes);
            let applied = AppliedChange {
                ordinal,
                key: &EncodedKey::from_parts(&change.collection, &change.sort),
                state: state.as_ref().map(|state| &***state),
                old: old.as_ref(),
                new: change.new.as_ref(),
                event: if has_streams { event_of(change, old.as_ref()) } else { None },
                indexes: &state
                    .as_ref()
                    .map_or_else(Vec::new, |state| index_changes(seqno, state, change, old.as_ref())),
                stamp: change.stamp.as_ref(),
            };
            let mut target = ReplayTarget { replay: self, table: change.table, stamp };
            apply(&applied, stamp, commit.origin, &mut target);
        }
    }

    fn apply_schema(&mut self, seqno: u64, change: SchemaChange) {
        match change {
            SchemaChange::Drop(id) => {
                self.highest_keyspace = self.highest_keyspace.max(id);
                let now_millis = self.builder.options.clock.now_millis();
                self.apply_plan(|streams| streams.plan_drop(id, seqno, now_millis));
                if let Some(slot) = self.catalog.remove(id) {
                    self.edits.push(Edit::DropTable(id));
                    for ring in slot.state().index_rings.iter().chain([&slot.state().ring]) {
                        self.drop_ring(ring);
                    }
                }
            }
            SchemaChange::Put(definition) => self.apply_definition(seqno, *definition),
        }
    }

    fn apply_definition(&mut self, seqno: u64, definition: TableDefinition) {
        let keyspaces = definition.indexes.iter().map(|index| index.id).chain([definition.id]);
        self.highest_keyspace = keyspaces.fold(self.highest_keyspace, u32::max);
        let known = self.catalog.by_id.get(&definition.id).cloned();
        if known.as_ref().is_some_and(|slot| slot.state().definition.changed_seqno >= seqno) {
            return;
        }
        self.edits.push(Edit::PutTable(Box::new(definition.clone())));
        let previous = known.as_ref().map(|slot| arc_swap::Guard::into_inner(slot.state()));
        let state = self.builder.state(definition, previous.as_deref(), &mut self.edits);
        for ring in previous.iter().flat_map(|previous| &previous.index_rings) {
            if !state.index_rings.iter().any(|kept| kept.keyspace == ring.keyspace) {
                self.drop_ring(ring);
            }
        }
        let now_millis = self.builder.options.clock.now_millis();
        let ranges: Vec<_> = state.ring.all().iter().map(|partition| range_of(partition)).collect();
        let definition = state.definition.clone();
        self.apply_plan(|streams| streams.plan_definition(&definition, &ranges, seqno, now_millis));
        match known {
            Some(slot) => slot.set_state(state),
            None => self.catalog.insert(&Arc::new(TableSlot::new(state))),
        }
    }

    fn apply_plan(&mut self, plan: impl FnOnce(&Streams) -> stream::Plan) {
        if !self.has_streams {
            return;
        }
        let mut plan = plan(&self.streams);
        self.edits.extend(plan.take_edits());
        self.streams.apply(plan);
    }

    fn drop_ring(&mut self, ring: &TokenRing) {
        self.edits.extend(ring.all().iter().map(|partition| Edit::DropPartition(partition.id)));
    }
}

/// What the record of a change says about the event that a stream shows.
fn event_of(change: &record::Change, old: Option<&ItemRef>) -> Option<ChangeEvent> {
    match change.old {
        Before::Unknown => None,
        Before::Different => Some(ChangeEvent::Modify),
        Before::Absent | Before::Item(_) => ChangeEvent::of(old, change.new.clone().map(ItemRef::from_bytes).as_ref()),
    }
}

/// The changes of the indexes that were there when the record of a change was logged.
fn index_changes(seqno: u64, state: &TableState, change: &record::Change, old: Option<&ItemRef>) -> Vec<IndexChange> {
    // A table that had an index when the change was logged has said which item was there, or that none was.
    let is_known = matches!(change.old, Before::Absent | Before::Item(_));
    if !is_known || state.definition.indexes.is_empty() || canary!(IndexNotReplayed) {
        return Vec::new();
    }
    let new = change.new.clone().map(ItemRef::from_bytes);
    let younger = |index: &IndexDefinition| index.created_seqno < seqno;
    let key = EncodedKey::from_parts(&change.collection, &change.sort);
    index::changes(&state.definition, &key, younger, old, new.as_ref())
}

/// Replay's way of applying: into whatever partition holds the key by the end of the log, unless its runs have the version.
struct ReplayTarget<'a, 'b> {
    replay: &'a Replay<'b>,
    table: u32,
    stamp: WriteStamp,
}

impl ApplyTarget for ReplayTarget<'_, '_> {
    fn insert(&mut self, ring: &Arc<TokenRing>, key: &EncodedKey, value: Option<&Bytes>) {
        let partition = ring.find(key.token());
        let is_unflushed = self.stamp.seqno > partition.flushed_seqno();
        self.replay.versions.count(is_unflushed);
        if is_unflushed {
            let (guard, WriteStamp { seqno, buffered, .. }) = (partition.lock(), self.stamp);
            // A large value that stayed in the buffer of the log would keep all of that in memory.
            let is_large = value.is_some_and(|value| value.len() >= LARGE_VALUE_BYTES);
            let apart = value.filter(|_| is_large).map(|value| Bytes::copy_from_slice(value));
            let version = NewVersion { seqno, value: apart.as_ref().or(value), buffered };
            partition.insert(&guard, key_ref(key), version, self.replay.visible);
        }
    }
    /// The record enters the tails of its shards again, unless a segment has it.
    fn push(&mut self, key: &EncodedKey, record: impl Fn(StreamView) -> stream::Change) {
        let streams = &self.replay.streams;
        for (shard, stream) in streams.find(self.table, key.token(), self.stamp.seqno) {
            streams.push_replayed(&shard, &record(stream.view), &stream.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn ring(ranges: &[(u64, u64)]) -> Result<Arc<TokenRing>> {
        let records: Vec<PartitionMeta> = (1..)
            .zip(ranges)
            .map(|(id, &(first_token, last_token))| {
                Partition::new(id, 7, first_token, last_token, 0, Vec::new()).record()
            })
            .collect();
        ring_from_records(7, records.iter(), &mut |facts| Err(Error::corrupt(FileName::Run(facts.file), 0, "unasked")))
    }

    #[test]
    fn a_ring_covers_all_tokens_once() {
        let halves = [(1 << 63, u64::MAX), (0, (1 << 63) - 1)];
        let tokens: Vec<u64> = ring(&halves).unwrap().all().iter().map(|partition| partition.first_token).collect();
        assert_eq!(tokens, [0, 1 << 63], "in their order");
        let gaps: [&[(u64, u64)]; 6] = [
            &[],
            &[(1, u64::MAX)],
            &[(0, u64::MAX - 1)],
            &[(0, 10), (12, u64::MAX)],
            &[(0, 10), (10, u64::MAX)],
            &[(0, u64::MAX), (0, u64::MAX)],
        ];
        for ranges in gaps {
            assert_eq!(ring(ranges).map(drop).unwrap_err().kind(), ErrorKind::Corrupt, "{ranges:?}");
        }
    }
}
