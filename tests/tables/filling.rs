//! An index that is being filled: what it takes of memory, log and time, and what crashes leave of it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Database, Durability, Item, ItemRef, OpenOptions, Table,
    admin::{IndexSpec, TableUpdate},
    file::MemoryDisk,
    inspect::{LogHolder, Piece, Stepper, TablePartitionStats, Work},
    key::{KeyType, S},
    schema::{IndexKind, KeyAttribute, Projection},
    testing::SimulatedDisk,
};
use hashrange_test_support::{Random, seeds};
use std::{collections::BTreeMap, sync::Arc};

fn options() -> OpenOptions {
    Database::options().background(false).durability(Durability::Buffered).initial_partitions(2).seed(1)
}

fn items(db: &Database) -> Table<S> {
    db.create_table("items").hash::<S>("id").open_or_create().unwrap()
}

fn item(number: u64, group: u64, text_bytes: usize) -> Item {
    let item = Item::new().with("id", number.to_string()).with("group", format!("g{group}"));
    item.with("text", "x".repeat(text_bytes))
}

fn create_index(db: &Database, projection: Projection) {
    let create_index = IndexSpec {
        name: "by_group".to_owned(),
        kind: IndexKind::Global,
        hash: vec![KeyAttribute::new("group", KeyType::S)],
        range: Vec::new(),
        projection,
        throughput: None,
    };
    db.update_table("items", TableUpdate { create_index: Some(create_index), ..TableUpdate::default() }).unwrap();
}

fn fills(stepper: &Stepper) -> bool {
    stepper.step(Piece::Backfill).unwrap().work == Work::Backfilled
}

/// Entries of old items have old numbers, and no replay brings them back: none of them needs the log.
#[test]
fn what_filling_adds_keeps_no_log() {
    let db = options().log_segment_bytes(4 << 10).in_memory().unwrap();
    let (table, stepper) = (items(&db), db.stepper().unwrap());
    (0..2000).for_each(|number| drop(table.put(&item(number, number % 10, 10)).unwrap()));
    db.flush().unwrap();
    create_index(&db, Projection::KeysOnly);
    assert!(fills(&stepper));
    let others = db.create_table("others").hash::<S>("id").create().unwrap();
    (0..200).for_each(|number| drop(others.put(&item(number, 0, 100)).unwrap()));
    for part in db.facts().partitions.iter().filter(|part| part.table == "others") {
        let partition = Some(part.partition.id);
        assert_eq!(stepper.step(Piece::Flush { partition }).unwrap().work, Work::Flushed);
    }
    let entries = |part: &TablePartitionStats| if part.index.is_some() { part.partition.active.keys } else { 0 };
    assert!(db.facts().partitions.iter().map(entries).sum::<usize>() > 100, "they are in memory");
    assert!(db.facts().log.segments.len() > 4);
    let needs_log =
        |db: &Database| db.facts().log.pins.iter().any(|pin| matches!(pin.holder, LogHolder::Memtable { .. }));
    assert!(!needs_log(&db), "{:?}", db.facts().log.pins);
    assert_eq!(stepper.step(Piece::LogTrim).unwrap().work, Work::Trimmed);
    assert_eq!(db.facts().log.segments.len(), 1);

    // What a writer derives does.
    table.put(&item(7, 99, 10)).unwrap();
    assert!(needs_log(&db));
    while fills(&stepper) {}
    db.verify().unwrap();
    assert_eq!(table.scan().index("by_group").items().count(), 2000);
}

/// 500 items of a step were up to 200 MB.
#[test]
fn filling_stays_within_the_memory_for_memtables() {
    const MEMTABLE_BYTES: usize = 256 << 10;
    let db = options().memtable_bytes(MEMTABLE_BYTES).initial_partitions(1).in_memory().unwrap();
    let (table, stepper) = (items(&db), db.stepper().unwrap());
    (0..700).for_each(|number| drop(table.put(&item(number, number % 10, 10 << 10)).unwrap()));
    db.flush().unwrap();
    create_index(&db, Projection::All);
    while fills(&stepper) {
        assert!(db.facts().memtable_bytes <= MEMTABLE_BYTES * 3 / 2, "{}", db.facts().memtable_bytes);
    }
    db.verify().unwrap();
    assert_eq!(table.scan().index("by_group").items().count(), 700);
}

/// The group of each item.
fn groups(items: impl Iterator<Item = hashrange::Result<ItemRef>>) -> BTreeMap<String, String> {
    let text = |item: &ItemRef, name: &str| item.get(name).unwrap().as_str().unwrap().to_owned();
    items.map(|item| item.map(|item| (text(&item, "id"), text(&item, "group"))).unwrap()).collect()
}

/// The log that filling does not need is trimmed, and the power fails; what is in the index in the end is derived from what is in
/// the table.
#[test]
fn a_power_failure_while_an_index_is_filled_and_the_log_is_trimmed_costs_no_entry() {
    for seed in seeds(6) {
        let (mut random, mut disk) = (Random::new(seed), SimulatedDisk::new(seed));
        let open = |disk: &SimulatedDisk| options().log_segment_bytes(4 << 10).open_on(Arc::new(disk.clone())).unwrap();
        let mut db = open(&disk);
        let mut table = items(&db);
        (0..1500).for_each(|number| drop(table.put(&item(number, number % 10, 10)).unwrap()));
        db.flush().unwrap();
        create_index(&db, Projection::KeysOnly);
        for _ in 0..4 {
            let stepper = db.stepper().unwrap();
            for _ in 0..12 {
                let number = random.below_u64(1500);
                match random.below_u64(8) {
                    0 => drop(table.delete(number.to_string()).unwrap()),
                    // The entry stays as it is, or goes elsewhere.
                    1 => drop(table.put(&item(number, number % 10, 20)).unwrap()),
                    2 => drop(table.put(&item(number, random.below_u64(20), 10)).unwrap()),
                    3 => drop(stepper.step(Piece::Flush { partition: None }).unwrap()),
                    4 => drop(stepper.step(Piece::LogTrim).unwrap()),
                    5 => drop(stepper.step(Piece::Compaction { partition: None }).unwrap()),
                    6 => drop(stepper.step(Piece::Split { partition: None }).unwrap()),
                    _ => drop(fills(&stepper)),
                }
            }
            let after = disk.crash(random.next_u64());
            drop((stepper, table, db));
            disk = after;
            db = open(&disk);
            table = items(&db);
        }
        let stepper = db.stepper().unwrap();
        while fills(&stepper) {}
        db.verify().unwrap();
        assert_eq!(groups(table.scan().index("by_group").items()), groups(table.scan().items()), "seed {seed}");
    }
}

#[test]
fn compactions_go_on_while_an_index_is_filled() {
    let db = options().runs_per_partition(2).open_on(Arc::new(MemoryDisk::new())).unwrap();
    let table = items(&db);
    for round in 0..6 {
        (0..500).for_each(|number| drop(table.put(&item(500 * round + number, 1, 10)).unwrap()));
        db.flush().unwrap();
    }
    create_index(&db, Projection::KeysOnly);
    let works: Vec<Work> = (0..3).map(|_| db.step().unwrap()).collect();
    assert_eq!(works, [Work::Backfilled, Work::Compacted, Work::Backfilled]);
}
