//! Tables that are filled before they are there.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, Durability, ErrorKind, Item, OpenOptions,
    admin::{IndexSpec, TableSpec, TableUpdate},
    history::{HistoryOptions, Moment},
    key::{KeyType, N, S},
    request::Scan,
    schema::{IndexKind, KeyAttribute, KeySchema, Projection, StreamView, TableStatus},
};
use hashrange_test_support::{Random, seeds};
use std::collections::BTreeMap;

const BEGIN: u64 = 1_800_000_000_000;

fn options() -> OpenOptions {
    let options = Database::options().clock(Clock::manual(BEGIN)).background(false).initial_partitions(2);
    options.durability(Durability::Buffered).log_segment_bytes(4096).memtable_bytes(16384).split_bytes(16384)
}

fn spec(name: &str) -> TableSpec {
    let attribute = |name: &str, key_type| KeyAttribute::new(name, key_type);
    let index = |name: &str, kind, hash: &str, range: &str| IndexSpec {
        name: name.into(),
        kind,
        hash: vec![attribute(hash, KeyType::S)],
        range: vec![attribute(range, KeyType::N)],
        projection: Projection::All,
        throughput: None,
    };
    let key = KeySchema { hash: attribute("id", KeyType::S), range: Some(attribute("n", KeyType::N)) };
    let indexes =
        vec![index("by_size", IndexKind::Local, "id", "size"), index("by_group", IndexKind::Global, "group", "n")];
    TableSpec { indexes, ..TableSpec::new(name, key) }
}

fn item(n: u64, size: u64) -> Item {
    let item = Item::new().with("id", format!("id {}", n % 5)).with("n", n).with("size", size);
    item.with("group", format!("group {}", size % 3)).with("end", n)
}

fn sizes(db: &Database, table: &str, index: Option<&str>) -> BTreeMap<u64, u64> {
    let mut scan = db.table::<(S, N)>(table).unwrap().scan();
    if let Some(index) = index {
        scan = scan.index(index);
    }
    let items = scan.items().map(Result::unwrap);
    items.map(|item| (item.get("n").unwrap().as_u64().unwrap(), item.get("size").unwrap().as_u64().unwrap())).collect()
}

fn check(db: &Database, table: &str, expected: &BTreeMap<u64, u64>) {
    for index in [None, Some("by_size"), Some("by_group")] {
        assert_eq!(sizes(db, table, index), *expected, "{table} {index:?}");
    }
    db.verify().unwrap();
}

#[test]
fn a_loaded_table_is_what_was_put_last_and_takes_writes() {
    for seed in seeds(3) {
        let mut random = Random::new(seed);
        let folder = tempfile::tempdir().unwrap();
        let db = options().history(HistoryOptions::default()).open(folder.path()).unwrap();
        let mut loader = db.load_table(TableSpec { stream: Some(StreamView::NewImage), ..spec("orders") }).unwrap();
        let mut expected = BTreeMap::new();
        for _ in 0..random.below(800) {
            let (n, size) = (random.below(300) as u64, random.below(9) as u64);
            loader.put(&item(n, size)).unwrap();
            expected.insert(n, size);
            if random.one_in(50) {
                while db.step().unwrap() != hashrange::inspect::Work::Idle {}
            }
        }
        let before = db.facts().log.last_seqno;
        let description = loader.finish().unwrap();
        assert_eq!(description.definition.status, TableStatus::Active);
        check(&db, "orders", &expected);
        assert_eq!(db.list_streams(Some("orders")).len(), 1);
        // Writes are newer than what was loaded.
        let table = db.table::<(S, N)>("orders").unwrap();
        for n in (0..300).step_by(7) {
            table.put(&item(n, 100)).unwrap();
            expected.insert(n, 100);
        }
        check(&db, "orders", &expected);
        let end = db.facts().log.last_seqno;
        assert!(db.at(Moment::Commit(before)).unwrap().table::<(S, N)>("orders").is_err());
        check(db.at(Moment::Commit(end)).unwrap().database(), "orders", &expected);
        db.compact().unwrap();
        drop((db, table));
        check(&options().open(folder.path()).unwrap(), "orders", &expected);
    }
}

