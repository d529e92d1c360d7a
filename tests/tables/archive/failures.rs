//! Archives that fail, tear and forget answers; restores that are interrupted.

use super::*;
use hashrange::file::ObjectWriter;
use std::io::{self, Read, Write};

/// Fails every so many calls, sometimes after the work was done, and at others tears what it writes.
#[derive(Debug)]
struct Flaky {
    store: MemoryStore,
    calls: AtomicU64,
    every: u64,
    is_down: AtomicBool,
}

impl Flaky {
    fn new(every: u64) -> Arc<Self> {
        Arc::new(Self { store: MemoryStore::new(), calls: AtomicU64::new(0), every, is_down: AtomicBool::new(false) })
    }
    fn place(self: &Arc<Self>) -> ArchivePlace {
        ArchivePlace::new(self.clone(), "", "").unwrap()
    }
    fn check(&self) -> io::Result<()> {
        let fails = self.calls.fetch_add(1, Ordering::Relaxed) % self.every == self.every - 1;
        if fails || self.is_down.load(Ordering::Relaxed) { Err(io::Error::other("a test")) } else { Ok(()) }
    }
}

struct FlakyWriter(Box<dyn ObjectWriter>, io::Result<()>);

impl Write for FlakyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl ObjectWriter for FlakyWriter {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.1?;
        self.0.finish()
    }
}

impl ObjectStore for Flaky {
    fn has_bucket(&self, bucket: &str) -> io::Result<bool> {
        self.store.has_bucket(bucket)
    }
    fn list(&self, bucket: &str, prefix: &str) -> io::Result<Vec<String>> {
        self.check().and_then(|()| self.store.list(bucket, prefix))
    }
    fn read(&self, bucket: &str, key: &str) -> io::Result<Box<dyn Read + Send>> {
        self.check().and_then(|()| self.store.read(bucket, key))
    }
    fn write(&self, bucket: &str, key: &str) -> io::Result<Box<dyn ObjectWriter>> {
        Ok(Box::new(FlakyWriter(self.store.write(bucket, key)?, self.check())))
    }
    fn create(&self, bucket: &str, key: &str, bytes: &[u8]) -> io::Result<bool> {
        let checked = self.check();
        if checked.is_ok()
            || self.calls.load(Ordering::Relaxed).is_multiple_of(2) && !self.is_down.load(Ordering::Relaxed)
        {
            // Done also where the answer is lost.
            return self.store.create(bucket, key, bytes).and_then(|made| checked.map(|()| made));
        }
        checked.map(|()| false)
    }
    fn remove(&self, bucket: &str, key: &str) -> io::Result<()> {
        self.check().and_then(|()| self.store.remove(bucket, key))
    }
}

/// Replaces objects that are to be made only where there is none, as some stores do.
#[derive(Debug)]
struct Replacing(MemoryStore);

impl ObjectStore for Replacing {
    fn has_bucket(&self, bucket: &str) -> io::Result<bool> {
        self.0.has_bucket(bucket)
    }
    fn list(&self, bucket: &str, prefix: &str) -> io::Result<Vec<String>> {
        self.0.list(bucket, prefix)
    }
    fn read(&self, bucket: &str, key: &str) -> io::Result<Box<dyn Read + Send>> {
        self.0.read(bucket, key)
    }
    fn write(&self, bucket: &str, key: &str) -> io::Result<Box<dyn ObjectWriter>> {
        self.0.write(bucket, key)
    }
    fn create(&self, _: &str, key: &str, bytes: &[u8]) -> io::Result<bool> {
        self.0.replace(key, bytes.to_vec());
        Ok(true)
    }
    fn remove(&self, bucket: &str, key: &str) -> io::Result<()> {
        self.0.remove(bucket, key)
    }
}

#[test]
fn a_store_that_replaces_objects_is_refused_and_what_it_has_stays() {
    let clock = Clock::manual(BEGIN);
    let (db, other) = (options(&clock).in_memory().unwrap(), options(&clock).seed(2).in_memory().unwrap());
    let store = MemoryStore::new();
    let archive = |db: &Database, store: Arc<dyn ObjectStore>| {
        let place = ArchivePlace::new(store, "", "").unwrap();
        db.archive_to(place, ArchiveOptions::default()).map(drop).map_err(|error| error.code().to_owned())
    };
    assert_eq!(archive(&db, Arc::new(Replacing(MemoryStore::new()))), Err("ArchiveStoreReplaces".to_owned()));
    archive(&db, Arc::new(store.clone())).unwrap();
    let before = store.bytes("id");
    assert_eq!(archive(&other, Arc::new(Replacing(store.clone()))), Err("ArchiveOfAnotherDatabase".to_owned()));
    assert_eq!(store.bytes("id"), before);
}

