//! Throughput as the service admits it: which requests are rejected, why, and what they pay, under a clock that the test
//! moves. How buckets, partitions and growth behave by themselves is tested beside the model.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod changes;
mod payers;

use hashrange::{
    Clock, Database, Error, ErrorKind, Item, Table,
    admin::{TableSpec, TableUpdate, index},
    attr,
    capacity::{AdmissionRule, CapacityModel, HeatModel, Quotas},
    key::{KeyType, N, S},
    schema::{KeyAttribute, KeySchema, StreamView, TableSettings, UnitPair},
};
use std::time::Duration;

const PROVISIONED_TABLE: &str = "The level of configured provisioned throughput for the table was exceeded. Consider \
                                 increasing your provisioning level with the UpdateTable API.";

/// A database whose clock stands until a test moves it.
struct World {
    db: Database,
    clock: Clock,
}

impl World {
    fn new(model: CapacityModel) -> Self {
        let clock = Clock::manual(1_800_000_000_000);
        let db = Database::options().clock(clock.clone()).capacity(model).background(false).in_memory().unwrap();
        Self { db, clock }
    }
    fn service() -> Self {
        Self::new(CapacityModel::service())
    }
    fn advance(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }
    fn provisioned(&self, name: &str, reads: u64, writes: u64) -> Table<S> {
        self.db.create_table(name).hash::<S>("pk").provisioned(reads, writes).create().unwrap()
    }
    fn left(&self, table: &str) -> (f64, f64) {
        let report = self.db.throughput(table).unwrap().unwrap();
        (report.resources[0].reads.units_left.unwrap(), report.resources[0].writes.units_left.unwrap())
    }
}

fn item(pk: &str) -> Item {
    Item::new().with("pk", pk)
}

/// An item that costs so many write units.
fn large(pk: &str, kilobytes: usize) -> Item {
    item(pk).with("v", "x".repeat(kilobytes * 1024 - 20))
}

fn reads(table: &Table<S>, key: &str) -> Result<(), Error> {
    table.get_with(key).consistent(true).send().map(drop)
}

/// How an error is told, and its reasons as `name table index`.
fn told(error: &Error) -> (&'static str, Vec<String>) {
    assert_eq!(error.kind(), ErrorKind::Throttled, "{error}");
    assert!(error.is_retryable());
    let reasons = error.throttling_reasons().iter();
    let reasons = reasons.map(|why| format!("{} {} {}", why.name(), why.table, why.index.as_deref().unwrap_or("-")));
    (error.code(), reasons.collect())
}

fn throttled<T>(result: Result<T, Error>) -> (&'static str, Vec<String>) {
    told(&result.map(drop).unwrap_err())
}

fn pte(reason: &str) -> (&'static str, Vec<String>) {
    ("ProvisionedThroughputExceededException", vec![reason.to_owned()])
}

#[test]
fn reads_beyond_the_table_are_rejected_and_refilled() {
    let world = World::service();
    let table = world.provisioned("ttt", 10, 10);
    (0..10).for_each(|_| reads(&table, "a").unwrap());
    let error = reads(&table, "a").unwrap_err();
    assert_eq!(told(&error), pte("TableReadProvisionedThroughputExceeded ttt -"));
    assert_eq!(error.message(), PROVISIONED_TABLE);
    world.advance(100);
    reads(&table, "a").unwrap();
    assert!(reads(&table, "a").is_err());
    table.put(&item("a")).unwrap();

    let slow = world.provisioned("slow", 1, 1);
    slow.get("a").unwrap();
    slow.get("a").unwrap();
    assert!(slow.get("a").is_err(), "two eventually consistent reads are one unit");
}

#[test]
fn a_page_costs_what_it_evaluated_into_debt() {
    let world = World::service();
    let table = world.db.create_table("ttt").hash::<S>("pk").range::<N>("sk").provisioned(5, 40_000);
    let table = table.create().unwrap();
    for sk in 0..11 {
        table.put(&large("a", 100).with("sk", sk)).unwrap();
        world.advance(100);
    }
    for _ in 0..4 {
        table.get_with(("b", 1)).consistent(true).send().unwrap();
    }
    let before = world.left("ttt").0;
    let page = table.query("a").consistent(true).page().unwrap();
    let units = page.consumed.total();
    assert!((250.0..=276.0).contains(&units), "{units}");
    assert_eq!(world.left("ttt").0, before - units);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some seconds")]
    world.advance(((units - before) * 200.0) as u64);
    assert_eq!(throttled(table.query("a").page()), pte("TableReadProvisionedThroughputExceeded ttt -"));
    world.advance(200);
    table.get(("a", 1)).unwrap();
}

