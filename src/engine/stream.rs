//! Where change streams meet the log and the partitions: feeding them, cutting their tails into segments, letting them
//! age.
//!
//! A commit feeds the shard of its partition under the partition's lock. Cutting follows the order of all publishing:
//! the log is synced, the segment and its folder are, the manifest names it, and only then do the records leave the
//! memory and the log lose its duty to keep them.

use super::{engine::Engine, ring::TokenRing};
use crate::{
    canary::canary,
    config::Options,
    error::Result,
    manifest::{Edit, ShardMeta},
    observe::{EventKind, Job, Subject},
    partition::Partition,
    schema::StreamPurpose,
    stream::{
        Range, ReadHorizon, Segment, Shard,
        retention::{self, Retention},
    },
};
use std::sync::Arc;

/// What tails may take before they are cut, besides the memory for memtables: one part of it in so many.
const TAIL_BUDGET_DIVISOR: usize = 4;

/// The range of a partition, as streams know it.
pub(super) fn range_of(partition: &Partition) -> Range {
    Range { partition: partition.id, first_token: partition.first_token, last_token: partition.last_token }
}

impl Engine {
    /// A copy of an earlier moment has the definitions of streams and not the streams themselves: they begin anew.
    pub(super) fn begin_missing_streams(&self) -> Result<()> {
        for slot in self.tables.load().by_id.values() {
            let state = slot.state();
            let is_missing = |purpose| {
                state.definition.stream_view(purpose).is_some()
                    && self.streams.enabled(state.definition.id, purpose).is_none()
            };
            if !StreamPurpose::ALL.into_iter().any(is_missing) {
                continue;
            }
            let mut manifest = self.manifest_to_change()?;
            let ranges: Vec<_> = state.ring.all().iter().map(|partition| range_of(partition)).collect();
            let (seqno, now_millis) = (self.last_durable_commit()?, self.options.clock.now_millis());
            let mut plan = self.streams.plan_definition(&state.definition, &ranges, seqno, now_millis);
            let mut edits = plan.take_edits();
            edits.push(Edit::PutCounters(self.counters()));
            self.commit_manifest(&mut manifest, &edits)?;
            self.streams.apply(plan);
        }
        Ok(())
    }

    /// How long records of streams are kept.
    pub fn retention(&self) -> Retention {
        let Options { stream_retention_millis, unread_retention_millis, .. } = self.options;
        Retention { millis: stream_retention_millis, unread_millis: unread_retention_millis }
    }
    /// What readers of streams may see now.
    pub fn read_horizon(&self) -> ReadHorizon {
        self.sees(self.retention().horizon(self.options.clock.now_millis(), None).aged_millis)
    }
    /// What a consumer may see that goes on where it left off.
    pub fn unread_horizon(&self) -> ReadHorizon {
        self.sees(self.retention().horizon(self.options.clock.now_millis(), None).last_millis)
    }
    fn sees(&self, horizon_millis: u64) -> ReadHorizon {
        ReadHorizon { visible: self.wal.visible().load(), horizon_millis }
    }

    /// The log must keep what is in no segment.
    pub(super) fn log_needed_by_streams(&self) -> u64 {
        self.streams.oldest_uncut_seqno().unwrap_or(u64::MAX)
    }

    /// What tails take beyond what they may, which counts as if memtables took it: writers that are faster than the cuts
    /// are slowed as those are that are faster than the flushes.
    pub(super) fn stream_tail_overrun_bytes(&self) -> usize {
        self.streams.tail_bytes().saturating_sub(self.options.memtable_bytes / TAIL_BUDGET_DIVISOR)
    }

