//! Items of up to 400 KB: the log and memtables keep them where their writer put them, and merges rewrite them seldom.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "the folder is weighed from outside, and a thread is waited for")]

use hashrange::{
    Clock, Database, Durability, Item, OpenOptions, Table,
    admin::index,
    encryption::RootKey,
    key::{N, S},
    schema::StreamView,
    testing::SimulatedDisk,
};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// Lengths of texts: small ones, those around the sizes from which values are kept where they are, and the largest.
const LENGTHS: [usize; 10] = [0, 100, 8_000, 8_192, 16_000, 16_384, 16_500, 70_000, 300_000, 390_000];

type Notes = Table<(S, N)>;

fn options() -> OpenOptions {
    let options = Database::options().background(false).clock(Clock::manual(1_800_000_000_000)).initial_partitions(2);
    options.log_segment_bytes(1 << 20).memtable_bytes(4 << 20)
}

fn notes(db: &Database) -> Notes {
    let table = db.create_table("notes").hash::<S>("owner").range::<N>("number").stream(StreamView::NewAndOld);
    table.gsi(index("by_kind").hash::<S>("kind").keys_only()).open_or_create().unwrap()
}

fn note(number: usize, version: usize) -> Item {
    let text = char::from(b'a' + (version % 26) as u8).to_string().repeat(LENGTHS[(number + version) % LENGTHS.len()]);
    let item = Item::new().with("owner", format!("o{}", number % 3)).with("number", number as i64);
    item.with("kind", format!("k{}", version % 4)).with("text", text).with("version", version as i64)
}

fn number_of(item: &Item) -> i64 {
    item.get("number").and_then(|number| number.as_number()).unwrap().to_string().parse().unwrap()
}

fn all(table: &Notes) -> BTreeMap<i64, Item> {
    let items = table.scan().items().map(|item| item.unwrap().to_item());
    items.map(|item| (number_of(&item), item)).collect()
}

/// Puts, batches and transactions of values of all sizes, buffered and synced in turns.
fn write(db: &Database, table: &Notes, rounds: std::ops::Range<usize>) -> BTreeMap<i64, Item> {
    let mut expected = all(table);
    for version in rounds {
        let durability = if version % 3 == 0 { Durability::Sync } else { Durability::Buffered };
        let items: Vec<Item> = (0..6).map(|at| note(version * 5 % 17 + at, version)).collect();
        match version % 2 {
            0 => items.iter().for_each(|item| {
                table.put_with(item).durability(durability).send().unwrap();
            }),
            _ => {
                let transaction = db.transact_write().durability(durability);
                items.iter().fold(transaction, |transaction, item| transaction.put(table, item)).send().unwrap();
            }
        }
        for item in items {
            expected.insert(number_of(&item), item);
        }
        let gone = (version * 7 % 20) as i64;
        table.delete((format!("o{}", gone % 3), gone)).unwrap();
        expected.remove(&gone);
    }
    expected
}

fn check_through_a_life(options: &OpenOptions) {
    let disk = SimulatedDisk::new(7);
    let db = options.clone().open_on(Arc::new(disk.clone())).unwrap();
    let mut expected = write(&db, &notes(&db), 0..12);
    assert_eq!(all(&notes(&db)), expected, "as it was written");
    let disk = disk.kill();
    drop(db);
    let db = options.clone().open_on(Arc::new(disk.clone())).unwrap();
    assert_eq!(all(&notes(&db)), expected, "read back from the log");
    db.flush().unwrap();
    expected = write(&db, &notes(&db), 12..24);
    assert_eq!(all(&notes(&db)), expected, "of runs and memtables");
    let fork = db.fork().unwrap();
    assert_eq!(all(&notes(&fork)), expected, "of a copy");
    db.sync().unwrap();
    drop(db);
    let db = options.clone().open_on(Arc::new(disk.crash(3))).unwrap();
    assert_eq!(all(&notes(&db)), expected, "after a power failure");
    db.compact().unwrap();
    db.verify().unwrap();
    assert_eq!(all(&notes(&db)), expected, "of one run");
    let kinds: usize = (0..4).map(|kind| notes(&db).query(format!("k{kind}")).index("by_kind").items().count()).sum();
    assert_eq!(kinds, expected.len());
}

#[test]
fn values_of_all_sizes_survive_all_that_happens_to_a_database() {
    check_through_a_life(&options());
}

#[test]
fn and_in_an_encrypted_database() {
    check_through_a_life(&options().encryption(RootKey::from_bytes([9; 32])));
}

/// Writers whose frames are written by one of them: large and small, synced and buffered.
#[test]
fn commits_of_all_sizes_share_the_log() {
    let disk = SimulatedDisk::new(11);
    let db = options().memtable_bytes(64 << 20).open_on(Arc::new(disk.clone())).unwrap();
    let table = notes(&db);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let table = &table;
            scope.spawn(move || {
                for version in 0..25 {
                    let durability = if (thread + version) % 2 == 0 { Durability::Sync } else { Durability::Buffered };
                    let item = note(thread * 1_000 + version % 5, version);
                    table.put_with(&item).durability(durability).send().unwrap();
                }
            });
        }
    });
    let expected = all(&table);
    assert_eq!(expected.len(), 20);
    let disk = disk.kill();
    drop((table, db));
    let db = options().open_on(Arc::new(disk)).unwrap();
    assert_eq!(all(&notes(&db)), expected);
}

