//! Many threads at once: counters that lose nothing, transfers that keep their sum, readers that see each item once,
//! while memtables are flushed, runs compacted, partitions split, indexes filled and tables made and dropped.
//!
//! Sizes are so small that all of that goes on all the time. Nothing here waits for a moment or counts on one: each
//! test does a fixed amount of work and then checks what must hold however the threads were interleaved.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, Durability, ErrorKind, Item, Table,
    admin::{IndexSpec, TableUpdate, index},
    attr,
    expression::{Condition, ExpressionKind, Placeholders, Scope, UpdateExpression},
    inspect::Work,
    key::{Dynamic, KeyType, N, S},
    request::{TransactGetItem, TransactGetItems, TransactWriteItem, TransactWriteItems, UpdateItem},
    schema::{IndexKind, IndexStatus, KeyAttribute, Projection},
};
use hashrange_test_support::rounds;
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

const WRITERS: usize = 4;

fn options() -> hashrange::OpenOptions {
    Database::options()
        .durability(Durability::Buffered)
        .initial_partitions(2)
        .memtable_bytes(48 << 10)
        .split_bytes(24 << 10)
        .log_segment_bytes(64 << 10)
        .log_bytes(256 << 10)
        .runs_per_partition(2)
}

/// Compacts and flushes until told to stop, beside the threads of the database itself.
fn disturb(db: &Database, stop: &AtomicBool) {
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        match round % 7 {
            0 => db.compact().unwrap(),
            1 | 4 => db.flush().unwrap(),
            _ => drop::<Work>(db.step().unwrap()),
        }
        round += 1;
        thread::yield_now();
    }
}

/// Runs work on threads, and disturbs the database until all of it is done.
fn with_disturbance(db: &Database, work: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| disturb(db, &stop));
        // A failed assertion must stop the disturbance too, or the test never ends.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        stop.store(true, Ordering::Relaxed);
        if let Err(panic) = done {
            std::panic::resume_unwind(panic);
        }
    });
}

fn number(item: &hashrange::ItemRef, name: &str) -> i64 {
    item.get(name).and_then(|value| value.as_i64()).unwrap()
}

/// Every update counts, and each sees the one before.
fn count(db: &Database, counters: usize, updates: usize) {
    let table = db.create_table("counters").hash::<S>("id").create().unwrap();
    let seen: Vec<Vec<(usize, i64)>> = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let table = &table;
                scope.spawn(move || {
                    let mut seen = Vec::with_capacity(updates);
                    for update in 0..updates {
                        let counter = (update * 7 + writer) % counters;
                        let key = format!("counter {counter}");
                        let padding = "x".repeat(update % 200);
                        let output = table.update(key.as_str()).add("count", 1).set("padding", padding);
                        let output = output.return_new().send().unwrap();
                        seen.push((counter, number(output.attributes().unwrap(), "count")));
                    }
                    seen
                })
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    let mut values: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
    for (counter, value) in seen.into_iter().flatten() {
        values.entry(counter).or_default().push(value);
    }
    let mut sum = 0;
    for (counter, mut values) in values {
        values.sort_unstable();
        let expected: Vec<i64> = (1..=values.len() as i64).collect();
        assert_eq!(values, expected, "counter {counter}");
        let item = table.get(format!("counter {counter}")).unwrap().unwrap();
        assert_eq!(number(&item, "count"), values.len() as i64);
        sum += values.len();
    }
    assert_eq!(sum, WRITERS * updates);
}

#[test]
fn counters_lose_no_update() {
    let db = options().in_memory().unwrap();
    with_disturbance(&db, || count(&db, 40, rounds(1_500) as usize));
    db.verify().unwrap();
}

#[test]
fn counters_lose_no_update_on_a_real_disk_with_every_write_synced() {
    let folder = tempfile::tempdir().unwrap();
    let db = options().durability(Durability::Sync).open(folder.path()).unwrap();
    with_disturbance(&db, || count(&db, 10, 150));
    drop(db);
    let db = options().open(folder.path()).unwrap();
    let table = db.table::<S>("counters").unwrap();
    let sum: i64 = table.scan().items().map(|item| number(&item.unwrap(), "count")).sum();
    assert_eq!(sum, (WRITERS * 150) as i64);
    db.verify().unwrap();
}

