//! Secondary indexes: lag as the service has it, limits of item collections, typed reads.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    AttributeValue, Clock, Database, Durability, ErrorKind, Item, ItemRef, Table,
    admin::{IndexSpec, TableSpec, TableUpdate, index},
    file::{Disk, MemoryDisk},
    inspect::Work,
    key::{KeyType, N, S},
    schema::{IndexKind, KeyAttribute, KeySchema, Projection},
    service::{Delay, IndexLag, StaleReplica},
    testing::{Fault, FaultPlan, Operation, SimulatedDisk},
};
use hashrange_test_support::seeds;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const START: u64 = 1_800_000_000_000;

/// Whole numbers by chance, the same in each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

fn lagging(seed: u64) -> (Database, Clock, Table<(S, N)>) {
    let clock = Clock::manual(START);
    let db = Database::options().clock(clock.clone()).background(false).initial_partitions(2).split_bytes(8 << 10);
    let db = db.memtable_bytes(8 << 10).runs_per_partition(2).seed(seed).in_memory().unwrap();
    let table = db.create_table("tab").hash::<S>("h").range::<N>("r");
    let table = table.gsi(index("by_a").hash::<N>("a").range::<N>("b")).create().unwrap();
    (db, clock, table)
}

fn item(h: u64, r: u64, a: Option<u64>, b: u64, version: u64) -> Item {
    let item = Item::new().with("h", format!("h{h}")).with("r", r).with("b", b).with("version", version);
    a.into_iter().fold(item, |item, a| item.with("a", a))
}

fn items(found: impl Iterator<Item = hashrange::Result<ItemRef>>) -> Vec<Item> {
    found.map(|item| item.unwrap().to_item()).collect()
}

fn number(item: &Item, name: &str) -> Option<u64> {
    item.get(name)?.as_number()?.to_u64()
}

/// Each item's versions with the moments from which the index shows them.
type Versions = BTreeMap<(u64, u64), Vec<(u64, Option<Item>)>>;

fn shown(versions: &Versions, now: u64, a: Option<u64>) -> Vec<Item> {
    let mut entries: Vec<(u64, u64, u64, u64, Item)> = Vec::new();
    for ((h, r), versions) in versions {
        let last = versions.iter().rfind(|(from, _)| *from <= now).and_then(|(_, item)| item.clone());
        if let Some(item) = last
            && let (Some(its_a), Some(b)) = (number(&item, "a"), number(&item, "b"))
            && a.is_none_or(|a| a == its_a)
        {
            entries.push((its_a, b, *h, *r, item));
        }
    }
    entries.sort_by_key(|(a, b, h, r, _)| (*a, *b, *h, *r));
    entries.into_iter().map(|(.., item)| item).collect()
}

fn sorted(mut items: Vec<Item>) -> Vec<Item> {
    let text = |item: &Item| item.get("h").and_then(|h| h.as_str().map(str::to_owned));
    items.sort_by_key(|item| (number(item, "a"), number(item, "b"), text(item), number(item, "r")));
    items
}

/// Random writes under a fixed lag, with flushes, compactions and splits between them: at each moment the index shows
/// exactly the items as they were so many milliseconds ago, whatever way it is read.
#[test]
fn a_lagging_index_shows_the_past() {
    for seed in seeds(3) {
        let (db, clock, table) = lagging(seed);
        let lag = IndexLag { delay: Delay::Fixed(100), stale: StaleReplica::default(), seed };
        db.set_index_lag("tab", "by_a", Some(lag)).unwrap();
        let mut chance = Chance(seed);
        let mut versions = Versions::new();
        for step in 0..400 {
            let (h, r) = (chance.below(4), chance.below(6));
            let now = clock.now_millis();
            match chance.below(12) {
                0..6 => {
                    let a = (chance.below(4) > 0).then(|| chance.below(3));
                    let new = item(h, r, a, chance.below(4), step);
                    table.put(&new).unwrap();
                    versions.entry((h, r)).or_default().push((now + 100, Some(new)));
                }
                6 => {
                    table.delete((format!("h{h}"), r)).unwrap();
                    versions.entry((h, r)).or_default().push((now + 100, None));
                }
                7 => db.flush().unwrap(),
                8 => drop(db.step().unwrap()),
                9 => clock.advance(Duration::from_millis(chance.below(120))),
                10 => {
                    let a = chance.below(3);
                    let mut expected = shown(&versions, now, Some(a));
                    let query = table.query_index("by_a", [a]).limit(1 + chance.below(3) as usize);
                    let pages = |query: hashrange::table::Read<hashrange::request::Query<'static>>| -> Vec<Item> {
                        query.pages().flat_map(|page| page.unwrap().items).map(|item| item.to_item()).collect()
                    };
                    assert_eq!(pages(query.clone()), expected, "seed {seed}, step {step}");
                    expected.reverse();
                    assert_eq!(pages(query.descending()), expected, "seed {seed}, step {step}, descending");
                }
                _ => {
                    let segments = 1 + chance.below(3) as u32;
                    let scan = |segment| items(table.scan_index("by_a").segment(segment, segments).items());
                    let found = sorted((0..segments).flat_map(scan).collect());
                    assert_eq!(found, shown(&versions, now, None), "seed {seed}, step {step}, scan");
                }
            }
        }
        db.verify().unwrap();
        clock.advance(Duration::from_millis(100));
        assert_eq!(sorted(items(table.scan_index("by_a").items())), shown(&versions, u64::MAX, None));
    }
}

