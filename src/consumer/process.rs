//! A stream handed to a function, batch after batch: tried again, halved, and put aside where a record cannot be processed.

use super::{delivery::Batch, worker::Consumer};
use crate::{
    error::{Detail, Error, ErrorKind, Result},
    item::Item,
    stream::ChangeRecord,
    table::{Dynamic, Table, TransactWrite},
};
use std::{fmt, ops::Range, sync::Arc, time::Duration};

/// Characters of a failure's text in a letter that has no room for its record.
const MOST_FAILURE_CHARS: usize = 1_000;

/// What became of an attempt: `None` if the records are processed and acknowledged, or why that failed.
type Attempt = Result<Option<String>>;

impl Consumer {
    /// Waits for a batch, hands it over, and acknowledges it if `handle` succeeds; returns the number of records. A batch
    /// that fails is tried again, then halved, until the record that fails is alone: it goes to the dead letters.
    ///
    /// Records take effect at least once: where an acknowledgement fails they come again, to this worker or another one.
    /// [`Consumer::process_in_transaction`] does better.
    ///
    /// # Errors
    /// If there is no table for dead letters, a validation error with [`Detail::Unprocessed`], which has the text of `handle`'s
    /// error: the records come again with the next call. That of the acknowledgement, and those of [`Consumer::next_batch`].
    pub fn process<E: fmt::Display>(
        &mut self,
        patience: Duration,
        mut handle: impl FnMut(&[ChangeRecord]) -> std::result::Result<(), E>,
    ) -> Result<usize> {
        self.work_off(patience, &mut |batch, part| match handle(&batch.records()[part.clone()]) {
            Ok(()) => batch.ack_part(part).map(|()| None),
            Err(failure) => Ok(Some(failure.to_string())),
        })
    }

    /// Does the same with a function that describes what the records change in this database: it gets a transaction and
    /// adds to it, at most one action less than a transaction may have. What it adds and the acknowledgement are written as
    /// one, so that each record takes effect exactly once, whatever fails. A batch whose transaction is too large is halved.
    ///
    /// # Errors
    /// As for [`Consumer::process`]. Another worker has taken the shard over ([`Expired`](ErrorKind::Expired)): nothing was
    /// written, and the records come again there.
    ///
    /// ```
    /// use hashrange::{Database, Error, Item, key::S, schema::StreamView};
    /// use std::time::Duration;
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::in_memory()?;
    /// let orders = db.create_table("orders").hash::<S>("id").stream(StreamView::NewImage).create()?;
    /// let count = db.create_table("count").hash::<S>("of").create()?;
    /// for id in ["o1", "o2", "o3"] {
    ///     orders.put(&Item::new().with("id", id))?;
    /// }
    /// let mut counter = orders.stream()?.checkpoint("counter");
    /// while counter.process_in_transaction(Duration::ZERO, |records, transaction| {
    ///     Ok::<_, Error>(transaction.update(&count, "orders", |update| update.add("n", records.len() as u64)))
    /// })? > 0
    /// {}
    /// let n = count.get("orders")?.and_then(|item| item.get("n")?.as_u64());
    /// assert_eq!(n, Some(3));
    /// # Ok(())
    /// # }
    /// ```
    pub fn process_in_transaction<E: fmt::Display>(
        &mut self,
        patience: Duration,
        mut describe: impl FnMut(&[ChangeRecord], TransactWrite) -> std::result::Result<TransactWrite, E>,
    ) -> Result<usize> {
        let (engine, hooks) = (self.engine.clone(), self.hooks.clone());
        self.work_off(patience, &mut |batch, part| match describe(
            &batch.records()[part.clone()],
            TransactWrite::new(engine.clone(), hooks.clone()),
        ) {
            Ok(transaction) => commit(batch, part, transaction),
            Err(failure) => Ok(Some(failure.to_string())),
        })
    }

