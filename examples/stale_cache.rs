//! The surprise of a cache in front of a database: `cargo run -p hashrange --example stale_cache`.
//!
//! A program writes through the cache, asks its query again, and gets the answer of before: writes replace items in the
//! cache, and no pages.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use hashrange::{
    Clock, Database, Item, ItemRef, Result, Table,
    accelerator::AcceleratorOptions,
    key::{N, S},
};
use std::time::Duration;

fn order(number: u64, status: &str) -> Item {
    Item::new().with("customer", "c#1").with("number", number).with("status", status)
}

fn status(item: &ItemRef) -> String {
    let number = item.get("number").and_then(|number| number.as_u64()).unwrap_or_default();
    let status = item.get("status").and_then(|status| status.as_str().map(str::to_owned)).unwrap_or_default();
    format!("{number} is {status}")
}

/// The orders of the customer, as a page shows them.
fn show(orders: &Table<(S, N)>, when: &str) -> Result<Vec<String>> {
    let page = orders.query("c#1").page()?;
    let lines: Vec<String> = page.items.iter().map(status).collect();
    println!("{when}: {}", lines.join(", "));
    Ok(lines)
}

/// Shows it, and asserts what it shows.
pub fn main() -> Result<()> {
    let clock = Clock::manual(1_800_000_000_000);
    let db = Database::options().clock(clock.clone()).in_memory()?;
    db.create_table("orders").hash::<S>("customer").range::<N>("number").create()?;
    let accelerator = db.accelerator(AcceleratorOptions::default())?;
    let orders = accelerator.database().table::<(S, N)>("orders")?;

    orders.put(&order(1, "OPEN"))?;
    assert_eq!(show(&orders, "one order")?, ["1 is OPEN"]);

    orders.put(&order(1, "PAID"))?;
    orders.put(&order(2, "OPEN"))?;
    assert_eq!(show(&orders, "paid, and ordered again")?, ["1 is OPEN"], "the page is as it was");

    let item = orders.get(("c#1", 1))?;
    assert_eq!(item.as_ref().map(status).as_deref(), Some("1 is PAID"), "the item is new");

    let count = orders.query("c#1").consistent(true).page()?.count;
    assert_eq!(count, 2, "a consistent read passes through the cache");
    assert_eq!(show(&orders, "after a consistent read")?, ["1 is OPEN"], "and stores nothing there");

    clock.advance(Duration::from_secs(300));
    assert_eq!(show(&orders, "five minutes later")?, ["1 is PAID", "2 is OPEN"]);
    println!("{:?}", accelerator.stats());
    Ok(())
}
