//! Records in the hands of a program, and how it says that they are processed.
//!
//! A shard's records are handed out one batch at a time, and acknowledged in their order. While the program holds a batch
//! or a record of it, the shard waits; once all of it is dropped, what was not acknowledged is handed out again.

use super::{checkpoints::Checkpoints, gap::Gap};
use crate::{
    error::{Error, Result},
    request::MAX_TRANSACTION_ACTIONS,
    stream::{ChangeRecord, Sequence},
    table::TransactWrite,
};
use parking_lot::Mutex;
use std::{
    ops::{Deref, Range},
    sync::Arc,
};

/// Where the records of one shard are acknowledged.
#[derive(Debug)]
pub(super) struct Acknowledgement {
    pub checkpoints: Arc<Checkpoints>,
    pub shard: u64,
    /// Records before this one are acknowledged, as far as this worker knows.
    pub acknowledged: Mutex<Option<Sequence>>,
}

impl Acknowledgement {
    /// Records from `begin` to before `next` are processed.
    pub fn acknowledge(&self, begin: Option<Sequence>, next: Sequence) -> Result<()> {
        self.checkpoints.advance(self.shard, begin, next)?;
        self.note(next);
        Ok(())
    }
    fn acknowledge_in(
        &self,
        transaction: TransactWrite,
        begin: Option<Sequence>,
        next: Sequence,
    ) -> Result<TransactWrite> {
        if transaction.action_count() >= MAX_TRANSACTION_ACTIONS {
            return Err(Error::validation(format!(
                "the acknowledgement is one action of the transaction, which has {} already and may have \
                 {MAX_TRANSACTION_ACTIONS}; take fewer records at a time with `batch_records`",
                transaction.action_count()
            )));
        }
        self.checkpoints.advance_in(transaction, self.shard, begin, next)
    }
    pub fn note(&self, next: Sequence) {
        let mut acknowledged = self.acknowledged.lock();
        *acknowledged = Some(acknowledged.map_or(next, |known| known.max(next)));
    }
    /// Records before this one are acknowledged, as far as this worker knows.
    pub fn position(&self) -> Option<Sequence> {
        *self.acknowledged.lock()
    }
    /// Whether everything before `next` is acknowledged. What was acknowledged in a transaction is known from the row alone.
    pub fn covers(&self, next: Sequence) -> Result<bool> {
        if !self.is_known_to_cover(next)
            && let Some(acknowledged) = self.checkpoints.position(self.shard)?
        {
            self.note(acknowledged);
        }
        Ok(self.is_known_to_cover(next))
    }
    /// The same, as far as this worker knows.
    pub fn is_known_to_cover(&self, next: Sequence) -> bool {
        self.position().is_some_and(|acknowledged| acknowledged >= next)
    }
}

/// What the parts of a batch share, so that it can be seen whether the program still has any.
#[derive(Debug)]
pub(super) struct Hold;

/// A record to be processed. It reads like the [`ChangeRecord`] that it holds.
#[derive(Clone, Debug)]
pub struct Delivery {
    record: ChangeRecord,
    receipt: Arc<Acknowledgement>,
    begin: Option<Sequence>,
    next: Sequence,
    hold: Arc<Hold>,
}

impl Deref for Delivery {
    type Target = ChangeRecord;
    fn deref(&self) -> &ChangeRecord {
        &self.record
    }
}

impl Delivery {
    /// Says that this record is processed: it does not come again, except after a power failure in this moment.
    ///
    /// # Errors
    /// Records before it in its shard are not acknowledged (validation): it stays unacknowledged, and comes again behind
    /// those. Another worker has taken the shard over ([`Expired`](crate::ErrorKind::Expired)).
    pub fn ack(&self) -> Result<()> {
        self.receipt.acknowledge(self.begin, self.next)
    }
    /// Makes the acknowledgement part of a transaction that carries the record's effect: both happen, once, or neither
    /// does. It is the last of at most 100 actions.
    ///
    /// The transaction is cancelled by the condition of this action if the record is acknowledged already, if a record
    /// before it in its shard is not, or if another worker has taken the shard over. Errors: the transaction has 100
    /// actions already.
    pub fn ack_in(&self, transaction: TransactWrite) -> Result<TransactWrite> {
        self.receipt.acknowledge_in(transaction, self.begin, self.next)
    }
    /// The record alone. Unless it is acknowledged, it comes again.
    pub fn into_record(self) -> ChangeRecord {
        self.record
    }
    /// What tells whether this record is acknowledged.
    pub(super) fn witness(&self) -> Witness {
        Witness { receipt: self.receipt.clone(), next: self.next, hold: Arc::downgrade(&self.hold) }
    }
}

