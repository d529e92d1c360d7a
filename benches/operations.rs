//! The hot paths, each through the public interface:
//! `cargo bench --manifest-path benches/peers/Cargo.toml --no-default-features --bench operations`.
//!
//! Items have 8 attributes and about 300 bytes, 10 to a collection, as in the comparison with other stores.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hashrange::expression::ExpressionKind;
use hashrange::{
    Database, Durability, Item, ItemRef, Table, accelerator::AcceleratorOptions, admin::index, attr, key::S,
};
use std::{hint::black_box, time::Duration};

const ITEMS: usize = 200_000;

fn key(i: usize) -> (String, String) {
    (format!("USER#{:08}", i / 10), format!("ORDER#2026-{:02}-11T10:{:02}#{:04}", i % 10 + 1, i * 7 % 60, i % 10))
}

fn item(i: usize) -> Item {
    let (pk, sk) = key(i);
    let address = Item::new().with("street", format!("{} stone street", i % 900)).with("city", "Springfield");
    Item::new()
        .with("pk", pk)
        .with("sk", sk)
        .with("version", 1)
        .with("status", ["PENDING", "SHIPPED", "CLOSED_"][i % 3])
        .with("total", (i * 7919 % 1_000_000) as u64)
        .with("customer", format!("cust-{:016x}", (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .with(
            "note",
            "parcel blue river stone quick amber delta lamp gift order fragile north south window paper cloud",
        )
        .with("address", address.with("zip", (i % 99_999) as u64))
}

/// Scattered positions, the same in every run.
fn scattered() -> impl FnMut() -> usize {
    let mut i = 0usize;
    move || {
        i = i.wrapping_add(1);
        i.wrapping_mul(2_654_435_761) % ITEMS
    }
}

fn open(folder: &tempfile::TempDir, durability: Durability) -> (Database, Table<(S, S)>) {
    let db = Database::options().durability(durability).open(folder.path()).unwrap();
    let table = db.create_table("orders").hash::<S>("pk").range::<S>("sk").open_or_create().unwrap();
    (db, table)
}

fn load(table: &Table<(S, S)>, items: usize) {
    for i in 0..items {
        table.put_with(&item(i)).durability(Durability::Buffered).send().unwrap();
    }
}

fn reads(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let (db, table) = open(&folder, Durability::Buffered);
    load(&table, 20_000);
    let mut next = scattered();
    c.bench_function("get from the memtable", |b| {
        b.iter(|| {
            let (pk, sk) = key(next() % 20_000);
            black_box(table.get((&pk, &sk)).unwrap().unwrap())
        });
    });
    load(&table, ITEMS);
    db.compact().unwrap();
    c.bench_function("get from a run", |b| {
        b.iter(|| {
            let (pk, sk) = key(next());
            black_box(table.get((&pk, &sk)).unwrap().unwrap())
        });
    });
    statements(c, &db, &table);
    c.bench_function("get of an absent key", |b| {
        b.iter(|| {
            let (pk, _) = key(next());
            assert!(table.get((&pk, "absent")).unwrap().is_none());
        });
    });
    c.bench_function("query of 10 items", |b| {
        b.iter(|| {
            let (pk, _) = key(next());
            assert_eq!(table.query(&pk).page().unwrap().count, 10);
        });
    });
    let mut group = c.benchmark_group("scan");
    group.throughput(Throughput::Elements(ITEMS as u64)).sample_size(10);
    group.bench_function("all items", |b| b.iter(|| assert_eq!(table.scan().items().count(), ITEMS)));
    group.finish();
}

/// The same item by a get, by a prepared statement, by its text, and by a statement whose values are bound one by one.
fn statements(c: &mut Criterion, db: &Database, table: &Table<(S, S)>) {
    let keys: Vec<(String, String)> = (0..ITEMS).map(key).collect();
    let text = "SELECT * FROM orders WHERE pk = ? AND sk = ?";
    let mut group = c.benchmark_group("one item by its key");
    let mut next = scattered();
    let mut pair = move || {
        let (pk, sk) = &keys[next()];
        (pk.clone(), sk.clone())
    };
    // What is read is dropped where it is read, as in a program: a batch that keeps answers measures memory that is touched first.
    group.bench_function("get", |b| {
        let read = |key: &mut (String, String)| assert!(table.get((&key.0, &key.1)).unwrap().is_some());
        b.iter_batched_ref(&mut pair, read, BatchSize::SmallInput);
    });
    // Room for all items, which are there before the first is measured: every answer is a hit.
    let options = AcceleratorOptions { capacity_bytes: 512 << 20, ..AcceleratorOptions::default() };
    let accelerator = db.accelerator(options).unwrap();
    let cached = accelerator.database().table::<(S, S)>("orders").unwrap();
    (0..ITEMS).map(key).for_each(|(pk, sk)| drop(cached.get((&pk, &sk)).unwrap()));
    for (name, often) in [("get, from the cache of an accelerator", ITEMS), ("the same, of 1,000 items", 1_000)] {
        let mut next = scattered();
        let mut pair = || key(next() % often);
        group.bench_function(name, |b| {
            let read = |key: &mut (String, String)| assert!(cached.get((&key.0, &key.1)).unwrap().is_some());
            b.iter_batched_ref(&mut pair, read, BatchSize::SmallInput);
        });
    }
    assert_eq!(accelerator.stats().item_cache_misses, ITEMS as u64);
    let prepared = db.prepare(text).unwrap();
    group.bench_function("prepared", |b| {
        let read = |key: &mut (String, String)| assert!(prepared.item((&key.0, &key.1)).unwrap().is_some());
        b.iter_batched_ref(&mut pair, read, BatchSize::SmallInput);
    });
    group.bench_function("text", |b| {
        let read =
            |key: &mut (String, String)| assert!(db.prepare(text).unwrap().item((&key.0, &key.1)).unwrap().is_some());
        b.iter_batched_ref(&mut pair, read, BatchSize::SmallInput);
    });
    group.bench_function("bound one by one", |b| {
        let read = |key: &mut (String, String)| {
            assert_eq!(db.statement(text).bind(&key.0).bind(&key.1).send().unwrap().items.len(), 1);
        };
        b.iter_batched_ref(&mut pair, read, BatchSize::SmallInput);
    });
    group.finish();
}

fn writes(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let (_db, table) = open(&folder, Durability::Buffered);
    load(&table, ITEMS);
    let items: Vec<Item> = (0..10_000).map(item).collect();
    let mut next = scattered();
    c.bench_function("put, buffered", |b| b.iter(|| table.put(&items[next() % 10_000]).unwrap()));
    c.bench_function("put with a condition, buffered", |b| {
        b.iter(|| table.put_with(&items[next() % 10_000]).when(attr("version").eq(1)).send().unwrap());
    });
    c.bench_function("update by expression, buffered", |b| {
        b.iter(|| {
            let (pk, sk) = key(next());
            table.update((&pk, &sk)).add("visits", 1).send().unwrap()
        });
    });
    c.bench_function("put, synced", |b| {
        b.iter(|| table.put_with(&items[next() % 10_000]).durability(Durability::Sync).send().unwrap());
    });
}

fn indexes(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::options().durability(Durability::Buffered).open(folder.path()).unwrap();
    let table = db
        .create_table("orders")
        .hash::<S>("pk")
        .range::<S>("sk")
        .gsi(index("by_customer").hash::<S>("customer"))
        .gsi(index("by_pk").hash::<S>("pk").range::<S>("status"))
        .create()
        .unwrap();
    load(&table, ITEMS / 4);
    db.compact().unwrap();
    let dynamic = db.dynamic_table("orders").unwrap();
    let mut next = scattered();
    c.bench_function("query of 10 by a global index", |b| {
        b.iter(|| {
            let (pk, _) = key(next() % (ITEMS / 4));
            assert_eq!(dynamic.query(pk.as_str()).index("by_pk").page().unwrap().count, 10);
        });
    });
    let items: Vec<Item> = (0..10_000).map(item).collect();
    c.bench_function("put with two global indexes, buffered", |b| {
        b.iter(|| table.put(&items[next() % 10_000].clone().with("version", next() as u64)).unwrap());
    });
}

fn expressions(c: &mut Criterion) {
    let encoded = ItemRef::from(&item(7));
    let filter = attr("status").eq("SHIPPED").build(ExpressionKind::Filter).unwrap();
    c.bench_function("filter of one test", |b| b.iter(|| black_box(&filter).matches(Some(black_box(&encoded)))));
    c.bench_function("decode the same item to a map", |b| b.iter(|| black_box(&encoded).to_item()));
}

criterion_group! {
    name = operations;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = reads, writes, indexes, expressions
}
criterion_main!(operations);