const ACCOUNTS: i64 = 24;
const BALANCE: i64 = 100;

fn account(number: i64) -> (String, i64) {
    (format!("bank {}", number % 3), number)
}

fn account_key(number: i64) -> Item {
    let (bank, number) = account(number);
    Item::new().with("bank", bank).with("number", number)
}

fn add(account: i64, amount: i64, least: Option<i64>) -> TransactWriteItem<'static> {
    let by = Placeholders::none().value(":by", amount);
    let update = UpdateExpression::parse("ADD balance :by", &mut Scope::new(&by)).unwrap();
    let condition = least.map(|least| {
        let least = Placeholders::none().value(":least", least);
        Condition::parse(ExpressionKind::Condition, "balance >= :least", &mut Scope::new(&least)).unwrap()
    });
    let mut request = UpdateItem::new("accounts", account_key(account), update);
    request.condition = condition;
    TransactWriteItem::Update(request)
}

/// Transfers an amount if it is there.
fn transfer(db: &Database, from: i64, to: i64, amount: i64) {
    let actions = [add(from, -amount, Some(amount)), add(to, amount, None)];
    if let Err(error) = db.execute(&TransactWriteItems::new(actions)) {
        assert_eq!(error.kind(), ErrorKind::TransactionCanceled, "{error}");
    }
}

/// Balances as one transaction reads them.
fn balances(db: &Database) -> Vec<i64> {
    let gets = (0..ACCOUNTS).map(|number| TransactGetItem::new("accounts", account_key(number)));
    let output = db.execute(&TransactGetItems::new(gets)).unwrap();
    output.items.iter().map(|item| number(item.as_ref().unwrap(), "balance")).collect()
}

#[test]
fn transfers_keep_the_sum_that_every_reader_sees() {
    let db = options().in_memory().unwrap();
    let table = db.create_table("accounts").hash::<S>("bank").range::<N>("number");
    let table = table.gsi(index("by_balance").hash::<N>("balance")).create().unwrap();
    for number in 0..ACCOUNTS {
        table.put(&account_key(number).with("balance", BALANCE).with("padding", "x".repeat(300))).unwrap();
    }
    let (stop, reads) = (AtomicBool::new(false), AtomicUsize::new(0));
    with_disturbance(&db, || {
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let balances = balances(&db);
                        assert_eq!(balances.iter().sum::<i64>(), ACCOUNTS * BALANCE, "{balances:?}");
                        assert!(balances.iter().all(|balance| *balance >= 0), "{balances:?}");
                        reads.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            let writers: Vec<_> = (0..WRITERS as i64)
                .map(|writer| {
                    let db = &db;
                    scope.spawn(move || {
                        for n in 0..rounds(2_000) as i64 {
                            let (from, to) = ((n * 5 + writer) % ACCOUNTS, (n * 11 + 3 * writer + 1) % ACCOUNTS);
                            if from != to {
                                transfer(db, from, to, 1 + (n + writer) % 40);
                            }
                        }
                    })
                })
                .collect();
            let results: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
            stop.store(true, Ordering::Relaxed);
            results.into_iter().for_each(|result| result.unwrap());
        });
    });
    assert_eq!(balances(&db).iter().sum::<i64>(), ACCOUNTS * BALANCE);
    assert!(reads.load(Ordering::Relaxed) > 0);
    db.verify().unwrap();
}

const LASTING: usize = 300;
const GROUPS: usize = 10;

/// An item that is there throughout; its index entries do not change either.
fn lasting(number: usize) -> Item {
    Item::new()
        .with("group", format!("group {}", number % GROUPS))
        .with("name", format!("item {number:04}"))
        .with("kind", "lasting")
        .with("rank", number as i64)
        .with("padding", "x".repeat(80))
}

