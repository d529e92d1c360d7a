//! Checking a database whose files come and go meanwhile.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, Item,
    file::{FileName, MemoryDisk},
    inspect::Work,
    key::S,
    schema::StreamView,
    testing::Operation,
};
use hashrange_test_support::slow_disk::SlowDisk;
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// A day and some, in which records of streams expire.
const EXPIRY: Duration = Duration::from_secs(25 * 3600);

/// Checks a database with several segments of its log and of a stream, in which something else happens when the check is about to
/// open the first file of a kind; whether it came to that.
fn checked_while(is_it: fn(FileName) -> bool, happens: fn(&Database, &Clock)) -> bool {
    let clock = Clock::manual(1_795_000_000_000);
    let (opened, is_checking) = (Arc::new(OnceLock::<Database>::new()), Arc::new(AtomicBool::new(false)));
    let (db, checking, time) = (opened.clone(), is_checking.clone(), clock.clone());
    let hook = move |operation, name| {
        if operation == Operation::Open && is_it(name) && checking.swap(false, Ordering::SeqCst) {
            happens(db.get().unwrap(), &time);
        }
    };
    let options = Database::options().clock(clock).seed(1).background(false).initial_partitions(1);
    let disk = SlowDisk::new(Arc::new(MemoryDisk::new()), Arc::new(hook));
    let db = opened.get_or_init(|| options.log_segment_bytes(4096).open_on(disk).unwrap());
    let table = db.create_table("orders").hash::<S>("id").stream(StreamView::NewImage).create().unwrap();
    for round in 0..3 {
        for n in 0..20 {
            table.put(&Item::new().with("id", format!("o{n}")).with("text", "x".repeat(400 + round))).unwrap();
        }
        if round < 2 {
            db.flush().unwrap(); // which cuts the stream, too; the last round stays in the log
        }
    }
    is_checking.store(true, Ordering::SeqCst);
    assert_eq!(db.verify().unwrap().items, 20);
    let has_happened = !is_checking.swap(false, Ordering::SeqCst);
    db.verify().unwrap();
    has_happened
}

#[test]
fn a_log_that_is_trimmed_meanwhile_is_not_damaged() {
    let is_log = |name| matches!(name, FileName::Log(_));
    assert!(checked_while(is_log, |db, _| db.flush().unwrap()));
}

#[test]
fn a_stream_whose_records_expire_meanwhile_is_not_damaged() {
    let is_stream = |name| matches!(name, FileName::Stream(_));
    let expire = |db: &Database, clock: &Clock| {
        clock.advance(EXPIRY);
        while db.step().unwrap() != Work::Idle {}
    };
    assert!(checked_while(is_stream, expire));
}
