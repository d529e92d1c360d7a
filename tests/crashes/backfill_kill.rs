//! A process that is killed while it fills an index, again and again: whatever the moment, the index is complete in the end.
//!
//! The test starts itself as a child that opens the folder, adds a global index, and goes on writing, moving items in the
//! index and deleting them. The parent kills it at some moment, opens the folder, checks every index that is active, and
//! every second time lets the filling end, compares the index with the table, and drops it, so that the next child adds it anew.
//!
//! `HASHRANGE_KILLS=200 cargo test -p hashrange --release --test crashes backfill_kill::` kills so many times.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Database, Durability, Item, Table,
    admin::{IndexSpec, TableUpdate},
    inspect::Work,
    key::{KeyType, S},
    schema::{IndexKind, IndexStatus, KeyAttribute, Projection},
};
use hashrange_test_support::child;
use std::{path::Path, time::Duration};

const ITEMS: u64 = 6_000;

fn open(folder: &Path, background: bool) -> (Database, Table<S>) {
    let db = Database::options()
        .background(background)
        .initial_partitions(2)
        .memtable_bytes(256 << 10)
        .split_bytes(256 << 10)
        .log_segment_bytes(256 << 10)
        .log_bytes(1 << 20)
        .open(folder)
        .unwrap();
    let table = db.create_table("items").hash::<S>("id").open_or_create().unwrap();
    (db, table)
}

fn put(table: &Table<S>, number: u64, group: u64) {
    let item = Item::new().with("id", format!("item {number}")).with("group", group).with("note", "x".repeat(80));
    table.put_with(&item).durability(Durability::Buffered).send().unwrap();
}

fn add_index(db: &Database) {
    let create_index = Some(IndexSpec {
        name: "by_group".to_owned(),
        kind: IndexKind::Global,
        hash: vec![KeyAttribute::new("group", KeyType::N)],
        range: Vec::new(),
        projection: Projection::KeysOnly,
        throughput: None,
    });
    db.update_table("items", TableUpdate { create_index, ..TableUpdate::default() }).unwrap();
}

fn status(db: &Database) -> Option<IndexStatus> {
    db.describe_table("items").unwrap().definition.index("by_group").map(|index| index.status)
}

/// Runs as a child only: writes beside the filling until it is killed.
#[test]
#[ignore = "the process that is killed; the other test starts it"]
fn child() {
    let Some(folder) = child::folder() else { return };
    let (db, table) = open(&folder, true);
    if status(&db).is_none() {
        add_index(&db);
    }
    for n in 0.. {
        let number = (n * 7919) % ITEMS;
        if n % 5 == 4 {
            table.delete_with(format!("item {number}")).durability(Durability::Buffered).send().unwrap();
        } else {
            put(&table, number, n % 50);
        }
    }
}

#[test]
fn an_index_is_complete_however_often_its_filling_is_killed() {
    let kills = child::kills(8);
    let folder = tempfile::tempdir().unwrap();
    {
        let (_db, table) = open(folder.path(), true);
        (0..ITEMS).for_each(|number| put(&table, number, number % 50));
    }
    let (mut interrupted, mut kill) = (0, 0);
    // Where the machine has other work, the child comes to its index later, and so do the kills.
    while kill < kills || (interrupted == 0 && kill < 4 * kills) {
        let millis = (3 + kill * 31 % 160) * (1 + kill / kills);
        kill += 1;
        child::run_and_kill(module_path!(), folder.path(), 0, Duration::from_millis(millis));
        let (db, table) = open(folder.path(), false);
        db.verify().unwrap();
        let found = status(&db);
        interrupted += u64::from(found == Some(IndexStatus::Creating));
        if found.is_none() || kill % 2 == 1 {
            continue;
        }
        let mut furthest = 0.0;
        loop {
            let seen = db.describe_table("items").unwrap();
            if seen.definition.index("by_group").map(|index| index.status) != Some(IndexStatus::Creating) {
                break;
            }
            assert_ne!(db.step().unwrap(), Work::Idle, "nothing to do, and the index is not filled");
            let progress = seen.indexes[0].backfill_progress;
            assert!(progress.is_none_or(|progress| (furthest..=1.0).contains(&progress)));
            furthest = progress.unwrap_or(furthest);
        }
        let report = db.verify().unwrap();
        assert_eq!((report.items, report.index_entries), (report.items, report.items), "kill {kill}");
        assert_eq!(table.scan_index("by_group").items().count() as u64, report.items);
        let before = db.facts();
        let delete_index = Some("by_group".to_owned());
        db.update_table("items", TableUpdate { delete_index, ..TableUpdate::default() }).unwrap();
        let partitions = |facts: &hashrange::inspect::DatabaseStats| facts.partitions.len();
        assert!(partitions(&db.facts()) < partitions(&before), "a dropped index gives its partitions back");
    }
    println!("{kill} kills, {interrupted} of them while the index was being filled");
    assert!(kill < 12 || interrupted > 0, "no kill came while the index was being filled");
}
