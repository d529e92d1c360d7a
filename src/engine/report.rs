//! What the parts of a database are called in events and failures, and the figures that are counted in several places.

use super::{Engine, TokenRing};
use crate::{
    error::{ErrorKind, Result},
    observe::{Health, Job, Statistics, Subject},
    partition::Partition,
    stream::Shard,
};

impl Engine {
    /// What a partition is called.
    pub(super) fn subject_of(&self, ring: &TokenRing, partition: &Partition) -> Subject {
        self.subject_in(ring.keyspace, partition.id)
    }

    /// What a partition of a key space is called.
    pub(super) fn subject_in(&self, keyspace: u32, partition: u64) -> Subject {
        match self.name_of(keyspace) {
            Some((table, index)) => Subject::Partition { partition, table, index },
            None => Subject::Partition { partition, table: String::new(), index: None },
        }
    }

    /// Attempts background work on something with a number, and reports how it went.
    pub(super) fn attempt<T>(
        &self,
        job: Job,
        id: u64,
        subject: impl FnOnce() -> Subject,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let done = work();
        match &done {
            Ok(_) => self.observe.succeeded(job, id),
            // That writing ended is reported where it happened, and closing is no failure.
            Err(error) if self.wal.is_poisoned() || error.kind() == ErrorKind::Closed => {}
            Err(error) => {
                if error.kind() == ErrorKind::Io {
                    // The next attempt may have room enough. Whether room was short cannot be asked any more: a file that did not
                    // fit is gone, and quotas do not show.
                    self.wal.remove_spares();
                }
                self.observe.failed(job, id, subject, error);
            }
        }
        done
    }

    /// What a shard is called.
    pub(super) fn subject_of_shard(&self, shard: &Shard) -> Subject {
        let stream = self.streams.stream(shard.record().stream);
        Subject::Shard { shard: shard.id, table: stream.map(|stream| stream.table_name.clone()).unwrap_or_default() }
    }

    /// The table and the global index that a key space belongs to.
    fn name_of(&self, keyspace: u32) -> Option<(String, Option<String>)> {
        let catalog = self.tables.load();
        if let Some(slot) = catalog.by_id.get(&keyspace) {
            return Some((slot.state().definition.name.clone(), None));
        }
        catalog.by_id.values().find_map(|slot| {
            let state = slot.state();
            let index = state.definition.indexes.iter().find(|index| index.id == keyspace)?;
            Some((state.definition.name.clone(), Some(index.name.clone())))
        })
    }

    /// Counts since the database was opened, and what it holds now.
    pub fn statistics(&self) -> Statistics {
        let mut statistics = self.observe.counters().read();
        statistics.memtable_bytes = self.admission.write_budget.used_bytes() as u64;
        statistics.log_bytes = self.wal.segments().iter().map(|segment| segment.bytes).sum();
        statistics.log_spare_bytes = self.wal.spare_bytes();
        statistics.last_commit = self.wal.last_seqno();
        statistics.durable_commit = self.wal.visible().load();
        statistics
    }

    /// What fails now, and for which consumers records are kept.
    pub fn health(&self) -> Health {
        // Where the checkpoints cannot be read nothing is removed either, and that failure is on the list.
        Health { unread: self.unread_records().unwrap_or_default(), ..self.observe.health() }
    }
}