/// Delays by chance never bring an item's changes in another order, and a stale replica shows the past now and then.
#[test]
fn changes_of_an_item_arrive_in_their_order() {
    let (db, clock, table) = lagging(7);
    let stale = StaleReplica { reads_per_thousand: 300, behind_millis: 500 };
    let lag = IndexLag { delay: Delay::Exponential(200), stale, seed: 9 };
    db.set_index_lag("tab", "by_a", Some(lag)).unwrap();
    let (mut older, mut newest) = (0, 0);
    for version in 1..=2000 {
        table.put(&item(1, 1, Some(1), 1, version)).unwrap();
        clock.advance(Duration::from_millis(10));
        let found = items(table.query_index("by_a", [1]).items());
        let found = found.first().map_or(0, |item| number(item, "version").unwrap());
        assert!(found <= version);
        older += u64::from(found < newest);
        newest = newest.max(found);
    }
    assert!((200..800).contains(&older), "{older} reads of 2000 were behind an earlier one");
    let fresh = IndexLag { stale: StaleReplica::default(), ..lag };
    db.set_index_lag("tab", "by_a", Some(fresh)).unwrap();
    let mut last = 2000;
    for version in 2001..=3000 {
        table.put(&item(1, 1, Some(1), 1, version)).unwrap();
        clock.advance(Duration::from_millis(10));
        let found = number(&items(table.query_index("by_a", [1]).items())[0], "version").unwrap();
        assert!((last..=version).contains(&found), "{found} after {last}");
        last = found;
    }
    assert!(last < 3000);
}

#[test]
fn lag_ends_with_the_setting_with_the_index_and_with_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let lag = IndexLag { delay: Delay::Fixed(1000), stale: StaleReplica::default(), seed: 1 };
    let count = |table: &Table<S>| table.scan_index("by_a").items().count();
    let put = |table: &Table<S>, id: &str| table.put(&Item::new().with("id", id).with("a", 1)).map(drop);
    {
        let db = Database::options().clock(clock.clone()).open(folder.path()).unwrap();
        let table = db.create_table("tab").hash::<S>("id").gsi(index("by_a").hash::<N>("a")).create().unwrap();
        assert!(db.set_index_lag("tab", "none", Some(lag)).is_err());
        db.set_index_lag("tab", "by_a", Some(lag)).unwrap();
        put(&table, "1").unwrap();
        assert_eq!(count(&table), 0);
        let consistent = table.query_index("by_a", [1]).consistent(true).page().unwrap_err();
        assert!(consistent.message().contains("Consistent reads are not supported on global secondary indexes"));
        db.set_index_lag("tab", "by_a", None).unwrap();
        assert_eq!(count(&table), 1);
        db.set_index_lag("tab", "by_a", Some(lag)).unwrap();
        put(&table, "2").unwrap();
        assert_eq!(count(&table), 1);
    }
    let db = Database::options().clock(clock).open(folder.path()).unwrap();
    let table = db.table::<S>("tab").unwrap();
    assert_eq!(count(&table), 2);
    db.verify().unwrap();
}

fn limited(limit: u64) -> (Database, Table<(S, N)>) {
    let db = Database::options().collection_limit_bytes(limit).in_memory().unwrap();
    let table = db.create_table("tab").hash::<S>("h").range::<N>("r");
    let table = table.lsi(index("loc").range::<N>("a").keys_only()).create().unwrap();
    (db, table)
}

