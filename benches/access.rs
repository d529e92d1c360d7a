//! What access policies cost in time: `cargo bench -p hashrange --bench access`.
//!
//! A policy of five statements with conditions, variables and patterns, of which the last one decides. Wanted are 300 ns
//! for the check. Its instructions are counted by `--bench instructions`.

#![expect(clippy::disallowed_methods, reason = "measures time, and nothing but")]
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that reports and fails by panicking")]

use hashrange::{
    Database, Item,
    access::{Action, ArnScope, Ask, Policy, Principal},
    key::S,
};
use std::{hint::black_box, time::Instant};

const ITEMS: usize = 5_000;
const ROUNDS: usize = 101;

/// The policy of a tenant: its own keys of one table and of an index, no other way, nothing without encryption.
const TENANT: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Deny", "Action": "dynamodb:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
    {"Effect": "Deny", "Action": ["dynamodb:Delete*", "dynamodb:UpdateTable"], "Resource": "arn:aws:dynamodb:*:*:table/*"},
    {"Effect": "Allow", "Action": "dynamodb:ListTables", "Resource": "*"},
    {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": "arn:aws:dynamodb:*:*:table/orders/index/*",
     "Condition": {"StringEquals": {"dynamodb:Select": "COUNT"}}},
    {"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem"],
     "Resource": "arn:aws:dynamodb:*:*:table/orders",
     "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "${aws:PrincipalTag/tenant}#*"},
                   "Null": {"dynamodb:LeadingKeys": "false"}}}]}"#;

fn key(i: usize) -> (String, String) {
    (format!("USER#{:08}", i / 10), format!("ORDER#{:04}", i % 10))
}

/// Nanoseconds of one of `ITEMS` calls, median and least of all rounds.
fn measure(what: &str, mut call: impl FnMut(usize)) {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begin = Instant::now();
            (0..ITEMS).for_each(&mut call);
            begin.elapsed().as_nanos() as f64 / ITEMS as f64
        })
        .collect();
    rounds.sort_unstable_by(f64::total_cmp);
    println!("{what:42}{:7.0} ns, at best{:7.0} ns", rounds[ROUNDS / 2], rounds[0]);
}

fn main() {
    let db = Database::options().background(false).in_memory().unwrap();
    let orders = db.create_table("orders").hash::<S>("pk").range::<S>("sk").create().unwrap();
    let keys: Vec<(String, String)> = (0..ITEMS).map(key).collect();
    for (pk, sk) in &keys {
        orders.put(&Item::new().with("pk", pk.as_str()).with("sk", sk.as_str()).with("total", 7)).unwrap();
    }
    db.compact().unwrap();
    let policy = Policy::parse(TENANT).unwrap();
    let tenant = db.as_principal(Principal::new("tenant").tag("tenant", "USER").policy(policy));
    let resource = ArnScope::default().table("orders");
    let ask = |at: usize| Ask::new(Action::GetItem, resource.clone()).partition_keys([keys[at].0.as_str()]);
    let asks: Vec<Ask<'_>> = (0..ITEMS).map(ask).collect();
    let foreign = Ask::new(Action::GetItem, resource.clone()).partition_keys(["OTHER#1"]);
    measure("check of a policy of 5 statements", |at| tenant.authorize(&asks[at]).unwrap());
    measure("the same, refused (with its text)", |_| drop(black_box(tenant.authorize(&foreign).unwrap_err())));
    measure("get", |at| drop(black_box(orders.get((&keys[at].0, &keys[at].1)).unwrap().unwrap())));
    let restricted = tenant.table::<(S, S)>("orders").unwrap();
    measure("get as a principal of 5 statements", |at| {
        drop(black_box(restricted.get((&keys[at].0, &keys[at].1)).unwrap().unwrap()));
    });
}
