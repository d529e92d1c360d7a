//! Background work in units that a test can call one at a time: flush, compaction, split, trimming of the log.

use super::{engine::Engine, ring::TokenRing};
use crate::{
    canary::canary,
    error::{ErrorKind, Result},
    manifest::Edit,
    observe::EventKind,
    partition::{Choice, Partition, Policy, Reason},
    wal::record::{CommitHeader, encode_commit},
};
use std::{sync::Arc, time::Duration};

/// A log segment that takes a smaller part than this of its full size is not left early.
const SMALL_SEGMENT_SHARE: u64 = 32;

/// How long a split waits for flushes to pause before it tries again later.
const SPLIT_PATIENCE: Duration = Duration::from_millis(10);

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A memtable became a run.
    Flushed,
    /// Runs were merged.
    Compacted,
    /// A partition became two.
    Split,
    /// A part of a new index was filled.
    Backfilled,
    /// Log segments that are not needed any more were removed.
    Trimmed,
    /// A shard of a change stream grew old and was continued by another one, or old records were removed.
    Aged,
    /// Items whose time to live had ended were deleted.
    Expired,
    /// A trigger processed records of a change stream.
    Triggered,
    /// There was nothing to do.
    Idle,
}

/// Segments of the log at which it counts as full, however small they are.
const MOST_SEGMENTS: u64 = 256;

impl Engine {
    /// Flushes one partition if memtables are over half of their budget or the log is over its own; `false` if not.
    pub fn flush_step(&self) -> Result<bool> {
        let _work = self.gate.enter()?;
        let flushed = self.flush_where_due();
        self.write_budget.note(flushed.as_ref().err());
        flushed
    }

    fn flush_where_due(&self) -> Result<bool> {
        // Many short openings leave many small segments, each of which the next opening has to read.
        let least_bytes = self.options.log_bytes / MOST_SEGMENTS;
        let log_bytes: u64 = self.wal.segments().iter().map(|segment| segment.bytes.max(least_bytes)).sum();
        let log_full = log_bytes > self.options.log_bytes;
        if self.cut_if_due(log_full)? {
            return Ok(true);
        }
        if self.write_budget.flush_due() {
            // Writers only add; what large items gave back when they were overwritten is known to the memtables.
            self.account_memory();
        }
        if !self.write_budget.flush_due() && !log_full {
            return Ok(false);
        }
        let candidates = self.rings().into_iter().flat_map(|ring| {
            let partitions = ring.all();
            partitions.iter().map(|partition| (ring.clone(), partition.clone())).collect::<Vec<_>>()
        });
        let candidates = candidates.filter(|(_, partition)| partition.oldest_unflushed_seqno().is_some());
        // The partition that pins the oldest log segment goes first when the log is full, else the one that holds most memory.
        let chosen = if log_full {
            candidates.min_by_key(|(_, partition)| partition.oldest_unflushed_seqno())
        } else {
            candidates.max_by_key(|(_, partition)| partition.memtable_bytes())
        };
        let Some((ring, partition)) = chosen else {
            self.account_memory();
            self.trim_log()?;
            return Ok(false);
        };
        self.flush_partition(&ring, &partition)?;
        self.trim_log()?;
        Ok(true)
    }

    /// Has maintenance flush where that is due, and slows the calling writer where it does not keep up.
    pub(super) fn apply_backpressure(&self) -> Result<()> {
        if self.write_budget.flush_due() || self.stream_tail_overrun_bytes() > 0 {
            self.signal.flush.notify();
        }
        if !self.write_budget.is_high() {
            return Ok(());
        }
        if self.options.background {
            return self.write_budget.wait(|| !self.wal.is_poisoned() && self.signal.is_served());
        }
        // No background thread will do it: the writer that passes the limit pays for the flush.
        match self.flush_step() {
            Err(error) if error.kind() != ErrorKind::Poisoned => Err(error),
            _ => Ok(()),
        }
    }

    /// Flushes everything that is in memtables now.
    pub fn flush_all(&self) -> Result<()> {
        let _work = self.gate.enter()?;
        for ring in self.rings() {
            self.flush_ring(&ring)?;
        }
        self.cut_all()?;
        self.leave_segment()?;
        self.trim_log()?;
        Ok(())
    }

