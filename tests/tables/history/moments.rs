//! Moments: now, by commit, by instant, and those that cannot be read.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, Durability, ErrorKind, Item, OpenOptions, Table,
    admin::{IndexSpec, TableUpdate},
    error::Detail,
    history::{HistoryOptions, Moment, Snapshot},
    inspect::Work,
    key::{KeyType, S},
    schema::{IndexKind, KeyAttribute, Projection, StreamView},
};
use std::time::Duration;

const BEGIN: u64 = 1_800_000_000_000;

fn options() -> OpenOptions {
    let options = Database::options().clock(Clock::manual(BEGIN)).background(false).initial_partitions(2);
    options.durability(Durability::Buffered).log_segment_bytes(4096).memtable_bytes(8192)
}

fn with_history() -> Database {
    options().history(HistoryOptions::default()).in_memory().unwrap()
}

fn stock(db: &Database) -> Table<S> {
    db.create_table("stock").hash::<S>("sku").open_or_create().unwrap()
}

fn put(table: &Table<S>, sku: &str, left: i64) {
    table.put(&Item::new().with("sku", sku).with("left", left).with("kind", "k")).unwrap();
}

fn left(snapshot: &Snapshot, sku: &str) -> Option<i64> {
    snapshot.table::<S>("stock").unwrap().get(sku).unwrap().map(|item| item.get("left").unwrap().as_i64().unwrap())
}

fn commit(db: &Database) -> u64 {
    db.facts().log.last_seqno
}

#[test]
fn now_is_everything_before_the_call_and_nothing_after() {
    let folder = tempfile::tempdir().unwrap();
    for db in [options().in_memory().unwrap(), options().open(folder.path()).unwrap()] {
        let table = stock(&db);
        (0..40).for_each(|n| put(&table, &format!("{n}"), n));
        db.flush().unwrap();
        (20..60).for_each(|n| put(&table, &format!("{n}"), -n));
        let now = db.at(Moment::Now).unwrap();
        assert_eq!(now.commit(), commit(&db));
        (0..60).for_each(|n| put(&table, &format!("{n}"), 1_000));
        db.compact().unwrap();
        db.delete_table("stock").unwrap();
        let check = || {
            let expected = |n: i64| if n < 20 { n } else { -n };
            (0..60).for_each(|n| assert_eq!(left(&now, &format!("{n}")), Some(expected(n))));
            assert_eq!(now.table::<S>("stock").unwrap().scan().items().count(), 60);
            now.database().verify().unwrap();
        };
        check();
        let refused = now.table::<S>("stock").unwrap().put(&Item::new().with("sku", "x")).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
        db.close().unwrap();
        check();
    }
}

#[test]
fn without_history_only_now_can_be_read() {
    let db = options().in_memory().unwrap();
    put(&stock(&db), "bolt", 1);
    assert_eq!((db.history_window(), db.history_options()), (None, None));
    for moment in [Moment::Commit(1), Moment::Instant(BEGIN)] {
        let refused = db.at(moment).unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (ErrorKind::NotFound, "MomentOutsideHistory"));
        let none = Detail::OutsideHistory { earliest_millis: None, latest_millis: None };
        assert_eq!(refused.detail(), Some(&none));
    }
    assert_eq!(left(&db.at(Moment::Now).unwrap(), "bolt"), Some(1));
}

#[test]
fn moments_outside_of_the_window_are_refused() {
    let db = options().in_memory().unwrap();
    put(&stock(&db), "bolt", 1);
    db.clock().advance(Duration::from_secs(10));
    db.keep_history(HistoryOptions::default()).unwrap();
    let window = db.history_window().unwrap();
    assert_eq!((window.earliest, window.latest), (window.latest, window.latest));
    for moment in [
        Moment::Commit(window.earliest.commit - 1),
        Moment::Commit(window.latest.commit + 1),
        Moment::Instant(BEGIN - 1),
        Moment::Instant(BEGIN + 10_001),
    ] {
        let refused = db.at(moment).unwrap_err();
        assert!(
            matches!(refused.detail(), Some(Detail::OutsideHistory { earliest_millis: Some(BEGIN), .. })),
            "{refused}"
        );
    }
    for moment in [Moment::Commit(window.earliest.commit), Moment::Instant(BEGIN), Moment::Instant(BEGIN + 10_000)] {
        assert_eq!(left(&db.at(moment).unwrap(), "bolt"), Some(1), "{moment:?}");
    }
}

#[test]
fn an_instant_has_what_was_written_until_then() {
    let db = with_history();
    let table = stock(&db);
    db.clock().set_millis(BEGIN + 10_200);
    put(&table, "a", 1);
    db.clock().set_millis(BEGIN + 11_400);
    put(&table, "b", 2);
    let at = |millis| {
        let snapshot = db.at(Moment::Instant(BEGIN + millis)).unwrap();
        (left(&snapshot, "a"), left(&snapshot, "b"))
    };
    assert_eq!((at(10_199), at(10_200)), ((None, None), (Some(1), None)));
    assert_eq!((at(11_000), at(11_400)), ((Some(1), None), (Some(1), Some(2))));
}

