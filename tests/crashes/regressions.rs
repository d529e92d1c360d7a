//! Bugs that other tests found, each as the shortest way to it that is known.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, Durability, ErrorKind, Item, OpenOptions, Table,
    admin::index,
    attr,
    expression::UpdateBuilder,
    file::{Disk, FileName, MemoryDisk},
    key::{N, S, begins_with, eq, gt, lt},
    request::{ClientRequestToken, PutItem, TransactWriteItem, TransactWriteItems},
    testing::{Fault, FaultPlan, Operation, SimulatedDisk},
};
use std::{
    fs,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

fn tiny() -> OpenOptions {
    Database::options().background(false).initial_partitions(1).split_bytes(4096).memtable_bytes(1 << 20)
}

/// Opens the same disk again and again.
fn reopened(options: OpenOptions) -> impl Fn() -> Database {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    move || options.clone().open_on(disk.clone()).unwrap()
}

fn fill(db: &Database, from: u32, to: u32) {
    let table = db.create_table("items").hash::<S>("id").open_or_create().unwrap();
    for number in from..to {
        let item = Item::new().with("id", format!("item {number}")).with("text", "x".repeat(100));
        table.put_with(&item).durability(Durability::Buffered).send().unwrap();
    }
}

fn count(db: &Database) -> usize {
    db.dynamic_table("items").unwrap().scan().items().map(Result::unwrap).count()
}

/// The counter of partitions was recorded with schema changes only: after a reopening, a second split gave its children
/// numbers that the children of the first one had, and took their place in the manifest.
#[test]
fn a_split_after_a_reopening_takes_no_number_that_is_in_use() {
    let open = reopened(tiny());
    for round in 0..3 {
        let db = open();
        fill(&db, round * 100, round * 100 + 100);
        db.compact().unwrap();
        assert_eq!(count(&db), round as usize * 100 + 100);
    }
    let db = open();
    assert!(db.facts().partitions.len() > 2, "nothing was split");
    assert_eq!(count(&db), 300);
    db.verify().unwrap();
}

/// Never broken, but the sibling of the one above: once the log has gone, numbers of tables are in the manifest alone.
#[test]
fn a_table_after_reopenings_takes_no_number_that_is_in_use() {
    let open = reopened(tiny().log_segment_bytes(4096));
    for round in 0..4 {
        let db = open();
        let name = format!("table-{round}");
        let table = db.create_table(name).hash::<N>("n").create().unwrap();
        table.put(&Item::new().with("n", round)).unwrap();
        db.flush().unwrap();
        assert_eq!(db.facts().log.segments.len(), 1, "the segment that tells of the table is gone");
        drop((table, db));
        drop(open());
    }
    let db = open();
    for round in 0..4 {
        let table = db.table::<N>(&format!("table-{round}")).unwrap();
        let items: Vec<_> = table.scan().items().map(|item| item.unwrap().to_item()).collect();
        assert_eq!(items, [Item::new().with("n", round)]);
    }
    db.verify().unwrap();
}

/// Replay met the first table of that name, dropped it, and with it the name of the second one.
#[test]
fn a_table_that_was_dropped_and_created_again_is_there_after_a_reopening() {
    let open = reopened(tiny());
    {
        let db = open();
        fill(&db, 0, 10);
        db.delete_table("items").unwrap();
        fill(&db, 0, 5);
    }
    assert_eq!(count(&open()), 5);
}

/// A table whose creation lay in the future of the clock counted as not yet created.
#[test]
fn a_clock_that_is_set_back_hides_no_table() {
    let clock = Clock::manual(1_700_000_000_000);
    let open = reopened(tiny().clock(clock.clone()));
    let db = open();
    fill(&db, 0, 3);
    clock.set_millis(1_000);
    assert_eq!(count(&db), 3);
    drop(db);
    assert_eq!(count(&open()), 3);
}

/// The tokens of transactions were gone with the log segments that told of them.
#[test]
fn a_transaction_is_carried_out_once_after_its_log_segment_was_removed() {
    let open = reopened(tiny().clock(Clock::manual(1_700_000_000_000)));
    let send = |db: &Database| {
        let item = Item::new().with("id", "once");
        let mut request = TransactWriteItems::new([TransactWriteItem::Put(PutItem::new("items", item))]);
        request.client_request_token = Some(ClientRequestToken::new("token"));
        db.execute(&request).unwrap().replayed
    };
    {
        let db = open();
        fill(&db, 0, 1);
        assert!(!send(&db));
        assert!(send(&db));
    }
    for _ in 0..3 {
        let db = open();
        db.flush().unwrap();
        assert_eq!(db.facts().log.segments.len(), 1, "the old segments are gone");
        assert!(send(&db));
    }
}

/// The header of a log segment whose first sync had failed was readable from the memory of the operating system, and
/// taken to be safe: a power failure after the next opening took it, and the database did not open any more.
#[test]
fn a_segment_whose_first_sync_failed_is_not_relied_on() {
    let options = || tiny().log_segment_bytes(4096).seed(1);
    for n in 1..12 {
        for seed in 0..20 {
            let disk = SimulatedDisk::new(seed);
            {
                let db = options().open_on(Arc::new(disk.clone())).unwrap();
                fill(&db, 0, 10);
                disk.fail(FaultPlan::new(Operation::Sync, n, Fault::InputOutput));
                let table = db.dynamic_table("items").unwrap();
                let put = |number: u32| {
                    let item = Item::new().with("id", format!("item {number}")).with("text", "x".repeat(1000));
                    table.put(&item)
                };
                assert!((10..30).any(|number| put(number).is_err()));
            }
            let after = disk.kill();
            let db = options().open_on(Arc::new(after.clone())).unwrap();
            let found = count(&db);
            let crashed = after.crash(seed);
            drop(db);
            assert_eq!(count(&options().open_on(Arc::new(crashed)).unwrap()), found);
        }
    }
}

/// Each opening begins a log segment. One that nothing was written to stayed until the segment before it went, so that
/// a database with something in its log grew by 1 MiB with every opening.
#[test]
fn openings_leave_no_empty_log_segments_behind() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let open = || Database::options().background(false).open_on(disk.clone()).unwrap();
    let segments = || {
        let names = disk.list().unwrap().into_iter().filter(|name| name.to_string().ends_with(".log"));
        names.map(|name| disk.open(name, false).unwrap().len()).collect::<Vec<_>>()
    };
    for round in 0..3 {
        let db = open();
        fill(&db, round, round + 1);
        drop(db);
        let before = segments();
        assert_eq!(before.len() as u32, round + 1, "one for each opening that wrote");
        for _ in 0..4 {
            drop(open());
        }
        let after = segments();
        assert_eq!(after.len(), before.len() + 1, "and the newest");
        let bytes = after.iter().sum::<u64>() - before.iter().sum::<u64>();
        assert!(bytes < 4096, "{before:?} {after:?}");
        assert_eq!(count(&open()), round as usize + 1);
    }
}

