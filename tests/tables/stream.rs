//! Change streams against a model: whatever happens to the database, its stream replayed from the start is its table.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, Durability, ErrorKind, Item, ReadMode, Table,
    admin::TableUpdate,
    file::Disk,
    inspect::Work,
    key::{Dynamic, S},
    schema::StreamView,
    streams::{ChangeEvent, ChangeRecord, IteratorStart, ShardDescription, StreamStatus},
    testing::{Fault, FaultPlan, Operation, SimulatedDisk},
};
use hashrange_test_support::{Random, seeds};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

const START_MILLIS: u64 = 1_795_000_000_000;
const HOUR: Duration = Duration::from_secs(3600);

fn open_small(disk: Arc<dyn Disk>, clock: &Clock) -> Database {
    Database::options()
        .clock(clock.clone())
        .seed(1)
        .background(false)
        .initial_partitions(2)
        .memtable_bytes(24 << 10)
        .split_bytes(3 << 10)
        .log_segment_bytes(16 << 10)
        .log_bytes(64 << 10)
        .open_on(disk)
        .unwrap()
}

/// Every record of a stream, each shard after its parent.
fn records(db: &Database, table: &str, label: &str) -> Vec<ChangeRecord> {
    let stream = db.describe_stream(table, label).unwrap();
    let mut all: Vec<ChangeRecord> = Vec::new();
    let mut seen = BTreeSet::new();
    for shard in &stream.shards {
        let parent_read = shard.parent.as_ref().is_none_or(|parent| seen.contains(parent));
        assert!(parent_read, "shard {} comes before its parent", shard.id);
        seen.insert(shard.id.clone());
        let mut iterator = Some(db.shard_iterator(table, label, &shard.id, &IteratorStart::TrimHorizon).unwrap());
        let mut last = None;
        while let Some(at) = iterator {
            let page = db.stream_records(&at, Some(7)).unwrap();
            for record in &page.records {
                assert!(last < Some(record.sequence), "sequence numbers ascend within a shard");
                last = Some(record.sequence);
                let number = record.sequence_number();
                assert!(shard.starting_sequence_number <= number);
                assert!(shard.ending_sequence_number.as_ref().is_none_or(|end| number <= *end));
            }
            let at_end = page.records.is_empty();
            all.extend(page.records);
            iterator = page.next.filter(|_| !at_end);
        }
    }
    all
}

/// What the table would be if nothing but the stream had happened; checks every record against the one before it.
fn replayed(records: &[ChangeRecord]) -> BTreeMap<String, Item> {
    let mut items: BTreeMap<String, Item> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for record in records {
        assert!(ids.insert(record.event_id()), "an event comes once");
        let key = record.keys()["id"].as_str().unwrap().to_owned();
        let old = record.old.as_ref().map(|item| item.to_item());
        assert_eq!(items.get(&key), old.as_ref(), "the old image of {key} is what was before");
        let new = record.new.as_ref().map(|item| item.to_item());
        let event = match (&old, &new) {
            (None, Some(_)) => ChangeEvent::Insert,
            (Some(_), Some(_)) => ChangeEvent::Modify,
            _ => ChangeEvent::Remove,
        };
        assert_eq!(record.event, event);
        assert_ne!(old, new, "a record tells of a change");
        match new {
            Some(new) => items.insert(key, new),
            None => items.remove(&key),
        };
    }
    items
}

fn contents(table: &Table<Dynamic>) -> BTreeMap<String, Item> {
    let items = table.scan().items().map(|item| item.unwrap().to_item());
    items.map(|item| (item["id"].as_str().unwrap().to_owned(), item)).collect()
}

fn label_of(db: &Database) -> String {
    db.list_streams(Some("things")).last().unwrap().label.clone()
}

fn check(db: &Database) {
    let table = db.dynamic_table("things").unwrap();
    assert_eq!(replayed(&records(db, "things", &label_of(db))), contents(&table));
}