/// The numbers of the lasting items among some items; the rest may come and go.
fn ranks(items: impl Iterator<Item = hashrange::Result<hashrange::ItemRef>>) -> Vec<usize> {
    let mut ranks = Vec::new();
    for item in items {
        let item = item.unwrap();
        if item.get("kind").and_then(|kind| kind.as_str()) == Some("lasting") {
            ranks.push(number(&item, "rank") as usize);
        }
    }
    ranks
}

#[track_caller]
fn assert_each_once(what: &str, mut ranks: Vec<usize>) {
    ranks.sort_unstable();
    assert_eq!(ranks, (0..LASTING).collect::<Vec<_>>(), "{what}");
}

/// Reads the table in every way; each must return each lasting item exactly once.
fn read_all(table: &Table<Dynamic>, round: usize) {
    assert_each_once("scan", ranks(table.scan().items()));
    let pages = table.scan().limit(1 + round % 9).pages();
    assert_each_once("scan in pages", ranks(pages.flat_map(|page| page.unwrap().items).map(Ok)));
    let segments = 1 + round as u32 % 5;
    let parts = (0..segments).flat_map(|segment| ranks(table.scan().segment(segment, segments).items()));
    assert_each_once("scan in segments", parts.collect());
    let mut queried = Vec::new();
    for group in 0..GROUPS {
        let group = format!("group {group}");
        let mut query = table.query(group.as_str());
        if round % 2 == 1 {
            query = query.descending();
        }
        let page_bytes = query.limit(3 + round % 20).pages().flat_map(|page| page.unwrap().items).map(Ok);
        let found = ranks(page_bytes);
        let in_order = if round % 2 == 1 { found.is_sorted_by(|a, b| a > b) } else { found.is_sorted_by(|a, b| a < b) };
        assert!(in_order, "query of {group}: {found:?}");
        queried.extend(found);
    }
    assert_each_once("queries", queried);
    assert_each_once("scan of the local index", ranks(table.scan().index("by_rank").items()));
    let lasting = table.query("lasting").index("by_kind").limit(7).pages();
    assert_each_once("query of the global index", ranks(lasting.flat_map(|page| page.unwrap().items).map(Ok)));
}

