//! Recorded histories of concurrent clients, with crashes in between, checked for what was promised.
//!
//! A history is made by a few threads that do random operations on a database on the simulated disk. In the middle of
//! some I/O the power goes; the database is opened again on what the disk kept, and the threads go on. Every call and
//! every answer has its moment on one clock. Then a checker looks for an order that explains all answers:
//!
//! - operations on single items are linearisable, crashes included (`histories/linearisable.rs`);
//! - transactions, transactional reads, closures and single updates together are strictly serialisable
//!   (`histories/serialisable.rs`).
//!
//! The disk yields to other threads before each sync, so that operations overlap while they wait. Threads decide the
//! order of events, so a seed does not repeat a history; a failure prints the operations that have no order.
//!
//! `HASHRANGE_HISTORIES=50000 cargo test --release -p hashrange --test threads histories::` makes many.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) mod linearisable;
mod serialisable;

use hashrange::{
    AttributeValue, Database, Error, ErrorKind, Item, ItemRef, Table, attr,
    expression::list_append,
    key::S,
    testing::{self, SimulatedDisk},
};
use hashrange_test_support::{Random, seeds, slow_disk::SlowDisk};
use linearisable::{Kind, Operation};
use serialisable::Transaction;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
};

const THREADS: u64 = 3;
/// Operations on disk before which the power goes, at most: somewhat more than a round of the threads makes.
const CRASH_WITHIN: u64 = 44;

/// Histories of single items, `HASHRANGE_HISTORIES` or as usual; two for every five of them are made of transactions.
fn histories() -> u64 {
    seeds(120).end
}

/// The one clock of a history: every look at it is a later moment.
#[derive(Default)]
struct Moments(AtomicU64);

