//! A stream as an iterator: of records to be acknowledged one by one, or of records that are acknowledged by reading on.

use super::{
    delivery::{Batch, Deliveries, Delivery, Witness},
    worker::Consumer,
};
use crate::{error::Result, stream::ChangeRecord};
use std::time::Duration;

impl Consumer {
    /// Record after record; ends when none has come for `patience`.
    ///
    /// Each is to be acknowledged before the next is asked for. One that was dropped without it is handed out again, before
    /// those behind it in its shard and after what other shards have. A program that holds records and acknowledges them
    /// later, in their order, gets as many as a batch of each shard has.
    pub fn follow(self, patience: Duration) -> Follow {
        Follow { consumer: self, patience, batch: None, last: None }
    }

    /// Record after record, for a program that only looks; ends when none has come for `patience`. A batch is acknowledged
    /// when the record behind its last one is asked for, or the end is reached: the records of a batch that was not read
    /// through come again, in the next run of the program.
    pub fn records(self, patience: Duration) -> impl Iterator<Item = Result<ChangeRecord>> {
        let mut consumer = self;
        let mut current: Option<(Batch, usize)> = None;
        std::iter::from_fn(move || {
            loop {
                if let Some((batch, read)) = &mut current {
                    if let Some(record) = batch.records().get(*read) {
                        *read += 1;
                        return Some(Ok(record.clone()));
                    }
                    if let Err(error) = batch.ack() {
                        current = None;
                        return Some(Err(error));
                    }
                }
                current = None;
                match consumer.next_batch(patience) {
                    Ok(Some(batch)) => current = Some((batch, 0)),
                    Ok(None) => return None,
                    Err(error) => return Some(Err(error)),
                }
            }
        })
    }
}

/// Records to be acknowledged one by one; see [`Consumer::follow`].
#[derive(Debug)]
#[must_use = "nothing is read before the first `next`"]
pub struct Follow {
    consumer: Consumer,
    patience: Duration,
    batch: Option<Deliveries>,
    /// Tells what became of the record that was handed out last.
    last: Option<Witness>,
}

impl Follow {
    /// The next record of the batch that was read last, if there is one. It waits for nothing.
    pub(crate) fn at_hand(&mut self) -> Result<Option<Delivery>> {
        let held = 1 + usize::from(self.batch.is_some());
        if self.last.take().map_or(Ok(false), |last| last.is_dropped(held))? {
            self.batch = None;
        }
        let delivery = self.batch.as_mut().and_then(Iterator::next);
        self.last = delivery.as_ref().map(Delivery::witness);
        Ok(delivery)
    }
    fn read(&mut self) -> Result<Option<Delivery>> {
        loop {
            if let Some(delivery) = self.at_hand()? {
                return Ok(Some(delivery));
            }
            self.batch = None;
            match self.consumer.next_batch(self.patience)? {
                Some(batch) => self.batch = Some(batch.into_iter()),
                None => return Ok(None),
            }
        }
    }
}

impl Iterator for Follow {
    type Item = Result<Delivery>;
    fn next(&mut self) -> Option<Result<Delivery>> {
        self.read().transpose()
    }
}
