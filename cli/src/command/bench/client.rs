//! The operations of a workload on the engine in this process.

use crate::failure::Failure;
use hashrange::{
    Database, Error, ErrorKind, Item, Table,
    capacity::Consumed,
    key::S,
    request::{BatchGetItem, BatchWriteItem, KeysAndAttributes, WriteRequest},
};
use std::{borrow::Cow, thread, time::Duration};

/// Pause before what was throttled while loading is attempted again.
const PAUSE: Duration = Duration::from_millis(100);
/// Pauses before it counts as failed.
const MOST_PAUSES: u32 = 600;

/// A key of the table of a workload.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) pk: String,
    pub(super) sk: String,
}

/// What an operation did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Answer {
    pub(super) read_units: f64,
    pub(super) write_units: f64,
    /// Requests or items that had no throughput.
    pub(super) throttled: u64,
}

impl Answer {
    pub(super) fn read(units: f64) -> Self {
        Self { read_units: units, ..Self::default() }
    }
    pub(super) fn written(units: f64) -> Self {
        Self { write_units: units, ..Self::default() }
    }
    pub(super) fn throttled(count: u64) -> Self {
        Self { throttled: count, ..Self::default() }
    }
    /// Both.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            read_units: self.read_units + other.read_units,
            write_units: self.write_units + other.write_units,
            throttled: self.throttled + other.throttled,
        }
    }
}

/// Something that carries operations out. A throttle is an answer; every other failure ends the benchmark.
pub(super) trait Client: Send {
    fn create_table(&mut self) -> Result<(), Failure>;
    fn get(&mut self, key: &Key) -> Result<Answer, Failure>;
    fn put(&mut self, key: &Key, payload: &str) -> Result<Answer, Failure>;
    fn increment(&mut self, key: &Key) -> Result<Answer, Failure>;
    fn query(&mut self, pk: &str, limit: u64) -> Result<Answer, Failure>;
    fn batch_get(&mut self, keys: &[Key]) -> Result<Answer, Failure>;
    fn batch_put(&mut self, keys: &[Key], payload: &str) -> Result<Answer, Failure>;

    /// Puts up to 25 items; what is throttled is attempted again.
    fn load(&mut self, keys: &[Key], payload: &str) -> Result<(), Failure> {
        for key in keys {
            let mut pauses = 0;
            while self.put(key, payload)?.throttled > 0 {
                pauses += 1;
                if pauses > MOST_PAUSES {
                    return Err(Failure::Usage("the table has no throughput to be loaded with".to_owned()));
                }
                thread::sleep(PAUSE);
            }
        }
        Ok(())
    }
}

/// The engine in this process.
pub(super) struct EngineClient {
    database: Database,
    table: Table<(S, S)>,
}

impl EngineClient {
    /// On a table, which is created if it is not there. Errors: it has other keys.
    pub(super) fn new(database: Database, table: &str) -> Result<Self, Failure> {
        let table = database.create_table(table).hash::<S>("pk").range::<S>("sk").open_or_create()?;
        Ok(Self { database, table })
    }
}

fn key_item(key: &Key) -> Item {
    Item::new().with("pk", key.pk.as_str()).with("sk", key.sk.as_str())
}

fn item(key: &Key, payload: &str) -> Item {
    key_item(key).with("payload", payload)
}

fn sum(consumed: &[(String, Consumed)]) -> f64 {
    consumed.iter().map(|(_, consumed)| consumed.total()).sum()
}

/// A throttle as an answer.
fn or_throttled<T>(result: Result<T, Error>, answer: impl FnOnce(T) -> Answer) -> Result<Answer, Failure> {
    match result {
        Ok(done) => Ok(answer(done)),
        Err(error) if error.kind() == ErrorKind::Throttled => Ok(Answer::throttled(1)),
        Err(error) => Err(error.into()),
    }
}

impl Client for EngineClient {
    fn create_table(&mut self) -> Result<(), Failure> {
        Ok(()) // it is there since the client is
    }
    fn get(&mut self, key: &Key) -> Result<Answer, Failure> {
        let got = self.table.get_with((&*key.pk, &*key.sk)).send();
        or_throttled(got, |output| Answer::read(output.consumed().total()))
    }
    fn put(&mut self, key: &Key, payload: &str) -> Result<Answer, Failure> {
        let put = self.table.put_with(&item(key, payload)).send();
        or_throttled(put, |output| Answer::written(output.consumed().total()))
    }
    fn increment(&mut self, key: &Key) -> Result<Answer, Failure> {
        let updated = self.table.update((&*key.pk, &*key.sk)).add("count", 1).send();
        or_throttled(updated, |output| Answer::written(output.consumed().total()))
    }
    fn query(&mut self, pk: &str, limit: u64) -> Result<Answer, Failure> {
        let page = self.table.query(pk).limit(usize::try_from(limit).unwrap_or(1)).page();
        or_throttled(page, |page| Answer::read(page.consumed.total()))
    }
    fn batch_get(&mut self, keys: &[Key]) -> Result<Answer, Failure> {
        let keys = KeysAndAttributes::new(&self.table, keys.iter().map(key_item));
        or_throttled(self.database.execute(&BatchGetItem::new([keys])), |output| {
            let left: usize = output.unprocessed.iter().map(Vec::len).sum();
            Answer::read(sum(&output.consumed)).and(Answer::throttled(left as u64))
        })
    }
    fn batch_put(&mut self, keys: &[Key], payload: &str) -> Result<Answer, Failure> {
        let write = |key: &Key| ((&self.table).into(), WriteRequest::Put(Cow::Owned(item(key, payload))));
        let batch = BatchWriteItem::new(keys.iter().map(write));
        or_throttled(self.database.execute(&batch), |output| {
            Answer::written(sum(&output.consumed)).and(Answer::throttled(output.unprocessed.len() as u64))
        })
    }
}