#[test]
fn transactions_ask_for_something_and_pay_twice() {
    let world = World::service();
    let table = world.provisioned("ttt", 1, 1);
    world.db.transact_get().get(&table, "a").send().unwrap();
    assert_eq!(world.left("ttt").0, -1.0);
    world.advance(1_000);
    assert!(reads(&table, "a").is_err());
    world.advance(500);
    reads(&table, "a").unwrap();
}

/// A query of a transaction that runs as a closure asks for throughput, as a get does, and costs as a transaction's read.
#[test]
fn queries_of_a_transaction_are_admitted_and_pay() {
    let world = World::service();
    let table = world.provisioned("ttt", 1, 1);
    let query = || world.db.transaction(|tx| -> Result<usize, Error> { Ok(tx.query(&table, "a", |read| read)?.len()) });
    query().unwrap();
    assert_eq!(world.left("ttt").0, -1.0);
    assert_eq!(throttled(query()), pte("TableReadProvisionedThroughputExceeded ttt -"));
    world.advance(1_001);
    query().unwrap();
}

#[test]
fn one_large_put_is_paid_off_by_seconds() {
    let world = World::service();
    let table = world.provisioned("ttt", 1, 1);
    table.put(&large("a", 400)).unwrap();
    world.advance(399_000);
    assert_eq!(throttled(table.put(&item("b"))), pte("TableWriteProvisionedThroughputExceeded ttt -"));
    world.advance(1);
    table.put(&item("b")).unwrap();
}

#[test]
fn a_failed_condition_pays_and_what_is_wrong_does_not() {
    let world = World::service();
    let table = world.provisioned("ttt", 2, 2);
    table.put(&large("a", 2)).unwrap();
    world.advance(1_000);
    assert!(table.put_with(&item("a")).when(attr("pk").not_exists()).send().unwrap_err().is_condition_failed());
    assert_eq!(world.left("ttt").1, 0.0, "it pays for the item that the condition was tested on");
    let rejected = table.put_with(&item("a")).when(attr("pk").not_exists()).send();
    assert_eq!(throttled(rejected), pte("TableWriteProvisionedThroughputExceeded ttt -"), "and not for its condition");
    assert!(table.update("a").set("v", attr("absent")).send().is_err_and(|error| error.kind() == ErrorKind::Throttled));
    world.advance(1_000);
    let invalid = table.update("a").set("v", attr("absent")).send().unwrap_err();
    assert_eq!(invalid.kind(), ErrorKind::Validation);
    assert_eq!(world.left("ttt").1, 2.0);
    assert!(table.put(&Item::new()).is_err());
    assert_eq!(world.left("ttt").1, 2.0);
}

#[test]
fn a_throttled_write_leaves_nothing() {
    let world = World::service();
    let table = world.db.create_table("ttt").hash::<S>("pk").stream(StreamView::KeysOnly);
    let table = table.provisioned(10, 1).create().unwrap();
    table.put(&item("a")).unwrap();
    assert!(table.put(&item("b")).is_err());
    assert!(table.get("b").unwrap().is_none());
    assert_eq!(world.left("ttt").1, 0.0);
    world.db.verify().unwrap();
}

/// A table of 100 write units with a global index of one.
fn indexed(world: &World) -> Table<S> {
    let by_k = index("ggg").hash::<S>("k").provisioned(1, 1);
    world.db.create_table("ttt").hash::<S>("pk").gsi(by_k).provisioned(1, 100).create().unwrap()
}

#[test]
fn a_global_index_without_capacity_rejects_writes_that_touch_it() {
    let world = World::service();
    let table = indexed(&world);
    table.put(&item("a").with("k", "x")).unwrap();
    let refused = table.put(&item("b").with("k", "x")).unwrap_err();
    let expected = "The level of configured provisioned throughput for one or more global secondary indexes of the table \
                    was exceeded. Consider increasing your provisioning level for the under-provisioned global secondary \
                    indexes with the UpdateTable API.";
    assert_eq!((told(&refused), refused.message()), (pte("IndexWriteProvisionedThroughputExceeded ttt ggg"), expected));
    assert_eq!(world.left("ttt").1, 99.0, "the rejected write cost the table nothing");
    table.put(&item("z")).unwrap();
    table.put(&item("z").with("other", 1)).unwrap();
    assert!(table.update("z").set("k", "now indexed").send().is_err());
    world.advance(1_000);
    table.update("z").set("k", "now indexed").send().unwrap();
}

