//! Deleted items do not slow reads for ever: what a read steps over is counted, and after a few reads it is gone.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Database, Item, Table,
    inspect::Work,
    key::{N, S},
};

/// Tombstones that one read may step over where maintenance has its turns.
const MOST_SKIPPED: u64 = 4_096 + 1_024;

fn database() -> (Database, Table<(S, N)>) {
    let db = Database::options().seed(1).background(false).initial_partitions(1).in_memory().unwrap();
    let table = db.create_table("queue").hash::<S>("queue").range::<N>("number").create().unwrap();
    (db, table)
}

fn put(table: &Table<(S, N)>, numbers: std::ops::Range<u64>) {
    for number in numbers {
        table.put(&Item::new().with("queue", "q").with("number", number)).unwrap();
    }
}

/// The first item of the queue, and how many tombstones the query stepped over.
fn first(db: &Database, table: &Table<(S, N)>) -> (u64, u64) {
    let before = db.statistics().tombstones_skipped;
    let page = table.query("q").limit(1).page().unwrap();
    let number = page.items[0].get("number").and_then(|number| number.as_u64()).unwrap();
    (number, db.statistics().tombstones_skipped - before)
}

fn work_off(db: &Database) {
    assert!((0..1000).any(|_| db.step().unwrap() == Work::Idle), "there is no end of work");
}

#[test]
fn items_that_come_and_go_in_memory_leave_nothing() {
    let (db, table) = database();
    put(&table, 0..8_001);
    (0..8_000).for_each(|number| drop(table.delete(("q", number)).unwrap()));
    assert_eq!(first(&db, &table), (8_000, 8_000));
    work_off(&db);
    assert_eq!(first(&db, &table), (8_000, 0), "no run holds what they hide, so that none is written");
    assert!(db.verify().is_ok());
}

#[test]
fn dense_tombstones_of_items_in_runs_are_merged_away() {
    let (db, table) = database();
    put(&table, 0..8_001);
    db.flush().unwrap();
    (0..8_000).for_each(|number| drop(table.delete(("q", number)).unwrap()));
    assert_eq!(first(&db, &table), (8_000, 8_000));
    work_off(&db);
    assert_eq!(first(&db, &table), (8_000, 0));
}

/// They are few among all entries, but every read meets them.
#[test]
fn tombstones_at_the_head_of_a_long_collection_go_once_reads_have_paid_for_it() {
    let (db, table) = database();
    put(&table, 0..40_000);
    db.flush().unwrap();
    (0..5_000).for_each(|number| drop(table.delete(("q", number)).unwrap()));
    let mut skipped = 0;
    for _ in 0..30 {
        let (number, now) = first(&db, &table);
        assert_eq!(number, 5_000);
        skipped += now;
        work_off(&db);
    }
    assert_eq!(first(&db, &table), (5_000, 0));
    assert!(skipped < 3 * 45_000, "{skipped}: about as much as one merge costs");
}

#[test]
fn a_queue_that_is_worked_off_stays_short_to_read() {
    let (db, table) = database();
    put(&table, 0..100);
    let mut most = 0;
    for number in 0..1_500_u64 {
        put(&table, number + 100..number + 101);
        let (head, skipped) = first(&db, &table);
        assert_eq!(head, number);
        most = most.max(skipped);
        table.delete(("q", number)).unwrap();
        if number % 64 == 0 {
            work_off(&db);
        }
    }
    assert!(most <= MOST_SKIPPED, "{most} tombstones in one read");
}