fn padded(h: &str, r: i64, bytes: usize) -> Item {
    Item::new().with("h", h).with("r", r).with("a", r).with("v", "x".repeat(bytes))
}

#[test]
fn an_item_collection_grows_to_its_limit() {
    const EXCEEDED: &str = "ItemCollectionSizeLimitExceededException";
    let (db, table) = limited(10_000);
    let mut puts = 0;
    let refused = loop {
        match table.put(&padded("a", puts, 1000)) {
            Ok(_) => puts += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((puts, refused.code(), refused.message()), (9, EXCEEDED, "Collection size exceeded."));
    // What the error says is so: the size reported is that of a count by hand.
    let by_hand: usize = items(table.query("a").items())
        .iter()
        .chain(&items(table.query("a").index("loc").items()))
        .map(|item| ItemRef::from(item).size_bytes())
        .sum();
    let metrics = table.item_collection_metrics(&padded("a", 0, 0)).unwrap().unwrap();
    assert_eq!((metrics.size_bytes, metrics.size_estimate_range_gb), (by_hand as u64, (0.0, 1.0)));
    assert_eq!(metrics.key, Item::new().with("h", "a"));
    // Other collections, deletes and shrinking are not concerned; growing by update, batch and transaction is.
    table.put(&padded("b", 0, 1000)).unwrap();
    let update = table.update(("a", 0)).set("v", "x".repeat(3000)).send().unwrap_err();
    assert_eq!(update.code(), EXCEEDED);
    let batch = db.batch_write().put(&table, &padded("a", 50, 1000)).send().unwrap_err();
    assert_eq!(batch.code(), EXCEEDED);
    let transaction = db.transact_write().put(&table, &padded("b", 1, 1));
    let error = transaction.put(&table, &padded("a", 51, 1000)).send().unwrap_err();
    let codes: Vec<&str> = error.cancellation_reasons().iter().map(|reason| reason.code()).collect();
    assert_eq!(codes, ["None", "ItemCollectionSizeLimitExceeded"]);
    assert!(table.get(("b", 1)).unwrap().is_none());
    table.update(("a", 0)).set("v", "x".repeat(10)).send().unwrap();
    table.delete(("a", 1)).unwrap();
    table.put(&padded("a", 50, 1000)).unwrap();
    // One that lets another go frees its room in the same transaction.
    let transaction = db.transact_write().delete(&table, ("a", 2));
    transaction.put(&table, &padded("a", 52, 1000)).send().unwrap();
}

#[test]
fn the_size_of_a_collection_is_counted_again_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Database::options().collection_limit_bytes(5_000).durability(Durability::Buffered);
    {
        let db = open().open(folder.path()).unwrap();
        let table = db.create_table("tab").hash::<S>("h").range::<N>("r");
        let table = table.lsi(index("loc").range::<N>("a").keys_only()).create().unwrap();
        for r in 0..4 {
            table.put(&padded("a", r, 1000)).unwrap();
        }
        assert!(table.put(&padded("a", 4, 1000)).is_err());
    }
    let db = open().open(folder.path()).unwrap();
    let table = db.table::<(S, N)>("tab").unwrap();
    assert!(table.put(&padded("a", 4, 1000)).is_err());
    assert_eq!(table.put(&padded("a", 4, 100)).map(drop).map_err(|error| error.to_string()), Ok(()));
    let without = db.create_table("other").hash::<S>("h").create().unwrap();
    without.put(&Item::new().with("h", "a").with("v", "x".repeat(9000))).unwrap();
    assert_eq!(without.item_collection_metrics(&Item::new().with("h", "a")).unwrap(), None);
}

/// Who cannot count a collection does not know whether it is too large: a failure, and nothing of the service's.
#[test]
fn a_collection_that_cannot_be_counted_is_no_refusal() {
    let disk = SimulatedDisk::new(1);
    let options = Database::options().background(false).collection_limit_bytes(5_000).durability(Durability::Buffered);
    let db = options.open_on(Arc::new(disk.clone())).unwrap();
    let table = db.create_table("tab").hash::<S>("h").range::<N>("r");
    let table = table.lsi(index("loc").range::<N>("a").keys_only()).create().unwrap();
    table.put(&padded("a", 0, 100)).unwrap();
    disk.fail(FaultPlan::new(Operation::Sync, 1, Fault::InputOutput));
    let transaction = db.transact_write().put(&table, &padded("b", 0, 100));
    assert_eq!(transaction.send().unwrap_err().kind(), ErrorKind::Io);
}

/// The count syncs the log and reads the whole collection, so that one for each write would be slow.
#[test]
fn a_collection_is_counted_once() {
    let disk = SimulatedDisk::new(1);
    let options = Database::options().background(false).collection_limit_bytes(1 << 20);
    let db = options.durability(Durability::Buffered).open_on(Arc::new(disk.clone())).unwrap();
    let table = db.create_table("tab").hash::<S>("h").range::<N>("r");
    let table = table.lsi(index("loc").range::<N>("a").keys_only()).create().unwrap();
    let syncs = |(h, r): (&str, i64)| {
        let before = disk.count(Operation::Sync);
        table.put(&padded(h, r, 100)).unwrap();
        disk.count(Operation::Sync) - before
    };
    // Nothing is to be synced before the first put.
    assert_eq!([("a", 0), ("b", 0), ("b", 1), ("a", 1)].map(syncs), [0, 1, 0, 0]);
}

#[test]
fn the_items_of_a_transaction_count_together() {
    let (db, table) = limited(10_000);
    (0..9).for_each(|r| drop(table.put(&padded("a", r, 1000)).unwrap()));
    let put = |r: i64, bytes: usize| db.transact_write().put(&table, &padded("a", r, bytes));
    let codes = put(20, 400).put(&table, &padded("a", 21, 500)).send().unwrap_err();
    let codes: Vec<&str> = codes.cancellation_reasons().iter().map(|reason| reason.code()).collect();
    assert_eq!(codes, ["None", "ItemCollectionSizeLimitExceeded"], "each alone would have room");
    put(20, 400).put(&table, &padded("b", 21, 500)).send().unwrap();
    assert!(table.put(&padded("a", 21, 500)).is_err(), "what it took is taken");
    let exchange = db.transact_write().delete(&table, ("a", 2));
    exchange.put(&table, &padded("a", 21, 1000)).send().unwrap();
}

#[test]
fn a_collection_may_be_as_large_as_its_limit_and_stay_larger() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let open = |limit: u64| {
        let db = Database::options().background(false).collection_limit_bytes(limit).open_on(disk.clone()).unwrap();
        let table = db.create_table("tab").hash::<S>("h").range::<N>("r");
        let table = table.lsi(index("loc").range::<N>("a").keys_only()).open_or_create().unwrap();
        (db, table)
    };
    let (db, table) = open(1 << 20);
    table.put(&padded("a", 0, 1000)).unwrap();
    table.put(&padded("a", 1, 1000)).unwrap();
    let size = table.item_collection_metrics(&padded("a", 0, 0)).unwrap().unwrap().size_bytes;
    drop((db, table));
    let (db, table) = open(size - 1);
    table.put(&padded("a", 0, 1000).with("v", "y".repeat(1000))).unwrap();
    assert!(table.put(&padded("a", 0, 1001)).is_err());
    drop((db, table));
    let (_db, table) = open(size + 10);
    assert!(table.put(&padded("a", 0, 1011)).is_err());
    table.put(&padded("a", 0, 1010)).unwrap();
}

