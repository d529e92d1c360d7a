//! What a consumer acknowledges: a position never jumps a gap, so each record takes effect once or is put aside, whatever
//! the program does with what it is handed.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, Durability, ErrorKind, Item, Table, attr,
    key::{Dynamic, S},
    schema::StreamView,
    streams::{Batch, ChangeRecord, Consumer},
    table::TransactWrite,
    testing::SimulatedDisk,
};
use proptest::prelude::*;
use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

const START_MILLIS: u64 = 1_795_000_000_000;
const NO_WAIT: Duration = Duration::ZERO;

fn options(partitions: usize) -> hashrange::OpenOptions {
    Database::options().clock(Clock::manual(START_MILLIS)).seed(1).background(false).initial_partitions(partitions)
}

fn orders(db: &Database) -> Table<S> {
    db.create_table("orders").hash::<S>("id").stream(StreamView::NewAndOld).open_or_create().unwrap()
}

fn put(table: &Table<S>, n: u64) {
    let item = Item::new().with("id", format!("o{}", n % 23)).with("n", n);
    table.put_with(&item).durability(Durability::Buffered).send().unwrap();
}

fn number(record: &ChangeRecord) -> u64 {
    record.new.as_ref().and_then(|item| item.get("n")?.as_u64()).unwrap()
}

/// Adds one to the counter of each record: what came twice shows.
fn count(mut tx: TransactWrite, counters: &Table<S>, records: &[ChangeRecord]) -> hashrange::Result<TransactWrite> {
    for record in records {
        tx = tx.update(counters, number(record).to_string(), |update| update.add("times", 1));
    }
    Ok(tx)
}

/// How often each record took effect.
fn counted(counters: &Table<S>) -> BTreeMap<u64, u64> {
    let read = |item: hashrange::Result<hashrange::ItemRef>| {
        let item = item.unwrap();
        let id = item.get("id").unwrap().as_str().unwrap().parse().unwrap();
        (id, item.get("times").unwrap().as_u64().unwrap())
    };
    counters.scan().items().map(read).collect()
}

#[test]
fn a_batch_that_failed_comes_again() {
    let db = options(1).in_memory().unwrap();
    let (table, counters) = (orders(&db), db.create_table("counters").hash::<S>("id").create().unwrap());
    (0..150).for_each(|n| put(&table, n));
    let mut consumer = table.stream().unwrap().checkpoint("count").batch_records(100);
    for _ in 0..3 {
        let batch = consumer.next_batch(NO_WAIT).unwrap().unwrap();
        assert_eq!(number(&batch.records()[0]), 0, "the first batch, until it is acknowledged");
        let full = count(db.transact_write(), &counters, batch.records()).unwrap();
        let error = batch.ack_in(full).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation);
        assert!(error.message().contains("batch_records"), "{error}");
    }
    drop(consumer);
    let mut consumer = table.stream().unwrap().checkpoint("count");
    while let Some(batch) = consumer.next_batch(NO_WAIT).unwrap() {
        let tx = count(db.transact_write(), &counters, batch.records()).unwrap();
        batch.ack_in(tx).unwrap().send().unwrap();
    }
    assert_eq!(counted(&counters), (0..150).map(|n| (n, 1)).collect(), "a batch of the default size fits");
}

#[test]
fn a_gap_is_not_acknowledged_and_nothing_is_acknowledged_twice() {
    let db = options(1).in_memory().unwrap();
    let (table, counters) = (orders(&db), db.create_table("counters").hash::<S>("id").create().unwrap());
    (0..10).for_each(|n| put(&table, n));
    let mut consumer = table.stream().unwrap().checkpoint("count").batch_records(5);
    let deliveries: Vec<_> = consumer.next_batch(NO_WAIT).unwrap().unwrap().into_iter().collect();
    assert!(consumer.next_batch(NO_WAIT).unwrap().is_none(), "the shard waits while its records are held");
    assert_eq!(deliveries[1].ack().unwrap_err().kind(), ErrorKind::Validation);
    let tx = count(db.transact_write(), &counters, &[deliveries[2].clone().into_record()]).unwrap();
    let error = deliveries[2].ack_in(tx).unwrap().send().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionCanceled);
    for delivery in &deliveries[..2] {
        for expected in [true, false] {
            let tx = count(db.transact_write(), &counters, &[delivery.clone().into_record()]).unwrap();
            assert_eq!(delivery.ack_in(tx).unwrap().send().is_ok(), expected);
        }
        delivery.ack().unwrap();
    }
    assert_eq!(counted(&counters), [(0, 1), (1, 1)].into());
    drop(deliveries);
    let batch = consumer.next_batch(NO_WAIT).unwrap().unwrap();
    assert_eq!(batch.records().iter().map(number).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
}

