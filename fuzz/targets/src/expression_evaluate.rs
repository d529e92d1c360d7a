//! Random expressions on random items, against an evaluator that decodes everything and takes each rule at its word.

use crate::{text, value};
use arbitrary::{Result, Unstructured};
use hashrange::{
    AttributeValue, Item, ItemRef,
    expression::{Condition, ExpressionKind, Path, Scope, Step, UpdateExpression},
    fuzzing::{Action, Comparator, Operand, SetOperand, SetValue, Test, Tree},
};
use std::collections::{BTreeMap, BTreeSet};

#[path = "../../../src/expression/tests/naive.rs"]
mod naive;

fn check_condition(u: &mut Unstructured<'_>, item: &Item) -> Result<()> {
    let (text, placeholders) = text::condition(u)?;
    let mut scope = Scope::new(&placeholders);
    let Ok(condition) = Condition::parse(ExpressionKind::Condition, &text, &mut scope) else { return Ok(()) };
    scope.finish().expect("all placeholders are used");
    let expected = naive::matches(item, condition.tree());
    assert_eq!(condition.matches(Some(&ItemRef::from(item))), expected, "{text}\n{placeholders:?}\n{item:?}");
    assert_eq!(condition.matches(None), naive::matches(&Item::new(), condition.tree()), "{text}");
    Ok(())
}

fn check_update(u: &mut Unstructured<'_>, item: &Item) -> Result<()> {
    let (text, placeholders) = text::update(u)?;
    let mut scope = Scope::new(&placeholders);
    let Ok(update) = UpdateExpression::parse(&text, &mut scope) else { return Ok(()) };
    scope.finish().expect("all placeholders are used");
    let old = ItemRef::from(item);
    let applied = update.apply(Some(&old), &Item::new());
    match naive::apply(item, &update) {
        Some(expected) => {
            let applied = applied.unwrap_or_else(|error| panic!("{text}\n{placeholders:?}\n{item:?}: {error}"));
            let _ = (update.updated_new(&applied), update.updated_old(Some(&old)));
            assert_eq!(applied.item, Some(expected), "{text}\n{placeholders:?}\n{item:?}");
        }
        None => assert!(applied.is_err(), "{text}\n{placeholders:?}\n{item:?}\nis {applied:?}"),
    }
    let _ = update.apply(None, &Item::new().with("key", 1));
    Ok(())
}

fn check(u: &mut Unstructured<'_>) -> Result<()> {
    let item = value::item(u)?;
    if u.arbitrary()? { check_condition(u, &item) } else { check_update(u, &item) }
}

pub fn expression_evaluate(data: &[u8]) {
    let _ = check(&mut Unstructured::new(data));
}
