//! Texts as expressions of every kind: what is accepted prints and parses again to the same, the rest is an error.

use arbitrary::{Arbitrary, Unstructured};
use hashrange::{
    AttributeValue, Result,
    expression::{
        Condition, ExpressionKind, KeyCondition, Placeholders, Printed, ProjectionExpression, Scope, UpdateExpression,
    },
};
use std::fmt::Debug;

fn placeholders() -> Placeholders {
    let mut all = Placeholders::none().name("#a", "a").name("#c", "c d").name("#r", "name");
    let values: [(&str, AttributeValue); 8] = [
        (":0", 0.into()),
        (":1", 1.into()),
        (":s", "S".into()),
        (":b", AttributeValue::B("b".into())),
        (":l", AttributeValue::L(Vec::new())),
        (":ss", AttributeValue::Ss(["x".to_owned()].into())),
        (":ns", AttributeValue::Ns([1.into()].into())),
        (":t", true.into()),
    ];
    for (token, value) in values {
        all = all.value(token, value);
    }
    all
}

fn check<T: PartialEq + Debug>(
    text: &str,
    parse: impl Fn(&str, &mut Scope<'_>) -> Result<T>,
    print: impl Fn(&T) -> Printed,
) {
    let all = placeholders();
    let first = match parse(text, &mut Scope::new(&all)) {
        Ok(first) => first,
        Err(error) => return assert_eq!(error.code(), "ValidationException"),
    };
    let printed = print(&first);
    let mut scope = Scope::new(&printed.placeholders);
    match parse(&printed.text, &mut scope) {
        Ok(second) => {
            assert_eq!(first, second, "{text} -> {}", printed.text);
            scope.finish().expect("every placeholder that is printed is used");
            assert_eq!(print(&second), printed);
        }
        // Each use of a value is printed with a placeholder of its own, which can make the text too long.
        Err(error) => assert!(error.message().contains("maximum allowed size"), "{text} -> {}: {error}", printed.text),
    }
}

pub fn expression_parse(data: &[u8]) {
    let Ok(text) = <&str>::arbitrary_take_rest(Unstructured::new(data)) else { return };
    check(text, |text, scope| Condition::parse(ExpressionKind::Filter, text, scope), Condition::print);
    check(text, |text, scope| Condition::parse(ExpressionKind::Condition, text, scope), Condition::print);
    check(text, KeyCondition::parse, KeyCondition::print);
    check(text, ProjectionExpression::parse, ProjectionExpression::print);
    check(text, UpdateExpression::parse, UpdateExpression::print);
}
