//! Random histories of the whole public interface against a model of a few maps.
//!
//! A history is a list of steps: writes of all kinds, reads of all kinds, flushes, compactions, units of background
//! work, reopening. Sizes are so small that partitions split, memtables are flushed and log segments change within a few
//! steps. Each answer is compared with the model's, and at the end everything that can be read. A history that fails is
//! shrunk by proptest; it is then a list of steps to read and to keep as a test with a name.
//!
//! `HASHRANGE_HISTORIES=10000 cargo test -p hashrange --test tables model::` runs as many histories of each kind.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use hashrange::{
    ReadMode,
    file::{Disk, MemoryDisk, RealDisk},
};
use hashrange_test_support::world::{
    Draw, Mutation, Random, Setup, State, Step,
    answer::compare,
    judge::Done,
    run::run,
    shape::TABLES,
    stream::{check_streams, keeps_streams},
};
use proptest::{
    prelude::*,
    test_runner::{TestError, TestRunner},
};
use std::sync::Arc;

fn histories(usual: u32) -> ProptestConfig {
    let wanted = std::env::var("HASHRANGE_HISTORIES").ok().and_then(|count| count.parse().ok());
    ProptestConfig {
        cases: wanted.unwrap_or(usual),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    }
}

/// A step is drawn from one number, so that proptest shrinks histories by leaving steps out.
fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = any::<u64>()
        .prop_map(|seed| Step::random(&mut Draw { random: &mut Random::new(seed), tables: &[0, 1, 2, 3] }))
        .no_shrink();
    proptest::collection::vec(step, 1..most)
}

/// Runs a history on a disk; `mode` overrides how runs are read.
fn history(seed: u64, steps: &[Step], mode: Option<ReadMode>, disk: &Arc<dyn Disk>) -> Result<(), String> {
    let mut setup = Setup::random(&mut Random::new(seed));
    setup.read_mode = mode.unwrap_or(setup.read_mode);
    let mut db = setup.open(disk.clone()).map_err(|error| format!("open: {error}"))?;
    let mut state = State::default();
    let mut has_whole_streams = true;
    let tables = (0..TABLES).map(|table| Step::Mutate(Mutation::CreateTable(table), hashrange::Durability::Sync));
    for step in tables.collect::<Vec<_>>().iter().chain(steps) {
        if let Step::Reopen(new_mode) = step {
            drop(db);
            setup.read_mode = mode.unwrap_or(*new_mode);
            db = setup.open(disk.clone()).map_err(|error| format!("reopen: {error}"))?;
            continue;
        }
        if let Step::Clock(millis) = step {
            has_whole_streams &= keeps_streams(*millis);
        }
        if let Done::Failed = run(&db, step, &mut state)? {
            return Err(format!("{step:?}: failed on a disk that does not fail"));
        }
    }
    compare(&db, &state)?;
    drop(db);
    let db = setup.open(disk.clone()).map_err(|error| format!("reopen at the end: {error}"))?;
    compare(&db, &state)?;
    check_streams(&db, has_whole_streams)?;
    db.compact().map_err(|error| format!("compact at the end: {error}"))?;
    check_streams(&db, has_whole_streams)?;
    compare(&db, &state)
}

fn check(config: ProptestConfig, mode: Option<ReadMode>, most_steps: usize, disk: impl Fn() -> Arc<dyn Disk>) {
    let mut runner = TestRunner::new(config);
    let result = runner.run(&(any::<u64>(), steps(most_steps)), |(seed, steps)| {
        history(seed, &steps, mode, &disk()).map_err(TestCaseError::fail)
    });
    report(result);
}

/// Fails with a shrunk history, one step a line.
fn report(result: Result<(), TestError<(u64, Vec<Step>)>>) {
    match result {
        Ok(()) => {}
        Err(TestError::Fail(reason, (seed, steps))) => {
            let lines: Vec<String> = steps.iter().map(|step| format!("  {step:?}")).collect();
            panic!("{reason}\nhistory {seed}:\n{}", lines.join("\n"));
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn mapped_runs_agree_with_the_model() {
    check(histories(16), Some(ReadMode::Mapped), 120, || Arc::new(MemoryDisk::new()));
}

#[test]
fn buffered_runs_agree_with_the_model() {
    check(histories(16), Some(ReadMode::Buffered), 120, || Arc::new(MemoryDisk::new()));
}

#[test]
fn long_histories_agree_with_the_model() {
    check(histories(2), None, 1500, || Arc::new(MemoryDisk::new()));
}

#[test]
fn histories_on_a_real_disk_agree_with_the_model() {
    let mut runner = TestRunner::new(histories(3));
    let result = runner.run(&(any::<u64>(), steps(80)), |(seed, steps)| {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(folder.path(), true).unwrap());
        history(seed, &steps, None, &disk).map_err(TestCaseError::fail)
    });
    report(result);
}
