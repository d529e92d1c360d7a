//! What comes back from an archive is what was archived: after every commit, from every prefix; and damage is named.

use super::*;
use hashrange_test_support::{
    Random, seeds,
    world::{Draw, Mutation, Setup, State, Step, answer::compare, judge::Done, run::run, shape::TABLES},
};

#[test]
fn each_commit_of_a_random_history_is_restored() {
    for seed in seeds(6) {
        let mut random = Random::new(seed);
        let mut setup = Setup::random(&mut random);
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
        let mut db = setup.open(disk.clone()).unwrap();
        let base_bytes = *random.pick(&[2_000, 20_000, 1 << 30]);
        db.keep_history(HistoryOptions { retention_secs: 300_000_000, base_bytes }).unwrap();
        let store = MemoryStore::new();
        let mut archiving = db.archive_to(place(&store), ArchiveOptions::default()).unwrap();
        let (mut state, mut points) = (State::default(), Vec::new());
        let mut steps: Vec<Step> =
            (0..TABLES).map(|table| Step::Mutate(Mutation::CreateTable(table), Durability::Sync)).collect();
        steps.extend((0..70).map(|_| Step::random(&mut Draw { random: &mut random, tables: &[0, 1, 2, 3] })));
        for step in &steps {
            if let Step::Clock(_) = step {
                continue; // decades would end the history that archives are made of
            }
            if let Step::Reopen(mode) = step {
                drop((archiving, db));
                setup.read_mode = *mode;
                db = setup.open(disk.clone()).unwrap();
                archiving = db.archive_to(place(&store), ArchiveOptions::default()).unwrap();
            } else if let Done::Failed = run(&db, step, &mut state).unwrap() {
                panic!("{step:?}: failed on a disk that does not fail");
            }
            points.push((db.facts().log.last_seqno, state.clone()));
            if random.one_in(4) {
                archiving.step().unwrap();
            }
        }
        drop((archiving, db));
        let archive = open(&store);
        archive.verify().unwrap();
        let earliest = archive.status().timelines[0].earliest.commit;
        points.retain(|(commit, _)| *commit >= earliest);
        for _ in 0..8 {
            let (commit, _) = random.pick(&points).clone();
            let (_, state) = points.iter().rfind(|(known, _)| *known == commit).unwrap();
            let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
            let point = RestorePoint { moment: Moment::Commit(commit), timeline: None, checks_digests: true };
            let (restored, reached) = archive.restore_on(point, disk.clone(), setup.options()).unwrap();
            assert_eq!(reached.commit, commit);
            drop(restored);
            let restored = setup.open(disk).unwrap();
            compare(&restored, state).unwrap_or_else(|error| panic!("history {seed}, commit {commit}: {error}"));
        }
    }
}

#[test]
pub(crate) fn every_prefix_of_an_archive_restores_and_every_flipped_byte_is_named() {
    let (clock, store, mut known) = (Clock::manual(BEGIN), MemoryStore::new(), BTreeMap::new());
    let db = options(&clock).in_memory().unwrap();
    db.keep_history(HistoryOptions { base_bytes: 8_000, ..HistoryOptions::default() }).unwrap();
    work(&db, &store, &mut known);
    let archive = open(&store);
    let status = archive.verify().unwrap();
    assert!(status.entries > 4 && status.timelines[0].bases > 1, "{status:?}");
    for entries in 1..=status.entries as u64 {
        let prefix = store.copy();
        (entries + 1..=status.entries as u64).for_each(|n| prefix.remove("", &format!("catalog/{n:010}")).unwrap());
        let archive = open(&prefix);
        let latest = archive.status().timelines[0].latest;
        let restored = restore(&archive, Moment::Now, &clock).unwrap();
        let expected = known.range(..=latest.commit).next_back().map(|(_, state)| state.clone()).unwrap_or_default();
        assert_eq!(contents(&restored), expected, "the first {entries} entries");
    }
    let mut random = Random::new(3);
    for name in store.list("", "").unwrap() {
        let bytes = store.bytes(&name).unwrap();
        let places: Vec<usize> = match bytes.len() {
            len @ ..200 => (0..len).collect(),
            len => (0..24).map(|_| random.below(len)).collect(),
        };
        for at in places {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1 << random.below(8);
            check_damage(&store, &name, Some(flipped.into()));
        }
        check_damage(&store, &name, Some(bytes.slice(..bytes.len() - 1)));
        check_damage(&store, &name, None);
    }
}

#[test]
fn a_restore_reads_the_log_as_far_as_it_needs_it() {
    let (clock, store) = (Clock::manual(BEGIN), MemoryStore::new());
    let db = options(&clock).in_memory().unwrap();
    let archiving = db.archive_to(place(&store), ArchiveOptions::default()).unwrap();
    let put_many = |first: u64| (first..first + 500).for_each(|n| put(&db, &format!("{n}"), n));
    put_many(0);
    archiving.step().unwrap();
    let (point, expected) = (archiving.archived_to().unwrap(), contents(&db));
    clock.advance(Duration::from_secs(10));
    put(&db, "shows that nothing more has the time before", 1);
    archiving.step().unwrap();
    let before = store.list("", "").unwrap();
    put_many(500);
    archiving.step().unwrap();
    let later: Vec<String> = store.list("", "").unwrap().into_iter().filter(|name| !before.contains(name)).collect();
    let log = later.iter().find(|name| name.contains("/log/")).unwrap();
    store.remove("", log).unwrap();
    let archive = open(&store);
    for moment in [Moment::Commit(point.commit), Moment::Instant(point.at_millis)] {
        assert_eq!(contents(&restore(&archive, moment, &clock).unwrap()), expected, "{moment:?}");
    }
    assert_eq!(restore(&archive, Moment::Now, &clock).unwrap_err().kind(), ErrorKind::Corrupt);
}

/// An archive with other bytes in the place of an object is refused as a whole or by verification, which names the object.
fn check_damage(store: &MemoryStore, name: &str, bytes: Option<Bytes>) {
    let copy = store.copy();
    let copy_is_missing = bytes.is_none();
    match bytes {
        Some(bytes) => copy.replace(name, bytes),
        None => copy.remove("", name).unwrap(),
    }
    let opened = Archive::open(place(&copy)).and_then(|archive| archive.verify().map(drop));
    let last = store.list("", "catalog/").unwrap().pop().unwrap();
    let first = store.list("", "catalog/").unwrap().remove(0);
    match opened {
        // Without its first or last entry it is a shorter archive.
        Ok(()) => {
            assert!([&*last, &*first].contains(&name) && copy_is_missing, "{name} is damaged, and nothing said so")
        }
        Err(error) => {
            let says = error.message().contains(name) || name == "id" && error.kind() == ErrorKind::NotFound;
            assert!(says && error.kind() != ErrorKind::Io, "{name}: {error}");
        }
    }
}