#[test]
fn reads_of_an_index_and_of_its_table_have_throughput_of_their_own() {
    let world = World::service();
    let table = indexed(&world);
    reads(&table, "a").unwrap();
    while reads(&table, "a").is_ok() {}
    table.query_index("ggg", ["x"]).page().unwrap();
    while table.query_index("ggg", ["x"]).page().is_ok() {}
    assert_eq!(
        throttled(table.query_index("ggg", ["x"]).page()),
        pte("IndexReadProvisionedThroughputExceeded ttt ggg")
    );
    table.put(&item("b")).unwrap();
}

#[test]
fn local_indexes_draw_on_the_table() {
    let world = World::service();
    let local = index("lll").range::<N>("rank");
    let table = world.db.create_table("ttt").hash::<S>("pk").range::<N>("sk").lsi(local).provisioned(5, 5);
    let table = table.create().unwrap();
    table.put(&item("a").with("sk", 1).with("rank", 1)).unwrap();
    assert_eq!(world.left("ttt").1, 3.0);
}

#[test]
fn batches_give_back_what_there_is_no_throughput_for() {
    let world = World::service();
    let table = world.provisioned("ttt", 2, 4);
    let other = world.provisioned("uuu", 10, 10);
    let batch = |table: &Table<S>| {
        let mut batch = world.db.batch_write();
        for at in 0..10 {
            batch = batch.put(table, &item(&at.to_string()));
        }
        batch.send()
    };
    assert_eq!(batch(&table).unwrap().unprocessed, [4, 5, 6, 7, 8, 9]);
    assert_eq!(throttled(batch(&table)), pte("TableWriteProvisionedThroughputExceeded ttt -"));

    let get = || world.db.batch_get().keys(&table, ["1", "2"]).consistent(true).keys(&other, ["1"]);
    let found = get().send().unwrap();
    assert_eq!(found.unprocessed, [Vec::<usize>::new(), Vec::new()]);
    let found = get().send().unwrap();
    assert_eq!(found.unprocessed, [vec![0, 1], vec![]]);
    assert_eq!(world.left("uuu").0, 9.0);
    while reads(&other, "1").is_ok() {}
    while other.get("1").is_ok() {}
    assert_eq!(throttled(get().send()), pte("TableReadProvisionedThroughputExceeded ttt -"));
}

#[test]
fn a_transaction_is_cancelled_with_the_reason_of_each_action() {
    let world = World::service();
    let (full, empty) = (world.provisioned("full", 10, 10), world.provisioned("empty", 1, 1));
    empty.put(&item("a")).unwrap();
    reads(&empty, "a").unwrap();
    let error = world.db.transact_write().put(&full, &item("x")).put(&empty, &item("y")).send().unwrap_err();
    let reasons = |error: &Error| {
        assert!(error.is_retryable());
        let reasons = error.cancellation_reasons().iter();
        reasons.map(|reason| (reason.code(), reason.message().unwrap_or("-").to_owned())).collect::<Vec<_>>()
    };
    let expected = [("None", "-".to_owned()), ("ProvisionedThroughputExceeded", PROVISIONED_TABLE.to_owned())];
    assert_eq!(reasons(&error), expected);
    let error = world.db.transact_get().get(&full, "x").get(&empty, "y").send().unwrap_err();
    assert_eq!(reasons(&error), expected);
    assert_eq!(world.left("full"), (10.0, 10.0));
    assert!(full.get("x").unwrap().is_none());

    // The closure of a transaction sees the same.
    let mut runs = 0;
    let closure = world.db.transaction(|tx| {
        runs += 1;
        tx.put(&empty, &item("y"))
    });
    let closure: Error = closure.unwrap_err();
    assert_eq!((closure.kind(), runs), (ErrorKind::Throttled, 1));
}

