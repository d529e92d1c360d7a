//! The legacy parameters: results on one item, and the text of every rejection.

use super::{super::legacy::*, *};
use crate::{
    item::{ItemRef, KeyType},
    schema::KeyAttribute,
};

const INVALID: &str = "One or more parameter values were invalid: ";

fn entry(name: &str, operator: &str, values: &[AttributeValue]) -> (String, LegacyCondition) {
    (name.to_owned(), LegacyCondition { operator: operator.to_owned(), values: values.to_vec() })
}

fn sample() -> ItemRef {
    ItemRef::from(&item([
        ("a", 5.into()),
        ("s", "xyz".into()),
        ("ss", strings(["p", "q"])),
        ("n", AttributeValue::Null),
    ]))
}

fn message<T: std::fmt::Debug>(result: crate::error::Result<T>) -> String {
    result.unwrap_err().message().to_owned()
}

#[test]
fn filters_on_an_item() {
    let cases = [
        ("a", "EQ", vec![5.into()], true),
        ("a", "NE", vec!["5".into()], true),
        ("zz", "NE", vec![5.into()], true),
        ("a", "LE", vec![5.into()], true),
        ("a", "LT", vec![5.into()], false),
        ("a", "GE", vec![6.into()], false),
        ("a", "GT", vec![4.into()], true),
        ("zz", "GT", vec![4.into()], false),
        ("n", "NOT_NULL", vec![], true),
        ("n", "NULL", vec![], false),
        ("zz", "NULL", vec![], true),
        ("s", "CONTAINS", vec!["yz".into()], true),
        ("ss", "CONTAINS", vec!["p".into()], true),
        ("zz", "CONTAINS", vec!["p".into()], false),
        ("ss", "NOT_CONTAINS", vec!["z".into()], true),
        ("ss", "NOT_CONTAINS", vec!["p".into()], false),
        ("zz", "NOT_CONTAINS", vec!["p".into()], false),
        ("a", "NOT_CONTAINS", vec!["p".into()], true),
        ("s", "BEGINS_WITH", vec!["xy".into()], true),
        ("a", "IN", vec![1.into(), 5.into()], true),
        ("a", "IN", vec![1.into()], false),
        ("a", "BETWEEN", vec![5.into(), 6.into()], true),
        ("s", "BETWEEN", vec!["y".into(), "z".into()], false),
    ];
    for (name, operator, values, expected) in cases {
        let condition = filter(&[entry(name, operator, &values)], None).unwrap().unwrap();
        assert_eq!(condition.matches(Some(&sample())), expected, "{name} {operator} {values:?}");
    }
    let two = [entry("a", "EQ", &[5.into()]), entry("s", "EQ", &["no".into()])];
    for (operator, expected) in [(None, false), (Some(ConditionalOperator::Or), true)] {
        assert_eq!(filter(&two, operator).unwrap().unwrap().matches(Some(&sample())), expected);
    }
    assert_eq!(filter(&[], None).unwrap(), None);
    let condition = filter(&two, None).unwrap().unwrap();
    let expected = "QueryFilter can only contain non-primary key attributes: Primary key attribute: s";
    assert_eq!(message(condition.check_reads_no_key(["pk", "s"])), expected);
}

