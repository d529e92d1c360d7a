//! Versions of one item, and tables in one number.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, Durability, ErrorKind, Item, OpenOptions,
    admin::TableSpec,
    error::Detail,
    history::{HistoryOptions, ItemVersion, Moment},
    key::{N, S},
};
use hashrange_test_support::{Random, seeds};
use std::time::Duration;

const BEGIN: u64 = 1_800_000_000_000;

fn options() -> OpenOptions {
    let options = Database::options().clock(Clock::manual(BEGIN)).background(false).initial_partitions(2);
    options.durability(Durability::Buffered).log_segment_bytes(4096).memtable_bytes(8192).log_bytes(8192)
}

fn shown(versions: &[ItemVersion]) -> Vec<(u64, Option<u64>)> {
    let left = |version: &ItemVersion| version.item.as_ref().map(|item| item.get("left").unwrap().as_u64().unwrap());
    versions.iter().map(|version| (version.at_millis - BEGIN, left(version))).collect()
}

#[test]
fn versions_are_what_each_commit_made_of_the_item() {
    for seed in seeds(3) {
        let mut random = Random::new(seed);
        let folder = tempfile::tempdir().unwrap();
        let history = HistoryOptions { base_bytes: 6000, ..HistoryOptions::default() };
        let mut db = options().open(folder.path()).unwrap();
        db.create_table("stock").hash::<S>("sku").range::<N>("n").create().unwrap();
        let clock = db.clock().clone();
        let mut expected: Vec<(u64, Option<u64>)> = Vec::new();
        if random.one_in(2) {
            let stock = db.table::<(S, N)>("stock").unwrap();
            stock.put(&Item::new().with("sku", "a").with("n", 1).with("left", 1000)).unwrap();
            expected.push((0, Some(1000)));
        }
        db.keep_history(history).unwrap();
        for value in 0..60 {
            let stock = db.table::<(S, N)>("stock").unwrap();
            clock.advance(Duration::from_millis(random.below(3) as u64));
            let now = clock.now_millis() - BEGIN;
            match random.below(12) {
                0..4 => {
                    stock.put(&Item::new().with("sku", "a").with("n", 1).with("left", value)).unwrap();
                    expected.push((now, Some(value)));
                }
                4 => {
                    let was_there = expected.last().is_some_and(|(_, left)| left.is_some());
                    stock.delete(("a", 1)).unwrap();
                    expected.extend(was_there.then_some((now, None)));
                }
                5..8 => {
                    stock.put(&Item::new().with("sku", "a").with("n", 2).with("text", "x".repeat(300))).unwrap();
                }
                8 => db.flush().unwrap(),
                9 => drop(db.step().unwrap()),
                10 => {
                    drop((db, stock));
                    db = options().clock(clock.clone()).open(folder.path()).unwrap();
                }
                _ => {
                    let was_there = expected.last().is_some_and(|(_, left)| left.is_some());
                    db.delete_table("stock").unwrap();
                    expected.extend(was_there.then_some((now, None)));
                    db.create_table("stock").hash::<S>("sku").range::<N>("n").create().unwrap();
                }
            }
        }
        let key = Item::new().with("sku", "a").with("n", 1);
        assert_eq!(shown(&db.item_versions("stock", &key).unwrap()), expected, "seed {seed}");
        assert!(db.item_versions("stock", &Item::new().with("sku", "b").with("n", 1)).unwrap().is_empty());
        assert_eq!(db.item_versions("none", &key).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(db.item_versions("stock", &Item::new().with("sku", "b")).unwrap_or_default().len(), 0);
        db.stop_history().unwrap();
        let refused = db.item_versions("stock", &key).unwrap_err();
        assert!(matches!(refused.detail(), Some(Detail::OutsideHistory { .. })));
    }
}

#[test]
fn equal_items_have_equal_digests_whatever_led_to_them() {
    let mut random = Random::new(1);
    let (one, other) = (options().in_memory().unwrap(), options().initial_partitions(7).in_memory().unwrap());
    let item = |n: u64, left: u64| Item::new().with("sku", format!("{}", n % 5)).with("n", n).with("left", left);
    for db in [&one, &other] {
        db.create_table("stock").hash::<S>("sku").range::<N>("n").create().unwrap();
    }
    let (stock, copy) = (one.table::<(S, N)>("stock").unwrap(), other.table::<(S, N)>("stock").unwrap());
    for n in 0..300 {
        stock.put(&item(n % 100, random.below(1000) as u64)).unwrap();
    }
    one.compact().unwrap();
    (0..100).for_each(|n| drop(stock.put(&item(n, n)).unwrap()));
    (50..60).for_each(|n| drop(stock.delete((format!("{}", n % 5).as_str(), n as i64)).unwrap()));
    (0..100).rev().filter(|n| !(50..60).contains(n)).for_each(|n| drop(copy.put(&item(n, n)).unwrap()));
    let digest = one.digest("stock").unwrap();
    assert_eq!((digest, digest.items), (other.digest("stock").unwrap(), 90));
    let snapshot = one.at(Moment::Now).unwrap();
    assert_eq!(snapshot.database().digest("stock").unwrap(), digest);
    let spec = TableSpec::like(&snapshot.describe_table("stock").unwrap().definition, "restored");
    other.restore_table(&snapshot, "stock", spec).unwrap();
    assert_eq!(other.digest("restored").unwrap(), digest);
    copy.put(&item(1, 2)).unwrap();
    assert_ne!(other.digest("stock").unwrap(), digest);
    copy.put(&item(1, 1)).unwrap();
    assert_eq!(other.digest("stock").unwrap(), digest);
    assert_eq!(one.digest("none").unwrap_err().kind(), ErrorKind::NotFound);
}
