//! Kinesis destinations: the changes of a table, handed to a function of the program, a file, or whatever else stands for a
//! Kinesis data stream.
//!
//! A table with an enabled destination has a change stream of its own for it. One worker reads these streams as a consumer
//! does and hands each batch to the [`KinesisSink`] of the database. A batch is acknowledged once the sink has taken it, so
//! each record arrives at least once, those of an item in their order, whatever crashes in between. A sink that fails is
//! tried again, with pauses that grow; meanwhile the records wait in the stream, as long as records of streams are kept.
//!
//! Imports: error, clock, random, capacity, observe, item, schema, manifest, stream, ledger, engine, consumer.

mod delivery;
mod disorder;
mod metrics;
mod record;

pub use delivery::{Deliveries, Delivery, DeliveryStats};
pub use disorder::{Disorder, DisorderedSink};
pub use record::KinesisRecord;

use std::{fmt, time::Duration};

/// What takes the records of Kinesis destinations: in place of Kinesis.
///
/// A function `Fn(&[KinesisRecord]) -> Result<(), E>` is one, for which every data stream exists.
pub trait KinesisSink: Send + Sync {
    /// Whether the data stream exists and can be written; the error says why not. A destination is enabled only then;
    /// otherwise its state becomes `ENABLE_FAILED`.
    fn check(&self, stream_arn: &str) -> Result<(), String> {
        let _ = stream_arn;
        Ok(())
    }
    /// How long records of a destination are gathered, by the clock of the database, from the first one on, before they are put.
    /// Where 500 are there, they wait for no others. Neither other destinations nor the end of the database wait for it: what was
    /// not put by then comes when the database is open again.
    fn gather(&self) -> Duration {
        Duration::ZERO
    }
    /// Takes records of one table and one data stream, in their order: at most 500, which Kinesis takes in one request. Returns how
    /// many of them it dropped because Kinesis would reject them. They do not come again once it has returned, so it must have
    /// made them as durable as they shall be. If it fails, all of them come again, with pauses of up to a minute.
    fn put(&self, records: &[KinesisRecord]) -> Result<u64, String>;
}

impl<F, E> KinesisSink for F
where
    F: Fn(&[KinesisRecord]) -> Result<(), E> + Send + Sync,
    E: fmt::Display,
{
    fn put(&self, records: &[KinesisRecord]) -> Result<u64, String> {
        self(records).map(|()| 0).map_err(|error| error.to_string())
    }
}