impl Moments {
    fn now(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

fn open(disk: &SimulatedDisk) -> (Database, Table<S>) {
    let slowly = Arc::new(|operation, _| {
        if operation == testing::Operation::Sync {
            (0..4).for_each(|_| thread::yield_now());
        }
    });
    let db = Database::options()
        .background(false)
        .seed(1)
        .initial_partitions(2)
        .memtable_bytes(2 << 10)
        .log_segment_bytes(4 << 10)
        .log_bytes(16 << 10)
        .runs_per_partition(2)
        .open_on(SlowDisk::new(Arc::new(disk.clone()), slowly))
        .unwrap();
    let table = db.create_table("items").hash::<S>("name").open_or_create().unwrap();
    (db, table)
}

fn name(item: usize) -> String {
    format!("item {item}")
}

/// One thread of one round: does operations until all are done or the power is gone, and returns what it recorded.
type Client<'a, T> = dyn Fn(&Database, &Table<S>, &mut Random) -> Vec<T> + Sync + 'a;

/// A round of all threads on the open database, and then the power goes, if it did not before. Returns the machine as
/// it comes up, and what the threads recorded.
fn round<T: Send>(disk: &SimulatedDisk, random: &mut Random, client: &Client<'_, T>) -> (SimulatedDisk, bool, Vec<T>) {
    let (db, table) = open(disk);
    disk.crash_at(disk.operations() + 1 + random.below_u64(CRASH_WITHIN));
    let seeds: Vec<u64> = (0..THREADS).map(|_| random.below_u64(u64::MAX)).collect();
    let recorded = thread::scope(|scope| {
        let work = |seed| {
            let (db, table) = (&db, &table);
            scope.spawn(move || client(db, table, &mut Random::new(seed)))
        };
        let threads: Vec<_> = seeds.into_iter().map(work).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let crashed = disk.has_crashed();
    (disk.crash(random.below_u64(u64::MAX)), crashed, recorded)
}

/// Runs histories on a few threads at once; returns the sum of what each gave.
fn run(count: u64, history: impl Fn(u64) -> [usize; 2] + Sync) -> [usize; 2] {
    let (next, sums) = (AtomicU64::new(0), [AtomicUsize::new(0), AtomicUsize::new(0)]);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= count {
                        return;
                    }
                    for (sum, more) in sums.iter().zip(history(seed)) {
                        sum.fetch_add(more, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    sums.map(AtomicUsize::into_inner)
}

const ITEMS: u64 = 2;

fn number(item: Option<&ItemRef>) -> Option<i64> {
    item.and_then(|item| item.get("value")).and_then(|value| value.as_i64())
}

fn random_kind(random: &mut Random) -> Kind {
    let value = random.below_u64(4) as i64;
    match random.below_u64(9) {
        0 | 1 => Kind::Put(value),
        2 => Kind::Delete,
        3 | 4 => Kind::Get(None),
        5 | 6 => Kind::Add(1 + value, None),
        n => Kind::PutIf { expected: (n == 7).then_some(value), new: random.below_u64(4) as i64, held: None },
    }
}

/// Does one operation; whether it was answered. The answer goes into `kind`.
fn perform(table: &Table<S>, name: &str, kind: &mut Kind) -> bool {
    let item = |value: i64| Item::new().with("name", name).with("value", value);
    match kind {
        Kind::Put(value) => table.put(&item(*value)).is_ok(),
        Kind::Delete => table.delete(name).is_ok(),
        Kind::Get(seen) => table.get(name).map(|item| *seen = number(item.as_ref())).is_ok(),
        Kind::Add(by, seen) => {
            let answer = table.update(name).add("value", *by).return_new().send();
            answer.map(|output| *seen = number(output.attributes())).is_ok()
        }
        Kind::PutIf { expected, new, held } => {
            let item = item(*new);
            let put = table.put_with(&item);
            let put = match expected {
                Some(expected) => put.when(attr("value").eq(*expected)),
                None => put.when(attr("value").not_exists()),
            };
            *held = match put.send() {
                Ok(_) => Some(true),
                Err(error) if error.is_condition_failed() => Some(false),
                Err(_) => None,
            };
            held.is_some()
        }
    }
}

/// One history of operations on single items: two rounds, each ended by the power. Returns operations and crashes in
/// the middle of a round.
fn single_items(seed: u64) -> [usize; 2] {
    let (moments, mut random) = (Moments::default(), Random::new(seed));
    let client = |db: &Database, table: &Table<S>, random: &mut Random| {
        let mut recorded = Vec::new();
        for _ in 0..6 {
            let item = random.below_u64(ITEMS) as usize;
            let mut kind = random_kind(random);
            let called = moments.now();
            let answered = perform(table, &name(item), &mut kind);
            let ended = if answered { moments.now() } else { u64::MAX };
            if answered || !matches!(kind, Kind::Get(_)) {
                recorded.push((item, Operation { called, ended, answered, kind }));
            }
            if !answered || (random.below_u64(8) == 0 && db.step().is_err()) {
                break;
            }
        }
        recorded
    };
    let (mut disk, mut history, mut crashes) = (SimulatedDisk::new(seed), Vec::new(), 0);
    drop(open(&disk));
    for _ in 0..2 {
        let (next, crashed, mut recorded) = round(&disk, &mut random, &client);
        let end = moments.now();
        recorded.iter_mut().for_each(|(_, operation)| operation.ended = operation.ended.min(end));
        history.append(&mut recorded);
        crashes += usize::from(crashed);
        disk = next;
    }
    let (db, table) = open(&disk);
    for item in 0..ITEMS as usize {
        let called = moments.now();
        let kind = Kind::Get(number(table.get(name(item)).unwrap().as_ref()));
        history.push((item, Operation { called, ended: moments.now(), answered: true, kind }));
        let of_item = |(of, operation): &(usize, Operation)| (*of == item).then(|| operation.clone());
        let of_item: Vec<Operation> = history.iter().filter_map(of_item).collect();
        assert!(linearisable::is_linearisable(&of_item), "history {seed}, item {item}: {of_item:#?}");
    }
    db.verify().unwrap();
    [history.len(), crashes]
}

#[test]
fn operations_on_single_items_are_linearisable_through_crashes() {
    let count = histories();
    let [operations, crashes] = run(count, single_items);
    println!("{count} histories with {operations} operations and {crashes} crashes among them are linearisable");
    assert!(crashes as u64 > count / 2, "the power hardly ever went in the middle of a round: {crashes} of {count}");
}

const LISTS: u64 = 3;

fn list(item: Option<&ItemRef>) -> Vec<i64> {
    let list = item.and_then(|item| item.get("list"));
    list.map_or_else(Vec::new, |list| list.list().filter_map(|value| value.as_i64()).collect())
}

fn appended(value: i64) -> hashrange::expression::SetTerm {
    list_append(attr("list"), AttributeValue::L(vec![AttributeValue::from(value)]))
}

/// Some of the lists, each once, at least one.
fn some_lists(random: &mut Random) -> Vec<usize> {
    let chosen = 1 + random.below_u64((1 << LISTS) - 1);
    (0..LISTS as usize).filter(|key| chosen >> key & 1 == 1).collect()
}

/// Carries out one transaction of some kind; whether it was answered.
fn transact(
    db: &Database,
    table: &Table<S>,
    random: &mut Random,
    value: &mut i64,
    done: &mut Transaction,
) -> hashrange::Result<()> {
    let mut values = || {
        *value += 1;
        *value
    };
    let keys = some_lists(random);
    match random.below_u64(5) {
        0 => {
            let reads = keys.iter().fold(db.transact_get(), |reads, key| reads.get(table, name(*key)));
            let found = reads.send()?;
            done.reads = keys.into_iter().zip(found.items.iter().map(|item| list(item.as_ref()))).collect();
        }
        1 => {
            let (key, value) = (keys[0], values());
            done.appends.push((key, value));
            let output = table.update(name(key)).set("list", appended(value)).return_new().send()?;
            let mut read = list(output.attributes());
            assert_eq!(read.pop(), Some(value));
            done.reads.push((key, read));
        }
        2 => {
            // Reads some lists and appends to one, read or not.
            let (to, value) = (random.below_u64(LISTS) as usize, values());
            done.appends.push((to, value));
            done.reads = db.transaction(|tx| {
                let mut reads = Vec::new();
                for key in &keys {
                    reads.push((*key, list(tx.get(table, name(*key))?.as_ref())));
                    thread::yield_now();
                }
                tx.update(table, name(to), |update| update.set("list", appended(value)))?;
                Ok::<_, Error>(reads)
            })?;
        }
        _ => {
            let mut transaction = db.transact_write();
            for key in keys {
                let value = values();
                done.appends.push((key, value));
                transaction = transaction.update(table, name(key), |update| update.set("list", appended(value)));
            }
            transaction.send()?;
        }
    }
    Ok(())
}

/// One history of transactions: two rounds, each ended by the power. Returns transactions and crashes in the middle of a
/// round.
fn transactions(seed: u64) -> [usize; 2] {
    let (moments, mut random, next_thread) = (Moments::default(), Random::new(seed), AtomicU64::new(1));
    let client = |db: &Database, table: &Table<S>, random: &mut Random| {
        let mut recorded = Vec::new();
        let mut value = next_thread.fetch_add(1, Ordering::Relaxed) as i64 * 1000;
        for _ in 0..6 {
            let mut done = Transaction { called: moments.now(), ended: u64::MAX, ..Transaction::default() };
            match transact(db, table, random, &mut value, &mut done) {
                Ok(()) => (done.answered, done.ended) = (true, moments.now()),
                Err(error) if error.kind() == ErrorKind::Conflict => continue, // too many others; nothing was written
                Err(_) => done.reads.clear(),
            }
            let goes_on = done.answered && (random.below_u64(8) > 0 || db.step().is_ok());
            recorded.push(done);
            if !goes_on {
                break;
            }
        }
        recorded
    };
    let (mut disk, mut history, mut crashes) = (SimulatedDisk::new(seed), Vec::new(), 0);
    let (db, table) = open(&disk);
    for key in 0..LISTS as usize {
        table.put(&Item::new().with("name", name(key)).with("list", AttributeValue::L(Vec::new()))).unwrap();
    }
    drop((db, table));
    for _ in 0..2 {
        let (next, crashed, mut recorded) = round(&disk, &mut random, &client);
        let end = moments.now();
        recorded.iter_mut().for_each(|transaction| transaction.ended = transaction.ended.min(end));
        history.append(&mut recorded);
        crashes += usize::from(crashed);
        disk = next;
    }
    let (db, table) = open(&disk);
    let last: BTreeMap<usize, Vec<i64>> =
        (0..LISTS as usize).map(|key| (key, list(table.get(name(key)).unwrap().as_ref()))).collect();
    let fault = serialisable::check(&history, &last).err().unwrap_or_default();
    assert!(fault.is_empty(), "history {seed}: {fault}\nat the end: {last:?}");
    db.verify().unwrap();
    [history.len(), crashes]
}

#[test]
fn transactions_are_strictly_serialisable_through_crashes() {
    let count = histories() * 2 / 5;
    let [transactions, crashes] = run(count, transactions);
    println!("{transactions} transactions in {count} histories with {crashes} crashes among them are serialisable");
    assert!(crashes as u64 > count / 2, "the power hardly ever went in the middle of a round: {crashes} of {count}");
}
