//! Compaction and splits, one partition at a time.
//!
//! A partition is looked at when something happened to it: a flush, a compaction or a split was published, or reads
//! stepped over many tombstones. Those that wait to be looked at are a queue; so a database with thousands of tables at
//! rest costs nothing, and what happens in one table leads to a look at its own partitions only.
//!
//! A partition that fails (a damaged run, no space) waits for its next attempt and stops no other one.

use super::{engine::Engine, flush::Work, ring::TokenRing};
use crate::{
    error::{Error, ErrorKind, Result},
    manifest::RunMeta,
    observe::Job,
    partition::{Choice, Partition, Policy, Reason},
};
use std::{sync::Arc, time::Duration};

/// How long a split waits for flushes to pause before it tries again later.
const SPLIT_PATIENCE: Duration = Duration::from_millis(10);

impl Engine {
    /// All partitions of a ring may want a compaction.
    pub(super) fn consider_ring(&self, ring: &Arc<TokenRing>) {
        for partition in ring.all().iter() {
            self.background.compaction_queue.push(ring, partition.id);
        }
        self.background.signal.compaction.notify();
    }

    /// A partition may want a compaction: something changed in it.
    pub(super) fn consider_partition(&self, ring: &TokenRing, partition: u64) {
        if let Some(ring) = self.tables.load().ring_of(ring.keyspace) {
            self.background.compaction_queue.push(&ring, partition);
            self.background.signal.compaction.notify();
        }
    }

    /// Compacts or splits one partition that needs it; `Work::Idle` if none does. A partition that fails is passed over
    /// until its next attempt; the error is that of the first one that failed in this call, if nothing was done.
    pub fn compact_step(&self) -> Result<Work> {
        let _work = self.gate.enter()?;
        let _one = self.background.compacting.lock();
        let mut failure = None;
        for (id, ring) in self.background.compaction_queue.in_turn() {
            let Some(partition) = ring.get(id) else {
                self.background.compaction_queue.take(id); // split or dropped
                continue;
            };
            let is_due = self.observe.is_due(Job::Compaction, id) && self.observe.is_due(Job::Split, id);
            if !is_due && !partition.has_damage() {
                continue;
            }
            self.background.compaction_queue.take(id);
            let done =
                if is_due { self.improve(&ring, &partition) } else { self.improve_beside_damage(&ring, &partition) };
            match done {
                Ok(Work::Idle) => {}
                Ok(work) => {
                    self.background.compaction_queue.push(&ring, id);
                    return Ok(work);
                }
                Err(error) => {
                    self.background.compaction_queue.push(&ring, id);
                    if matches!(error.kind(), ErrorKind::Poisoned | ErrorKind::Closed) {
                        return Err(error);
                    }
                    failure = failure.or(Some(error));
                }
            }
        }
        failure.map_or(Ok(Work::Idle), Err)
    }

    /// Merges runs that are newer than a damaged one, while that waits for its next attempt.
    fn improve_beside_damage(&self, ring: &Arc<TokenRing>, partition: &Arc<Partition>) -> Result<Work> {
        self.background.compaction_queue.push(ring, partition.id);
        let merged = self.compact_partition(ring, partition, |policy| partition.pick_compaction(policy));
        if let Err(error) = &merged {
            self.observe.failed(Job::Compaction, partition.id, || self.subject_of(ring, partition), error);
        }
        Ok(if merged? { Work::Compacted } else { Work::Idle })
    }

    fn improve(&self, ring: &Arc<TokenRing>, partition: &Arc<Partition>) -> Result<Work> {
        partition.forget_damage();
        if self.attempt_on(Job::Split, ring, partition, || self.split_if_large(ring, partition))? {
            return Ok(Work::Split);
        }
        let picked = || self.compact_partition(ring, partition, |policy| partition.pick_compaction(policy));
        if self.attempt_on(Job::Compaction, ring, partition, picked)? {
            return Ok(Work::Compacted);
        }
        let any_age = Policy { runs_per_partition: usize::MAX, drop_tombstones_below: u64::MAX };
        if partition.pick_compaction(&any_age).is_some() {
            // Tombstones wait for what is on its way: look again.
            self.background.compaction_queue.push(ring, partition.id);
        }
        Ok(Work::Idle)
    }

    /// Does a job on a partition, and reports how it went.
    pub(super) fn attempt_on<T>(
        &self,
        job: Job,
        ring: &TokenRing,
        partition: &Partition,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.attempt(job, partition.id, || self.subject_of(ring, partition), work)
    }