#[test]
fn an_archive_that_fails_now_and_then_is_whole_in_the_end() {
    for every in [7, 11, 13, 17] {
        let clock = Clock::manual(BEGIN);
        let db = options(&clock).in_memory().unwrap();
        db.keep_history(HistoryOptions { base_bytes: 6_000, ..HistoryOptions::default() }).unwrap();
        let flaky = Flaky::new(every);
        let begin = || db.archive_to(flaky.place(), ArchiveOptions::default());
        let archiving = (0..200).find_map(|_| begin().ok()).unwrap();
        for n in 0..50 {
            put(&db, &format!("{}", n % 7), n);
            if n % 9 == 0 {
                while db.step().unwrap() != Work::Idle {}
            }
            let _ = archiving.step();
        }
        let step = || archiving.step();
        assert!((0..200).any(|_| step().is_ok_and(|more| !more)), "it comes to an end");
        drop(archiving);
        let archive = open(&flaky.store);
        archive.verify().unwrap();
        assert_eq!(archive.status().timelines[0].gaps, 0);
        assert_eq!(contents(&restore(&archive, Moment::Now, &clock).unwrap()), contents(&db));
    }
}

#[test]
fn an_archive_that_is_down_is_reported_and_waited_for_where_that_is_wanted() {
    let clock = Clock::manual(BEGIN);
    for backlog in [Backlog::Gap, Backlog::Wait] {
        let db = options(&clock).background(true).in_memory().unwrap();
        let flaky = Flaky::new(u64::MAX);
        let mode = ArchiveMode::Async { every: Duration::from_millis(1) };
        let archive_options = ArchiveOptions { backlog_bytes: 4_000, backlog, mode, ..ArchiveOptions::default() };
        let archiving = db.archive_to(flaky.place(), archive_options).unwrap();
        flaky.is_down.store(true, Ordering::Relaxed);
        let refused = (0..100_000).find_map(|n| {
            std::thread::sleep(Duration::from_micros(200));
            let refused = stock(&db).put(&Item::new().with("sku", n.to_string())).err();
            clock.advance(Duration::from_secs(60));
            let is_told = db.health().failures.iter().any(|failure| failure.job == Job::Archive);
            (refused.is_some() || is_told && backlog == Backlog::Gap && n > 100).then_some(refused)
        });
        assert_eq!(refused.unwrap().is_some(), backlog == Backlog::Wait);
        flaky.is_down.store(false, Ordering::Relaxed);
        clock.advance(Duration::from_secs(600));
        archiving.step().unwrap();
        put(&db, "after", 1);
        drop(archiving);
        open(&flaky.store).verify().unwrap();
        assert_eq!(contents(&restore(&open(&flaky.store), Moment::Now, &clock).unwrap()), contents(&db));
    }
}

#[test]
fn a_synchronous_archive_has_everything_that_is_acknowledged() {
    let clock = Clock::manual(BEGIN);
    let db = options(&clock).durability(Durability::Sync).in_memory().unwrap();
    let sync = ArchiveOptions { mode: ArchiveMode::Sync, ..ArchiveOptions::default() };
    let flaky = Flaky::new(u64::MAX);
    let archiving = db.archive_to(flaky.place(), sync).unwrap();
    for n in 0..20 {
        put(&db, &format!("{n}"), n);
        assert_eq!(archiving.archived_to().unwrap().commit, db.facts().log.last_seqno);
        assert_eq!(contents(&restore(&open(&flaky.store), Moment::Now, &clock).unwrap()), contents(&db));
    }
    db.create_table("other").hash::<S>("id").create().unwrap();
    let (restored, names) = (restore(&open(&flaky.store), Moment::Now, &clock).unwrap(), db.list_tables());
    assert_eq!(restored.list_tables(), names);
    db.delete_table("other").unwrap();
    assert_eq!(restore(&open(&flaky.store), Moment::Now, &clock).unwrap().list_tables(), ["stock"]);
    flaky.is_down.store(true, Ordering::Relaxed);
    let refused = stock(&db).put(&Item::new().with("sku", "refused")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Io);
    stock(&db).put_with(&Item::new().with("sku", "buffered")).durability(Durability::Buffered).send().unwrap();
    drop(archiving);
    put(&db, "afterwards", 1);
}

