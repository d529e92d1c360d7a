//! Figures of an open database, which `hashrange inspect` and descriptions of tables show, against what was put in.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, Durability, Item, OpenOptions, Table,
    admin::{TableDescription, index},
    file::{Disk, FileName, MemoryDisk},
    inspect::{DatabaseStats, Work},
    key::{N, S},
    schema::StreamView,
};
use std::sync::Arc;

/// By DynamoDB's rule: names and values of `id`, `n`, `group` and `text`; a number of up to two digits has two bytes.
const ITEM_BYTES: u64 = (2 + 4) + (1 + 2) + (5 + 5) + (4 + 100);

fn options() -> OpenOptions {
    let options = Database::options().background(false).initial_partitions(2).durability(Durability::Buffered);
    options.clock(Clock::manual(1_800_000_000_000))
}

fn create(db: &Database) -> Table<(S, N)> {
    let table = db.create_table("items").hash::<S>("id").range::<N>("n").stream(StreamView::NewImage);
    let table = table.lsi(index("by_text").range::<S>("text"));
    table.gsi(index("by_group").hash::<S>("group").range::<N>("n")).create().unwrap()
}

fn put(table: &Table<(S, N)>, n: i64) {
    let item = Item::new().with("id", format!("id {}", n % 7)).with("n", 10 + n);
    table.put(&item.with("group", format!("grp {}", n % 5)).with("text", "x".repeat(100))).unwrap();
}

fn bytes(disk: &MemoryDisk, is_meant: impl Fn(FileName) -> bool) -> u64 {
    let names = disk.list().unwrap().into_iter().filter(|name| is_meant(*name));
    names.map(|name| disk.open(name, false).unwrap().len()).sum()
}

/// What the files and the partitions say, added up here.
fn check_sums(db: &Database, disk: &MemoryDisk) -> DatabaseStats {
    let facts = db.facts();
    assert_eq!(facts.run_bytes, bytes(disk, |name| matches!(name, FileName::Run(_))));
    assert_eq!(facts.stream_bytes, bytes(disk, |name| matches!(name, FileName::Stream(_))));
    assert_eq!(facts.log_bytes, facts.log.segments.iter().map(|segment| segment.bytes).sum::<u64>());
    facts
}

fn memtable_bytes(facts: &DatabaseStats) -> usize {
    facts.partitions.iter().map(|part| part.partition.active.bytes).sum()
}

#[test]
fn the_figures_of_a_small_database_are_exact() {
    let disk = MemoryDisk::new();
    let db = options().open_on(Arc::new(disk.clone())).unwrap();
    let table = create(&db);
    (0..20).for_each(|n| put(&table, n));
    let facts = check_sums(&db, &disk);
    assert_eq!(facts.folder, "memory");
    let places: Vec<_> = facts.partitions.iter().map(|part| (part.table.as_str(), part.index.as_deref())).collect();
    let (own, of_index) = (("items", None), ("items", Some("by_group")));
    assert_eq!(places, [own, own, of_index, of_index], "entries of a local index lie beside the items");
    // The creation of the table is the first commit. Nobody has asked for a sync since.
    assert_eq!((facts.log.last_seqno, facts.log.durable_seqno), (21, 1));
    assert_eq!((facts.run_bytes, facts.logical_bytes, facts.stream_bytes), (0, 0, 0));
    assert!(facts.log_bytes > 20 * ITEM_BYTES);
    assert!(facts.memtable_bytes as u64 > 3 * 20 * ITEM_BYTES && facts.stream_tail_bytes as u64 > 20 * ITEM_BYTES);
    assert_eq!(facts.memtable_bytes, memtable_bytes(&facts));

    drop((table, db));
    let db = options().open_on(Arc::new(disk.clone())).unwrap();
    let facts = check_sums(&db, &disk);
    assert!(facts.memtable_bytes as u64 > 3 * 20 * ITEM_BYTES, "what the log was replayed to");
    assert_eq!(facts.memtable_bytes, memtable_bytes(&facts));

    db.flush().unwrap();
    let facts = check_sums(&db, &disk);
    assert_eq!(facts.log.durable_seqno, 21);
    assert_eq!(facts.logical_bytes, 3 * 20 * ITEM_BYTES, "an item and its entries in two indexes");
    assert!(facts.run_bytes > facts.logical_bytes / 2 && facts.stream_bytes > 20 * ITEM_BYTES);
    assert_eq!((facts.memtable_bytes, facts.stream_tail_bytes), (memtable_bytes(&facts), 0));
}