/// After everything had been flushed, the log segment at the end still held what was flushed, and every opening read it.
#[test]
fn an_opening_reads_nothing_of_the_log_that_is_in_runs() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let open = || Database::options().background(false).log_segment_bytes(1 << 20).open_on(disk.clone()).unwrap();
    let db = open();
    fill(&db, 0, 500);
    assert!(db.facts().log_bytes > 30_000);
    db.flush().unwrap();
    assert!(db.facts().log_bytes < 4096, "{:?}", db.facts().log);
    assert_eq!(count(&db), 500);
    fill(&db, 500, 510);
    drop(db);
    let db = open();
    assert_eq!(count(&db), 510);
    db.verify().unwrap();
}

/// A flush that fails frees no memory, and a writer that waits for memory would wait for ever: it gets the failure
/// instead, and goes on once flushes work again.
#[test]
fn a_writer_hears_of_flushes_that_fail() {
    let folder = tempfile::tempdir().unwrap();
    let options = Database::options().memtable_bytes(64 << 10).durability(Durability::Buffered);
    let db = options.open(folder.path()).unwrap();
    let table = db.create_table("items").hash::<N>("n").create().unwrap();
    let taken: Vec<_> = (1..300).map(|number| folder.path().join(FileName::Run(number).to_string())).collect();
    taken.iter().for_each(|path| fs::create_dir(path).unwrap());
    let put = |n: i64, table: &Table<N>| table.put(&Item::new().with("n", n).with("data", "x".repeat(1_000))).map(drop);
    let (tell, told) = mpsc::channel();
    let writer = table.clone();
    thread::spawn(move || tell.send((0..1_000).try_for_each(|n| put(n, &writer))));
    let refused = told.recv_timeout(Duration::from_secs(20)).expect("the writer waits").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Io, "{refused}");
    taken.iter().for_each(|path| fs::remove_dir(path).unwrap());
    let works_again = (0..2_000).any(|_| {
        thread::sleep(Duration::from_millis(10));
        put(1, &table).is_ok()
    });
    assert!(works_again);
    db.verify().unwrap();
}

