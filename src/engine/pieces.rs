//! Pieces of background work that a caller asks for by kind, also where nothing makes them urgent.
//!
//! Each is done by the very functions that maintenance calls; only the choice of the partition differs.

use super::{compaction::everything, engine::Engine, ring::TokenRing};
use crate::{error::Result, observe::Job, partition::Partition};
use std::sync::Arc;

type RingPartition = (Arc<TokenRing>, Arc<Partition>);

impl Engine {
    /// Writes the memtable of a partition as a run, the largest one if none is named; false if there is none to write.
    pub fn flush_one(&self, partition: Option<u64>) -> Result<bool> {
        let _work = self.gate.enter()?;
        let mut places = self.places(partition);
        places.retain(|(_, partition)| partition.oldest_unflushed_seqno().is_some());
        let Some((ring, partition)) = places.into_iter().max_by_key(|(_, partition)| partition.memtable_bytes()) else {
            return Ok(false);
        };
        self.attempt_on(Job::Flush, &ring, &partition, || self.flush_partition(&ring, &partition))
    }

    /// Merges all runs of a partition, of one with the most runs if none is named; false if merging changes nothing.
    pub fn compact_one(&self, partition: Option<u64>) -> Result<bool> {
        let _work = self.gate.enter()?;
        let _one = self.background.compacting.lock();
        let mut places = self.places(partition);
        places.retain(|(_, partition)| everything(partition).is_some());
        let most_runs = places.into_iter().max_by_key(|(_, partition)| partition.view().runs().len());
        let Some((ring, partition)) = most_runs else { return Ok(false) };
        let merge = || self.compact_partition(&ring, &partition, |_| everything(&partition));
        self.attempt_on(Job::Compaction, &ring, &partition, merge)
    }

    /// Cuts a partition into two, the one with the most bytes in runs if none is named; false if its runs cannot be divided.
    pub fn split_one(&self, partition: Option<u64>) -> Result<bool> {
        let _work = self.gate.enter()?;
        let _one = self.background.compacting.lock();
        let mut places = self.places(partition);
        places.retain(|(_, partition)| partition.split_token().is_some());
        let largest = places.into_iter().max_by_key(|(_, partition)| partition.disk_bytes());
        let Some((ring, partition)) = largest else { return Ok(false) };
        self.attempt_on(Job::Split, &ring, &partition, || self.split_from(0, &ring, &partition))
    }

    /// Writes the largest tail of a change stream as a segment; false if there is none.
    pub fn cut_one(&self) -> Result<bool> {
        let _work = self.gate.enter()?;
        let shards = self.streams.shards().into_iter().filter(|shard| shard.oldest_uncut_seqno().is_some());
        shards.max_by_key(|shard| shard.tail_bytes()).map_or(Ok(false), |shard| self.attempt_cut(&shard))
    }

    /// All partitions of all tables and indexes, or the one with this number.
    fn places(&self, partition: Option<u64>) -> Vec<RingPartition> {
        let mut places = Vec::new();
        for ring in self.tables.rings() {
            let all = ring.all();
            let wanted = all.iter().filter(|found| partition.is_none_or(|id| found.id == id)).cloned();
            places.extend(wanted.map(|partition| (ring.clone(), partition)));
        }
        places
    }
}