    /// Splits what is too large, merges every partition down to one run, and gives back the space of what was overwritten
    /// and deleted. A partition that fails stops no other; the error is that of the first.
    pub fn compact_all(&self) -> Result<()> {
        let _work = self.enter_work()?;
        self.flush_all()?;
        let _one = self.background.compacting.lock();
        let mut failure: Option<Error> = None;
        for ring in self.tables.rings() {
            while self.split_any(&ring).unwrap_or_else(|error| {
                failure.get_or_insert(error);
                false
            }) {}
            for partition in ring.all().iter() {
                // One merge leaves one run; what it cannot drop yet, another one now could not either.
                let all = || self.compact_partition(&ring, partition, |_| everything(partition));
                if let Err(error) = self.attempt_on(Job::Compaction, &ring, partition, all) {
                    failure.get_or_insert(error);
                }
            }
        }
        self.wal.remove_spares();
        failure.map_or(Ok(()), Err)
    }

    pub(super) fn compact_partition(
        &self,
        ring: &TokenRing,
        partition: &Arc<Partition>,
        choose: impl Fn(&Policy) -> Option<Choice>,
    ) -> Result<bool> {
        let _shape = self.tables.split_gate.read();
        if !ring.contains(partition.id) {
            return Ok(false);
        }
        let keep_from = self.tombstones_needed_from(ring);
        let runs_per_partition = self.options.runs_per_partition.max(2);
        let Some(choice) = choose(&Policy { runs_per_partition, drop_tombstones_below: keep_from }) else {
            return Ok(false);
        };
        self.begin_session()?;
        let next_file = || self.files.new_file();
        let merged = partition.compact(&self.files.run_context(&next_file), &choice, keep_from);
        let merged = merged.inspect_err(|error| {
            if error.kind() == ErrorKind::Corrupt {
                partition.leave_out_damaged(&choice.inputs);
            }
        })?;
        self.publish_compaction(ring, partition, &choice, merged)?;
        partition.forget_stepped_over();
        Ok(true)
    }

    /// Lowest sequence number whose tombstones must stay: below it no late entry can arrive any more. While an index
    /// is being filled, entries of any age arrive.
    pub(super) fn tombstones_needed_from(&self, ring: &TokenRing) -> u64 {
        if self.tables.load().is_backfilling(ring.keyspace) { 0 } else { self.wal.lowest_unapplied() }
    }

    fn split_any(&self, ring: &TokenRing) -> Result<bool> {
        for partition in ring.all().iter() {
            if self.attempt_on(Job::Split, ring, partition, || self.split_if_large(ring, partition))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn split_if_large(&self, ring: &TokenRing, partition: &Arc<Partition>) -> Result<bool> {
        self.split_from(self.options.split_bytes, ring, partition)
    }

    /// Splits a partition of at least so many bytes where its runs fall into halves: its children share them until they have
    /// rewritten theirs.
    pub(super) fn split_from(&self, least_bytes: u64, ring: &TokenRing, partition: &Arc<Partition>) -> Result<bool> {
        if partition.disk_bytes() < least_bytes || !ring.contains(partition.id) {
            return Ok(false);
        }
        let Some(at) = partition.split_token() else { return Ok(false) };
        self.end_of_shards(partition)?;
        let Some(_shape) = self.tables.split_gate.try_write_for(SPLIT_PATIENCE) else {
            self.consider_partition(ring, partition.id);
            return Ok(false);
        };
        let mut manifest = self.manifest_to_change()?;
        let mut guard = partition.lock();
        partition.freeze(&guard, self.wal.lowest_unapplied().saturating_sub(1));
        let split = self.publish_split(ring, partition, &mut manifest, &mut guard, at)?;
        drop((guard, manifest));
        let is_child = |child: &&Arc<Partition>| {
            partition.first_token <= child.first_token && child.last_token <= partition.last_token
        };
        ring.all().iter().filter(is_child).for_each(|child| self.consider_partition(ring, child.id));
        Ok(split)
    }
}

/// All runs of a partition, if merging them changes anything.
pub(super) fn everything(partition: &Partition) -> Option<Choice> {
    let view = partition.view();
    let facts = || view.runs().iter().map(|run| run.facts());
    let shared = |facts: &RunMeta| facts.min_token < partition.first_token || facts.max_token > partition.last_token;
    let worth_it = view.runs().len() > 1 || facts().any(|facts| facts.tombstones > 0 || shared(facts));
    worth_it.then(|| Choice { inputs: facts().map(|facts| facts.file).collect(), reason: Reason::Requested })
}