fn readings() -> (Database, Table<(S, N)>) {
    let db = Database::in_memory().unwrap();
    let parts = index("by_parts").hash::<S>("kind").range::<N>("level").range::<N>("at");
    let table = db.create_table("readings").hash::<S>("kind").range::<N>("at").gsi(parts).create().unwrap();
    for at in 1..=9 {
        table.put(&Item::new().with("kind", "k").with("at", at).with("level", at % 3).with("version", 1)).unwrap();
    }
    (db, table)
}

/// A second condition replaced the first, so that a write went through whose first condition was false.
#[test]
fn several_conditions_of_a_write_must_all_hold() {
    let (_db, table) = readings();
    let item = Item::new().with("kind", "k").with("at", 1).with("level", 0);
    let (wrong, right) = (attr("version").eq(9), attr("kind").exists());
    for (first, second) in [(&wrong, &right), (&right, &wrong)] {
        let (one, two) = (|| first.clone(), || second.clone());
        let refusals = [
            table.put_with(&item).when(one()).when(two()).send(),
            table.update(("k", 1)).set("level", 7).when(one()).when(two()).send(),
            table.delete_with(("k", 1)).when(one()).when(two()).send(),
        ];
        for refusal in refusals {
            assert!(refusal.unwrap_err().is_condition_failed());
        }
    }
    table.update(("k", 1)).set("level", 7).when(right.clone()).when(attr("version").eq(1)).send().unwrap();
    // A fault of the first condition is told although the second one has none.
    let faulty = table.delete_with(("k", 1)).when(attr("a..b").exists()).when(right).send().unwrap_err();
    assert_eq!(faulty.kind(), ErrorKind::Validation);
    // Two that are within the limit of operators one by one are not together.
    let many = || (0..200).map(|number| attr("n").ne(number)).reduce(|all, one| all & one).unwrap();
    let refusal = table.delete_with(("k", 1)).when(many()).when(many()).send().unwrap_err();
    assert!(refusal.message().contains("too many operators"), "{refusal}");
    assert!(table.get(("k", 1)).unwrap().is_some());
}

/// A second filter replaced the first.
#[test]
fn several_filters_of_a_read_must_all_hold() {
    let (_db, table) = readings();
    let (low, high) = (|| attr("level").ge(1), || attr("level").lt(2));
    assert_eq!(table.query("k").filter(low()).filter(high()).items().count(), 3);
    assert_eq!(table.scan().filter(low()).filter(high()).items().count(), 3);
    let faulty = table.scan().filter(attr("a..b").exists()).filter(low()).page().unwrap_err();
    assert_eq!(faulty.kind(), ErrorKind::Validation);
}

/// A second range replaced the first, or was applied to another part of the key than it was written for.
#[test]
fn a_second_range_is_refused() {
    let (_db, table) = readings();
    for first in [gt(3), lt(6), begins_with("a")] {
        assert_eq!(
            table.query("k").range(first.clone()).range(lt(6)).page().unwrap_err().kind(),
            ErrorKind::Validation
        );
        assert_eq!(table.query("k").range(first).range(eq(4)).page().unwrap_err().kind(), ErrorKind::Validation);
    }
    let by_parts = || table.query_index("by_parts", ["k"]);
    assert_eq!(by_parts().range(eq(1)).range(gt(3)).items().count(), 2, "a condition for each part of the key");
    assert_eq!(by_parts().range(gt(0)).range(eq(3)).page().unwrap_err().kind(), ErrorKind::Validation);
    assert_eq!(by_parts().range(gt(0)).range(lt(3)).page().unwrap_err().kind(), ErrorKind::Validation);
}

