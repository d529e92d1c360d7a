//! Any bytes as a policy, which is refused or decides; and random policies and requests, on which two evaluators agree.

use hashrange::access::{Action, ArnScope, Ask, Environment, Policy, Principal, explain};
use hashrange_test_support::access::Case;

pub fn access_policy(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let ask =
            Ask::new(Action::GetItem, ArnScope::default().table("T")).partition_keys(["t1", "a*"]).attributes(["pk"]);
        if let Ok(policy) = Policy::parse_of_resource(text) {
            let _ = explain(&Principal::user("alice"), &Environment::default(), &ask, Some(&policy)).to_string();
        }
        if let Ok(policy) = Policy::parse(text) {
            let _ = policy.remarks();
            let alice = Principal::user("alice").tag("tenant", "t1").policy(policy);
            let _ = explain(&alice, &Environment::default(), &ask, None).to_string();
        }
    }
    let mut choices = data.iter();
    Case::generate(&mut |below| usize::from(choices.next().copied().unwrap_or(0)) % below).check();
}
