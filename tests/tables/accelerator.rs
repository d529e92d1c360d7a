//! A cache in front of a database: what it answers, what it forgets, and what it never touches.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, ErrorKind, Item, Table,
    accelerator::{Accelerator, AcceleratorOptions, CacheUse},
    access::{Policy, Principal},
    attr,
    expression::{BoundKey, ExpressionKind},
    key::S,
    ledger::{LedgerOptions, Usage},
    request::{
        BatchGetItem, BatchWriteItem, GetItem, KeysAndAttributes, PutItem, Query, Scan, TransactWriteItem,
        TransactWriteItems, WriteRequest,
    },
};
use hashrange_test_support::{Random, seeds};
use std::{collections::HashMap, time::Duration};

const BEGIN: u64 = 1_800_000_000_000;

fn item(id: &str, n: i64) -> Item {
    Item::new().with("id", id).with("n", n)
}

struct World {
    db: Database,
    clock: Clock,
    /// Writes and reads around the cache.
    around: Table<S>,
    accelerator: Accelerator,
    through: Table<S>,
}

fn world(options: AcceleratorOptions) -> World {
    opened(options, Database::options())
}

fn opened(options: AcceleratorOptions, database: hashrange::OpenOptions) -> World {
    let clock = Clock::manual(BEGIN);
    let db = database.clock(clock.clone()).background(false).in_memory().unwrap();
    let around = db.create_table("things").hash::<S>("id").create().unwrap();
    let accelerator = db.accelerator(options).unwrap();
    let through = accelerator.database().table::<S>("things").unwrap();
    World { db, clock, around, accelerator, through }
}

fn number(table: &Table<S>, id: &str) -> Option<i64> {
    table.get(id).unwrap().map(|item| item.get("n").unwrap().as_i64().unwrap())
}

#[test]
fn a_query_is_repeated_until_its_time_is_over() {
    let World { clock, through, accelerator, .. } = world(AcceleratorOptions::default());
    through.put(&item("a", 1)).unwrap();
    let count = |limit: Option<usize>| {
        let query = through.query("a");
        let page = match limit {
            Some(limit) => query.limit(limit).page(),
            None => query.page(),
        };
        page.unwrap().items[0].get("n").unwrap().as_i64().unwrap()
    };
    assert_eq!(count(None), 1);
    through.put(&item("a", 2)).unwrap();
    assert_eq!((count(None), number(&through, "a")), (1, Some(2)), "the result cache knows no write");
    assert_eq!(count(Some(5)), 2, "other parameters ask anew");
    let stats = accelerator.stats();
    assert_eq!((stats.query_cache_hits, stats.query_cache_misses, stats.item_cache_hits), (1, 2, 1));
    clock.advance(Duration::from_secs(300));
    assert_eq!(count(None), 2);
}

/// An item that was read shares a page of a run with others, which is larger than all that the cache counts for it.
#[test]
fn what_is_cached_keeps_no_page_of_a_run_in_memory() {
    let World { db, around, accelerator, through, .. } = world(AcceleratorOptions::default());
    (0..100).for_each(|n| drop(around.put(&item(&n.to_string(), n)).unwrap()));
    db.flush().unwrap();
    db.compact().unwrap();
    let shares_a_page = || [through.get("1").unwrap().unwrap(), through.query("2").page().unwrap().items[0].clone()];
    assert_eq!(shares_a_page().map(|item| item.names().is_some()), [true, true]);
    assert_eq!(shares_a_page().map(|item| item.names().is_some()), [false, false], "the cache has its own");
    assert_eq!((accelerator.stats().item_cache_hits, accelerator.stats().query_cache_hits), (1, 1));
    assert_eq!(number(&through, "1"), Some(1));
}