/// Settings that replaced each other, or were ignored, without a word.
#[test]
fn what_cannot_be_joined_is_refused() {
    let (db, table) = readings();
    let added = || UpdateBuilder::new().add("version", 1);
    let refusals = [
        table.update(("k", 1)).apply(added()).apply(added()).send().unwrap_err(),
        table.update(("k", 1)).set("level", 7).apply(added()).send().unwrap_err(),
        table.update(("k", 1)).apply(added()).remove("level").send().unwrap_err(),
        table.get_with(("k", 1)).project("level").project("version").send().unwrap_err(),
        table.query("k").project("level").project("version").page().unwrap_err(),
        table.scan().project("level").project("version").page().unwrap_err(),
        table.scan().project("level").count_only().page().unwrap_err(),
        table.query("k").project("level").all_attributes().page().unwrap_err(),
        table.scan().count_only().items().next().unwrap().unwrap_err(),
        table.query("k").count_only().items().next().unwrap().unwrap_err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.kind(), ErrorKind::Validation, "{refusal}");
    }
    assert!(
        table.scan().items().all(|item| item.unwrap().get("version").and_then(|version| version.as_i64()) == Some(1))
    );
    // Attributes that an index includes are added to those that it included before.
    let both = index("both").hash::<S>("id").include(["a"]).include(["b"]);
    let table = db.create_table("included").hash::<S>("id").gsi(both).create().unwrap();
    table.put(&Item::new().with("id", "i").with("a", 1).with("b", 2).with("c", 3)).unwrap();
    let entry = table.query_index("both", ["i"]).items().next().unwrap().unwrap().to_item();
    assert_eq!(entry, Item::new().with("id", "i").with("a", 1).with("b", 2));
}

/// A transaction took a table of another database, and wrote to the table of that name in its own.
#[test]
fn a_transaction_refuses_a_table_of_another_database() {
    let orders = |db: &Database| db.create_table("orders").hash::<S>("id").create().unwrap();
    let (ours, theirs) = (Database::in_memory().unwrap(), Database::in_memory().unwrap());
    let (own, foreign) = (orders(&ours), orders(&theirs));
    let item = Item::new().with("id", "o1");
    let there = || attr("id").not_exists();
    let refusals = [
        ours.transact_write().put(&foreign, &item).send(),
        ours.transact_write().put_with(&foreign, &item, |put| put.when(there())).send(),
        ours.transact_write().put(&own, &item).delete(&foreign, "o1").send(),
        ours.transact_write().delete_with(&foreign, "o1", |delete| delete.when(there())).send(),
        ours.transact_write().update(&foreign, "o1", |update| update.set("a", 1)).send(),
        ours.transact_write().update(&foreign, "o1", |update| update.set("a", 1).when(there())).send(),
        ours.transact_write().check(&foreign, "o1", there()).send(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.unwrap_err().kind(), ErrorKind::Validation);
    }
    assert_eq!(own.scan().items().count() + foreign.scan().items().count(), 0);
}

/// A transaction with a handle on a table that was deleted wrote to the new table of that name.
#[test]
fn a_transaction_refuses_a_table_that_was_created_anew() {
    let db = Database::in_memory().unwrap();
    let orders = || db.create_table("orders").hash::<S>("id").create().unwrap();
    let item = Item::new().with("id", "o1");
    let old = orders();
    let described = db.transact_write().put(&old, &item);
    db.delete_table("orders").unwrap();
    let new = orders();
    assert_eq!(described.send().unwrap_err().kind(), ErrorKind::NotFound);
    let refusals = [
        db.transact_write().put(&old, &item).send().map(drop),
        db.transaction(|tx| tx.put(&old, &item)),
        db.transaction(|tx| tx.get(&old, "o1").map(drop)),
        old.put(&item).map(drop),
        old.batch_get(["o1"]).map(drop),
    ];
    for refusal in refusals {
        assert_eq!(refusal.unwrap_err().kind(), ErrorKind::NotFound);
    }
    assert_eq!(new.scan().items().count(), 0);
}
