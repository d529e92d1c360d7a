//! Looking inside: who needs the log, background work one piece at a time, writes that are followed, and power cuts.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, Durability, Error, Item, OpenOptions, Table,
    admin::index,
    expression::attr,
    inspect::{LogHolder, Piece, Work},
    key::{N, S},
    observe::{EventKind, Subject, WritePoint},
    schema::StreamView,
    testing::{CrashOutcomes, FollowedPoint, Machine},
};
use std::time::Duration;

fn options() -> OpenOptions {
    Database::options().background(false).initial_partitions(2).clock(Clock::manual(1_800_000_000_000)).seed(1)
}

fn create(db: &Database) -> Table<(S, N)> {
    let table = db.create_table("items").hash::<S>("id").range::<N>("n").stream(StreamView::NewImage);
    let table = table.lsi(index("by_text").range::<S>("text"));
    table.gsi(index("by_group").hash::<S>("group").range::<N>("n")).create().unwrap()
}

fn item(n: i64) -> Item {
    let item = Item::new().with("id", format!("id {}", n % 7)).with("n", n);
    item.with("group", format!("grp {}", n % 5)).with("text", "x".repeat(100))
}

fn flush() -> Piece {
    Piece::Flush { partition: None }
}

#[test]
fn each_holder_of_the_log_is_named_and_goes_with_its_work() {
    let db = options().in_memory().unwrap();
    assert_eq!(db.facts().log.pins, []);
    let table = create(&db);
    table.put(&item(1)).unwrap();
    let pins = db.facts().log.pins;
    let is_memtable = |holder: &LogHolder, global: bool| {
        matches!(holder, LogHolder::Memtable { subject: Subject::Partition { table, index, .. } }
            if table == "items" && index.is_some() == global)
    };
    // The item with the entry of the local index, the entry of the global one, and the record of the stream.
    assert_eq!(pins.len(), 3, "{pins:?}");
    assert!([false, true].iter().all(|global| pins.iter().any(|pin| is_memtable(&pin.holder, *global))));
    assert!(pins.iter().any(|pin| matches!(pin.holder, LogHolder::Stream { .. })));
    assert!(pins.iter().all(|pin| (pin.from_commit, pin.from_segment) == (2, 1)), "{pins:?}");

    let stepper = db.stepper().unwrap();
    for work in [Work::Flushed, Work::Flushed, Work::Idle] {
        assert_eq!(stepper.step(flush()).unwrap().work, work);
    }
    assert_eq!(db.facts().log.pins.len(), 1);
    assert_eq!(stepper.step(Piece::StreamSegment).unwrap().work, Work::StreamSegmentWritten);
    assert_eq!(db.facts().log.pins, []);
}

#[test]
fn what_history_keeps_is_a_pin_too() {
    let history = hashrange::history::HistoryOptions::default();
    let db = options().history(history).in_memory().unwrap();
    create(&db).put(&item(1)).unwrap();
    db.flush().unwrap();
    assert!(db.facts().log.pins.iter().any(|pin| pin.holder == LogHolder::History), "{:?}", db.facts().log.pins);
}

/// One piece at a time, each with its event, while the threads of the database rest.
#[test]
fn a_stepper_does_one_piece_and_says_which() {
    let db = options().background(true).in_memory().unwrap();
    let table = create(&db);
    let stepper = db.stepper().unwrap();
    for round in 0..2 {
        (0..20).for_each(|n| drop(table.put(&item(20 * round + n)).unwrap()));
        let mut flushes = 0;
        while stepper.step(flush()).unwrap().work == Work::Flushed {
            flushes += 1;
        }
        assert_eq!(flushes, 4, "two partitions of the table, and two of the global index");
    }
    let largest = || db.facts().partitions.into_iter().max_by_key(|part| part.partition.runs.len()).unwrap();
    let before = largest();
    assert_eq!(before.partition.runs.len(), 2);
    let id = before.partition.id;
    let merged = stepper.step(Piece::Compaction { partition: Some(id) }).unwrap();
    assert_eq!(merged.work, Work::Compacted);
    let [event] = &merged.events[..] else { panic!("{:?}", merged.events) };
    assert!(matches!(&event.kind, EventKind::Compacted { runs: 2, reason: "requested", .. }), "{}", event.kind);
    assert_eq!(stepper.step(Piece::Compaction { partition: Some(id) }).unwrap().work, Work::Idle, "it has one run");

    let partitions = db.facts().partitions.len();
    let split = stepper.step(Piece::Split { partition: Some(id) }).unwrap();
    assert_eq!((split.work, db.facts().partitions.len()), (Work::Split, partitions + 1));
    assert!(matches!(&split.events[0].kind, EventKind::Split { .. }));
    db.verify().unwrap();
    assert_eq!(table.scan().items().count(), 40);
    assert_eq!(stepper.step(Piece::Split { partition: Some(id) }).unwrap().work, Work::Idle, "it is gone");
}

