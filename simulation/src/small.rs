//! Small worlds, all of them: every sequence of a few operations on a small database, the power cut at every operation
//! of the disk that they cause, and several media after each cut.

use crate::{
    event::{Aftermath, Event, Script},
    life::{Counts, live_on, operations_of},
    lives::{Failure, caught, threads},
};
use hashrange::{Durability, Item, ReadMode, testing::SimulatedDisk};
use hashrange_test_support::world::{
    Mutation, Random, Setup, State, Step,
    run::run,
    shape::{END, indexed},
    step::{Assign, BEGIN_MILLIS, Change, Write},
};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

const PLAIN: usize = 0;
const ORDERS: usize = 1;
const BLOBS: usize = 3;

fn write(table: usize, key: (usize, usize), change: Change) -> Write {
    Write { table, key, change, when: None }
}

/// A put that moves the item in every index.
fn put(table: usize, key: (usize, usize), value: usize) -> Write {
    let lists = indexed();
    let item = Item::new()
        .with("v", format!("value {value} ").repeat(8))
        .with("s", lists.s[value % lists.s.len()].clone())
        .with("n", lists.n[value % lists.n.len()].clone())
        .with("b", lists.b[value % lists.b.len()].clone());
    write(table, key, Change::Put(item))
}

/// A put of an item whose time to live has ended.
fn expiring(table: usize, key: (usize, usize)) -> Write {
    write(table, key, Change::Put(Item::new().with(END, BEGIN_MILLIS as i64 / 1000 - 1)))
}

fn one(write: Write, durability: Durability) -> Step {
    Step::Mutate(Mutation::One(write), durability)
}

/// The operations, each of a step or two; their transaction has this token.
fn operations(token: u64) -> Vec<Vec<Step>> {
    use Durability::{Buffered, Sync};
    let transaction = vec![
        put(PLAIN, (1, 0), 6),
        write(ORDERS, (0, 1), Change::Delete),
        write(ORDERS, (0, 2), Change::Update(vec![Assign::Count(1), Assign::RemoveS])),
    ];
    vec![
        vec![one(put(ORDERS, (0, 5), 3), Sync)],
        vec![one(put(ORDERS, (0, 1), 4), Sync)],
        vec![one(write(ORDERS, (0, 0), Change::Delete), Sync)],
        vec![one(write(PLAIN, (0, 0), Change::Update(vec![Assign::Count(5)])), Buffered)],
        vec![Step::Mutate(Mutation::Transact(transaction, Some(token)), Sync)],
        vec![Step::Mutate(Mutation::Batch(vec![put(ORDERS, (1, 3), 1), put(PLAIN, (3, 0), 2)]), Sync)],
        vec![Step::Flush],
        vec![Step::Compact],
        vec![Step::Mutate(Mutation::CreateIndex(PLAIN), Sync), Step::Work(3)],
        vec![Step::Mutate(Mutation::DropTable(PLAIN), Sync)],
        vec![Step::Mutate(Mutation::CreateTable(BLOBS), Sync)],
        vec![Step::Reopen(ReadMode::Mapped)],
        vec![one(expiring(PLAIN, (4, 0)), Sync), Step::Sweep],
    ]
}

fn setup(encrypted: bool) -> Setup {
    let setup = Setup {
        partitions: 1,
        split_bytes: 1024,
        memtable_bytes: 1 << 20,
        log_segment_bytes: 4096,
        log_bytes: 1 << 20,
        runs_per_partition: 2,
        encrypted: None,
        ..Setup::random(&mut Random::new(7))
    };
    if encrypted { setup.encrypted() } else { setup }
}