/// A filling that is cut off goes on where it was, not at its beginning.
#[test]
fn the_filling_of_an_index_goes_on_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let db = Database::options().background(false).durability(Durability::Buffered).open(folder.path()).unwrap();
        let table = db.create_table("tab").hash::<N>("n").open_or_create().unwrap();
        (db, table)
    };
    let (db, table) = open();
    for n in 0..8000 {
        table.put(&Item::new().with("n", n).with("group", n % 10)).unwrap();
    }
    let create_index = IndexSpec {
        name: "by_group".to_owned(),
        kind: IndexKind::Global,
        hash: vec![KeyAttribute::new("group", KeyType::N)],
        range: Vec::new(),
        projection: Projection::KeysOnly,
        throughput: None,
    };
    db.update_table("tab", TableUpdate { create_index: Some(create_index), ..TableUpdate::default() }).unwrap();
    let progress = |db: &Database| db.describe_table("tab").unwrap().indexes[0].backfill_progress;
    while progress(&db).is_none_or(|share| share < 0.6) {
        db.step().unwrap();
    }
    drop((db, table));

    let (db, table) = open();
    let resumed = progress(&db).unwrap();
    assert!((0.5..0.6).contains(&resumed), "half of the partitions were done: {resumed}");
    table.delete(7).unwrap();
    let mut steps = 0;
    while progress(&db).is_some() {
        steps += u32::from(db.step().unwrap() == Work::Backfilled);
    }
    assert!((8..=12).contains(&steps), "4,000 items of 8,000 were left: {steps} steps");
    db.verify().unwrap();
    assert_eq!(table.scan().index("by_group").items().count(), 7999);
    drop((db, table));
    assert_eq!(progress(&open().0), None);
}

