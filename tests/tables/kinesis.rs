//! Kinesis destinations: which changes they get and in which order, their states, and what happens where a sink fails.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod undelivered;

use hashrange::{
    Clock, Database, Item, Table,
    inspect::{Piece, Work},
    key::S,
    observe::{Job, Subject},
    schema::{DestinationStatus, KinesisTiming, RecordPrecision, StreamView},
    streams::{ChangeEvent, Disorder, DisorderedSink, KinesisRecord, KinesisSink},
    testing::SimulatedDisk,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

const START_MILLIS: u64 = 1_795_000_000_000;
const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/changes";
const OTHER: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/others";

/// A sink that remembers records, and fails where a test says so.
#[derive(Clone, Default)]
struct Sink {
    records: Arc<Mutex<Vec<KinesisRecord>>>,
    fails: Arc<Mutex<bool>>,
}

impl KinesisSink for Sink {
    fn check(&self, stream_arn: &str) -> Result<(), String> {
        if stream_arn.ends_with("/missing") { Err("it is missing".to_owned()) } else { Ok(()) }
    }
    fn put(&self, records: &[KinesisRecord]) -> Result<u64, String> {
        if *self.fails.lock().unwrap() {
            return Err("no room".to_owned());
        }
        self.records.lock().unwrap().extend_from_slice(records);
        Ok(0)
    }
}

impl Sink {
    fn fail(&self, fails: bool) {
        *self.fails.lock().unwrap() = fails;
    }
    /// Event, id and number of each record, and takes them.
    fn take(&self) -> Vec<(ChangeEvent, String, Option<i64>)> {
        let records = std::mem::take(&mut *self.records.lock().unwrap());
        let of = |record: &KinesisRecord| {
            let change = &record.change;
            let number = change.new.as_ref().and_then(|item| item.get("n")?.as_i64());
            (change.event, change.keys().get("id").unwrap().as_str().unwrap().to_owned(), number)
        };
        records.iter().map(of).collect()
    }
}

fn options(clock: &Clock) -> hashrange::OpenOptions {
    Database::options().clock(clock.clone()).seed(1).background(false)
}

fn new(clock: &Clock) -> (Database, Table<S>, Sink) {
    let db = options(clock).in_memory().unwrap();
    let (table, sink) = (orders(&db), Sink::default());
    db.deliver_to_kinesis(sink.clone()).unwrap();
    (db, table, sink)
}

fn orders(db: &Database) -> Table<S> {
    db.create_table("orders").hash::<S>("id").open_or_create().unwrap()
}

fn put(table: &Table<S>, id: &str, n: i64) {
    table.put(&Item::new().with("id", id).with("n", n)).unwrap();
}

/// Works until there is nothing to do.
fn settle(db: &Database) {
    while db.step().unwrap() != Work::Idle {}
}

fn status(db: &Database) -> Vec<&'static str> {
    db.kinesis("orders").list().unwrap().iter().map(|described| described.status.name()).collect()
}

#[test]
fn a_destination_gets_every_change_whatever_the_stream_shows() {
    let (db, table, sink) = new(&Clock::manual(START_MILLIS));
    put(&table, "before", 0);
    db.kinesis("orders").enable(STREAM, None).unwrap();
    let view = hashrange::admin::TableUpdate { stream: Some(Some(StreamView::KeysOnly)), ..Default::default() };
    db.update_table("orders", view).unwrap();
    put(&table, "a", 1);
    put(&table, "a", 1); // changes nothing
    put(&table, "a", 2);
    table.delete("a").unwrap();
    db.transact_write()
        .put(&table, &Item::new().with("id", "b").with("n", 1))
        .put(&table, &Item::new().with("id", "c").with("n", 1))
        .send()
        .unwrap();
    settle(&db);
    let records = sink.records.lock().unwrap().clone();
    let number = |image: &Option<hashrange::ItemRef>| image.as_ref().and_then(|item| item.get("n")?.as_i64());
    // Different items may have different partitions, which have no order between them.
    let of = |id: &str| -> Vec<_> {
        let of_item = records.iter().filter(|r| r.change.keys().get("id").unwrap().as_str() == Some(id));
        of_item.map(|r| (r.change.event, number(&r.change.old), number(&r.change.new))).collect()
    };
    use ChangeEvent::{Insert, Modify, Remove};
    assert_eq!(of("a"), [(Insert, None, Some(1)), (Modify, Some(1), Some(2)), (Remove, Some(2), None)]);
    assert_eq!((of("b"), of("c")), (vec![(Insert, None, Some(1))], vec![(Insert, None, Some(1))]));
    assert_eq!(records.len(), 5);
    assert_eq!((records[0].table_name(), records[0].stream_arn()), ("orders", STREAM));
    // Readers of streams see theirs alone.
    let streams = db.list_streams(None);
    assert_eq!(streams.iter().map(|stream| stream.view).collect::<Vec<_>>(), [StreamView::KeysOnly]);
    let seen: Vec<_> = table.stream().unwrap().checkpoint("reader").records(Duration::ZERO).collect();
    assert!(seen.iter().all(|record| record.as_ref().is_ok_and(|record| record.new.is_none())));
    assert_eq!(seen.len(), 5);
    let delivery = db.kinesis("orders").list().unwrap()[0].delivery;
    assert_eq!((delivery.records, delivery.failed_attempts, delivery.gaps), (5, 0, 0));
}