/// Without the pause the thread would flush as soon as the budget is half full.
#[test]
fn threads_rest_while_a_stepper_lives_and_go_on_after_it() {
    let db = options().background(true).memtable_bytes(1 << 20).durability(Durability::Buffered).in_memory().unwrap();
    let table = db.create_table("things").hash::<S>("id").create().unwrap();
    let put = |n: usize| table.put(&Item::new().with("id", n.to_string()).with("pad", "x".repeat(1000))).unwrap();
    let (one, two) = (db.stepper().unwrap(), db.stepper().unwrap());
    (0..700).for_each(|n| drop(put(n)));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(db.statistics().flushes, 0);
    drop(one);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(db.statistics().flushes, 0, "the other one lives");
    drop(two);
    let flushed = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        db.statistics().flushes > 0
    });
    assert!(flushed, "threads go on");
    // A writer beyond the limit flushes by itself while they rest.
    let stepper = db.stepper().unwrap();
    let before = db.statistics().flushes;
    (0..2_000).for_each(|n| drop(put(n)));
    assert!(db.statistics().flushes > before);
    drop((stepper, table));
    db.close().unwrap();
}

#[test]
fn a_stepper_of_a_closed_database_fails() {
    let db = options().in_memory().unwrap();
    let stepper = db.stepper().unwrap();
    db.clone().close().unwrap();
    assert_eq!(stepper.step(Piece::Urgent).unwrap_err().kind(), hashrange::ErrorKind::Closed);
    assert!(db.stepper().is_err());
}

#[test]
fn amplification_is_what_was_written_and_what_is_kept() {
    let db = options().initial_partitions(1).in_memory().unwrap();
    let table = db.create_table("things").hash::<S>("id").create().unwrap();
    let put = |n: i64| table.put(&Item::new().with("id", "same").with("pad", "x".repeat(1000)).with("n", n)).unwrap();
    put(0);
    let first = db.amplification().unwrap();
    assert_eq!((first.write, first.space, first.read_worst, first.is_exact), (1.0, 0.0, 1, true));
    assert_eq!(first.live_bytes, 6 + 3 + 1000 + 2);
    for n in 1..5 {
        db.flush().unwrap();
        put(n);
    }
    let many = db.amplification().unwrap();
    assert_eq!((many.read, many.read_worst, many.live_bytes), (5.0, 5, 6 + 3 + 1000 + 3));
    assert!(many.write > 1.5 && many.space > 3.5, "{many:?}");
    db.compact().unwrap();
    let one = db.amplification().unwrap();
    assert!(one.read_worst == 1 && one.space < 2.0 && one.write > many.write, "{one:?}");
}

// Writes that are followed ------------------------------------------------------------------------------------------

fn names(points: &[FollowedPoint]) -> Vec<&'static str> {
    points.iter().map(|point| point.at.name()).collect()
}

const LOST: CrashOutcomes = CrashOutcomes { before: 16, after: 0, between: 0 };
const KEPT: CrashOutcomes = CrashOutcomes { before: 0, after: 16, between: 0 };

#[test]
fn a_put_is_followed_from_its_request_to_its_compaction() {
    let machine = Machine::new(options(), 3).unwrap();
    let table = create(machine.database());
    table.put(&item(1)).unwrap();
    machine.database().flush().unwrap();
    let (put, points) = machine.follow(|_| table.put(&item(1))).unwrap();
    put.unwrap();
    let seen = names(&points);
    // Neither an index nor the stream has anything to learn from it.
    let changed_nothing =
        ["requested", "locked", "checked", "logged", "inserted", "unlocked", "written", "synced", "answered"];
    assert_eq!(seen[..9], changed_nothing, "{seen:?}");

    let changed = item(8).with("group", "other");
    let (put, points) = machine.follow(|_| table.put(&changed)).unwrap();
    put.unwrap();
    let seen = names(&points);
    assert_eq!(
        seen,
        [
            "requested",
            "locked",
            "checked",
            "logged",
            "inserted",
            "streamed",
            "inserted",
            "unlocked",
            "index_inserted",
            "written",
            "synced",
            "answered",
            "worked",
            "worked"
        ]
    );
    for point in &points {
        let crash = point.crash;
        match point.at.name() {
            "synced" | "answered" | "worked" => assert_eq!(crash, KEPT, "{}", point.at),
            // The operating system has it: the disk may have it or not.
            "written" => assert!(crash.before > 0 && crash.after > 0 && crash.between == 0, "{crash:?}"),
            _ => assert_eq!(crash, LOST, "{}", point.at),
        }
    }
    assert!(matches!(points[2].at, WritePoint::Checked { items: 1, existing: 0, rejected: None }));
    assert!(matches!(points[3].at, WritePoint::Logged { bytes: 100..300, .. }), "{}", points[3].at);
    assert!(points[13].at.to_string().starts_with("compacted partition"), "{}", points[13].at);
}

