//! Consumers that were away for longer than the records of a stream are kept.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, ErrorKind, Item, Table,
    admin::TableUpdate,
    inspect::Work,
    key::S,
    schema::StreamView,
    streams::{ChangeRecord, Consumer, Gap},
    testing::SimulatedDisk,
};
use std::{sync::Arc, time::Duration};

const START_MILLIS: u64 = 1_795_000_000_000;
const NO_WAIT: Duration = Duration::ZERO;
const HOUR: Duration = Duration::from_secs(3600);

struct World {
    clock: Clock,
    db: Database,
    table: Table<S>,
}

fn open(clock: &Clock, disk: &SimulatedDisk, retention: Option<Duration>) -> World {
    let mut options = Database::options().clock(clock.clone()).seed(1).background(false).initial_partitions(1);
    if let Some(retention) = retention {
        options = options.stream_retention(retention);
    }
    let db = options.open_on(Arc::new(disk.clone())).unwrap();
    let table = db.create_table("orders").hash::<S>("id").stream(StreamView::NewImage).open_or_create().unwrap();
    World { clock: clock.clone(), db, table }
}

impl World {
    fn put(&self, n: u64) {
        self.table.put(&Item::new().with("id", format!("o{n}")).with("n", n)).unwrap();
    }
    fn consumer(&self) -> Consumer {
        self.table.stream().unwrap().checkpoint("mailer")
    }
    /// Reads all there is; what was skipped, and what was read.
    fn read(&self, mut consumer: Consumer) -> hashrange::Result<(Vec<Gap>, Vec<u64>)> {
        let (mut gaps, mut seen) = (Vec::new(), Vec::new());
        while let Some(batch) = consumer.next_batch(NO_WAIT)? {
            gaps.extend_from_slice(batch.skipped());
            seen.extend(batch.records().iter().map(number));
            batch.ack()?;
        }
        Ok((gaps, seen))
    }
    /// Time passes, with a look at what is due now and then.
    fn pass(&self, hours: u32) {
        for _ in 0..hours {
            self.clock.advance(HOUR);
            while self.db.step().unwrap() != Work::Idle {}
        }
    }
}

fn number(record: &ChangeRecord) -> u64 {
    record.new.as_ref().and_then(|item| item.get("n")?.as_u64()).unwrap()
}

#[test]
fn a_consumer_that_was_away_for_too_long_is_told() {
    let (clock, disk) = (Clock::manual(START_MILLIS), SimulatedDisk::new(1));
    let world = open(&clock, &disk, None);
    (0..3).for_each(|n| world.put(n));
    assert_eq!(world.read(world.consumer()).unwrap(), (vec![], vec![0, 1, 2]));
    (3..6).for_each(|n| world.put(n));
    clock.advance(25 * HOUR);
    world.put(6);
    for flushed in [false, true] {
        if flushed {
            world.db.flush().unwrap();
            while world.db.step().unwrap() != Work::Idle {}
        }
        let mut consumer = world.consumer();
        for _ in 0..2 {
            let error = consumer.next_batch(NO_WAIT).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Expired);
            assert!(error.message().contains("mailer") && error.message().contains("24 hours"), "{error}");
            assert_eq!(consumer.gaps().len(), 1);
            assert!(consumer.gaps()[0].from.is_some() && consumer.gaps()[0].to.is_some());
        }
    }
    let (gaps, seen) = world.read(world.consumer().skip_expired()).unwrap();
    assert_eq!((gaps.len(), seen), (1, vec![6]));
    assert_eq!(world.read(world.consumer()).unwrap(), (vec![], vec![]), "a gap is skipped once");
    world.put(7);
    assert_eq!(world.read(world.consumer()).unwrap(), (vec![], vec![7]));
}

#[test]
fn shards_that_came_and_went_meanwhile_are_a_gap_too() {
    let (clock, disk) = (Clock::manual(START_MILLIS), SimulatedDisk::new(1));
    let world = open(&clock, &disk, None);
    world.put(0);
    assert_eq!(world.read(world.consumer()).unwrap().1, [0]);
    // Shards are continued by others every four hours.
    for n in 1..20 {
        world.put(n);
        world.pass(5);
    }
    assert_eq!(world.read(world.consumer()).unwrap_err().kind(), ErrorKind::Expired);
    let (gaps, seen) = world.read(world.consumer().skip_expired()).unwrap();
    assert!(gaps.iter().any(|gap| gap.to.is_none()), "{gaps:?}");
    assert_eq!(seen, [16, 17, 18, 19], "a day of records");
    assert_eq!(world.read(world.consumer()).unwrap(), (vec![], vec![]));
    let late = world.table.stream().unwrap().checkpoint("late");
    assert_eq!(world.read(late).unwrap(), (vec![], vec![16, 17, 18, 19]), "a new consumer has missed nothing");
}