#[test]
fn a_database_with_two_archives_waits_for_each_until_it_ends() {
    let clock = Clock::manual(BEGIN);
    let db = options(&clock).durability(Durability::Sync).in_memory().unwrap();
    let sync = ArchiveOptions { mode: ArchiveMode::Sync, ..ArchiveOptions::default() };
    let (first, second) = (Flaky::new(u64::MAX), Flaky::new(u64::MAX));
    let ends_first = db.archive_to(first.place(), sync).unwrap();
    let goes_on = db.archive_to(second.place(), sync).unwrap();
    let is_there = |archiving: &Archiving| archiving.archived_to().unwrap().commit == db.facts().log.last_seqno;
    put(&db, "both", 1);
    assert!(is_there(&ends_first) && is_there(&goes_on));
    drop(ends_first);
    put(&db, "one", 1);
    assert!(is_there(&goes_on), "the other one's end changes nothing for it");
    second.is_down.store(true, Ordering::Relaxed);
    assert_eq!(stock(&db).put(&Item::new().with("sku", "refused")).unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn each_archive_has_a_failure_of_its_own() {
    let clock = Clock::manual(BEGIN);
    let db = options(&clock).in_memory().unwrap();
    let (down, up) = (Flaky::new(u64::MAX), Flaky::new(u64::MAX));
    let begin = |flaky: &Arc<Flaky>, name: &str| {
        let place = ArchivePlace::new(flaky.clone(), "", name).unwrap();
        db.archive_to(place, ArchiveOptions::default()).unwrap()
    };
    let (fails, works) = (begin(&down, "one"), begin(&up, "other"));
    down.is_down.store(true, Ordering::Relaxed);
    put(&db, "x", 1);
    fails.step().unwrap_err();
    assert!(works.step().unwrap());
    assert_eq!(db.health().failures.len(), 1, "what works does not hide what fails");
    drop(fails);
    assert_eq!(db.health().failures.len(), 1);
    down.is_down.store(false, Ordering::Relaxed);
    drop(begin(&down, "one"));
    assert!(db.health().is_good());
}

/// The log that a synchronous archive gave up is gone: what follows it is a gap that the archive counts, and no log with a
/// hole in it.
#[test]
fn a_synchronous_archive_that_fell_behind_has_a_gap_that_it_counts() {
    let (clock, keep) = (Clock::manual(BEGIN), HistoryOptions { retention_secs: 1_000, base_bytes: 2_000 });
    let db = options(&clock).durability(Durability::Buffered).history(keep).in_memory().unwrap();
    let sync = ArchiveOptions {
        mode: ArchiveMode::Sync,
        backlog_bytes: 1_000,
        digests_every: None,
        ..ArchiveOptions::default()
    };
    let flaky = Flaky::new(u64::MAX);
    let archiving = db.archive_to(flaky.place(), sync).unwrap();
    put(&db, "before", 1);
    archiving.step().unwrap();
    let before = archiving.archived_to().unwrap().commit;
    flaky.is_down.store(true, Ordering::Relaxed);
    for n in 0..400 {
        put(&db, &format!("away {n}"), n);
        clock.advance(Duration::from_secs(60));
        if n % 20 == 0 {
            archiving.step().unwrap_err();
            db.flush().unwrap();
            while db.step().unwrap() != Work::Idle {}
        }
    }
    let kept = db.history_window().unwrap().earliest.commit;
    assert!(kept > before + 1, "history reaches back to {kept}");
    flaky.is_down.store(false, Ordering::Relaxed);
    for n in 0..3 {
        let item = Item::new().with("sku", format!("synced {n}"));
        stock(&db).put_with(&item).durability(Durability::Sync).send().unwrap();
        assert_eq!(archiving.archived_to().unwrap().commit, db.facts().log.last_seqno);
    }
    drop(archiving);
    let archive = open(&flaky.store);
    archive.verify().unwrap();
    assert_eq!(archive.status().timelines[0].gaps, 1);
    assert_eq!(restore(&archive, Moment::Commit(before + 1), &clock).unwrap_err().code(), "MomentOutsideHistory");
    assert_eq!(contents(&restore(&archive, Moment::Now, &clock).unwrap()), contents(&db));
}

#[test]
pub(crate) fn what_the_log_does_not_tell_is_archived_before_what_needs_it() {
    let clock = Clock::manual(BEGIN);
    for mode in [ArchiveMode::Sync, ArchiveMode::default()] {
        let (db, store) = (options(&clock).durability(Durability::Sync).in_memory().unwrap(), MemoryStore::new());
        let archiving = db.archive_to(place(&store), ArchiveOptions { mode, ..ArchiveOptions::default() }).unwrap();
        (0..120).for_each(|n| put(&db, &format!("{n}"), n));
        db.flush().unwrap();
        let spec = IndexSpec {
            name: "by_text".into(),
            kind: IndexKind::Global,
            hash: vec![KeyAttribute::new("text", KeyType::S)],
            range: Vec::new(),
            projection: Projection::All,
            throughput: None,
        };
        db.update_table("stock", TableUpdate { create_index: Some(spec), ..TableUpdate::default() }).unwrap();
        let check = || {
            let restored = restore(&open(&store), Moment::Now, &clock).unwrap();
            restored.verify().unwrap();
            restored
        };
        while db.step().unwrap() != Work::Idle {
            check();
        }
        put(&db, "late", 1);
        // What an archive that is not waited for has by now is the index as it was before.
        check();
        archiving.step().unwrap();
        let restored = check();
        assert_eq!(stock(&restored).scan().index("by_text").items().map(Result::unwrap).count(), 121);
    }
}

#[test]
fn writers_archive_for_each_other() {
    let (clock, store) = (Clock::manual(BEGIN), MemoryStore::new());
    let db = options(&clock).durability(Durability::Sync).in_memory().unwrap();
    let sync = ArchiveOptions { mode: ArchiveMode::Sync, ..ArchiveOptions::default() };
    let archiving = db.archive_to(place(&store), sync).unwrap();
    stock(&db);
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let db = &db;
            scope.spawn(move || (0..400).for_each(|n| put(db, &format!("{writer}-{n}"), n)));
        }
    });
    assert_eq!(archiving.archived_to().unwrap().commit, db.facts().log.last_seqno);
    assert_eq!(contents(&restore(&open(&store), Moment::Now, &clock).unwrap()), contents(&db));
}