#[test]
fn a_table_without_a_destination_keeps_no_changes() {
    let (db, table, sink) = new(&Clock::manual(START_MILLIS));
    put(&table, "a", 1);
    settle(&db);
    assert!(sink.take().is_empty());
    db.kinesis("orders").enable(STREAM, None).unwrap();
    put(&table, "b", 1);
    db.kinesis("orders").disable(STREAM).unwrap();
    put(&table, "c", 1);
    settle(&db);
    assert_eq!(sink.take(), [(ChangeEvent::Insert, "b".to_owned(), Some(1))]);
    db.kinesis("orders").enable(STREAM, None).unwrap();
    put(&table, "d", 1);
    settle(&db);
    assert_eq!(sink.take(), [(ChangeEvent::Insert, "d".to_owned(), Some(1))]);
    put(&table, "e", 1);
    drop(table);
    db.delete_table("orders").unwrap();
    settle(&db);
    assert_eq!(sink.take(), [(ChangeEvent::Insert, "e".to_owned(), Some(1))], "a deleted table's last changes");
}

#[test]
fn a_sink_that_fails_is_tried_again_and_loses_nothing() {
    let clock = Clock::manual(START_MILLIS);
    let (db, table, sink) = new(&clock);
    db.create_table("others").hash::<S>("id").create().unwrap();
    db.kinesis("orders").enable(STREAM, None).unwrap();
    sink.fail(true);
    for n in 0..5 {
        put(&table, "a", n);
        settle(&db);
    }
    let health = db.health();
    let failure = &health.failures[0];
    assert_eq!((failure.job, failure.attempts), (Job::Kinesis, 1), "the next attempt is not due");
    let destination = Subject::Destination { stream_arn: STREAM.to_owned(), table: "orders".to_owned() };
    assert_eq!(failure.subject, destination);
    assert!(failure.error.message().contains("no room"), "{failure}");
    clock.advance(Duration::from_millis(300));
    settle(&db);
    assert_eq!(db.health().failures[0].attempts, 2);
    assert_eq!(db.kinesis("orders").list().unwrap()[0].delivery.failed_attempts, 2);
    sink.fail(false);
    clock.advance(Duration::from_millis(60_000));
    settle(&db);
    assert!(db.health().is_good());
    let numbers: Vec<_> = sink.take().into_iter().map(|(_, _, n)| n.unwrap()).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
    assert!(db.deliver_to_kinesis(Sink::default()).is_err(), "it has a sink");
}

#[test]
fn changes_wait_a_day_for_a_sink() {
    let clock = Clock::manual(START_MILLIS);
    let db = options(&clock).in_memory().unwrap();
    let table = orders(&db);
    db.kinesis("orders").enable(STREAM, None).unwrap();
    put(&table, "a", 1);
    settle(&db);
    clock.advance(Duration::from_millis(25 * 60 * 60 * 1000));
    put(&table, "a", 2);
    settle(&db);
    let sink = Sink::default();
    db.deliver_to_kinesis(sink.clone()).unwrap();
    settle(&db);
    assert_eq!(sink.take(), [(ChangeEvent::Modify, "a".to_owned(), Some(2))]);
}