/// Their lengths were compared in their encoding, which writes each end of a part and each zero byte as two bytes. The write was
/// taken, and the item was in no index.
#[test]
fn keys_of_several_attributes_are_as_long_as_their_values() {
    let db = Database::options().background(false).in_memory().unwrap();
    let attribute = |name: &str| KeyAttribute::new(name, KeyType::B);
    let by_parts = IndexSpec {
        name: "by_parts".to_owned(),
        kind: IndexKind::Global,
        hash: vec![attribute("a"), attribute("b")],
        range: vec![attribute("c"), attribute("d")],
        projection: Projection::KeysOnly,
        throughput: None,
    };
    let key = KeySchema { hash: KeyAttribute::new("n", KeyType::N), range: None };
    let slot = TableSpec { indexes: vec![by_parts], ..TableSpec::new("tab", key) };
    db.create_table_from(slot).unwrap();
    let table = db.table::<N>("tab").unwrap();
    let item = |n: u64, lens: [usize; 4]| {
        let parts = ["a", "b", "c", "d"].into_iter().zip(lens);
        parts.fold(Item::new().with("n", n), |item, (name, len)| {
            item.with(name, AttributeValue::B(vec![u8::try_from(n % 2).unwrap(); len].into()))
        })
    };
    for (n, lens) in [[1024, 1024, 512, 512], [2047, 1, 1, 1023], [1, 2047, 1023, 1]].into_iter().enumerate() {
        (0..2).for_each(|zero| drop(table.put(&item(2 * n as u64 + zero, lens)).unwrap()));
    }
    for lens in [[1024, 1025, 1, 1], [1, 1, 512, 513]] {
        assert_eq!(table.put(&item(9, lens)).unwrap_err().kind(), ErrorKind::Validation);
    }
    db.verify().unwrap();
    assert_eq!(table.scan().index("by_parts").items().count(), 6);
    db.compact().unwrap();
    assert_eq!(table.scan().index("by_parts").items().count(), 6);
}

/// Bytes of all files of a folder.
#[expect(clippy::disallowed_methods, reason = "looks at the folder from outside")]
fn bytes_of(folder: &std::path::Path) -> u64 {
    let files = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    // The space that is kept for a full disk is the same in every folder.
    files.filter(|file| file.file_name() != "RESERVE").map(|file| file.metadata().unwrap().len()).sum()
}

/// An index that is dropped gives its space back at once, and who reads the table does not notice.
#[test]
fn a_dropped_index_gives_its_space_back_and_disturbs_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::options().durability(Durability::Buffered).log_segment_bytes(64 << 10).background(false);
    let db = db.open(folder.path()).unwrap();
    let table = db.create_table("tab").hash::<N>("n").gsi(index("by_group").hash::<N>("group")).create().unwrap();
    for n in 0..8_000 {
        table
            .put(&Item::new().with("n", n).with("group", n % 10).with("text", "some words that an index carries too"))
            .unwrap();
    }
    db.compact().unwrap();
    let with_index = bytes_of(folder.path());
    let mut items = table.scan().items();
    let mut by_index = table.scan().index("by_group").items();
    assert!(items.by_ref().take(100).chain(by_index.by_ref().take(100)).all(|item| item.is_ok()));

    db.update_table("tab", TableUpdate { delete_index: Some("by_group".to_owned()), ..TableUpdate::default() })
        .unwrap();
    assert_eq!(items.filter(|item| item.is_ok()).count(), 7_900);
    // Who was reading the index reads on; who comes later hears that it is gone.
    assert_eq!(by_index.filter(|item| item.is_ok()).count(), 7_900);
    let late = table.scan().index("by_group").items().next().unwrap().unwrap_err();
    assert!(late.message().contains("by_group"), "{late}");
    assert!(bytes_of(folder.path()) < with_index * 2 / 3, "{} of {with_index} bytes", bytes_of(folder.path()));
    db.verify().unwrap();
    assert_eq!(table.scan().items().count(), 8_000);
}
