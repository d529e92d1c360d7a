//! Power failures behind the end of a shard of a change stream: what is written afterwards is in its stream, once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, Durability, Item, Table,
    inspect::{Piece, Work},
    key::S,
    schema::StreamView,
    testing::SimulatedDisk,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const START_MILLIS: u64 = 1_795_000_000_000;

fn open(disk: &SimulatedDisk, clock: &Clock) -> (Database, Table<S>) {
    let options = Database::options().clock(clock.clone()).seed(1).background(false).initial_partitions(1);
    let db = options.open_on(Arc::new(disk.clone())).unwrap();
    let table = db.create_table("things").hash::<S>("id").stream(StreamView::NewImage).open_or_create().unwrap();
    (db, table)
}

fn put(table: &Table<S>, numbers: std::ops::Range<u32>, durability: Durability) {
    for number in numbers {
        table.put_with(&Item::new().with("id", number.to_string())).durability(durability).send().unwrap();
    }
}

/// How often each item was seen by a consumer that has read all there is.
fn seen(table: &Table<S>, consumer: &str) -> BTreeMap<String, u32> {
    let mut seen = BTreeMap::new();
    for delivery in table.stream().unwrap().checkpoint(consumer).follow(Duration::ZERO) {
        let delivery = delivery.unwrap();
        *seen.entry(delivery.keys()["id"].as_str().unwrap().to_owned()).or_default() += 1;
        delivery.ack().unwrap();
    }
    seen
}

fn once_each(table: &Table<S>) -> BTreeMap<String, u32> {
    table.scan().items().map(|item| (item.unwrap().get("id").unwrap().as_str().unwrap().to_owned(), 1)).collect()
}

/// Ends the only shard behind commits that were written buffered, loses power, and goes on with other commits.
fn end_shard_before_power_fails(end_shard: impl Fn(&Database, &Clock)) {
    for seed in 0..8 {
        let (clock, disk) = (Clock::manual(START_MILLIS), SimulatedDisk::new(seed));
        let (db, table) = open(&disk, &clock);
        put(&table, 0..40, Durability::Sync);
        db.flush().unwrap();
        // It begins a later shard where that begins; a new one begins with the first record that it finds.
        let mut all = seen(&table, "first");
        db.sync().unwrap();
        put(&table, 40..80, Durability::Buffered);
        end_shard(&db, &clock);
        let disk = disk.crash(seed);
        drop((db, table));

        let (db, table) = open(&disk, &clock);
        put(&table, 100..160, Durability::Sync);
        seen(&table, "first").into_iter().for_each(|(id, times)| *all.entry(id).or_default() += times);
        assert_eq!(all, once_each(&table), "seed {seed}");
        let disk = disk.crash(seed);
        drop((db, table));

        let (db, table) = open(&disk, &clock);
        assert_eq!(seen(&table, "second"), once_each(&table), "seed {seed}, after another failure");
        db.verify().unwrap();
    }
}

/// The children began at a number that the log had lost, and gave the commits that got it to their parent.
#[test]
pub(crate) fn a_split_loses_no_record_to_a_power_failure() {
    end_shard_before_power_fails(|db, _| {
        let split = db.stepper().unwrap().step(Piece::Split { partition: None }).unwrap();
        assert_eq!(split.work, Work::Split);
    });
}

#[test]
fn a_shard_that_grew_old_loses_no_record_to_a_power_failure() {
    end_shard_before_power_fails(|db, clock| {
        clock.advance(Duration::from_secs(5 * 3600));
        assert_eq!(db.stepper().unwrap().step(Piece::StreamRetention).unwrap().work, Work::Aged);
    });
}