#[test]
fn what_is_absent_stays_absent_until_its_time_is_over() {
    let World { clock, around, through, .. } = world(AcceleratorOptions::default());
    assert_eq!(number(&through, "a"), None);
    around.put(&item("a", 1)).unwrap();
    assert_eq!(number(&through, "a"), None);
    clock.advance(Duration::from_millis(300_001));
    assert_eq!(number(&through, "a"), Some(1));
    through.delete("a").unwrap();
    around.put(&item("a", 2)).unwrap();
    assert_eq!(number(&through, "a"), None, "a delete leaves an entry too");
}

#[test]
fn the_time_of_an_item_begins_with_its_write() {
    let World { clock, around, through, .. } = world(AcceleratorOptions::default());
    through.put(&item("a", 0)).unwrap();
    number(&through, "a");
    clock.advance(Duration::from_secs(200));
    through.put(&item("a", 200)).unwrap();
    clock.advance(Duration::from_secs(50));
    around.put(&item("a", 250)).unwrap();
    clock.advance(Duration::from_secs(150));
    assert_eq!(number(&through, "a"), Some(200));
    clock.advance(Duration::from_secs(101));
    assert_eq!(number(&through, "a"), Some(250));
}

#[test]
fn a_consistent_read_passes_through_and_leaves_the_cache_alone() {
    let World { around, through, accelerator, .. } = world(AcceleratorOptions::default());
    through.put(&item("a", 1)).unwrap();
    around.put(&item("a", 2)).unwrap();
    let consistent = through.get_with("a").consistent(true).send().unwrap().item.unwrap();
    assert_eq!(consistent.get("n").unwrap().as_i64(), Some(2));
    assert_eq!(number(&through, "a"), Some(1));
    assert_eq!(accelerator.stats().passed_through, 1);
}

#[test]
fn a_write_that_fails_leaves_the_cache_alone() {
    let World { around, through, accelerator, .. } = world(AcceleratorOptions::default());
    through.put(&item("a", 1)).unwrap();
    around.put(&item("a", 2)).unwrap();
    through.put_with(&item("a", 3)).when(attr("n").eq(1)).send().unwrap_err();
    let answer = accelerator.execute(&GetItem::new("things", Item::new().with("id", "a"))).unwrap();
    assert_eq!(answer.response.item.unwrap(), item("a", 1));
    assert_eq!((answer.cache.hits, answer.cache.misses, answer.cache.stale), (1, 0, 1));
}

/// The first of two puts is done, and the second meets the limit on item collections.
#[test]
fn a_batch_that_fails_in_its_middle_leaves_nothing_stale() {
    let database = Database::options().collection_limit_bytes(2_000);
    let World { db, accelerator, .. } = opened(AcceleratorOptions::default(), database);
    let orders = db.create_table("orders").hash::<S>("id").range::<S>("at");
    let orders = orders.lsi(hashrange::admin::index("by_n").range::<hashrange::key::N>("n")).create().unwrap();
    let through = accelerator.database().table::<(S, S)>("orders").unwrap();
    let order = |id: &str, n: i64| item(id, n).with("at", "x");
    through.put(&order("a", 1)).unwrap();
    orders.put(&order("b", 1)).unwrap();
    let large = order("b", 2).with("text", "x".repeat(3_000));
    let batch = [order("a", 2), large].map(|item| ("orders".into(), WriteRequest::Put(item.into())));
    accelerator.execute(&BatchWriteItem::new(batch)).unwrap_err();
    let n = |id: &str| through.get((id, "x")).unwrap().unwrap().get("n").unwrap().as_i64();
    assert_eq!((n("a"), n("b")), (Some(2), Some(1)));
}

#[test]
fn an_entry_lives_no_longer_where_the_clock_is_set_back() {
    let World { clock, around, through, .. } = world(AcceleratorOptions::default());
    through.put(&item("a", 1)).unwrap();
    around.put(&item("a", 2)).unwrap();
    clock.set_millis(BEGIN - 3_600_000);
    assert_eq!(number(&through, "a"), Some(1));
    clock.advance(Duration::from_secs(301));
    assert_eq!(number(&through, "a"), Some(2));
}

