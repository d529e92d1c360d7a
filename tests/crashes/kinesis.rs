//! A Kinesis destination across crashes: power fails at any operation of the disk, and no change of an item is lost or comes
//! out of order for good.
//!
//! The sink is another machine: what it took stays when the database crashes. After the last crash the database delivers what
//! is left. Then each acknowledged change was taken, records that came again apart those of an item came in order, and the
//! last record of each item is what the table has.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{Database, Item, Result, Table, inspect::Work, key::S, streams::KinesisRecord, testing::SimulatedDisk};
use hashrange_test_support::{Random, seeds};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/changes";
const ITEMS: u64 = 5;

/// Item and number of each record that the sink took, in order; no number for a deletion.
type Taken = Arc<Mutex<Vec<(String, Option<u64>)>>>;

fn open(disk: &SimulatedDisk, taken: &Taken) -> Result<(Database, Table<S>)> {
    let options = Database::options().seed(1).background(false).initial_partitions(2);
    let options = options.memtable_bytes(16 << 10).log_segment_bytes(4 << 10).log_bytes(16 << 10).split_bytes(4 << 10);
    let db = options.open_on(Arc::new(disk.clone()))?;
    let table = db.create_table("orders").hash::<S>("id").open_or_create()?;
    let taken = taken.clone();
    db.deliver_to_kinesis(move |records: &[KinesisRecord]| {
        let of = |record: &KinesisRecord| {
            let change = &record.change;
            let number = change.new.as_ref().and_then(|item| item.get("n")?.as_u64());
            (change.keys().get("id").unwrap().as_str().unwrap().to_owned(), number)
        };
        taken.lock().unwrap().extend(records.iter().map(of));
        Ok::<_, String>(())
    })?;
    if db.kinesis("orders").list()?.is_empty() {
        db.kinesis("orders").enable(STREAM, None)?;
    }
    Ok((db, table))
}

/// Writes and works until the disk crashes; returns the numbers of the puts that were acknowledged.
fn live(disk: &SimulatedDisk, taken: &Taken, random: &mut Random, next: &mut u64) -> Vec<u64> {
    let mut acknowledged = Vec::new();
    let Ok((db, table)) = open(disk, taken) else { return acknowledged };
    for _ in 0..60 {
        let id = format!("o{}", random.below_u64(ITEMS));
        *next += 1;
        let item = Item::new().with("id", id.as_str()).with("n", *next).with("note", "x".repeat(200));
        // No record has the number of a deletion.
        let written = if random.one_in(8) {
            table.delete(id.as_str()).map(drop)
        } else {
            table.put(&item).map(|_| acknowledged.push(*next))
        };
        if written.is_err() {
            return acknowledged;
        }
        for _ in 0..random.below(4) {
            if db.step().is_err() {
                return acknowledged;
            }
        }
    }
    acknowledged
}

fn check(disk: &SimulatedDisk, taken: &Taken, put: &BTreeSet<u64>) {
    let (db, table) = open(disk, taken).unwrap();
    while db.step().unwrap() != Work::Idle {}
    let taken = taken.lock().unwrap();
    let numbers: BTreeSet<u64> = taken.iter().filter_map(|(_, n)| *n).collect();
    let lost: Vec<_> = put.difference(&numbers).collect();
    assert!(lost.is_empty(), "acknowledged changes never came: {lost:?}");
    let mut first = BTreeMap::<&str, Vec<u64>>::new();
    let mut seen = BTreeSet::new();
    let mut last = BTreeMap::new();
    for (id, number) in taken.iter() {
        last.insert(id.as_str(), *number);
        if let Some(number) = number.filter(|number| seen.insert(*number)) {
            first.entry(id).or_default().push(number);
        }
    }
    for (id, numbers) in first {
        assert!(numbers.is_sorted(), "{id} came out of order: {numbers:?}");
    }
    for (id, number) in last {
        let item = table.get(id).unwrap();
        assert_eq!(item.and_then(|item| item.get("n")?.as_u64()), number, "the last record of {id}");
    }
}

#[test]
fn no_change_is_lost_whatever_operation_the_power_fails_at() {
    for seed in seeds(10) {
        let mut random = Random::new(seed);
        let mut disk = SimulatedDisk::new(seed);
        let (taken, mut put, mut next) = (Taken::default(), BTreeSet::new(), 0);
        for round in 0..3 {
            disk.crash_at(disk.operations() + random.below_u64(400));
            put.extend(live(&disk, &taken, &mut random, &mut next));
            disk = disk.crash(seed * 10 + round);
        }
        check(&disk, &taken, &put);
    }
}