#[test]
fn on_demand_a_hot_key_is_rejected_while_others_go_on() {
    let world = World::service();
    let table = world.db.create_table("ttt").hash::<S>("pk").create().unwrap();
    table.put(&large("hot", 100)).unwrap();
    for _ in 0..9 {
        table.put(&large("hot", 100)).unwrap();
    }
    let error = table.put(&item("hot")).unwrap_err();
    assert_eq!(told(&error), ("ThrottlingException", vec!["TableWriteKeyRangeThroughputExceeded ttt -".to_owned()]));
    assert!(error.message().ends_with("bp-partition-key-design.html"));
    let passed = (0..20).filter(|at| table.put(&item(&at.to_string())).is_ok()).count();
    assert!((5..20).contains(&passed), "{passed}");
    reads(&table, "hot").unwrap();
    world.advance(1_000);
    table.put(&item("hot")).unwrap();
}

#[test]
fn on_demand_limits_and_quotas() {
    let quotas = Quotas { table_read_units: 100, ..Quotas::default() };
    let world = World::new(CapacityModel { quotas, ..CapacityModel::service() });
    let key = KeySchema { hash: KeyAttribute::new("pk", KeyType::S), range: None };
    let limit = |writes: Option<u64>| UnitPair { read_units_per_sec: None, write_units_per_sec: writes };
    let settings = |writes: Option<u64>| TableSettings { on_demand_limit: limit(writes), ..TableSettings::default() };
    let mut spec = TableSpec::new("ttt", key);
    spec.settings = settings(Some(5));
    world.db.create_table_from(spec).unwrap();
    let table = world.db.table::<S>("ttt").unwrap();
    (0..5).for_each(|_| drop(table.put(&item("a")).unwrap()));
    let error = table.put(&item("a")).unwrap_err();
    assert_eq!(told(&error), ("ThrottlingException", vec!["TableWriteMaxOnDemandThroughputExceeded ttt -".to_owned()]));
    let settings = Some(Box::new(settings(None)));
    world.db.update_table("ttt", TableUpdate { settings, ..TableUpdate::default() }).unwrap();
    table.put(&item("a")).unwrap();

    (0..100).for_each(|_| reads(&table, "a").unwrap());
    let error = reads(&table, "a").unwrap_err();
    assert_eq!(told(&error), ("RequestLimitExceeded", vec!["TableReadAccountLimitExceeded ttt -".to_owned()]));
}

#[test]
fn a_scan_ends_at_a_partition_without_throughput() {
    let world = World::new(CapacityModel { partition_read_units: 3, ..CapacityModel::service() });
    // Eight partitions of three read units.
    let table = world.provisioned("ttt", 12, 4_000);
    (0..200).for_each(|at| drop(table.put(&large(&at.to_string(), 1)).unwrap()));
    let last = table.scan().items().last().unwrap().unwrap();
    let last = last.get("pk").and_then(|pk| pk.as_str()).unwrap();
    world.advance(100_000);
    while reads(&table, last).is_ok() {}
    assert_eq!(throttled(reads(&table, last)), pte("TableReadKeyRangeThroughputExceeded ttt -"));
    let scan = |start: &Option<Item>| match start {
        None => table.scan().page(),
        Some(start) => table.scan().start_after(start.clone()).page(),
    };
    let first = scan(&None).unwrap();
    assert!((1..200).contains(&first.count), "it ends before the last partition");
    let mut start = first.last_evaluated_key();
    assert!(scan(&start).is_err(), "the page would begin there");
    let mut seen = first.count;
    while start.is_some() {
        world.advance(1_000);
        let Ok(page) = scan(&start) else { continue };
        seen += page.count;
        start = page.last_evaluated_key();
    }
    assert_eq!(seen, 200);
}

#[test]
fn tokens_are_not_durable() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(1_800_000_000_000);
    let options = || Database::options().clock(clock.clone()).capacity(CapacityModel::service());
    let db = options().open(folder.path()).unwrap();
    let table = db.create_table("ttt").hash::<S>("pk").provisioned(10, 10).create().unwrap();
    clock.advance(Duration::from_secs(300));
    let left = |db: &Database| db.throughput("ttt").unwrap().unwrap().resources[0].reads.units_left.unwrap();
    table.get("a").unwrap();
    assert_eq!(left(&db), 2_999.5);
    drop(table);
    db.close().unwrap();
    let db = options().open(folder.path()).unwrap();
    assert_eq!(left(&db), 10.0);
}