#[test]
fn the_states_of_a_destination_are_those_of_the_service() {
    let clock = Clock::manual(START_MILLIS);
    let (db, _table, sink) = new(&clock);
    let service = KinesisTiming { enabling_millis: 5_000, disabling_millis: 2_000, updating_millis: 135_000 };
    let timed = db.kinesis("orders").timing(service);
    let state = || timed.list().unwrap()[0].status;
    let not_active = "Table is not in a valid state to enable Kinesis Streaming Destination: \
                      KinesisStreamingDestination must be ACTIVE to perform DISABLE operation.";
    let not_over = "Table is not in a valid state to enable Kinesis Streaming Destination: \
                    EnableKinesisStreamingDestination must be DISABLED or ENABLE_FAILED to perform ENABLE operation.";
    assert_eq!(timed.disable(STREAM).unwrap_err().message(), not_active, "an unknown one");
    timed.enable(STREAM, None).unwrap();
    assert_eq!(state(), DestinationStatus::Enabling);
    assert_eq!(timed.disable(STREAM).unwrap_err().message(), not_active);
    assert_eq!(timed.enable(STREAM, None).unwrap_err().message(), not_over);
    assert_eq!(timed.enable(OTHER, None).unwrap_err().message(), not_over, "one live destination a table");
    clock.advance(Duration::from_millis(5_000));
    assert_eq!(state(), DestinationStatus::Active);
    timed.update(STREAM, RecordPrecision::Microsecond).unwrap();
    assert_eq!(state(), DestinationStatus::Updating);
    assert_eq!(timed.disable(STREAM).unwrap_err().message(), not_active);
    clock.advance(Duration::from_millis(135_000));
    let unknown = format!("No streaming destination with streamArn: {OTHER} found for table with tableName: orders");
    assert_eq!(timed.update(OTHER, RecordPrecision::Microsecond).unwrap_err().message(), unknown);
    timed.disable(STREAM).unwrap();
    assert_eq!(state(), DestinationStatus::Disabling);
    assert_eq!(timed.enable(STREAM, None).unwrap_err().message(), not_over);
    clock.advance(Duration::from_millis(2_000));
    assert_eq!(state(), DestinationStatus::Disabled);
    // What cannot be reached is accepted and fails.
    let missing = "arn:aws:kinesis:us-east-1:000000000000:stream/missing";
    let foreign = "arn:aws:kinesis:eu-west-1:000000000000:stream/changes";
    for arn in [missing, foreign, "arn:aws:sqs:us-east-1:000000000000:some-queue"] {
        let owned = timed.clone().owned_by("us-east-1", "000000000000");
        let enabled = owned.enable(arn, None).unwrap();
        assert!(enabled.failure.is_some() && !enabled.is_enabled, "{enabled:?}");
        assert_eq!(timed.list().unwrap().last().unwrap().status, DestinationStatus::Enabling);
        clock.advance(Duration::from_millis(5_000));
        assert_eq!(timed.list().unwrap().last().unwrap().status, DestinationStatus::EnableFailed);
    }
    timed.enable(STREAM, None).unwrap();
    assert_eq!(status(&db), ["ACTIVE", "ENABLE_FAILED", "ENABLE_FAILED", "ENABLE_FAILED"], "done at once by default");
    assert!(sink.take().is_empty());
}