    /// Begins a new log segment if nothing of the present one is needed any more: it can go then, and no opening reads it.
    fn leave_segment(&self) -> Result<()> {
        let Some(present) = self.wal.segments().pop() else { return Ok(()) };
        let is_small = present.bytes <= self.options.log_segment_bytes / SMALL_SEGMENT_SHARE;
        let is_needed = self.log_needed_from() <= self.wal.last_seqno();
        if is_small || is_needed { Ok(()) } else { self.wal.leave_segment(present.number) }
    }

    /// Flushes what is in the memtables of one ring now; what is written meanwhile may stay there.
    pub(super) fn flush_ring(&self, ring: &TokenRing) -> Result<()> {
        let until = self.wal.last_seqno();
        // What was dropped meanwhile is published nowhere, so that its memtables stay for good.
        let is_due = |partition: &&Arc<Partition>| {
            ring.contains(partition.id)
                && partition.oldest_unflushed_seqno().is_some_and(|oldest_seqno| oldest_seqno <= until)
        };
        // Looked up anew each time: a partition that is split meanwhile leaves its memtables to its children.
        while let Some(partition) = ring.all().iter().find(is_due).cloned() {
            if !self.flush_partition(ring, &partition)? {
                std::thread::yield_now();
            }
        }
        Ok(())
    }

    /// Freezes a partition's memtable and writes its oldest frozen one as a run.
    pub(super) fn flush_partition(&self, ring: &TokenRing, partition: &Arc<Partition>) -> Result<bool> {
        let _one = self.flush_lock.lock();
        let _shape = self.split_gate.read();
        {
            let guard = partition.lock();
            if guard.retired() {
                return Ok(false);
            }
            let beyond = u64::from(!canary!(FlushClaimsTooMuch));
            partition.freeze(&guard, self.wal.lowest_unapplied().saturating_sub(beyond));
        }
        // A run never holds what the log could still lose.
        self.wal.sync(self.wal.last_seqno())?;
        let next_file = || self.new_file();
        let Some(outcome) = partition.flush(&self.run_context(&next_file), self.wal.visible())? else {
            return Ok(false);
        };
        self.publish_flush(ring, partition, outcome)?;
        self.account_memory();
        self.signal.compaction.notify();
        Ok(true)
    }

    /// Compacts or splits one partition that needs it; `Work::Idle` if none does.
    pub fn compact_step(&self) -> Result<Work> {
        let _work = self.gate.enter()?;
        let _one = self.compaction_lock.lock();
        for ring in self.rings() {
            for partition in ring.all().iter() {
                if self.split_if_large(&ring, partition)? {
                    return Ok(Work::Split);
                }
                if self.compact_partition(&ring, partition, |policy| partition.pick_compaction(policy))? {
                    return Ok(Work::Compacted);
                }
            }
        }
        Ok(Work::Idle)
    }

    /// Splits what is too large, merges every partition down to one run, and gives back the space of what was overwritten and deleted.
    pub fn compact_all(&self) -> Result<()> {
        let _work = self.gate.enter()?;
        self.flush_all()?;
        let _one = self.compaction_lock.lock();
        for ring in self.rings() {
            while self.split_any(&ring)? {}
            for partition in ring.all().iter() {
                // One merge leaves one run; what it cannot drop yet, another one now could not either.
                self.compact_partition(&ring, partition, |_| everything(partition))?;
            }
        }
        Ok(())
    }

    fn compact_partition(
        &self,
        ring: &TokenRing,
        partition: &Arc<Partition>,
        choose: impl Fn(&Policy) -> Option<Choice>,
    ) -> Result<bool> {
        let _shape = self.split_gate.read();
        if !ring.contains(partition.id) {
            return Ok(false);
        }
        let keep_from = self.tombstones_needed_from(ring);
        let runs_per_partition = self.options.runs_per_partition.max(2);
        let Some(choice) = choose(&Policy { runs_per_partition, drop_tombstones_below: keep_from }) else {
            return Ok(false);
        };
        let next_file = || self.new_file();
        let merged = partition.compact(&self.run_context(&next_file), &choice, keep_from)?;
        self.publish_compaction(ring, partition, &choice, merged)?;
        Ok(true)
    }

    /// Lowest sequence number whose tombstones must stay: below it no late entry can arrive any more. While an index
    /// is being filled, entries of any age arrive.
    fn tombstones_needed_from(&self, ring: &TokenRing) -> u64 {
        if self.catalog.load().is_backfilling(ring.keyspace) { 0 } else { self.wal.lowest_unapplied() }
    }

