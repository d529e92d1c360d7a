//! Flushes in units that a test can call one at a time, and the writers that wait for them.

use super::{engine::Engine, ring::TokenRing};
use crate::{
    canary::canary,
    error::{ErrorKind, Result},
    observe::Job,
    partition::Partition,
};
use std::sync::Arc;

/// A log segment that takes a smaller part than this of its full size is not left early.
const SMALL_SEGMENT_SHARE: u64 = 32;

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
    /// A base of history was taken, or bases that are older than the retention were dropped.
    HistoryKept,
    /// A trigger processed records of a change stream.
    Triggered,
    /// A Kinesis destination took records.
    Delivered,
    /// Records of a change stream went from memory to a segment.
    StreamSegmentWritten,
    /// The log was synced ahead of buffered writers.
    LogSynced,
    /// There was nothing to do.
    Idle,
}

impl Work {
    /// What was done in one word, for logs and programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flushed => "flushed",
            Self::Compacted => "compacted",
            Self::Split => "split",
            Self::Backfilled => "backfilled",
            Self::Trimmed => "trimmed",
            Self::Aged => "aged",
            Self::Expired => "expired",
            Self::HistoryKept => "history_kept",
            Self::Triggered => "triggered",
            Self::Delivered => "delivered",
            Self::StreamSegmentWritten => "stream_segment_written",
            Self::LogSynced => "log_synced",
            Self::Idle => "idle",
        }
    }
}

/// Segments of the log at which it counts as full, however small they are.
const MOST_SEGMENTS: u64 = 256;

impl Engine {
    /// Flushes one partition if memtables are over half of their budget, the log is over its own, or reads step over many
    /// tombstones in it; `false` if not. A partition that fails is passed over until its next attempt.
    pub fn flush_step(&self) -> Result<bool> {
        let _work = self.gate.enter()?;
        self.relieve(false)
    }

    /// `insists` attempts also what failed a moment ago.
    fn relieve(&self, insists: bool) -> Result<bool> {
        let flushed = self.flush_where_due(insists);
        // While what would give relief waits for its next attempt, writers at the limit get its failure.
        match &flushed {
            Ok(true) => self.admission.write_budget.note(None),
            Ok(false) => {
                self.admission.write_budget.note(self.observe.last_error(&[Job::Flush, Job::StreamSegment]).as_ref())
            }
            Err(error) => self.admission.write_budget.note(Some(error)),
        }
        flushed
    }

    fn flush_where_due(&self, insists: bool) -> Result<bool> {
        // Many short openings leave many small segments, each of which the next opening has to read.
        let least_bytes = self.options.log_bytes / MOST_SEGMENTS;
        let log_bytes: u64 = self.wal.segments().iter().map(|segment| segment.bytes.max(least_bytes)).sum();
        let log_full = log_bytes > self.options.log_bytes;
        if self.cut_if_due(log_full, insists)? {
            return Ok(true);
        }
        if self.admission.write_budget.flush_due() {
            // Writers only add; what large items gave back when they were overwritten is known to the memtables.
            self.account_memory();
        }
        let Some((ring, partition)) = self.next_to_flush(log_full, insists) else {
            if self.admission.write_budget.flush_due() || log_full {
                self.account_memory();
                self.trim_log_if_due()?;
            }
            return Ok(false);
        };
        self.attempt(
            Job::Flush,
            partition.id,
            || self.subject_of(&ring, &partition),
            || self.flush_partition(&ring, &partition),
        )?;
        self.trim_log_if_due()?;
        Ok(true)
    }

    /// The partition that pins the oldest log segment if the log is full, else the one that holds most memory if there is
    /// too little of it, else one whose tombstones slow its readers.
    fn next_to_flush(&self, log_full: bool, insists: bool) -> Option<(Arc<TokenRing>, Arc<Partition>)> {
        let may_flush = |partition: &Partition| insists || self.observe.is_due(Job::Flush, partition.id);
        let memory_is_short = self.admission.write_budget.flush_due();
        if log_full || memory_is_short {
            let mut candidates = Vec::new();
            for ring in self.tables.rings() {
                let unflushed = |partition: &&Arc<Partition>| partition.oldest_unflushed_seqno().is_some();
                candidates
                    .extend(ring.all().iter().filter(unflushed).map(|partition| (ring.clone(), partition.clone())));
            }
            let pinned = candidates.iter().filter_map(|place| Some((place.1.oldest_logged_seqno()?, place)));
            let oldest = pinned.min_by_key(|(oldest, _)| *oldest).map(|(_, place)| place);
            // While the one that pins the log fails, flushing others frees no log.
            if let Some(pins_log) = oldest.filter(|(_, partition)| log_full && may_flush(partition)) {
                return Some(pins_log.clone());
            }
            if memory_is_short {
                let candidates = candidates.into_iter().filter(|(_, partition)| may_flush(partition));
                return candidates.max_by_key(|(_, partition)| partition.memtable_bytes());
            }
        }
        for (id, ring) in self.background.tombstone_flushes.in_turn() {
            let partition = ring.get(id);
            if partition.as_ref().is_none_or(|partition| may_flush(partition)) {
                self.background.tombstone_flushes.take(id);
                if let Some(partition) = partition.filter(|partition| partition.oldest_unflushed_seqno().is_some()) {
                    return Some((ring, partition));
                }
            }
        }
        None
    }

