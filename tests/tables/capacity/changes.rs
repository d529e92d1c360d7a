//! Throughput follows the table: its rates, its billing, its indexes.

use super::{World, item, pte, reads, throttled};
use hashrange::{
    admin::{IndexSpec, TableUpdate},
    capacity::CapacityModel,
    key::KeyType,
    schema::{BillingMode, IndexKind, KeyAttribute, Projection, ProvisionedThroughput},
};

#[test]
fn rates_follow_the_table_when_its_change_is_done() {
    let model = CapacityModel { update_millis: 2_000, starts_full: true, ..CapacityModel::service() };
    let world = World::new(model);
    let table = world.provisioned("ttt", 10, 10);
    (0..20).for_each(|_| reads(&table, "a").unwrap());
    let units = |read_units_per_sec: u64| ProvisionedThroughput { read_units_per_sec, write_units_per_sec: 10 };
    let change = |reads: u64| {
        let throughput = Some(units(reads));
        world.db.update_table("ttt", TableUpdate { throughput, ..TableUpdate::default() }).unwrap();
    };
    change(20);
    world.advance(2_000);
    assert_eq!(world.left("ttt").0, 3_000.0);
    world.advance(1_000_000);
    assert_eq!(world.left("ttt").0, 6_000.0);
    change(10);
    assert_eq!(world.left("ttt").0, 6_000.0);
    world.advance(2_000);
    assert_eq!(world.left("ttt").0, 3_000.0);
}

#[test]
fn billing_can_be_switched_and_what_was_provisioned_is_kept() {
    let world = World::service();
    let table = world.provisioned("ttt", 10, 10);
    let update = TableUpdate { billing: Some(BillingMode::PayPerRequest), ..TableUpdate::default() };
    world.db.update_table("ttt", update).unwrap();
    (0..50).for_each(|_| drop(table.put(&item("a")).unwrap()));
    let throughput = Some(ProvisionedThroughput { read_units_per_sec: 1, write_units_per_sec: 1 });
    let billing = Some(BillingMode::Provisioned);
    world.db.update_table("ttt", TableUpdate { billing, throughput, ..TableUpdate::default() }).unwrap();
    table.put(&item("a")).unwrap();
    assert_eq!(throttled(table.put(&item("a"))), pte("TableWriteProvisionedThroughputExceeded ttt -"));
}

#[test]
fn an_index_that_is_added_has_throughput_of_its_own() {
    let world = World::service();
    let table = world.provisioned("ttt", 10, 100);
    let spec = IndexSpec {
        name: "ggg".to_owned(),
        kind: IndexKind::Global,
        hash: vec![KeyAttribute::new("k", KeyType::S)],
        range: Vec::new(),
        projection: Projection::All,
        throughput: Some(ProvisionedThroughput { read_units_per_sec: 1, write_units_per_sec: 1 }),
    };
    world.db.update_table("ttt", TableUpdate { create_index: Some(spec), ..TableUpdate::default() }).unwrap();
    table.put(&item("a").with("k", "x")).unwrap();
    assert_eq!(throttled(table.put(&item("b").with("k", "x"))), pte("IndexWriteProvisionedThroughputExceeded ttt ggg"));
}
