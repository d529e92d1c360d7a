//! Forks: copies of a database at one moment, in memory and in a folder.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, Durability, Item, OpenOptions, Table,
    admin::index,
    key::{N, S},
    schema::StreamView,
};
use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

type Orders = Table<(S, N)>;

fn options() -> OpenOptions {
    Database::options().clock(Clock::manual(1_800_000_000_000)).durability(Durability::Buffered).background(false)
}

fn orders(db: &Database) -> Orders {
    db.create_table("orders")
        .hash::<S>("customer")
        .range::<N>("number")
        .lsi(index("by_total").range::<N>("total"))
        .gsi(index("by_status").hash::<S>("status"))
        .stream(StreamView::NewAndOld)
        .open_or_create()
        .unwrap()
}

fn put(orders: &Orders, number: i64, status: &str) {
    let item = Item::new().with("customer", "c").with("number", number).with("total", -number).with("status", status);
    orders.put(&item).unwrap();
}

fn all(orders: &Orders) -> Vec<String> {
    orders.scan().items().map(|item| item.unwrap().to_json()).collect()
}

/// Items in runs, in the log, overwritten and deleted, so that each part of a copy is needed.
fn fill(db: &Database) -> Orders {
    let table = orders(db);
    (0..50).for_each(|number| put(&table, number, "OPEN"));
    db.flush().unwrap();
    (25..75).for_each(|number| put(&table, number, "PAID"));
    table.delete(("c", 3)).unwrap();
    table
}

fn check(origin: &Database, copy: &Database) {
    let (before, table) = (orders(origin), orders(copy));
    assert_eq!(all(&table), all(&before));
    assert_eq!(table.query("c").index("by_total").items().count(), 74);
    copy.verify().unwrap();
    assert_eq!(copy.list_streams(None).len(), 1);
    // Each goes its own way, through log, flush and compaction.
    put(&table, 1_000, "COPY");
    put(&before, 2_000, "ORIGIN");
    copy.compact().unwrap();
    origin.compact().unwrap();
    assert!(table.get(("c", 2_000)).unwrap().is_none() && before.get(("c", 1_000)).unwrap().is_none());
    assert_eq!((all(&table).len(), all(&before).len()), (75, 75));
    copy.verify().unwrap();
    origin.verify().unwrap();
    origin.clock().advance(Duration::from_secs(1));
    assert_eq!(copy.clock().now_millis(), origin.clock().now_millis());
}

#[test]
fn in_memory_from_memory() {
    let db = options().in_memory().unwrap();
    fill(&db);
    check(&db, &db.fork().unwrap());
}

#[test]
fn in_memory_from_a_folder_outlives_it() {
    let folder = tempfile::tempdir().unwrap();
    let db = options().open(folder.path().join("db")).unwrap();
    fill(&db);
    let copy = db.fork().unwrap();
    check(&db, &copy);
    drop((db, folder));
    assert_eq!(all(&orders(&copy)).len(), 75);
}

#[test]
fn in_a_folder_that_is_reopened() {
    let folder = tempfile::tempdir().unwrap();
    let db = options().open(folder.path().join("db")).unwrap();
    fill(&db);
    let place = folder.path().join("copy");
    let copy = db.fork_into(&place).unwrap();
    check(&db, &copy);
    assert!(db.fork_into(&place).is_err(), "a folder that holds something is left alone");
    drop(copy);
    let copy = options().open(&place).unwrap();
    assert_eq!(all(&orders(&copy)).len(), 75);
    copy.verify().unwrap();
    let from_memory = options().in_memory().unwrap();
    fill(&from_memory);
    check(&from_memory, &from_memory.fork_into(folder.path().join("third")).unwrap());
}

const FORKS: i64 = 10;
const ITEMS_PER_FORK: i64 = 1_000;

#[test]
fn a_fork_of_a_database_in_use_has_a_prefix_of_every_writer() {
    let db = Database::options().memtable_bytes(1 << 20).log_segment_bytes(1 << 20).in_memory().unwrap();
    let table = db.create_table("log").hash::<S>("writer").range::<N>("n").create().unwrap();
    let begun = AtomicI64::new(0);
    let mut copies = Vec::new();
    std::thread::scope(|scope| {
        for writer in ["a", "b"] {
            let (db, table, begun) = (&db, &table, &begun);
            scope.spawn(move || {
                for n in 0..FORKS * ITEMS_PER_FORK {
                    // Never far ahead: what is copied and read would grow faster than a slow machine copies and reads it.
                    while n >= begun.load(Ordering::Relaxed) * ITEMS_PER_FORK {
                        std::thread::sleep(Duration::from_micros(200));
                    }
                    let item =
                        |writer: &str| Item::new().with("writer", writer).with("n", n).with("pad", "x".repeat(250));
                    let twins = [item(writer), item(&format!("twin of {writer}"))];
                    db.transact_write().put(table, &twins[0]).put(table, &twins[1]).send().unwrap();
                }
            });
        }
        for fork in 1..=FORKS {
            begun.store(fork, Ordering::Relaxed);
            let seen = ["a", "b"].map(|writer| table.query(writer).items().count());
            copies.push((seen, db.fork()));
        }
    });
    for (seen, copy) in copies {
        let copy = copy.unwrap();
        let copied = copy.table::<(S, N)>("log").unwrap();
        for (writer, seen) in ["a", "b"].into_iter().zip(seen) {
            let numbers: Vec<_> =
                copied.query(writer).items().map(|item| item.unwrap().get("n").unwrap().as_i64().unwrap()).collect();
            assert!(numbers.len() >= seen, "what was acknowledged before is in the copy");
            assert!(numbers.iter().copied().eq(0..numbers.len() as i64), "and no gap");
            let twins = copied.query(format!("twin of {writer}")).items().count();
            assert_eq!(twins, numbers.len(), "and each transaction whole");
        }
        copy.verify().unwrap();
    }
}
