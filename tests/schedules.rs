//! Schedules of threads, one by one: writers, a reader, flushes and compactions of one small database, under a scheduler
//! that decides at every lock who goes on.
//!
//! A build of its own explores a few thousand schedules, `HASHRANGE_SCHEDULES=50000` as many as one likes:
//! `RUSTFLAGS="--cfg hashrange_shuttle" CARGO_TARGET_DIR=target/shuttle cargo test --release -p hashrange --test schedules`.
//! A schedule that fails is printed, and shuttle can repeat it. With the flag `--cfg hashrange_canaries` besides, bugs are
//! planted and have to be found. Without the first flag there is nothing here.
//!
//! In each schedule two writers count in the same item, one with single updates and one with transactions over two
//! items, while a reader reads and a third thread flushes and compacts. Checked: no count is lost; what a reader saw never goes
//! back, and is on every medium that a power failure would have left at that moment; a writer sees its own writes; table
//! and index agree at the end.

#![cfg(hashrange_shuttle)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "what was covered is worth reading")]

use hashrange::{
    Clock, Database, ItemRef, Table,
    admin::index,
    key::{N, S},
    testing::SimulatedDisk,
};
use shuttle::{
    Config, Runner,
    scheduler::{PctScheduler, RandomScheduler, Scheduler},
    thread,
};
use std::sync::Arc;

/// Writes of each writer.
const WRITES: i64 = 2;
/// Bytes of the stack of a simulated thread: opening a database takes more than shuttle's own default.
const STACK_BYTES: usize = 1 << 20;
/// Changes of priority in a schedule of the second kind.
const PCT_DEPTH: usize = 4;
const BOTH: &str = "both";

fn schedules() -> usize {
    std::env::var("HASHRANGE_SCHEDULES").ok().and_then(|count| count.parse().ok()).unwrap_or(2_000)
}

fn open(disk: &SimulatedDisk) -> (Database, Table<S>) {
    let options = Database::options().background(false).clock(Clock::manual(1_800_000_000_000)).seed(1);
    let options = options.initial_partitions(1).log_segment_bytes(4096).runs_per_partition(2).split_bytes(1);
    let db = options.open_on(Arc::new(disk.clone())).unwrap();
    let table = db.create_table("counters").hash::<S>("id").gsi(index("by_count").hash::<N>("count"));
    let table = table.open_or_create().unwrap();
    (db, table)
}

fn count(item: Option<ItemRef>) -> i64 {
    item.and_then(|item| item.get("count").and_then(|count| count.as_i64())).unwrap_or(0)
}

fn read(table: &Table<S>, id: &str) -> i64 {
    count(table.get(id).unwrap())
}

/// What a reader saw, and the machine as it would have come up if the power had gone then.
type Seen = (i64, SimulatedDisk);

fn observe(disk: &SimulatedDisk, table: &Table<S>) -> Vec<Seen> {
    let mut seen: Vec<Seen> = Vec::new();
    for look in 0..3 {
        let count = read(table, BOTH);
        assert!(seen.last().is_none_or(|(before, _)| *before <= count), "a reader went back in time");
        seen.push((count, disk.crash(look)));
        thread::yield_now();
    }
    seen
}

fn scene() {
    let disk = SimulatedDisk::new(1);
    let (db, table) = open(&disk);
    let single = thread::spawn({
        let table = table.clone();
        move || {
            for written in 1..=WRITES {
                table.update(BOTH).add("count", 1).send().unwrap();
                assert!(read(&table, BOTH) >= written, "a writer does not see what it wrote");
            }
        }
    });
    let pair = thread::spawn({
        let (db, table) = (db.clone(), table.clone());
        move || {
            for written in 1..=WRITES {
                let transaction = db.transact_write().update(&table, BOTH, |update| update.add("count", 1));
                transaction.update(&table, "own", |update| update.add("count", 1)).send().unwrap();
                assert_eq!(read(&table, "own"), written);
            }
        }
    });
    let reader = thread::spawn({
        let (disk, table) = (disk.clone(), table.clone());
        move || observe(&disk, &table)
    });
    db.flush().unwrap();
    db.compact().unwrap();
    single.join().unwrap();
    pair.join().unwrap();
    let seen = reader.join().unwrap();

    assert_eq!((read(&table, BOTH), read(&table, "own")), (2 * WRITES, WRITES));
    db.verify().unwrap();
    let last = seen.into_iter().next_back().unwrap();
    for (seen, medium) in [last, (2 * WRITES, disk.crash(3))] {
        let (after, table) = open(&medium);
        let found = read(&table, BOTH);
        assert!(found >= seen, "{seen} had been seen, and {found} is there after a power failure");
        after.verify().unwrap();
    }
}

fn explore(scheduler: impl Scheduler + 'static) -> usize {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    Runner::new(scheduler, config).run(scene)
}

#[test]
fn no_schedule_loses_a_count_or_shows_what_is_not_durable() {
    let half = schedules() / 2;
    let explored = explore(RandomScheduler::new(half)) + explore(PctScheduler::new(PCT_DEPTH, half));
    println!("{explored} schedules");
    find_planted_bugs();
}

/// Schedules after which a planted bug counts as not found.
#[cfg(hashrange_canaries)]
const MOST_SCHEDULES: usize = 20_000;

/// With the flag `--cfg hashrange_canaries`: bugs that only other threads see are found.
#[cfg(hashrange_canaries)]
fn find_planted_bugs() {
    use hashrange::canary::{Canary, plant};
    for canary in [Canary::EarlyAcknowledgement, Canary::AppliedEarly] {
        plant(Some(canary));
        let search = || explore(PctScheduler::new(PCT_DEPTH, MOST_SCHEDULES));
        let found = std::panic::catch_unwind(search).err();
        plant(None);
        assert!(found.is_some(), "{canary:?} was not found in {MOST_SCHEDULES} schedules");
        println!("{canary:?} was found");
    }
}

#[cfg(not(hashrange_canaries))]
fn find_planted_bugs() {}
