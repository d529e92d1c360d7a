//! The sketch keeps its promises whatever comes, in whatever order.

use crate::ledger::sketch::Sketch;
use proptest::prelude::*;
use std::collections::HashMap;

proptest! {
    #[test]
    fn true_weights_lie_within_the_error(accesses in prop::collection::vec((0u8..40, 1u64..9), 0..400), most in 1usize..12) {
        let mut sketch = Sketch::new(most);
        let mut truth: HashMap<u8, u64> = HashMap::new();
        for (key, weight) in &accesses {
            sketch.add(&[*key], *weight, *weight / 3, u64::from(*key));
            *truth.entry(*key).or_default() += weight;
        }
        let total: u64 = truth.values().sum();
        prop_assert_eq!(sketch.total(), total);
        prop_assert!(sketch.counters().len() <= most);
        for counter in sketch.counters() {
            let weight = truth[&counter.key[0]];
            prop_assert!(weight <= counter.weight && weight >= counter.weight - counter.error);
            prop_assert!(counter.error <= total / most as u64);
            prop_assert!(counter.peak_minute_weight() <= weight);
            let certain = counter.minutes().fold((0, 0), |sum, minute| (sum.0 + minute.weight, sum.1 + minute.written));
            prop_assert_eq!(certain, (counter.weight - counter.error, counter.written), "one minute has it all");
        }
        let listed: Vec<u8> = sketch.counters().iter().map(|counter| counter.key[0]).collect();
        for (key, weight) in truth.iter().filter(|(key, _)| !listed.contains(key)) {
            prop_assert!(*weight <= sketch.most_uncounted(), "key {} has {}", key, weight);
        }
    }
}

#[test]
fn a_key_is_remembered_by_its_hottest_minute() {
    let mut sketch = Sketch::new(2);
    for (weight, minute) in [(5, 1), (5, 1), (7, 2), (1, 3)] {
        sketch.add(b"a", weight, 1, minute);
    }
    let counter = &sketch.counters()[0];
    assert_eq!((counter.weight, counter.error, counter.peak_minute_weight()), (18, 0, 10));
    let minutes: Vec<_> = counter.minutes().map(|minute| (minute.minute, minute.weight, minute.written)).collect();
    assert_eq!(minutes, [(1, 10, 2), (2, 7, 1), (3, 1, 1)]);
}

#[test]
fn thirty_minutes_of_a_key_are_kept_and_none_of_the_key_before() {
    let mut sketch = Sketch::new(1);
    (1..=40).for_each(|minute| sketch.add(b"a", minute, 0, minute));
    let counter = &sketch.counters()[0];
    assert_eq!(counter.minutes().map(|minute| minute.minute).collect::<Vec<_>>(), (11..=40).collect::<Vec<_>>());
    sketch.add(b"b", 1, 1, 41);
    let counter = &sketch.counters()[0];
    assert_eq!((counter.key.as_slice(), counter.written, counter.peak_minute_weight()), (b"b".as_slice(), 1, 1));
    assert_eq!(counter.minutes().map(|minute| minute.minute).collect::<Vec<_>>(), [41]);
}