#[test]
fn refused_conditions() {
    for (operator, values, expected) in [
        ("eq", vec![1.into()], "Invalid comparison operator"),
        ("EQ", vec![], "Invalid number of argument(s) for the EQ ComparisonOperator"),
        ("NULL", vec![1.into()], "Invalid number of argument(s) for the NULL ComparisonOperator"),
        ("IN", vec![], "Invalid number of argument(s) for the IN ComparisonOperator"),
        ("BETWEEN", vec![1.into()], "Invalid number of argument(s) for the BETWEEN ComparisonOperator"),
        ("IN", vec![1.into(), "1".into()], "AttributeValues inside AttributeValueList must be of same type"),
        ("CONTAINS", vec![strings(["p"])], "ComparisonOperator CONTAINS is not valid for SS AttributeValue type"),
        ("LT", vec![list([])], "ComparisonOperator LT is not valid for L AttributeValue type"),
        ("BEGINS_WITH", vec![1.into()], "ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type"),
        ("IN", vec![true.into()], "ComparisonOperator IN is not valid for BOOL AttributeValue type"),
    ] {
        let result = filter(&[entry("a", operator, &values)], None);
        assert_eq!(message(result), format!("{INVALID}{expected}"), "{operator} {values:?}");
    }
    let expected = "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound";
    assert_eq!(message(filter(&[entry("a", "BETWEEN", &[2.into(), 1.into()])], None)), expected);
    assert_eq!(message(filter(&[entry("", "NULL", &[])], None)), "Empty attribute name");
    let operator = Some(ConditionalOperator::And);
    let expected = "ConditionalOperator cannot be used without Filter or Expected";
    assert_eq!(message(filter(&[], operator)), expected);
    let expected = "ConditionalOperator can only be used when Filter or Expected has two or more elements";
    assert_eq!(message(filter(&[entry("a", "NULL", &[])], operator)), expected);
}

#[test]
fn expectations() {
    let value = || Some(AttributeValue::from(5));
    let none = Expectation::default();
    let expect = |entry: Expectation| expected(&[("a".to_owned(), entry)], None);
    for (entry, on_item, on_nothing) in [
        (Expectation { value: value(), ..none.clone() }, true, false),
        (Expectation { value: value(), exists: Some(true), ..none.clone() }, true, false),
        (Expectation { exists: Some(false), ..none.clone() }, false, true),
        (Expectation { operator: Some("NE".into()), value: value(), ..none.clone() }, false, true),
        (Expectation { operator: Some("NULL".into()), ..none.clone() }, false, true),
        (
            Expectation { operator: Some("IN".into()), values: Some(vec![1.into(), 5.into()]), ..none.clone() },
            true,
            false,
        ),
    ] {
        let condition = expect(entry.clone()).unwrap().unwrap();
        assert_eq!(condition.matches(Some(&sample())), on_item, "{entry:?}");
        assert_eq!(condition.matches(None), on_nothing, "{entry:?}");
    }
    let list = || Some(vec![AttributeValue::from(5)]);
    let equal = || Some("EQ".to_owned());
    for (entry, text) in [
        (none.clone(), "Value must be provided when Exists is null"),
        (Expectation { exists: Some(true), ..none.clone() }, "Value must be provided when Exists is true"),
        (
            Expectation { exists: Some(false), value: value(), ..none.clone() },
            "Value cannot be used when Exists is false",
        ),
        (
            Expectation { exists: Some(false), operator: equal(), ..none.clone() },
            "Exists and ComparisonOperator cannot be used together",
        ),
        (
            Expectation { value: value(), values: list(), ..none.clone() },
            "Value and AttributeValueList cannot be used together",
        ),
        (
            Expectation { values: list(), ..none.clone() },
            "AttributeValueList can only be used with a ComparisonOperator",
        ),
        (
            Expectation { operator: equal(), ..none.clone() },
            "Value or AttributeValueList must be used with ComparisonOperator: EQ",
        ),
    ] {
        assert_eq!(message(expect(entry)), format!("{INVALID}{text} for Attribute: a"));
    }
}

#[test]
fn key_conditions_bind() {
    let hash = [KeyAttribute::new("a", KeyType::S)];
    let range = [KeyAttribute::new("c", KeyType::N)];
    let bind = |entries: &[(String, LegacyCondition)]| key_conditions(entries).and_then(|c| c.bind(&hash, &range));
    let key = || entry("a", "EQ", &["x".into()]);
    assert_eq!(bind(&[key()]).unwrap().hash, [AttributeValue::from("x")]);
    let bound = bind(&[entry("c", "BETWEEN", &[1.into(), 2.into()]), key()]).unwrap();
    assert_eq!(bound.last, Some(RangeCondition::Between(1.into(), 2.into())));
    assert_eq!(bind(&[key(), entry("c", "EQ", &[1.into()])]).unwrap().range, [AttributeValue::from(1)]);
    for (entries, expected) in [
        (vec![], "Conditions can be of length 1 or 2 only"),
        (vec![key(); 9], "Conditions can be of length 1 or 2 only"),
        (vec![entry("c", "EQ", &[1.into()])], "Query condition missed key schema element: a"),
        (vec![entry("a", "GE", &["x".into()])], "Query key condition not supported"),
        (vec![key(), entry("d", "EQ", &[1.into()])], "Query condition missed key schema element: c"),
        (vec![key(), entry("c", "NE", &[1.into()])], "Attempted conditional constraint is not an indexable operation"),
        (vec![key(), entry("c", "NULL", &[])], "Attempted conditional constraint is not an indexable operation"),
    ] {
        assert_eq!(message(bind(&entries)), expected);
    }
}