#[test]
fn a_consumer_that_had_read_everything_missed_nothing() {
    let (clock, disk) = (Clock::manual(START_MILLIS), SimulatedDisk::new(1));
    let mut world = open(&clock, &disk, None);
    // Two changes of one commit, so that the place within the commit counts.
    let tx = world.db.transact_write();
    let tx = tx.put(&world.table, &Item::new().with("id", "a").with("n", 1));
    tx.put(&world.table, &Item::new().with("id", "b").with("n", 2)).send().unwrap();
    let mut one = world.consumer().batch_records(1);
    one.next_batch(NO_WAIT).unwrap().unwrap().ack().unwrap();
    drop(one);
    let mut other = world.table.stream().unwrap().checkpoint("other");
    other.next_batch(NO_WAIT).unwrap().unwrap().ack().unwrap();
    drop(other);
    world.db.flush().unwrap();
    drop(world);
    clock.advance(40 * HOUR);
    world = open(&clock, &disk, None);
    while world.db.step().unwrap() != Work::Idle {}
    world.put(3);
    let other = world.table.stream().unwrap().checkpoint("other");
    assert_eq!(world.read(other).unwrap(), (vec![], vec![3]), "it had read both");
    assert_eq!(world.read(world.consumer()).unwrap_err().kind(), ErrorKind::Expired, "it had read one of two");
}

#[test]
fn records_are_kept_as_long_as_the_database_is_told() {
    let (clock, disk) = (Clock::manual(START_MILLIS), SimulatedDisk::new(1));
    let mut written = 0;
    for (retention, kept) in [(7 * 24 * HOUR, 20), (Duration::MAX, 40), (HOUR, 1)] {
        let world = open(&clock, &disk, Some(retention));
        for _ in 0..10 {
            world.put(written);
            world.pass(12);
            world.put(written + 1);
            written += 2;
        }
        let reader = world.table.stream().unwrap().checkpoint(format!("reader of {retention:?}"));
        assert_eq!(world.read(reader).unwrap(), (vec![], (written - kept..written).collect()), "{retention:?}");
    }
}

/// As [`open`], with records kept for consumers for three days.
fn open_for_consumers(clock: &Clock, disk: &SimulatedDisk) -> World {
    let options = Database::options().clock(clock.clone()).seed(1).background(false).initial_partitions(1);
    let db = options.keep_unread(72 * HOUR).open_on(Arc::new(disk.clone())).unwrap();
    let table = db.create_table("orders").hash::<S>("id").stream(StreamView::NewImage).open_or_create().unwrap();
    World { clock: clock.clone(), db, table }
}

#[test]
fn records_are_kept_for_a_consumer_until_it_comes_back() {
    for flushed in [false, true] {
        let (clock, disk) = (Clock::manual(START_MILLIS), SimulatedDisk::new(1));
        let world = open_for_consumers(&clock, &disk);
        world.put(0);
        let other = || world.table.stream().unwrap().checkpoint("done");
        assert_eq!(world.read(world.consumer()).unwrap().1, [0]);
        assert_eq!(world.read(other()).unwrap().1, [0]);
        // Shards are continued by others every four hours, and are gone a day later.
        for n in 1..12 {
            world.put(n);
            if flushed {
                world.db.flush().unwrap();
            }
            world.pass(5);
            world.read(other()).unwrap();
        }
        let unread = world.db.health().unread;
        assert_eq!(unread.len(), 1, "{unread:?}");
        assert_eq!((&*unread[0].table, &*unread[0].consumer), ("orders", "mailer"));
        assert!((7..=8).contains(&unread[0].records), "{unread:?}");
        assert!(world.db.health().is_good());
        let late = world.table.stream().unwrap().checkpoint("late");
        assert_eq!(world.read(late).unwrap().1, [8, 9, 10, 11], "a new consumer has a day of records");

        // The consumer comes back after 55 hours, and in another process.
        drop(world);
        let world = open_for_consumers(&clock, &disk);
        assert_eq!(world.read(world.consumer()).unwrap(), (vec![], (1..12).collect()), "flushed: {flushed}");
        world.pass(1);
        assert!(world.db.health().unread.is_empty(), "{:?}", world.db.health());
        world.pass(25);
        world.put(12);
        assert_eq!(world.read(world.consumer()).unwrap(), (vec![], vec![12]));
        assert_eq!(world.db.list_streams(Some("orders"))[0].shards.len(), 1, "older shards are gone");
    }
}

