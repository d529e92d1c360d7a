//! Random histories: the database as it was after each of their steps is what the model was then, by commit and by instant.
//!
//! `HASHRANGE_HISTORIES=10000 cargo test -p hashrange --test tables history::against_model` runs as many.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Database,
    file::{Disk, MemoryDisk, RealDisk},
    history::{HistoryOptions, HistoryWindow, Moment},
};
use hashrange_test_support::{
    seeds,
    world::{Draw, Mutation, Random, Setup, State, Step, answer::compare, judge::Done, run::run, shape::TABLES},
};
use std::sync::Arc;

/// What the database was after a commit.
struct Point {
    commit: u64,
    at_millis: u64,
    state: State,
}

fn window(db: &Database) -> HistoryWindow {
    db.history_window().unwrap()
}

/// Looks at some of the moments that can be read.
fn look_back(db: &Database, points: &[Point], looks: usize, random: &mut Random) -> Result<(), String> {
    let window = window(db);
    let within: Vec<&Point> = points.iter().filter(|point| point.commit >= window.earliest.commit).collect();
    for _ in 0..looks {
        let point = *random.pick(&within);
        let at = |moment: Moment| db.at(moment).map_err(|error| format!("{moment:?}: {error}"));
        let snapshot = at(Moment::Commit(point.commit))?;
        assert_eq!((snapshot.commit(), snapshot.at_millis()), (point.commit, point.at_millis));
        compare(snapshot.database(), &point.state).map_err(|error| format!("commit {}: {error}", point.commit))?;
        let millis = random.pick(&within).at_millis;
        if millis < window.earliest.at_millis {
            continue;
        }
        let position = within.iter().rposition(|point| point.at_millis <= millis).unwrap();
        let (last, next) = (within[position], within.get(position + 1));
        let snapshot = at(Moment::Instant(millis))?;
        // Maintenance may have made commits of its own behind the last step.
        let is_it = snapshot.commit() >= last.commit && next.is_none_or(|next| snapshot.commit() < next.commit);
        assert!(is_it, "instant {millis}: commit {}, not {}", snapshot.commit(), last.commit);
        compare(snapshot.database(), &last.state).map_err(|error| format!("instant {millis}: {error}"))?;
    }
    Ok(())
}

fn history(seed: u64, count: usize, disk: &Arc<dyn Disk>) -> Result<(), String> {
    let mut random = Random::new(seed);
    let mut setup = Setup::random(&mut random);
    let mut db = setup.open(disk.clone()).map_err(|error| format!("open: {error}"))?;
    let base_bytes = *random.pick(&[1, 5_000, 20_000, 1 << 30]);
    let retention_secs = *random.pick(&[3600, 300_000_000]);
    db.keep_history(HistoryOptions { retention_secs, base_bytes }).map_err(|error| format!("keep: {error}"))?;
    let mut state = State::default();
    let mut points: Vec<Point> = Vec::new();
    let mut steps: Vec<Step> =
        (0..TABLES).map(|table| Step::Mutate(Mutation::CreateTable(table), hashrange::Durability::Sync)).collect();
    steps.extend((0..count).map(|_| Step::random(&mut Draw { random: &mut random, tables: &[0, 1, 2, 3] })));
    for step in &steps {
        if let Step::Reopen(mode) = step {
            drop(db);
            setup.read_mode = *mode;
            db = setup.open(disk.clone()).map_err(|error| format!("reopen: {error}"))?;
        } else if let Done::Failed = run(&db, step, &mut state)? {
            return Err(format!("{step:?}: failed on a disk that does not fail"));
        }
        let latest = window(&db).latest;
        points.retain(|point| point.commit < latest.commit);
        points.push(Point { commit: latest.commit, at_millis: latest.at_millis, state: state.clone() });
        if random.one_in(20) {
            look_back(&db, &points, 2, &mut random).map_err(|error| format!("after {step:?}: {error}"))?;
        }
    }
    look_back(&db, &points, 8, &mut random)?;
    db.compact().map_err(|error| format!("compact: {error}"))?;
    drop(db);
    let db = setup.open(disk.clone()).map_err(|error| format!("reopen at the end: {error}"))?;
    look_back(&db, &points, 8, &mut random)
}

#[test]
fn each_commit_of_a_history_can_be_read() {
    for seed in seeds(3) {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
        history(seed, 80, &disk).unwrap_or_else(|error| panic!("history {seed}: {error}"));
    }
}

#[test]
fn each_commit_can_be_read_from_a_folder() {
    for seed in seeds(2) {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(folder.path(), true).unwrap());
        history(1_000 + seed, 60, &disk).unwrap_or_else(|error| panic!("history {seed}: {error}"));
    }
}
