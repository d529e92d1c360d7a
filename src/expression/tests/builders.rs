//! Builders and texts make the same trees.

use super::*;

fn built(predicate: Predicate) -> Result<Condition, String> {
    predicate.build(ExpressionKind::Filter).map_err(|error| error.message().to_owned())
}

#[test]
fn conditions_equal_their_texts() {
    let cases = [
        ("a = :1", attr("a").eq(1)),
        ("a <> :x", attr("a").ne("x")),
        ("a < :1 AND b <= :1", attr("a").lt(1) & attr("b").le(1)),
        ("a > :1 OR NOT b >= :1", attr("a").gt(1) | !attr("b").ge(1)),
        (
            "total >= :5 AND NOT attribute_exists(hold1) AND c = :1",
            attr("total1").ge(5) & !attr("hold1").exists() & attr("c").eq(1),
        ),
        ("a = :1 AND (b = :1 OR c = :1)", attr("a").eq(1) & (attr("b").eq(1) | attr("c").eq(1))),
        ("a.b[1].c BETWEEN :1 AND :5", attr("a.b[1].c").between(1, 5)),
        ("a IN (:1, b, :x)", attr("a").is_in([Term::from(1), attr("b"), "x".into()])),
        ("attribute_not_exists(a)", attr("a").not_exists()),
        ("attribute_type(a, :type)", attr("a").attribute_type("NULL")),
        ("begins_with(a, :x)", attr("a").begins_with("x")),
        ("contains(a, b)", attr("a").contains(attr("b"))),
        ("size(a) > :1", attr("a").size().gt(1)),
        ("size(:x) = size(a)", Term::from("x").size().eq(attr("a").size())),
        ("#dot = :1", attr_named("a.b").eq(1)),
        ("NOT NOT a = :1", !!attr("a").eq(1)),
        ("a = :ns", attr("a").eq(numbers([1]))),
    ];
    for (text, predicate) in cases {
        // The one reserved word is written as the builder may write it.
        let text = text.replace("total ", "total1 ");
        assert_eq!(built(predicate), condition(&text), "{text}");
    }
}

#[test]
fn conditions_have_the_faults_of_their_texts() {
    for (text, predicate) in [
        ("a < :t", attr("a").lt(true)),
        ("a BETWEEN :5 AND :1", attr("a").between(5, 1)),
        ("a BETWEEN :1 AND :z", attr("a").between(1, "z")),
        ("begins_with(a, :1)", attr("a").begins_with(1)),
        ("attribute_type(a, :dog)", attr("a").attribute_type("DOG")),
        ("size(:1) = :1", Term::from(1).size().eq(1)),
        ("attribute_exists(:1)", Term::from(1).exists()),
        ("a = a", attr("a").eq(attr("a"))),
        ("a = a AND begins_with(a, :1)", attr("a").eq(attr("a")) & attr("a").begins_with(1)),
    ] {
        assert_eq!(built(predicate).unwrap_err(), condition(text).unwrap_err(), "{text}");
    }
    let expected = "Invalid FilterExpression: The text is not a document path; text: \"a..b\"";
    assert_eq!(built(attr("a..b").exists()).unwrap_err(), expected);
    assert!(built(attr("a").is_in(Vec::<i32>::new())).is_err());
    assert!(built(attr("a").is_in(0..101)).unwrap_err().ends_with("number of operands: 101"));
}

#[test]
fn conditions_without_end_are_refused() {
    let mut all = attr("a").eq(1);
    let mut not = attr("a").eq(1);
    let mut mixed = attr("a").eq(1);
    for i in 0..100_000 {
        all = all & attr("a").eq(i);
        not = !not;
        mixed = if i % 2 == 0 { mixed & attr("a").exists() } else { attr("b").exists() | mixed };
    }
    for predicate in [all, not, mixed] {
        let fault = built(predicate).unwrap_err();
        assert!(fault.starts_with("Invalid FilterExpression: The expression contains too many operators"), "{fault}");
    }
}