    /// Cuts the largest tail if tails take too much memory, or the one that pins the log if the log is full.
    pub(super) fn cut_if_due(&self, log_full: bool, insists: bool) -> Result<bool> {
        let may_cut = |shard: &Shard| insists || self.observe.is_due(Job::StreamSegment, shard.id);
        if self.stream_tail_overrun_bytes() > 0 {
            let shards = self.streams.shards().into_iter().filter(|shard| may_cut(shard));
            let largest = shards.max_by_key(|shard| shard.tail_bytes());
            return largest.map_or(Ok(false), |shard| self.attempt_cut(&shard));
        }
        if !log_full {
            return Ok(false);
        }
        let oldest = self.streams.shards().into_iter().filter_map(|shard| Some((shard.oldest_uncut_seqno()?, shard)));
        let Some((seqno, shard)) = oldest.min_by_key(|(seqno, _)| *seqno) else { return Ok(false) };
        let rings = self.tables.rings();
        let unflushed = |ring: &Arc<TokenRing>| ring.all().iter().filter_map(|p| p.oldest_logged_seqno()).min();
        let pins = rings.iter().filter_map(unflushed).min().is_none_or(|unflushed| seqno <= unflushed);
        if !pins || !may_cut(&shard) || !self.attempt_cut(&shard)? {
            return Ok(false);
        }
        self.trim_log_if_due()?;
        Ok(true)
    }

    pub(super) fn attempt_cut(&self, shard: &Arc<Shard>) -> Result<bool> {
        self.attempt(Job::StreamSegment, shard.id, || self.subject_of_shard(shard), || self.cut(shard))
    }

    /// Cuts all tails.
    pub(super) fn cut_all(&self) -> Result<()> {
        for shard in self.streams.shards() {
            self.cut(&shard)?;
        }
        Ok(())
    }

    /// Writes what is durable of a tail as a segment; false if there is nothing.
    fn cut(&self, shard: &Arc<Shard>) -> Result<bool> {
        // Removing shards takes this lock too: no shard goes while it is cut.
        let _one = self.streams.cutting.lock();
        self.wal.sync(self.wal.last_seqno())?;
        let blocks = shard.settled_blocks(self.settled_seqno());
        if blocks.is_empty() {
            return Ok(false);
        }
        self.begin_session()?;
        let (file, context) = (self.files.new_file(), self.files.segment_context());
        let written = context.write(file, shard.id, blocks);
        let facts = written.inspect_err(|_| self.files.remove_segment(file))?;
        let mut manifest = self.files.manifest();
        if !canary!(LostStreamSegment) {
            let committed = self.commit_manifest_or_retry(&mut manifest, &[Edit::PutStreamSegment(facts.clone())]);
            committed.inspect_err(|_| {
                if !manifest.is_poisoned() {
                    self.files.remove_segment(file)
                }
            })?;
        }
        let bytes = facts.bytes;
        self.streams.give_back(shard.publish(Arc::new(Segment::new(facts, context))));
        drop(manifest);
        self.observe.counters().stream_segments.add(1);
        self.observe.counters().stream_segment_bytes.add(bytes);
        self.observe.event(EventKind::StreamSegmentWritten { subject: self.subject_of_shard(shard), bytes });
        self.account_memory();
        Ok(true)
    }

    /// Commits up to this number are durable, and all their changes are in memtables and tails.
    fn settled_seqno(&self) -> u64 {
        let applied_below = self.wal.lowest_unapplied();
        self.wal.visible().load().min(applied_below.saturating_sub(1))
    }

    /// Lets streams age: closes and continues old shards, removes old records. False if nothing was due.
    pub fn stream_step(&self) -> Result<bool> {
        let _work = self.gate.enter()?;
        if self.streams.is_empty() || !self.observe.is_due(Job::StreamRetention, 0) {
            return Ok(false);
        }
        self.attempt(
            Job::StreamRetention,
            0,
            || Subject::Database,
            || {
                let rolled = self.roll_shards()?;
                Ok(self.trim_streams()? || rolled)
            },
        )
    }

