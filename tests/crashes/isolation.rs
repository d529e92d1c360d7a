//! Background work that fails stays where it is: it stops nothing else, is shown, and is attempted again later.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, ErrorKind, Item,
    file::{Disk, FileName},
    inspect::Work,
    key::{N, S},
    observe::{EventKind, Job},
    testing::{Fault, FaultPlan, Operation, SimulatedDisk},
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

const NOW_SECS: u64 = 1_800_000_000;

fn open(disk: &SimulatedDisk, clock: &Clock) -> Database {
    let options = Database::options().clock(clock.clone()).seed(1).background(false);
    let options = options.initial_partitions(1).runs_per_partition(3).log_segment_bytes(4096);
    options.open_on(Arc::new(disk.clone())).unwrap()
}

fn runs(disk: &SimulatedDisk) -> BTreeSet<FileName> {
    disk.list().unwrap().into_iter().filter(|name| matches!(name, FileName::Run(_))).collect()
}

/// Inverts the middle half of a file.
fn damage(disk: &SimulatedDisk, name: FileName) {
    let mut bytes = disk.contents(name).unwrap().to_vec();
    let quarter = bytes.len() / 4;
    bytes[quarter..3 * quarter].iter_mut().for_each(|byte| *byte ^= 0xFF);
    disk.set_contents(name, bytes);
}

/// Writes a run of a hundred items, whose numbers no other round has.
fn write_run(db: &Database, table: &str, round: u64) {
    let table = db.create_table(table).hash::<S>("h").range::<N>("r").open_or_create().unwrap();
    // Later writes look at no key of the first run, which is to be damaged.
    let hash = if round == 0 { "old" } else { "new" };
    for number in 0..100 {
        table.put(&Item::new().with("h", hash).with("r", round * 100 + number).with("v", "x".repeat(100))).unwrap();
    }
    db.flush().unwrap();
}

fn runs_of(db: &Database, table: &str) -> usize {
    let facts = db.facts();
    facts.partitions.iter().filter(|part| part.table == table).map(|part| part.partition.runs.len()).sum()
}

/// Steps until nothing is left to do; the kinds of the errors on the way.
fn work_off(db: &Database) -> Vec<ErrorKind> {
    let mut errors = Vec::new();
    for _ in 0..1000 {
        match db.step() {
            Ok(Work::Idle) => return errors,
            Ok(_) => {}
            Err(error) => errors.push(error.kind()),
        }
    }
    panic!("there is no end of work: {errors:?}");
}

#[test]
fn a_damaged_run_stops_the_compaction_of_nothing_but_itself() {
    let (disk, clock) = (SimulatedDisk::new(1), Clock::manual(NOW_SECS * 1000));
    let db = open(&disk, &clock);
    write_run(&db, "aaa", 0);
    let of_aaa = runs(&disk).pop_first().unwrap();
    write_run(&db, "aaa", 1);
    write_run(&db, "bbb", 0);
    db.close().unwrap();
    damage(&disk, of_aaa);

    let db = open(&disk, &clock);
    let events = db.subscribe(1000);
    write_run(&db, "aaa", 2);
    (1..3).for_each(|round| write_run(&db, "bbb", round));
    let written = db.statistics();
    assert_eq!(work_off(&db), [ErrorKind::Corrupt], "one attempt");
    assert_eq!(runs_of(&db, "bbb"), 1, "the other table is compacted");

    let health = db.health();
    assert!(health.is_writable() && health.failures.len() == 1, "{health:?}");
    let failure = &health.failures[0];
    assert_eq!((failure.job, failure.subject.table(), failure.attempts), (Job::Compaction, Some("aaa"), 1));
    assert_eq!((failure.error.kind(), failure.since_millis), (ErrorKind::Corrupt, clock.now_millis()));
    assert!(std::iter::from_fn(|| events.try_next()).any(|event| matches!(event.kind, EventKind::Failed(_))));
    let read = db.statistics().compaction_bytes_read - written.compaction_bytes_read;

    // What is newer than the damage goes on being merged, so that runs do not pile up.
    (3..21).for_each(|round| {
        write_run(&db, "aaa", round);
        work_off(&db);
    });
    assert!(runs_of(&db, "aaa") <= 5, "{} runs", runs_of(&db, "aaa"));
    assert_eq!(db.health().failures[0].attempts, 1, "nothing is attempted again while no time passes");
    assert!(db.statistics().compaction_bytes_read > written.compaction_bytes_read + read);

    clock.set_millis(db.health().failures[0].retry_at_millis.unwrap());
    assert_eq!(work_off(&db), [ErrorKind::Corrupt]);
    assert_eq!(db.health().failures[0].attempts, 2);

    db.delete_table("aaa").unwrap();
    assert!(db.health().is_good(), "what is gone fails no more");
}

