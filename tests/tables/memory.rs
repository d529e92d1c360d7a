//! What counts as memory, and what becomes of it when there is too much.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, Durability, ErrorKind, Item, OpenOptions, ReadMode, Table,
    admin::index,
    inspect::Work,
    key::S,
    schema::StreamView,
    testing::{Fault, FaultPlan, Operation, SimulatedDisk},
};
use std::sync::Arc;

const KIB: usize = 1 << 10;

fn small(memtable_bytes: usize) -> OpenOptions {
    let options = Database::options().background(false).initial_partitions(1).durability(Durability::Buffered);
    options.memtable_bytes(memtable_bytes).log_segment_bytes(64 << 10).clock(Clock::manual(1_795_000_000_000))
}

fn put(table: &Table<(S, S)>, number: usize, bytes: usize) {
    let item = Item::new().with("h", "h".repeat(300)).with("r", format!("{number:0400}")).with("v", "v".repeat(bytes));
    table.put(&item).unwrap();
}

#[test]
fn the_memory_of_items_and_of_entries_of_indexes_is_counted() {
    let bytes_per_item = |has_index: bool, has_stream: bool| {
        let db = small(64 << 20).in_memory().unwrap();
        let mut table = db.create_table("items").hash::<S>("h").range::<S>("r");
        if has_index {
            table = table.gsi(index("by_r").hash::<S>("r").range::<S>("h"));
        }
        if has_stream {
            table = table.stream(StreamView::NewAndOld);
        }
        let table = table.create().unwrap();
        (0..100).for_each(|number| put(&table, number, 500));
        db.facts().memtable_bytes / 100
    };
    // Keys lie in the item too. A tail that is not too large counts nothing.
    for has_stream in [false, true] {
        let (alone, with_index) = (bytes_per_item(false, has_stream), bytes_per_item(true, has_stream));
        assert!((1_800..2_200).contains(&alone), "{alone} bytes");
        assert!((4_200..5_000).contains(&with_index), "{with_index} bytes");
    }
}

/// Not even the end of the log, which is mapped for writing otherwise. Linux tells what a process has mapped.
#[cfg(target_os = "linux")]
#[test]
fn a_database_that_is_read_through_the_cache_maps_no_file() {
    let mapped = |mode: ReadMode| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        let db = small(64 << 20).read_mode(mode).open(&path).unwrap();
        let table = db.create_table("items").hash::<S>("h").range::<S>("r").create().unwrap();
        (0..20).for_each(|number| put(&table, number, 500));
        db.flush().unwrap();
        (10..30).for_each(|number| put(&table, number, 500));
        assert_eq!(table.scan().items().count(), 30);
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        maps.lines().filter(|line| line.contains(path.to_str().unwrap())).count()
    };
    assert_eq!(mapped(ReadMode::Buffered), 0);
    assert!(mapped(ReadMode::Mapped) > 0);
}

/// The memtable of an item that is written again and again is small, and the tail of its stream is not.
#[test]
fn tails_of_streams_are_cut_before_they_take_much_memory() {
    let db = small(64 * KIB).log_bytes(64 << 20).in_memory().unwrap();
    let table = db.create_table("items").hash::<S>("h").range::<S>("r").stream(StreamView::NewImage).create().unwrap();
    let mut most = 0;
    for n in 0..500 {
        put(&table, 0, 1_000 + n % 2);
        most = most.max(db.facts().stream_tail_bytes);
    }
    assert!((16 * KIB..128 * KIB).contains(&most), "{most} bytes");
    assert!(db.facts().stream_bytes > 500 * 1_000 - 128 * 1024);
}

/// A log that is too long goes as soon as what needs it is elsewhere: memtables in runs, tails of streams in segments.
#[test]
fn a_stream_that_pins_a_full_log_is_cut() {
    let db = small(64 << 20).log_bytes(128 << 10).in_memory().unwrap();
    let table = db.create_table("items").hash::<S>("h").range::<S>("r").stream(StreamView::KeysOnly).create().unwrap();
    (0..500).for_each(|number| put(&table, number, 500));
    assert!(db.facts().log_bytes > 500 * 1_000);
    assert!((0..100).any(|_| db.step().unwrap() == Work::Idle), "there is no end of work");
    assert!(db.facts().log_bytes < 256 << 10, "{:?}", db.facts().log);
    assert!(db.facts().stream_bytes > 0);
}

/// Otherwise small runs and segments would be written that give back nothing of the log.
#[test]
fn of_a_memtable_and_a_stream_the_one_that_pins_a_full_log_goes_first() {
    let db = small(64 << 20).log_bytes(128 << 10).in_memory().unwrap();
    let table = db.create_table("items").hash::<S>("h").range::<S>("r").stream(StreamView::KeysOnly).create().unwrap();
    let runs = || db.facts().partitions.iter().map(|part| part.partition.runs.len()).sum::<usize>();
    let work = |numbers: std::ops::Range<usize>| {
        let before = (runs(), db.facts().stream_bytes);
        numbers.for_each(|number| put(&table, number, 500));
        assert_eq!(db.step().unwrap(), Work::Flushed);
        (runs() > before.0, db.facts().stream_bytes > before.1)
    };
    assert_eq!(work(0..500), (false, true), "both have all, and the segment is smaller");
    assert_eq!(work(500..600), (true, false), "the stream has the end of it only");
    assert_eq!(work(600..601), (false, true), "and now the memtable has");
}