#[test]
fn a_rejected_write_ends_at_its_check_and_a_buffered_one_may_be_lost() {
    let machine = Machine::new(options(), 3).unwrap();
    let table = create(machine.database());
    let (put, points) =
        machine.follow(|_| table.put_with(&item(1)).when(attr("id").exists()).send().map(drop)).unwrap();
    assert!(put.unwrap_err().is_condition_failed());
    assert_eq!(names(&points), ["requested", "locked", "checked", "unlocked", "answered"]);
    assert!(matches!(&points[2].at, WritePoint::Checked { rejected: Some(_), .. }));

    let machine = Machine::new(options().durability(Durability::Buffered), 3).unwrap();
    let table = create(machine.database());
    machine.database().sync().unwrap();
    let (put, points) = machine.follow(|_| table.put(&item(1))).unwrap();
    put.unwrap();
    let answered = points.iter().find(|point| point.at == WritePoint::Answered).unwrap();
    assert!(answered.crash.before > 0 && answered.crash.after > 0, "{answered:?}");
    let worked = points.last().unwrap();
    assert_eq!((worked.at.name(), worked.crash), ("worked", KEPT), "a flush syncs the log first");
}

/// A transaction is one record: no crash at any point keeps a part of it.
#[test]
fn a_transaction_is_kept_as_a_whole_or_not_at_all() {
    let machine = Machine::new(options(), 5).unwrap();
    let table = create(machine.database());
    let write = |db: &Database| {
        let transaction = db.transact_write().put(&table, &item(1)).put(&table, &item(2)).put(&table, &item(3));
        transaction.send().map(drop)
    };
    let (done, points) = machine.follow(write).unwrap();
    done.unwrap();
    assert!(points.iter().all(|point| point.crash.between == 0));
    assert_eq!(points.iter().filter(|point| point.at.name() == "logged").count(), 1);
    assert!(matches!(points[2].at, WritePoint::Checked { items: 3, .. }));
}

#[test]
fn a_copy_on_a_machine_leaves_the_original_alone() {
    let db = options().in_memory().unwrap();
    let table = create(&db);
    table.put(&item(1)).unwrap();
    let mut machine = Machine::copy_of(&db, 1).unwrap();
    let copied = machine.database().table::<(S, N)>("items").unwrap();
    copied.put(&item(2)).unwrap();
    let report = machine.cut_power(9).unwrap();
    assert_eq!((report.last_commit, report.was_closed), (3, false));
    let there = |db: &Database| db.table::<(S, N)>("items").unwrap().scan().items().count();
    assert_eq!((there(&db), there(machine.database())), (1, 2));
}

// Power cuts --------------------------------------------------------------------------------------------------------

#[test]
fn a_power_cut_keeps_what_was_synced_and_recovery_says_what_it_did() -> Result<(), Error> {
    let (mut torn, mut lost) = (0, 0);
    for seed in 0..24 {
        let mut machine = Machine::new(options().durability(Durability::Buffered), seed)?;
        let table = create(machine.database());
        table.put(&item(1))?;
        machine.database().sync()?;
        table.put(&item(2))?;
        let before = machine.database().clone();
        let report = machine.cut_power(seed)?;
        assert!(before.sync().is_err() && table.put(&item(3)).is_err(), "the power is off");
        let [segment] = &report.segments[..] else { panic!("{report:?}") };
        assert!(["clean end", "torn tail"].contains(&segment.case), "{report:?}");
        torn += u32::from(segment.case == "torn tail");
        let kept = machine.database().table::<(S, N)>("items")?.scan().items().count() as u64;
        assert_eq!(report.last_commit, 1 + kept, "the creation of the table is the first commit");
        assert_eq!(report.replayed, 3 * kept, "an item has entries in two indexes");
        assert_eq!(segment.records, report.records);
        assert!(kept >= 1);
        lost += 2 - kept;
        machine.database().verify()?;
        assert_eq!(machine.database().recovery(), &report);
    }
    assert!(torn > 0 && (1..24).contains(&lost), "{torn} torn, {lost} lost");
    Ok(())
}

#[test]
fn a_database_that_was_closed_says_so() {
    let disk = hashrange::file::MemoryDisk::new();
    let open = || options().open_on(std::sync::Arc::new(disk.clone())).unwrap();
    let db = open();
    create(&db).put(&item(1)).unwrap();
    db.flush().unwrap();
    db.close().unwrap();
    let db = open();
    let report = db.recovery();
    assert!(report.was_closed && report.last_commit == 2, "{report:?}");
    assert_eq!((report.records, report.replayed, report.skipped), (2, 0, 3), "all of it is in runs");
}
