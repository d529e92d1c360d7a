//! A sum by status, kept by a consumer of the table's stream: `cargo run -p hashrange --example materialized_view`.
//!
//! The consumer acknowledges its records in the same transaction that changes the sums. So each change counts exactly
//! once, whenever the program ends; run it several times and see that the view equals its base each time.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use hashrange::{Database, Item, Result, Table, key::S, schema::StreamView, streams::Batch};
use std::{collections::BTreeMap, time::Duration};

/// What a batch changes: by status, how many orders more or fewer, and how much more or less money.
fn changes(batch: &Batch) -> BTreeMap<String, (i64, i64)> {
    let mut changes: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for record in batch.records() {
        for (image, sign) in [(&record.old, -1), (&record.new, 1)] {
            let Some(order) = image else { continue };
            let status = order.get("status").and_then(|status| status.as_str()).unwrap_or("none");
            let total = order.get("total").and_then(|total| total.as_i64()).unwrap_or(0);
            let change = changes.entry(status.to_owned()).or_default();
            *change = (change.0 + sign, change.1 + sign * total);
        }
    }
    changes
}

fn keep_up(db: &Database, orders: &Table<S>, sums: &Table<S>) -> Result<usize> {
    let mut consumer = orders.stream()?.checkpoint("sums");
    let mut records = 0;
    while let Some(batch) = consumer.next_batch(Duration::ZERO)? {
        let mut transaction = db.transact_write();
        for (status, (count, total)) in changes(&batch) {
            transaction = transaction.update(sums, status.as_str(), |sum| sum.add("orders", count).add("total", total));
        }
        batch.ack_in(transaction)?.send()?;
        records += batch.records().len();
    }
    Ok(records)
}

fn main() -> Result<()> {
    let folder = std::env::temp_dir().join("hashrange-materialized-view");
    let db = Database::open(&folder)?;
    let orders = db.create_table("orders").hash::<S>("id").stream(StreamView::NewAndOld).open_or_create()?;
    let sums = db.create_table("sums").hash::<S>("status").open_or_create()?;

    let before = orders.scan().count()? as u64;
    for n in before..before + 100 {
        let status = ["OPEN", "PAID", "SHIPPED"][usize::try_from(n % 3).unwrap_or(0)];
        orders.put(&Item::new().with("id", format!("o-{n}")).with("status", status).with("total", n * 10))?;
    }
    orders.update(format!("o-{before}")).set("status", "CANCELLED").send()?;
    println!("{} records processed", keep_up(&db, &orders, &sums)?);

    let mut base: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for order in orders.scan().items() {
        let order = order?;
        let sum = base.entry(order.get("status").and_then(|s| s.as_str()).unwrap_or("none").to_owned()).or_default();
        *sum = (sum.0 + 1, sum.1 + order.get("total").and_then(|total| total.as_i64()).unwrap_or(0));
    }
    for sum in sums.scan().items() {
        let sum = sum?;
        let number = |name| sum.get(name).and_then(|value| value.as_i64()).unwrap_or(0);
        let status = sum.get("status").and_then(|status| status.as_str()).unwrap_or("none");
        let equal = base.get(status).copied().unwrap_or_default() == (number("orders"), number("total"));
        println!("{status:<10} {:>6} orders {:>10}   equals its base: {equal}", number("orders"), number("total"));
    }
    Ok(())
}