fn write_something(db: &Database, table: &Table<S>, random: &mut Random) -> hashrange::Result<()> {
    let key = format!("k{}", random.below_u64(60));
    let buffered = random.below_u64(4) == 0;
    let durability = if buffered { Durability::Buffered } else { Durability::Sync };
    let value = random.below_u64(4);
    let item = |key: &str| {
        Item::new()
            .with("id", key)
            .with("n", value)
            .with("filling", "x".repeat(40 + 40 * usize::try_from(value).unwrap()))
    };
    match random.below_u64(10) {
        0..=5 => table.put_with(&item(&key)).durability(durability).send().map(drop),
        6 | 7 => table.delete_with(&key).durability(durability).send().map(drop),
        _ => {
            let other = format!("k{}", 60 + random.below_u64(20));
            let transaction = db.transact_write().put(table, &item(&key));
            if random.below_u64(2) == 0 {
                transaction.put(table, &item(&other))
            } else {
                transaction.delete(table, &other)
            }
            .send()
            .map(drop)
        }
    }
}

fn create(db: &Database) -> Table<S> {
    db.create_table("things").hash::<S>("id").stream(StreamView::NewAndOld).open_or_create().unwrap()
}

#[test]
fn the_stream_replayed_is_the_table_whatever_happens() {
    for seed in seeds(2) {
        let clock = Clock::manual(START_MILLIS);
        let mut random = Random::new(seed);
        let mut disk = SimulatedDisk::new(seed);
        let mut db = open_small(Arc::new(disk.clone()), &clock);
        let mut table = create(&db);
        let (mut splits, mut crashes) = (0, 0);
        for step in 0..1200 {
            write_something(&db, &table, &mut random).unwrap();
            match random.below_u64(150) {
                0 => db.flush().unwrap(),
                1 => db.compact().unwrap(),
                2..=20 => splits += usize::from(db.step().unwrap() == hashrange::inspect::Work::Split),
                21 => clock.advance(HOUR),
                22 => check(&db),
                23 => {
                    drop((table, db));
                    db = open_small(Arc::new(disk.clone()), &clock);
                    table = create(&db);
                    check(&db);
                }
                24 | 25 => {
                    // The power goes, now or in the middle of one of the next operations on the disk.
                    crashes += 1;
                    disk.crash_at(disk.operations() + random.below_u64(6));
                    for _ in 0..4 {
                        let _ = write_something(&db, &table, &mut random);
                        let _ = db.flush();
                    }
                    let after = disk.crash(random.next_u64());
                    drop((table, db));
                    disk = after;
                    db = open_small(Arc::new(disk.clone()), &clock);
                    table = create(&db);
                    check(&db);
                }
                _ => {}
            }
            if step % 400 == 399 {
                check(&db);
            }
        }
        check(&db);
        db.verify().unwrap();
        let shards = db.describe_stream("things", &label_of(&db)).unwrap().shards.len();
        println!("seed {seed}: {splits} splits by step, {crashes} crashes, {shards} shards");
    }
}

fn in_memory(clock: &Clock) -> Database {
    Database::options().clock(clock.clone()).seed(1).background(false).initial_partitions(2).in_memory().unwrap()
}

fn put(table: &Table<S>, id: &str, n: i64) {
    table.put(&Item::new().with("id", id).with("n", n)).unwrap();
}

fn work_off(db: &Database) {
    while db.step().unwrap() != Work::Idle {}
}