#[test]
fn updates_equal_their_texts() {
    let cases = [
        ("SET a = :1, b.c = d", UpdateBuilder::new().set("a", 1).set("b.c", attr("d"))),
        ("SET a = a + :1", UpdateBuilder::new().set("a", attr("a") + 1)),
        ("SET a = :5 - b", UpdateBuilder::new().set("a", Term::from(5) - attr("b"))),
        ("SET a = if_not_exists(a, :0) + :1", UpdateBuilder::new().set("a", if_not_exists("a", 0) + 1)),
        (
            "SET a = list_append(if_not_exists(a, :list), b)",
            UpdateBuilder::new().set("a", list_append(if_not_exists("a", list([1.into()])), attr("b"))),
        ),
        (
            "SET a = :1, b = :2 REMOVE c, e[1] ADD f :5 DELETE g :p",
            UpdateBuilder::new()
                .set("a", 1)
                .remove("c")
                .add("f", 5)
                .set("b", 2)
                .delete("g", strings(["p"]))
                .remove("e[1]"),
        ),
        ("REMOVE a SET b = a", UpdateBuilder::new().remove("a").set("b", attr("a"))),
    ];
    for (text, builder) in cases {
        let built = builder.build().map_err(|error| error.message().to_owned());
        assert_eq!(built, update(text), "{text}");
    }
    assert_eq!(UpdateBuilder::new().build().unwrap(), UpdateExpression::none());
}

#[test]
fn updates_have_the_faults_of_their_texts() {
    for (text, builder) in [
        ("SET a = :1 REMOVE a.b", UpdateBuilder::new().set("a", 1).remove("a.b")),
        ("SET a = b + :x", UpdateBuilder::new().set("a", attr("b") + "x")),
        ("ADD a :x", UpdateBuilder::new().add("a", "x")),
        ("DELETE a :5", UpdateBuilder::new().delete("a", 5)),
        ("SET a = size(b)", UpdateBuilder::new().set("a", attr("b").size())),
        ("SET a = list_append(a, :1)", UpdateBuilder::new().set("a", list_append(attr("a"), 1))),
        (
            "SET a = list_append(a, list_append(a, b))",
            UpdateBuilder::new().set("a", list_append(attr("a"), list_append(attr("a"), attr("b")))),
        ),
    ] {
        let fault = builder.build().unwrap_err().message().to_owned();
        assert_eq!(fault, update(text).unwrap_err(), "{text}");
    }
}

#[test]
fn key_conditions_equal_their_texts() {
    let parse = |text: &str| with_scope(|scope| KeyCondition::parse(text, scope)).unwrap();
    use RangeCondition::*;
    let clause = |name, range| KeyClause::new(name, KeyTest::Range(range));
    let equal = |name, value| KeyClause::new(name, KeyTest::Equal(value));
    for (text, second) in [
        ("a = :x AND c = :1", equal("c", 1.into())),
        ("a = :x AND c < :1", clause("c", Less(1.into()))),
        ("a = :x AND c <= :1", clause("c", LessOrEqual(1.into()))),
        ("a = :x AND c > :1", clause("c", Greater(1.into()))),
        ("a = :x AND c >= :1", clause("c", GreaterOrEqual(1.into()))),
        ("a = :x AND c BETWEEN :1 AND :5", clause("c", Between(1.into(), 5.into()))),
        ("a = :x AND begins_with(c, :x)", clause("c", BeginsWith("x".into()))),
    ] {
        let built = KeyCondition::of([equal("a", "x".into()), second]).unwrap();
        assert_eq!(built, parse(text), "{text}");
    }
    for (clauses, fault) in [
        (vec![equal("a", 1.into()), equal("a", 2.into())], "must only contain one condition per key"),
        (
            vec![clause("a", Between(5.into(), 1.into()))],
            "requires upper bound to be greater than or equal to lower bound",
        ),
        (vec![clause("a", BeginsWith(5.into()))], "operator or function: begins_with, operand type: N"),
    ] {
        let error = KeyCondition::of(clauses).unwrap_err();
        assert!(error.message().contains(fault), "{}", error.message());
    }
}

#[test]
fn printed_expressions_are_readable() {
    let text = "NOT (a = :0 OR size(b.#0) < :1) AND attribute_type(#1[2], :2) AND contains(x, :3)";
    let condition = !(attr("a").eq(1) | attr("b.name").size().lt(2))
        & attr("remove[2]").attribute_type("S")
        & attr("x").contains("y");
    let printed = built(condition.clone()).unwrap().print();
    assert_eq!(printed.text, text);
    assert_eq!(printed.placeholders.names.as_ref().unwrap()["#1"], "remove");
    let mut scope = Scope::new(&printed.placeholders);
    assert_eq!(Condition::parse(ExpressionKind::Filter, text, &mut scope).unwrap(), built(condition).unwrap());
    assert!(scope.finish().is_ok());
}
