//! Ceilings of partitions, heat, and where a hot partition is cut.

use super::{World, full, on_demand, provisioned};
use crate::{
    capacity::{CapacityModel, CutRefusal, KeyPosition, ResourceLimits, TOKENS_PER_UNIT, Use},
    error::ThrottledLimit::KeyRangeThroughput,
};

#[test]
fn burst_does_not_lift_the_ceiling_of_a_partition() {
    let world = World::new(full(), provisioned(1, 9_000));
    assert_eq!(world.partitions(), 10);
    assert_eq!(world.passing(Use::Write, 1), (1_000, KeyRangeThroughput));
    assert_eq!(world.access(Use::Write, u64::MAX, 1), Ok(()), "another partition");
    assert_eq!(world.read(1), Ok(()), "reads are judged apart");
}

#[test]
fn eventual_reads_may_have_a_ceiling_of_their_own() {
    let reads = |model: CapacityModel, of: Use, cost: i64| {
        let world = World::new(model, on_demand());
        (0..).take_while(|_| world.access_at(of, KeyPosition::default(), cost).is_ok()).count()
    };
    let service = CapacityModel::service();
    assert_eq!(reads(service, Use::StrongRead, 1_000), 3_000);
    assert_eq!(reads(service, Use::EventualRead, 500), 6_000);
    let measured = CapacityModel { eventual_read_units: 4_500, ..service };
    assert_eq!(reads(measured, Use::StrongRead, 1_000), 3_000);
    assert_eq!(reads(measured, Use::EventualRead, 500), 9_000);
}

#[test]
fn reads_and_writes_may_share_a_ceiling() {
    let world = World::new(CapacityModel { combined: true, ..CapacityModel::service() }, on_demand());
    world.read(1_500).unwrap();
    assert_eq!(world.passing(Use::Write, 1), (500, KeyRangeThroughput));
    assert_eq!(world.read(1), Err(KeyRangeThroughput));
}

/// Reads and writes that share a ceiling heat the partition together, long before one of them does alone.
#[test]
fn a_shared_ceiling_is_hot_by_both_together() {
    let hot_secs = |combined: bool| {
        let mut world = World::new(CapacityModel { combined, ..CapacityModel::service() }, on_demand());
        for _ in 0..10 {
            world.access(Use::StrongRead, 1, 1_410).unwrap();
            world.access(Use::Write, 1, 480).unwrap();
            world.advance(1_000);
        }
        world.resource.report(None, world.now_millis).partitions[0].hot_secs
    };
    assert_eq!((hot_secs(true), hot_secs(false)), (10, 0));
}

/// Each half of a partition that was cut begins with what the whole had, and its neighbours keep their own.
#[test]
fn shares_after_a_cut_are_those_of_their_places() {
    let model = CapacityModel { adaptive: false, burst_secs: 600, ..CapacityModel::service() };
    let mut world = World::new(model, provisioned(10, 3_600));
    assert_eq!(world.partitions(), 4);
    let last = u64::MAX - 1;
    // The first partition works all the time, and the last one never.
    let keys = [place(7, b""), place(8, b"")];
    let mut seconds = 0;
    while world.partitions() == 4 && seconds < 400 {
        second(&mut world, &keys, 600);
        seconds += 1;
    }
    assert_eq!(world.partitions(), 5);
    let passing = |token: u64| (0..5_000).take_while(|_| world.access(Use::Write, token, 100).is_ok()).count();
    // What the ceiling of a partition allows is 1,000 at once; the share of the last one is far from empty.
    assert_eq!(passing(last), 10);
    assert!(passing(7) < 10 && passing(8) < 10, "a busy half has not the neighbour's savings");
}

/// Writes so many units a second to each place, a hundred times a second; returns whether anything was rejected.
fn second(world: &mut World, places: &[KeyPosition<'_>], units: i64) -> bool {
    let mut refused = false;
    for _ in 0..100 {
        for place in places {
            refused |= world.access_at(Use::Write, *place, units * TOKENS_PER_UNIT / 100).is_err();
        }
        world.advance(10);
    }
    refused
}

fn place(token: u64, sort: &[u8]) -> KeyPosition<'_> {
    KeyPosition { token, collection: b"c", sort }
}

#[test]
fn two_hot_keys_are_split_after_270_seconds() {
    let mut world = World::service(on_demand());
    let keys = [place(7, b""), place(8, b"")];
    assert_eq!((world.access_at(Use::Write, keys[0], 0), world.partitions()), (Ok(()), 4));
    let refused: Vec<bool> = (0..400).map(|_| second(&mut world, &keys, 900)).collect();
    assert!(refused[1..270].iter().all(|refused| *refused));
    assert!(refused[270..].iter().all(|refused| !refused));
    assert_eq!(world.partitions(), 5);
}

#[test]
fn one_hot_item_stays_alone_at_its_ceiling() {
    let mut world = World::service(on_demand());
    for sec in 0..700 {
        let before = world.resource.report(None, world.now_millis).partitions[0].write_units;
        assert!(second(&mut world, &[place(7, b"")], 2_000) || sec == 0);
        let after = world.resource.report(None, world.now_millis).partitions[0].write_units;
        assert!(sec == 0 || (after - before - 1_000.0).abs() <= 20.0, "second {sec}: {}", after - before);
    }
    let report = world.resource.report(None, world.now_millis);
    assert_eq!((report.partitions.len(), report.partitions[0].cut_refusal), (4, Some(CutRefusal::OneItem)));
}

/// Seconds until a collection that takes 1,500 units a second is cut by its sort key; `None` if it is not in ten minutes.
fn cut_after(limits: ResourceLimits, sort: impl Fn(u32) -> [u8; 4]) -> (Option<u32>, Option<CutRefusal>) {
    let mut world = World::service(limits);
    let mut count = 0;
    for sec in 0..600 {
        for _ in 0..50 {
            count += 1;
            let _ = world.access_at(Use::Write, place(7, &sort(count)), 30 * TOKENS_PER_UNIT);
            world.advance(20);
        }
        if world.partitions() > 4 {
            return (Some(sec + 1), None);
        }
    }
    (None, world.resource.report(None, world.now_millis).partitions[0].cut_refusal)
}

#[test]
fn a_collection_is_cut_by_its_sort_key_unless_it_is_used_in_order() {
    let random = |count: u32| count.wrapping_mul(0x9E37_79B1).to_be_bytes();
    let (cut, _) = cut_after(on_demand(), random);
    assert!(cut.is_some_and(|sec| (270..=272).contains(&sec)), "{cut:?}");
    let rising = |count: u32| count.to_be_bytes();
    assert_eq!(cut_after(on_demand(), rising), (None, Some(CutRefusal::InOrder)));
    let falling = |count: u32| (u32::MAX - count).to_be_bytes();
    assert_eq!(cut_after(on_demand(), falling), (None, Some(CutRefusal::InOrder)));
    let indexed = ResourceLimits { keeps_collections: true, ..on_demand() };
    assert_eq!(cut_after(indexed, random), (None, Some(CutRefusal::OneCollection)));
}

#[test]
fn without_heat_nothing_is_cut() {
    let mut world = World::new(CapacityModel { heat: None, ..CapacityModel::service() }, on_demand());
    for _ in 0..400 {
        second(&mut world, &[place(7, b""), place(8, b"")], 900);
    }
    assert_eq!(world.partitions(), 4);
}
