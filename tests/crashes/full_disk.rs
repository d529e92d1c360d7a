//! A disk that is full just when the manifest has to begin a new file: nothing of it was written, so nothing ends.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, Durability, Error, Item, Table,
    admin::{IndexSpec, TableUpdate},
    file::FileName,
    inspect::{Piece, Work},
    key::{KeyType, S},
    schema::{IndexKind, KeyAttribute, Projection, StreamView},
    testing::{Fault, FaultPlan, Operation, SimulatedDisk},
};
use std::{sync::Arc, time::Duration};

const START_MILLIS: u64 = 1_795_000_000_000;

/// The manifest begins a new file with the first edit behind so many bytes.
const GROWN_BYTES: usize = 256 << 10;

struct World {
    disk: SimulatedDisk,
    clock: Clock,
    db: Database,
    table: Table<S>,
}

fn world() -> World {
    let (disk, clock) = (SimulatedDisk::new(1), Clock::manual(START_MILLIS));
    let options = Database::options().clock(clock.clone()).background(false).initial_partitions(1);
    let db = options.log_segment_bytes(4 << 10).open_on(Arc::new(disk.clone())).unwrap();
    let table = db.create_table("items").hash::<S>("id").stream(StreamView::NewImage).create().unwrap();
    World { disk, clock, db, table }
}

impl World {
    fn put(&self, numbers: std::ops::Range<u32>) {
        for number in numbers {
            let item = Item::new().with("id", number.to_string()).with("text", "x".repeat(300));
            self.table.put_with(&item).durability(Durability::Buffered).send().unwrap();
        }
    }
    fn manifest_bytes(&self) -> usize {
        let names = self.db_files().into_iter().filter(|name| matches!(name, FileName::Manifest(_)));
        names.filter_map(|name| self.disk.contents(name)).map(|bytes| bytes.len()).max().unwrap()
    }
    fn db_files(&self) -> Vec<FileName> {
        hashrange::file::Disk::list(&self.disk).unwrap()
    }
    /// Does a piece of work for which the manifest has to begin a new file, which the disk has no room for: the work fails,
    /// writes go on, and later the work is done.
    fn has_no_room_for(&self, piece: Piece, done: Work) {
        let tags: Vec<(String, String)> = (0..50).map(|n| (format!("{n:0128}"), "v".repeat(250))).collect();
        while self.manifest_bytes() <= GROWN_BYTES {
            self.db.update_table("items", TableUpdate { put_tags: tags.clone(), ..TableUpdate::default() }).unwrap();
        }
        self.disk.fail(FaultPlan::new(Operation::Create, 1, Fault::NoSpace));
        let stepper = self.db.stepper().unwrap();
        let failed: Error = stepper.step(piece).unwrap_err();
        assert!(failed.message().contains("space"), "{failed}");
        self.put(1000..1001);
        self.db.sync().unwrap();
        self.clock.advance(Duration::from_secs(60));
        assert_eq!(stepper.step(piece).unwrap().work, done);
        self.db.verify().unwrap();
    }
}

#[test]
fn a_log_that_could_not_be_trimmed_takes_writes() {
    let world = world();
    world.put(0..100);
    let stepper = world.db.stepper().unwrap();
    assert_eq!(stepper.step(Piece::StreamSegment).unwrap().work, Work::StreamSegmentWritten);
    assert_eq!(stepper.step(Piece::Flush { partition: None }).unwrap().work, Work::Flushed);
    world.has_no_room_for(Piece::LogTrim, Work::Trimmed);
}

#[test]
fn a_shard_that_could_not_be_continued_takes_changes() {
    let world = world();
    world.put(0..10);
    world.clock.advance(Duration::from_secs(5 * 3600));
    world.has_no_room_for(Piece::StreamRetention, Work::Aged);
}

#[test]
fn records_that_could_not_be_removed_end_no_writing() {
    let world = world();
    world.put(0..10);
    let stepper = world.db.stepper().unwrap();
    assert_eq!(stepper.step(Piece::StreamSegment).unwrap().work, Work::StreamSegmentWritten);
    world.clock.advance(Duration::from_secs(5 * 3600));
    assert_eq!(stepper.step(Piece::StreamRetention).unwrap().work, Work::Aged);
    world.clock.advance(Duration::from_secs(25 * 3600));
    world.has_no_room_for(Piece::StreamRetention, Work::Aged);
}

#[test]
fn an_index_whose_progress_could_not_be_noted_is_filled_later() {
    let options = Database::options().background(false).initial_partitions(2);
    let disk = SimulatedDisk::new(1);
    let clock = Clock::manual(START_MILLIS);
    let db = options.clock(clock.clone()).open_on(Arc::new(disk.clone())).unwrap();
    let table = db.create_table("items").hash::<S>("id").create().unwrap();
    let world = World { disk, clock, db, table };
    world.put(0..10);
    // No item has the key of the index, so that nothing is flushed before the note.
    let create_index = IndexSpec {
        name: "by_group".to_owned(),
        kind: IndexKind::Global,
        hash: vec![KeyAttribute::new("group", KeyType::S)],
        range: Vec::new(),
        projection: Projection::KeysOnly,
        throughput: None,
    };
    let update = TableUpdate { create_index: Some(create_index), ..TableUpdate::default() };
    world.db.update_table("items", update).unwrap();
    world.has_no_room_for(Piece::Backfill, Work::Backfilled);
    while world.db.stepper().unwrap().step(Piece::Backfill).unwrap().work == Work::Backfilled {}
    assert_eq!(world.table.scan().index("by_group").items().count(), 0);
}