#[test]
fn an_interrupted_restore_begins_anew() {
    let (clock, store, mut known) = (Clock::manual(BEGIN), MemoryStore::new(), BTreeMap::new());
    let db = options(&clock).in_memory().unwrap();
    work(&db, &store, &mut known);
    let archive = open(&store);
    for n in (1..).step_by(3) {
        let disk = SimulatedDisk::new(1);
        disk.crash_at(n);
        let outcome = archive.restore_on(Moment::Now, Arc::new(disk.clone()), options(&clock));
        let (crashed, is_done) = (disk.has_crashed(), outcome.is_ok());
        assert!(is_done || crashed);
        drop(outcome);
        for seed in 0..2 {
            let after: Arc<dyn Disk> = Arc::new(disk.crash(seed));
            let is_there = after.list().unwrap().contains(&FileName::Current);
            assert!(is_there || !is_done);
            let restored = if is_there {
                options(&clock).open_on(after.clone()).unwrap()
            } else {
                let half = after.list().unwrap().contains(&FileName::Restoring);
                let opened = options(&clock).open_on(Arc::new(disk.crash(seed)));
                assert!(!half || opened.is_err_and(|error| error.message().contains("interrupted")));
                archive.restore_on(Moment::Now, after.clone(), options(&clock)).unwrap().0
            };
            assert_eq!(contents(&restored), contents(&db));
            restored.verify().unwrap();
            assert!(!after.list().unwrap().contains(&FileName::Restoring));
        }
        if !crashed {
            break;
        }
    }
}

