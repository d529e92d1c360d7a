//! What the service does not promise: records that come twice, and in another order. A sink in front of another one.

use super::{KinesisRecord, KinesisSink, delivery::BATCH_RECORDS};
use crate::{
    error::{Error, Result},
    random::mix,
};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The longest time that a sink gathers records.
const LONGEST_GATHERING: Duration = Duration::from_secs(60);

/// How records arrive at a sink, as Kinesis lets them: it promises neither their order nor that each comes once. By default they
/// arrive as they would without this model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disorder {
    /// Whether the records of a batch arrive in any order, also those of one item.
    pub shuffle: bool,
    /// Records of a thousand that arrive a second time: with their batch, or with the next one of the destination.
    pub duplicates_per_thousand: u32,
    /// How long records of a destination are gathered from the first one on ([`KinesisSink::gather`]), so that a batch has more than
    /// one also where few are written. Those that were gathered together are shuffled; they arrive behind earlier batches. At
    /// most a minute.
    pub gather: Duration,
    /// Decides which records come twice, and in which order all of them come.
    pub seed: u64,
}

/// A sink that hands records on to another one as [`Disorder`] says: for tests of programs that read them.
///
/// ```
/// use hashrange::{Database, Item, inspect::Work, key::S};
/// use hashrange::streams::{Disorder, DisorderedSink, KinesisRecord};
/// use std::sync::{Arc, Mutex};
///
/// # fn main() -> hashrange::Result<()> {
/// let db = Database::options().background(false).in_memory()?;
/// let orders = db.create_table("orders").hash::<S>("id").create()?;
/// let seen = Arc::new(Mutex::new(Vec::new()));
/// let sink = seen.clone();
/// let sink = move |records: &[KinesisRecord]| {
///     sink.lock().unwrap().extend(records.iter().map(KinesisRecord::event_id));
///     Ok::<_, hashrange::Error>(())
/// };
/// let disorder = Disorder { duplicates_per_thousand: 1_000, ..Disorder::default() };
/// db.deliver_to_kinesis(DisorderedSink::new(sink, disorder)?)?;
/// db.kinesis("orders").enable("arn:aws:kinesis:us-east-1:000000000000:stream/changes", None)?;
/// for n in 0..100 {
///     orders.put(&Item::new().with("id", n.to_string()))?;
/// }
/// while db.step()? != Work::Idle {}
/// let mut seen = seen.lock().unwrap();
/// assert!(seen.len() > 100, "many came twice, in the same batch");
/// seen.sort();
/// seen.dedup();
/// assert_eq!(seen.len(), 100);
/// # Ok(())
/// # }
/// ```
pub struct DisorderedSink<S> {
    sink: S,
    disorder: Disorder,
    /// Batches so far.
    batches: AtomicU64,
    /// By table and data stream, records that come a second time with the next batch.
    late: Mutex<BTreeMap<(String, String), Vec<KinesisRecord>>>,
}

impl<S: KinesisSink> DisorderedSink<S> {
    /// In front of this sink. Errors: more than a thousand of a thousand records, or a time of more than a minute.
    pub fn new(sink: S, disorder: Disorder) -> Result<Self> {
        if disorder.duplicates_per_thousand > 1_000 {
            return Err(Error::validation("at most 1,000 of a thousand records can come twice"));
        }
        if disorder.gather > LONGEST_GATHERING {
            return Err(Error::validation("records are gathered for at most a minute"));
        }
        Ok(Self { sink, disorder, batches: AtomicU64::new(0), late: Mutex::default() })
    }
}

impl<S: KinesisSink> KinesisSink for DisorderedSink<S> {
    fn check(&self, stream_arn: &str) -> std::result::Result<(), String> {
        self.sink.check(stream_arn)
    }

    fn gather(&self) -> Duration {
        self.disorder.gather.max(self.sink.gather())
    }

    fn put(&self, records: &[KinesisRecord]) -> std::result::Result<u64, String> {
        let Some(first) = records.first() else { return Ok(0) };
        let Disorder { shuffle, duplicates_per_thousand, seed, .. } = self.disorder;
        let of = (first.table_name().to_owned(), first.stream_arn().to_owned());
        let mut all = records.to_vec();
        all.extend(self.late.lock().get(&of).into_iter().flatten().cloned());
        let mut later = Vec::new();
        for record in records {
            let random = mix(seed ^ number_of(record));
            if mix(random) % 1_000 < u64::from(duplicates_per_thousand) {
                if random.is_multiple_of(2) { all.push(record.clone()) } else { later.push(record.clone()) }
            }
        }
        let batch = self.batches.fetch_add(1, Ordering::Relaxed);
        if shuffle {
            for at in (1..all.len()).rev() {
                let random = mix(seed ^ mix(batch) ^ at as u64);
                all.swap(at, usize::try_from(random % (at as u64 + 1)).unwrap_or(0));
            }
        }
        // If it fails, all of them come again.
        let dropped = all.chunks(BATCH_RECORDS).map(|records| self.sink.put(records)).sum::<Result<u64, String>>()?;
        self.late.lock().insert(of, later);
        Ok(dropped)
    }
}

/// A number of a record that it has also when it is delivered again.
fn number_of(record: &KinesisRecord) -> u64 {
    record.event_id().bytes().fold(0, |number, byte| mix(number ^ u64::from(byte)))
}
