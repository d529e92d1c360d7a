//! Random policies and requests: the engine's evaluator and a naive one agree.

use hashrange_test_support::{
    Random,
    access::{Case, Outcome},
};

#[test]
fn two_evaluators_agree() {
    let mut random = Random::new(26);
    let (mut allowed, mut denied, mut not_allowed) = (0, 0, 0);
    for _ in 0..4_000 {
        match Case::generate(&mut |below| random.below(below)).check() {
            Outcome::Allowed => allowed += 1,
            Outcome::Denied(_) => denied += 1,
            Outcome::NotAllowed(_) => not_allowed += 1,
        }
    }
    // A generator that hardly ever allows or denies would test nothing.
    assert!(allowed > 200 && denied > 200 && not_allowed > 200, "{allowed} {denied} {not_allowed}");
}