#[test]
fn records_leave_after_a_day_and_give_their_space_back() {
    let clock = Clock::manual(START_MILLIS);
    let db = in_memory(&clock);
    let table = create(&db);
    let label = label_of(&db);
    for n in 0..100 {
        put(&table, &format!("k{n}"), n);
    }
    db.flush().unwrap();
    assert!(db.facts().stream_bytes > 0);
    clock.advance(HOUR);
    put(&table, "late", 1);
    let shard = db.describe_stream("things", &label).unwrap().shards[0].id.clone();
    let old = records(&db, "things", &label)[0].clone();
    clock.advance(23 * HOUR);
    // Records are gone on the minute, whether or not anybody has removed them yet.
    assert_eq!(records(&db, "things", &label).len(), 1);
    let shards = db.describe_stream("things", &label).unwrap().shards;
    let of_old = shards.iter().find(|shard| {
        let at = IteratorStart::AtSequenceNumber(old.sequence_number());
        let iterator = db.shard_iterator("things", &label, &shard.id, &at).unwrap();
        db.stream_records(&iterator, None).is_err_and(|e| e.code() == "TrimmedDataAccessException")
    });
    assert_eq!(of_old.map(|shard| &shard.id), Some(&shard));
    work_off(&db);
    assert_eq!(db.facts().stream_bytes, 0);
    let at = IteratorStart::AtSequenceNumber(old.sequence_number());
    for db in [&db, &db.fork().unwrap()] {
        let error = db.shard_iterator("things", &label, &shard, &at).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Expired, "TrimmedDataAccessException"));
    }
    clock.advance(2 * HOUR);
    work_off(&db);
    assert!(records(&db, "things", &label).is_empty());
    put(&table, "new", 1);
    assert_eq!(records(&db, "things", &label).len(), 1);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the folder is weighed from outside")]
fn a_day_later_the_folder_is_small_again() {
    let clock = Clock::manual(START_MILLIS);
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let options = Database::options().clock(clock.clone()).background(false).initial_partitions(2);
        options.memtable_bytes(256 << 10).log_segment_bytes(64 << 10).log_bytes(256 << 10).open(folder.path()).unwrap()
    };
    let bytes = || -> u64 {
        let mut folders = vec![folder.path().to_owned()];
        let mut bytes = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                match entry.file_type().unwrap().is_dir() {
                    true => folders.push(entry.path()),
                    false => bytes += entry.metadata().unwrap().len(),
                }
            }
        }
        bytes
    };
    let db = open();
    let table = create(&db);
    for n in 0..2000 {
        let item = Item::new().with("id", format!("k{}", n % 20)).with("n", n).with("filling", "x".repeat(1000));
        table.put_with(&item).durability(Durability::Buffered).send().unwrap();
    }
    db.flush().unwrap();
    work_off(&db);
    assert_eq!(records(&db, "things", &label_of(&db)).len(), 2000);
    let (full, in_streams) = (bytes(), db.facts().stream_bytes);
    assert!(in_streams > 2_000_000 && full > in_streams, "{full} bytes, {in_streams} of streams");
    clock.advance(25 * HOUR);
    work_off(&db);
    assert_eq!(db.facts().stream_bytes, 0);
    let left = bytes();
    assert!(left < full - in_streams + 200_000, "{left} bytes are left of {full}, {in_streams} were streams");
    drop((table, db));
    let db = open();
    assert!(records(&db, "things", &label_of(&db)).is_empty());
    assert_eq!(create(&db).scan().items().count(), 20);
}

#[test]
fn shards_are_continued_every_four_hours_and_at_splits() {
    let clock = Clock::manual(START_MILLIS);
    let db = in_memory(&clock);
    let table = create(&db);
    let label = label_of(&db);
    put(&table, "a", 1);
    clock.advance(4 * HOUR - Duration::from_millis(1));
    assert_eq!(db.step().unwrap(), Work::Idle, "no shard is old yet");
    clock.advance(Duration::from_millis(1));
    assert_eq!([db.step().unwrap(), db.step().unwrap()], [Work::Aged, Work::Idle]);
    put(&table, "a", 2);
    let shards = db.describe_stream("things", &label).unwrap().shards;
    assert_eq!(shards.len(), 3, "the shard without records stays");
    let child = &shards[2];
    let parent = shards.iter().find(|shard| Some(&shard.id) == child.parent.as_ref()).unwrap();
    assert!(parent.ending_sequence_number.as_ref().unwrap() < &child.starting_sequence_number);
    let first = db.shard_iterator("things", &label, &parent.id, &IteratorStart::TrimHorizon).unwrap();
    let page = db.stream_records(&first, None).unwrap();
    assert_eq!((page.records.len(), page.next), (1, None), "a closed shard ends");
    assert_eq!(replayed(&records(&db, "things", &label)).len(), 1);
    clock.advance(24 * HOUR + HOUR);
    work_off(&db);
    let left = db.describe_stream("things", &label).unwrap().shards;
    assert!(!left.iter().any(|shard| shard.id == parent.id), "a closed shard goes after a day");
    let reopened = db.fork().unwrap().describe_stream("things", &label).unwrap().shards;
    let ids = |shards: &[ShardDescription]| shards.iter().map(|shard| shard.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&reopened), ids(&left), "and no other one");
}

