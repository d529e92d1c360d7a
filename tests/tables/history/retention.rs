//! How far history reaches back, and what becomes of the files that only it needs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, Durability, ErrorKind, Item, OpenOptions, Table,
    file::{Disk, FileName, MemoryDisk},
    history::{HistoryOptions, Moment},
    inspect::Work,
    key::S,
    testing::{Operation, SimulatedDisk},
};
use hashrange_test_support::slow_disk::SlowDisk;
use std::{
    collections::BTreeSet,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

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

/// A database in which something else happens once, when the file of a base is about to be opened or synced; it is to be armed.
fn beside_bases(
    clock: &Clock,
    disk: Arc<dyn Disk>,
    operation: Operation,
    happens: fn(&Database),
) -> (Arc<OnceLock<Database>>, Arc<AtomicBool>) {
    let (opened, is_armed) = (Arc::new(OnceLock::<Database>::new()), Arc::new(AtomicBool::new(false)));
    let (db, armed) = (opened.clone(), is_armed.clone());
    let hook = move |done, name| {
        if done == operation && matches!(name, FileName::Base(_)) && armed.swap(false, Ordering::SeqCst) {
            happens(db.get().unwrap());
        }
    };
    opened.get_or_init(|| options(clock).open_on(SlowDisk::new(disk, Arc::new(hook))).unwrap());
    (opened, is_armed)
}

#[test]
fn a_base_that_is_dropped_while_it_is_read_goes_behind_the_reader() {
    let (clock, disk) = (Clock::manual(BEGIN), Arc::new(MemoryDisk::new()));
    let time_passes = |db: &Database| {
        db.clock().advance(Duration::from_millis(20 * HOUR));
        while db.step().unwrap() != Work::Idle {}
    };
    let (db, is_armed) = beside_bases(&clock, disk.clone(), Operation::Open, time_passes);
    let db = db.get().unwrap();
    db.keep_history(HistoryOptions { retention_secs: 5 * 3600, base_bytes: 4096 }).unwrap();
    (0..5).for_each(|now| hour(db, now));
    let (before, early) = (bases(&disk), clock.now_millis() - 4 * HOUR);
    is_armed.store(true, Ordering::SeqCst);
    assert_eq!(hour_at(db, early), 1);
    assert!(!is_armed.load(Ordering::SeqCst));
    assert!(db.at(Moment::Instant(early)).is_err(), "it is too early by now");
    assert_eq!(bases(&disk), db.history_window().unwrap().bases);
    assert!(before > bases(&disk));
}

#[test]
fn a_base_knows_where_segments_end_that_are_trimmed_while_it_is_taken() {
    let (clock, disk) = (Clock::manual(BEGIN), SimulatedDisk::new(1));
    let db = options(&clock).open_on(Arc::new(disk.clone())).unwrap();
    let put = |db: &Database, round: u64| {
        let table = stock(db);
        (0..20).for_each(|n| drop(table.put(&Item::new().with("sku", format!("{n}")).with("hour", round)).unwrap()));
    };
    put(&db, 0);
    db.sync().unwrap();
    put(&db, 1);
    // The end of the segment is lost with the power, and another one takes over.
    let disk = Arc::new(disk.crash(7));
    let (db, is_armed) = beside_bases(&clock, disk.clone(), Operation::Sync, |db| {
        // On a thread of its own, as background work is.
        std::thread::scope(|scope| scope.spawn(|| db.flush().unwrap()).join().unwrap());
    });
    let db = db.get().unwrap();
    (2..8).for_each(|round| put(db, round));
    is_armed.store(true, Ordering::SeqCst);
    db.keep_history(HistoryOptions { retention_secs: 3600, base_bytes: 1 << 30 }).unwrap();
    assert!(!is_armed.load(Ordering::SeqCst));
    let then = db.history_window().unwrap().earliest.commit;
    put(db, 9);
    db.flush().unwrap();
    assert_eq!(db.at(Moment::Commit(then)).unwrap().table::<S>("stock").unwrap().scan().items().count(), 20);
    db.sync().unwrap();
    let again = options(&clock).open_on(Arc::new(disk.crash(8))).unwrap();
    assert_eq!(again.at(Moment::Commit(then)).unwrap().table::<S>("stock").unwrap().scan().items().count(), 20);
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