#[test]
fn a_child_waits_until_the_last_batch_of_its_parent_is_acknowledged() {
    let clock = Clock::manual(START_MILLIS);
    let db = options(1).clock(clock.clone()).in_memory().unwrap();
    let table = orders(&db);
    (0..3).for_each(|n| put(&table, n));
    clock.advance(Duration::from_secs(5 * 3600)); // an old shard is continued by another one
    while db.step().unwrap() != hashrange::inspect::Work::Idle {}
    (3..6).for_each(|n| put(&table, n));
    assert_eq!(db.list_streams(None)[0].shards.len(), 2);
    let mut consumer = table.stream().unwrap().checkpoint("all");
    for _ in 0..3 {
        let batch = consumer.next_batch(NO_WAIT).unwrap().unwrap();
        assert_eq!(batch.records().iter().map(number).collect::<Vec<_>>(), [0, 1, 2]);
    }
    consumer.next_batch(NO_WAIT).unwrap().unwrap().ack().unwrap();
    let batch = consumer.next_batch(NO_WAIT).unwrap().unwrap();
    assert_eq!(batch.records().iter().map(number).collect::<Vec<_>>(), [3, 4, 5]);
}

#[test]
fn a_record_that_is_dropped_comes_again_before_those_behind_it() {
    let db = options(1).in_memory().unwrap();
    let table = orders(&db);
    (0..20).for_each(|n| put(&table, n));
    let (mut seen, mut refused) = (Vec::new(), 0);
    for delivery in table.stream().unwrap().checkpoint("fails").follow(NO_WAIT) {
        let delivery = delivery.unwrap();
        if number(&delivery) == 7 && refused < 3 {
            refused += 1;
            continue;
        }
        seen.push(number(&delivery));
        delivery.ack().unwrap();
    }
    assert_eq!((seen, refused), ((0..20).collect(), 3));
    let all: Vec<u64> =
        table.stream().unwrap().checkpoint("looks").records(NO_WAIT).map(|r| number(&r.unwrap())).collect();
    assert_eq!(all, (0..20).collect::<Vec<_>>());
    let three = table.stream().unwrap().checkpoint("half").batch_records(4).records(NO_WAIT).take(6).count();
    let rest: Vec<u64> =
        table.stream().unwrap().checkpoint("half").records(NO_WAIT).map(|r| number(&r.unwrap())).collect();
    assert_eq!((three, rest.first()), (6, Some(&4)), "a batch that was not read through comes again");
}

/// What a program does with its next batch.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Puts records.
    Put(u64),
    /// Acknowledges in the transaction of the effect.
    Commit,
    /// The same twice: whoever is told of a failure may try again.
    CommitTwice,
    /// Loses interest.
    Drop,
    Panic,
    /// A transaction that a condition of its own refuses.
    Refused,
    /// Keeps the batch for later.
    Hold,
    /// Acknowledges what was kept, the last one first.
    CommitHeld,
    /// Record by record, in an order of its own.
    OneByOne(u64),
    /// Lets the consumer call: whole batches, then halves, then the dead letters.
    Process,
    /// Another worker instead of this one.
    Worker,
    /// Every lease ends.
    Lapse,
    /// A flush, a compaction, and whatever background work follows.
    Settle,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..60u64).prop_map(Step::Put),
        3 => Just(Step::Commit),
        1 => Just(Step::CommitTwice),
        2 => Just(Step::Drop),
        1 => Just(Step::Panic),
        2 => Just(Step::Refused),
        2 => Just(Step::Hold),
        2 => Just(Step::CommitHeld),
        2 => any::<u64>().prop_map(Step::OneByOne),
        2 => Just(Step::Process),
        1 => Just(Step::Worker),
        1 => Just(Step::Lapse),
        1 => Just(Step::Settle),
        1 => Just(Step::Reopen),
    ]
}

struct World {
    clock: Clock,
    db: Database,
    orders: Table<S>,
    counters: Table<S>,
    letters: Table<Dynamic>,
    workers: Vec<Consumer>,
    held: Vec<Batch>,
    written: u64,
}

/// Records that no program can process.
fn is_poison(record: &ChangeRecord) -> bool {
    number(record) % 17 == 3
}

