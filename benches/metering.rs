//! What the model of throughput and the ledger cost a get and a buffered put, by 1 and 8 threads:
//! `cargo bench -p hashrange --bench metering`.
//!
//! Four databases hold the same items: two without either, whose ratio is the noise, one with the model, one with the ledger. Limits are so high that
//! nothing is throttled. Each round measures all one after the other, in an order that changes, and compares them with
//! each other; the figure is the median of the rounds' ratios, since the machine's speed drifts between rounds.

#![expect(clippy::print_stdout, reason = "a program that prints")]

use hashrange::{
    Database, Durability, Item, OpenOptions, Table,
    capacity::{CapacityModel, Quotas},
    key::S,
    ledger::LedgerOptions,
};
use std::{
    hint::black_box,
    thread,
    time::{Duration, Instant},
};

const ITEMS: usize = 10_000;
const ROUNDS: usize = 31;
/// Operations of one thread in a round.
const GETS: usize = 60_000;
const PUTS: usize = 6_000;
const NAMES: [&str; 4] = ["neither", "again", "model", "ledger"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folders: Vec<tempfile::TempDir> = (0..4).map(|_| tempfile::tempdir()).collect::<Result<_, _>>()?;
    let keys: Vec<(String, String)> =
        (0..ITEMS).map(|i| (format!("USER#{:08}", i / 10), format!("ORDER#{i:08}"))).collect();
    let items: Vec<Item> = keys.iter().map(item).collect();
    let options = [
        Database::options(),
        Database::options(),
        Database::options().capacity(high_ceilings()),
        Database::options().ledger(LedgerOptions::new()),
    ];
    let mut tables = Vec::new();
    for (options, folder) in options.into_iter().zip(&folders) {
        tables.push(open(options, folder.path(), &items)?);
    }
    let head = NAMES.map(|name| format!("{name:>10}")).concat();
    println!("{:<18}{head}   ratios: {:>8}{:>8}{:>8}", "ns of one thread", NAMES[1], NAMES[2], NAMES[3]);
    for threads in [1, 8] {
        // One attribute is looked at, as a program would: without it the model's look at the size of the item would be the
        // first at its bytes, and pay for fetching them from memory.
        let get = |table: &Table<(S, S)>, i: usize| {
            let item = table.get((&keys[i].0, &keys[i].1))?;
            black_box(item.as_ref().and_then(|item| item.get("version")));
            Ok(())
        };
        report(&format!("get, {threads} thread(s)"), threads, &tables, GETS / threads, &get)?;
        let put = |table: &Table<(S, S)>, i: usize| table.put(&items[i]).map(drop);
        report(&format!("put, {threads} thread(s)"), threads, &tables, PUTS / threads, &put)?;
    }
    Ok(())
}

type Operation<'a> = dyn Fn(&Table<(S, S)>, usize) -> hashrange::Result<()> + Sync + 'a;

/// Rounds over the tables, and a line of what came out.
fn report(
    name: &str,
    threads: usize,
    tables: &[Table<(S, S)>],
    operations: usize,
    operation: &Operation<'_>,
) -> hashrange::Result<()> {
    let (mut nanos, mut ratios) = ([const { Vec::new() }; 4], [const { Vec::new() }; 3]);
    for round in 0..=ROUNDS {
        let mut of_round = [0.0; 4];
        for at in 0..tables.len() {
            let at = (at + round) % tables.len();
            of_round[at] = round_nanos(threads, &tables[at], operations, operation)?;
        }
        if round == 0 {
            continue; // warms caches
        }
        (0..4).for_each(|at| nanos[at].push(of_round[at]));
        (0..3).for_each(|at| ratios[at].push(of_round[at + 1] / of_round[0]));
    }
    let nanos = nanos.map(|nanos| format!("{:>10.0}", median(nanos))).concat();
    let ratios = ratios.map(|ratios| format!("{:>8.3}", median(ratios))).concat();
    println!("{name:<18}{nanos}           {ratios}");
    Ok(())
}

/// Nanoseconds for one operation of one of so many threads.
#[expect(clippy::disallowed_methods, reason = "measures time, and nothing but")]
fn round_nanos(
    threads: usize,
    table: &Table<(S, S)>,
    operations: usize,
    operation: &Operation<'_>,
) -> hashrange::Result<f64> {
    let began = Instant::now();
    thread::scope(|scope| {
        let work = |thread: usize| {
            scope.spawn(move || {
                (0..operations).try_for_each(|turn| operation(table, (turn + thread * 977) * 7_919 % ITEMS))
            })
        };
        let workers: Vec<_> = (0..threads).map(work).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Ok(())))
    })?;
    let elapsed: Duration = began.elapsed();
    Ok(elapsed.as_nanos() as f64 / operations as f64)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn open(options: OpenOptions, folder: &std::path::Path, items: &[Item]) -> hashrange::Result<Table<(S, S)>> {
    let db = options.durability(Durability::Buffered).open(folder)?;
    let table = db.create_table("orders").hash::<S>("pk").range::<S>("sk").provisioned(4_000_000, 4_000_000);
    let table = table.create()?;
    items.iter().try_for_each(|item| table.put(item).map(drop))?;
    db.compact()?;
    Ok(table)
}

/// A model whose limits nothing here meets.
fn high_ceilings() -> CapacityModel {
    let service = CapacityModel::service();
    let units = 1_000_000_000;
    let quotas = Quotas { table_read_units: units, table_write_units: units, ..service.quotas };
    let quotas = Quotas { account_read_units: units, account_write_units: units, ..quotas };
    let (partition_read_units, partition_write_units, eventual_read_units) = (1_000_000, 1_000_000, 1_000_000);
    CapacityModel { partition_read_units, partition_write_units, eventual_read_units, quotas, ..service }
}

/// About 300 bytes.
fn item((pk, sk): &(String, String)) -> Item {
    Item::new()
        .with("pk", pk.as_str())
        .with("sk", sk.as_str())
        .with("version", 1)
        .with("status", "SHIPPED")
        .with("customer", "c".repeat(40))
        .with("note", "parcel blue river stone quick amber delta lamp gift order fragile north ".repeat(2))
}
