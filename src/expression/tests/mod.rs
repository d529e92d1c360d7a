//! Tests of the language as a whole: worked examples, messages, and random expressions against a naive evaluator.
mod builders;
mod conditions;
mod keys;
mod legacy;
mod naive;
mod random;
mod updates;

use super::*;
use crate::{
    error::Error,
    item::{AttributeValue, Item},
};
use std::collections::{BTreeMap, BTreeSet};

/// A list of values.
fn list<const N: usize>(values: [AttributeValue; N]) -> AttributeValue {
    AttributeValue::L(values.into())
}

/// A map.
fn map<const N: usize>(members: [(&str, AttributeValue); N]) -> AttributeValue {
    AttributeValue::M(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>())
}

/// A string set.
fn strings<const N: usize>(members: [&str; N]) -> AttributeValue {
    AttributeValue::Ss(members.into_iter().map(str::to_owned).collect::<BTreeSet<_>>())
}

/// A number set.
fn numbers<const N: usize>(members: [i64; N]) -> AttributeValue {
    AttributeValue::Ns(members.into_iter().map(Into::into).collect())
}

fn binary(bytes: &'static [u8]) -> AttributeValue {
    AttributeValue::B(bytes.into())
}

/// One value of each type and some more, by names that all tests share.
fn values() -> Placeholders {
    let mut all = Placeholders::none()
        .name("#a", "a")
        .name("#c", "c")
        .name("#3", "[3]")
        .name("#dot", "a.b")
        .value(":0", 0)
        .value(":1", 1)
        .value(":2", 2)
        .value(":5", 5)
        .value(":s1", "1")
        .value(":s5", "5")
        .value(":x", "x")
        .value(":z", "z")
        .value(":p", strings(["p"]))
        .value(":q", strings(["q"]))
        .value(":ns", numbers([1]))
        .value(":b", binary(b"a"))
        .value(":bs", AttributeValue::Bs([b"a".as_slice().into()].into()))
        .value(":t", true)
        .value(":null", AttributeValue::Null)
        .value(":list", list([1.into()]))
        .value(":map", map([]))
        .value(":type", "NULL")
        .value(":dog", "DOG");
    all = all.value(":1e125", "1E+125".parse::<crate::item::Number>().unwrap());
    all
}

/// Parses with [`values`].
fn with_scope<T>(parse: impl FnOnce(&mut Scope<'_>) -> crate::error::Result<T>) -> Result<T, String> {
    let all = values();
    let mut scope = Scope::new(&all);
    parse(&mut scope).map_err(|error: Error| {
        assert_eq!(error.code(), "ValidationException");
        error.message().to_owned()
    })
}

fn condition(text: &str) -> Result<Condition, String> {
    with_scope(|scope| Condition::parse(ExpressionKind::Filter, text, scope))
}

/// The fault of a condition, without the prefix.
fn condition_fault(text: &str) -> String {
    let message = condition(text).expect_err(text);
    message.strip_prefix("Invalid FilterExpression: ").expect("prefix").to_owned()
}

fn update(text: &str) -> Result<UpdateExpression, String> {
    with_scope(|scope| UpdateExpression::parse(text, scope))
}

/// The fault of an update, without the prefix.
fn update_fault(text: &str) -> String {
    let message = update(text).expect_err(text);
    message.strip_prefix("Invalid UpdateExpression: ").expect("prefix").to_owned()
}

fn item<const N: usize>(attributes: [(&str, AttributeValue); N]) -> Item {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
