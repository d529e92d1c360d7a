//! Time to live with a clock that is moved by hand.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    AttributeValue, Clock, Database, Durability, Item, Table,
    admin::{TableUpdate, TtlStatus, index},
    file::Disk,
    inspect::Work,
    key::{N, S},
    schema::StreamView,
    streams::{ChangeEvent, IteratorStart},
    testing::SimulatedDisk,
};
use hashrange_test_support::{Random, seeds};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const NOW_SECS: u64 = 1_795_000_000;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn clock() -> Clock {
    Clock::manual(NOW_SECS * 1000)
}

fn in_memory(clock: &Clock) -> Database {
    Database::options().clock(clock.clone()).seed(1).background(false).in_memory().unwrap()
}

fn sessions(db: &Database) -> Table<S> {
    db.create_table("sessions")
        .hash::<S>("id")
        .gsi(index("by_user").hash::<S>("user").range::<N>("ends"))
        .stream(StreamView::NewAndOld)
        .ttl("ends")
        .open_or_create()
        .unwrap()
}

/// The same without an index or a stream: nothing is derived from its changes but when items end.
fn plain_sessions(db: &Database) -> Table<S> {
    db.create_table("sessions").hash::<S>("id").ttl("ends").open_or_create().unwrap()
}

fn put(table: &Table<S>, id: &str, ends: impl Into<AttributeValue>) {
    table.put(&Item::new().with("id", id).with("user", "u").with("ends", ends)).unwrap();
}

fn work_off(db: &Database) {
    while db.step().unwrap() != Work::Idle {}
}

#[test]
fn expired_items_go_and_indexes_and_streams_see_it() {
    let clock = clock();
    let db = in_memory(&clock);
    let table = sessions(&db);
    for n in 0..200 {
        put(&table, &format!("s{n}"), NOW_SECS + 10 * n);
    }
    assert_eq!(db.sweep_now().unwrap(), 0, "an item stays through its own second");
    clock.advance(Duration::from_secs(1000));
    assert_eq!(table.scan().items().count(), 200, "expired items are visible until they are swept");
    assert_eq!(db.sweep_now().unwrap(), 100);
    assert_eq!(db.sweep_now().unwrap(), 0);
    assert_eq!(table.scan().items().count(), 100);
    assert!(table.get("s99").unwrap().is_none());
    assert!(table.get("s100").unwrap().is_some(), "the present second has not passed");
    let by_user = db.dynamic_table("sessions").unwrap();
    assert_eq!(by_user.query("u").index("by_user").items().count(), 100);
    assert!(by_user.scan().index(":expiry").page().is_err());
    db.verify().unwrap();

    let stream = db.list_streams(None).remove(0);
    let mut removed = 0;
    for shard in &stream.shards {
        let at = db.shard_iterator("sessions", &stream.label, &shard.id, &IteratorStart::TrimHorizon).unwrap();
        for record in db.stream_records(&at, None).unwrap().records {
            assert_eq!(record.by_ttl, record.event == ChangeEvent::Remove);
            removed += usize::from(record.by_ttl);
        }
    }
    assert_eq!(removed, 100);
}

#[test]
fn a_table_in_which_much_expires_does_not_keep_others_waiting() {
    let clock = clock();
    let db = in_memory(&clock);
    let tables = ["table-a", "table-b"].map(|name| db.create_table(name).hash::<S>("id").ttl("ends").create().unwrap());
    for n in 0..5000 {
        tables[0].put(&Item::new().with("id", format!("i{n}")).with("ends", NOW_SECS)).unwrap();
    }
    tables[1].put(&Item::new().with("id", "only").with("ends", NOW_SECS)).unwrap();
    clock.advance(Duration::from_secs(10));
    let mut steps = 0;
    while tables[1].get("only").unwrap().is_some() {
        assert_eq!(db.step().unwrap(), Work::Expired);
        steps += 1;
    }
    // It is deleted by the second step, and seen to be gone with the sync that comes after 1,024 items, 16 a step.
    assert!(steps <= 64, "{steps} steps");
    assert!(tables[0].scan().items().count() > 3000);
}

#[test]
fn only_numbers_of_the_last_five_years_count() {
    let clock = clock();
    let db = in_memory(&clock);
    let table = db.create_table("sessions").hash::<S>("id").ttl("ends").create().unwrap();
    table.put(&Item::new().with("id", "none")).unwrap();
    table.put(&Item::new().with("id", "text").with("ends", AttributeValue::Null)).unwrap();
    put(&table, "old", NOW_SECS - 5 * 365 * 24 * 60 * 60 - 1);
    put(&table, "millis", NOW_SECS * 1000);
    put(&table, "negative", -5);
    put(&table, "just", NOW_SECS - 1);
    assert_eq!(db.sweep_now().unwrap(), 1);
    assert!(table.get("just").unwrap().is_none());
    assert_eq!(table.scan().items().count(), 5);
    db.verify().unwrap();
}