/// What an item was before is in the log only where something derives from it.
#[test]
fn a_log_that_cannot_become_shorter_is_no_work() {
    let db = small(64 << 20).log_bytes(1_000).in_memory().unwrap();
    let table = db.create_table("items").hash::<S>("h").range::<S>("r").create().unwrap();
    for number in 0..3 {
        put(&table, number, 2_000);
        assert!((0..100).any(|_| db.step().unwrap() == Work::Idle), "there is no end of work");
    }
    assert!(db.facts().log_bytes > 1_000, "the segment that is written to stays");
}

/// A segment is left early only if that gives back more than an opening would notice.
#[test]
fn a_flush_goes_on_in_a_log_segment_that_is_small() {
    let db = small(64 << 20).log_segment_bytes(64 << 20).in_memory().unwrap();
    let table = db.create_table("items").hash::<S>("h").range::<S>("r").create().unwrap();
    let segment = || db.facts().log.segments.last().unwrap().number;
    let first = segment();
    let stayed = (0..20).take_while(|number| {
        put(&table, *number, 350_000);
        db.flush().unwrap();
        segment() == first
    });
    // Two MiB are a 32nd of a whole segment.
    assert_eq!(stayed.count(), 5);
}

/// Without threads the writer that passes the limit flushes, and hears what becomes of that.
#[test]
fn a_writer_that_flushes_by_itself_hears_of_flushes_that_fail() {
    let disk = SimulatedDisk::new(1);
    let db = small(64 * KIB).log_segment_bytes(8 << 20).open_on(Arc::new(disk.clone())).unwrap();
    let table = db.create_table("items").hash::<S>("h").range::<S>("r").create().unwrap();
    let put = |number: usize| {
        let item = Item::new().with("h", "h").with("r", number.to_string()).with("v", "v".repeat(1_000));
        table.put(&item).map(drop)
    };
    disk.fail(FaultPlan::new(Operation::Create, 1, Fault::NoSpace).for_good());
    let refused = (0..1_000).find_map(|number| put(number).err()).unwrap();
    assert_eq!(refused.kind(), ErrorKind::Io, "{refused}");
    assert!(db.facts().memtable_bytes < 128 * KIB);
    disk.stop_failing();
    put(0).unwrap();
    assert!(db.facts().memtable_bytes < 64 * KIB, "{} bytes", db.facts().memtable_bytes);
}

/// The flush that they would pay for fails with everything else, but they need none.
#[test]
fn a_database_that_takes_no_more_writes_still_answers_those_that_change_nothing() {
    let disk = SimulatedDisk::new(1);
    let db = small(64 * KIB).open_on(Arc::new(disk.clone())).unwrap();
    let table = db.create_table("items").hash::<S>("h").range::<S>("r").create().unwrap();
    disk.fail(FaultPlan::new(Operation::Sync, 1, Fault::InputOutput));
    let item = |number: usize| Item::new().with("h", "h").with("r", number.to_string()).with("v", "v".repeat(90_000));
    let refused = (0..1_000).find_map(|number| table.put(&item(number)).err()).unwrap();
    assert_eq!(refused.kind(), ErrorKind::Io, "{refused}");
    assert!(db.facts().memtable_bytes > 80 * KIB, "{} bytes", db.facts().memtable_bytes);
    assert_eq!(table.put(&item(0)).map(drop).unwrap_err().kind(), ErrorKind::Poisoned);
    table.delete(("h", "nowhere")).unwrap();
}

#[test]
fn looking_for_work_where_there_is_none_touches_no_disk() {
    let disk = SimulatedDisk::new(1);
    let db = small(64 * KIB).open_on(Arc::new(disk.clone())).unwrap();
    let table = db.create_table("items").hash::<S>("h").range::<S>("r").stream(StreamView::KeysOnly).create().unwrap();
    (0..100).for_each(|number| put(&table, number, 1_000));
    while db.step().unwrap() != Work::Idle {}
    let before = disk.operations();
    assert_eq!(db.step().unwrap(), Work::Idle);
    assert_eq!(disk.operations(), before);
}

#[test]
fn the_largest_budget_of_memtables_is_none_at_all() {
    let db = small(usize::MAX).in_memory().unwrap();
    let table = db.create_table("items").hash::<S>("h").range::<S>("r").create().unwrap();
    put(&table, 1, 500);
    assert_eq!(table.scan().items().count(), 1);
}

#[test]
fn a_queue_of_events_is_never_larger_than_memory() {
    let db = small(64 << 20).in_memory().unwrap();
    let (most, least) = (db.subscribe(usize::MAX), db.subscribe(0));
    db.create_table("items").hash::<S>("h").create().unwrap().put(&Item::new().with("h", "h")).unwrap();
    db.flush().unwrap();
    assert!(most.try_next().is_some() && least.try_next().is_some());
}
