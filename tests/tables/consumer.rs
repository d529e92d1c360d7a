//! Consumers of change streams: order, checkpoints, leases, exactly once, and what happens to records that fail.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, Durability, ErrorKind, Item, Table,
    admin::TableUpdate,
    attr,
    error::Detail,
    key::S,
    schema::StreamView,
    streams::{ChangeEvent, ChangeRecord, Consumer},
    testing::SimulatedDisk,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

const START_MILLIS: u64 = 1_795_000_000_000;
const NO_WAIT: Duration = Duration::ZERO;
const MOMENT: Duration = Duration::from_millis(30);

fn options(clock: &Clock) -> hashrange::OpenOptions {
    Database::options().clock(clock.clone()).seed(1).background(false).initial_partitions(3)
}

fn orders(db: &Database) -> Table<S> {
    db.create_table("orders").hash::<S>("id").stream(StreamView::NewAndOld).open_or_create().unwrap()
}

fn put(table: &Table<S>, id: u64, n: u64) {
    let item = Item::new().with("id", format!("o{id}")).with("n", n).with("group", format!("g{}", id % 5));
    table.put_with(&item).durability(Durability::Buffered).send().unwrap();
}

fn number(record: &ChangeRecord) -> u64 {
    record.new.as_ref().and_then(|item| item.get("n")?.as_u64()).unwrap()
}

