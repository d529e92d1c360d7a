//! What requests consume, by whom and when: the ledger agrees with what responses say, with the metrics that are made of it,
//! and with itself in a second run.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bills;
mod explain;
mod metrics;

use hashrange::{
    Clock, Database, Error, Item, Table,
    admin::index,
    attr,
    capacity::{CapacityModel, Consumed},
    key::{N, S},
    ledger::{Ledger, LedgerOptions, Usage},
    request::{Query, Scan},
};
use std::time::Duration;

const BEGIN: u64 = 1_800_000_000_000;

/// A database with a ledger, whose clock stands until a test moves it.
struct World {
    db: Database,
    clock: Clock,
}

impl World {
    fn new(model: Option<CapacityModel>) -> Self {
        let clock = Clock::manual(BEGIN);
        let mut options = Database::options().clock(clock.clone()).background(false).seed(7);
        if let Some(model) = model {
            options = options.capacity(model);
        }
        let db = options.ledger(LedgerOptions::new()).in_memory().unwrap();
        Self { db, clock }
    }
    fn advance(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }
    fn ledger(&self) -> Ledger {
        self.db.ledger().unwrap()
    }
    /// A table with a local and two global indexes.
    fn orders(&self) -> Table<(S, N)> {
        let table = self.db.create_table("orders").hash::<S>("customer").range::<N>("order");
        let table = table.lsi(index("by_total").range::<N>("total"));
        let table =
            table.gsi(index("by_state").hash::<S>("state")).gsi(index("by_city").hash::<S>("city").range::<N>("total"));
        table.create().unwrap()
    }
}

fn order(customer: &str, order: i64) -> Item {
    Item::new().with("customer", customer).with("order", order).with("total", order * 7)
}

fn milliunits(consumed: &Consumed) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some units")]
    let units = (consumed.total() * 1_000.0) as u64;
    units
}

/// Sums of the ledger's units, of reads and writes together.
fn noted(ledger: &Ledger) -> u64 {
    let total = ledger.total(|_| true);
    total.read_milliunits + total.write_milliunits
}

#[test]
fn without_a_ledger_there_is_none() {
    let db = Database::in_memory().unwrap();
    db.create_table("stock").hash::<S>("sku").create().unwrap();
    assert!(db.ledger().unwrap_err().to_string().contains("OpenOptions::ledger"));
    assert!(db.heat("stock").is_err());
    let refused = Database::options().ledger({
        let mut options = LedgerOptions::new();
        options.max_keys = 1;
        options
    });
    assert!(refused.in_memory().unwrap_err().to_string().contains("ledger.max_keys"));
}

/// Whatever responses say that they consumed is what the ledger has, with a model of capacity and without one.
#[test]
fn sums_are_those_of_the_responses() {
    for model in [None, Some(CapacityModel::service())] {
        let world = World::new(model);
        let table = world.orders();
        let mut told = 0;
        for at in 0..20 {
            let item =
                order(&format!("c{}", at % 3), at).with("state", "open").with("text", "x".repeat(200 * at as usize));
            let item = if at % 2 == 0 { item.with("city", "Bern") } else { item };
            told += milliunits(table.put_with(&item).send().unwrap().consumed());
        }
        told += milliunits(table.update(("c0", 0)).set("state", "done").send().unwrap().consumed());
        told += milliunits(table.delete(("c1", 1)).unwrap().consumed());
        let get = table.get_with(("c0", 0)).consistent(true).send().unwrap();
        told += milliunits(&get.consumed());
        told += milliunits(&table.query("c0").page().unwrap().consumed);
        told += milliunits(&table.query("c0").index("by_total").all_attributes().page().unwrap().consumed);
        told += milliunits(&table.query("c0").index("by_total").page().unwrap().consumed);
        let mut by_state = Query::new(
            "orders",
            hashrange::expression::BoundKey { hash: vec!["open".into()], range: Vec::new(), last: None },
        );
        by_state.options.index = Some("by_state".into());
        told += milliunits(&world.db.execute(&by_state).unwrap().consumed);
        told += milliunits(&world.db.execute(&Scan::new("orders")).unwrap().consumed);
        let batch = world.db.batch_write().put(&table, &order("c7", 1));
        let batch = batch.put(&table, &order("c7", 2).with("city", "Basel"));
        told += batch.send().unwrap().consumed.iter().map(|(_, consumed)| milliunits(consumed)).sum::<u64>();
        let get = world.db.batch_get().keys(&table, [("c7", 1), ("c7", 2)]);
        told += get.send().unwrap().consumed.iter().map(|(_, consumed)| milliunits(consumed)).sum::<u64>();
        let transaction = world.db.transact_write().put(&table, &order("c8", 1).with("state", "open"));
        let transaction = transaction.put(&table, &order("c9", 1));
        told += transaction.send().unwrap().consumed.iter().map(|(_, consumed)| milliunits(consumed)).sum::<u64>();
        let read = world.db.transact_get().get(&table, ("c8", 1)).send().unwrap();
        told += read.consumed.iter().map(|(_, consumed)| milliunits(consumed)).sum::<u64>();
        let select = world.db.statement("SELECT * FROM orders WHERE customer = 'c0'").send().unwrap();
        told += milliunits(&select.consumed);

        let ledger = world.ledger();
        assert_eq!(noted(&ledger), told);
        let hours: u64 = ledger.hours.iter().map(|hour| hour.read_milliunits + hour.write_milliunits).sum();
        assert_eq!(hours, told);
        let of_metrics: f64 = ledger
            .metrics()
            .iter()
            .filter(|series| series.name.starts_with("Consumed"))
            .flat_map(|series| &series.points)
            .map(|point| point.sum)
            .sum();
        #[expect(clippy::cast_precision_loss, reason = "some units")]
        let told = told as f64 / 1_000.0;
        assert_eq!(of_metrics, told);
        // A copy that went through a file is the same.
        assert_eq!(Ledger::from_json(&ledger.to_json()).unwrap(), ledger);
    }
}