    fn roll_shards(&self) -> Result<bool> {
        let now_millis = self.options.clock.now_millis();
        let mut rolled = false;
        for shard in self.streams.shards() {
            let record = shard.record();
            let due = record.end_seqno.is_none() && retention::is_old(record.opened_millis, now_millis);
            if due && shard.has_records() {
                rolled |= self.roll(&shard, &record, now_millis)?;
            }
        }
        Ok(rolled)
    }

    /// The commit behind which the shards of a partition end and others begin, for the caller that holds its lock. It is
    /// durable if there are shards. A call before the lock is taken leaves little to sync under it.
    pub(super) fn end_of_shards(&self, partition: &Partition) -> Result<u64> {
        let has_shards = self.streams.has_open(partition.id) && !canary!(ShardEndUnsynced);
        if has_shards { self.last_durable_commit() } else { Ok(self.wal.last_seqno()) }
    }

    fn roll(&self, shard: &Shard, record: &ShardMeta, now_millis: u64) -> Result<bool> {
        let _shape = self.tables.split_gate.read();
        self.last_durable_commit()?;
        let mut manifest = self.manifest_to_change()?;
        // No thread closes a shard or replaces its partition now, but one may have before.
        let partition = self.partition_of(record).filter(|_| shard.is_open());
        let Some(partition) = partition else { return Ok(false) };
        let _guard = partition.lock();
        let child = [range_of(&partition)];
        let end = self.end_of_shards(&partition)?;
        let mut plan = self.streams.plan_succession(partition.id, &child, end, now_millis);
        self.commit_manifest_or_retry(&mut manifest, &plan.take_edits())?;
        self.streams.apply(plan);
        Ok(true)
    }

    /// The partition that a shard follows, while there is one.
    fn partition_of(&self, record: &ShardMeta) -> Option<Arc<Partition>> {
        let table = self.streams.stream(record.stream)?.table;
        let slot = self.tables.load().by_id.get(&table).cloned()?;
        slot.state().ring.all().iter().find(|partition| partition.id == record.partition).cloned()
    }

    fn trim_streams(&self) -> Result<bool> {
        let one = self.streams.cutting.lock();
        let now_millis = self.options.clock.now_millis();
        let retention = self.retention();
        let unread = self.unread()?;
        let horizon_of = |shard: &Shard| retention.horizon(now_millis, unread.get(&shard.id).copied());
        let trimmed_tails = self.streams.trim_tails(horizon_of, self.settled_seqno());
        let mut manifest = self.files.manifest();
        let (streams, shards) = self.streams.gone(now_millis, &retention, |shard| unread.contains_key(&shard.id));
        let mut edits: Vec<Edit> = streams.iter().map(|id| Edit::DropStream(*id)).collect();
        let mut files = Vec::new();
        let mut trimmed = Vec::new();
        for shard in self.streams.shards() {
            let is_gone = shards.iter().any(|gone| gone.id == shard.id);
            let expired = if is_gone { shard.segments() } else { shard.expired_segments(&horizon_of(&shard)) };
            edits.extend(expired.iter().map(|segment| Edit::DropStreamSegment(segment.facts().file)));
            files.extend(expired.iter().map(|segment| segment.facts().file));
            if is_gone {
                edits.push(Edit::DropShard(shard.id));
            } else if let Some(last) = expired.last() {
                edits.push(Edit::PutShard(shard.trimmed_record(last)));
                trimmed.push((shard, last.clone()));
            }
        }
        if edits.is_empty() {
            return Ok(trimmed_tails);
        }
        if !self.session.has_begun() {
            drop(manifest);
            return self.begin_session().map(|()| true); // and the next step goes on
        }
        self.commit_manifest_or_retry(&mut manifest, &edits)?;
        for (shard, last) in trimmed {
            shard.trim(&last);
        }
        self.streams.forget(&streams, &shards);
        drop(manifest);
        for file in files {
            self.files.remove_segment(file);
        }
        self.account_memory();
        self.trim_log()?;
        drop(one);
        if !streams.is_empty() {
            self.forget_consumers()?;
        }
        Ok(true)
    }
}
