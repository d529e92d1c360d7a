//! Changes of tables that a power failure interrupts: between their record of the log and the edit of the manifest, and
//! at any other moment.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, Durability, Item, Result, Table,
    admin::{IndexSpec, TableUpdate, index},
    file::{Disk, FileName},
    inspect::Work,
    key::{KeyType, N, S},
    schema::{IndexKind, KeyAttribute, Projection, StreamView},
    testing::{Fault, FaultPlan, Operation, SimulatedDisk},
};
use std::{collections::BTreeSet, sync::Arc};

fn open(disk: &SimulatedDisk) -> Database {
    let options = Database::options().background(false).initial_partitions(2).log_segment_bytes(4096).seed(1);
    let options = options.clock(Clock::manual(1_800_000_000_000)).durability(Durability::Buffered);
    options.open_on(Arc::new(disk.clone())).unwrap()
}

fn create(db: &Database, name: &str) -> Result<Table<(S, N)>> {
    let table = db.create_table(name).hash::<S>("id").range::<N>("n").stream(StreamView::NewAndOld);
    let table = table.lsi(index("by_size").range::<N>("size"));
    table.gsi(index("by_group").hash::<S>("group").range::<N>("n")).create()
}

fn put(db: &Database, table: &str, numbers: std::ops::Range<i64>) {
    let table = db.dynamic_table(table).unwrap();
    for n in numbers {
        let item = Item::new().with("id", format!("id {}", n % 5)).with("n", n).with("size", -n);
        table.put(&item.with("group", format!("group {}", n % 3)).with("end", n)).unwrap();
    }
}

/// A table with indexes and a stream, and thirty items in runs and in the log.
fn begin(disk: &SimulatedDisk) -> Database {
    let db = open(disk);
    create(&db, "items").unwrap();
    put(&db, "items", 0..20);
    db.flush().unwrap();
    put(&db, "items", 10..30);
    db.sync().unwrap();
    db
}

/// The numbers of all tables, indexes, partitions and shards.
fn numbers(db: &Database) -> (Vec<u32>, Vec<u64>) {
    let definitions = db.list_tables().into_iter().map(|name| db.describe_table(&name).unwrap().definition);
    let keyspaces = definitions.flat_map(|table| {
        let indexes: Vec<_> = table.indexes.iter().map(|index| index.id).collect();
        indexes.into_iter().chain([table.id])
    });
    (keyspaces.collect(), db.facts().partitions.iter().map(|facts| facts.partition.id).collect())
}

fn all_differ<T: Ord>(numbers: &[T]) -> bool {
    numbers.iter().collect::<BTreeSet<_>>().len() == numbers.len()
}

/// What is known of a database after a change or without it: tables, indexes, whether streams are on.
fn shape(db: &Database) -> Vec<String> {
    let tables = db.list_tables().into_iter();
    let mut shape: Vec<String> = tables
        .map(|name| {
            let definition = db.describe_table(&name).unwrap().definition;
            let indexes: Vec<_> = definition.indexes.iter().map(|index| &index.name).collect();
            format!("{name} {indexes:?} {:?} {:?}", definition.ttl_attribute, definition.stream)
        })
        .collect();
    let streams = db.list_streams(None).into_iter();
    shape.extend(streams.map(|stream| format!("{} {:?} {}", stream.table_name, stream.status, stream.shards.len())));
    shape
}