#[test]
fn an_item_whose_end_is_moved_in_time_stays() {
    let clock = clock();
    let db = in_memory(&clock);
    let table = sessions(&db);
    put(&table, "a", NOW_SECS + 1);
    put(&table, "b", NOW_SECS + 1);
    clock.advance(Duration::from_secs(60));
    put(&table, "a", NOW_SECS + 3600);
    table.put(&Item::new().with("id", "b")).unwrap();
    assert_eq!(db.sweep_now().unwrap(), 0);
    clock.advance(DAY);
    assert_eq!(db.sweep_now().unwrap(), 1);
    assert!(table.get("b").unwrap().is_some());
}

#[test]
fn expired_items_can_be_hidden_from_reads() {
    let clock = clock();
    let open = Database::options().clock(clock.clone()).background(false).hide_expired(true);
    let db = open.in_memory().unwrap();
    let table = sessions(&db);
    put(&table, "a", NOW_SECS + 1);
    put(&table, "b", NOW_SECS + 100);
    clock.advance(Duration::from_secs(60));
    assert!(table.get("a").unwrap().is_none());
    assert_eq!(table.scan().items().count(), 1);
    let page = db.dynamic_table("sessions").unwrap().query("u").index("by_user").page().unwrap();
    assert_eq!((page.count, page.scanned_count), (1, 2));
    // Writers see it: it is there.
    let old = table.delete_with("a").return_old().send().unwrap();
    assert!(old.attributes().is_some());
}

#[test]
fn hidden_items_take_no_place_of_a_limit_in_a_transaction() {
    let clock = clock();
    let db = Database::options().clock(clock.clone()).background(false).hide_expired(true).in_memory().unwrap();
    let holds = db.create_table("holds").hash::<S>("seat").range::<N>("number").ttl("until").create().unwrap();
    for number in 1..=4 {
        let until = if number <= 2 { NOW_SECS + 1 } else { NOW_SECS + 100 };
        holds.put(&Item::new().with("seat", "7").with("number", number).with("until", until)).unwrap();
    }
    clock.advance(Duration::from_secs(60));
    let (mut runs, mut seen) = (0, Vec::new());
    db.transaction(|tx| {
        runs += 1;
        let first = tx.query(&holds, "7", |query| query.limit(1))?;
        seen = first.iter().map(|item| item.get("number").unwrap().as_u64().unwrap()).collect();
        if runs == 1 {
            holds.delete(("7", 3))?; // what was read is compared, although hidden items lie before it
        }
        tx.put(&holds, &Item::new().with("seat", "8").with("number", 1))
    })
    .unwrap();
    assert_eq!((runs, seen), (2, vec![4]));
    let first = holds.query("7").first().unwrap().unwrap();
    assert_eq!(first.get("number").unwrap().as_u64(), Some(4), "as outside of a transaction");
    clock.advance(Duration::from_secs(3600));
    let none = db.transaction(|tx| tx.query(&holds, "7", |query| query.limit(1))).unwrap();
    assert!(none.is_empty(), "{none:?}");
}

#[test]
fn ttl_is_turned_on_for_what_is_there_and_off() {
    let clock = clock();
    let db = in_memory(&clock);
    let table = db.create_table("sessions").hash::<S>("id").create().unwrap();
    for n in 0..1500 {
        put(&table, &format!("s{n}"), NOW_SECS + n);
    }
    assert_eq!(db.describe_ttl("sessions").unwrap().status, TtlStatus::Disabled);
    let enabling = db.update_ttl("sessions", "ends", true).unwrap();
    assert_eq!((enabling.status, enabling.attribute.as_deref()), (TtlStatus::Enabling, Some("ends")));
    work_off(&db);
    assert_eq!(db.describe_ttl("sessions").unwrap().status, TtlStatus::Enabled);
    let refused = |attribute, on| db.update_ttl("sessions", attribute, on).unwrap_err().message().to_owned();
    assert_eq!(refused("ends", true), "TimeToLive is already enabled");
    assert!(refused("other", true).contains("current AttributeName is ends"));
    clock.advance(Duration::from_secs(500));
    work_off(&db);
    assert_eq!(table.scan().items().count(), 1000);
    db.update_ttl("sessions", "ends", false).unwrap();
    assert_eq!(refused("ends", false), "TimeToLive is already disabled");
    clock.advance(DAY);
    work_off(&db);
    assert_eq!(db.sweep_now().unwrap(), 0);
    let ttl_attribute = Some(Some("ends".to_owned()));
    db.update_table("sessions", TableUpdate { ttl_attribute, ..TableUpdate::default() }).unwrap();
    assert_eq!(db.sweep_now().unwrap(), 1000);
    db.verify().unwrap();
    db.delete_table("sessions").unwrap();
}