#[test]
fn an_update_stores_the_whole_item_and_drops_every_projection() {
    let World { through, accelerator, .. } = world(AcceleratorOptions::default());
    through.put(&item("a", 1).with("other", "x")).unwrap();
    let of_n = || through.get_with("a").project("n").send().unwrap();
    assert_eq!(of_n().item.unwrap(), Item::new().with("n", 1));
    assert_eq!((of_n().consumed().table, accelerator.stats().item_cache_hits), (0.0, 1));
    through.update("a").add("n", 1).send().unwrap();
    assert_eq!(of_n().item.unwrap(), Item::new().with("n", 2));
    assert_eq!(accelerator.stats().item_cache_misses, 2);
    assert_eq!(number(&through, "a"), Some(2));
    assert_eq!(accelerator.stats().item_cache_hits, 2);
}

#[test]
fn what_a_transaction_wrote_arrives_later_and_costs_units() {
    let options = AcceleratorOptions { replication_millis: 1000, ..AcceleratorOptions::default() };
    let database = Database::options().ledger(LedgerOptions::new());
    let World { db, clock, through, accelerator, .. } = opened(options, database);
    through.put(&item("a", 1)).unwrap();
    let put = TransactWriteItem::Put(PutItem::new("things", item("a", 2)));
    let mut request = TransactWriteItems::default();
    request.actions.push(put);
    accelerator.database().execute(&request).unwrap();
    clock.advance(Duration::from_millis(500));
    assert_eq!(number(&through, "a"), Some(1));
    clock.advance(Duration::from_millis(500));
    assert_eq!(number(&through, "a"), Some(2));
    // The put, the transaction at twice its cost, and one read by a transaction.
    let ledger = db.ledger().unwrap();
    let Usage { write_milliunits, read_milliunits, .. } = ledger.total(|_| true);
    assert_eq!((write_milliunits, read_milliunits), (3_000, 2_000));
}

#[test]
fn two_reads_in_a_row_can_go_back_in_time() {
    let options = AcceleratorOptions { nodes: 2, replication_millis: 1000, ..AcceleratorOptions::default() };
    let World { clock, accelerator, .. } = world(options);
    let node = |at| accelerator.node(at).unwrap().table::<S>("things").unwrap();
    let (first, second) = (node(0), node(1));
    first.put(&item("a", 1)).unwrap();
    clock.advance(Duration::from_secs(2));
    first.put(&item("a", 2)).unwrap();
    clock.advance(Duration::from_millis(500));
    assert_eq!((number(&first, "a"), number(&second, "a")), (Some(2), Some(1)));
    clock.advance(Duration::from_secs(1));
    assert_eq!(number(&second, "a"), Some(2));
    assert_eq!(accelerator.node(2).unwrap_err().kind(), ErrorKind::Validation);
}