#[test]
fn a_consumer_goes_on_where_it_acknowledged() {
    let clock = Clock::manual(START_MILLIS);
    let disk = SimulatedDisk::new(1);
    let db = options(&clock).open_on(Arc::new(disk.clone())).unwrap();
    let table = orders(&db);
    for n in 0..30 {
        put(&table, n % 7, n);
    }
    let mut seen = BTreeSet::new();
    for delivery in table.stream().unwrap().checkpoint("mailer").follow(NO_WAIT) {
        let delivery = delivery.unwrap();
        if seen.len() == 12 {
            break;
        }
        assert!(seen.insert(number(&delivery)));
        delivery.ack().unwrap();
    }
    assert_eq!(db.list_tables(), ["orders"]);
    drop((table, db));
    let db = options(&clock).open_on(Arc::new(disk.clone())).unwrap();
    let table = orders(&db);
    let follow = |name: &str| {
        let deliveries = table.stream().unwrap().checkpoint(name).follow(NO_WAIT);
        deliveries.map(|delivery| delivery.and_then(|d| d.ack().map(|()| number(&d))).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(follow("mailer").len(), 18, "what was delivered but not acknowledged comes again");
    assert!(follow("mailer").is_empty());
    put(&table, 1, 100);
    assert_eq!(follow("mailer"), [100]);
    assert_eq!(follow("other").len(), 31, "consumers of other names have positions of their own");
    let late = table.stream().unwrap().checkpoint("late").from_latest();
    assert_eq!(late.follow(NO_WAIT).count(), 0);
    put(&table, 2, 101);
    assert_eq!(follow("late"), [101]);
}

#[test]
fn order_holds_through_splits_and_rolls_whoever_reads() {
    let clock = Clock::manual(START_MILLIS);
    let db = options(&clock).initial_partitions(1).memtable_bytes(24 << 10).split_bytes(3 << 10).in_memory().unwrap();
    let table = orders(&db);
    let worker = |_| table.stream().unwrap().checkpoint("view").batch_records(7);
    let mut workers: Vec<_> = (0..3).map(worker).collect();
    let mut latest: BTreeMap<String, u64> = BTreeMap::new();
    let mut count = 0;
    let mut take = |records: &[ChangeRecord]| -> Result<(), String> {
        for record in records {
            let key = record.keys()["id"].as_str().unwrap().to_owned();
            let before = latest.insert(key, number(record));
            assert_eq!(before, record.old.as_ref().map(|old| old.get("n").unwrap().as_u64().unwrap()), "in order");
            count += 1;
        }
        Ok(())
    };
    for n in 0..3000u64 {
        put(&table, n * 7919 % 97, n);
        match n % 100 {
            10 => db.flush().unwrap(),
            20 => db.compact().unwrap(),
            30 if n > 1500 => {
                // Workers that live through an hour in one moment lose their leases, and what they were at comes again.
                workers.clear();
                clock.advance(Duration::from_secs(3600));
                workers.extend((0..3).map(worker));
            }
            31 => while db.step().unwrap() != hashrange::inspect::Work::Idle {},
            _ => {}
        }
        let worker = usize::try_from(n).unwrap() % workers.len();
        workers[worker].process(NO_WAIT, &mut take).unwrap();
    }
    let shards = db.list_streams(None)[0].shards.len();
    assert!(shards > 8, "{shards} shards");
    let mut silent = 0;
    while silent < 20 {
        let read: usize = workers.iter_mut().map(|worker| worker.process(MOMENT, &mut take).unwrap()).sum();
        silent = if read == 0 { silent + 1 } else { 0 };
    }
    assert_eq!(count, 3000, "every record once");
    assert_eq!(latest.len(), 97);
}

/// Sums of `n` by group, kept by a consumer in the transaction that acknowledges.
fn keep_view(db: &Database, most: usize) -> hashrange::Result<usize> {
    let (orders, sums) = (orders(db), db.create_table("sums").hash::<S>("group").open_or_create()?);
    let mut done = 0;
    let mut consumer = orders.stream()?.checkpoint("sums").batch_records(3);
    while done < most
        && let Some(batch) = consumer.next_batch(NO_WAIT)?
    {
        let mut changes: BTreeMap<String, i64> = BTreeMap::new();
        for record in batch.records() {
            for (image, sign) in [(&record.old, -1), (&record.new, 1)] {
                if let Some(item) = image {
                    let group = item.get("group").unwrap().as_str().unwrap().to_owned();
                    *changes.entry(group).or_default() += sign * item.get("n").unwrap().as_i64().unwrap();
                }
            }
        }
        let mut transaction = db.transact_write();
        for (group, change) in &changes {
            transaction = transaction.update(&sums, group.as_str(), |update| update.add("sum", *change));
        }
        batch.ack_in(transaction)?.send()?;
        done += 1;
    }
    Ok(done)
}

#[test]
fn a_view_equals_its_base_after_a_hundred_kills() {
    let clock = Clock::manual(START_MILLIS);
    let mut disk = SimulatedDisk::new(11);
    let mut n = 0;
    for kill in 0..100u64 {
        let db = options(&clock).memtable_bytes(64 << 10).open_on(Arc::new(disk.clone())).unwrap();
        let table = orders(&db);
        for _ in 0..20 {
            n += 1;
            put(&table, n * 31 % 40, n);
            if n % 9 == 0 {
                table.delete_with(format!("o{}", n % 40)).durability(Durability::Buffered).send().unwrap();
            }
        }
        if kill % 10 == 0 {
            db.flush().unwrap();
        }
        // The process dies at some operation of the consumer; every other time the whole machine does.
        disk.crash_at(disk.operations() + 1 + kill % 13);
        let _ = keep_view(&db, 10);
        let after = if kill % 2 == 0 { disk.crash(kill) } else { disk.crash(u64::MAX - kill) };
        drop((table, db));
        disk = after;
    }
    let db = options(&clock).open_on(Arc::new(disk)).unwrap();
    while keep_view(&db, usize::MAX).unwrap() > 0 {}
    let mut expected: BTreeMap<String, i64> = BTreeMap::new();
    for item in orders(&db).scan().items() {
        let item = item.unwrap();
        let group = item.get("group").unwrap().as_str().unwrap().to_owned();
        *expected.entry(group).or_default() += item.get("n").unwrap().as_i64().unwrap();
    }
    assert!(!expected.is_empty());
    for item in db.table::<S>("sums").unwrap().scan().items() {
        let item = item.unwrap();
        let group = item.get("group").unwrap().as_str().unwrap();
        assert_eq!(item.get("sum").unwrap().as_i64(), Some(expected.get(group).copied().unwrap_or(0)), "{group}");
    }
}

#[test]
fn what_fails_is_tried_again_then_halved_then_put_aside() {
    let clock = Clock::manual(START_MILLIS);
    let db = options(&clock).initial_partitions(1).in_memory().unwrap();
    let table = orders(&db);
    db.create_table("letters").hash::<S>("id").create().unwrap();
    for n in 0..20 {
        put(&table, n, n);
    }
    let mut stuck = table.stream().unwrap().checkpoint("stuck").retries(0);
    let mut handled = BTreeSet::new();
    let mut refuse_13 = |records: &[ChangeRecord]| {
        if records.iter().any(|record| number(record) == 13) {
            return Err("thirteen");
        }
        handled.extend(records.iter().map(number));
        Ok(())
    };
    for _ in 0..3 {
        let error = stuck.process(NO_WAIT, &mut refuse_13).unwrap_err();
        assert!(error.message().contains("thirteen"), "{error}");
        let Some(Detail::Unprocessed { sequence, failure }) = error.detail() else { panic!("{error:?}") };
        assert_eq!((sequence.len(), failure.as_str()), (25, "thirteen"));
    }
    assert_eq!(handled, (0..13).collect(), "it stops at the record that fails");
    drop(stuck);
    let letters = db.dynamic_table("letters").unwrap();
    let mut tries = 0;
    let mut handled = Vec::new();
    let mut consumer = table.stream().unwrap().checkpoint("all").retries(1).dead_letters(letters.clone());
    let done = consumer
        .process(NO_WAIT, |records| {
            tries += 1;
            if records.iter().any(|record| number(record) == 13) {
                return Err("thirteen");
            }
            handled.extend(records.iter().map(number));
            Ok(())
        })
        .unwrap();
    assert_eq!((done, handled.len()), (20, 19));
    assert!(tries > 8, "each part was tried twice");
    let letter = letters.scan().items().next().unwrap().unwrap();
    assert_eq!(letter.get("failure").unwrap().as_str(), Some("thirteen"));
    assert_eq!(letter.path("NewImage.n").unwrap().as_u64(), Some(13));
    assert_eq!(consumer.process(NO_WAIT, |_| Err("nothing is left")).unwrap(), 0);
}

/// Two images together are larger than an item may be, or nested deeper: the letter then has no images.
#[test]
fn a_record_that_is_too_large_is_put_aside_without_its_images() {
    let db = Database::options().background(false).initial_partitions(1).in_memory().unwrap();
    db.create_table("letters").hash::<S>("id").create().unwrap();
    let (table, letters) = (orders(&db), db.dynamic_table("letters").unwrap());
    let large = |n: u64| Item::new().with("id", "o1").with("n", n).with("text", "x".repeat(250 << 10));
    table.put(&large(1)).unwrap();
    table.put(&large(2)).unwrap();
    let deep = (0..31).fold(Item::new().with("leaf", 1), |item, _| Item::new().with("m", item));
    table.put(&deep.with("id", "o2").with("n", 3)).unwrap();
    let mut consumer = table.stream().unwrap().checkpoint("all").retries(0).dead_letters(letters.clone());
    while consumer.process(NO_WAIT, |_| Err("no")).unwrap() > 0 {}
    let letters: Vec<Item> = letters.scan().items().map(|letter| letter.unwrap().to_item()).collect();
    assert_eq!(letters.len(), 3);
    let truncated = letters.iter().filter(|letter| letter.get("truncated").is_some());
    let keys: BTreeSet<_> =
        truncated.map(|letter| letter.path("Keys.id").unwrap().as_str().unwrap().to_owned()).collect();
    assert_eq!(keys.len(), 2);
    assert!(letters.iter().all(|letter| letter.get("failure").unwrap().as_str() == Some("no")));
}

/// A filter that panics is a failure of its trigger, which tries again, also where the stream has ended behind the record.
#[test]
fn a_filter_that_panics_does_not_end_its_trigger() {
    for is_ended in [false, true] {
        let clock = Clock::manual(START_MILLIS);
        let db = options(&clock).in_memory().unwrap();
        let table = orders(&db);
        let (seen, mut panics) = (Arc::new(AtomicUsize::new(0)), 2);
        let filter = move |_: &ChangeRecord| {
            panics -= 1;
            if panics >= 0 {
                std::panic::resume_unwind(Box::new("a bug of the filter"))
            }
            true
        };
        let filter = std::sync::Mutex::new(filter);
        let consumer = table.stream().unwrap().checkpoint("all").filter(move |record| {
            let mut filter = filter.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            filter(record)
        });
        let count = seen.clone();
        let counting = move |records: &[ChangeRecord]| {
            count.fetch_add(records.len(), Ordering::Relaxed);
            Ok::<_, String>(())
        };
        db.on_change(consumer, counting).unwrap();
        put(&table, 1, 1);
        if is_ended {
            db.update_table("orders", TableUpdate { stream: Some(None), ..TableUpdate::default() }).unwrap();
        }
        for failures in 1..=2 {
            let error = loop {
                match db.step() {
                    Ok(hashrange::inspect::Work::Idle) => panic!("the record was left out"),
                    Ok(_) => {}
                    Err(error) => break error,
                }
            };
            assert!(error.message().contains("filter panicked: a bug of the filter"), "{error}");
            let health = db.triggers().remove(0);
            assert_eq!((health.panics, health.failures_in_a_row, health.batches), (failures, failures, 0));
        }
        while db.step().unwrap() != hashrange::inspect::Work::Idle {}
        let health = db.triggers().remove(0);
        assert_eq!((health.failures_in_a_row, health.batches), (0, 1));
        assert_eq!(seen.load(Ordering::Relaxed), 1, "the record comes again");
    }
}

/// What looks on does not end what it looks at.
#[test]
fn an_observer_that_panics_loses_the_event_alone() {
    let seen = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let count = seen.clone();
    let db = Database::options().background(false).observer(move |_| {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        std::panic::resume_unwind(Box::new("a bug of the observer"))
    });
    let db = db.in_memory().unwrap();
    let table = orders(&db);
    for n in 0..3 {
        put(&table, n, n);
        db.flush().unwrap();
    }
    assert!(seen.load(std::sync::atomic::Ordering::Relaxed) >= 3);
    assert_eq!(table.get("o2").unwrap().unwrap().get("n").unwrap().as_u64(), Some(2));
}

#[test]
fn filters_and_windows_make_batches() {
    let db = Database::options().background(false).initial_partitions(1).in_memory().unwrap();
    let table = orders(&db);
    for n in 0..500 {
        put(&table, n, n);
    }
    let stream = table.stream().unwrap();
    let mut even = stream.checkpoint("even").batch_records(10).filter(|record| number(record).is_multiple_of(100));
    let mut found = Vec::new();
    while even
        .process(NO_WAIT, |r| -> Result<(), String> {
            found.extend(r.iter().map(number));
            Ok(())
        })
        .unwrap()
        > 0
    {}
    assert_eq!(found, [0, 100, 200, 300, 400]);
    let described = attr("NewImage.n").ge(495) & attr("eventName").eq("INSERT") & attr("OldImage").not_exists();
    let last = stream.checkpoint("last").filter_expression(described).filter(|record| number(record) != 497);
    let found: Vec<u64> = last.records(NO_WAIT).map(|record| number(&record.unwrap())).collect();
    assert_eq!(found, [495, 496, 498, 499]);
    let faulty = stream.checkpoint("faulty").filter_expression(attr("a..b").exists()).next_batch(NO_WAIT);
    assert_eq!(faulty.unwrap_err().kind(), ErrorKind::Validation);
    let mut windowed = stream.checkpoint("windowed").from_latest().window(Duration::from_secs(5)).batch_records(20);
    assert!(windowed.next_batch(NO_WAIT).unwrap().is_none());
    let writer = std::thread::spawn(move || {
        for n in 0..20 {
            put(&table, n, 1000 + n);
            std::thread::sleep(Duration::from_millis(2));
        }
    });
    let batch = windowed.next_batch(Duration::from_secs(10)).unwrap().unwrap();
    assert_eq!(batch.records().len(), 20);
    assert!(batch.records().iter().all(|record| record.event == ChangeEvent::Modify));
    writer.join().unwrap();
}

#[test]
fn another_worker_takes_over_when_a_lease_ends() {
    let clock = Clock::manual(START_MILLIS);
    let db = options(&clock).initial_partitions(1).in_memory().unwrap();
    let table = orders(&db);
    put(&table, 1, 1);
    let mut first = table.stream().unwrap().checkpoint("shared");
    let batch = first.next_batch(NO_WAIT).unwrap().unwrap();
    let mut second = table.stream().unwrap().checkpoint("shared");
    assert!(second.next_batch(NO_WAIT).unwrap().is_none(), "the first one has the shard");
    clock.advance(Duration::from_secs(31));
    assert_eq!(second.next_batch(Duration::from_secs(5)).unwrap().unwrap().records().len(), 1);
    let lost = batch.ack().unwrap_err();
    assert_eq!((lost.kind(), lost.is_retryable()), (ErrorKind::Expired, false), "the lease is lost for good: {lost}");
    let lost = batch.ack_in(db.transact_write()).unwrap().send();
    assert!(lost.is_err());
}

#[test]
fn a_worker_that_comes_late_gets_its_share() {
    let clock = Clock::manual(START_MILLIS);
    let db = options(&clock).initial_partitions(4).in_memory().unwrap();
    let table = orders(&db);
    let worker = || table.stream().unwrap().checkpoint("shared").batch_records(10);
    let (mut first, mut second) = (worker(), worker());
    let (mut by_first, mut by_second, mut n) = (0, 0, 0);
    let mut round = |second: Option<&mut Consumer>| {
        (0..20).for_each(|k| put(&table, k, n * 20 + k));
        n += 1;
        by_first += first.process(NO_WAIT, |_| Ok::<_, String>(())).unwrap();
        by_second += second.map_or(0, |worker| worker.process(NO_WAIT, |_| Ok::<_, String>(())).unwrap());
        std::thread::sleep(Duration::from_millis(1));
        (by_first, by_second)
    };
    for _ in 0..10 {
        round(None);
    }
    // The first one has all four shards, and something to do in each of them all the time.
    let shared = (0..5000).map(|_| round(Some(&mut second))).any(|(_, by_second)| by_second > 100);
    assert!(shared, "the second worker read nothing");
    drop(second);
    let (alone, _) = round(None);
    let took_over = (0..5000).map(|_| round(None)).any(|(by_first, _)| by_first > alone + 200);
    assert!(took_over);
}

#[test]
fn triggers_run_by_step_and_on_threads() {
    for background in [false, true] {
        let db = Database::options().background(background).in_memory().unwrap();
        let table = orders(&db);
        let copies = db.create_table("copies").hash::<S>("id").create().unwrap();
        let target = copies.clone();
        let copy = move |records: &[ChangeRecord]| {
            records
                .iter()
                .filter_map(|record| record.new.as_ref())
                .try_for_each(|new| target.put(&new.to_item()).map(drop))
        };
        db.on_change(table.stream().unwrap().checkpoint("copy"), copy).unwrap();
        for n in 0..50 {
            put(&table, n, n);
        }
        if !background {
            while db.step().unwrap() != hashrange::inspect::Work::Idle {}
            assert_eq!(copies.scan().items().count(), 50);
        }
        for _ in 0..500 {
            if copies.scan().items().count() == 50 {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(copies.scan().items().count(), 50);
    }
}

#[test]
fn streams_work_on_a_disk_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::open(folder.path()).unwrap();
    let table = orders(&db);
    let consumer = table.stream().unwrap().checkpoint("live");
    let reader = std::thread::spawn(move || {
        let mut sum = 0;
        for delivery in consumer.follow(Duration::from_millis(500)) {
            let delivery = delivery.unwrap();
            sum += number(&delivery);
            delivery.ack().unwrap();
        }
        sum
    });
    for n in 1..=200 {
        put(&table, n, n);
    }
    assert_eq!(reader.join().unwrap(), 200 * 201 / 2);
}