/// Tells what became of a record that was handed out.
#[derive(Debug)]
pub(super) struct Witness {
    receipt: Arc<Acknowledgement>,
    next: Sequence,
    hold: std::sync::Weak<Hold>,
}

impl Witness {
    /// Whether the program dropped the record without acknowledging it, when `others` parts of its batch are not in the hands of
    /// the program.
    pub fn is_dropped(&self, others: usize) -> Result<bool> {
        Ok(self.hold.strong_count() <= others && !self.receipt.covers(self.next)?)
    }
}

/// Records of one shard, in order, to be processed together.
#[derive(Debug)]
#[must_use = "a batch that is dropped without being acknowledged comes again"]
pub struct Batch {
    pub(super) records: Vec<ChangeRecord>,
    pub(super) receipt: Arc<Acknowledgement>,
    /// Records before the batch are acknowledged up to here.
    pub(super) begin: Option<Sequence>,
    /// The place behind the last record.
    pub(super) next: Sequence,
    pub(super) hold: Arc<Hold>,
    pub(super) skipped: Vec<Gap>,
}

impl Batch {
    /// What was skipped since the batch before, in any shard, because it is older than records are kept; always empty
    /// without [`Consumer::skip_expired`](crate::streams::Consumer::skip_expired).
    pub fn skipped(&self) -> &[Gap] {
        &self.skipped
    }
    /// The records; at least one.
    pub fn records(&self) -> &[ChangeRecord] {
        &self.records
    }
    /// Says that all of them are processed; see [`Delivery::ack`].
    pub fn ack(&self) -> Result<()> {
        self.receipt.acknowledge(self.begin, self.next)
    }
    /// The same as part of a transaction; see [`Delivery::ack_in`]. A batch of the default size and one action for each of
    /// its records fit into a transaction.
    pub fn ack_in(&self, transaction: TransactWrite) -> Result<TransactWrite> {
        self.receipt.acknowledge_in(transaction, self.begin, self.next)
    }
    /// Says that some of its records are processed, and those before them were.
    pub(super) fn ack_part(&self, part: Range<usize>) -> Result<()> {
        let (begin, next) = self.places(part);
        self.receipt.acknowledge(begin, next)
    }
    /// The same as part of a transaction.
    pub(super) fn ack_part_in(&self, transaction: TransactWrite, part: Range<usize>) -> Result<TransactWrite> {
        let (begin, next) = self.places(part);
        self.receipt.acknowledge_in(transaction, begin, next)
    }
    /// Where records are acknowledged up to before a part of them is, and after.
    fn places(&self, part: Range<usize>) -> (Option<Sequence>, Sequence) {
        let behind = |records: usize| Some(self.records.get(records.checked_sub(1)?)?.sequence.next());
        let begin = behind(part.start).or(self.begin);
        // The last record takes with it what was passed over behind it.
        let next = behind(part.end).filter(|_| part.end < self.records.len()).unwrap_or(self.next);
        (begin, next)
    }
}

impl IntoIterator for Batch {
    type Item = Delivery;
    type IntoIter = Deliveries;
    fn into_iter(self) -> Deliveries {
        let Self { records, receipt, begin, next, hold, .. } = self;
        Deliveries { records: records.into_iter(), receipt, begin, next, hold }
    }
}

/// The records of a batch one by one, each of which is acknowledged for itself, in their order.
#[derive(Debug)]
pub struct Deliveries {
    records: std::vec::IntoIter<ChangeRecord>,
    receipt: Arc<Acknowledgement>,
    begin: Option<Sequence>,
    next: Sequence,
    hold: Arc<Hold>,
}

impl Iterator for Deliveries {
    type Item = Delivery;
    fn next(&mut self) -> Option<Delivery> {
        let record = self.records.next()?;
        // The last one acknowledges what was passed over behind it, too.
        let next = if self.records.len() == 0 { self.next } else { record.sequence.next() };
        let begin = self.begin.replace(next);
        Some(Delivery { record, receipt: self.receipt.clone(), begin, next, hold: self.hold.clone() })
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.records.size_hint()
    }
}
