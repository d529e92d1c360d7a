//! The operations of one thread.

use super::{
    client::{Answer, Client, Key},
    measure::{Progress, ThreadMeasure},
    random::{Random, Zipfian, mix},
    spec::{Distribution, Kind, Spec},
};
use crate::{failure::Failure, stopwatch::Stopwatch};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// Items of one batch while loading.
const BATCH_ITEMS: u64 = 25;

/// The key of a record: records are cut into collections.
fn key_of(spec: &Spec, record: u64) -> Key {
    Key { pk: format!("user{}", record / spec.collection), sk: format!("{:012}", record % spec.collection) }
}

fn shard_of(counter: u64, shard: u64) -> Key {
    Key { pk: format!("counter{counter}#{shard}"), sk: "0".to_owned() }
}

/// Puts the records of a workload, all clients side by side. Returns how many. Errors: an item could not be put.
pub(super) fn load(clients: &mut [Box<dyn Client>], spec: &Spec) -> Result<u64, Failure> {
    if spec.counts() {
        return Ok(0); // counters begin with their first increment
    }
    let (next, payload) = (AtomicU64::new(0), payload(spec));
    let load = |client: &mut Box<dyn Client>| -> Result<(), Failure> {
        loop {
            let first = next.fetch_add(BATCH_ITEMS, Ordering::Relaxed);
            if first >= spec.records {
                return Ok(());
            }
            let keys = (first..(first + BATCH_ITEMS).min(spec.records)).map(|record| key_of(spec, record));
            client.load(&keys.collect::<Vec<_>>(), &payload)?;
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = clients.iter_mut().map(|client| scope.spawn(|| load(client))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or(Ok(())))
    })?;
    Ok(spec.records)
}

/// What items carry besides their key.
fn payload(spec: &Spec) -> String {
    let bytes = usize::try_from(spec.item_bytes).unwrap_or(0);
    "x".repeat(bytes.saturating_sub(40).max(1))
}

/// One thread of a workload.
pub(super) struct Worker {
    client: Box<dyn Client>,
    spec: Arc<Spec>,
    random: Random,
    zipfian: Zipfian,
    payload: String,
    number: u64,
    /// Records that this thread inserted.
    inserted: u64,
}

impl Worker {
    pub(super) fn new(client: Box<dyn Client>, spec: Arc<Spec>, seed: u64, number: u64) -> Self {
        let (zipfian, payload) = (Zipfian::new(spec.records), payload(&spec));
        let random = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(number));
        Self { client, spec, random, zipfian, payload, number, inserted: 0 }
    }

    /// Runs until the end; `pace` is the time between two operations, and the thread's place in it.
    pub(super) fn run(
        &mut self,
        progress: &Progress,
        pace: Option<(Duration, Duration)>,
    ) -> Result<ThreadMeasure, Failure> {
        let mut measure = ThreadMeasure::new()?;
        let mut planned = pace.map(|(_, offset)| offset);
        while progress.may_begin() {
            let begin = match (planned, pace) {
                (Some(at), Some((each, _))) => {
                    if !progress.is_within(at) {
                        break;
                    }
                    planned = Some(at + each);
                    let now = progress.elapsed();
                    thread::sleep(at.saturating_sub(now));
                    at
                }
                _ => progress.elapsed(),
            };
            let kind = self.kind();
            let answer = self.operate(kind)?;
            let took = progress.elapsed().saturating_sub(begin);
            measure.note(kind, &answer, took);
            progress.ended(answer.throttled > 0);
        }
        Ok(measure)
    }

    fn kind(&mut self) -> Kind {
        let mut at = self.random.below(self.spec.total_weight());
        for (kind, weight) in &self.spec.mix {
            match at.checked_sub(*weight) {
                None => return *kind,
                Some(rest) => at = rest,
            }
        }
        Kind::Read
    }

    /// The record of an operation.
    fn record(&mut self) -> u64 {
        let records = self.spec.records;
        match self.spec.distribution {
            Distribution::Uniform => self.random.below(records),
            // Ranks are spread, so that keys which come often are no neighbours.
            Distribution::Zipfian => mix(self.zipfian.rank(&mut self.random).wrapping_add(1)) % records,
            Distribution::Latest => records - 1 - self.zipfian.rank(&mut self.random),
            Distribution::Hot if self.random.below(10) > 0 => 0,
            Distribution::Hot => self.random.below(records),
        }
    }

    fn existing(&mut self) -> Key {
        // What is new is most often what this thread inserted.
        if self.spec.distribution == Distribution::Latest && self.inserted > 0 && self.random.below(2) == 0 {
            let back = self.zipfian.rank(&mut self.random).min(self.inserted - 1);
            return self.inserted_key(self.inserted - 1 - back);
        }
        let record = self.record();
        key_of(&self.spec, record)
    }

    /// Inserted records of a thread are in collections of their own, in the order of time.
    fn inserted_key(&self, inserted: u64) -> Key {
        let series = if self.spec.collection > 1 { inserted % self.spec.collection } else { inserted };
        Key { pk: format!("new{}-{series}", self.number), sk: format!("{inserted:012}") }
    }

    fn operate(&mut self, kind: Kind) -> Result<Answer, Failure> {
        match kind {
            Kind::Read => {
                let key = self.existing();
                self.client.get(&key)
            }
            Kind::Update => {
                let key = self.existing();
                self.client.put(&key, &self.payload)
            }
            Kind::Insert => {
                let key = self.inserted_key(self.inserted);
                self.inserted += 1;
                self.client.put(&key, &self.payload)
            }
            Kind::Query => {
                let key = self.existing();
                self.client.query(&key.pk, self.spec.limit)
            }
            Kind::ReadModifyWrite => {
                let key = self.existing();
                let read = self.client.get(&key)?;
                Ok(read.and(self.client.put(&key, &self.payload)?))
            }
            Kind::Increment => {
                let (counter, shard) = (self.record(), self.random.below(self.spec.shards));
                self.client.increment(&shard_of(counter, shard))
            }
            Kind::ReadShards => {
                let counter = self.record();
                let keys: Vec<Key> = (0..self.spec.shards).map(|shard| shard_of(counter, shard)).collect();
                self.client.batch_get(&keys)
            }
            Kind::FanOutWrite => {
                let sk = format!("post{}-{:012}", self.number, self.inserted);
                self.inserted += 1;
                let first = self.record() / self.spec.collection;
                let collections = (self.spec.records / self.spec.collection).max(self.spec.fan_out);
                let pk = |at: u64| format!("user{}", (first + at) % collections);
                let keys: Vec<Key> = (0..self.spec.fan_out).map(|at| Key { pk: pk(at), sk: sk.clone() }).collect();
                self.client.batch_put(&keys, &self.payload)
            }
            Kind::FanOutRead => {
                let mut answer = Answer::default();
                for _ in 0..self.spec.fan_out {
                    let key = self.existing();
                    answer = answer.and(self.client.query(&key.pk, self.spec.limit)?);
                }
                Ok(answer)
            }
        }
    }
}

/// Time since a beginning.
pub(super) fn since(watch: &Stopwatch) -> Duration {
    watch.elapsed().0
}