#[test]
fn policies_decide_before_the_cache_is_asked() {
    let World { through, accelerator, .. } = world(AcceleratorOptions::default());
    through.put(&item("t#1#a", 1)).unwrap();
    number(&through, "t#1#a");
    let before = accelerator.stats();
    let tenant = Principal::user("two").policy(Policy::tenant("things", "t#2#").unwrap());
    let two = accelerator.database().as_principal(tenant).table::<S>("things").unwrap();
    assert_eq!(two.get("t#1#a").unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(accelerator.stats(), before, "no hit was counted");
    two.put(&item("t#2#a", 2)).unwrap();
    assert_eq!(number(&two, "t#2#a"), Some(2));
}

#[test]
fn a_batch_is_so_many_gets() {
    let World { around, through, accelerator, .. } = world(AcceleratorOptions::default());
    let db = accelerator.database();
    let put = |id, n| ("things".into(), WriteRequest::Put(item(id, n).into()));
    db.execute(&BatchWriteItem::new([put("a", 1), put("b", 1)])).unwrap();
    around.put(&item("a", 2)).unwrap();
    around.put(&item("c", 2)).unwrap();
    let keys = ["c", "a", "absent", "b"].map(|id| Item::new().with("id", id));
    let read = |consistent| {
        let mut of_table = KeysAndAttributes::new("things", keys.iter());
        of_table.consistent_read = consistent;
        accelerator.execute(&BatchGetItem::new([of_table])).unwrap()
    };
    let answer = read(false);
    assert_eq!(answer.response.items[0].1, [item("c", 2), item("a", 1), item("b", 1)]);
    assert_eq!((answer.cache.hits, answer.cache.misses, answer.cache.stale), (2, 2, 1));
    assert_eq!(answer.response.consumed[0].1.table, 1.0, "two of four were read");
    assert_eq!(read(false).cache.hits, 4);
    let consistent = read(true);
    assert_eq!((consistent.cache.hits, consistent.cache.misses), (0, 0));
    assert_eq!(consistent.response.items[0].1[1], item("a", 2));
    let twice = KeysAndAttributes::new("things", [&keys[0], &keys[0]]);
    assert_eq!(db.execute(&BatchGetItem::new([twice])).unwrap_err().kind(), ErrorKind::Validation);
    drop(through);
}

#[test]
fn a_batch_from_the_cache_has_at_most_sixteen_megabytes() {
    let World { through, accelerator, .. } = world(AcceleratorOptions::default());
    let large = |n: i64| item(&n.to_string(), n).with("blob", "x".repeat(390_000));
    (0..50).for_each(|n| drop(through.put(&large(n)).unwrap()));
    let keys: Vec<Item> = (0..50).map(|n| Item::new().with("id", n.to_string())).collect();
    let answer = accelerator.execute(&BatchGetItem::new([KeysAndAttributes::new("things", &keys)])).unwrap();
    let (items, unprocessed) = (&answer.response.items[0].1, &answer.response.unprocessed[0]);
    assert!(answer.cache.hits == 50 && items.len() == 43, "{} items, {:?}", items.len(), answer.cache);
    assert_eq!(*unprocessed, (43..50).collect::<Vec<_>>());
}

#[test]
fn scans_are_cached_by_what_they_ask_for() {
    let World { through, accelerator, .. } = world(AcceleratorOptions::default());
    (0..10).for_each(|n| drop(through.put(&item(&n.to_string(), n)).unwrap()));
    let scan = |filter: i64, limit| {
        let mut scan = Scan::new("things");
        scan.options.limit = limit;
        scan.options.filter = Some(attr("n").lt(filter).build(ExpressionKind::Filter).unwrap());
        let answer = accelerator.execute(&scan).unwrap();
        (answer.response.count, answer.cache.hits)
    };
    assert_eq!([scan(5, None), scan(5, None), scan(6, None)], [(5, 0), (5, 1), (6, 0)]);
    assert_eq!([scan(5, Some(100)).1, scan(5, Some(100)).1], [0, 1]);
    let stats = accelerator.stats();
    assert_eq!((stats.scan_cache_hits, stats.scan_cache_misses), (2, 3));
}

#[test]
fn a_table_of_the_same_name_is_another_one() {
    let World { db, through, accelerator, .. } = world(AcceleratorOptions::default());
    through.put(&item("a", 1)).unwrap();
    number(&through, "a");
    db.delete_table("things").unwrap();
    through.get("a").unwrap_err();
    db.create_table("things").hash::<S>("id").create().unwrap();
    let through = accelerator.database().table::<S>("things").unwrap();
    assert_eq!(number(&through, "a"), None);
}

#[test]
fn options_that_make_no_sense_are_rejected_by_field() {
    let db = Database::in_memory().unwrap();
    for (options, field) in [
        (AcceleratorOptions { nodes: 0, ..Default::default() }, "nodes"),
        (AcceleratorOptions { nodes: 12, ..Default::default() }, "nodes"),
        (AcceleratorOptions { capacity_bytes: 0, ..Default::default() }, "capacity_bytes"),
        (AcceleratorOptions { item_ttl_millis: u64::MAX, ..Default::default() }, "item_ttl_millis"),
        (AcceleratorOptions { replication_millis: 60_001, ..Default::default() }, "replication_millis"),
    ] {
        let error = db.accelerator(options).unwrap_err();
        assert!(error.message().starts_with(field), "{error}");
    }
}

/// What the cache of one node must answer, by the rules in their shortest form.
#[derive(Default)]
struct Model {
    items: HashMap<String, (Option<i64>, u64)>,
    pages: HashMap<String, (Vec<i64>, u64)>,
    stored: HashMap<String, i64>,
}

/// Random requests through the cache and around it: each answer is what the rules say.
#[test]
fn answers_are_what_the_rules_say() {
    for seed in seeds(20) {
        let mut random = Random::new(seed);
        let World { clock, around, through, accelerator, .. } = world(AcceleratorOptions::default());
        let mut model = Model::default();
        for step in 0..300 {
            let (id, n, now) = (format!("i{}", random.below(6)), i64::from(step), clock.now_millis());
            let fresh = |at: u64| now - at < 300_000;
            match random.below(9) {
                0 => {
                    around.put(&item(&id, n)).unwrap();
                    model.stored.insert(id, n);
                }
                1 => {
                    through.put(&item(&id, n)).unwrap();
                    model.stored.insert(id.clone(), n);
                    model.items.insert(id, (Some(n), now));
                }
                2 => {
                    through.delete(&id).unwrap();
                    model.stored.remove(&id);
                    model.items.insert(id, (None, now));
                }
                3 => clock.advance(Duration::from_secs(random.below_u64(200))),
                4 | 5 => {
                    let key = BoundKey { hash: vec![id.as_str().into()], range: Vec::new(), last: None };
                    let query = Query::new("things", key);
                    let answer = accelerator.execute(&query).unwrap();
                    let live: Vec<i64> = model.stored.get(&id).copied().into_iter().collect();
                    let cached = model.pages.get(&id).filter(|(_, at)| fresh(*at)).cloned();
                    let (expected, at) = cached.clone().unwrap_or_else(|| (live.clone(), now));
                    let got: Vec<i64> =
                        answer.response.items.iter().map(|item| item.get("n").unwrap().as_i64().unwrap()).collect();
                    assert_eq!(got, expected, "seed {seed}, step {step}");
                    assert_eq!(answer.cache.stale > 0, cached.is_some() && expected != live);
                    model.pages.insert(id, (expected, at));
                }
                6 => {
                    let before = accelerator.stats();
                    let got = number(&through, &id);
                    let cached = model.items.get(&id).filter(|(_, at)| fresh(*at)).copied();
                    let (expected, at) = cached.unwrap_or((model.stored.get(&id).copied(), now));
                    assert_eq!(got, expected, "seed {seed}, step {step}");
                    let after = accelerator.stats();
                    let (hits, misses) = (after.item_cache_hits, after.item_cache_misses);
                    let counted = (hits - before.item_cache_hits, misses - before.item_cache_misses);
                    assert_eq!(counted, (u64::from(cached.is_some()), u64::from(cached.is_none())));
                    model.items.insert(id, (expected, at));
                }
                _ => {
                    let get = GetItem::new("things", Item::new().with("id", id.as_str()));
                    let answer = accelerator.execute(&get).unwrap();
                    let live = model.stored.get(&id).copied();
                    let cached = model.items.get(&id).filter(|(_, at)| fresh(*at)).copied();
                    let (expected, at) = cached.unwrap_or((live, now));
                    let got = answer.response.item.map(|item| item.get("n").unwrap().as_i64().unwrap());
                    assert_eq!(got, expected, "seed {seed}, step {step}");
                    let CacheUse { hits, misses, stale, oldest_millis, .. } = answer.cache;
                    assert_eq!((hits, misses), (u32::from(cached.is_some()), u32::from(cached.is_none())));
                    assert_eq!((stale > 0, oldest_millis), (cached.is_some() && expected != live, now - at));
                    model.items.insert(id, (expected, at));
                }
            }
        }
    }
}