    /// A read stepped over tombstones of a partition. Where that is more work than getting rid of them, maintenance does
    /// so: those in memory are left out of the next run, those in runs are merged away.
    pub fn stepped_over(&self, ring: &Arc<TokenRing>, partition: &Partition, tombstones: u64) {
        self.observe.counters().tombstones_skipped.add(tombstones);
        let wants = partition.note_stepped_over(tombstones);
        if wants.flush {
            self.flush_tombstones(ring, partition);
        }
        if wants.merge && self.background.compaction_queue.push(ring, partition.id) {
            self.background.signal.compaction.notify();
        }
    }

    /// Has maintenance flush a partition in whose memory tombstones are dense: they are left out of the run where they hide
    /// nothing.
    #[cold]
    pub(super) fn flush_tombstones(&self, ring: &Arc<TokenRing>, partition: &Partition) {
        if self.background.tombstone_flushes.push(ring, partition.id) {
            self.background.signal.flush.notify();
        }
    }

    /// Has maintenance flush where that is due, and slows the calling writer where it does not keep up.
    pub(super) fn apply_backpressure(&self) -> Result<()> {
        if self.admission.write_budget.flush_due() || self.stream_tail_overrun_bytes() > 0 {
            self.background.signal.flush.notify();
        }
        if !self.admission.write_budget.is_high() {
            return Ok(());
        }
        if self.options.background && self.background.signal.is_served() {
            return self.admission.write_budget.wait(|| !self.wal.is_poisoned() && self.background.signal.is_served());
        }
        // No background thread will do it: the writer that passes the limit pays for the flush, for which closing waits.
        let _work = self.gate.enter()?;
        match self.relieve(true) {
            Err(error) if error.kind() != ErrorKind::Poisoned => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether a thread calls [`Engine::sync_ahead_step`] when it is woken.
    pub fn serve_log(&self, is_served: bool) {
        self.wal.serve_syncs(is_served);
    }

    /// Syncs the log if buffered writers are far ahead of the last sync: the writer that finishes the segment has less to wait for.
    /// Whether there was anything to do.
    pub fn sync_ahead_step(&self) -> Result<bool> {
        if !self.wal.is_sync_due() {
            return Ok(false);
        }
        let _work = self.gate.enter()?;
        self.wal.sync_ahead_of_writers()
    }

    /// Flushes everything that is in memtables now. Where the disk has no room for it, once more without spares of the log.
    pub fn flush_all(&self) -> Result<()> {
        let _work = self.enter_work()?;
        let had_spares = self.wal.spare_bytes() > 0;
        match self.flush_and_trim() {
            Err(error) if error.kind() == ErrorKind::Io && had_spares => {
                self.wal.remove_spares();
                self.flush_and_trim()
            }
            flushed => flushed,
        }
    }

    fn flush_and_trim(&self) -> Result<()> {
        for ring in self.tables.rings() {
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
        self.begin_session()?;
        let _one = self.background.flushing.lock();
        let _shape = self.tables.split_gate.read();
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
        let next_file = || self.files.new_file();
        let keep_from = self.tombstones_needed_from(ring);
        let Some(outcome) = partition.flush(&self.files.run_context(&next_file), self.wal.visible(), keep_from)? else {
            return Ok(false);
        };
        self.publish_flush(ring, partition, outcome)?;
        partition.forget_stepped_over();
        self.account_memory();
        self.consider_partition(ring, partition.id);
        Ok(true)
    }

    /// Recounts the memory of all memtables and stream tails, and lets waiting writers go on.
    pub(super) fn account_memory(&self) {
        let partitions = self.tables.rings().into_iter().flat_map(|ring| ring.all().to_vec());
        let memtables: usize = partitions.map(|partition| partition.memtable_bytes()).sum();
        self.admission.write_budget.set(memtables + self.stream_tail_overrun_bytes());
    }
}
