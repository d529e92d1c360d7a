//! The end of an opening: what `close` ends, who keeps a database open, and what openings leave on the disk.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "a test of files and waiting looks at both")]

use hashrange::{
    Database, Durability, Error, ErrorKind, Item, Result, Table,
    admin::TableSpec,
    file::{Disk, FileName, MemoryDisk},
    inspect::Work,
    key::{KeyType, S},
    schema::{KeyAttribute, KeySchema, StreamView},
    streams::{ChangeRecord, Consumer},
    testing::{Operation, SimulatedDisk},
};
use hashrange_test_support::slow_disk::SlowDisk;
use std::{
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

fn orders(db: &Database) -> Table<S> {
    db.create_table("orders").hash::<S>("id").stream(StreamView::NewImage).open_or_create().unwrap()
}

fn order(id: &str) -> Item {
    Item::new().with("id", id)
}

#[track_caller]
fn assert_closed<T: std::fmt::Debug>(result: Result<T>) {
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn a_closed_database_gives_its_folder_free_whatever_handles_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::open(folder.path()).unwrap();
    let (other, table) = (db.clone(), orders(&db));
    table.put_with(&order("1")).durability(Durability::Buffered).send().unwrap();
    let (held, mut consumer) = (table.clone(), table.stream().unwrap().checkpoint("c"));
    let inside = db.clone();
    let trigger = move |_: &[ChangeRecord]| inside.describe_table("orders").map(drop);
    db.on_change(table.stream().unwrap().checkpoint("t"), trigger).unwrap();
    let mut pages = table.scan().items();
    db.close().unwrap();

    let again = Database::open(folder.path()).unwrap();
    assert!(orders(&again).get("1").unwrap().is_some(), "what was written buffered was made durable");
    assert_closed(held.get("1"));
    assert_closed(held.put(&order("2")));
    assert_closed(held.query("1").items().next().unwrap());
    assert_closed(pages.next().unwrap());
    assert_closed(consumer.next_batch(Duration::ZERO));
    assert_closed(other.table::<S>("orders"));
    assert_closed(other.create_table("more").hash::<S>("id").create());
    assert_closed(other.delete_table("orders"));
    assert_closed(other.transact_write().put(&held, &order("3")).send());
    assert_closed(other.transaction(|tx| tx.get(&held, "1")));
    for work in [Database::flush, Database::compact, Database::sync] {
        assert_closed(work(&other));
    }
    assert_closed(other.verify().map(drop));
    assert_closed(other.step());
    assert_closed(other.fork());
    other.close().unwrap();
    assert!(orders(&again).get("2").unwrap().is_none());
}

#[test]
fn a_waiting_consumer_is_woken_by_the_end() {
    let db = Database::in_memory().unwrap();
    let mut consumer: Consumer = orders(&db).stream().unwrap().checkpoint("c");
    let reader = thread::spawn(move || {
        let start = Instant::now();
        let answer = consumer.next_batch(Duration::from_secs(60));
        (answer.map(drop), start.elapsed())
    });
    thread::sleep(Duration::from_millis(50));
    db.close().unwrap();
    let (answer, waited) = reader.join().unwrap();
    assert_closed(answer);
    assert!(waited < Duration::from_secs(30), "{waited:?}");
}

#[test]
fn every_handle_keeps_its_database_open_and_the_last_one_closes_it() {
    fn table(folder: &Path) -> Result<Table<S>> {
        Database::open(folder)?.create_table("orders").hash::<S>("id").stream(StreamView::NewImage).open_or_create()
    }
    let folder = tempfile::tempdir().unwrap();
    let stock = table(folder.path()).unwrap();
    stock.put(&order("1")).unwrap();
    let mut consumer = stock.stream().unwrap().checkpoint("c");
    drop(stock);
    let batch = consumer.next_batch(Duration::ZERO).unwrap().unwrap();
    batch.ack().unwrap();
    assert_eq!(Database::open(folder.path()).unwrap_err().kind(), ErrorKind::Locked);
    drop((batch, consumer));
    let items = table(folder.path()).unwrap().scan().items();
    assert_eq!(items.count(), 1, "and so does an iterator");
    assert!(table(folder.path()).unwrap().get("1").unwrap().is_some());
}

#[test]
fn a_close_waits_for_work_that_is_under_way() {
    for round in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let db = Database::options().memtable_bytes(1 << 20).open(folder.path()).unwrap();
        let table = orders(&db);
        let workers: Vec<_> = (0..3)
            .map(|worker| {
                let (db, table) = (db.clone(), table.clone());
                thread::spawn(move || -> Result<()> {
                    for n in 0.. {
                        table.put_with(&order(&format!("{worker}-{n}"))).durability(Durability::Buffered).send()?;
                        if n % 20 == worker {
                            db.flush()?;
                            db.compact()?;
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(round));
        db.close().unwrap();
        let again = Database::open(folder.path()).unwrap();
        for worker in workers {
            assert_closed(worker.join().unwrap());
        }
        again.verify().unwrap();
        again.flush().unwrap();
    }
}

/// Memory that is far beyond its budget: the next writer has to flush before it writes.
fn overfull(disk: Arc<dyn Disk>) -> (Database, Table<S>) {
    let db = Database::options().background(false).memtable_bytes(16 << 10).open_on(disk).unwrap();
    let table = orders(&db);
    table.put(&order("large").with("text", "x".repeat(100 << 10))).unwrap();
    (db, table)
}

/// It flushed before it looked whether the database was open, into a folder that was another's by then.
#[test]
fn a_writer_that_has_to_flush_changes_nothing_after_the_end() {
    let disk = SimulatedDisk::new(1);
    let (db, table) = overfull(Arc::new(disk.clone()));
    let other = db.clone();
    let key = KeySchema { hash: KeyAttribute::new("id", KeyType::S), range: None };
    let mut loader = db.load_table(TableSpec::new("loaded", key)).unwrap();
    db.close().unwrap();
    let before = disk.operations();
    assert_closed(table.put(&order("1")));
    assert_closed(loader.put(&order("1")));
    assert_closed(other.transact_write().put(&table, &order("2")).send());
    drop(loader);
    assert_eq!(disk.operations(), before);
    let (again, _) = overfull(Arc::new(disk));
    again.flush().unwrap();
    again.verify().unwrap();
}

#[test]
fn a_close_waits_for_a_writer_that_flushes() {
    let (is_flushing, may_go_on) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (flushing, going_on) = (is_flushing.clone(), may_go_on.clone());
    let hook = move |operation, name| {
        if operation == Operation::Sync && matches!(name, FileName::Run(_) | FileName::Stream(_)) {
            flushing.store(true, Ordering::SeqCst);
            wait_until(&going_on);
        }
    };
    let disk = Arc::new(MemoryDisk::new());
    let (db, table) = overfull(SlowDisk::new(disk.clone(), Arc::new(hook)));
    let writer = thread::spawn(move || table.put(&order("1")).map(drop));
    wait_until(&is_flushing);
    let closes = thread::spawn(move || db.close());
    thread::sleep(Duration::from_millis(50));
    assert!(!closes.is_finished());
    may_go_on.store(true, Ordering::SeqCst);
    closes.join().unwrap().unwrap();
    // The write comes before the end or after it.
    let written = writer.join().unwrap();
    let again = Database::options().background(false).open_on(disk).unwrap();
    assert_eq!(orders(&again).get("1").unwrap().is_some(), written.is_ok(), "{written:?}");
}

#[track_caller]
fn wait_until(flag: &AtomicBool) {
    let start = Instant::now();
    while !flag.load(Ordering::SeqCst) {
        assert!(start.elapsed() < Duration::from_secs(60), "nothing happens");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn short_openings_leave_as_little_as_they_write() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = || {
        let sizes = folder.path().read_dir().unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
        sizes.sum::<u64>()
    };
    orders(&Database::open(folder.path()).unwrap());
    let before = bytes();
    for n in 0..61 {
        let db = Database::open(folder.path()).unwrap();
        orders(&db).put(&order(&n.to_string())).unwrap();
        db.close().unwrap();
    }
    assert!(bytes() - before < 61 * 2048, "{} bytes more", bytes() - before);
    let db = Database::open(folder.path()).unwrap();
    assert_eq!(orders(&db).scan().items().count(), 61);
}

#[test]
fn many_short_openings_leave_few_segments() {
    let disk = SimulatedDisk::new(1);
    for n in 0..300 {
        let db = Database::options().background(false).open_on(Arc::new(disk.clone())).unwrap();
        orders(&db).put(&order(&n.to_string())).unwrap();
        while db.step().unwrap() != Work::Idle {}
        assert!(db.facts().log.segments.len() < 260, "{} segments", db.facts().log.segments.len());
        db.close().unwrap();
    }
}

#[test]
fn a_crash_around_the_end_loses_nothing_and_the_cut_may_be_undone() {
    for crash in 0..40 {
        let disk = SimulatedDisk::new(crash);
        let open = |disk: &SimulatedDisk| Database::options().background(false).open_on(Arc::new(disk.clone()));
        let db = open(&disk).unwrap();
        let table = orders(&db);
        (0..5).for_each(|n| drop(table.put(&order(&n.to_string())).unwrap()));
        disk.crash_at(disk.operations() + 1 + crash % 10);
        let _ = db.close();
        let disk = disk.crash(crash);
        for _ in 0..2 {
            let db = open(&disk).unwrap();
            assert_eq!(orders(&db).scan().items().count(), 5);
            db.verify().unwrap();
            db.close().unwrap();
        }
    }
}

#[test]
fn a_trigger_that_fails_or_panics_is_seen_and_goes_on() {
    let db = Database::options().background(false).initial_partitions(1).in_memory().unwrap();
    let table = orders(&db);
    let counts = db.create_table("counts").hash::<S>("id").create().unwrap();
    let counter = counts.clone();
    let mut calls = 0;
    let count = move |records: &[ChangeRecord], tx: hashrange::table::TransactWrite| {
        calls += 1;
        if calls <= 2 {
            std::panic::resume_unwind(Box::new(format!("bug {calls}")));
        }
        Ok::<_, Error>(tx.update(&counter, "all", |update| update.add("n", records.len() as u64)))
    };
    db.on_change_in_transaction(table.stream().unwrap().checkpoint("count").retries(0), count).unwrap();
    let fails = |_: &[ChangeRecord]| Err(hashrange::Error::validation("never"));
    db.on_change(table.stream().unwrap().checkpoint("fails").retries(0), fails).unwrap();
    table.put(&order("1")).unwrap();
    let steps: Vec<Result<Work>> = (0..6).map(|_| db.step()).collect();
    assert_eq!(steps.iter().filter(|step| matches!(step, Ok(Work::Triggered))).count(), 1, "{steps:?}");
    assert_eq!(steps.iter().filter(|step| step.is_err()).count(), 5, "{steps:?}");
    let n = counts.get("all").unwrap().unwrap();
    assert_eq!(n.get("n").unwrap().as_u64(), Some(1), "once, after two panics");
    let [count, fails] = &db.triggers()[..] else { panic!("two triggers") };
    assert_eq!((count.batches, count.panics, count.failures_in_a_row), (1, 2, 0));
    assert!(count.last_failure.as_ref().is_some_and(|text| text.contains("bug 2")), "{count:?}");
    assert_eq!((fails.batches, fails.panics, fails.failures_in_a_row, fails.failed_calls), (0, 0, 5, 5));
    assert!(fails.last_failure_millis.is_some());
    assert_eq!(db.health().failures.len(), 1, "{:?}", db.health());
    db.close().unwrap();
}

#[test]
fn a_trigger_on_a_thread_survives_a_panic() {
    let db = Database::in_memory().unwrap();
    let table = orders(&db);
    let copies = db.create_table("copies").hash::<S>("id").create().unwrap();
    let (target, mut calls) = (copies.clone(), 0);
    let copy = move |records: &[ChangeRecord]| {
        calls += 1;
        if calls == 1 {
            std::panic::resume_unwind(Box::new("a bug"));
        }
        records.iter().filter_map(|record| record.new.as_ref()).try_for_each(|new| target.put(&new.to_item()).map(drop))
    };
    db.on_change(table.stream().unwrap().checkpoint("copy"), copy).unwrap();
    table.put(&order("1")).unwrap();
    for _ in 0..500 {
        if copies.get("1").unwrap().is_some() {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    assert!(copies.get("1").unwrap().is_some());
    assert_eq!(db.triggers()[0].panics, 1);
    db.close().unwrap();
}

/// A child process shares the open files of its parent until it runs its own program, and with them what they have locked.
#[cfg(unix)]
#[test]
fn a_closed_folder_is_free_while_processes_are_started() {
    let folder = tempfile::tempdir().unwrap();
    let (done, started) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                assert!(Command::new("true").status().unwrap().success());
                started.fetch_add(1, Ordering::Relaxed);
            }
        });
        let openings = (0..80).try_for_each(|_| Database::options().background(false).open(folder.path())?.close());
        done.store(true, Ordering::Relaxed);
        openings.unwrap();
    });
    assert!(started.load(Ordering::Relaxed) > 0);
}
