//! A whole database on a disk that fails and loses power, against an ordered map.
//!
//! Sizes are so small that a few writes flush, split, compact and change log segments. Writes are synced or buffered. A
//! killed process loses nothing that was acknowledged; a power failure takes a tail of what was buffered at most, so the
//! model keeps every state since the last one that is surely durable.

use arbitrary::{Arbitrary, Unstructured};
use hashrange::{
    AttributeValue, Clock, Database, Durability, ErrorKind, Item, ReadMode, Table,
    admin::{IndexSpec, TableUpdate, index},
    attr,
    key::{KeyType, N, S},
    schema::{IndexKind, IndexStatus, KeyAttribute, Projection},
    testing::{Fault, FaultPlan, SimulatedDisk},
};
use std::{collections::BTreeMap, sync::Arc};

const HASHES: u8 = 4;
const MOST_STEPS: usize = 200;

/// An item's key, and what a put says of it.
type Model = BTreeMap<(u8, i8), Item>;

#[derive(Clone, Debug, Arbitrary)]
struct Write {
    hash: u8,
    range: i8,
    change: Change,
    /// Only if the item is there, or is not.
    when: Option<bool>,
}

#[derive(Clone, Debug, Arbitrary)]
enum Change {
    Put { tag: u8, count: u8, filler: u8 },
    Count(i8),
    Delete,
}

#[derive(Clone, Debug, Arbitrary)]
enum Step {
    Write(Write, bool),
    Transact(Vec<Write>),
    Check { hash: u8, range: i8, descending: bool },
    Flush,
    Compact,
    Work(u8),
    Sync,
    Reopen { mapped: bool },
    Kill,
    PowerCut { seed: u8 },
    PowerCutAfter { operations: u8, seed: u8 },
    Fault { operations: u8, kind: u8 },
    AddIndex,
    DropIndex,
}

fn item(hash: u8, range: i8, tag: u8, count: u8, filler: u8) -> Item {
    let item = Item::new().with("hash", format!("h{}", hash % HASHES)).with("range", range).with("count", count);
    let item = item.with("filler", "f".repeat(usize::from(filler) * 4));
    // Without its key attribute an item is in no index.
    if tag.is_multiple_of(4) { item } else { item.with("tag", format!("t{}", tag % 4)) }
}

/// The state after some writes, and whether their conditions hold. All or nothing.
fn after(model: &Model, writes: &[Write]) -> Option<Model> {
    let mut next = model.clone();
    for write in writes {
        let key = (write.hash % HASHES, write.range);
        let old = model.get(&key);
        if write.when.is_some_and(|wanted| wanted != old.is_some()) {
            return None;
        }
        match &write.change {
            Change::Put { tag, count, filler } => drop(next.insert(key, item(key.0, key.1, *tag, *count, *filler))),
            Change::Delete => drop(next.remove(&key)),
            Change::Count(by) => {
                let item = next
                    .entry(key)
                    .or_insert_with(|| Item::new().with("hash", format!("h{}", key.0)).with("range", key.1));
                let old = item.get("count").and_then(AttributeValue::as_number).and_then(|count| count.to_i64());
                item.insert("count".to_owned(), AttributeValue::from(old.unwrap_or(0) + i64::from(*by)));
            }
        }
    }
    Some(next)
}

struct World {
    disk: SimulatedDisk,
    db: Option<Database>,
    mapped: bool,
    /// From the last state that is surely durable to the newest one.
    states: Vec<Model>,
    /// The newest state if a write whose answer was an error was done all the same.
    perhaps: Option<Model>,
    /// What the medium holds once the power was cut, if a cut is planned.
    cut: Option<u8>,
    /// Whether a failure of the disk is planned, or may have met an operation that returns no error.
    is_disturbed: bool,
}

/// A disk that failed is a reason to open the database again; anything else is a fault of the engine.
fn blame_disk(error: &hashrange::Error) {
    assert!(matches!(error.kind(), ErrorKind::Io | ErrorKind::Poisoned), "{error:?}");
}