/// A database with two tables, some of it in runs, some in the log.
fn small_database(setup: &Setup) -> (SimulatedDisk, State) {
    let disk = SimulatedDisk::new(1);
    let mut state = State::default();
    {
        let db = setup.open(Arc::new(disk.clone())).unwrap();
        let mut steps = vec![
            Step::Mutate(Mutation::CreateTable(PLAIN), Durability::Sync),
            Step::Mutate(Mutation::CreateTable(ORDERS), Durability::Sync),
        ];
        steps.extend((0..6).map(|n| one(put(ORDERS, (n / 3, n), n), Durability::Sync)));
        steps.extend((0..3).map(|n| one(put(PLAIN, (n, 0), n), Durability::Sync)));
        steps.push(Step::Flush);
        steps.extend((0..3).map(|n| one(put(ORDERS, (0, n), n + 1), Durability::Sync)));
        steps.push(one(write(ORDERS, (1, 4), Change::Delete), Durability::Sync));
        for step in &steps {
            run(&db, step, &mut state).unwrap();
        }
    }
    (disk, state)
}

/// All sequences of one to `length` operations.
fn sequences(length: usize) -> Vec<Vec<Step>> {
    let mut all: Vec<Vec<Step>> = Vec::new();
    let mut last = vec![Vec::new()];
    for place in 0..length {
        let choices = operations(place as u64 + 1);
        let extend = |steps: &Vec<Step>| -> Vec<Vec<Step>> {
            choices.iter().map(|choice| steps.iter().chain(choice).cloned().collect()).collect()
        };
        last = last.iter().flat_map(extend).collect();
        all.extend(last.iter().cloned());
    }
    all
}

/// Cuts the power at every operation of the disk.
fn cut_everywhere(
    setup: &Setup,
    base: &SimulatedDisk,
    state: &State,
    steps: &[Step],
    images: u64,
    counts: &mut Counts,
) -> Result<(), Failure> {
    let events: Vec<Event> = steps.iter().cloned().map(Event::Step).collect();
    let mut script = Script { setup: setup.clone(), disk_seed: 0, first_cut: None, events };
    let machine = || base.crash(5);
    let failure = |place: String, text: String| Failure(format!("small world, {place}: {text}\n{steps:?}"));
    let operations = caught(|| operations_of(machine(), state.clone(), &script))
        .map_err(|text| failure("undisturbed".to_owned(), text))?;
    for cut in 1..=operations {
        let again = cut.is_multiple_of(2).then_some(1 + cut / 2 % 14);
        let aftermath = Aftermath { image: cut * 1000, others: images.saturating_sub(1), again };
        script.first_cut = Some((cut, aftermath));
        caught(|| live_on(machine(), state.clone(), &script, counts))
            .map_err(|text| failure(format!("power cut at operation {cut} of {operations}"), text))?;
    }
    Ok(())
}

/// Every sequence of one to `length` operations on a small database, the power cut at every operation of the disk, and
/// `images` media after each cut; of the sequences of several operations, one of `every`; with `encrypted`, of an encrypted database. Returns the number of sequences and what happened in them.
pub fn small_worlds(length: usize, images: u64, every: usize, encrypted: bool) -> Result<(usize, Counts), Failure> {
    let setup = setup(encrypted);
    let (base, state) = small_database(&setup);
    let mut sequences = sequences(length);
    let short = operations(1).len(); // the first of them: one operation each
    let mut number = 0;
    sequences.retain(|_| {
        number += 1;
        number <= short || number % every == 0
    });
    let next = AtomicUsize::new(0);
    let total = Mutex::new(Ok(Counts::default()));
    std::thread::scope(|scope| {
        for _ in 0..threads() {
            scope.spawn(|| {
                let mut counts = Counts::default();
                while let Some(steps) = sequences.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(failure) = cut_everywhere(&setup, &base, &state, steps, images, &mut counts) {
                        next.store(sequences.len(), Ordering::Relaxed);
                        *total.lock().unwrap() = Err(failure);
                        return;
                    }
                }
                if let Ok(total) = &mut *total.lock().unwrap() {
                    total.add(&counts);
                }
            });
        }
    });
    Ok((sequences.len(), total.into_inner().unwrap()?))
}
