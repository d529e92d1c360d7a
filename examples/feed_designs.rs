//! Two key designs for a feed, compared by what they would cost: `cargo run -p hashrange --example feed_designs`.
//!
//! A celebrity posts, and many read the newest posts. Design A keeps a feed under one partition key: a page is one read, and
//! every write goes to one partition. Design B spreads a feed over ten keys: writes go to all partitions, and a page is ten
//! reads. The program counts capacity units as the service would charge them, and where they fall.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use hashrange::{
    Database, Durability, Item, ItemRef, Result, Table,
    key::{N, S},
};
use std::collections::BTreeMap;

const POSTS: u64 = 2_000;
const PAGES: u64 = 50;
const PAGE_POSTS: usize = 20;

/// What a design costs, by partition.
#[derive(Debug, Default)]
struct Cost {
    write_units: BTreeMap<u64, f64>,
    read_units: BTreeMap<u64, f64>,
}

impl Cost {
    fn total(units: &BTreeMap<u64, f64>) -> f64 {
        units.values().sum()
    }
    /// Units of the busiest partition as a share of all: 1 is one hot partition.
    fn hottest(units: &BTreeMap<u64, f64>) -> f64 {
        units.values().copied().fold(0.0, f64::max) / Self::total(units).max(1.0)
    }
}

/// A feed whose posts are spread over so many keys.
struct Feed {
    table: Table<(S, N)>,
    spread: u64,
    cost: Cost,
}

impl Feed {
    fn new(db: &Database, name: &str, spread: u64) -> Result<Self> {
        let table = db.create_table(name).hash::<S>("feed").range::<N>("at").open_or_create()?;
        Ok(Self { table, spread, cost: Cost::default() })
    }

    fn key(&self, shard: u64) -> String {
        if self.spread == 1 { "star".to_owned() } else { format!("star#{shard}") }
    }

    fn post(&mut self, at: u64) -> Result<()> {
        let key = self.key(at % self.spread);
        let item = Item::new().with("feed", key.as_str()).with("at", at).with("text", "x".repeat(400));
        let written = self.table.put_with(&item).durability(Durability::Buffered).send()?;
        let partition = self.table.partition_of((key, at))?;
        *self.cost.write_units.entry(partition).or_default() += written.consumed().total();
        Ok(())
    }

    /// The newest posts: of each key a page, merged.
    fn newest(&mut self) -> Result<Vec<u64>> {
        let mut posts = Vec::new();
        for shard in 0..self.spread {
            let key = self.key(shard);
            let page = self.table.query(&key).descending().limit(PAGE_POSTS).page()?;
            let partition = self.table.partition_of((key, 0))?;
            *self.cost.read_units.entry(partition).or_default() += page.consumed.total();
            posts.extend(page.items.iter().filter_map(|item: &ItemRef| item.get("at")?.as_u64()));
        }
        posts.sort_unstable_by(|a, b| b.cmp(a));
        posts.truncate(PAGE_POSTS);
        Ok(posts)
    }
}

pub(crate) fn main() -> Result<()> {
    let db = Database::options().initial_partitions(16).seed(1).in_memory()?;
    let mut costs = Vec::new();
    println!("{:<24} {:>12} {:>9} {:>12} {:>9}", "design", "write units", "hottest", "read units", "hottest");
    for (name, spread) in [("one_key", 1), ("ten_keys", 10)] {
        let mut feed = Feed::new(&db, name, spread)?;
        for at in 0..POSTS {
            feed.post(at)?;
        }
        for _ in 0..PAGES {
            let newest = feed.newest()?;
            assert!(newest.iter().copied().eq((POSTS - PAGE_POSTS as u64..POSTS).rev()), "the same page either way");
        }
        let Cost { write_units, read_units } = &feed.cost;
        println!(
            "{name:<24} {:>12} {:>8.0}% {:>12} {:>8.0}%",
            Cost::total(write_units),
            100.0 * Cost::hottest(write_units),
            Cost::total(read_units),
            100.0 * Cost::hottest(read_units)
        );
        costs.push(feed.cost);
    }
    let [one, ten] = &costs[..] else { return Ok(()) };
    assert!(
        (Cost::total(&one.write_units) - Cost::total(&ten.write_units)).abs() < f64::EPSILON,
        "writes cost the same"
    );
    assert!(Cost::hottest(&one.write_units) > 0.99, "one key is one hot partition");
    assert!(Cost::hottest(&ten.write_units) < 0.5, "ten keys share the load");
    assert!(Cost::total(&ten.read_units) > 5.0 * Cost::total(&one.read_units), "and reads pay for it");
    Ok(())
}
