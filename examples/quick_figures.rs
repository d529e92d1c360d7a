//! Rough figures of the hot paths on this machine: `cargo run --release --example quick_figures [items]`.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures wall time")]
#![expect(clippy::print_stdout, reason = "figures go to the screen")]

use hashrange::{Database, Durability, Item, S, Table};
use std::time::Instant;

fn key(i: usize) -> (String, String) {
    (format!("USER#{:08}", i / 10), format!("ORDER#2026-{:02}-11T10:{:02}#{:04}", i % 10 + 1, i * 7 % 60, i % 10))
}

fn item(i: usize) -> Item {
    let (pk, sk) = key(i);
    Item::new()
        .with("pk", pk)
        .with("sk", sk)
        .with("version", 1)
        .with("status", ["PENDING", "SHIPPED", "CLOSED_"][i % 3])
        .with("total", (i * 7919 % 1_000_000) as u64)
        .with("customer", format!("cust-{:016x}", i.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .with("note", "parcel blue river stone quick amber delta lamp gift order fragile north south window pap")
        .with(
            "address",
            Item::new()
                .with("street", format!("{} stone street", i % 900))
                .with("city", "Springfield")
                .with("zip", (i % 99999) as u64),
        )
}

fn rate(name: &str, n: usize, f: impl FnOnce()) {
    let t = Instant::now();
    f();
    let s = t.elapsed().as_secs_f64();
    println!("{name:<32} {:>12.0} /s   {:>9.0} ns each", n as f64 / s, s * 1e9 / n as f64);
}

fn reads(table: &Table<(S, S)>, n: usize, what: &str) {
    let keys: Vec<_> = (0..200_000usize).map(|i| key(i.wrapping_mul(2_654_435_761) % n)).collect();
    rate(&format!("get, {what}"), keys.len(), || {
        for (p, s) in &keys {
            assert!(table.get((p, s)).unwrap().is_some());
        }
    });
    rate(&format!("query of 10, {what}"), keys.len() / 4, || {
        for (p, _) in keys.iter().take(keys.len() / 4) {
            assert_eq!(table.query(p).page().unwrap().count, 10);
        }
    });
}

fn main() -> hashrange::Result<()> {
    let n: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(300_000);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let db = Database::options().durability(Durability::Buffered).open(folder.path())?;
    let table = db.create_table("figures").hash::<S>("pk").range::<S>("sk").create()?;
    let items: Vec<Item> = (0..n).map(item).collect();
    rate("load, buffered", n, || {
        for item in &items {
            table.put(item).unwrap();
        }
    });
    rate("flush and compact", n, || db.compact().unwrap());
    reads(&table, n, "one run");
    rate("scan", n, || assert_eq!(table.scan().items().count(), n));
    rate("overwrite, buffered", n / 3, || {
        for item in items.iter().step_by(3) {
            table.put(item).unwrap();
        }
    });
    reads(&table, n, "after updates");
    rate("put, sync", 2000, || {
        for item in items.iter().take(2000) {
            table.put_with(item).durability(Durability::Sync).send().unwrap();
        }
    });
    let facts = db.facts();
    println!(
        "runs {} MB, logical {} MB, log {} MB",
        facts.run_bytes >> 20,
        facts.logical_bytes >> 20,
        facts.log_bytes >> 20
    );
    drop(table);
    drop(db);
    rate("reopen", 1, || drop(Database::open(folder.path()).unwrap()));
    Ok(())
}
