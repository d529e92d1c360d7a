//! A view kept by a consumer, in a real process that is killed again and again: after every kill it equals its base.
//!
//! The test starts itself as a child that opens the folder, changes orders in one thread, and in two others sums them up
//! by group, each worker acknowledging in the transaction that changes the sums. The parent kills the child at some
//! moment, opens the folder, lets a consumer finish what is left, and compares the sums with the orders. A record that
//! counted twice or never would show. It also replays the stream from its start and finds the orders.
//!
//! `HASHRANGE_KILLS=100 cargo test --release -p hashrange --test crashes view:: -- --nocapture` kills so many times.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Database, Durability, Item, Table,
    key::S,
    schema::StreamView,
    streams::{Consumer, IteratorStart},
};
use hashrange_test_support::child;
use std::{collections::BTreeMap, path::Path, thread, time::Duration};

const ORDERS: u64 = 400;

struct World {
    db: Database,
    orders: Table<S>,
    sums: Table<S>,
}

fn open(folder: &Path) -> World {
    let db = Database::options()
        .initial_partitions(2)
        .memtable_bytes(64 << 10)
        .split_bytes(32 << 10)
        .log_segment_bytes(64 << 10)
        .log_bytes(256 << 10)
        .runs_per_partition(2)
        .open(folder)
        .unwrap();
    let orders = db.create_table("orders").hash::<S>("id").stream(StreamView::NewAndOld).open_or_create().unwrap();
    let sums = db.create_table("sums").hash::<S>("group").open_or_create().unwrap();
    World { db, orders, sums }
}

impl World {
    fn consumer(&self) -> Consumer {
        self.orders.stream().unwrap().checkpoint("sums").batch_records(20)
    }

    /// Puts and deletes orders: number `n` decides which, what is in it, and how durable that is.
    fn write(&self, n: u64) -> hashrange::Result<()> {
        let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let id = format!("o{}", mixed % ORDERS);
        let durability = if n.is_multiple_of(16) { Durability::Sync } else { Durability::Buffered };
        if mixed.is_multiple_of(7) {
            return self.orders.delete_with(id).durability(durability).send().map(drop);
        }
        let item = Item::new().with("id", id).with("group", format!("g{}", mixed % 5)).with("total", mixed % 1000);
        self.orders.put_with(&item.with("note", "x".repeat(60))).durability(durability).send().map(drop)
    }

    /// Takes a batch into the sums; returns the number of its records.
    fn keep_up(&self, consumer: &mut Consumer, patience: Duration) -> hashrange::Result<usize> {
        let Some(batch) = consumer.next_batch(patience)? else { return Ok(0) };
        let mut changes: BTreeMap<String, i64> = BTreeMap::new();
        for record in batch.records() {
            for (image, sign) in [(&record.old, -1), (&record.new, 1)] {
                if let Some(order) = image {
                    *changes.entry(text(order, "group")).or_default() += sign * total(order);
                }
            }
        }
        let mut transaction = self.db.transact_write();
        for (group, change) in &changes {
            transaction = transaction.update(&self.sums, group.as_str(), |sum| sum.add("total", *change));
        }
        batch.ack_in(transaction)?.send()?;
        Ok(batch.records().len())
    }

    /// What the stream, replayed from its start, makes of an empty table.
    fn replayed(&self) -> BTreeMap<String, Item> {
        let stream = self.db.list_streams(Some("orders")).remove(0);
        let mut orders = BTreeMap::new();
        for shard in &stream.shards {
            let start = self.db.shard_iterator("orders", &stream.label, &shard.id, &IteratorStart::TrimHorizon);
            let mut next = Some(start.unwrap());
            while let Some(at) = next {
                let page = self.db.stream_records(&at, None).unwrap();
                next = page.next.filter(|_| !page.records.is_empty());
                for record in page.records {
                    let id = record.keys()["id"].as_str().unwrap().to_owned();
                    let old = record.old.as_ref().map(|order| order.to_item());
                    assert_eq!(orders.get(&id), old.as_ref(), "the old image of {id} is what was before");
                    match record.new {
                        Some(new) => orders.insert(id, new.to_item()),
                        None => orders.remove(&id),
                    };
                }
            }
        }
        orders
    }
}

fn text(item: &hashrange::ItemRef, name: &str) -> String {
    item.get(name).unwrap().as_str().unwrap().to_owned()
}

fn total(item: &hashrange::ItemRef) -> i64 {
    item.get("total").unwrap().as_i64().unwrap()
}

/// Runs as a child only: writes and keeps the view until it is killed.
#[test]
#[ignore = "the process that is killed; the other test starts it"]
fn child() {
    let Some(folder) = child::folder() else { return };
    let world = open(&folder);
    let begin = u64::from(std::process::id()) << 20;
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in begin.. {
                world.write(n).unwrap();
            }
        });
        for _ in 0..2 {
            // A worker may lose its shard to the other one; its transaction is cancelled then, and it goes on.
            scope.spawn(|| {
                let mut consumer = world.consumer();
                loop {
                    if world.keep_up(&mut consumer, Duration::from_millis(100)).is_err() {
                        consumer = world.consumer();
                    }
                }
            });
        }
    });
}

#[test]
fn a_view_equals_its_base_after_every_kill() {
    let kills = child::kills(8);
    let folder = tempfile::tempdir().unwrap();
    let (mut caught_up, mut by_child) = (0, 0);
    for kill in 0..kills {
        // From before the folder is open to well into the work.
        child::run_and_kill(module_path!(), folder.path(), 0, Duration::from_millis(3 + kill * 37 % 200));

        let world = open(folder.path());
        let sums = |world: &World| -> BTreeMap<String, i64> {
            let sums = world.sums.scan().items().map(|sum| sum.unwrap());
            sums.map(|sum| (text(&sum, "group"), total(&sum))).filter(|(_, sum)| *sum != 0).collect()
        };
        by_child += usize::from(!sums(&world).is_empty());
        let mut consumer = world.consumer();
        loop {
            let records = world.keep_up(&mut consumer, Duration::from_millis(150)).unwrap();
            caught_up += records;
            if records == 0 {
                break;
            }
        }
        let mut base: BTreeMap<String, i64> = BTreeMap::new();
        let mut orders = BTreeMap::new();
        for order in world.orders.scan().items() {
            let order = order.unwrap();
            *base.entry(text(&order, "group")).or_default() += total(&order);
            orders.insert(text(&order, "id"), order.to_item());
        }
        base.retain(|_, sum| *sum != 0);
        assert_eq!(sums(&world), base, "kill {kill}: the view equals its base");
        assert!(world.replayed() == orders, "kill {kill}: the stream replayed is the table");
        world.db.verify().unwrap();
    }
    let world = open(folder.path());
    let shards = world.db.list_streams(None)[0].shards.len();
    println!("{kills} kills, {caught_up} records left to catch up, {shards} shards, {by_child} times with sums before");
}