#[test]
fn a_disk_that_cannot_be_read_is_not_taken_for_records_that_are_gone() {
    let (clock, disk) = (Clock::manual(START_MILLIS), SimulatedDisk::new(1));
    let options = Database::options().clock(clock).seed(1).background(false).initial_partitions(1);
    let options = options.read_mode(ReadMode::Buffered);
    let db = options.open_on(Arc::new(disk.clone())).unwrap();
    let table = create(&db);
    put(&table, "a", 1);
    db.flush().unwrap();
    disk.fail(FaultPlan::new(Operation::Read, 1, Fault::InputOutput).for_good());
    let stream = db.list_streams(Some("things")).remove(0);
    let at = db.shard_iterator("things", &stream.label, &stream.shards[0].id, &IteratorStart::TrimHorizon).unwrap();
    assert_eq!(db.stream_records(&at, None).unwrap_err().kind(), ErrorKind::Io);
    disk.stop_failing();
    assert_eq!(db.stream_records(&at, None).unwrap().records.len(), 1);
}

#[test]
fn iterators_stand_where_they_are_told() {
    let clock = Clock::manual(START_MILLIS);
    let db = Database::options().clock(clock.clone()).background(false).initial_partitions(1).in_memory().unwrap();
    let table = create(&db);
    let label = label_of(&db);
    for n in 0..10 {
        clock.advance(Duration::from_millis(10));
        put(&table, "k", n);
        if n == 4 {
            db.flush().unwrap();
        }
    }
    let shard = db.describe_stream("things", &label).unwrap().shards[0].id.clone();
    let numbers = |start: &IteratorStart| -> Vec<i64> {
        let iterator = db.shard_iterator("things", &label, &shard, start).unwrap();
        let page = db.stream_records(&iterator, None).unwrap();
        page.records.iter().map(|record| record.new.as_ref().unwrap().get("n").unwrap().as_i64().unwrap()).collect()
    };
    assert_eq!(numbers(&IteratorStart::TrimHorizon), (0..10).collect::<Vec<_>>());
    assert!(numbers(&IteratorStart::Latest).is_empty());
    let all = records(&db, "things", &label);
    for (n, record) in all.iter().enumerate() {
        let (at, n) = (record.sequence_number(), n as i64);
        assert_eq!(numbers(&IteratorStart::AtSequenceNumber(at.clone())), (n..10).collect::<Vec<_>>());
        assert_eq!(numbers(&IteratorStart::AfterSequenceNumber(at)), (n + 1..10).collect::<Vec<_>>());
        assert_eq!(numbers(&IteratorStart::AtTimestamp(record.at_millis)), (n..10).collect::<Vec<_>>());
        assert_eq!(numbers(&IteratorStart::AtTimestamp(record.at_millis - 1)), (n..10).collect::<Vec<_>>());
    }
    let latest = db.shard_iterator("things", &label, &shard, &IteratorStart::Latest).unwrap();
    put(&table, "k", 10);
    let page = db.stream_records(&latest, None).unwrap();
    assert_eq!(page.records.len(), 1);
    assert_eq!(db.stream_records(&page.next.unwrap(), None).unwrap().records.len(), 0);
    let refused = |start: IteratorStart| db.shard_iterator("things", &label, &shard, &start).unwrap_err();
    assert!(refused(IteratorStart::AtSequenceNumber("7".into())).message().contains("greater than or equal to 21"));
    assert_eq!(refused(IteratorStart::AtSequenceNumber("7".repeat(25))).kind(), ErrorKind::Validation);
    assert_eq!(refused(IteratorStart::AtTimestamp(START_MILLIS * 2)).kind(), ErrorKind::Validation);
    clock.advance(HOUR);
    assert_eq!(db.stream_records(&latest, None).unwrap_err().code(), "ExpiredIteratorException");
    assert_eq!(db.stream_records("nonsense", None).unwrap_err().kind(), ErrorKind::Validation);
    assert_eq!(db.stream_records(&latest, Some(0)).unwrap_err().kind(), ErrorKind::Validation);
    let missing = db.shard_iterator("things", "1999-01-01T00:00:00.000", &shard, &IteratorStart::Latest).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

#[test]
fn streams_are_enabled_and_disabled_and_outlive_their_table() {
    let clock = Clock::manual(START_MILLIS);
    let db = in_memory(&clock);
    let table = db.create_table("things").hash::<S>("id").create().unwrap();
    put(&table, "before", 0);
    assert!(db.list_streams(None).is_empty());
    let set = |view| db.update_table("things", TableUpdate { stream: Some(view), ..TableUpdate::default() });
    assert!(set(None).unwrap_err().message().contains("no stream to disable"));
    set(Some(StreamView::KeysOnly)).unwrap();
    let twice = set(Some(StreamView::KeysOnly)).unwrap_err();
    assert_eq!(twice.message(), "Table already has an enabled stream: TableName: things");
    put(&table, "one", 1);
    put(&table, "one", 1);
    let first = label_of(&db);
    set(None).unwrap();
    put(&table, "unseen", 1);
    set(Some(StreamView::NewImage)).unwrap();
    let second = label_of(&db);
    assert_ne!(first, second);
    put(&table, "two", 2);
    let status = |label: &str| db.describe_stream("things", label).unwrap().status;
    assert_eq!((status(&first), status(&second)), (StreamStatus::Disabled, StreamStatus::Enabled));
    let of_first = records(&db, "things", &first);
    assert_eq!(of_first.len(), 1, "an equal put changes nothing");
    assert_eq!((of_first[0].old.is_none(), of_first[0].new.is_none()), (true, true));
    assert_eq!(of_first[0].keys(), Item::new().with("id", "one"));
    let of_second = records(&db, "things", &second);
    assert_eq!((of_second.len(), of_second[0].event, of_second[0].new.is_some()), (1, ChangeEvent::Insert, true));
    db.delete_table("things").unwrap();
    db.flush().unwrap();
    assert_eq!(records(&db, "things", &second).len(), 1);
    clock.advance(24 * HOUR);
    work_off(&db);
    assert!(db.list_streams(None).is_empty());
    assert_eq!(db.facts().stream_bytes, 0);
}

#[test]
fn streams_of_deleted_tables_survive_a_crash() {
    let clock = Clock::manual(START_MILLIS);
    let disk = SimulatedDisk::new(5);
    let db = open_small(Arc::new(disk.clone()), &clock);
    let table = create(&db);
    let label = label_of(&db);
    for n in 0..20 {
        put(&table, &format!("k{n}"), n);
    }
    db.delete_table("things").unwrap();
    let after = disk.crash(3);
    drop((table, db));
    let db = open_small(Arc::new(after), &clock);
    assert_eq!(records(&db, "things", &label).len(), 20);
    let table = create(&db);
    put(&table, "k1", 100);
    assert_eq!(db.list_streams(Some("things")).len(), 2);
    assert_eq!(records(&db, "things", &label_of(&db)).len(), 1);
}

#[test]
fn an_iterator_is_good_for_its_own_database() {
    let clock = Clock::manual(START_MILLIS);
    let [one, other] = [1, 2].map(|seed| {
        let options = Database::options().clock(clock.clone()).seed(seed).background(false).initial_partitions(1);
        let db = options.in_memory().unwrap();
        put(&create(&db), "a", 1);
        db
    });
    let shard = one.describe_stream("things", &label_of(&one)).unwrap().shards[0].id.clone();
    let iterator = one.shard_iterator("things", &label_of(&one), &shard, &IteratorStart::TrimHorizon).unwrap();
    assert_eq!(one.stream_records(&iterator, None).unwrap().records.len(), 1);
    assert_eq!(other.stream_records(&iterator, None).unwrap_err().message(), "Invalid ShardIterator");
}
