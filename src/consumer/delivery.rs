//! Records in the hands of a consumer, and how it says that they are processed.

use super::checkpoints::Checkpoints;
use crate::{
    error::Result,
    stream::{ChangeRecord, Sequence},
    table::TransactWrite,
};
use parking_lot::Mutex;
use std::{ops::Deref, sync::Arc};

/// Where the records of one shard are acknowledged.
#[derive(Debug)]
pub(super) struct Acknowledgement {
    pub checkpoints: Arc<Checkpoints>,
    pub shard: u64,
    /// Records before this one are acknowledged, as far as this worker knows.
    pub acknowledged: Mutex<Option<Sequence>>,
}

impl Acknowledgement {
    /// Records before `next` are processed.
    pub fn acknowledge(&self, next: Sequence) -> Result<()> {
        self.checkpoints.advance(self.shard, next)?;
        self.note(next);
        Ok(())
    }
    fn acknowledge_in(&self, transaction: TransactWrite, next: Sequence) -> Result<TransactWrite> {
        self.checkpoints.advance_in(transaction, self.shard, next)
    }
    pub fn note(&self, next: Sequence) {
        let mut acknowledged = self.acknowledged.lock();
        *acknowledged = Some(acknowledged.map_or(next, |known| known.max(next)));
    }
    /// Whether everything before `next` is acknowledged.
    pub fn covers(&self, next: Sequence) -> bool {
        self.acknowledged.lock().is_some_and(|acknowledged| acknowledged >= next)
    }
}

/// A record to be processed. It reads like the [`ChangeRecord`] that it holds.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub(super) record: ChangeRecord,
    pub(super) receipt: Arc<Acknowledgement>,
}

impl Deref for Delivery {
    type Target = ChangeRecord;
    fn deref(&self) -> &ChangeRecord {
        &self.record
    }
}

impl Delivery {
    /// Says that this record and all before it in its shard are processed: they do not come again, except after a power
    /// failure in this moment. Errors: another worker has taken the shard over.
    pub fn ack(&self) -> Result<()> {
        self.receipt.acknowledge(self.record.sequence.next())
    }
    /// Makes the acknowledgement part of a transaction that carries the record's effect: both happen, once, or neither
    /// does. The transaction is cancelled if another worker has taken the shard over.
    pub fn ack_in(&self, transaction: TransactWrite) -> Result<TransactWrite> {
        self.receipt.acknowledge_in(transaction, self.record.sequence.next())
    }
    /// The record alone.
    pub fn into_record(self) -> ChangeRecord {
        self.record
    }
}

/// Records of one shard, in order, to be processed together.
#[derive(Debug)]
pub struct Batch {
    pub(super) records: Vec<ChangeRecord>,
    pub(super) receipt: Arc<Acknowledgement>,
    /// The place behind the last record.
    pub(super) next: Sequence,
}

impl Batch {
    /// The records; at least one.
    pub fn records(&self) -> &[ChangeRecord] {
        &self.records
    }
    /// Says that all of them are processed; see [`Delivery::ack`].
    pub fn ack(&self) -> Result<()> {
        self.receipt.acknowledge(self.next)
    }
    /// The same as part of a transaction; see [`Delivery::ack_in`].
    pub fn ack_in(&self, transaction: TransactWrite) -> Result<TransactWrite> {
        self.receipt.acknowledge_in(transaction, self.next)
    }
}

impl IntoIterator for Batch {
    type Item = Delivery;
    type IntoIter = std::iter::Map<std::vec::IntoIter<ChangeRecord>, Box<dyn FnMut(ChangeRecord) -> Delivery + Send>>;
    fn into_iter(self) -> Self::IntoIter {
        let receipt = self.receipt;
        let deliver = Box::new(move |record| Delivery { record, receipt: receipt.clone() });
        self.records.into_iter().map(deliver)
    }
}