    fn work_off(
        &mut self,
        patience: Duration,
        attempt: &mut dyn FnMut(&Batch, Range<usize>) -> Attempt,
    ) -> Result<usize> {
        let Some(batch) = self.next_batch(patience)? else { return Ok(0) };
        self.work_off_part(&batch, 0..batch.records().len(), attempt)?;
        Ok(batch.records().len())
    }

    fn work_off_part(
        &self,
        batch: &Batch,
        part: Range<usize>,
        attempt: &mut dyn FnMut(&Batch, Range<usize>) -> Attempt,
    ) -> Result<()> {
        let mut failure = String::new();
        for _ in 0..=self.retries {
            match attempt(batch, part.clone())? {
                None => return Ok(()),
                Some(text) => failure = text,
            }
        }
        if let [only] = &batch.records()[part.clone()] {
            return self.put_aside(batch, part, only, &failure);
        }
        let half = part.start + part.len() / 2;
        self.work_off_part(batch, part.start..half, attempt)?;
        self.work_off_part(batch, half..part.end, attempt)
    }

    /// Puts a record aside that cannot be processed, and acknowledges it.
    fn put_aside(&self, batch: &Batch, part: Range<usize>, record: &ChangeRecord, failure: &str) -> Result<()> {
        let Some(table) = &self.dead_letters else {
            let text = format!("record {} cannot be processed: {failure}", record.sequence);
            let detail = Detail::Unprocessed { sequence: record.sequence_number(), failure: failure.to_owned() };
            return Err(Error::validation(text).with_detail(detail));
        };
        let letter = |what: Item, failure: &str| {
            let letter = what.with("id", record.event_id_text()).with("consumer", self.name.as_str());
            letter.with("sequence", record.sequence_number()).with("failure", failure)
        };
        match self.send_letter(table, batch, part.clone(), &letter(record.to_item(), failure)) {
            // Both images together may be larger than an item, and are nested one deeper than in theirs.
            Err(error) if error.kind() == ErrorKind::Validation => {
                let what = Item::new().with("eventName", record.event.name()).with("Keys", record.keys());
                let failure: String = failure.chars().take(MOST_FAILURE_CHARS).collect();
                self.send_letter(table, batch, part, &letter(what.with("truncated", true), &failure))
            }
            sent => sent,
        }
    }

    /// Puts a dead letter and acknowledges its record.
    fn send_letter(&self, table: &Table<Dynamic>, batch: &Batch, part: Range<usize>, letter: &Item) -> Result<()> {
        if !Arc::ptr_eq(table.engine(), &self.engine) {
            table.put(letter)?;
            return batch.ack_part(part);
        }
        let transaction = TransactWrite::new(self.engine.clone(), self.hooks.clone()).put(table, letter);
        batch.ack_part_in(transaction, part)?.send().map(drop)
    }
}

/// Carries out what a part of a batch changes, with its acknowledgement.
fn commit(batch: &Batch, part: Range<usize>, transaction: TransactWrite) -> Attempt {
    match batch.ack_part_in(transaction, part).and_then(|transaction| transaction.send()) {
        Ok(_) => Ok(None),
        Err(error) if is_taken_over(&error) => {
            let text = "another worker has processed these records or reads their shard now";
            Err(Error::new(ErrorKind::Expired, "ExpiredIteratorException", text))
        }
        Err(error) if is_of_the_records(&error) => Ok(Some(error.to_string())),
        Err(error) => Err(error),
    }
}

/// Whether it was the acknowledgement, the last action, that cancelled a transaction.
fn is_taken_over(error: &Error) -> bool {
    error.cancellation_reasons().last().is_some_and(|reason| reason.code() == "ConditionalCheckFailed")
}

/// Whether an error would come again with the same records, so that one of them has to be put aside.
fn is_of_the_records(error: &Error) -> bool {
    let passes = |code| matches!(code, "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded");
    match error.kind() {
        ErrorKind::TransactionCanceled => !error.cancellation_reasons().iter().any(|reason| passes(reason.code())),
        kind => matches!(kind, ErrorKind::Validation | ErrorKind::LimitExceeded | ErrorKind::NotFound),
    }
}