/// All that is there works, nothing else is there, and nothing of it needs the log.
fn check(disk: &SimulatedDisk, mut db: Database) {
    // From here on the log tells nothing of it.
    db.flush().unwrap();
    drop(db);
    db = open(disk);
    for round in 0..2 {
        while db.step().unwrap() != Work::Idle {}
        for name in db.list_tables() {
            let table = db.dynamic_table(&name).unwrap();
            let expected = if name == "items" { 30 } else { 5 * round };
            assert_eq!(table.scan().items().map(Result::unwrap).count(), expected as usize, "{name}");
            for index in &db.describe_table(&name).unwrap().definition.indexes {
                let found = table.scan().index(&index.name).items().map(Result::unwrap).count();
                assert_eq!(found, expected as usize, "{name}/{}", index.name);
            }
        }
        db.verify().unwrap();
        let facts = db.facts();
        let runs = facts.partitions.iter().flat_map(|part| &part.partition.runs).map(|run| run.facts.bytes);
        assert_eq!(facts.run_bytes, runs.sum::<u64>(), "the manifest names runs of nobody");
        let files = disk.list().unwrap().into_iter().filter(|name| matches!(name, FileName::Run(_))).count();
        assert_eq!(files, facts.partitions.iter().map(|part| part.partition.runs.len()).sum::<usize>());
        let fresh = format!("fresh-{round}");
        create(&db, &fresh).unwrap();
        let (keyspaces, partitions) = numbers(&db);
        assert!(all_differ(&keyspaces) && all_differ(&partitions), "{keyspaces:?} {partitions:?}");
        db.delete_table(&fresh).unwrap();
        for name in db.list_tables().into_iter().filter(|name| name != "items") {
            put(&db, &name, 0..5);
        }
        db.flush().unwrap();
        let before = shape(&db);
        drop(db);
        db = open(disk);
        assert_eq!(shape(&db), before);
    }
}

/// Cuts the power at each operation of a change.
fn at_each_operation(change: impl Fn(&Database) -> Result<()>) {
    let mut seen = BTreeSet::new();
    for n in 1.. {
        let disk = SimulatedDisk::new(1);
        let db = begin(&disk);
        let before = shape(&db);
        disk.crash_at(disk.operations() + n);
        let outcome = change(&db);
        assert!(outcome.is_ok() || disk.has_crashed(), "{outcome:?}");
        for seed in 0..4 {
            let after = disk.crash(seed);
            let db = open(&after);
            let found = shape(&db);
            assert!(outcome.is_err() || found != before, "it happened, and is forgotten");
            seen.insert(found);
            check(&after, db);
        }
        if !disk.has_crashed() {
            break;
        }
    }
    assert_eq!(seen.len(), 2, "it happened or it did not: {seen:#?}");
}

#[test]
fn a_table_whose_creation_is_interrupted_is_there_or_not() {
    at_each_operation(|db| create(db, "others").map(drop));
}

#[test]
fn a_table_whose_deletion_is_interrupted_is_there_or_not() {
    at_each_operation(|db| db.delete_table("items").map(drop));
}

fn changes() -> [TableUpdate; 4] {
    let by_end = IndexSpec {
        name: "by_end".to_owned(),
        kind: IndexKind::Global,
        hash: vec![KeyAttribute::new("end", KeyType::N)],
        range: Vec::new(),
        projection: Projection::All,
        throughput: None,
    };
    [
        TableUpdate { delete_index: Some("by_group".to_owned()), ..TableUpdate::default() },
        TableUpdate { create_index: Some(by_end), ..TableUpdate::default() },
        TableUpdate { stream: Some(None), ..TableUpdate::default() },
        TableUpdate { ttl_attribute: Some(Some("end".to_owned())), ..TableUpdate::default() },
    ]
}

#[test]
fn changes_of_indexes_and_streams_that_are_interrupted_happen_or_not() {
    for change in changes() {
        at_each_operation(|db| db.update_table("items", change.clone()).map(drop));
    }
}

/// The log is synced before the manifest learns of a change, so that the next opening finds it there and nowhere else.
fn between_log_and_manifest(change: impl Fn(&Database) -> Result<()>) {
    let expected = {
        let db = begin(&SimulatedDisk::new(1));
        change(&db).unwrap();
        shape(&db)
    };
    let disk = SimulatedDisk::new(1);
    let db = begin(&disk);
    disk.fail(FaultPlan::new(Operation::Append, 1, Fault::InputOutput));
    assert!(change(&db).is_err(), "the manifest was not written to");
    for seed in 0..4 {
        let after = disk.crash(seed);
        let db = open(&after);
        assert_eq!(shape(&db), expected);
        check(&after, db);
    }
}

#[test]
fn a_change_that_the_log_has_and_the_manifest_has_not_is_carried_out_by_the_next_opening() {
    between_log_and_manifest(|db| create(db, "others").map(drop));
    between_log_and_manifest(|db| db.delete_table("items").map(drop));
    for change in changes() {
        between_log_and_manifest(|db| db.update_table("items", change.clone()).map(drop));
    }
}