fn open_small(disk: Arc<dyn Disk>, clock: &Clock) -> Database {
    Database::options()
        .clock(clock.clone())
        .seed(1)
        .background(false)
        .initial_partitions(2)
        .memtable_bytes(24 << 10)
        .split_bytes(4 << 10)
        .log_segment_bytes(16 << 10)
        .log_bytes(64 << 10)
        .open_on(disk)
        .unwrap()
}

#[test]
fn a_sweep_leaves_exactly_what_has_not_expired() {
    for (seed, sessions) in seeds(2).zip([sessions, plain_sessions].into_iter().cycle()) {
        let clock = clock();
        let mut random = Random::new(seed);
        let mut disk = SimulatedDisk::new(seed);
        let mut db = open_small(Arc::new(disk.clone()), &clock);
        let mut table = sessions(&db);
        let mut model: BTreeMap<String, u64> = BTreeMap::new();
        for _ in 0..1000 {
            let id = format!("s{}", random.below_u64(80));
            let ends = clock.now_secs() + random.below_u64(400) - 20;
            if random.below_u64(8) == 0 {
                table.delete(&id).unwrap();
                model.remove(&id);
            } else {
                put(&table, &id, ends);
                model.insert(id, ends);
            }
            match random.below_u64(60) {
                0 => db.flush().unwrap(),
                1 => db.compact().unwrap(),
                2..=6 => clock.advance(Duration::from_secs(random.below_u64(60))),
                7 => {
                    if random.below_u64(2) == 0 {
                        let after = disk.crash(random.below_u64(u64::MAX));
                        drop((table, db));
                        disk = after;
                    } else {
                        drop((table, db));
                    }
                    db = open_small(Arc::new(disk.clone()), &clock);
                    table = sessions(&db);
                }
                8 | 9 => {
                    db.sweep_now().unwrap();
                    let now = clock.now_secs();
                    model.retain(|_, ends| *ends >= now);
                    let left: Vec<String> = table
                        .scan()
                        .items()
                        .map(|item| item.unwrap().get("id").unwrap().as_str().unwrap().to_owned())
                        .collect();
                    let mut left_sorted = left.clone();
                    left_sorted.sort();
                    assert_eq!(left_sorted, model.keys().cloned().collect::<Vec<_>>(), "seed {seed}");
                    db.verify().unwrap();
                }
                10..=25 => {
                    let _ = db.step().unwrap();
                    let present: Vec<String> = table
                        .scan()
                        .items()
                        .map(|item| item.unwrap().get("id").unwrap().as_str().unwrap().to_owned())
                        .collect();
                    model.retain(|id, ends| present.contains(id) || *ends >= clock.now_secs());
                }
                _ => {}
            }
        }
        db.verify().unwrap();
    }
}

#[test]
fn the_background_thread_sweeps() {
    let db = Database::options().durability(Durability::Buffered).in_memory().unwrap();
    let table = sessions(&db);
    let now = db.clock().now_secs();
    for n in 0..300 {
        put(&table, &format!("s{n}"), if n % 3 == 0 { now + 1000 } else { now - 10 });
    }
    for _ in 0..500 {
        if table.scan().items().count() == 100 {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{} items are left", table.scan().items().count());
}

#[test]
fn sweeps_go_on_at_the_end_of_time() {
    let clock = clock();
    let db = in_memory(&clock);
    let table = sessions(&db);
    clock.set_millis(u64::MAX);
    (0..3).for_each(|_| assert!(db.step().is_ok()));
    table.put(&Item::new().with("id", "a")).unwrap();
    let mut consumer = table.stream().unwrap().checkpoint("c");
    assert!(consumer.next_batch(Duration::ZERO).is_ok());
}

/// Background work needs no call: an opened database is enough.
#[test]
fn items_expire_in_a_database_of_which_nothing_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let db = Database::options().clock(clock.clone()).background(false).open(folder.path()).unwrap();
    put(&sessions(&db), "a", NOW_SECS + 60);
    db.close().unwrap();
    clock.advance(DAY);

    let db = Database::options().clock(clock).open(folder.path()).unwrap();
    let has_expired = (0..12_000).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        db.statistics().items_expired == 1
    });
    assert!(has_expired, "nothing expires");
}