#[test]
fn usage_is_told_apart_by_operation_index_tag_partition_and_minute() {
    let world = World::new(Some(CapacityModel::service()));
    world.orders();
    let shop = world.db.tagged("shop").table::<(S, N)>("orders").unwrap();
    let report = world.db.tagged("report").table::<(S, N)>("orders").unwrap();
    shop.put(&order("a", 1).with("state", "open")).unwrap();
    world.advance(60_000);
    shop.put(&order("b", 1)).unwrap();
    report.scan().page().unwrap();
    world.db.tagged("report").statement("SELECT * FROM orders WHERE customer = 'a' AND \"order\" = 1").send().unwrap();
    world
        .db
        .batch_statements(&[world.db.statement("DELETE FROM orders WHERE customer = 'a' AND \"order\" = 1")])
        .unwrap();

    let ledger = world.ledger();
    let writes = |selects: &dyn Fn(&hashrange::ledger::UsageRow) -> bool| ledger.total(selects).write_milliunits;
    assert_eq!(
        writes(&|row| row.tag.as_deref() == Some("shop")),
        5_000,
        "two tables, two local indexes and one global one"
    );
    let minutes: Vec<_> =
        ledger.usage.iter().filter(|row| row.tag.as_deref() == Some("shop")).map(|row| row.minute_millis).collect();
    assert_eq!(minutes, [Some(BEGIN), Some(BEGIN), Some(BEGIN), Some(BEGIN + 60_000), Some(BEGIN + 60_000)]);
    assert_eq!(writes(&|row| row.index.as_deref() == Some("by_state") && row.operation == "PutItem"), 1_000);
    let scanned = ledger.total(|row| row.operation == "Scan" && row.tag.as_deref() == Some("report"));
    assert_eq!(scanned.read_milliunits, 500);
    assert_eq!(ledger.total(|row| row.operation == "ExecuteStatement").read_milliunits, 500);
    assert!(writes(&|row| row.operation == "BatchExecuteStatement") > 0);
    let partitions = world.db.throughput("orders").unwrap().unwrap().resources[0].partitions.clone();
    let known: Vec<u64> = partitions.iter().map(|partition| partition.first_token).collect();
    let is_of_table = |row: &&hashrange::ledger::UsageRow| row.index.is_none();
    assert!(ledger.usage.iter().filter(is_of_table).all(|row| known.contains(&row.partition.unwrap())));
    // What each partition did is what the model says that it did.
    for partition in &partitions {
        let noted: Usage = ledger
            .total(|row| row.index.as_deref() != Some("by_state") && row.partition == Some(partition.first_token));
        #[expect(clippy::cast_precision_loss, reason = "some units")]
        let noted = noted.write_milliunits as f64 / 1_000.0;
        assert_eq!(noted, partition.write_units, "{partition:?}");
    }
}

/// Tags are bounded, and so is what is kept of them.
#[test]
fn further_tags_are_noted_as_one() {
    let world = World::new(None);
    world.db.create_table("stock").hash::<S>("sku").create().unwrap();
    for at in 0..150 {
        let table = world.db.tagged(&format!("t{at}")).table::<S>("stock").unwrap();
        table.put(&Item::new().with("sku", "bolt")).unwrap();
    }
    let ledger = world.ledger();
    let tags: std::collections::BTreeSet<_> = ledger.usage.iter().filter_map(|row| row.tag.clone()).collect();
    assert_eq!(tags.len(), 101);
    assert_eq!(ledger.total(|row| row.tag.as_deref() == Some("(other)")).accesses, 50);
}

#[test]
fn provisioned_hours_are_billed_idle_or_not_and_deletion_ends_them() {
    let world = World::new(None);
    let begin = BEGIN % 3_600_000;
    world.advance(3_600_000 - begin);
    world.db.create_table("idle").hash::<S>("pk").provisioned(5, 10).create().unwrap();
    world.advance(24 * 3_600_000 - 1);
    let row = |ledger: &Ledger| ledger.resources.iter().find(|row| row.table == "idle").unwrap().clone();
    assert_eq!((row(&world.ledger()).read_unit_hours, row(&world.ledger()).write_unit_hours), (120, 240));
    world.db.delete_table("idle").unwrap();
    world.advance(1_000 * 3_600_000);
    let row = row(&world.ledger());
    assert!(row.is_deleted);
    assert_eq!(row.write_unit_hours, 240);
}

