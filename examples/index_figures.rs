//! Figures of secondary indexes on this machine: `cargo run --release -p hashrange --example index_figures`.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures wall time")]
#![expect(clippy::print_stdout, reason = "figures go to the screen")]

use hashrange::{
    Database, Durability, Item, Result, Table,
    admin::{IndexSpec, TableUpdate, index},
    key::{KeyType, N, S},
    schema::{IndexKind, IndexStatus, KeyAttribute, Projection},
};
use std::time::{Duration, Instant};

/// Items of the table that gets an index while it is written to.
const ITEMS: u64 = 1_000_000;
const COLLECTIONS: u64 = 10_000;

fn folder() -> Result<tempfile::TempDir> {
    tempfile::tempdir().map_err(|error| hashrange::Error::io("create", "a folder", &error))
}

fn order(n: u64, round: u64) -> Item {
    let item = Item::new().with("customer", format!("customer-{:08}", n % COLLECTIONS)).with("order", n / COLLECTIONS);
    let item = item.with("status", format!("status-{:08}", n % COLLECTIONS)).with("total", n / COLLECTIONS);
    item.with("round", round).with("note", "x".repeat(200))
}

fn put(table: &Table<(S, N)>, n: u64, round: u64) -> Result<()> {
    table.put_with(&order(n, round)).durability(Durability::Buffered).send().map(drop)
}

/// Bytes of log that new items and overwritten ones take, with or without two indexes of whole items.
fn log_bytes(indexes: bool) -> Result<(u64, u64)> {
    let db = Database::options().background(false).log_segment_bytes(64 << 10).log_bytes(1 << 30);
    let db = db.memtable_bytes(1 << 30).in_memory()?;
    let mut table = db.create_table("orders").hash::<S>("customer").range::<N>("order");
    if indexes {
        table = table.gsi(index("by_status").hash::<S>("status").range::<N>("total"));
        table = table.gsi(index("by_total").hash::<N>("total"));
    }
    let table = table.create()?;
    (0..20_000).try_for_each(|n| put(&table, n, 0))?;
    let new = db.facts().log_bytes;
    (0..20_000).try_for_each(|n| put(&table, n, 1))?;
    Ok((new, db.facts().log_bytes - new))
}

/// Nanoseconds of a query of 20 items, median of rounds: by the table and by a global index.
fn queries() -> Result<(u128, u128)> {
    let folder = folder()?;
    let db = Database::open(folder.path())?;
    let table = db.create_table("orders").hash::<S>("customer").range::<N>("order");
    let table = table.gsi(index("by_status").hash::<S>("status").range::<N>("total")).create()?;
    (0..20 * COLLECTIONS).try_for_each(|n| put(&table, n, 0))?;
    db.compact()?;
    let mut rounds = [Vec::new(), Vec::new()];
    for _ in 0..9 {
        for (kind, times) in rounds.iter_mut().enumerate() {
            let begin = Instant::now();
            for n in 0..COLLECTIONS {
                let n = n * 7919 % COLLECTIONS;
                let query = if kind == 0 {
                    table.query(format!("customer-{n:08}"))
                } else {
                    table.query_index("by_status", [format!("status-{n:08}")])
                };
                assert_eq!(query.page()?.count, 20);
            }
            times.push(begin.elapsed().as_nanos() / u128::from(COLLECTIONS));
        }
    }
    rounds.iter_mut().for_each(|times| times.sort_unstable());
    Ok((rounds[0][4], rounds[1][4]))
}

/// Puts a second over existing items for as long as `goes_on` says.
fn rate(table: &Table<(S, N)>, durability: Durability, goes_on: impl Fn(Duration) -> bool) -> Result<f64> {
    let (begin, mut puts) = (Instant::now(), 0u32);
    while goes_on(begin.elapsed()) {
        for _ in 0..50 {
            let n = u64::from(puts) * 7919 % ITEMS;
            table.put_with(&order(n, u64::from(puts))).durability(durability).send()?;
            puts += 1;
        }
    }
    Ok(f64::from(puts) / begin.elapsed().as_secs_f64())
}

fn backfill() -> Result<()> {
    let folder = folder()?;
    let db = Database::open(folder.path())?;
    let table = db.create_table("orders").hash::<S>("customer").range::<N>("order").create()?;
    (0..ITEMS).try_for_each(|n| put(&table, n, 0))?;
    db.compact()?;
    let by_status = IndexSpec {
        name: "by_status".to_owned(),
        kind: IndexKind::Global,
        hash: vec![KeyAttribute::new("status", KeyType::S)],
        range: vec![KeyAttribute::new("total", KeyType::N)],
        projection: Projection::KeysOnly,
        throughput: None,
    };
    for durability in [Durability::Sync, Durability::Buffered] {
        let usual = |took: Duration| took < Duration::from_secs(4);
        let before = rate(&table, durability, usual)?;
        let create_index = Some(by_status.clone());
        let begin = Instant::now();
        db.update_table("orders", TableUpdate { create_index, ..TableUpdate::default() })?;
        let is_filling = |_| table.definition().indexes.iter().any(|index| index.status != IndexStatus::Active);
        let during = rate(&table, durability, is_filling)?;
        let seconds = begin.elapsed().as_secs_f64();
        let after = rate(&table, durability, usual)?;
        println!("{durability:?} puts a second before, while {ITEMS} items were indexed in {seconds:.1} s, and after:");
        println!(
            "  {before:.0}, {during:.0}, {after:.0}: {:.2} of before, {:.2} of after",
            during / before,
            during / after
        );
        let delete_index = Some("by_status".to_owned());
        db.update_table("orders", TableUpdate { delete_index, ..TableUpdate::default() })?;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "ratios")]
fn main() -> Result<()> {
    let (plain, indexed) = (log_bytes(false)?, log_bytes(true)?);
    println!("bytes of log a put, new items / overwritten: plain {} / {}", plain.0 / 20_000, plain.1 / 20_000);
    println!("  with two indexes of whole items {} / {}", indexed.0 / 20_000, indexed.1 / 20_000);
    let ratio = |a: u64, b: u64| a as f64 / b as f64;
    println!("  {:.2}x / {:.2}x", ratio(indexed.0, plain.0), ratio(indexed.1, plain.1));
    let (base, by_index) = queries()?;
    println!("query of 20 items: table {base} ns, index {by_index} ns, {:.2}x", by_index as f64 / base as f64);
    backfill()
}