#[test]
fn items_of_a_damaged_run_keep_no_other_item_from_expiring() {
    let (disk, clock) = (SimulatedDisk::new(2), Clock::manual(NOW_SECS * 1000));
    let db = open(&disk, &clock);
    let create =
        |db: &Database, name: &str| db.create_table(name).hash::<S>("id").ttl("ends").open_or_create().unwrap();
    let put = |db: &Database, table: &str, numbers: std::ops::Range<u64>| {
        let table = create(db, table);
        for number in numbers {
            let item =
                Item::new().with("id", format!("{number}")).with("ends", NOW_SECS + 10).with("v", "x".repeat(500));
            table.put(&item).unwrap();
        }
    };
    put(&db, "aaa", 0..200);
    db.flush().unwrap();
    let before = runs(&disk);
    put(&db, "aaa", 200..220);
    db.close().unwrap();
    // The larger of the two runs is that of the items, the other one that of their ends.
    let largest = before.iter().max_by_key(|name| disk.contents(**name).unwrap().len()).unwrap();
    damage(&disk, *largest);

    let db = open(&disk, &clock);
    put(&db, "bbb", 0..50);
    clock.advance(Duration::from_secs(20));
    let errors = work_off(&db);
    assert!(!errors.is_empty() && errors.iter().all(|kind| *kind == ErrorKind::Corrupt), "{errors:?}");
    assert_eq!(create(&db, "bbb").scan().items().count(), 0, "the other table");
    for number in 200..220 {
        assert!(create(&db, "aaa").get(format!("{number}").as_str()).unwrap().is_none(), "its own sound items");
    }
    let failing: Vec<_> = db.health().failures.iter().map(|failure| (failure.job, failure.attempts)).collect();
    assert!(failing.iter().any(|(job, _)| *job == Job::Expiry), "{failing:?}");
}

/// No descriptors, or no space for another file: that concerns nothing that was written.
#[test]
fn a_log_segment_that_cannot_be_created_ends_nothing() {
    for fault in [Fault::InputOutput, Fault::NoSpace] {
        let (disk, clock) = (SimulatedDisk::new(3), Clock::manual(NOW_SECS * 1000));
        let db = open(&disk, &clock);
        let table = db.create_table("items").hash::<S>("h").range::<N>("r").create().unwrap();
        let put = |number: u64| {
            table.put(&Item::new().with("h", "one").with("r", number).with("v", "x".repeat(500))).unwrap();
        };
        (0..3).for_each(put);
        let segments = db.facts().log.segments.len();
        disk.fail(FaultPlan::new(Operation::Create, 1, fault).for_good());
        (3..500).for_each(put);
        assert_eq!(db.facts().log.segments.len(), segments, "the present segment takes more");
        let health = db.health();
        assert!(health.is_writable());
        assert_eq!(health.failures.iter().map(|failure| failure.job).collect::<Vec<_>>(), [Job::LogSegment]);

        disk.stop_failing();
        (500..800).for_each(put);
        assert!(db.facts().log.segments.len() > segments);
        assert!(db.health().is_good(), "{:?}", db.health());
        drop(table);
        drop(db);
        let db = open(&disk.crash(4), &clock);
        let table = db.table::<(S, N)>("items").unwrap();
        assert_eq!(table.scan().items().count(), 800);
    }
}

/// A flush that fails for want of a file is attempted again, and until then nothing is lost.
#[test]
fn a_flush_that_fails_is_attempted_again_when_its_time_has_come() {
    let (disk, clock) = (SimulatedDisk::new(5), Clock::manual(NOW_SECS * 1000));
    let options = Database::options().clock(clock.clone()).seed(1).background(false).initial_partitions(1);
    let db = options.memtable_bytes(64 << 10).open_on(Arc::new(disk.clone())).unwrap();
    let table = db.create_table("items").hash::<S>("h").range::<N>("r").create().unwrap();
    for number in 0..60 {
        table.put(&Item::new().with("h", "one").with("r", number).with("v", "x".repeat(500))).unwrap();
    }
    disk.fail(FaultPlan::new(Operation::Create, 1, Fault::NoSpace).for_good());
    assert_eq!(db.step().unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(db.step().unwrap(), Work::Idle, "its time has not come");
    disk.stop_failing();
    assert_eq!(db.step().unwrap(), Work::Idle, "nor has it now");
    clock.set_millis(db.health().failures[0].retry_at_millis.unwrap());
    assert_eq!(db.step().unwrap(), Work::Flushed);
    assert!(db.health().is_good());
    assert_eq!(table.scan().items().count(), 60);
}

/// A failure of the log ends writing, and `health` says so with its cause.
#[test]
fn health_tells_that_writing_has_ended() {
    let (disk, clock) = (SimulatedDisk::new(6), Clock::manual(NOW_SECS * 1000));
    let db = open(&disk, &clock);
    let table = db.create_table("items").hash::<S>("h").create().unwrap();
    table.put(&Item::new().with("h", "before")).unwrap();
    disk.fail(FaultPlan::new(Operation::Sync, 1, Fault::InputOutput));
    assert!(table.put(&Item::new().with("h", "lost")).is_err());
    disk.stop_failing();
    let health = db.health();
    let ended = health.writing_ended.as_ref().unwrap();
    assert!(!health.is_writable());
    assert_eq!((ended.job, ended.error.kind()), (Job::Log, ErrorKind::Io));
    assert_eq!(table.put(&Item::new().with("h", "later")).unwrap_err().kind(), ErrorKind::Poisoned);
    assert!(table.get("before").unwrap().is_some(), "reads go on");
}