fn open(disk: &SimulatedDisk, mapped: bool) -> hashrange::Result<(Database, Table<(S, N)>)> {
    let options = Database::options().background(false).clock(Clock::manual(1_700_000_000_000)).seed(7);
    let options = options.initial_partitions(1).split_bytes(4096).memtable_bytes(4096).log_segment_bytes(4096);
    let options = options.log_bytes(16 << 10).runs_per_partition(2).block_cache_bytes(32 << 10);
    let options = options.read_mode(if mapped { ReadMode::Mapped } else { ReadMode::Buffered });
    let db = options.open_on(Arc::new(disk.clone()))?;
    let table = db.create_table("table").hash::<S>("hash").range::<N>("range");
    let table = table.lsi(index("by_count").range::<N>("count"));
    let table = table.gsi(index("by_tag").hash::<S>("tag").range::<N>("count")).open_or_create()?;
    Ok((db, table))
}

impl World {
    fn newest(&self) -> &Model {
        self.states.last().expect("there is always a state")
    }

    fn table(&self) -> (Database, Table<(S, N)>) {
        let db = self.db.clone().expect("the database is open between steps");
        let table = db.table("table").expect("the table is there");
        (db, table)
    }

    /// Opens the database and holds what it contains against the states that are allowed.
    fn open(&mut self, power_failed: bool) {
        let (db, table) = match open(&self.disk, self.mapped) {
            Ok(opened) => opened,
            Err(error) => {
                blame_disk(&error);
                self.db = None;
                self.recover(power_failed);
                return;
            }
        };
        let found: Model = match contents(&table) {
            Ok(found) => found,
            Err(error) => {
                blame_disk(&error);
                drop((db, table));
                self.recover(power_failed);
                return;
            }
        };
        let is_allowed = self.newest() == &found
            || self.perhaps.as_ref() == Some(&found)
            || (power_failed && self.states.contains(&found));
        assert!(is_allowed, "found {found:?}\nof {:?}\nor {:?}", self.states, self.perhaps);
        self.states = vec![found];
        self.perhaps = None;
        self.db = Some(db);
    }

    /// After a failure of the disk: the power is back, or the disk works again.
    fn recover(&mut self, power_failed: bool) {
        self.db = None;
        self.disk.stop_failing();
        let has_crashed = self.disk.has_crashed();
        if has_crashed {
            self.disk = self.disk.crash(u64::from(self.cut.take().unwrap_or(0)));
        }
        // What failed to be written may be missing although the machine went on.
        self.open(has_crashed || power_failed || self.perhaps.is_some());
        self.is_disturbed = self.cut.is_some();
    }

    /// An error of the disk ended a call that would have led to `next`.
    fn failed(&mut self, error: &hashrange::Error, next: Option<Model>) {
        blame_disk(error);
        self.perhaps = Some(next.unwrap_or_else(|| self.newest().clone()));
        self.recover(true);
    }

    fn write(&mut self, write: &Write, synced: bool) {
        let (db, table) = self.table();
        let next = after(self.newest(), std::slice::from_ref(write));
        let durability = if synced { Durability::Sync } else { Durability::Buffered };
        let hash = format!("h{}", write.hash % HASHES);
        let condition = write.when.map(|wanted| if wanted { attr("hash").exists() } else { attr("hash").not_exists() });
        let key = (hash.as_str(), write.range);
        let result = match &write.change {
            Change::Put { tag, count, filler } => {
                let written = item(write.hash, write.range, *tag, *count, *filler);
                let put = table.put_with(&written).durability(durability);
                condition.into_iter().fold(put, |put, condition| put.when(condition)).send()
            }
            Change::Count(by) => {
                let update = table.update(key).add("count", i64::from(*by)).durability(durability);
                condition.into_iter().fold(update, |update, condition| update.when(condition)).send()
            }
            Change::Delete => {
                let delete = table.delete_with(key).durability(durability);
                condition.into_iter().fold(delete, |delete, condition| delete.when(condition)).send()
            }
        };
        drop((db, table));
        match (result, next) {
            (Ok(_), Some(next)) => self.reached(next, synced),
            (Err(error), None) if error.is_condition_failed() => {}
            (Err(error), next) => self.failed(&error, next),
            (Ok(_), None) => panic!("a write whose condition is false was done: {write:?}"),
        }
    }

    fn reached(&mut self, next: Model, synced: bool) {
        // A write that changes nothing has no record that could be synced.
        if synced && next != *self.newest() {
            self.states.clear();
        }
        if self.states.last() != Some(&next) {
            self.states.push(next);
        }
    }