#[test]
fn updates_of_attributes() {
    let entry = |name: &str, action, value| (name.to_owned(), AttributeUpdate { action, value });
    let key = item([("pk", "k".into())]);
    let all = attribute_updates(&[
        entry("s", UpdateAction::Put, Some(1.into())),
        entry("a", UpdateAction::Add, Some(1.into())),
        entry("ss", UpdateAction::Delete, Some(strings(["p"]))),
        entry("n", UpdateAction::Delete, None),
        entry("l", UpdateAction::Add, Some(list([1.into()]))),
    ])
    .unwrap();
    let applied = all.apply(Some(&sample()), &key).unwrap();
    let expected = item([("s", 1.into()), ("a", 6.into()), ("ss", strings(["q"])), ("l", list([1.into()]))]);
    assert_eq!(applied.item, Some(expected));
    let again = ItemRef::from(&item([("l", list([0.into()])), ("pk", "k".into())]));
    let longer = attribute_updates(&[entry("l", UpdateAction::Add, Some(list([1.into()])))]).unwrap();
    let applied = longer.apply(Some(&again), &key).unwrap();
    assert_eq!(applied.item.unwrap()["l"], list([0.into(), 1.into()]));
    for (name, action, value) in [
        ("s", UpdateAction::Add, 1.into()),
        ("a", UpdateAction::Add, strings(["p"])),
        ("ss", UpdateAction::Delete, numbers([1])),
    ] {
        let update = attribute_updates(&[entry(name, action, Some(value))]).unwrap();
        assert_eq!(message(update.apply(Some(&sample()), &key)), "Type mismatch for attribute to update");
    }
    for (action, value, expected) in [
        (UpdateAction::Put, None, "Only DELETE action is allowed when no attribute value is specified"),
        (UpdateAction::Add, None, "Only DELETE action is allowed when no attribute value is specified"),
        (UpdateAction::Delete, Some("x".into()), "DELETE action with value is not supported for the type S"),
        (UpdateAction::Add, Some("x".into()), "ADD action is not supported for the type S"),
        (UpdateAction::Add, Some(map([])), "ADD action is not supported for the type M"),
    ] {
        assert_eq!(message(attribute_updates(&[entry("a", action, value)])), format!("{INVALID}{expected}"));
    }
    let bare = attribute_updates(&[]).unwrap();
    assert_eq!(bare.apply(None, &key).unwrap().item, Some(key.clone()));
    let only_deletes = attribute_updates(&[entry("a", UpdateAction::Delete, None)]).unwrap();
    assert_eq!(only_deletes.apply(None, &key).unwrap().item, None);
    assert_eq!(UpdateAction::parse("ADD").unwrap(), UpdateAction::Add);
    assert!(message(UpdateAction::parse("add")).starts_with("Member must satisfy enum value set"));
}

#[test]
fn attributes_by_name() {
    let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let projection = attributes_to_get(&names(&["s", "name", "a.b"])).unwrap();
    assert_eq!(projection.apply(&sample()), item([("s", "xyz".into())]));
    let expected = format!("{INVALID}Duplicate value in attribute name: a");
    assert_eq!(message(attributes_to_get(&names(&["a", "b", "a"]))), expected);
    assert_eq!(message(attributes_to_get(&names(&["a", ""]))), "Empty attribute name");
}
