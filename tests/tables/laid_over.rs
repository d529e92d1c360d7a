//! Queries of collections whose versions are in memtables and several runs: each item comes once, in its newest version,
//! wherever that is.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Database, Item, ItemRef, ReadMode, Table,
    key::{N, S, between},
};
use hashrange_test_support::{Random, seeds};
use std::collections::BTreeMap;

/// Versions by number.
type Model = BTreeMap<u64, u64>;

fn told(item: &ItemRef) -> (u64, u64) {
    let number = |name: &str| item.get(name).and_then(|value| value.as_u64()).unwrap();
    (number("number"), number("version"))
}

/// One query of a range, in either direction, page by page.
fn check(table: &Table<(S, N)>, model: &Model, random: &mut Random, keys: usize) {
    let (one, other) = (random.below(keys) as u64, random.below(keys) as u64);
    let (lower, upper) = (one.min(other), one.max(other));
    let is_whole = random.one_in(2);
    let mut expected: Vec<(u64, u64)> = match is_whole {
        true => model.iter().map(|(number, version)| (*number, *version)).collect(),
        false => model.range(lower..=upper).map(|(number, version)| (*number, *version)).collect(),
    };
    let mut query = table.query("q");
    if !is_whole {
        query = query.range(between(lower, upper));
    }
    if random.one_in(2) {
        query = query.descending();
        expected.reverse();
    }
    let limit = 1 + random.below(keys);
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = match after.take() {
            Some(key) => query.clone().start_after(key),
            None => query.clone(),
        };
        let page = page.limit(limit).page().unwrap();
        assert_eq!((page.count, page.scanned_count), (page.items.len(), page.items.len()));
        found.extend(page.items.iter().map(told));
        after = page.last_evaluated_key();
        if after.is_none() {
            break;
        }
        assert_eq!(page.count, limit, "a page that is not the last is full");
    }
    assert_eq!(found, expected, "{lower} to {upper}, whole: {is_whole}");
    let count = query.count_only().page().unwrap().count;
    assert_eq!(count, expected.len());
}

fn history(seed: u64, mode: ReadMode, keys: usize) {
    let folder = tempfile::tempdir().unwrap();
    let options = Database::options().seed(1).background(false).initial_partitions(1).read_mode(mode);
    let db = options.open(folder.path()).unwrap();
    let table = db.create_table("queue").hash::<S>("queue").range::<N>("number").create().unwrap();
    let (mut random, mut model) = (Random::new(seed), Model::new());
    for step in 0..40 {
        for _ in 0..random.below(keys) {
            let number = random.below(keys) as u64;
            if random.one_in(4) {
                table.delete(("q", number)).unwrap();
                model.remove(&number);
            } else {
                table.put(&Item::new().with("queue", "q").with("number", number).with("version", step)).unwrap();
                model.insert(number, step);
            }
        }
        if random.one_in(3) {
            db.flush().unwrap();
        }
        if random.one_in(10) {
            db.compact().unwrap();
        }
        (0..4).for_each(|_| check(&table, &model, &mut random, keys));
    }
    assert!(db.verify().is_ok());
}

#[test]
fn small_collections_agree_with_a_map() {
    for seed in seeds(2) {
        history(seed, ReadMode::Mapped, 12);
        history(seed, ReadMode::Buffered, 12);
    }
}

#[test]
fn collections_that_become_too_large_to_be_laid_over_agree_with_a_map() {
    for seed in seeds(1) {
        history(seed, ReadMode::Mapped, 40);
        history(seed, ReadMode::Buffered, 40);
    }
}

/// Of two collections with one partition key, that of a local index must not be taken for that of the items.
#[test]
fn collections_of_an_index_stay_apart() {
    let db = Database::options().seed(1).background(false).initial_partitions(1).in_memory().unwrap();
    let builder = db.create_table("queue").hash::<S>("queue").range::<N>("number");
    let table = builder.lsi(hashrange::admin::index("by_rank").range::<N>("rank").keys_only()).create().unwrap();
    for round in 0..3u64 {
        for number in 0..6u64 {
            let rank = 100 - number * 7 % 5 - round;
            table
                .put(&Item::new().with("queue", "q").with("number", number).with("rank", rank).with("version", round))
                .unwrap();
        }
        let numbers = |items: Vec<ItemRef>| -> Vec<u64> {
            items.iter().map(|item| item.get("number").unwrap().as_u64().unwrap()).collect()
        };
        assert_eq!(numbers(table.query("q").page().unwrap().items), [0, 1, 2, 3, 4, 5]);
        let by_rank = table.query("q").index("by_rank").page().unwrap().items;
        assert!(by_rank.is_sorted_by_key(|item| item.get("rank").unwrap().as_u64()) && by_rank.len() == 6);
        db.flush().unwrap();
    }
}