impl World {
    fn open(clock: &Clock, disk: &SimulatedDisk, written: u64) -> Self {
        let options = options(2).clock(clock.clone()).memtable_bytes(16 << 10).split_bytes(2 << 10);
        let db = options.open_on(Arc::new(disk.clone())).unwrap();
        let orders = orders(&db);
        let counters = db.create_table("counters").hash::<S>("id").open_or_create().unwrap();
        db.create_table("letters").hash::<S>("id").open_or_create().unwrap();
        let letters = db.dynamic_table("letters").unwrap();
        let workers = (0..2).map(|_| Self::worker(&orders, &letters)).collect();
        Self { clock: clock.clone(), db, orders, counters, letters, workers, held: Vec::new(), written }
    }
    fn worker(orders: &Table<S>, letters: &Table<Dynamic>) -> Consumer {
        orders.stream().unwrap().checkpoint("count").batch_records(8).retries(0).dead_letters(letters.clone())
    }
    fn next_batch(&mut self) -> Option<Batch> {
        self.workers[0].next_batch(NO_WAIT).unwrap()
    }
    /// The effect of a batch, with its acknowledgement; nothing of one that has a poisoned record.
    fn commit(&self, batch: &Batch) {
        if !batch.records().iter().any(is_poison) {
            let tx = count(self.db.transact_write(), &self.counters, batch.records()).unwrap();
            let _ = batch.ack_in(tx).unwrap().send();
        }
    }
    fn one_by_one(&self, batch: Batch, seed: u64) {
        let mut deliveries: Vec<_> = batch.into_iter().collect();
        if seed.is_multiple_of(3) {
            deliveries.reverse();
        }
        for (n, delivery) in deliveries.into_iter().enumerate() {
            if seed >> (n % 60) & 1 == 1 && !is_poison(&delivery) {
                let tx = count(self.db.transact_write(), &self.counters, &[delivery.clone().into_record()]).unwrap();
                let _ = delivery.ack_in(tx).unwrap().send();
            }
        }
    }
    fn process(&mut self) -> usize {
        let counters = &self.counters;
        let describe = |records: &[ChangeRecord], tx: TransactWrite| {
            if records.iter().any(is_poison) {
                return Err("poisoned".to_owned());
            }
            count(tx, counters, records).map_err(|error| error.to_string())
        };
        self.workers[0].process_in_transaction(NO_WAIT, describe).unwrap_or(0)
    }
    fn step(mut self, step: Step, disk: &SimulatedDisk) -> Self {
        self.workers.rotate_left(1);
        match step {
            Step::Put(count) => {
                (self.written..self.written + count).for_each(|n| put(&self.orders, n));
                self.written += count;
            }
            Step::Commit => {
                if let Some(batch) = self.next_batch() {
                    self.commit(&batch)
                }
            }
            Step::CommitTwice => {
                if let Some(batch) = self.next_batch() {
                    self.commit(&batch);
                    self.commit(&batch);
                }
            }
            Step::Drop => drop(self.next_batch()),
            Step::Panic => {
                let mut worker = self.workers.remove(0);
                let panics = AssertUnwindSafe(|| {
                    worker
                        .process(NO_WAIT, |_| -> Result<(), String> {
                            std::panic::resume_unwind(Box::new("a bug of the program"))
                        })
                        .is_ok()
                });
                let _ = std::panic::catch_unwind(panics);
                self.workers.push(worker);
            }
            Step::Refused => {
                if let Some(batch) = self.next_batch() {
                    let tx = count(self.db.transact_write(), &self.counters, batch.records()).unwrap();
                    let tx = tx.check(&self.counters, "nowhere", attr("id").exists());
                    batch.ack_in(tx).unwrap().send().expect_err("the condition does not hold");
                }
            }
            Step::Hold => self.held.extend(self.workers[0].next_batch(NO_WAIT).unwrap()),
            Step::CommitHeld => {
                while let Some(batch) = self.held.pop() {
                    self.commit(&batch)
                }
            }
            Step::OneByOne(seed) => {
                if let Some(batch) = self.next_batch() {
                    self.one_by_one(batch, seed)
                }
            }
            Step::Process => drop(self.process()),
            Step::Worker => self.workers[0] = Self::worker(&self.orders, &self.letters),
            Step::Lapse => self.clock.advance(Duration::from_secs(31)),
            Step::Settle => {
                self.db.flush().unwrap();
                self.db.compact().unwrap();
                while self.db.step().unwrap() != hashrange::inspect::Work::Idle {}
            }
            Step::Reopen => {
                let (clock, written) = (self.clock.clone(), self.written);
                drop(self);
                return Self::open(&clock, disk, written);
            }
        }
        self
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn each_record_takes_effect_once_or_is_put_aside(steps in prop::collection::vec(step(), 1..60)) {
        let (clock, disk) = (Clock::manual(START_MILLIS), SimulatedDisk::new(1));
        let mut world = World::open(&clock, &disk, 0);
        for step in steps {
            world = world.step(step, &disk);
        }
        // The program comes to its senses.
        world = world.step(Step::Reopen, &disk);
        world.workers.truncate(1);
        while world.process() > 0 {}
        let letters = world.letters.scan().items().map(|letter| {
            letter.unwrap().path("NewImage.n").unwrap().as_u64().unwrap()
        });
        let mut effects = counted(&world.counters);
        effects.extend(letters.map(|n| (n, 1000)));
        let expected = (0..world.written).map(|n| (n, if n % 17 == 3 { 1000 } else { 1 })).collect();
        prop_assert_eq!(effects, expected);
    }
}