#[test]
fn a_clock_that_is_set_back_takes_nothing_away() {
    let world = World::service();
    let table = world.provisioned("ttt", 10, 10);
    world.advance(100_000);
    reads(&table, "a").unwrap();
    let before = world.left("ttt").0;
    world.clock.set_millis(1_700_000_000_000);
    assert_eq!(world.left("ttt").0, before);
    world.advance(1_000);
    assert_eq!(world.left("ttt").0, before + 10.0);
}

#[test]
fn the_same_requests_at_the_same_times_are_rejected_again() {
    let run = || {
        let heat = Some(HeatModel { percent: 50, hot_secs: 3, of_secs: 5, delay_secs: 2 });
        let model = CapacityModel { partition_write_units: 20, heat, seed: 7, ..CapacityModel::service() };
        let world = World::new(model);
        let table = world.provisioned("ttt", 10, 60);
        let mut refused = Vec::new();
        for at in 0..2_000_u64 {
            let key = (at * at % 13).to_string();
            if table.put(&item(&key)).is_err() {
                refused.push(at);
            }
            world.advance(at % 23);
        }
        (refused, world.db.throughput("ttt").unwrap().unwrap().resources[0].partitions.len())
    };
    let (first, second) = (run(), run());
    assert_eq!(first, second);
    assert!(!first.0.is_empty() && first.1 > 4, "{} {}", first.0.len(), first.1);
}

#[test]
fn internal_work_and_the_sweeper_ask_nothing() {
    let world = World::service();
    let table = world.db.create_table("ttt").hash::<S>("pk").ttl("gone").provisioned(10, 3).create().unwrap();
    (0..3).for_each(|at| drop(table.put(&item(&at.to_string()).with("gone", 1_799_999_999_i64)).unwrap()));
    assert!(table.put(&item("x")).is_err());
    let before = world.left("ttt").1;
    assert_eq!(world.db.sweep_now().unwrap(), 3);
    assert_eq!(world.left("ttt").1, before);
}

#[test]
fn bad_models_are_rejected_by_field() {
    let service = CapacityModel::service();
    let heat = HeatModel::default();
    let bad = [
        ("burst_secs", CapacityModel { burst_secs: 0, ..service }),
        ("burst_secs", CapacityModel { burst_secs: u32::MAX, ..service }),
        ("partition_read_units", CapacityModel { partition_read_units: 0, ..service }),
        ("partition_write_units", CapacityModel { partition_write_units: u64::MAX, ..service }),
        ("eventual_read_units", CapacityModel { eventual_read_units: 0, ..service }),
        ("peak_minutes", CapacityModel { peak_minutes: 2_000, ..service }),
        ("update_millis", CapacityModel { update_millis: u64::MAX, ..service }),
        (
            "quotas.table_read_units",
            CapacityModel { quotas: Quotas { table_read_units: 0, ..service.quotas }, ..service },
        ),
        ("heat.percent", CapacityModel { heat: Some(HeatModel { percent: 101, ..heat }), ..service }),
        ("heat.hot_secs", CapacityModel { heat: Some(HeatModel { hot_secs: 121, ..heat }), ..service }),
        ("heat.of_secs", CapacityModel { heat: Some(HeatModel { of_secs: 129, ..heat }), ..service }),
        ("heat.delay_secs", CapacityModel { heat: Some(HeatModel { delay_secs: u32::MAX, ..heat }), ..service }),
    ];
    for (field, model) in bad {
        let error = Database::options().capacity(model).in_memory().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation);
        assert!(error.message().starts_with(&format!("option capacity.{field} is ")), "{}", error.message());
    }
}

#[test]
fn prepaid_requests_wait_until_they_can_pay() {
    let world = World::new(CapacityModel { admission: AdmissionRule::PrePaid, ..CapacityModel::service() });
    let table = world.provisioned("ttt", 4, 10);
    table.put(&large("a", 10)).unwrap();
    world.advance(1_000);
    // 10 KB are three strong units: the fourth unit of the second is not enough for another read.
    reads(&table, "a").unwrap();
    while world.left("ttt").0 >= 3.0 {
        reads(&table, "a").unwrap();
    }
    assert!(reads(&table, "a").is_err());
    assert!(world.left("ttt").0 >= 0.0, "nothing goes into debt");
}
