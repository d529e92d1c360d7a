//! Compaction and split in units that a test can call one at a time.

use super::{engine::Engine, flush::Work, ring::TokenRing};
use crate::{
    error::Result,
    partition::{Choice, Partition, Policy, Reason},
};
use std::{sync::Arc, time::Duration};

/// How long a split waits for flushes to pause before it tries again later.
const SPLIT_PATIENCE: Duration = Duration::from_millis(10);

impl Engine {
    /// Compacts or splits one partition that needs it; `Work::Idle` if none does.
    pub fn compact_step(&self) -> Result<Work> {
        let _work = self.gate.enter()?;
        let _one = self.background.compacting.lock();
        for ring in self.tables.rings() {
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
        let _one = self.background.compacting.lock();
        for ring in self.tables.rings() {
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
        let _shape = self.tables.split_gate.read();
        if !ring.contains(partition.id) {
            return Ok(false);
        }
        let keep_from = self.tombstones_needed_from(ring);
        let runs_per_partition = self.options.runs_per_partition.max(2);
        let Some(choice) = choose(&Policy { runs_per_partition, drop_tombstones_below: keep_from }) else {
            return Ok(false);
        };
        let next_file = || self.files.new_file();
        let merged = partition.compact(&self.files.run_context(&next_file), &choice, keep_from)?;
        self.publish_compaction(ring, partition, &choice, merged)?;
        Ok(true)
    }

    /// Lowest sequence number whose tombstones must stay: below it no late entry can arrive any more. While an index
    /// is being filled, entries of any age arrive.
    fn tombstones_needed_from(&self, ring: &TokenRing) -> u64 {
        if self.tables.load().is_backfilling(ring.keyspace) { 0 } else { self.wal.lowest_unapplied() }
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
        let Some(_shape) = self.tables.split_gate.try_write_for(SPLIT_PATIENCE) else { return Ok(false) };
        let mut manifest = self.files.manifest();
        let mut guard = partition.lock();
        partition.freeze(&guard, self.wal.lowest_unapplied().saturating_sub(1));
        self.publish_split(ring, partition, &mut manifest, &mut guard, at)
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
