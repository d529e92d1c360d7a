//! A real process on a real disk, killed at any moment under load, again and again in the same folder.
//!
//! The test starts itself as a child that opens the folder and writes with several threads. Each write is a transaction
//! over a few items, and the child tells of it once it was acknowledged. The parent kills the child at some moment,
//! opening included, opens the folder itself, and finds every transaction that was told of, and none in part. Whether a
//! write was synced or only buffered makes no difference to a killed process, so the threads do both.
//!
//! `HASHRANGE_KILLS=500 cargo test -p hashrange --release --test crashes kill::` kills so many times.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Database, Durability, Item, Table,
    key::{N, S},
};
use hashrange_test_support::child;
use std::{path::Path, thread, time::Duration};

const WRITERS: i64 = 3;

fn open(folder: &Path) -> (Database, Table<(S, N)>) {
    let db = Database::options()
        .initial_partitions(2)
        .memtable_bytes(64 << 10)
        .split_bytes(32 << 10)
        .log_segment_bytes(64 << 10)
        .log_bytes(256 << 10)
        .runs_per_partition(2)
        .open(folder)
        .unwrap();
    let table = db.create_table("items").hash::<S>("writer").range::<N>("number");
    let table =
        table.gsi(hashrange::admin::index("by_number").hash::<N>("number").keys_only()).open_or_create().unwrap();
    (db, table)
}

fn name(writer: i64) -> String {
    format!("writer {writer}")
}

/// Transactions of a writer that were carried out, by its counter at position -1.
fn counter(table: &Table<(S, N)>, writer: i64) -> i64 {
    let item = table.get((name(writer), -1)).unwrap();
    item.map_or(0, |item| item.get("count").and_then(|count| count.as_i64()).unwrap())
}

/// Whether transaction `last` or an earlier one left item `number` in place: every second one deletes an older item.
fn is_there(number: i64, last: i64) -> bool {
    let deleted_by = number + 3;
    number <= last && !(deleted_by <= last && deleted_by % 2 == 0)
}

fn transact(db: &Database, table: &Table<(S, N)>, writer: i64, number: i64) {
    let item = Item::new().with("writer", name(writer)).with("number", number);
    let item = item.with("padding", "x".repeat((number as usize * 37) % 900));
    let mut transaction = db.transact_write().put(table, &item);
    transaction = transaction.update(table, (name(writer), -1), |update| update.add("count", 1));
    if number > 3 && number % 2 == 0 {
        transaction = transaction.delete(table, (name(writer), number - 3));
    }
    let durability = if number % 5 < 3 { Durability::Buffered } else { Durability::Sync };
    transaction.durability(durability).send().unwrap();
}

/// Runs as a child only: writes until it is killed.
#[test]
#[ignore = "the process that is killed; the other test starts it"]
fn child() {
    let Some(folder) = child::folder() else { return };
    let (db, table) = open(&folder);
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (db, table) = (&db, &table);
            scope.spawn(move || {
                for number in counter(table, writer) + 1.. {
                    transact(db, table, writer, number);
                    child::tell(writer, number);
                }
            });
        }
    });
}

#[test]
fn everything_acknowledged_survives_a_kill() {
    let kills = child::kills(15);
    let folder = tempfile::tempdir().unwrap();
    let mut before = vec![0; WRITERS as usize];
    for kill in 0..kills {
        // From before the folder is open to well into the work.
        let millis = 3 + kill * 29 % 140;
        let told = child::run_and_kill(module_path!(), folder.path(), WRITERS, Duration::from_millis(millis));
        let (db, table) = open(folder.path());
        for (writer, told) in told.iter().enumerate() {
            let count = counter(&table, writer as i64);
            let least = before[writer].max(*told);
            assert!(
                (least..=least + 1).contains(&count),
                "kill {kill} after {millis} ms: writer {writer} told of {told}, had {} before, {count} are there",
                before[writer]
            );
            before[writer] = count;
            let found = table.query(name(writer as i64)).range(hashrange::key::ge(0)).items();
            let found: Vec<i64> = found.map(|item| item.unwrap().get("number").unwrap().as_i64().unwrap()).collect();
            let expected: Vec<i64> = (1..=count).filter(|number| is_there(*number, count)).collect();
            assert_eq!(found, expected, "kill {kill} after {millis} ms: items of writer {writer}");
        }
        db.verify().unwrap();
    }
    println!("{kills} kills, {} transactions", before.iter().sum::<i64>());
}