/// Bytes that merges write for a byte that was flushed.
fn rewritten(text_bytes: usize, items: usize) -> f64 {
    let db = options().initial_partitions(1).memtable_bytes(256 << 10).in_memory().unwrap();
    let table = db.create_table("notes").hash::<N>("number").create().unwrap();
    for number in 0..items {
        table.put(&Item::new().with("number", number as i64).with("text", "t".repeat(text_bytes))).unwrap();
        rest(&db);
    }
    let statistics = db.statistics();
    assert!(statistics.flushes >= 24, "{} flushes", statistics.flushes);
    statistics.compaction_bytes_written as f64 / statistics.flushed_bytes as f64
}

#[test]
fn large_values_are_rewritten_less_often_than_small_ones() {
    let (small, large) = (rewritten(2_000, 4_000), rewritten(32_000, 250));
    assert!(large < 2.3 && large < small * 0.75, "{large} and {small} bytes rewritten for a byte");
}

/// A table whose memtables and log are small, in a folder that can be weighed.
fn small_limits() -> (tempfile::TempDir, Database, Table<N>) {
    let folder = tempfile::tempdir().unwrap();
    let options = options().memtable_bytes(1 << 20).log_bytes(2 << 20).durability(Durability::Buffered);
    let db = options.open(folder.path()).unwrap();
    let table = db.create_table("notes").hash::<N>("number").create().unwrap();
    (folder, db, table)
}

fn used_bytes(folder: &std::path::Path) -> u64 {
    std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

/// Does all work that is due.
fn rest(db: &Database) {
    while db.step().unwrap() != hashrange::inspect::Work::Idle {}
}

#[test]
fn space_of_overwritten_and_deleted_values_comes_back() {
    let (folder, db, table) = small_limits();
    let used = || used_bytes(folder.path());
    let item = |number: i64| Item::new().with("number", number).with("text", "t".repeat(50_000));
    for number in 0..600 {
        table.put(&item(number % 40)).unwrap();
        rest(&db);
    }
    // 2 MB of items, as much in the log, and what a merge leaves side by side.
    assert!(used() < 12 << 20, "{} bytes of 2 MB that were overwritten", used());
    (0..40).for_each(|number| drop(table.delete(number).unwrap()));
    db.compact().unwrap();
    assert!(used() < 4 << 20, "{} bytes of nothing", used());
}

/// They are too few to be in the way of reads.
#[test]
fn space_of_few_large_values_that_were_deleted_comes_back_by_itself() {
    let (folder, db, table) = small_limits();
    let used = || used_bytes(folder.path());
    for number in 0..48 {
        table.put(&Item::new().with("number", number).with("text", "t".repeat(300_000))).unwrap();
    }
    db.flush().unwrap();
    rest(&db);
    assert!(used() > 14 << 20, "{} bytes of 14.4 MB", used());
    (0..48).for_each(|number| drop(table.delete(number).unwrap()));
    db.flush().unwrap();
    rest(&db);
    assert!(used() < 6 << 20, "{} bytes of nothing", used());
}

/// No writer asks for a sync, and no memtable is full: the log is synced all the same before a segment ends.
#[test]
fn the_log_is_synced_ahead_of_buffered_writers() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::options().durability(Durability::Buffered).open(folder.path()).unwrap();
    let table = db.create_table("notes").hash::<N>("number").create().unwrap();
    let before = db.statistics();
    let item = Item::new().with("number", 1).with("text", "t".repeat(380_000));
    let until = Instant::now() + Duration::from_secs(60);
    while db.statistics().log_syncs == before.log_syncs && Instant::now() < until {
        (0..23).for_each(|_| drop(table.put(&item).unwrap()));
        std::thread::sleep(Duration::from_millis(20));
    }
    let after = db.statistics();
    assert!(after.log_syncs > before.log_syncs);
    assert_eq!((after.flushes, after.log_segments_sealed), (before.flushes, before.log_segments_sealed));
}

/// The service takes 100 deletes of whatever size in a transaction; the log has the old items of a table with an index.
#[test]
fn a_transaction_may_delete_a_hundred_of_the_largest_items() {
    let disk = SimulatedDisk::new(0);
    let open = || Database::options().background(false).initial_partitions(1).open_on(Arc::new(disk.clone())).unwrap();
    let db = open();
    let by_kind = index("by_kind").hash::<S>("kind").keys_only();
    let notes: Notes = db.create_table("notes").hash::<S>("id").range::<N>("n").gsi(by_kind).create().unwrap();
    let large = Item::new().with("id", "a").with("kind", "k").with("text", "t".repeat(409_000));
    for n in 0..100 {
        notes.put_with(&large.clone().with("n", n)).durability(Durability::Buffered).send().unwrap();
    }
    let deletes = (0..100).fold(db.transact_write(), |deletes, n| deletes.delete(&notes, ("a", n)));
    deletes.send().unwrap();
    db.verify().unwrap();
    drop((db, notes));
    let db = open();
    assert_eq!(db.table::<(S, N)>("notes").unwrap().scan().items().count(), 0);
}
