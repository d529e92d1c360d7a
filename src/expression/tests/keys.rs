//! Key conditions: what they bind to, and the text of every rejection.

use super::*;
use crate::{item::KeyType, schema::KeyAttribute};

fn key(text: &str) -> Result<KeyCondition, String> {
    with_scope(|scope| KeyCondition::parse(text, scope))
}

fn attributes<const N: usize>(all: [(&str, KeyType); N]) -> Vec<KeyAttribute> {
    all.into_iter().map(|(name, kind)| KeyAttribute::new(name, kind)).collect()
}

/// Binds to a partition key `a` of type S and a sort key `c` of type N.
fn bind(text: &str) -> Result<BoundKey, String> {
    let condition = key(text).expect(text);
    let bound = condition.bind(&attributes([("a", KeyType::S)]), &attributes([("c", KeyType::N)]));
    bound.map_err(|error| error.message().to_owned())
}

#[test]
fn clauses_in_any_order_and_form() {
    let x = || vec![AttributeValue::from("x")];
    let one = || AttributeValue::from(1);
    let last = |condition| BoundKey { hash: x(), range: vec![], last: Some(condition) };
    let cases = [
        ("a = :x", BoundKey { hash: x(), range: vec![], last: None }),
        ("(:x = #a)", BoundKey { hash: x(), range: vec![], last: None }),
        ("a = :x AND c = :1", BoundKey { hash: x(), range: vec![one()], last: None }),
        ("(c = :1) and (a = :x)", BoundKey { hash: x(), range: vec![one()], last: None }),
        ("(a = :x AND (c < :1))", last(RangeCondition::Less(one()))),
        ("a = :x AND :1 < c", last(RangeCondition::Greater(one()))),
        ("a = :x AND :1 >= c", last(RangeCondition::LessOrEqual(one()))),
        ("a = :x AND c >= :1", last(RangeCondition::GreaterOrEqual(one()))),
        ("c BETWEEN :1 AND :5 AND a = :x", last(RangeCondition::Between(one(), 5.into()))),
    ];
    for (text, expected) in cases {
        assert_eq!(bind(text), Ok(expected), "{text}");
    }
    let condition = key("a = :x AND begins_with(c, :b)").unwrap();
    let bound = condition.bind(&attributes([("a", KeyType::S)]), &attributes([("c", KeyType::B)])).unwrap();
    assert_eq!(bound.last, Some(RangeCondition::BeginsWith(binary(b"a"))));
}

#[test]
fn a_lone_equality_needs_no_parser_and_means_the_same() {
    let one = Placeholders::none().value(":x", "v");
    let all = [one.clone(), one.clone().value(":y", 1), one.clone().name("#a", "a"), Placeholders::none()];
    let texts = [
        "a = :x",
        "\ta=:x ",
        "a = :y",
        "status = :x",
        "size = :x",
        "and = :x",
        "a = :x AND b = :x",
        "(a = :x)",
        ":x = a",
        "a < :x",
        "#a = :x",
        "a.b = :x",
        "a[0] = :x",
        "a = b",
        "a =",
        "",
        "a = :x x",
    ];
    let mut lone = Vec::new();
    for (given, text) in all.iter().flat_map(|given| texts.iter().map(move |text| (given, *text))) {
        let mut rest = given.clone();
        match KeyCondition::parse_equality(text, &mut rest) {
            Some(condition) => {
                let parsed = parse_alone(given, |scope| KeyCondition::parse(text, scope));
                assert_eq!(parsed.map_err(|error| error.message().to_owned()), Ok(condition), "{text}");
                lone.push(text);
            }
            None => assert_eq!(rest, *given, "{text}"),
        }
    }
    assert_eq!(lone, ["a = :x", "\ta=:x "]);
}

#[test]
fn what_no_index_can_follow() {
    let operator = "Invalid operator used in KeyConditionExpression: ";
    let first = " operator must have the key attribute as its first operand";
    let in_one = "Invalid condition in KeyConditionExpression: ";
    for (text, fault) in [
        ("a > b and size(b) > c or a > c", format!("{operator}OR")),
        ("a in (b, size(c), d)", format!("{operator}IN")),
        ("attribute_exists(a)", format!("{operator}attribute_exists")),
        ("attribute_not_exists(a)", format!("{operator}attribute_not_exists")),
        ("attribute_type(a, :type)", format!("{operator}attribute_type")),
        ("contains(a.d, b)", format!("{operator}contains")),
        ("not a > b", format!("{operator}NOT")),
        ("a <> b", format!("{operator}<>")),
        (":1 between size(b) and size(a) and b > :b", format!("{in_one}BETWEEN{first}")),
        ("begins_with(:x, b) and a > :b", format!("{in_one}begins_with{first}")),
        ("size(b) > a AND a.b > b AND b > c", "KeyConditionExpressions cannot contain nested operations".into()),
        ("a > size(b.d)", "KeyConditionExpressions cannot contain nested operations".into()),
        ("a between size(b) and size(a)", "KeyConditionExpressions cannot contain nested operations".into()),
        ("b > a.b", format!("{in_one}Multiple attribute names used in one condition")),
        ("b between c[1] and d", format!("{in_one}Multiple attribute names used in one condition")),
        ("a between b and size(a)", format!("{in_one}Multiple attribute names used in one condition")),
        ("begins_with(a, b)", format!("{in_one}Multiple attribute names used in one condition")),
        ("b.d > a AND c.d > e.f", "KeyConditionExpressions cannot have conditions on nested attributes".into()),
        ("b[0] > :1", "KeyConditionExpressions cannot have conditions on nested attributes".into()),
        (":b > :1 AND a < :b", format!("{in_one}No key attribute specified")),
        ("b > :1 AND b < :1 and c = :1", "KeyConditionExpressions must only contain one condition per key".into()),
        ("(a > :1 and b > :1) and (b > :1)", "KeyConditionExpressions must only contain one condition per key".into()),
        ("", "The expression can not be empty;".into()),
        ("a = :nope", "An expression attribute value used in expression is not defined; attribute value: :nope".into()),
    ] {
        assert_eq!(key(text), Err(format!("Invalid KeyConditionExpression: {fault}")), "{text}");
    }
}

