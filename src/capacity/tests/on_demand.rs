//! On-demand throughput: what a new table has, limits, quotas, and growth.

use super::{World, on_demand, provisioned};
use crate::{
    capacity::{CapacityModel, Quotas, ResourceLimits, ThroughputMode, Use},
    error::ThrottledLimit::{AccountLimit, KeyRangeThroughput, MaxOnDemandThroughput},
};

fn with_max_writes(max_write_units: Option<u64>) -> ResourceLimits {
    ResourceLimits { mode: ThroughputMode::OnDemand { max_read_units: None, max_write_units }, ..on_demand() }
}

#[test]
fn a_new_table_has_four_partitions() {
    let mut world = World::service(on_demand());
    let key_of = |at: u64| at << 62;
    for _ in 0..3 {
        for at in 0..4 {
            assert_eq!(world.passing(Use::Write, key_of(at)), (1_000, KeyRangeThroughput));
        }
        world.advance(1_000);
    }
}

#[test]
fn the_owner_may_limit_it() {
    let mut world = World::service(with_max_writes(Some(5)));
    assert_eq!(world.passing(Use::Write, 1), (5, MaxOnDemandThroughput));
    world.resource.set_limits(with_max_writes(None), world.now_millis, world.now_millis);
    assert_eq!(world.write(1), Ok(()));
    world.advance(1_000_000);
    world.resource.set_limits(with_max_writes(Some(1)), world.now_millis, world.now_millis);
    assert_eq!(world.passing(Use::Write, 1), (1, MaxOnDemandThroughput));
}

#[test]
fn the_quota_of_the_account_is_the_end() {
    let quotas = Quotas { table_read_units: 100, ..Quotas::default() };
    let world = World::new(CapacityModel { quotas, ..CapacityModel::service() }, on_demand());
    assert_eq!(world.passing(Use::StrongRead, 1), (100, AccountLimit));
}

/// Spreads so many units over the table for a second; returns how many were rejected.
fn spread(world: &mut World, units: i64) -> i64 {
    const PIECES: i64 = 1_000;
    let mut refused = 0;
    for piece in 0..PIECES {
        // Neighbours in time are far from each other: multiples of the golden ratio.
        let token = (world.now_millis + piece as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        if world.access(Use::Write, token, units / PIECES).is_err() {
            refused += units / PIECES;
        }
        world.advance(u64::from(piece % 10 == 9) * 10);
    }
    refused
}

#[test]
fn twice_the_peak_passes_and_counts_after_half_an_hour() {
    let quotas = Quotas { table_write_units: 1_000_000, ..Quotas::default() };
    let model = CapacityModel { quotas, ..CapacityModel::service() };
    let mut world = World::new(model, on_demand());
    for _ in 0..3_600 {
        spread(&mut world, 10_000);
    }
    assert!(world.partitions() >= 20, "{}", world.partitions());
    let refused: i64 = (0..60).map(|_| spread(&mut world, 20_000)).sum();
    assert_eq!(refused, 0, "twice the peak");
    let refused: i64 = (0..60).map(|_| spread(&mut world, 25_000)).sum();
    assert!(refused > 0, "more than that");
    let _: i64 = (0..31 * 60).map(|_| spread(&mut world, 20_000)).sum();
    assert!(world.partitions() >= 40, "{}", world.partitions());
    let refused: i64 = (0..60).map(|_| spread(&mut world, 40_000)).sum();
    assert_eq!(refused, 0, "twice the new peak");
}

#[test]
fn a_switch_to_on_demand_keeps_what_was_once_provisioned() {
    let mut world = World::service(provisioned(10_000, 10_000));
    world.resource.set_limits(provisioned(10, 10), world.now_millis, world.now_millis);
    let limits = ResourceLimits { warm_read_units: 12_000, warm_write_units: 10_000, ..on_demand() };
    world.resource.set_limits(limits, world.now_millis, world.now_millis);
    assert!(world.partitions() >= 10);
    world.advance(1_000);
    assert_eq!((0..10).map(|_| spread(&mut world, 10_000)).sum::<i64>(), 0);
}
