//! Archives: what comes back from them, what is refused, and what is noticed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(super) mod failures;
pub(super) mod histories;
pub(super) mod lives;

use bytes::Bytes;
use hashrange::{
    Clock, Database, Durability, ErrorKind, Item, OpenOptions, Result, Table,
    admin::{IndexSpec, TableUpdate},
    encryption::RootKey,
    file::{Disk, FileName, MemoryDisk, MemoryStore, ObjectStore},
    history::{
        Archive, ArchiveMode, ArchiveOptions, ArchivePlace, Archiving, Backlog, HistoryOptions, Moment, Pruned,
        RestorePoint,
    },
    inspect::Work,
    key::{KeyType, S},
    observe::Job,
    schema::{IndexKind, KeyAttribute, Projection, StreamView},
    testing::SimulatedDisk,
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

const BEGIN: u64 = 1_800_000_000_000;

fn options(clock: &Clock) -> OpenOptions {
    let options = Database::options().clock(clock.clone()).background(false).initial_partitions(2);
    options.durability(Durability::Buffered).log_segment_bytes(4096).memtable_bytes(8192).runs_per_partition(2)
}

fn stock(db: &Database) -> Table<S> {
    db.create_table("stock").hash::<S>("sku").open_or_create().unwrap()
}

fn put(db: &Database, sku: &str, left: u64) {
    let item = Item::new().with("sku", sku).with("left", left).with("text", "x".repeat(200));
    stock(db).put(&item).unwrap();
}

fn contents(db: &Database) -> BTreeMap<String, String> {
    let Ok(table) = db.table::<S>("stock") else { return BTreeMap::new() };
    let items = table.scan().items().map(Result::unwrap);
    items.map(|item| (item.get("sku").unwrap().as_str().unwrap().to_owned(), item.to_json())).collect()
}

fn restore(archive: &Archive, moment: Moment, clock: &Clock) -> Result<Database> {
    let point = RestorePoint { moment, timeline: None, checks_digests: true };
    Ok(archive.restore_on(point, Arc::new(MemoryDisk::new()), options(clock))?.0)
}

fn open(store: &MemoryStore) -> Archive {
    Archive::open(place(store)).unwrap()
}

/// Some work whose commits are noted, with steps of the archiver now and then.
fn work(db: &Database, store: &MemoryStore, known: &mut BTreeMap<u64, BTreeMap<String, String>>) {
    let archiving = db.archive_to(place(store), ArchiveOptions::default()).unwrap();
    for n in 0..60_u64 {
        put(db, &format!("{}", n % 13), n);
        known.insert(db.facts().log.last_seqno, contents(db));
        match n % 10 {
            3 => db.flush().unwrap(),
            5 => drop(archiving.step().unwrap()),
            7 => while db.step().unwrap() != Work::Idle {},
            _ => {}
        }
        db.clock().advance(Duration::from_secs(1));
    }
}

fn place(store: &MemoryStore) -> ArchivePlace {
    ArchivePlace::new(Arc::new(store.clone()), "", "").unwrap()
}