#[test]
fn what_the_schema_refuses() {
    for (text, expected) in [
        ("c = :1", "Query condition missed key schema element: a"),
        ("a = :x AND d = :1", "Query condition missed key schema element: c"),
        ("a > :x", "Query key condition not supported"),
        (
            "a = :x AND c = :1 AND d = :1",
            "The number of query conditions (3) exceeds the number of key attributes defined in the schema (2)",
        ),
        ("a = :1", "One or more parameter values were invalid: Condition parameter type does not match schema type"),
        (
            "a = :x AND begins_with(c, :x)",
            "One or more parameter values were invalid: Condition parameter type does not match schema type",
        ),
    ] {
        assert_eq!(bind(text), Err(expected.to_owned()), "{text}");
    }
}

#[test]
fn key_values_are_neither_empty_nor_too_long() {
    let key = attributes([("a", KeyType::S)]);
    let sort = attributes([("c", KeyType::B)]);
    let bind = |hash: &str, sort_bytes: usize| {
        let range = vec![0; sort_bytes];
        let placeholders = Placeholders::none().value(":a", hash).value(":c", bytes::Bytes::from(range));
        let mut scope = Scope::new(&placeholders);
        let condition = KeyCondition::parse("a = :a AND c >= :c", &mut scope).unwrap();
        condition.bind(&key, &sort).map(|_| ()).map_err(|error| error.message().to_owned())
    };
    let empty = |what, name| {
        Err(format!(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an \
             empty {what} value. Key: {name}"
        ))
    };
    assert_eq!(bind("", 1), empty("string", "a"));
    assert_eq!(bind("x", 0), empty("binary", "c"));
    assert_eq!(bind(&"x".repeat(2048), 1024), Ok(()));
    let invalid = "One or more parameter values were invalid:";
    let hash = format!("{invalid} Size of hashkey has exceeded the maximum size limit of2048 bytes");
    assert_eq!(bind(&"x".repeat(2049), 1), Err(hash));
    let range = format!("{invalid} Aggregated size of all range keys has exceeded the size limit of 1024 bytes");
    assert_eq!(bind("x", 1025), Err(range));
}

#[test]
fn keys_of_several_attributes() {
    let hash = attributes([("h", KeyType::S), ("i", KeyType::N)]);
    let range = attributes([("r", KeyType::N), ("s", KeyType::N), ("t", KeyType::S)]);
    let bind = |text: &str| key(text).expect(text).bind(&hash, &range).map_err(|error| error.message().to_owned());
    let bound = bind("s > :5 AND i = :1 AND r = :2 AND h = :x").unwrap();
    assert_eq!(bound.hash, [AttributeValue::from("x"), 1.into()]);
    assert_eq!(bound.range, [AttributeValue::from(2)]);
    assert_eq!(bound.last, Some(RangeCondition::Greater(5.into())));
    assert_eq!(bind("h = :x AND i = :1 AND r = :1 AND s = :1 AND t = :x").unwrap().range.len(), 3);
    for (text, expected) in [
        ("h = :x", "HASH key attributes i must have equality conditions specified in the query"),
        ("r = :1", "HASH key attributes h, i must have equality conditions specified in the query"),
        ("h > :x AND i = :1", "HASH key attributes h must have equality conditions specified in the query"),
        (
            "h = :x AND i = :1 AND s = :1",
            "RANGE key attributes r must have equality conditions specified in the query because a condition is \
             present on key attribute s",
        ),
        (
            "h = :x AND i = :1 AND r < :1 AND s = :1",
            "RANGE key attributes r must have equality conditions specified in the query because a condition is \
             present on key attribute s",
        ),
        (
            "h = :x AND i = :1 AND t = :x",
            "RANGE key attributes r, s must have equality conditions specified in the query because a condition is \
             present on key attribute t",
        ),
        ("h = :x AND i = :1 AND zz = :1", "Query condition missed key schema element: r"),
    ] {
        assert_eq!(bind(text), Err(expected.to_owned()), "{text}");
    }
}