#[test]
fn the_archiver_is_killed_between_any_two_calls() {
    let (clock, mut known) = (Clock::manual(BEGIN), BTreeMap::new());
    for calls in (1..90).step_by(4) {
        let db = options(&clock).in_memory().unwrap();
        db.keep_history(HistoryOptions { base_bytes: 6_000, ..HistoryOptions::default() }).unwrap();
        let flaky = Flaky::new(u64::MAX);
        known.clear();
        let mut archiving = None;
        for n in 0..24 {
            put(&db, &format!("{}", n % 7), n);
            known.insert(db.facts().log.last_seqno, contents(&db));
            if n % 9 == 0 {
                while db.step().unwrap() != Work::Idle {}
            }
            if flaky.calls.load(Ordering::Relaxed) >= calls {
                flaky.is_down.store(true, Ordering::Relaxed);
            }
            match &archiving {
                None => archiving = db.archive_to(flaky.place(), ArchiveOptions::default()).ok(),
                Some(archiving) => drop(archiving.step()),
            }
        }
        // What is there is a state that was.
        if let Ok(archive) = Archive::open(place(&flaky.store)) {
            archive.verify().unwrap();
            let latest = archive.status().timelines[0].latest.commit;
            let expected = known.range(..=latest).next_back().unwrap().1;
            assert_eq!(contents(&restore(&archive, Moment::Now, &clock).unwrap()), *expected);
        }
        drop(archiving);
        flaky.is_down.store(false, Ordering::Relaxed);
        drop(db.archive_to(flaky.place(), ArchiveOptions::default()).unwrap());
        let archive = open(&flaky.store);
        archive.verify().unwrap();
        assert_eq!(archive.status().timelines[0].gaps, 0);
        assert_eq!(contents(&restore(&archive, Moment::Now, &clock).unwrap()), contents(&db));
    }
}

#[cfg(unix)]
#[test]
fn folders_are_archives_and_restores_too() {
    let (target, clock) = (tempfile::tempdir().unwrap(), Clock::manual(BEGIN));
    let db = options(&clock).in_memory().unwrap();
    let stored = ArchivePlace::new_folder(target.path().join("a/b")).unwrap();
    let archiving = db.archive_to(stored.clone(), ArchiveOptions::default()).unwrap();
    (0..50).for_each(|n| put(&db, &format!("{n}"), n));
    db.flush().unwrap();
    drop(archiving);
    let archive = Archive::open(stored).unwrap();
    let folder = target.path().join("restored");
    let (restored, point) = archive.restore_into(Moment::Now, &folder, options(&clock)).unwrap();
    assert_eq!((contents(&restored), point.commit), (contents(&db), db.facts().log.last_seqno));
    restored.verify().unwrap();
    drop(restored);
    let refused = archive.restore_into(Moment::Now, &folder, options(&clock)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Validation, "what is there is not overwritten");
    assert!(ArchivePlace::folder(target.path().join("none")).is_err());
}

#[test]
fn the_archive_of_an_encrypted_database_is_encrypted() {
    let (clock, store) = (Clock::manual(BEGIN), MemoryStore::new());
    let key = |byte: u8| RootKey::from_bytes([byte; 32]);
    let db = options(&clock).encryption(key(1)).in_memory().unwrap();
    let archiving = db.archive_to(place(&store), ArchiveOptions::default()).unwrap();
    for n in 0..40 {
        put(&db, &format!("{n}"), n);
        match n {
            10 => db.flush().unwrap(),
            15 => drop(db.rotate_key().unwrap()),
            20 => db.compact().unwrap(),
            25 => db.rotate_root_key(key(2)).unwrap(),
            _ => {}
        }
        if n % 7 == 0 {
            archiving.step().unwrap();
        }
    }
    drop(archiving);
    let archive = open(&store);
    assert!(archive.verify().unwrap().is_encrypted);
    for name in store.list("", "").unwrap() {
        let bytes = store.bytes(&name).unwrap();
        assert!(!bytes.windows(8).any(|window| window == b"xxxxxxxx"), "{name} can be read");
    }
    let disk = || -> Arc<dyn Disk> { Arc::new(MemoryDisk::new()) };
    let restored = archive.restore_on(Moment::Now, disk(), options(&clock).encryption(key(2))).unwrap().0;
    assert_eq!(contents(&restored), contents(&db));
    restored.verify().unwrap();
    for wrong in [options(&clock), options(&clock).encryption(key(3))] {
        let disk = disk();
        let refused = archive.restore_on(Moment::Now, disk.clone(), wrong).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Key);
        assert!(disk.list().unwrap().is_empty(), "nothing was written");
    }
    let plain = MemoryStore::new();
    let db = options(&clock).in_memory().unwrap();
    drop(db.archive_to(place(&plain), ArchiveOptions::default()).unwrap());
    let refused = open(&plain).restore_on(Moment::Now, disk(), options(&clock).encryption(key(1))).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Key, "NotEncrypted"));
}