    fn transact(&mut self, writes: &[Write]) {
        let mut distinct: Vec<Write> = Vec::new();
        for write in writes.iter().take(6) {
            let key = |write: &Write| (write.hash % HASHES, write.range);
            if !distinct.iter().any(|other| key(other) == key(write)) {
                distinct.push(write.clone());
            }
        }
        if distinct.is_empty() {
            return;
        }
        let (db, table) = self.table();
        let next = after(self.newest(), &distinct);
        let mut transaction = db.transact_write();
        for write in &distinct {
            let hash = format!("h{}", write.hash % HASHES);
            let key = (hash.as_str(), write.range);
            let condition =
                write.when.map(|wanted| if wanted { attr("hash").exists() } else { attr("hash").not_exists() });
            transaction = match (&write.change, condition) {
                (Change::Put { tag, count, filler }, Some(condition)) => {
                    let item = item(write.hash, write.range, *tag, *count, *filler);
                    transaction.put_with(&table, &item, |put| put.when(condition))
                }
                (Change::Put { tag, count, filler }, None) => {
                    transaction.put(&table, &item(write.hash, write.range, *tag, *count, *filler))
                }
                // Other actions have no condition in this form: ask for what is there.
                (_, Some(_)) => return,
                (Change::Count(by), None) => {
                    transaction.update(&table, key, |update| update.add("count", i64::from(*by)))
                }
                (Change::Delete, None) => transaction.delete(&table, key),
            };
        }
        let result = transaction.send();
        drop((db, table));
        match (result, next) {
            (Ok(_), Some(next)) => self.reached(next, true),
            (Err(error), None) if error.kind() == ErrorKind::TransactionCanceled => {}
            (Err(error), next) => self.failed(&error, next),
            (Ok(_), None) => panic!("a transaction whose conditions are false was done: {distinct:?}"),
        }
    }

    fn check(&mut self, hash: u8, range: i8, descending: bool) {
        let (db, table) = self.table();
        let hash = hash % HASHES;
        let name = format!("h{hash}");
        let read = || -> hashrange::Result<(Option<Item>, Vec<Item>)> {
            let got = table.get((name.as_str(), range))?.map(|item| item.to_item());
            let query = table.query(name.as_str());
            let query = if descending { query.descending() } else { query };
            let queried = query.items().map(|item| Ok(item?.to_item())).collect::<hashrange::Result<_>>()?;
            Ok((got, queried))
        };
        let answer = read();
        let mut expected: Vec<Item> =
            self.newest().iter().filter(|(key, _)| key.0 == hash).map(|(_, item)| item.clone()).collect();
        if descending {
            expected.reverse();
        }
        let expected = (self.newest().get(&(hash, range)).cloned(), expected);
        drop((db, table));
        match answer {
            Ok(answer) => assert_eq!(answer, expected),
            Err(error) => self.failed(&error, None),
        }
    }

    /// Something that changes no item.
    fn maintain(&mut self, work: impl FnOnce(&Database) -> hashrange::Result<()>) {
        let (db, table) = self.table();
        drop(table);
        let result = work(&db);
        drop(db);
        if let Err(error) = result {
            self.failed(&error, None);
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Write(write, synced) => self.write(write, *synced),
            Step::Transact(writes) => self.transact(writes),
            Step::Check { hash, range, descending } => self.check(*hash, *range, *descending),
            Step::Flush => self.maintain(Database::flush),
            Step::Compact => self.maintain(Database::compact),
            Step::Work(units) => self.maintain(|db| (0..units % 8).try_for_each(|_| db.step().map(drop))),
            Step::Sync => {
                let before = self.states.len();
                self.maintain(Database::sync);
                // Unless the disk failed, and with it everything was looked at.
                if self.states.len() == before {
                    self.states.drain(..before - 1);
                }
            }
            Step::Reopen { mapped } => {
                self.mapped = *mapped;
                self.db = None;
                self.reopen();
            }
            Step::Kill => {
                let next = self.disk.kill();
                self.db = None;
                self.disk = next;
                self.reopen();
            }
            Step::PowerCut { seed } => {
                let next = self.disk.crash(u64::from(*seed));
                self.db = None;
                self.disk = next;
                (self.cut, self.is_disturbed) = (None, false);
                self.open(true);
            }
            Step::PowerCutAfter { operations, seed } => {
                self.disk.crash_at(self.disk.operations() + 1 + u64::from(operations % 32));
                self.cut = Some(*seed);
                self.is_disturbed = true;
            }
            Step::Fault { operations, kind } => {
                let kind = [Fault::InputOutput, Fault::NoSpace, Fault::ShortWrite][usize::from(kind % 3)];
                self.disk.fail(FaultPlan::any_change(1 + u64::from(operations % 16), kind));
                self.is_disturbed = true;
            }
            Step::AddIndex => self.maintain(|db| {
                allow(db.update_table("table", TableUpdate { create_index: Some(extra()), ..TableUpdate::default() }))
            }),
            Step::DropIndex => self.maintain(|db| {
                allow(db.update_table(
                    "table",
                    TableUpdate { delete_index: Some("extra".to_owned()), ..TableUpdate::default() },
                ))
            }),
        }
    }

