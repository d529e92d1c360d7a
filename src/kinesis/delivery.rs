//! The worker that hands the records of all destinations of a database to its sink.
//!
//! Destinations are served in turn. One that fails waits for its next attempt, and does not keep the others from theirs. A
//! destination that was disabled gets what was committed before. Its data stream gets nothing of a later destination of the
//! same table until then, so that the order stays.

use super::{KinesisRecord, KinesisSink, metrics::Metrics};
use crate::{
    clock::Deadline,
    consumer::{Consumer, TableStream},
    engine::Engine,
    error::{Error, Result},
    ledger::MetricSeries,
    manifest::StreamMeta,
    observe::{Job, Subject},
    schema::StreamPurpose,
};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

/// Name of the consumer that stands for a destination, in its stream.
const CONSUMER: &str = "kinesis";
/// Most records of a batch: that many Kinesis takes in one request.
pub(super) const BATCH_RECORDS: usize = 500;

/// What became of the records of a destination since the database was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveryStats {
    /// Records that the sink took. One that came twice counts twice.
    pub records: u64,
    /// Records that the sink dropped, since Kinesis would reject them.
    pub dropped_records: u64,
    /// Attempts that failed.
    pub failed_attempts: u64,
    /// Gaps: places where records were removed because of their age before the sink had taken them.
    pub gaps: u64,
}

/// What a delivery and those who describe destinations share.
#[derive(Default)]
pub struct Deliveries {
    sink: Mutex<Option<Arc<dyn KinesisSink>>>,
    stats: Mutex<BTreeMap<(u32, String), DeliveryStats>>,
    metrics: Mutex<Metrics>,
}

impl Deliveries {
    /// Takes the sink of the database; `false` if it has one.
    pub fn begin(&self, sink: Arc<dyn KinesisSink>) -> bool {
        let mut known = self.sink.lock();
        let is_first = known.is_none();
        if is_first {
            *known = Some(sink);
        }
        is_first
    }
    /// Whether the sink can write a data stream; without a sink each exists.
    pub fn check(&self, stream_arn: &str) -> std::result::Result<(), String> {
        let sink = self.sink.lock().clone();
        sink.map_or(Ok(()), |sink| call(|| sink.check(stream_arn)))
    }
    /// What became of the records of a table's destination.
    pub fn stats(&self, table: u32, stream_arn: &str) -> DeliveryStats {
        self.stats.lock().get(&(table, stream_arn.to_owned())).copied().unwrap_or_default()
    }
    /// What CloudWatch shows of all destinations.
    pub fn metrics(&self) -> Vec<MetricSeries> {
        self.metrics.lock().series()
    }
    fn count(&self, stream: &StreamMeta, count: impl FnOnce(&mut DeliveryStats)) {
        let Some(feed) = &stream.kinesis else { return };
        count(self.stats.lock().entry((stream.table, feed.stream_arn.clone())).or_default());
    }
}

/// What a stream for a destination has for its worker.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// A batch was delivered.
    Delivered,
    /// There is nothing at present, or the last attempt failed.
    Waiting,
    /// There will be nothing any more.
    Finished,
}

/// A stream for a destination, as its worker reads it.
struct Feed {
    stream: Arc<StreamMeta>,
    /// `None` once everything was delivered and nothing more comes.
    consumer: Option<Consumer>,
    /// When the first record of the next batch was found, in milliseconds since 1970, while more are gathered.
    gathers_since: Option<u64>,
}

impl Feed {
    /// How long its records are still gathered, in milliseconds.
    fn gathers_for(&self, gather_millis: u64, now_millis: u64) -> u64 {
        // A clock that was set back makes everything due.
        let since = self.gathers_since.filter(|since| *since <= now_millis);
        since.map_or(0, |since| since.saturating_add(gather_millis).saturating_sub(now_millis))
    }
}

/// Hands records to the sink.
pub struct Delivery {
    engine: Arc<Engine>,
    sink: Arc<dyn KinesisSink>,
    deliveries: Arc<Deliveries>,
    feeds: BTreeMap<u64, Feed>,
}

impl Delivery {
    /// A delivery to a sink, which has delivered nothing yet.
    pub fn new(engine: Arc<Engine>, sink: Arc<dyn KinesisSink>, deliveries: Arc<Deliveries>) -> Self {
        Self { engine, sink, deliveries, feeds: BTreeMap::new() }
    }

    /// Delivers a batch of each destination that has one; waits for one at most so long. Whether any was delivered.
    pub fn run(&mut self, patience: Duration) -> Result<bool> {
        let deadline = Deadline::after(patience);
        let engine = self.engine.clone();
        loop {
            engine.check_open()?;
            let streams = engine.streams().all_for(StreamPurpose::Kinesis);
            self.forget_gone(&streams);
            if streams.is_empty() {
                if !patience.is_zero() {
                    engine.signal().wait(&engine.signal().ending, deadline.remaining());
                }
                return Ok(false);
            }
            let news = engine.streams().news();
            if self.deliver_all(&streams) {
                return Ok(true);
            }
            if deadline.is_over() || engine.signal().is_stopping() {
                return Ok(false);
            }
            news.wait(deadline.remaining());
        }
    }