#[test]
fn records_are_not_kept_for_a_consumer_for_ever() {
    let (clock, disk) = (Clock::manual(START_MILLIS), SimulatedDisk::new(1));
    let world = open_for_consumers(&clock, &disk);
    world.put(0);
    assert_eq!(world.read(world.consumer()).unwrap().1, [0]);
    for n in 1..20 {
        world.put(n);
        world.pass(5);
    }
    assert_eq!(world.read(world.consumer()).unwrap_err().kind(), ErrorKind::Expired);
    let (gaps, seen) = world.read(world.consumer().skip_expired()).unwrap();
    assert!(!gaps.is_empty());
    assert_eq!(seen, (6..20).collect::<Vec<_>>(), "three days of records");
}

#[test]
fn records_are_not_kept_for_readers_without_a_checkpoint() {
    let (clock, disk) = (Clock::manual(START_MILLIS), SimulatedDisk::new(1));
    let world = open_for_consumers(&clock, &disk);
    assert_eq!(world.read(world.consumer()).unwrap(), (vec![], vec![]));
    world.put(0);
    world.pass(3);
    world.put(1);
    world.pass(22);
    let stream = &world.db.list_streams(Some("orders"))[0];
    let mut seen = Vec::new();
    for shard in &stream.shards {
        let start = hashrange::streams::IteratorStart::TrimHorizon;
        let iterator = world.db.shard_iterator("orders", &stream.label, &shard.id, &start).unwrap();
        seen.extend(world.db.stream_records(&iterator, None).unwrap().records.iter().map(number));
    }
    assert_eq!(seen, [1]);
    assert_eq!(world.read(world.consumer()).unwrap(), (vec![], vec![0, 1]));
}

#[test]
fn records_are_kept_for_a_consumer_after_their_stream_was_disabled() {
    let (clock, disk) = (Clock::manual(START_MILLIS), SimulatedDisk::new(1));
    let world = open_for_consumers(&clock, &disk);
    world.put(0);
    let stream = world.table.stream().unwrap();
    assert_eq!(world.read(stream.checkpoint("mailer")).unwrap().1, [0]);
    world.put(1);
    let disable = TableUpdate { stream: Some(None), ..TableUpdate::default() };
    world.db.update_table("orders", disable).unwrap();
    world.pass(40);
    assert_eq!(world.db.health().unread.len(), 1);
    assert_eq!(world.read(stream.checkpoint("mailer")).unwrap(), (vec![], vec![1]));
    world.pass(1);
    assert!(world.db.list_streams(Some("orders")).is_empty(), "it is read, and more than a day old");
}

#[test]
fn what_consumers_noted_goes_with_their_stream() {
    let (clock, disk) = (Clock::manual(START_MILLIS), SimulatedDisk::new(1));
    let world = open(&clock, &disk, None);
    world.put(0);
    assert_eq!(world.read(world.consumer()).unwrap().1, [0]);
    let rows = || world.db.describe_table("hashrange.checkpoints").unwrap().item_count;
    assert!(rows() > 0);
    let stream = |view| TableUpdate { stream: Some(view), ..TableUpdate::default() };
    world.db.update_table("orders", stream(None)).unwrap();
    world.db.update_table("orders", stream(Some(StreamView::NewImage))).unwrap();
    world.put(1);
    assert_eq!(world.read(world.consumer()).unwrap().1, [1]);
    let of_both = rows();
    world.pass(25);
    assert!((1..of_both).contains(&rows()), "{} of {of_both} are left", rows());
    world.put(2);
    assert_eq!(world.read(world.consumer()).unwrap(), (vec![], vec![2]));
}

/// Shards that a clock opened and closed which was a year ahead for a while.
#[test]
fn shards_of_a_time_that_was_ahead_go_like_others() {
    let (clock, disk) = (Clock::manual(START_MILLIS), SimulatedDisk::new(1));
    let world = open(&clock, &disk, None);
    world.put(0);
    clock.set_millis(START_MILLIS + 365 * 24 * 3_600_000);
    world.pass(5);
    world.put(1);
    let shards = || world.db.list_streams(Some("orders"))[0].shards.clone();
    let ahead = shards();
    assert_eq!(ahead.len(), 2, "one was closed, another one was opened");
    clock.set_millis(START_MILLIS);
    for n in 2..10 {
        world.pass(5);
        world.put(n);
    }
    assert!(shards().iter().all(|shard| ahead.iter().all(|gone| gone.id != shard.id)), "{:?}", shards());
    let late = world.table.stream().unwrap().checkpoint("late");
    assert_eq!(world.read(late).unwrap().1, [5, 6, 7, 8, 9], "a day of records");
}
