//! What replication costs: a write is paid for where it arrives too, and waits there for capacity.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{A, B, START, get, put, replicated};
use hashrange::{
    Clock, Database, Item, Table,
    admin::TableUpdate,
    capacity::CapacityModel,
    file::{Disk, MemoryDisk},
    inspect::Work,
    key::S,
    ledger::LedgerOptions,
    regions::World,
    schema::{TableSettings, UnitPair},
};
use std::{sync::Arc, time::Duration};

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

/// Writes of a table at the receiver, a second.
fn limit_writes(world: &World, units: u64) {
    let on_demand_limit = UnitPair { read_units_per_sec: None, write_units_per_sec: Some(units) };
    let settings = Some(Box::new(TableSettings { on_demand_limit, ..TableSettings::default() }));
    world.database(B).unwrap().update_table("ttt", TableUpdate { settings, ..TableUpdate::default() }).unwrap();
}

#[test]
fn a_table_without_capacity_holds_up_no_other_one() {
    let disks: [Arc<dyn Disk>; 2] = [Arc::new(MemoryDisk::new()), Arc::new(MemoryDisk::new())];
    let clock = Clock::manual(START);
    let open = || {
        let database = Database::options().capacity(CapacityModel::service()).ledger(LedgerOptions::new());
        let options = World::options().clock(clock.clone()).database(database.background(false)).pending_bytes(200_000);
        options.region_on(A, disks[0].clone()).region_on(B, disks[1].clone()).open().unwrap()
    };
    let world = open();
    let tables = replicated(&world, &[A, B]);
    let others = world.database(A).unwrap().create_table("others").hash::<S>("id").create().unwrap();
    world.create_replica("others", A, B).unwrap();
    limit_writes(&world, 100);
    let put_at = |table: &Table<S>, id: i64, n: i64| {
        put(table, &id.to_string(), n);
        // The sender has enough capacity.
        clock.advance(Duration::from_millis(u64::from(n % 2 == 0)));
    };
    (0..1_500).for_each(|n| put_at(&tables[0], n % 1_400, n));
    put(&others, "x", 1);
    world.advance(Duration::from_millis(1_000)).unwrap();
    let others_there = world.database(B).unwrap().table::<S>("others").unwrap();
    assert_eq!(get(&others_there, "x"), Some(1), "there is more of the first table than a link has room for");
    put(&others, "x", 2);
    world.advance(Duration::from_millis(900)).unwrap();
    assert_eq!(get(&others_there, "x"), Some(2));
    let report = world.link(A, B).unwrap().1;
    assert!(report.pending < 100 && report.unread_commits > 1_000, "the log has the rest: {report:?}");
    assert!((1..100).contains(&report.throttled), "no change counts twice: {report:?}");
    let metrics = world.database(B).unwrap().ledger().unwrap().metrics();
    let throttled = metrics.iter().filter(|series| series.name == "WriteThrottleEvents");
    let throttled: f64 = throttled.flat_map(|series| &series.points).map(|point| point.sum).sum();
    assert!(throttled <= report.throttled as f64, "nor in the ledger: {throttled}");

    drop((tables, others, others_there));
    world.close().unwrap();
    drop(world);
    let world = open();
    world.settle().unwrap();
    let table = |region: &str| world.database(region).unwrap().table::<S>("ttt").unwrap();
    assert!(world.is_converged("ttt").unwrap() && table(B).scan().items().count() == 1_400);
    assert_eq!(world.link(A, B).unwrap().1.unread_commits, 0);
    assert!(clock.now_millis() - START > 10_000, "a hundred a second");

    // What a region leaves behind is brought over at once, wherever it waits.
    limit_writes(&world, 1);
    (0..1_500).for_each(|n| put_at(&table(A), n, -n));
    world.advance(Duration::from_secs(2)).unwrap();
    assert!(world.link(A, B).unwrap().1.unread_commits > 1_000);
    world.delete_replica("ttt", B, A).unwrap();
    assert_eq!((table(B).scan().items().count(), get(&table(B), "1499")), (1_500, Some(-1_499)));
}