    fn reopen(&mut self) {
        // A planned failure may strike while the database is being closed, unseen: then a tail may be missing.
        if self.disk.has_crashed() { self.recover(true) } else { self.open(self.is_disturbed) }
    }
}

/// Settings may be refused for what the table is doing; a disk may fail; nothing else.
fn allow<T>(result: hashrange::Result<T>) -> hashrange::Result<()> {
    match result {
        Err(error) if !matches!(error.kind(), ErrorKind::Io | ErrorKind::Poisoned) => Ok(()),
        result => result.map(drop),
    }
}

fn extra() -> IndexSpec {
    IndexSpec {
        name: "extra".to_owned(),
        kind: IndexKind::Global,
        hash: vec![KeyAttribute::new("hash", KeyType::S)],
        range: vec![KeyAttribute::new("count", KeyType::N)],
        projection: Projection::KeysOnly,
        throughput: None,
    }
}

/// All items, after looking at them in every way.
fn contents(table: &Table<(S, N)>) -> hashrange::Result<Model> {
    let mut model = Model::new();
    for item in table.scan().items() {
        let item = item?.to_item();
        let hash = item["hash"].as_str().and_then(|hash| hash[1..].parse().ok()).expect("a key of ours");
        let range = item["range"].as_number().and_then(|range| range.to_i64()).expect("a key of ours") as i8;
        assert_eq!(table.get((format!("h{hash}"), range))?.map(|item| item.to_item()).as_ref(), Some(&item));
        assert!(model.insert((hash, range), item).is_none(), "a scan returned an item twice");
    }
    let count = |of: &dyn Fn(&Item) -> bool| model.values().filter(|item| of(item)).count();
    let counted = table.scan().index("by_tag").items().count();
    assert_eq!(counted, count(&|item| item.contains_key("tag") && item.contains_key("count")));
    for hash in 0..HASHES {
        let name = format!("h{hash}");
        let in_index = table.query(name.as_str()).index("by_count").items().collect::<hashrange::Result<Vec<_>>>()?;
        let expected = model.iter().filter(|(key, item)| key.0 == hash && item.contains_key("count")).count();
        assert_eq!(in_index.len(), expected);
    }
    let extra = table.definition().index("extra").map(|index| index.status);
    if extra == Some(IndexStatus::Active) {
        let counted = table.scan().index("extra").items().count();
        assert_eq!(counted, count(&|item| item.contains_key("count")));
    }
    Ok(model)
}

pub fn database(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let disk = SimulatedDisk::new(u.arbitrary().unwrap_or(0));
    let mut world = World {
        disk,
        db: None,
        mapped: true,
        states: vec![Model::new()],
        perhaps: None,
        cut: None,
        is_disturbed: false,
    };
    world.open(false);
    for _ in 0..MOST_STEPS {
        if u.is_empty() {
            break;
        }
        let Ok(step) = Step::arbitrary(&mut u) else { break };
        world.step(&step);
    }
    world.disk.stop_failing();
    world.step(&Step::Reopen { mapped: false });
    let (db, _) = world.table();
    db.verify().expect("whatever happened, runs are whole, and table and indexes agree");
}
