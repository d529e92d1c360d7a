//! The points of a write in words of tables and partitions, for a database whose writes are followed.

use super::{catalog::TableState, engine::Engine, staged_write::StagedWrite};
use crate::{
    error::Error,
    observe::{Subject, WritePoint},
    partition::Partition,
    schema::{EncodedKey, ITEM_SPACE},
};
use std::sync::Arc;

impl Engine {
    /// The partitions of a request are locked.
    pub(super) fn locked(&self, partitions: &[Arc<Partition>]) -> WritePoint {
        let named = partitions.iter().map(|partition| self.subject_in(partition.keyspace, partition.id));
        WritePoint::Locked { partitions: named.collect() }
    }

    /// An item, or its entry in a local index, is in a memtable.
    pub(super) fn inserted(&self, partition: &Partition, key: &EncodedKey, is_tombstone: bool) -> WritePoint {
        let is_index_entry = key.collection().first() != Some(&ITEM_SPACE);
        let subject = self.subject_in(partition.keyspace, partition.id);
        WritePoint::Inserted { subject, is_index_entry, is_tombstone }
    }

    /// An entry of a global index is in a memtable.
    pub(super) fn index_inserted(&self, partition: &Partition, is_tombstone: bool) -> WritePoint {
        WritePoint::IndexInserted { subject: self.subject_in(partition.keyspace, partition.id), is_tombstone }
    }

    /// A record of a table's stream is in memory.
    pub(super) fn streamed(&self, state: &TableState) -> WritePoint {
        WritePoint::Streamed { subject: Subject::Table { table: state.definition.name.clone() } }
    }
}

/// What a request decided on each of its items.
pub(super) fn checked(staged: &[StagedWrite], refused: &[(usize, Error)]) -> WritePoint {
    let existing = staged.iter().filter(|write| write.old.is_some()).count();
    let rejected = refused.first().map(|(_, error)| error.message().to_owned());
    WritePoint::Checked { items: staged.len() + refused.len(), existing, rejected }
}
