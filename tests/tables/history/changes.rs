//! What became of a table's items between two moments.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, Durability, Item, OpenOptions, Table,
    admin::TableSpec,
    history::{HistoryOptions, Moment, Snapshot},
    key::{N, S},
};
use hashrange_test_support::{Random, seeds};
use std::{collections::BTreeMap, time::Duration};

const BEGIN: u64 = 1_800_000_000_000;

fn options() -> OpenOptions {
    let options = Database::options().clock(Clock::manual(BEGIN)).background(false).initial_partitions(3);
    options.durability(Durability::Buffered).log_segment_bytes(4096).memtable_bytes(8192).log_bytes(8192)
}

type Orders = Table<(S, N)>;

fn orders(db: &Database) -> Orders {
    db.create_table("orders").hash::<S>("id").range::<N>("n").open_or_create().unwrap()
}

fn item(key: u64, value: u64) -> Item {
    Item::new().with("id", format!("{}", key % 7)).with("n", key).with("value", value)
}

type Contents = BTreeMap<u64, u64>;

fn number(item: &hashrange::ItemRef, name: &str) -> u64 {
    item.get(name).unwrap().as_u64().unwrap()
}

fn contents(snapshot: &Snapshot) -> Contents {
    let table = snapshot.table::<(S, N)>("orders").unwrap();
    table.scan().items().map(Result::unwrap).map(|item| (number(&item, "n"), number(&item, "value"))).collect()
}

type Change = (Option<u64>, Option<u64>, Option<u64>);

fn changes(later: &Snapshot, earlier: &Snapshot) -> BTreeMap<u64, Change> {
    let all = later.changes_since(earlier, "orders").unwrap().map(Result::unwrap);
    let all: Vec<_> = all
        .map(|change| {
            let value = |item: &Option<hashrange::ItemRef>| item.as_ref().map(|item| number(item, "value"));
            let key = number(change.new.as_ref().or(change.old.as_ref()).unwrap(), "n");
            (key, (value(&change.old), value(&change.new), change.written_millis))
        })
        .collect();
    let count = all.len();
    let map: BTreeMap<u64, Change> = all.into_iter().collect();
    assert_eq!(map.len(), count, "an item once");
    map
}

/// A random step; when an item was changed last is noted, and when it was written, perhaps with what it was before.
fn step(db: &Database, random: &mut Random, now: &mut Contents, written: &mut BTreeMap<u64, (u64, u64)>) {
    let (table, key, value) = (orders(db), random.below(40) as u64, random.next_u64() % 5);
    match random.below(10) {
        0..6 => {
            let millis = db.clock().now_millis();
            let is_new = now.insert(key, value) != Some(value);
            let changed = if is_new { millis } else { written.get(&key).map_or(0, |(changed, _)| *changed) };
            written.insert(key, (changed, millis));
            table.put(&item(key, value)).unwrap();
        }
        6..8 => {
            if now.remove(&key).is_some() {
                written.insert(key, (db.clock().now_millis(), db.clock().now_millis()));
            }
            table.delete((format!("{}", key % 7).as_str(), key as i64)).unwrap();
        }
        8 => drop(db.step().unwrap()),
        _ => db.clock().advance(Duration::from_secs(1)),
    }
}

#[test]
fn changes_are_what_was_written_in_between() {
    for seed in seeds(3) {
        let mut random = Random::new(seed);
        let folder = tempfile::tempdir().unwrap();
        let mut db =
            options().history(HistoryOptions { base_bytes: 6000, ..Default::default() }).open(folder.path()).unwrap();
        let clock = db.clock().clone();
        orders(&db);
        let (mut now, mut written) = (Contents::new(), BTreeMap::new());
        (0..random.below(60)).for_each(|_| step(&db, &mut random, &mut now, &mut written));
        let (then, at_then) = (now.clone(), db.history_window().unwrap().latest.commit);
        written.clear();
        (0..random.below(200)).for_each(|_| step(&db, &mut random, &mut now, &mut written));
        if random.one_in(2) {
            drop(db);
            db = options().clock(clock).open(folder.path()).unwrap();
        }
        let earlier = db.at(Moment::Commit(at_then)).unwrap();
        let later = db.at(Moment::Now).unwrap();
        assert_eq!((contents(&earlier), contents(&later)), (then.clone(), now.clone()));
        let found = changes(&later, &earlier);
        for (key, (changed, last)) in &written {
            let (old, new) = (then.get(key).copied(), now.get(key).copied());
            match found.get(key) {
                Some((before, after, at)) => {
                    assert_eq!((*before, *after), (old, new), "seed {seed}, item {key}");
                    assert!(at.is_some_and(|at| (*changed..=*last).contains(&at)), "seed {seed}, item {key}: {at:?}");
                }
                None => assert!(*changed == 0 || (old.is_none() && new.is_none()), "seed {seed}: {key} is left out"),
            }
        }
        assert!(found.keys().all(|key| written.contains_key(key)), "seed {seed}: what was not written has not changed");

        // A copy has a log of its own: then every item is compared.
        let copy = later.database().fork().unwrap().at(Moment::Now).unwrap();
        let keys = then.keys().chain(now.keys()).filter(|key| then.get(key) != now.get(key));
        let expected: BTreeMap<u64, Change> =
            keys.map(|key| (*key, (then.get(key).copied(), now.get(key).copied(), None))).collect();
        assert_eq!(changes(&copy, &earlier), expected, "seed {seed}");
        assert!(changes(&later, &later).is_empty() && changes(&copy, &later).is_empty());
    }
}

#[test]
fn two_snapshots_are_compared_without_history() {
    let db = options().in_memory().unwrap();
    let table = orders(&db);
    (0..20).for_each(|key| drop(table.put(&item(key, 1)).unwrap()));
    let earlier = db.at(Moment::Now).unwrap();
    (10..30).for_each(|key| drop(table.put(&item(key, 2)).unwrap()));
    // The log between the two is not needed by the database any more.
    db.flush().unwrap();
    (0..200).for_each(|value| drop(table.put(&item(99, value)).unwrap()));
    db.flush().unwrap();
    let later = db.at(Moment::Now).unwrap();
    let found = changes(&later, &earlier);
    assert_eq!(found.len(), 21);
    assert_eq!((found[&10], found[&29]), ((Some(1), Some(2), Some(BEGIN)), (None, Some(2), Some(BEGIN))));
}

#[test]
fn a_table_that_is_another_one_is_new_as_a_whole() {
    let db = options().history(HistoryOptions::default()).in_memory().unwrap();
    let table = orders(&db);
    (0..20).for_each(|key| drop(table.put(&item(key, 1)).unwrap()));
    let earlier = db.at(Moment::Now).unwrap();
    db.delete_table("orders").unwrap();
    let definition = earlier.describe_table("orders").unwrap().definition;
    db.restore_table(&earlier, "orders", TableSpec::like(&definition, "orders")).unwrap();
    let later = db.at(Moment::Now).unwrap();
    let found = changes(&later, &earlier);
    assert!(found.len() == 20 && found.values().all(|change| *change == (None, Some(1), None)));
    assert!(later.changes_since(&earlier, "none").is_err());
}
