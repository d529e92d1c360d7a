//! How long single buffered puts take while background work runs beside them: `cargo bench -p hashrange --bench stalls`.
//!
//! One thread puts items of about 300 bytes one after the other and notes how long each took; the machine's other
//! processors flush, merge, split, fill an index or sweep. What counts is the tail: a put that waits for a lock, for
//! memory or for a sync that somebody else asked for.

#![expect(clippy::disallowed_methods, reason = "measures time, and nothing but")]
#![expect(clippy::print_stdout, reason = "a program that prints")]

use hashrange::{
    Clock, Database, Durability, Item, OpenOptions, Result, Table,
    admin::{IndexSpec, TableUpdate},
    key::{KeyType, N, S},
    schema::{IndexKind, IndexStatus, KeyAttribute, Projection},
};
use std::time::{Duration, Instant};

const ITEMS: u64 = 200_000;
const TIME: Duration = Duration::from_secs(6);

fn item(n: u64, version: u64) -> Item {
    Item::new()
        .with("customer", format!("customer-{:08}", n / 10))
        .with("order", n)
        .with("version", version)
        .with("status", format!("status-{:05}", (n + version) % 20_000))
        .with("note", "parcel blue river stone quick amber delta lamp gift order fragile north south window ".repeat(2))
}

/// Puts for as long as `goes_on` says, and prints what they took.
fn measure(what: &str, table: &Table<(S, N)>, goes_on: impl Fn(Duration) -> bool) -> Result<()> {
    let begin = Instant::now();
    let mut micros: Vec<u32> = Vec::with_capacity(4 << 20);
    while goes_on(begin.elapsed()) {
        for _ in 0..100 {
            let count = micros.len() as u64;
            let item = item(count * 7919 % ITEMS, count);
            let put = table.put_with(&item).durability(Durability::Buffered);
            let before = Instant::now();
            put.send()?;
            micros.push(u32::try_from(before.elapsed().as_nanos() / 100).unwrap_or(u32::MAX));
        }
    }
    let per_sec = micros.len() as f64 / begin.elapsed().as_secs_f64();
    micros.sort_unstable();
    let at = |per_mille: usize| f64::from(micros[(micros.len() - 1) * per_mille / 1000]) / 10.0;
    let last = f64::from(micros[micros.len() - 1]) / 10_000.0;
    println!("{what:34}{per_sec:9.0}{:9.1}{:9.1}{:9.1}{last:9.1} ms", at(500), at(990), at(999));
    Ok(())
}

fn within(time: Duration) -> impl Fn(Duration) -> bool {
    move |took| took < time
}

fn load(table: &Table<(S, N)>) -> Result<()> {
    (0..ITEMS).try_for_each(|n| table.put_with(&item(n, 0)).durability(Durability::Buffered).send().map(drop))
}

fn with_database(options: OpenOptions, run: impl FnOnce(&Database, &Table<(S, N)>) -> Result<()>) -> Result<()> {
    let folder = tempfile::tempdir().map_err(|error| hashrange::Error::io("create", "a folder", &error))?;
    let db = options.open(folder.path())?;
    let table = db.create_table("orders").hash::<S>("customer").range::<N>("order").create()?;
    run(&db, &table)
}

fn index_filling(db: &Database, table: &Table<(S, N)>) -> Result<()> {
    load(table)?;
    db.compact()?;
    measure("flushes and compactions run", table, within(TIME))?;
    let by_status = IndexSpec {
        name: "by_status".to_owned(),
        kind: IndexKind::Global,
        hash: vec![KeyAttribute::new("status", KeyType::S)],
        range: Vec::new(),
        projection: Projection::KeysOnly,
        throughput: None,
    };
    db.update_table("orders", TableUpdate { create_index: Some(by_status), ..TableUpdate::default() })?;
    let fills = |_| table.definition().indexes.iter().any(|index| index.status != IndexStatus::Active);
    measure("a global index is filled", table, fills)?;
    measure("the index is there", table, within(TIME))
}

fn splits(db: &Database, table: &Table<(S, N)>) -> Result<()> {
    measure("partitions split at 4 MiB", table, within(TIME))?;
    let partitions = db.facts().partitions.len();
    println!("{:34}{partitions:9} partitions", "");
    Ok(())
}

fn sweep(db: &Database, table: &Table<(S, N)>) -> Result<()> {
    let sessions = db.create_table("sessions").hash::<S>("id").ttl("ends").create()?;
    let id = |n: u64| format!("session-{n:08}");
    for n in 0..ITEMS {
        let session = Item::new().with("id", id(n)).with("ends", db.clock().now_secs() + 60).with("n", n);
        sessions.put_with(&session).durability(Durability::Buffered).send()?;
    }
    db.clock().advance(Duration::from_secs(3_600));
    // Lanes are swept one after the other, so somebody of these is left until nearly all are gone.
    let is_left = |_| (0..64).any(|n| matches!(sessions.get(id(n)), Ok(Some(_))));
    measure("200,000 other items are swept", table, is_left)
}

fn main() -> Result<()> {
    println!("{:34}{:>9}{:>9}{:>9}{:>9}{:>9}", "puts while", "a second", "p50 us", "p99", "p99.9", "max");
    with_database(Database::options(), index_filling)?;
    with_database(Database::options().split_bytes(4 << 20), splits)?;
    with_database(Database::options().clock(Clock::manual(1_795_000_000_000)), sweep)
}
