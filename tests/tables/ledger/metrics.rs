//! The service's metrics, by their names: which request counts for which.

use super::World;
use hashrange::{
    Item,
    admin::index,
    attr,
    capacity::CapacityModel,
    key::S,
    ledger::{Ledger, MetricSeries},
};

fn series<'l>(all: &'l [MetricSeries], name: &str, dimensions: &[(&str, &str)]) -> Option<&'l MetricSeries> {
    all.iter().find(|series| {
        let given: Vec<(&str, &str)> = series.dimensions.iter().map(|(name, value)| (*name, value.as_str())).collect();
        series.name == name && given == dimensions
    })
}

fn sum(ledger: &Ledger, name: &str, dimensions: &[(&str, &str)]) -> f64 {
    let all = ledger.metrics();
    series(&all, name, dimensions).map_or(0.0, |series| series.points.iter().map(|point| point.sum).sum())
}

const TABLE: &[(&str, &str)] = &[("TableName", "ttt")];

fn of(operation: &'static str) -> [(&'static str, &'static str); 2] {
    [("Operation", operation), ("TableName", "ttt")]
}

fn item(pk: &str) -> Item {
    Item::new().with("pk", pk)
}

/// A put that two of three indexes refuse is an event at each of the two, one throttled request, and no user's error.
#[test]
fn indexes_without_capacity_count_by_themselves() {
    let world = World::new(Some(CapacityModel::service()));
    let mut table = world.db.create_table("ttt").hash::<S>("pk").provisioned(1_000, 1_000);
    for (name, units) in [("by_g1", 1), ("by_g2", 1), ("by_g3", 1_000)] {
        table = table.gsi(index(name).hash::<S>(name).provisioned(1, units));
    }
    let table = table.create().unwrap();
    let item = |pk: &str| item(pk).with("by_g1", "x").with("by_g2", "x").with("by_g3", "x");
    table.put(&item("a")).unwrap();
    assert_eq!(table.put(&item("b")).unwrap_err().throttling_reasons().len(), 2);
    let ledger = world.ledger();
    for (index, events) in [("by_g1", 1.0), ("by_g2", 1.0), ("by_g3", 0.0)] {
        let dimensions = [("GlobalSecondaryIndexName", index), ("TableName", "ttt")];
        assert_eq!(sum(&ledger, "WriteThrottleEvents", &dimensions), events, "{index}");
        assert_eq!(sum(&ledger, "WriteProvisionedThroughputThrottleEvents", &dimensions), events, "{index}");
    }
    assert_eq!(sum(&ledger, "WriteThrottleEvents", TABLE), 0.0);
    assert_eq!(sum(&ledger, "ThrottledRequests", &of("PutItem")), 1.0);
    assert_eq!(sum(&ledger, "UserErrors", &[]), 0.0);
    let heat = world.db.heat("ttt").unwrap();
    assert!(heat.resources.iter().all(|resource| resource.throttled_partition_keys.is_empty()), "no key was throttled");
}

/// A put and a strong read of one key weigh three and one.
#[test]
fn keys_are_ranked_by_three_times_the_writes() {
    let world = World::new(None);
    let table = world.db.create_table("ttt").hash::<S>("pk").create().unwrap();
    table.put(&item("a")).unwrap();
    table.get_with("a").consistent(true).send().unwrap();
    assert_eq!(world.db.heat("ttt").unwrap().resources[0].accessed_partition_keys[0].weight, 4_000);
}

/// Of a batch each item is an event; the batch is throttled only if none of its items was done.
#[test]
fn batches_are_throttled_as_a_whole_or_not() {
    let world = World::new(Some(CapacityModel::service()));
    let table = world.db.create_table("ttt").hash::<S>("pk").provisioned(4, 4).create().unwrap();
    let batch = || {
        let batch = world.db.batch_write();
        (0..10).fold(batch, |batch, at| batch.put(&table, &item(&format!("k{at}")))).send()
    };
    assert_eq!(batch().unwrap().unprocessed.len(), 6);
    let ledger = world.ledger();
    assert_eq!(sum(&ledger, "WriteThrottleEvents", TABLE), 6.0);
    assert_eq!(sum(&ledger, "ThrottledRequests", &of("BatchWriteItem")), 0.0);
    assert!(batch().is_err());
    let ledger = world.ledger();
    assert_eq!(sum(&ledger, "WriteThrottleEvents", TABLE), 16.0);
    assert_eq!(sum(&ledger, "ThrottledRequests", &of("BatchWriteItem")), 1.0);
    let throttled = &world.db.heat("ttt").unwrap().resources[0].throttled_partition_keys;
    assert_eq!(throttled.iter().map(|key| key.weight).sum::<u64>(), 16);
}

#[test]
fn requests_are_counted_by_how_they_end() {
    let world = World::new(Some(CapacityModel::service()));
    let table = world.db.create_table("ttt").hash::<S>("pk").provisioned(100, 100).create().unwrap();
    for pk in ["a", "b", "c"] {
        table.put(&item(pk)).unwrap();
    }
    assert!(table.put_with(&item("a")).when(attr("pk").not_exists()).send().is_err());
    world.db.transact_write().put(&table, &item("d")).put(&table, &item("a")).send().unwrap();
    table.scan().filter(attr("pk").ne("a")).page().unwrap();
    assert!(table.scan().segment(5, 2).page().is_err());
    assert!(world.db.execute(&hashrange::request::GetItem::new("absent", item("a"))).is_err());
    world.advance(60_000);
    world.db.dynamic_table("ttt").unwrap().get(item("a")).unwrap();

    let ledger = world.ledger();
    assert_eq!(sum(&ledger, "ConditionalCheckFailedRequests", TABLE), 1.0);
    assert_eq!(sum(&ledger, "ReturnedItemCount", &of("Scan")), 3.0);
    assert_eq!(sum(&ledger, "UserErrors", &[]), 2.0);
    assert_eq!(sum(&ledger, "ProvisionedReadCapacityUnits", TABLE), 100.0);
    let metrics = ledger.metrics();
    let latency = series(&metrics, "SuccessfulRequestLatency", &of("PutItem")).unwrap();
    assert_eq!((latency.unit, latency.points[0].sample_count), ("Milliseconds", 3.0));
    assert_eq!(latency.points[0].statistic("p99"), Some(0.0), "the clock stood");
    assert_eq!(latency.points[0].statistic("nonsense"), None);
    let writes = series(&metrics, "ConsumedWriteCapacityUnits", TABLE).unwrap();
    // Three puts, a failed condition, and two puts of a transaction for twice as much.
    assert_eq!(writes.points.len(), 1);
    assert_eq!((writes.points[0].sum, writes.points[0].minimum, writes.points[0].maximum), (8.0, 1.0, 2.0));
    assert_eq!(writes.points[0].sample_count, 6.0);
    let reads = series(&metrics, "ConsumedReadCapacityUnits", TABLE).unwrap();
    assert_eq!(reads.points.iter().map(|point| point.sum).collect::<Vec<_>>(), [0.5, 0.5]);
    assert_eq!(reads.points[1].minute_millis - reads.points[0].minute_millis, 60_000);
}
