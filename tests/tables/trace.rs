//! Requests are recorded, and replayed on the model of capacity against other designs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, Durability, Item,
    admin::index,
    capacity::CapacityModel,
    key::S,
    trace::{Access, Designs, RecordOptions, Recorder, ReplayReport, TraceReader, replay},
};
use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

/// Bytes that a test and a recorder share.
#[derive(Clone, Default)]
struct Bytes(Arc<Mutex<Vec<u8>>>);

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Bytes {
    fn get(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

/// A trace of so many tenths of a second. One customer has 1,500 puts a second and others have 20; there is an index by day.
fn hot_customer(tenths: usize, options: RecordOptions) -> Vec<u8> {
    let (bytes, clock) = (Bytes::default(), Clock::manual(1_800_000_000_000));
    let recorder = Arc::new(Recorder::new(bytes.clone(), clock.clone(), options).unwrap());
    let db = Database::options().clock(clock.clone()).hook(recorder.clone()).durability(Durability::Buffered);
    let db = db.background(false).in_memory().unwrap();
    let by_day = index("by_day").hash::<S>("day");
    let orders = db.create_table("orders").hash::<S>("customer").range::<S>("order").gsi(by_day).create().unwrap();
    for part in 0..tenths {
        for at in 0..152 {
            let customer = if at < 150 { "hot".to_owned() } else { format!("c{at}") };
            let item = Item::new().with("customer", customer).with("order", format!("{part:03}{at:03}"));
            orders.put(&item.with("day", "monday").with("status", format!("s{}", at % 3))).unwrap();
        }
        orders.query("hot").limit(1).page().unwrap();
        clock.advance(Duration::from_millis(100));
    }
    recorder.finish().unwrap();
    bytes.get()
}

fn replayed(trace: &[u8], designs: &str) -> ReplayReport {
    replay(trace, &Designs::from_json(designs).unwrap(), &CapacityModel::service()).unwrap()
}

#[test]
fn a_hot_key_is_found_and_other_designs_are_compared() {
    let trace = hot_customer(100, RecordOptions::default());
    let designs = r#"{"retries": {"attempts": 1}, "designs": [
        {"name": "as recorded"},
        {"name": "without the index", "tables": {"orders": {"drop_indexes": ["by_day"]}}},
        {"name": "sharded", "tables": {"orders": {"partition_key": "{customer}#{shard:8}", "drop_indexes": ["by_day"]}}},
        {"name": "provisioned", "tables": {"orders": {"billing": {"provisioned": {"read": 100, "write": 100}}, "drop_indexes": ["by_day"]}}}
    ]}"#;
    let report = replayed(&trace, designs);
    assert_eq!((report.accesses, report.millis, report.is_cut_off), (15_300, 9_900, false));
    let [recorded, without, sharded, provisioned] = &report.designs[..] else { panic!("{report:?}") };
    assert!(recorded.throttled > 3_000, "monday takes 1,520 units a second of a partition: {recorded:?}");
    assert!(without.throttled > 3_000, "and so does the customer: {without:?}");
    assert_eq!((without.hot_keys[0].key.as_str(), without.hot_keys[0].error), ("hot", 0.0));
    assert_eq!((sharded.throttled, sharded.failed), (0, 0), "{sharded:?}");
    assert_eq!(sharded.accesses, 15_200 + 100 * 8, "a query reads each shard");
    assert_eq!(sharded.write_units(), 15_200.0);
    assert!(provisioned.throttled > 13_000 && provisioned.resources[0].provisioned == Some((100, 100)));
    assert_eq!(report, replayed(&trace, designs), "nothing is left to chance");
}