#[test]
pub(crate) fn a_clock_that_is_set_back_never_shows_the_second_without_the_first() {
    let db = with_history();
    let table = stock(&db);
    put(&table, "a", 1);
    db.clock().set_millis(BEGIN - 60_000);
    put(&table, "b", 2);
    db.flush().unwrap();
    let at = |moment| {
        let snapshot = db.at(moment).unwrap();
        (left(&snapshot, "a"), left(&snapshot, "b"), snapshot.at_millis())
    };
    assert_eq!(at(Moment::Instant(BEGIN)), (Some(1), Some(2), BEGIN));
    assert_eq!(at(Moment::Commit(commit(&db) - 1)), (Some(1), None, BEGIN));
    // A base that is taken while the clock is behind serves no instant before its own time.
    let once = HistoryOptions { base_bytes: 1, ..HistoryOptions::default() };
    db.keep_history(once).unwrap();
    assert_eq!(db.step().unwrap(), Work::HistoryKept);
    db.clock().set_millis(BEGIN - 30_000);
    put(&table, "c", 3);
    db.clock().set_millis(BEGIN + 5);
    put(&table, "d", 4);
    let then = db.at(Moment::Instant(BEGIN + 4)).unwrap();
    assert_eq!((left(&then, "c"), left(&then, "d")), (Some(3), None));
    let nothing = db.at(Moment::Instant(BEGIN - 1)).unwrap();
    assert_eq!((nothing.commit(), nothing.list_tables().len()), (0, 0), "before the first commit");
}

#[test]
fn tables_come_and_go_at_their_time() {
    let db = with_history();
    put(&stock(&db), "a", 1);
    db.clock().set_millis(BEGIN + 1_000);
    db.create_table("other").hash::<S>("id").create().unwrap();
    db.clock().set_millis(BEGIN + 2_000);
    db.delete_table("stock").unwrap();
    db.clock().set_millis(BEGIN + 3_000);
    let names = |millis| db.at(Moment::Instant(BEGIN + millis)).unwrap().list_tables();
    assert_eq!((names(999), names(1_000)), (vec!["stock".into()], vec!["other".to_owned(), "stock".into()]));
    assert_eq!((names(1_999), names(2_000)), (vec!["other".to_owned(), "stock".into()], vec!["other".into()]));
}

#[test]
pub(crate) fn an_index_that_was_filled_meanwhile_is_whole() {
    let db = with_history();
    let table = stock(&db);
    (0..300).for_each(|n| put(&table, &format!("{n}"), n));
    db.flush().unwrap();
    let spec = IndexSpec {
        name: "by_kind".into(),
        kind: IndexKind::Global,
        hash: vec![KeyAttribute::new("kind", KeyType::S)],
        range: Vec::new(),
        projection: Projection::All,
        throughput: None,
    };
    let update = TableUpdate { create_index: Some(spec), ..TableUpdate::default() };
    db.update_table("stock", update).unwrap();
    let created = commit(&db);
    put(&table, "late", 1);
    while db.step().unwrap() != Work::Idle {}
    put(&table, "later", 1);
    let end = commit(&db);
    let early = db.at(Moment::Commit(created)).unwrap();
    let refused = early.table::<S>("stock").unwrap().scan().index("by_kind").page().unwrap_err();
    assert!(matches!(refused.detail(), Some(Detail::IndexCreating { .. })), "{refused}");
    for (commit, count) in [(end - 1, 301), (end, 302)] {
        let snapshot = db.at(Moment::Commit(commit)).unwrap();
        let found = snapshot.table::<S>("stock").unwrap().scan().index("by_kind").items().map(Result::unwrap).count();
        assert_eq!(found, count);
        snapshot.database().verify().unwrap();
    }
}

#[test]
fn a_copy_of_a_moment_takes_writes_and_goes_its_own_way() {
    let db = options().history(HistoryOptions::default()).in_memory().unwrap();
    let table = db.create_table("stock").hash::<S>("sku").stream(StreamView::NewImage).create().unwrap();
    (0..50).for_each(|n| put(&table, &format!("{n}"), n));
    let then = commit(&db);
    (0..50).for_each(|n| put(&table, &format!("{n}"), -1));
    db.flush().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let snapshot = db.at(Moment::Commit(then)).unwrap();
    for copy in [snapshot.database().fork().unwrap(), snapshot.database().fork_into(folder.path()).unwrap()] {
        assert!(copy.history_window().is_none());
        let table = copy.table::<S>("stock").unwrap();
        assert_eq!(table.scan().items().count(), 50);
        assert_eq!(table.get("7").unwrap().unwrap().get("left").unwrap().as_i64(), Some(7));
        put(&table, "new", 1);
        copy.compact().unwrap();
        copy.verify().unwrap();
    }
    drop((db, snapshot));
    let copy = options().open(folder.path()).unwrap();
    assert_eq!(copy.table::<S>("stock").unwrap().scan().items().count(), 51);
}