/// The item went in below the tombstone of a sweep, which had no business there.
#[test]
fn an_item_that_is_loaded_again_after_its_end_stays() {
    let clock = Clock::manual(1_795_000_000_000);
    let db = options().clock(clock.clone()).in_memory().unwrap();
    let mut loader = db.load_table(TableSpec { ttl_attribute: Some("end".into()), ..spec("orders") }).unwrap();
    let ending = |n, secs: u64| item(n, n).with("end", secs);
    (0..20).for_each(|n| loader.put(&ending(n, 1_794_000_000)).unwrap());
    assert_eq!(db.sweep_now().unwrap(), 0, "it can be neither read nor written");
    (0..10).for_each(|n| loader.put(&ending(n, 1_796_000_000)).unwrap());
    loader.finish().unwrap();
    assert_eq!(db.sweep_now().unwrap(), 10);
    let table = db.table::<(S, N)>("orders").unwrap();
    assert_eq!(table.scan().items().map(Result::unwrap).count(), 10);
    db.verify().unwrap();
}

#[test]
fn nothing_of_it_is_seen_before_its_end() {
    let db = options().in_memory().unwrap();
    let mut loader = db.load_table(spec("orders")).unwrap();
    (0..100).for_each(|n| loader.put(&item(n, n)).unwrap());
    assert_eq!((loader.items(), loader.definition().status), (100, TableStatus::Creating));
    assert_eq!(db.describe_table("orders").unwrap().definition.status, TableStatus::Creating);
    assert_eq!(db.list_tables(), ["orders"]);
    assert_eq!(db.table::<(S, N)>("orders").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(db.execute(&Scan::new("orders")).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(db.delete_table("orders").unwrap_err().kind(), ErrorKind::InUse);
    assert_eq!(db.update_table("orders", TableUpdate::default()).unwrap_err().kind(), ErrorKind::InUse);
    assert_eq!(db.load_table(spec("orders")).unwrap_err().kind(), ErrorKind::InUse);
    let refused = loader.put(&Item::new().with("id", "x")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Validation);
    let then = db.at(Moment::Now).unwrap();
    assert!(then.table::<(S, N)>("orders").is_err());
    assert_eq!(then.database().fork().unwrap().list_tables(), [""; 0], "a copy gives up what was under way");
    db.verify().unwrap();
    drop(loader);
    assert_eq!(db.list_tables(), [""; 0]);
    db.load_table(spec("orders")).unwrap().finish().unwrap();
    check(&db, "orders", &BTreeMap::new());
}

#[test]
fn a_table_is_restored_from_a_moment_and_from_another_database() {
    let db = options().history(HistoryOptions::default()).in_memory().unwrap();
    db.create_table_from(TableSpec { ttl_attribute: Some("end".into()), ..spec("orders") }).unwrap();
    let table = db.table::<(S, N)>("orders").unwrap();
    (0..200).for_each(|n| drop(table.put(&item(n, n)).unwrap()));
    let (then, expected) = (db.facts().log.last_seqno, (0..200).map(|n| (n, n)).collect());
    (0..200).for_each(|n| drop(table.put(&item(n, 0)).unwrap()));
    let snapshot = db.at(Moment::Commit(then)).unwrap();
    let definition = snapshot.describe_table("orders").unwrap().definition;
    let other = options().in_memory().unwrap();
    for db in [&db, &other] {
        let description = db.restore_table(&snapshot, "orders", TableSpec::like(&definition, "restored")).unwrap();
        assert_eq!((description.item_count, description.definition.ttl_attribute.is_some()), (200, false));
        check(db, "restored", &expected);
    }
    let fewer = TableSpec { indexes: Vec::new(), ..TableSpec::like(&definition, "fewer") };
    assert!(db.restore_table(&snapshot, "orders", fewer).unwrap().indexes.is_empty());
    let another = KeySchema { hash: KeyAttribute::new("id", KeyType::S), range: None };
    let refused = db.restore_table(&snapshot, "orders", TableSpec::new("another", another)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Validation);
    assert!(db.restore_table(&snapshot, "none", TableSpec::like(&definition, "another")).is_err());
    assert_eq!(db.list_tables(), ["fewer", "orders", "restored"]);
}
