//! What replication costs: a write is paid for where it arrives too, and waits there for capacity.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{A, B, START, put, replicated};
use hashrange::{
    Clock, Database, Item,
    admin::TableUpdate,
    capacity::CapacityModel,
    inspect::Work,
    ledger::LedgerOptions,
    regions::World,
    schema::{TableSettings, UnitPair},
};
use std::time::Duration;

fn world(database: hashrange::OpenOptions) -> World {
    let options = World::options().region(A).region(B).clock(Clock::manual(START));
    options.database(database.background(false)).open().unwrap()
}

/// Thousandths of write units of a table in a region, by operation.
fn written(world: &World, region: &str, operation: &str) -> u64 {
    let ledger = world.database(region).unwrap().ledger().unwrap();
    let rows = ledger.usage.iter().filter(|row| row.table == "ttt" && row.operation == operation);
    rows.map(|row| row.usage.write_milliunits).sum()
}

#[test]
fn a_write_is_paid_for_in_every_region() {
    let world = world(Database::options().ledger(LedgerOptions::new()));
    let tables = replicated(&world, &[A, B]);
    tables[0].put(&Item::new().with("id", "x").with("text", "-".repeat(2_500))).unwrap();
    assert_eq!((written(&world, A, "PutItem"), written(&world, B, "ReplicatedWrite")), (3_000, 0));
    world.settle().unwrap();
    assert_eq!((written(&world, A, "ReplicatedWrite"), written(&world, B, "ReplicatedWrite")), (0, 3_000));
    // Also the one that loses.
    put(&tables[0], "x", 1);
    world.advance(Duration::from_millis(1)).unwrap();
    put(&tables[1], "x", 2);
    world.settle().unwrap();
    assert_eq!((written(&world, A, "ReplicatedWrite"), written(&world, B, "ReplicatedWrite")), (1_000, 4_000));
    let ledger = world.database(B).unwrap().ledger().unwrap().metrics();
    let consumed = ledger.iter().find(|series| series.name == "ConsumedWriteCapacityUnits").unwrap();
    assert_eq!(consumed.points.iter().map(|point| point.sum).sum::<f64>(), 7.0, "the metric has both");

    // What time to live deletes is free at home only.
    let us = world.database(A).unwrap();
    let ends = TableUpdate { ttl_attribute: Some(Some("ends".into())), ..TableUpdate::default() };
    us.update_table("ttt", ends).unwrap();
    world.share_settings("ttt", A).unwrap();
    tables[0].put(&Item::new().with("id", "y").with("ends", START / 1_000 + 10)).unwrap();
    world.settle().unwrap();
    let before = written(&world, B, "ReplicatedWrite");
    world.advance(Duration::from_secs(60)).unwrap();
    us.sweep_now().unwrap();
    while us.step().unwrap() != Work::Idle {}
    world.settle().unwrap();
    assert!(tables[1].get("y").unwrap().is_none());
    assert_eq!(written(&world, B, "ReplicatedWrite") - before, 1_000);
}

#[test]
fn what_finds_no_capacity_arrives_later() {
    let world = world(Database::options().capacity(CapacityModel::service()));
    let tables = replicated(&world, &[A, B]);
    let on_demand_limit = UnitPair { read_units_per_sec: None, write_units_per_sec: Some(10) };
    let settings = Some(Box::new(TableSettings { on_demand_limit, ..TableSettings::default() }));
    world.database(B).unwrap().update_table("ttt", TableUpdate { settings, ..TableUpdate::default() }).unwrap();
    (0..100).for_each(|n| put(&tables[0], &n.to_string(), n));
    world.advance(Duration::from_secs(1)).unwrap();
    let there = || tables[1].scan().items().count();
    let (report, early) = (world.link(A, B).unwrap().1, there());
    assert!(report.throttled > 0 && report.pending > 0 && (1..100).contains(&early), "{early}: {report:?}");
    assert!(report.failure.is_none(), "the link works");
    world.settle().unwrap();
    assert_eq!(there(), 100);
    assert!(world.clock().now_millis() - START > 5_000, "ten a second");
    assert!(world.is_converged("ttt").unwrap());
}