/// The two halves of a split have their parent's runs in common until they have written them anew.
#[test]
fn a_run_that_two_partitions_share_counts_once() {
    let disk = MemoryDisk::new();
    let db = options().initial_partitions(1).split_bytes(4096).open_on(Arc::new(disk.clone())).unwrap();
    let table = create(&db);
    (0..70).for_each(|n| put(&table, n));
    db.flush().unwrap();
    let before = check_sums(&db, &disk);
    assert_eq!(before.logical_bytes, 3 * 70 * ITEM_BYTES);
    assert_eq!(db.step().unwrap(), Work::Split);
    let after = check_sums(&db, &disk);
    let shared = after.partitions.iter().flat_map(|part| &part.partition.runs).filter(|run| run.shared).count();
    assert_eq!((shared, after.partitions.len()), (2, before.partitions.len() + 1));
    assert_eq!((after.run_bytes, after.logical_bytes), (before.run_bytes, before.logical_bytes));
}

fn counted(described: &TableDescription) -> [(u64, u64); 2] {
    let index = described.indexes.iter().find(|index| index.name == "by_group").unwrap();
    [(described.item_count, described.size_bytes), (index.item_count, index.size_bytes)]
}

#[test]
fn a_small_table_is_counted() {
    let db = options().in_memory().unwrap();
    let table = create(&db);
    let count = || counted(&db.describe_table("items").unwrap());
    assert_eq!(count(), [(0, 0); 2]);
    (0..20).for_each(|n| put(&table, n));
    db.sync().unwrap();
    assert_eq!(count(), [(20, 20 * ITEM_BYTES); 2]);
    db.flush().unwrap();
    // Written over, deleted, and new.
    (15..23).for_each(|n| put(&table, n));
    table.delete(("id 3", 13)).unwrap();
    assert_eq!(count(), [(22, 22 * ITEM_BYTES); 2]);
    // The entries of a local index lie beside the items, and are told from them.
    let described = db.describe_table("items").unwrap();
    let local = described.indexes.iter().find(|index| index.name == "by_text").unwrap();
    assert_eq!((local.item_count, local.size_bytes), (22, 22 * ITEM_BYTES));
}

/// What was overwritten counts twice then, until it is merged.
#[test]
fn a_table_of_more_than_fifty_thousand_entries_is_estimated() {
    const FLUSHED: u64 = 30_000;
    let db = options().in_memory().unwrap();
    let table = db.create_table("items").hash::<S>("id").range::<N>("n").create().unwrap();
    let item = |n: u64| Item::new().with("id", format!("{}", n % 10)).with("n", 100_001 + 10 * n);
    let put_all = |numbers: std::ops::Range<u64>| {
        for begin in numbers.clone().step_by(25) {
            let batch =
                (begin..(begin + 25).min(numbers.end)).fold(db.batch_write(), |batch, n| batch.put(&table, &item(n)));
            batch.send().unwrap();
        }
    };
    let count = || {
        let described = db.describe_table("items").unwrap();
        (described.item_count, described.size_bytes)
    };
    put_all(0..FLUSHED);
    db.flush().unwrap();
    // A number of six digits has four bytes.
    let bytes = FLUSHED * ((2 + 1) + (1 + 4));
    assert_eq!(count(), (FLUSHED, bytes));
    put_all(0..20_000);
    assert_eq!(count(), (FLUSHED, bytes), "50,000 are counted");
    put_all(20_000..20_001);
    assert_eq!(count(), (50_001, bytes), "one more, and what runs and memtables have is added up");
    db.compact().unwrap();
    assert_eq!(count(), (FLUSHED, bytes));
}