#[test]
fn storage_is_billed_with_its_overhead_and_stream_reads_are_counted() {
    let world = World::new(None);
    let table = world.db.create_table("stock").hash::<S>("sku").stream(hashrange::schema::StreamView::KeysOnly);
    let table = table.create().unwrap();
    for at in 0..10 {
        table.put(&Item::new().with("sku", format!("s{at}"))).unwrap();
    }
    let streams = world.db.list_streams(Some("stock"));
    let shard = &world.db.describe_stream("stock", &streams[0].label).unwrap().shards[0];
    let start = hashrange::streams::IteratorStart::TrimHorizon;
    let iterator = world.db.shard_iterator("stock", &streams[0].label, &shard.id, &start).unwrap();
    world.db.stream_records(&iterator, None).unwrap();
    let row = world.ledger().resources[0].clone();
    assert_eq!((row.items, row.billed_bytes), (10, 10 * (5 + 100)));
    assert_eq!((row.has_stream, row.stream_reads), (true, 1));
}

#[test]
fn hot_keys_of_tables_and_indexes_are_ranked() {
    let world = World::new(Some(CapacityModel::service()));
    let table = world.orders();
    for at in 0..30 {
        let customer = if at % 3 == 0 { "hot".to_owned() } else { format!("c{at}") };
        table.put(&order(&customer, at % 2).with("state", "open").with("city", "Bern")).unwrap();
    }
    world.advance(60_000);
    table.query("hot").page().unwrap();
    let heat = world.db.heat("orders").unwrap();
    let names: Vec<_> = heat.resources.iter().map(|resource| resource.index.as_deref()).collect();
    assert_eq!(names, [None, Some("by_total"), Some("by_state"), Some("by_city")]);
    let of_table = &heat.resources[0];
    assert_eq!(of_table.accessed_partition_keys[0].key, Item::new().with("customer", "hot"));
    let hot = &of_table.accessed_partition_keys[0];
    assert_eq!(hot.weight, 10 * 3_000 + 500);
    assert_eq!((hot.read_milliunits, hot.write_milliunits), (500, 10_000));
    let minutes =
        hot.minutes.iter().map(|minute| (minute.minute_millis, minute.read_milliunits, minute.write_milliunits));
    let begin = BEGIN / 60_000 * 60_000;
    assert_eq!(minutes.collect::<Vec<_>>(), [(begin, 0, 10_000), (begin + 60_000, 500, 0)]);
    assert_eq!(hot.minutes[0].weight, 30_000);
    assert_eq!(of_table.accessed_keys[0].key, Item::new().with("customer", "hot").with("order", 0));
    assert_eq!(of_table.accessed_keys[0].weight, 5 * 3_000, "a query is an access to its partition key only");
    assert_eq!((of_table.most_unlisted_weight, of_table.total_weight), (0, 30 * 3_000 + 500));
    let of_index = &heat.resources[3].accessed_keys[0];
    assert_eq!(of_index.key, Item::new().with("city", "Bern").with("total", 0));
    assert_eq!(heat.resources[2].accessed_partition_keys[0].key, Item::new().with("state", "open"));
    assert!(heat.resources[2].accessed_keys.is_empty(), "an index without a sort key has no whole keys to rank");
    let writes: u64 = of_table.partitions.iter().map(|partition| partition.write_milliunits).sum();
    assert_eq!(writes, 30_000);
}

/// A history of requests, some of which are throttled: who was, and what the ledger says.
fn history(world: &World) -> (Vec<String>, String) {
    let table =
        world.db.create_table("stock").hash::<S>("sku").provisioned(1, 1).gsi(index("by_kind").hash::<S>("kind"));
    let table = table.create().unwrap();
    let mut refusals = Vec::new();
    let mut draw = 12345u64;
    for at in 0..600 {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let sku = format!("s{}", (draw >> 33) % 12);
        let result: Result<(), Error> = match (draw >> 40) % 4 {
            0 => table.get(sku.as_str()).map(drop),
            1 => table.put(&Item::new().with("sku", sku.as_str()).with("kind", "k")).map(drop),
            2 => table.put_with(&Item::new().with("sku", sku.as_str())).when(attr("sku").not_exists()).send().map(drop),
            _ => table.scan().page().map(drop),
        };
        if let Err(error) = result {
            refusals.push(format!("{at} {}", error.code()));
        }
        world.advance((draw >> 50) % 100);
    }
    (refusals, world.ledger().to_json())
}

#[test]
fn the_same_history_leaves_the_same_ledger_and_refusals() {
    let (first, second) =
        (history(&World::new(Some(CapacityModel::service()))), history(&World::new(Some(CapacityModel::service()))));
    assert!(first.0.iter().any(|refusal| refusal.contains("Throughput")), "{:?}", first.0);
    assert_eq!(first, second);
}
