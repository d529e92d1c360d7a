//! Random histories: no limit is passed by more than one request, nothing panics, and everything repeats.

use super::{BEGIN_MILLIS, World, on_demand, provisioned};
use crate::capacity::{CapacityModel, HeatModel, KeyPosition, Use};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Access { of: Use, token: u64, sort: u8, cost: i64 },
    Advance(u64),
    SetBack(u64),
    Provision(u64, u64),
    OnDemand,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let of = prop_oneof![Just(Use::StrongRead), Just(Use::EventualRead), Just(Use::Write)];
    let access = (of, any::<u64>(), any::<u8>(), 500..20_000_i64).prop_map(|(of, token, sort, cost)| Step::Access {
        of,
        token: (token % 5) << 61,
        sort,
        cost,
    });
    let step = prop_oneof![
        12 => access,
        4 => (1..3_000_u64).prop_map(Step::Advance),
        1 => (1..10_000_u64).prop_map(Step::SetBack),
        1 => (1..40_u64, 1..40_u64).prop_map(|(reads, writes)| Step::Provision(reads, writes)),
        1 => Just(Step::OnDemand),
    ];
    proptest::collection::vec(step, 1..300)
}

/// A model in which everything happens soon.
fn hasty(combined: bool) -> CapacityModel {
    CapacityModel {
        burst_secs: 3,
        partition_read_units: 30,
        partition_write_units: 10,
        eventual_read_units: 45,
        combined,
        heat: Some(HeatModel { percent: 50, hot_secs: 2, of_secs: 4, delay_secs: 3 }),
        peak_minutes: 0,
        ..CapacityModel::service()
    }
}

/// What became of each access: when, and what it cost if it was admitted.
fn run(model: CapacityModel, steps: &[Step]) -> Vec<(u64, Use, Option<i64>)> {
    let mut world = World::new(model, provisioned(20, 10));
    let mut outcomes = Vec::new();
    for step in steps {
        match step {
            Step::Access { of, token, sort, cost } => {
                let sort = [*sort];
                let place = KeyPosition { token: *token, collection: b"c", sort: &sort };
                let admitted = world.access_at(*of, place, *cost).is_ok();
                outcomes.push((world.now_millis, *of, admitted.then_some(*cost)));
            }
            Step::Advance(millis) => world.advance(*millis),
            Step::SetBack(millis) => world.now_millis = world.now_millis.saturating_sub(*millis).max(BEGIN_MILLIS),
            Step::Provision(reads, writes) => {
                let limits = provisioned(*reads, *writes);
                world.resource.set_limits(limits, world.now_millis + 500, world.now_millis);
            }
            Step::OnDemand => world.resource.set_limits(on_demand(), world.now_millis, world.now_millis),
        }
    }
    let report = world.resource.report(None, world.now_millis);
    assert!(report.partitions.windows(2).all(|pair| pair[0].first_token <= pair[1].first_token));
    assert_eq!(report.partitions[0].first_token, 0);
    outcomes
}

proptest! {
    #[test]
    fn the_same_history_has_the_same_outcome(steps in steps(), combined in any::<bool>()) {
        prop_assert_eq!(run(hasty(combined), &steps), run(hasty(combined), &steps));
    }

    /// In any window of n seconds: what can be kept, n seconds of the rate, and the largest single cost.
    #[test]
    fn no_window_passes_more_than_its_rate_allows(steps in steps(), reads in 1..30_u64, writes in 1..10_u64) {
        let only_time = |step: &&Step| matches!(step, Step::Access { .. } | Step::Advance(_));
        let steps: Vec<Step> = steps.iter().filter(only_time).cloned().collect();
        let mut world = World::new(hasty(false), provisioned(reads, writes));
        let mut admitted: Vec<(u64, bool, i64)> = Vec::new();
        for step in &steps {
            match step {
                Step::Access { of, token, sort, cost } => {
                    let sort = [*sort];
                    let place = KeyPosition { token: *token, collection: b"c", sort: &sort };
                    if world.access_at(*of, place, *cost).is_ok() {
                        admitted.push((world.now_millis, *of == Use::Write, *cost));
                    }
                }
                Step::Advance(millis) => world.advance(*millis),
                _ => {}
            }
        }
        for is_write in [false, true] {
            let rate = i64::try_from(if is_write { writes } else { reads }).unwrap();
            let of_arm: Vec<_> = admitted.iter().filter(|(_, write, _)| *write == is_write).collect();
            let largest = of_arm.iter().map(|(_, _, cost)| *cost).max().unwrap_or(0);
            for from in 0..of_arm.len() {
                let mut sum = 0;
                for (at, _, cost) in &of_arm[from..] {
                    sum += cost;
                    let millis = i64::try_from(at - of_arm[from].0).unwrap();
                    prop_assert!(sum <= 3 * 1_000 * rate + millis * rate + largest);
                }
            }
        }
    }
}