    fn deliver_all(&mut self, streams: &[Arc<StreamMeta>]) -> bool {
        let (mut delivered, mut unfinished) = (false, BTreeSet::new());
        for stream in streams {
            let place = (stream.table, stream.kinesis.as_ref().map(|feed| feed.stream_arn.as_str()));
            if unfinished.contains(&place) || self.engine.signal().is_stopping() {
                continue;
            }
            let progress = self.attempt(stream);
            delivered |= progress == Progress::Delivered;
            if progress != Progress::Finished {
                unfinished.insert(place);
            }
        }
        delivered
    }

    /// Forgets the streams that were removed. If records of a stream were not delivered, this counts one gap.
    fn forget_gone(&mut self, streams: &[Arc<StreamMeta>]) {
        let deliveries = &self.deliveries;
        self.feeds.retain(|id, feed| {
            let is_there = streams.iter().any(|stream| stream.id == *id);
            if !is_there && feed.consumer.is_some() {
                deliveries.count(&feed.stream, |stats| stats.gaps += 1);
            }
            is_there
        });
    }

    /// Delivers the next batch of a stream, if an attempt is due; a failure is reported.
    fn attempt(&mut self, stream: &Arc<StreamMeta>) -> Progress {
        let engine = self.engine.clone();
        if !engine.observe().is_due(Job::Kinesis, stream.id) {
            return Progress::Waiting;
        }
        match self.deliver(stream) {
            Ok(progress) => {
                engine.observe().succeeded(Job::Kinesis, stream.id);
                progress
            }
            Err(_) if engine.signal().is_stopping() => Progress::Waiting, // it failed because the database ends
            Err(error) => {
                self.deliveries.count(stream, |stats| stats.failed_attempts += 1);
                let stream_arn = || stream.kinesis.as_ref().map(|feed| feed.stream_arn.clone()).unwrap_or_default();
                let subject = || Subject::Destination { stream_arn: stream_arn(), table: stream.table_name.clone() };
                engine.observe().failed(Job::Kinesis, stream.id, subject, &error);
                Progress::Waiting
            }
        }
    }

    fn deliver(&mut self, stream: &Arc<StreamMeta>) -> Result<Progress> {
        let feed = self.feeds.entry(stream.id).or_insert_with(|| {
            let changes = TableStream::internal(&self.engine, stream.clone());
            let consumer = changes.checkpoint(CONSUMER).batch_records(BATCH_RECORDS).skip_expired();
            Feed { stream: stream.clone(), consumer: Some(consumer), gathers_since: None }
        });
        let now_millis = self.engine.options().clock.now_millis();
        let gather_millis = millis_of(self.sink.gather());
        let gathers = feed.gathers_for(gather_millis, now_millis) > 0;
        let Some(consumer) = &mut feed.consumer else { return Ok(Progress::Finished) };
        let Some(batch) = consumer.next_batch(Duration::ZERO)? else {
            if !consumer.is_finished() {
                return Ok(Progress::Waiting);
            }
            feed.consumer = None;
            return Ok(Progress::Finished);
        };
        let gaps = batch.skipped().len() as u64;
        self.deliveries.count(stream, |stats| stats.gaps += gaps);
        let is_first = feed.gathers_since.is_none() && gather_millis > 0;
        if (is_first || gathers) && batch.records().len() < BATCH_RECORDS {
            // It comes again, and others with it.
            feed.gathers_since.get_or_insert(now_millis);
            return Ok(Progress::Waiting);
        }
        let records: Vec<_> = batch.records().iter().map(|change| KinesisRecord::new(change.clone(), stream)).collect();
        self.deliveries.metrics.lock().note_attempt(&stream.table_name, &records, now_millis);
        let dropped = call(|| self.sink.put(&records)).map_err(|failure| {
            let stream_arn = stream.kinesis.as_ref().map_or("", |feed| &feed.stream_arn);
            Error::io("deliver records to", stream_arn, &io::Error::other(failure))
        })?;
        batch.ack()?;
        feed.gathers_since = None;
        self.deliveries.metrics.lock().note_taken(&stream.table_name, &records, dropped, now_millis);
        let taken = (records.len() as u64).saturating_sub(dropped);
        self.deliveries.count(stream, |stats| {
            stats.records += taken;
            stats.dropped_records += dropped;
        });
        Ok(Progress::Delivered)
    }
}

fn millis_of(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Calls the sink; a panic becomes a failure.
fn call<T>(function: impl FnOnce() -> std::result::Result<T, String>) -> std::result::Result<T, String> {
    // What the sink left half done is its own: the same records come again.
    catch_unwind(AssertUnwindSafe(function)).unwrap_or_else(|_| Err("the sink panicked".to_owned()))
}
