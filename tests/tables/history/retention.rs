//! How far history reaches back, and what becomes of the files that only it needs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, Durability, ErrorKind, Item, OpenOptions, Table,
    file::{Disk, FileName, MemoryDisk},
    history::{HistoryOptions, Moment},
    inspect::Work,
    key::S,
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

const BEGIN: u64 = 1_800_000_000_000;
const HOUR: u64 = 3_600_000;

fn options(clock: &Clock) -> OpenOptions {
    let options = Database::options().clock(clock.clone()).background(false).initial_partitions(1);
    options.durability(Durability::Buffered).log_segment_bytes(4096).memtable_bytes(8192).runs_per_partition(2).seed(1)
}

fn stock(db: &Database) -> Table<S> {
    db.create_table("stock").hash::<S>("sku").open_or_create().unwrap()
}

/// An hour of writes: every item gets the number of the hour.
fn hour(db: &Database, hour: u64) {
    let table = stock(db);
    (0..30).for_each(|n| drop(table.put(&Item::new().with("sku", format!("{n}")).with("hour", hour)).unwrap()));
    db.flush().unwrap();
    while db.step().unwrap() != Work::Idle {}
    db.clock().advance(Duration::from_millis(HOUR));
}

fn hour_at(db: &Database, millis: u64) -> u64 {
    let snapshot = db.at(Moment::Instant(millis)).unwrap();
    let hours: BTreeSet<u64> = snapshot
        .table::<S>("stock")
        .unwrap()
        .scan()
        .items()
        .map(|item| item.unwrap().get("hour").unwrap().as_u64().unwrap())
        .collect();
    assert_eq!(hours.len(), 1);
    hours.into_iter().next().unwrap()
}

fn files(disk: &MemoryDisk, kind: fn(&FileName) -> bool) -> usize {
    disk.list().unwrap().iter().filter(|name| kind(name)).count()
}

fn bases(disk: &MemoryDisk) -> usize {
    files(disk, |name| matches!(name, FileName::Base(_)))
}

#[test]
pub(crate) fn each_promised_instant_can_be_read_and_no_more_is_kept_than_that_takes() {
    let (clock, disk) = (Clock::manual(BEGIN), Arc::new(MemoryDisk::new()));
    let mut db = options(&clock).open_on(disk.clone()).unwrap();
    db.keep_history(HistoryOptions { retention_secs: 5 * 3600, base_bytes: 4096 }).unwrap();
    let mut most = 0;
    for now in 0..30 {
        hour(&db, now);
        most = most.max(bases(&disk));
        if now % 7 == 3 {
            drop(db);
            db = options(&clock).open_on(disk.clone()).unwrap();
        }
        for back in 1..=now.min(4) + 1 {
            assert_eq!(hour_at(&db, clock.now_millis() - back * HOUR), now + 1 - back, "{back} hours before {now}");
        }
    }
    let window = db.history_window().unwrap();
    assert!(window.earliest.at_millis <= clock.now_millis() - 5 * HOUR);
    assert!((2..=20).contains(&most), "{most} bases at a time");
    assert!(db.at(Moment::Instant(BEGIN)).is_err(), "the beginning is given back");

    // A snapshot keeps what it reads beyond the retention, and beyond the end of history.
    let early = db.at(Moment::Instant(clock.now_millis() - 3 * HOUR)).unwrap();
    db.stop_history().unwrap();
    assert_eq!((db.history_window(), bases(&disk)), (None, 0));
    assert!(db.at(Moment::Commit(window.latest.commit)).is_err());
    let held = files(&disk, |name| matches!(name, FileName::Log(_)));
    assert_eq!(early.table::<S>("stock").unwrap().get("7").unwrap().unwrap().get("hour").unwrap().as_u64(), Some(27));
    drop(early);
    db.flush().unwrap();
    let facts = db.facts();
    let logs = files(&disk, |name| matches!(name, FileName::Log(_)));
    assert!(logs < held && logs == facts.log.segments.len(), "{logs} segments of {held}");
    let runs: usize = facts.partitions.iter().map(|part| part.partition.runs.len()).sum();
    assert_eq!(files(&disk, |name| matches!(name, FileName::Run(_))), runs);
}

#[test]
fn history_is_a_setting_of_the_database_and_may_be_changed() {
    let (clock, disk) = (Clock::manual(BEGIN), Arc::new(MemoryDisk::new()));
    let wanted = HistoryOptions { retention_secs: 60, base_bytes: 1 << 20 };
    let db = options(&clock).history(wanted).open_on(disk.clone()).unwrap();
    hour(&db, 0);
    drop(db);
    let db = options(&clock).open_on(disk.clone()).unwrap();
    assert_eq!(db.history_options(), Some(wanted));
    assert_eq!(hour_at(&db, BEGIN), 0);
    let longer = HistoryOptions { retention_secs: 7200, ..wanted };
    db.keep_history(longer).unwrap();
    assert_eq!((db.history_options(), bases(&disk)), (Some(longer), 1));
    db.stop_history().unwrap();
    drop(db);
    let db = options(&clock).open_on(disk.clone()).unwrap();
    assert_eq!((db.history_options(), db.history_window(), bases(&disk)), (None, None, 0));
    let refused = db.keep_history(HistoryOptions { retention_secs: 0, ..wanted }).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Validation);
    assert!(options(&clock).history(HistoryOptions { base_bytes: 0, ..wanted }).in_memory().is_err());
}

#[test]
fn a_gap_in_the_log_is_noticed_before_anything_is_dropped() {
    let (clock, disk) = (Clock::manual(BEGIN), Arc::new(MemoryDisk::new()));
    let db = options(&clock).open_on(disk.clone()).unwrap();
    db.keep_history(HistoryOptions { retention_secs: 10 * 3600, base_bytes: 1 << 30 }).unwrap();
    (0..5).for_each(|now| hour(&db, now));
    let missing = disk.list().unwrap().into_iter().filter(|name| matches!(name, FileName::Log(_))).nth(2).unwrap();
    disk.remove(missing).unwrap();
    let refused = db.at(Moment::Instant(BEGIN + 3 * HOUR)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
    assert!(refused.message().contains(&missing.to_string()), "{refused}");
}
