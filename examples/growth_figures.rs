//! What operations cost by the number of items and of partitions: `cargo run --release -p hashrange --example growth_figures [ITEMS..]`.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures wall time")]
#![expect(clippy::print_stdout, reason = "figures go to the screen")]

use hashrange::{Database, Durability, Item, Result, Table, key::S};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// Sizes of the table without arguments.
const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];
/// Items while the number of partitions changes.
const ITEMS_BY_PARTITIONS: usize = 1_000_000;
const PARTITIONS: [usize; 4] = [1, 4, 64, 256];
const ROUNDS: usize = 5;
const TIME: Duration = Duration::from_millis(300);

/// Keys of 44 bytes, ten to a collection.
fn key(n: usize) -> (String, String) {
    (format!("USER#{:08}", n / 10), format!("ORDER#2026-{:06}T10:{:02}#{:04}", n % 10, n * 7 % 60, n % 10))
}

/// 8 attributes, about 300 bytes.
fn order(n: usize) -> Item {
    let (pk, sk) = key(n);
    let address =
        Item::new().with("street", "221 stone street").with("city", "Springfield").with("zip", (n % 99_999) as u64);
    let item = Item::new().with("pk", pk).with("sk", sk).with("version", 100_000).with("status", "SHIPPED");
    let item = item.with("total", (n * 7_919 % 1_000_000) as u64).with("customer", format!("cust-{n:016x}"));
    item.with("note", "parcel blue river stone quick ".repeat(3)).with("address", address)
}

/// Nanoseconds of one thing, median of rounds; `work` does a number of them.
fn nanos(mut work: impl FnMut(usize) -> Result<usize>) -> Result<f64> {
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let (begin, mut done, mut call) = (Instant::now(), 0, round * 1_000_003);
        while begin.elapsed() < TIME {
            for _ in 0..100 {
                done += work(call)?;
                call += 1;
            }
        }
        if round > 0 {
            rounds.push(begin.elapsed().as_secs_f64() * 1e9 / done as f64); // the first one warms up
        }
    }
    rounds.sort_by(f64::total_cmp);
    Ok(rounds[ROUNDS / 2])
}

fn measure(table: &Table<(S, S)>, items: usize, label: usize) -> Result<()> {
    let keys: Vec<_> = (0..200_000.min(items)).map(|n| key(n.wrapping_mul(2_654_435_761) % items)).collect();
    let key = |call: usize| &keys[call % keys.len()];
    let get = nanos(|call| {
        let (pk, sk) = key(call);
        black_box(table.get((pk, sk))?);
        Ok(1)
    })?;
    let batch = nanos(|call| {
        // Neighbours in the list are no neighbours in the table, and none comes twice in a hundred.
        let found = table.batch_get((0..100).map(|at| key(call * 100 + at)).map(|(pk, sk)| (pk, sk)))?;
        Ok(black_box(found).items.len())
    })?;
    let query = nanos(|call| {
        black_box(table.query(&key(call).0).page()?);
        Ok(1)
    })?;
    let mut scan = f64::MAX;
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        let read = table.scan().items().count();
        scan = scan.min(begin.elapsed().as_secs_f64() * 1e9 / read as f64);
    }
    // Last, as it changes what lies where: over items that are there, beside the flushes and merges that follow.
    let put = nanos(|call| {
        table.put(&order(call.wrapping_mul(2_654_435_761) % items))?;
        Ok(1)
    })?;
    println!("{label:>10} {get:>10.0} {batch:>16.0} {query:>12.0} {scan:>12.0} {put:>8.0}");
    Ok(())
}

fn run(items: usize, partitions: usize, label: usize) -> Result<()> {
    let folder = tempfile::tempdir().map_err(|error| hashrange::Error::io("create", "a folder", &error))?;
    let options = Database::options().initial_partitions(partitions).split_bytes(u64::MAX);
    let db = options.durability(Durability::Buffered).open(folder.path())?;
    let table = db.create_table("orders").hash::<S>("pk").range::<S>("sk").create()?;
    for n in 0..items {
        // In an order that has nothing to do with that of the keys.
        table.put(&order(n.wrapping_mul(2_654_435_761) % items))?;
    }
    db.compact()?;
    measure(&table, items, label)
}

fn main() -> Result<()> {
    let given: Vec<usize> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let sizes = if given.is_empty() { SIZES.to_vec() } else { given.clone() };
    let [batch, query, scan] = ["batch, an item", "query of 10", "scan, an item"];
    println!("ns         {:>10} {batch:>16} {query:>12} {scan:>12} {:>8}", "get", "put");
    println!("by items, 4 partitions");
    sizes.into_iter().try_for_each(|items| run(items, 4, items))?;
    if given.is_empty() {
        println!("by partitions, {ITEMS_BY_PARTITIONS} items");
        PARTITIONS.into_iter().try_for_each(|partitions| run(ITEMS_BY_PARTITIONS, partitions, partitions))?;
    }
    Ok(())
}
