//! Provisioned throughput, burst and debt.

use super::{World, full, provisioned};
use crate::{
    capacity::{AdmissionRule, CapacityModel, KeyPosition, Use},
    error::ThrottledLimit::ProvisionedThroughput,
};

#[test]
fn a_new_table_has_one_second_of_throughput() {
    let mut world = World::service(provisioned(10, 10));
    assert_eq!(world.passing(Use::StrongRead, 1), (10, ProvisionedThroughput));
    world.advance(100);
    assert_eq!(world.passing(Use::StrongRead, 1), (1, ProvisionedThroughput));
    let world = World::service(provisioned(1, 1));
    let eventual = |world: &World| world.access_at(Use::EventualRead, KeyPosition::default(), 500);
    assert_eq!([eventual(&world), eventual(&world)], [Ok(()), Ok(())]);
    assert_eq!(eventual(&world), Err(ProvisionedThroughput));
}

#[test]
fn burst_is_kept_for_300_seconds() {
    for idle_secs in [300, 3_000] {
        let mut world = World::service(provisioned(5, 5));
        world.advance(idle_secs * 1_000);
        assert_eq!(world.passing(Use::StrongRead, 1), (1_500, ProvisionedThroughput), "{idle_secs}");
    }
}

#[test]
fn burst_of_150_carries_200_for_900_seconds() {
    let mut world = World::new(full(), provisioned(150, 1));
    let mut second = || {
        let mut passed = 0;
        for _ in 0..200 {
            passed += u32::from(world.read(1).is_ok());
            world.advance(5);
        }
        passed
    };
    for at in 0..900 {
        assert_eq!(second(), 200, "second {at}");
    }
    for _ in 0..10 {
        let passed = second();
        assert!((149..=151).contains(&passed), "{passed}");
    }
}

#[test]
fn a_debt_is_repaid_before_anything_passes() {
    let mut world = World::service(provisioned(5, 5));
    for _ in 0..4 {
        world.read(1).unwrap();
    }
    world.read(256).unwrap();
    assert_eq!(world.tokens_left(false), -255.0);
    world.advance(51_000);
    assert_eq!(world.read(1), Err(ProvisionedThroughput), "a bucket that holds nothing admits nothing");
    world.advance(200);
    assert_eq!(world.read(1), Ok(()));

    let mut world = World::service(provisioned(1, 1));
    world.read(2).unwrap();
    world.advance(1_000);
    assert_eq!(world.read(1), Err(ProvisionedThroughput));
    world.advance(500);
    assert_eq!(world.read(1), Ok(()));
}

#[test]
fn a_request_larger_than_the_bucket_passes_if_there_is_anything() {
    let mut world = World::service(provisioned(1, 1));
    world.write(400).unwrap();
    assert_eq!(world.tokens_left(true), -399.0);
    world.advance(399_000);
    assert_eq!(world.write(1), Err(ProvisionedThroughput));
    world.advance(1);
    assert_eq!(world.write(1), Ok(()));

    let mut world =
        World::new(CapacityModel { admission: AdmissionRule::PrePaid, ..CapacityModel::service() }, provisioned(1, 1));
    world.advance(298_999);
    assert_eq!(world.write(400), Err(ProvisionedThroughput), "before the bucket is full");
    world.advance(1);
    assert_eq!(world.write(400), Ok(()));
}

#[test]
fn rejected_requests_cost_nothing() {
    let world = World::service(provisioned(1, 2));
    world.write(2).unwrap();
    assert_eq!(world.write(1), Err(ProvisionedThroughput));
    assert_eq!(world.tokens_left(true), 0.0);
    assert_eq!(world.tokens_left(false), 1.0, "reads and writes have buckets of their own");
}

#[test]
fn a_change_of_rate_acts_when_it_is_done_and_keeps_what_is_left() {
    let mut world = World::new(full(), provisioned(10, 10));
    world.resource.set_limits(provisioned(20, 10), world.now_millis + 2_000, world.now_millis);
    world.read(100).unwrap();
    assert_eq!(world.tokens_left(false), 2_900.0);
    world.advance(1_999);
    assert_eq!(world.tokens_left(false), 2_919.99);
    world.advance(1_001);
    assert_eq!(world.tokens_left(false), 2_940.0, "20 for two seconds of 10 each, 20 for one of 20");
    world.advance(1_000_000);
    assert_eq!(world.tokens_left(false), 6_000.0);
    world.resource.set_limits(provisioned(10, 10), world.now_millis, world.now_millis);
    assert_eq!(world.tokens_left(false), 3_000.0, "a decrease caps what is left");
}

#[test]
fn shares_of_partitions_before_adaptive_capacity() {
    let model = CapacityModel { adaptive: false, ..full() };
    let quarter = |at: u64| at << 62;
    // The fourth has 30,000 to begin with, takes 150 at the beginning of each second and earns 100 until the next.
    for (model, refused_after) in [(model, Some(598)), (full(), None)] {
        // Four partitions by an earlier rate; the loads are 50, 50, 50 and 150 a second of 400.
        let mut world = World::new(model, provisioned(1, 4_000 - 1));
        assert_eq!(world.partitions(), 4);
        world.resource.set_limits(provisioned(1, 400), world.now_millis, world.now_millis);
        let mut first_refused = None;
        for sec in 0..1_000 {
            for (at, load) in [50, 50, 50, 150].into_iter().enumerate() {
                let refused = (0..load).any(|_| world.access(Use::Write, quarter(at as u64), 1).is_err());
                assert!(at == 3 || !refused);
                if refused && first_refused.is_none() {
                    first_refused = Some(sec);
                }
            }
            world.advance(1_000);
        }
        assert_eq!(first_refused, refused_after);
    }
}