    fn split_any(&self, ring: &TokenRing) -> Result<bool> {
        for partition in ring.all().iter() {
            if self.split_if_large(ring, partition)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Splits a partition where its runs fall into halves: its children share them until they have rewritten theirs.
    fn split_if_large(&self, ring: &TokenRing, partition: &Arc<Partition>) -> Result<bool> {
        if partition.disk_bytes() < self.options.split_bytes || !ring.contains(partition.id) {
            return Ok(false);
        }
        let Some(at) = partition.split_token() else { return Ok(false) };
        let Some(_shape) = self.split_gate.try_write_for(SPLIT_PATIENCE) else { return Ok(false) };
        let mut guard = partition.lock();
        partition.freeze(&guard, self.wal.lowest_unapplied().saturating_sub(1));
        let children = [self.new_partition(), self.new_partition()];
        self.publish_split(ring, partition, &mut guard, at, children)
    }

    /// The lowest record that a memtable or a stream needs the log for.
    fn log_needed_from(&self) -> u64 {
        // The log's own bound is read first: a commit that is applied meanwhile is in a memtable when they are asked.
        let mut needed_from = self.wal.lowest_unapplied();
        let rings = if canary!(LogTrimmedEarly) { Vec::new() } else { self.rings() };
        for ring in rings {
            for partition in ring.all().iter() {
                needed_from = needed_from.min(partition.oldest_unflushed_seqno().unwrap_or(u64::MAX));
            }
        }
        needed_from.min(self.log_needed_by_streams())
    }

    /// Removes the log segments that are not needed any more; returns the bytes given back.
    pub fn trim_log(&self) -> Result<u64> {
        let _work = self.gate.enter()?;
        let needed_from = self.log_needed_from();
        self.log_tokens_again(needed_from)?;
        let segments = self.wal.segments();
        let first = segments.iter().find(|segment| segment.last_seqno >= needed_from).or(segments.last());
        let first = first.map_or(0, |segment| segment.number);
        let mut manifest = self.manifest.lock();
        if first > manifest.state().log.first_segment {
            self.commit_manifest(&mut manifest, &[Edit::PutLogStart(first)])?;
        }
        drop(manifest);
        let bytes = self.wal.remove_segments_below(needed_from)?;
        if bytes > 0 {
            self.observe.counters().log_bytes_trimmed.add(bytes);
            self.observe.event(EventKind::LogTrimmed { bytes });
        }
        Ok(bytes)
    }

    /// Takes the client request tokens that still count out of the segments that hold nothing else below a number.
    fn log_tokens_again(&self, needed_from: u64) -> Result<()> {
        let mut segments = self.wal.segments();
        segments.pop(); // the one that is written to stays
        let removable = segments.iter().take_while(|segment| segment.last_seqno < needed_from);
        let Some(last) = removable.last().filter(|_| !canary!(TokenGoneWithSegment)) else { return Ok(()) };
        self.tokens.below(last.last_seqno + 1, self.options.clock.now_millis(), &mut |token, used| {
            let token = Some((token, used.fingerprint));
            let header = CommitHeader { at_millis: used.at_millis, token, ..CommitHeader::default() };
            let logged = self.wal.append_with(|_, out| encode_commit(&header, 0, [], out))?;
            self.wal.applied(logged);
            Ok(logged)
        })?;
        // Also what an earlier call logged, whose sync may have failed: then the segments stay.
        self.wal.sync(self.wal.last_seqno())
    }

    /// Recounts the memory of all memtables and stream tails, and lets waiting writers go on.
    pub(super) fn account_memory(&self) {
        let partitions = self.rings().into_iter().flat_map(|ring| ring.all().to_vec());
        let memtables: usize = partitions.map(|partition| partition.memtable_bytes()).sum();
        self.write_budget.set(memtables + self.stream_tail_overrun_bytes());
    }
}

/// All runs of a partition, if merging them changes anything.
fn everything(partition: &Partition) -> Option<Choice> {
    let view = partition.view();
    let facts = || view.runs().iter().map(|run| run.facts());
    let shared = |facts: &crate::manifest::RunMeta| {
        facts.min_token < partition.first_token || facts.max_token > partition.last_token
    };
    let worth_it = view.runs().len() > 1 || facts().any(|facts| facts.tombstones > 0 || shared(facts));
    worth_it.then(|| Choice { inputs: facts().map(|facts| facts.file).collect(), reason: Reason::Requested })
}