#[test]
fn a_record_has_the_service_s_form() {
    let clock = Clock::manual(START_MILLIS);
    let (db, table, sink) = new(&clock);
    let ttl = hashrange::admin::TableUpdate { ttl_attribute: Some(Some("ends".to_owned())), ..Default::default() };
    db.update_table("orders", ttl).unwrap();
    db.kinesis("orders").enable(STREAM, None).unwrap();
    table.put(&Item::new().with("id", "a\"b").with("ends", (START_MILLIS / 1000 + 10) as i64)).unwrap();
    settle(&db);
    let text = |record: &KinesisRecord| {
        let json = record.to_json();
        assert_eq!(record.event_id().split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        json.replace(&record.event_id(), "UUID")
    };
    let first = sink.records.lock().unwrap().remove(0);
    assert_eq!(
        text(&first),
        "{\"awsRegion\":\"us-east-1\",\"eventID\":\"UUID\",\"eventName\":\"INSERT\",\"userIdentity\":null,\
         \"recordFormat\":\"application/json\",\"tableName\":\"orders\",\"dynamodb\":{\
         \"ApproximateCreationDateTime\":1795000000000,\"Keys\":{\"id\":{\"S\":\"a\\\"b\"}},\
         \"NewImage\":{\"ends\":{\"N\":\"1795000010\"},\"id\":{\"S\":\"a\\\"b\"}},\"SizeBytes\":20},\
         \"eventSource\":\"aws:dynamodb\"}"
    );
    db.kinesis("orders").update(STREAM, RecordPrecision::Microsecond).unwrap();
    clock.advance(Duration::from_millis(60_000));
    db.sweep_now().unwrap();
    settle(&db);
    let second = sink.records.lock().unwrap().remove(0);
    let by_ttl = text(&second);
    assert!(by_ttl.contains(
        "\"eventName\":\"REMOVE\",\"userIdentity\":{\"type\":\"Service\",\"principalId\":\"dynamodb.amazonaws.com\"},"
    ));
    assert!(by_ttl.contains("{\"ApproximateCreationDateTime\":1795000060000000,"), "{by_ttl}");
    assert!(by_ttl.contains("\"ApproximateCreationDateTimePrecision\":\"MICROSECOND\"},"), "{by_ttl}");
}

#[test]
fn the_order_of_an_item_survives_splits_restarts_and_old_shards() {
    let clock = Clock::manual(START_MILLIS);
    let disk = SimulatedDisk::new(7);
    let sink = Sink::default();
    let mut n = 0;
    for round in 0..3 {
        let db = options(&clock).initial_partitions(1).open_on(Arc::new(disk.clone())).unwrap();
        let table = orders(&db);
        if round == 0 {
            db.kinesis("orders").enable(STREAM, None).unwrap();
        }
        let mut write = || {
            for _ in 0..40 {
                put(&table, &format!("o{}", n % 9), n);
                n += 1;
            }
        };
        write();
        // In the second round all of it waits in segments for the third.
        if round != 1 {
            db.deliver_to_kinesis(sink.clone()).unwrap();
        }
        db.flush().unwrap();
        db.stepper().unwrap().step(Piece::Split { partition: None }).unwrap();
        write();
        clock.advance(Duration::from_millis(5 * 60 * 60 * 1000)); // shards grow old and are continued
        settle(&db);
        write();
        settle(&db);
        assert!(db.list_streams(None).is_empty());
    }
    let mut last: BTreeMap<String, i64> = BTreeMap::new();
    let taken = sink.take();
    assert_eq!(taken.len() as i64, n, "each came once, since nothing failed");
    for (_, id, number) in taken {
        let number = number.unwrap();
        assert!(last.insert(id.clone(), number).is_none_or(|before| before < number), "{id}: {number} came late");
    }
}

#[test]
fn an_open_database_delivers_by_itself() {
    let db = Database::in_memory().unwrap();
    let (table, sink) = (orders(&db), Sink::default());
    db.deliver_to_kinesis(sink.clone()).unwrap();
    db.kinesis("orders").enable(STREAM, None).unwrap();
    put(&table, "a", 1);
    for _ in 0..500 {
        if !sink.records.lock().unwrap().is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("nothing was delivered");
}

/// The service promises neither an order nor that a record comes once, and a program that reads must bear both.
#[test]
fn records_come_twice_and_in_any_order_where_that_is_asked_for() {
    let run = |disorder: Disorder| {
        let clock = Clock::manual(START_MILLIS);
        let db = options(&clock).in_memory().unwrap();
        let table = orders(&db);
        let sink = Sink::default();
        db.deliver_to_kinesis(DisorderedSink::new(sink.clone(), disorder).unwrap()).unwrap();
        db.kinesis("orders").enable(STREAM, None).unwrap();
        for batch in 0..3 {
            (0..40).for_each(|n| put(&table, "x", batch * 40 + n));
            settle(&db);
        }
        sink.take().into_iter().filter_map(|(_, _, number)| number).collect::<Vec<_>>()
    };
    let plain: Vec<i64> = (0..120).collect();
    assert_eq!(run(Disorder::default()), plain);
    let doubled = Disorder { duplicates_per_thousand: 300, ..Disorder::default() };
    let (twice, shuffled) = (run(doubled), run(Disorder { shuffle: true, seed: 7, ..Disorder::default() }));
    assert!(twice.len() > 130 && twice.len() < 170, "{} records", twice.len());
    let late = twice.iter().rev().take(60).any(|n| *n < 80);
    assert!(late, "some come again with a later batch");
    assert_ne!(shuffled, plain);
    for mut seen in [twice, shuffled] {
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, plain, "all of them come");
    }
    assert_eq!(run(Disorder { seed: 3, ..doubled }), run(Disorder { seed: 3, ..doubled }));
    let none = Disorder { duplicates_per_thousand: 1_001, ..Disorder::default() };
    assert!(DisorderedSink::new(Sink::default(), none).is_err());
}

/// Kinesis takes 500 records at a time, those that come again included.
#[test]
fn no_more_records_are_put_at_a_time_than_kinesis_takes() {
    let db = options(&Clock::manual(START_MILLIS)).in_memory().unwrap();
    let (table, sizes) = (orders(&db), Arc::new(Mutex::new(Vec::new())));
    let seen = sizes.clone();
    let sink = move |records: &[KinesisRecord]| {
        seen.lock().unwrap().push(records.len());
        if records.len() > 500 { Err("too many records") } else { Ok(()) }
    };
    let disorder = Disorder { shuffle: true, duplicates_per_thousand: 1_000, ..Disorder::default() };
    db.deliver_to_kinesis(DisorderedSink::new(sink, disorder).unwrap()).unwrap();
    db.kinesis("orders").enable(STREAM, None).unwrap();
    (0..600).for_each(|n| put(&table, "x", n));
    settle(&db);
    assert!(db.health().failures.is_empty());
    let sizes = sizes.lock().unwrap();
    assert!(sizes.iter().sum::<usize>() > 1_000 && sizes.iter().max() == Some(&500), "{sizes:?}");
}

/// Records wait for others of their destination, and for nothing else.
#[test]
fn records_are_gathered_before_they_are_shuffled() {
    let clock = Clock::manual(START_MILLIS);
    let db = options(&clock).in_memory().unwrap();
    let table = orders(&db);
    let other = db.create_table("others").hash::<S>("id").create().unwrap();
    let batches = Arc::new(Mutex::new(Vec::new()));
    let sink = batches.clone();
    let sink = move |records: &[KinesisRecord]| {
        let number = |record: &KinesisRecord| record.change.new.as_ref()?.get("n")?.as_i64();
        sink.lock().unwrap().push(records.iter().filter_map(number).collect::<Vec<_>>());
        Ok::<_, String>(())
    };
    let gather = Duration::from_millis(250);
    let disorder = Disorder { shuffle: true, gather, seed: 1, ..Disorder::default() };
    db.deliver_to_kinesis(DisorderedSink::new(sink, disorder).unwrap()).unwrap();
    db.kinesis("orders").enable(STREAM, None).unwrap();
    db.kinesis("others").enable(OTHER, None).unwrap();
    let later = |millis| {
        clock.advance(Duration::from_millis(millis));
        settle(&db);
        std::mem::take(&mut *batches.lock().unwrap())
    };
    put(&other, "y", 100);
    assert_eq!(later(0), Vec::<Vec<i64>>::new());
    clock.advance(Duration::from_millis(100));
    for n in 0..8 {
        put(&table, "x", n);
        assert_eq!(later(1), Vec::<Vec<i64>>::new(), "they wait for others");
    }
    assert_eq!(later(142), [[100]], "another destination has its own time");
    let gathered = later(101);
    assert_eq!(gathered.len(), 1, "{gathered:?}");
    assert!(!gathered[0].is_sorted(), "those of one item come in any order: {gathered:?}");
    assert_eq!(gathered[0].iter().sum::<i64>(), 28);
    put(&table, "x", 8);
    assert_eq!((later(0).len(), later(250)), (0, vec![vec![8]]));
}

#[test]
fn a_database_is_closed_while_records_are_gathered() {
    let db = Database::in_memory().unwrap();
    let (table, sink) = (orders(&db), Sink::default());
    let disorder = Disorder { gather: Duration::from_secs(60), ..Disorder::default() };
    db.deliver_to_kinesis(DisorderedSink::new(sink.clone(), disorder).unwrap()).unwrap();
    db.kinesis("orders").enable(STREAM, None).unwrap();
    put(&table, "a", 1);
    std::thread::sleep(Duration::from_millis(100)); // it is found, and waits for others
    let (closed, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || closed.send(db.close().is_ok()));
    assert_eq!(wait.recv_timeout(Duration::from_secs(30)), Ok(true), "it waits for no gathering");
    assert!(sink.take().is_empty());
}

#[test]
fn destinations_have_the_service_s_metrics() {
    let clock = Clock::manual(START_MILLIS);
    let (db, table, _sink) = new(&clock);
    db.kinesis("orders").enable(STREAM, None).unwrap();
    put(&table, "x", 1);
    let large = Item::new().with("id", "y").with("text", "-".repeat(3_000));
    table.put(&large).unwrap();
    clock.advance(Duration::from_secs(2));
    settle(&db);
    let metrics = db.kinesis_metrics();
    let sum = |name: &str| {
        let found = metrics.iter().find(|series| series.name == name).unwrap();
        assert_eq!(found.dimensions[1], ("TableName", "orders".to_owned()));
        (found.points[0].sum, found.points[0].maximum)
    };
    assert_eq!(sum("ConsumedChangeDataCaptureUnits"), (4.0, 3.0), "one for each KB");
    assert_eq!(sum("AgeOfOldestUnreplicatedRecord").1, 2_000.0);
}
