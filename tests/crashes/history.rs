//! History on a machine that loses power at any operation: while it is turned on, goes on, is pruned and is turned off.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, Durability, Item, Result, Table,
    file::{Disk, FileName},
    history::{HistoryOptions, Moment},
    inspect::Work,
    key::S,
    testing::SimulatedDisk,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const BEGIN: u64 = 1_800_000_000_000;

fn open(disk: &SimulatedDisk, clock: &Clock) -> Result<Database> {
    let options = Database::options().background(false).initial_partitions(2).log_segment_bytes(4096).seed(1);
    let options = options.memtable_bytes(16384).runs_per_partition(2).clock(clock.clone()).durability(Durability::Sync);
    options.open_on(Arc::new(disk.clone()))
}

fn stock(db: &Database) -> Result<Table<S>> {
    db.create_table("stock").hash::<S>("sku").open_or_create()
}

fn contents(db: &Database) -> BTreeMap<String, String> {
    let Ok(table) = db.table::<S>("stock") else { return BTreeMap::new() };
    let items = table.scan().items().map(Result::unwrap);
    items.map(|item| (item.get("sku").unwrap().as_str().unwrap().to_owned(), item.to_json())).collect()
}

/// What each acknowledged commit left behind.
type Known = BTreeMap<u64, BTreeMap<String, String>>;

/// Some work with history, until a call fails; each commit that was acknowledged is noted.
fn work(db: &Database, known: &mut Known, stops: bool) -> Result<()> {
    let table = stock(db)?;
    for round in 0..6 {
        for n in 0..6 {
            table.put(&Item::new().with("sku", format!("{n}")).with("round", round).with("text", "x".repeat(150)))?;
            known.insert(db.facts().log.last_seqno, contents(db));
        }
        table.delete(format!("{}", round % 3).as_str())?;
        known.insert(db.facts().log.last_seqno, contents(db));
        db.flush()?;
        db.clock().advance(Duration::from_secs(1));
        while db.step()? != Work::Idle {}
    }
    if stops { db.stop_history() } else { Ok(()) }
}

fn keep(db: &Database) -> Result<()> {
    db.keep_history(HistoryOptions { retention_secs: 3, base_bytes: 3000 })
}

/// Everything in the window that was acknowledged reads as it was, the database works, and no file is left over.
fn check(disk: &SimulatedDisk, clock: &Clock, known: &Known) {
    let db = open(disk, clock).unwrap();
    if let Some(window) = db.history_window() {
        for (commit, expected) in known.range(window.earliest.commit..=window.latest.commit).step_by(3) {
            let snapshot = db.at(Moment::Commit(*commit)).unwrap();
            assert_eq!(contents(snapshot.database()), *expected, "commit {commit}");
        }
    }
    stock(&db).unwrap().put(&Item::new().with("sku", "after")).unwrap();
    db.stop_history().unwrap();
    db.flush().unwrap();
    db.verify().unwrap();
    let facts = db.facts();
    let runs: usize = facts.partitions.iter().map(|part| part.partition.runs.len()).sum();
    let (mut run_files, mut log_files, mut base_files) = (0, 0, 0);
    for name in disk.list().unwrap() {
        match name {
            FileName::Run(_) => run_files += 1,
            FileName::Log(_) => log_files += 1,
            FileName::Base(_) => base_files += 1,
            _ => {}
        }
    }
    assert_eq!((run_files, log_files, base_files), (runs, facts.log.segments.len(), 0));
}

fn at_each_operation(stops: bool, every: u64) {
    for n in (1..).step_by(usize::try_from(every).unwrap()) {
        let (disk, clock, mut known) = (SimulatedDisk::new(1), Clock::manual(BEGIN), Known::new());
        let db = open(&disk, &clock).unwrap();
        disk.crash_at(disk.operations() + n);
        let outcome = keep(&db).and_then(|()| work(&db, &mut known, stops));
        assert!(outcome.is_ok() || disk.has_crashed(), "{outcome:?}");
        drop(db);
        for seed in 0..2 {
            check(&disk.crash(seed), &clock, &known);
        }
        if !disk.has_crashed() {
            break;
        }
    }
}

#[test]
fn a_power_failure_at_any_operation_takes_nothing_from_history() {
    at_each_operation(false, 3);
}

#[test]
fn nor_does_one_while_it_ends() {
    at_each_operation(true, 7);
}

/// A table that is being loaded when the power fails is there as a whole or not at all.
#[test]
fn a_load_is_seen_as_a_whole_or_not_at_all() {
    let mut seen = [false; 2];
    for n in (1..).step_by(2) {
        let (disk, clock) = (SimulatedDisk::new(1), Clock::manual(BEGIN));
        let db = open(&disk, &clock).unwrap();
        keep(&db).unwrap();
        let source = stock(&db).unwrap();
        for n in 0..80 {
            source.put(&Item::new().with("sku", format!("{n}")).with("text", "x".repeat(300))).unwrap();
        }
        let snapshot = db.at(Moment::Now).unwrap();
        let spec = hashrange::admin::TableSpec::like(&source.definition(), "restored");
        disk.crash_at(disk.operations() + n);
        let outcome = db.restore_table(&snapshot, "stock", spec);
        assert!(outcome.is_ok() || disk.has_crashed(), "{outcome:?}");
        drop((db, source, snapshot));
        for seed in 0..2 {
            let after = disk.crash(seed);
            let db = open(&after, &clock).unwrap();
            let restored = db.table::<S>("restored").ok();
            assert!(restored.is_some() || outcome.is_err());
            seen[usize::from(restored.is_some())] = true;
            match restored {
                Some(table) => assert_eq!(table.scan().items().map(Result::unwrap).count(), 80),
                None => assert_eq!(db.list_tables(), ["stock"]),
            }
            db.stop_history().unwrap();
            db.flush().unwrap();
            db.verify().unwrap();
            let runs: usize = db.facts().partitions.iter().map(|part| part.partition.runs.len()).sum();
            let files = after.list().unwrap().into_iter().filter(|name| matches!(name, FileName::Run(_))).count();
            assert_eq!(files, runs, "nothing is left over");
        }
        if !disk.has_crashed() {
            break;
        }
    }
    assert_eq!(seen, [true; 2]);
}