#[test]
fn a_reader_sees_each_item_that_was_there_throughout_exactly_once() {
    let db = options().in_memory().unwrap();
    let typed = db.create_table("items").hash::<S>("group").range::<S>("name");
    let typed = typed.lsi(index("by_rank").range::<N>("rank"));
    let typed = typed.gsi(index("by_kind").hash::<S>("kind").range::<N>("rank")).create().unwrap();
    for number in 0..LASTING {
        typed.put(&lasting(number)).unwrap();
    }
    let (done, rounds) = (AtomicUsize::new(0), AtomicUsize::new(0));
    with_disturbance(&db, || {
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (typed, done) = (&typed, &done);
                scope.spawn(move || {
                    for n in 0..2_000_usize {
                        let group = format!("group {}", n % GROUPS);
                        let name = format!("item {:04}/{}", n * 13 % 400, writer);
                        if n % 3 == 2 {
                            typed.delete((group, name)).unwrap();
                        } else {
                            let item = Item::new().with("group", group).with("name", name).with("rank", n as i64);
                            typed.put(&item.with("kind", "passing").with("padding", "y".repeat(n % 300))).unwrap();
                        }
                        if n % 10 == 0 {
                            // The same item again: readers must neither miss it nor see it twice.
                            typed.put(&lasting((n / 10 + writer * 31) % LASTING)).unwrap();
                        }
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                });
            }
            for reader in 0..2 {
                let (done, rounds, db) = (&done, &rounds, &db);
                scope.spawn(move || {
                    let table = db.dynamic_table("items").unwrap();
                    let mut round = reader;
                    while done.load(Ordering::Relaxed) < WRITERS {
                        read_all(&table, round);
                        round += 1;
                        rounds.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
    });
    let partitions = db.facts().partitions.len();
    assert!(partitions > 4, "{partitions} partitions: nothing was split");
    assert!(rounds.load(Ordering::Relaxed) > 0);
    db.verify().unwrap();
}

#[test]
fn one_of_many_wins_what_only_one_can_have() {
    let db = options().in_memory().unwrap();
    let table = db.create_table("seats").hash::<S>("seat").create().unwrap();
    let won = AtomicUsize::new(0);
    with_disturbance(&db, || {
        thread::scope(|scope| {
            for person in 0..WRITERS {
                let (table, won) = (&table, &won);
                scope.spawn(move || {
                    for seat in 0..3000 {
                        let item = Item::new().with("seat", format!("seat {seat}")).with("person", person as i64);
                        match table.put_with(&item).when(attr("seat").not_exists()).send() {
                            Ok(_) => drop(won.fetch_add(1, Ordering::Relaxed)),
                            Err(error) => assert!(error.is_condition_failed(), "{error}"),
                        }
                    }
                });
            }
        });
    });
    assert_eq!(won.load(Ordering::Relaxed), 3000);
}

#[test]
fn a_transaction_sent_by_many_threads_under_one_token_is_carried_out_once() {
    let db = options().clock(Clock::manual(1_700_000_000_000)).in_memory().unwrap();
    let table = db.create_table("counters").hash::<S>("id").create().unwrap();
    with_disturbance(&db, || {
        thread::scope(|scope| {
            for _ in 0..WRITERS {
                let (db, table) = (&db, &table);
                scope.spawn(move || {
                    for n in 0..1000 {
                        loop {
                            let transaction = db.transact_write().token(format!("token {n}"));
                            let sent = transaction.update(table, "sum", |u| u.add("count", 1)).send();
                            match sent {
                                Ok(_) => break,
                                Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
                            }
                        }
                    }
                });
            }
        });
    });
    assert_eq!(number(&table.get("sum").unwrap().unwrap(), "count"), 1000);
}

fn kind_index(name: &str) -> IndexSpec {
    IndexSpec {
        name: name.to_owned(),
        kind: IndexKind::Global,
        hash: vec![KeyAttribute::new("kind", KeyType::S)],
        range: vec![KeyAttribute::new("rank", KeyType::N)],
        projection: Projection::All,
        throughput: None,
    }
}

#[test]
fn indexes_and_tables_come_and_go_under_writers() {
    let db = options().in_memory().unwrap();
    let table = db.create_table("items").hash::<S>("group").range::<S>("name").create().unwrap();
    let done = AtomicUsize::new(0);
    with_disturbance(&db, || {
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (table, done) = (&table, &done);
                scope.spawn(move || {
                    for n in 0..rounds(2_000) as usize {
                        let (group, name) = (format!("group {}", n % GROUPS), format!("{writer}/{:03}", n * 7 % 200));
                        match n % 5 {
                            4 => drop(table.delete((group, name)).unwrap()),
                            3 => drop(table.update((group, name)).remove("kind").send().unwrap()),
                            _ => {
                                let item = Item::new().with("group", group).with("name", name).with("rank", n as i64);
                                table.put(&item.with("kind", if n % 2 == 0 { "even" } else { "odd" })).unwrap();
                            }
                        }
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                });
            }
            scope.spawn(|| {
                let mut round = 0;
                while done.load(Ordering::Relaxed) < WRITERS {
                    let name = format!("index_{round}");
                    let create_index = Some(kind_index(&name));
                    db.update_table("items", TableUpdate { create_index, ..TableUpdate::default() }).unwrap();
                    while db.describe_table("items").unwrap().definition.index(&name).unwrap().status
                        != IndexStatus::Active
                    {
                        thread::yield_now();
                    }
                    if round > 2 {
                        let delete_index = Some(format!("index_{}", round - 3));
                        db.update_table("items", TableUpdate { delete_index, ..TableUpdate::default() }).unwrap();
                    }
                    let passing = db.create_table("passing").hash::<S>("id").create().unwrap();
                    passing.put(&Item::new().with("id", name)).unwrap();
                    db.delete_table("passing").unwrap();
                    round += 1;
                }
            });
        });
    });
    let report = db.verify().unwrap();
    assert!(report.index_entries > 0, "{report:?}");
}