#[test]
fn attempts_again_take_time_and_indexes_cost_units() {
    let mut options = RecordOptions::default();
    options.attributes.push("status".to_owned());
    let trace = hot_customer(100, options);
    let report = replayed(
        &trace,
        r#"{"designs": [
        {"name": "patient", "tables": {"orders": {"drop_indexes": ["by_day"]}}},
        {"name": "by status", "tables": {"orders": {"drop_indexes": ["by_day"], "add_indexes": {
            "by_status": {"partition_key": "{status}#{order%64}", "entry_bytes": 2000}}}}}
    ]}"#,
    );
    let [patient, by_status] = &report.designs[..] else { panic!("{report:?}") };
    assert!(patient.p99_millis > 2_000 && patient.p50_millis < patient.p99_millis, "{patient:?}");
    assert!(patient.failed < patient.throttled);
    let index = &by_status.resources[1];
    assert_eq!((index.index.as_deref(), index.table.as_str()), (Some("by_status"), "orders"));
    assert_eq!(index.write_units, 2.0 * (15_200.0 - by_status.failed as f64), "{index:?}");
}

/// A table that is changed goes on as it was: its debt, its cuts, and what it was asked for.
#[test]
fn a_table_that_is_changed_stays_the_same_table() {
    let (bytes, clock) = (Bytes::default(), Clock::manual(1_800_000_000_000));
    let recorder = Arc::new(Recorder::new(bytes.clone(), clock.clone(), RecordOptions::default()).unwrap());
    let db = Database::options().clock(clock.clone()).hook(recorder.clone()).durability(Durability::Buffered);
    let db = db.background(false).in_memory().unwrap();
    let stock = db.create_table("stock").hash::<S>("sku").provisioned(10, 10).create().unwrap();
    for step in 0..40 {
        stock.put(&Item::new().with("sku", "bolt")).unwrap();
        let units = hashrange::schema::ProvisionedThroughput { read_units_per_sec: 10, write_units_per_sec: 11 + step };
        let update = hashrange::admin::TableUpdate { throughput: Some(units), ..Default::default() };
        db.update_table("stock", update).unwrap();
    }
    recorder.finish().unwrap();
    let report = replayed(&bytes.get(), r#"{"retries": {"attempts": 1}, "designs": [{"name": "as recorded"}]}"#);
    let design = &report.designs[0];
    // All in one moment: the ten units of the first second, and nothing anew with each change.
    assert_eq!((design.accesses, design.throttled), (40, 30), "{design:?}");
    assert_eq!((design.resources.len(), design.resources[0].provisioned), (1, Some((10, 49))));
    assert_eq!((design.hot_keys.len(), design.hot_keys[0].units), (1, 10.0));
}

/// A table with other keys is another table, also where it has the name of one that was deleted.
#[test]
fn a_table_with_other_keys_begins_anew() {
    let (bytes, clock) = (Bytes::default(), Clock::manual(1_800_000_000_000));
    let recorder = Arc::new(Recorder::new(bytes.clone(), clock.clone(), RecordOptions::default()).unwrap());
    let db = Database::options().clock(clock.clone()).hook(recorder.clone()).durability(Durability::Buffered);
    let db = db.background(false).in_memory().unwrap();
    for key in ["sku", "id"] {
        let stock = db.create_table("stock").hash::<S>(key).provisioned(10, 10).create().unwrap();
        for _ in 0..20 {
            stock.put(&Item::new().with(key, "bolt")).unwrap();
        }
        db.delete_table("stock").unwrap();
    }
    recorder.finish().unwrap();
    let report = replayed(&bytes.get(), r#"{"retries": {"attempts": 1}, "designs": [{"name": "as recorded"}]}"#);
    let design = &report.designs[0];
    assert_eq!((design.accesses, design.throttled, design.resources.len()), (40, 20, 2), "{design:?}");
}

/// Items of one collection stay together where there is a local index, however hot the collection is.
#[test]
fn a_collection_with_a_local_index_is_not_cut() {
    let partitions = |has_local_index: bool| {
        let (bytes, clock) = (Bytes::default(), Clock::manual(1_800_000_000_000));
        let recorder = Arc::new(Recorder::new(bytes.clone(), clock.clone(), RecordOptions::default()).unwrap());
        let db = Database::options().clock(clock.clone()).hook(recorder.clone()).durability(Durability::Buffered);
        let db = db.background(false).in_memory().unwrap();
        let table = db.create_table("orders").hash::<S>("customer").range::<S>("order");
        let table = if has_local_index { table.lsi(index("by_day").range::<S>("day")) } else { table };
        let table = table.create().unwrap();
        let text = "x".repeat(395 << 10);
        for at in 0..1_500 {
            let item = Item::new().with("customer", "hot").with("order", format!("{:03}", at % 13));
            table.put(&item.with("text", text.as_str())).unwrap();
            clock.advance(Duration::from_millis(320));
        }
        recorder.finish().unwrap();
        let report = replayed(&bytes.get(), r#"{"retries": {"attempts": 1}, "designs": [{"name": "as recorded"}]}"#);
        report.designs[0].resources[0].partitions
    };
    assert_eq!(partitions(true), 4);
    assert!(partitions(false) > 4);
}

#[test]
fn a_trace_of_a_crash_is_read_up_to_its_last_whole_block() {
    let trace = hot_customer(30, RecordOptions::default());
    let count = |trace: &[u8]| {
        let (mut reader, mut access, mut count) = (TraceReader::new(trace).unwrap(), Access::default(), 0);
        while reader.read(&mut access).unwrap() {
            count += 1;
        }
        (count, reader.is_cut_off())
    };
    assert_eq!(count(&trace), (4_590, false));
    let mut last = 0;
    for length in [8, 9, 100, trace.len() / 2, trace.len() - 1] {
        let (some, is_cut_off) = count(&trace[..length]);
        assert!(some >= last && some < 4_590 && (is_cut_off || length == 8), "{length}: {some}");
        last = some;
    }
    assert!(last > 3_000);
    // Damage ends the trace, wherever it is; nothing panics.
    for at in (8..trace.len()).step_by(331) {
        let mut damaged = trace.clone();
        damaged[at] ^= 0x40;
        assert!(count(&damaged).1, "{at}");
    }
    assert!(TraceReader::new(b"hrtrace2".as_slice()).is_err() && TraceReader::new(b"hr".as_slice()).is_err());
}

#[test]
fn keys_can_be_hashed_and_traces_are_bounded() {
    let options = || RecordOptions { hash_secret: Some([7; 16]), ..RecordOptions::default() };
    let trace = hot_customer(50, options());
    let contains = |text: &[u8]| trace.windows(text.len()).any(|window| window == text);
    assert!(!contains(b"monday") && !contains(b"hot") && contains(b"orders"), "names stay, values do not");
    let report = replayed(
        &trace,
        r#"{"designs": [
        {"name": "a", "tables": {"orders": {"drop_indexes": ["by_day"]}}},
        {"name": "b", "tables": {"orders": {"drop_indexes": ["by_day"], "partition_key": "{customer}/{shard:4}"}}}]}"#,
    );
    assert!(report.designs[1].throttled < report.designs[0].throttled);
    let bounded = hot_customer(50, RecordOptions { max_bytes: 100_000, ..options() });
    assert!(bounded.len() < 200_000 && trace.len() > 300_000, "{} {}", bounded.len(), trace.len());
}

#[test]
fn designs_are_refused_by_their_field() {
    for (json, place) in [
        ("{}", "designs: missing field `designs`"),
        (r#"{"designs": [{}]}"#, "designs[0]: missing field `name`"),
        (r#"{"designs": [], "retries": {"attempts": 0}}"#, "retries.attempts: "),
        (
            r#"{"designs": [{"name": "a", "tables": {"t": {"partition_key": "{x"}}}]}"#,
            "designs[0].tables.t.partition_key: ",
        ),
        (
            r#"{"designs": [{"name": "a", "tables": {"t": {"billing": {"provisioned": {"read": 0, "write": 1}}}}}]}"#,
            "designs[0].tables.t.billing.provisioned.read: ",
        ),
        (
            r#"{"designs": [{"name": "a", "tables": {"t": {"add_indexes": {"i": {"partition_key": ""}}}}}]}"#,
            "designs[0].tables.t.add_indexes.i.partition_key: ",
        ),
        (r#"{"designs": [{"name": "a", "tables": {"t": {"bill": 1}}}]}"#, "designs[0]: unknown field `bill`"),
    ] {
        let error = Designs::from_json(json).unwrap_err();
        assert!(error.message().starts_with(place), "{json}: {error}");
    }
}
