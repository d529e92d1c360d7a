//! Random expressions on random items: against the naive evaluator, through print and parse, and as noise.

use super::{naive, *};
use crate::item::{DictionaryBuilder, ItemRef, arbitrary::any_item, encode_item, size::item_size, transcode};
use proptest::{collection::*, prelude::*};
use std::sync::Arc;

/// The item as a run has it: names that occur twice are ids.
fn under_dictionary(item: &ItemRef) -> ItemRef {
    let mut names = DictionaryBuilder::new();
    let _ = transcode(item, &mut names, &mut Vec::new());
    let mut bytes = Vec::new();
    transcode(item, &mut names, &mut bytes).expect("intact");
    ItemRef::with_names(bytes.into(), Arc::new(names.finish()))
}

/// Values of which many are equal to each other or contain each other.
fn common_value() -> impl Strategy<Value = AttributeValue> {
    let scalar = prop_oneof![
        Just(AttributeValue::Null),
        any::<bool>().prop_map(AttributeValue::from),
        (0..4i64).prop_map(AttributeValue::from),
        "[ab]{0,3}".prop_map(AttributeValue::from),
        vec(0..2u8, 0..3).prop_map(|bytes| AttributeValue::B(bytes.into())),
        btree_set("[ab]{1,2}", 1..3).prop_map(AttributeValue::Ss),
        btree_set((0..4i64).prop_map(Into::into), 1..3).prop_map(AttributeValue::Ns),
    ];
    scalar.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(AttributeValue::L),
            btree_map("[a-d]", inner, 0..4).prop_map(AttributeValue::M),
        ]
    })
}

fn common_item() -> impl Strategy<Value = Item> {
    prop_oneof![4 => btree_map("[a-d]", common_value(), 0..5).prop_map(Item), 1 => any_item()]
}

fn path() -> impl Strategy<Value = Path> {
    let step = prop_oneof!["[a-d]".prop_map(|name| Step::Name(name.into())), (0..4u32).prop_map(Step::Index),];
    ("[a-d]|[a-d]|[a-d]|name|a\\.b", vec(step, 0..3)).prop_map(|(name, steps)| {
        let mut path = Path::attribute(name);
        steps.into_iter().for_each(|step| path.push(step));
        path
    })
}

fn operand() -> impl Strategy<Value = Operand> {
    prop_oneof![
        4 => path().prop_map(Operand::Path),
        4 => common_value().prop_map(Operand::Value),
        1 => path().prop_map(Operand::Size),
        1 => "[ab]{0,3}".prop_map(|text| Operand::SizeOfValue(text.into())),
    ]
}

fn comparator() -> impl Strategy<Value = Comparator> {
    use Comparator::*;
    prop::sample::select(vec![Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual])
}

fn test() -> impl Strategy<Value = Tree> {
    let types = prop::sample::select(&check::TYPE_NAMES[..]);
    let test = prop_oneof![
        4 => (operand(), comparator(), operand()).prop_map(|(left, op, right)| Test::Compare(left, op, right)),
        1 => (operand(), operand(), operand()).prop_map(|(value, low, high)| Test::Between(value, low, high)),
        1 => (operand(), vec(operand(), 1..4)).prop_map(|(value, list)| Test::In(value, list)),
        1 => path().prop_map(Test::Exists),
        1 => path().prop_map(Test::NotExists),
        1 => (operand(), types).prop_map(|(operand, name)| Test::TypeIs(operand, name)),
        1 => (operand(), operand()).prop_map(|(text, prefix)| Test::BeginsWith(text, prefix)),
        2 => (operand(), operand()).prop_map(|(whole, part)| Test::Contains(whole, part)),
    ];
    test.prop_filter("a static fault", |test| check::test_fault(test).is_none()).prop_map(Tree::Test)
}

fn tree() -> impl Strategy<Value = Tree> {
    test().prop_recursive(4, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, two)| one.and(two)),
            (inner.clone(), inner.clone()).prop_map(|(one, two)| one.or(two)),
            inner.prop_map(|one| Tree::Not(Box::new(one))),
        ]
    })
}

fn set_operand() -> impl Strategy<Value = SetOperand> {
    let leaf = prop_oneof![
        path().prop_map(SetOperand::Path),
        common_value().prop_map(SetOperand::Value),
        (0..4i64).prop_map(|number| SetOperand::Value(number.into())),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            (path(), inner.clone()).prop_map(|(path, other)| SetOperand::IfNotExists(path, Box::new(other))),
            (inner.clone(), inner)
                .prop_filter_map("a static fault", |(one, two)| { parse_update::list_append(one, two).ok() }),
        ]
    })
}

fn action() -> impl Strategy<Value = Action> {
    let sum =
        (set_operand(), set_operand(), any::<bool>()).prop_filter_map("a static fault", |(left, right, minus)| {
            let fault = parse_update::literal_fault("+", "N", [&left, &right]);
            let value = if minus { SetValue::Minus(left, right) } else { SetValue::Plus(left, right) };
            fault.is_none().then_some(value)
        });
    let value = prop_oneof![3 => set_operand().prop_map(SetValue::Operand), 1 => sum];
    let set = prop_oneof![
        btree_set("[ab]{1,2}", 1..3).prop_map(AttributeValue::Ss),
        btree_set((0..4i64).prop_map(Into::into), 1..3).prop_map(AttributeValue::Ns),
    ];
    let addend = prop_oneof![set.clone(), (0..4i64).prop_map(AttributeValue::from)];
    prop_oneof![
        4 => (path(), value).prop_map(|(path, value)| Action::Set(path, value)),
        2 => path().prop_map(Action::Remove),
        1 => (path(), addend).prop_map(|(path, value)| Action::Add(path, value)),
        1 => (path(), set).prop_map(|(path, value)| Action::Delete(path, value)),
    ]
}

fn update_of(mut actions: Vec<Action>) -> UpdateExpression {
    // Drops what clashes with earlier clauses.
    let mut kept: Vec<Action> = Vec::new();
    for action in actions.drain(..) {
        let mut paths: Vec<&Path> = kept.iter().map(Action::target).collect();
        paths.push(action.target());
        if path::clash(&paths, false).is_none() {
            kept.push(action);
        }
    }
    kept.sort_by_key(|action| match action {
        Action::Set(..) => 0,
        Action::Remove(_) => 1,
        Action::Add(..) => 2,
        Action::Delete(..) => 3,
    });
    UpdateExpression::from_actions(kept, false)
}

/// Pieces of expressions, and of no expression.
fn noise() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "b",
        "#a",
        "#c",
        ":1",
        ":5",
        ":x",
        ":list",
        ":p",
        "(",
        ")",
        "(",
        ")",
        ",",
        ".",
        "[",
        "]",
        "[0]",
        "=",
        "<>",
        "<",
        "<=",
        ">",
        ">=",
        "+",
        "-",
        " AND ",
        " OR ",
        " NOT ",
        " IN ",
        " BETWEEN ",
        "SET ",
        " REMOVE ",
        " ADD ",
        " DELETE ",
        "size(",
        "attribute_exists(",
        "contains(",
        "begins_with(",
        "attribute_type(",
        "if_not_exists(",
        "list_append(",
        "name",
        "!",
        "ü",
        "_",
        "01",
        "7",
        " ",
        "",
    ]);
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// What parses, prints, parses again to the same.
fn check_stable<T: PartialEq + std::fmt::Debug>(
    text: &str,
    parse: impl Fn(&str, &mut Scope<'_>) -> crate::error::Result<T>,
    print: impl Fn(&T) -> Printed,
) {
    let all = values();
    let Ok(first) = parse(text, &mut Scope::new(&all)) else { return };
    let printed = print(&first);
    let mut scope = Scope::new(&printed.placeholders);
    let second = parse(&printed.text, &mut scope).expect("parses again");
    assert_eq!(first, second, "{text} -> {}", printed.text);
    scope.finish().expect("all placeholders are used");
    assert_eq!(print(&second), printed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn conditions_mean_what_the_rules_say(item in common_item(), tree in tree()) {
        let condition = Condition::from_tree(ExpressionKind::Condition, tree);
        let expected = naive::matches(&item, condition.tree());
        prop_assert_eq!(condition.matches(Some(&ItemRef::from(&item))), expected);
        prop_assert_eq!(condition.matches(None), naive::matches(&Item::new(), condition.tree()));
        let printed = condition.print();
        let mut scope = Scope::new(&printed.placeholders);
        let parsed = Condition::parse(ExpressionKind::Condition, &printed.text, &mut scope);
        prop_assert_eq!(parsed.expect("parses"), condition);
        prop_assert!(scope.finish().is_ok());
    }

    #[test]
    fn updates_mean_what_the_rules_say(item in common_item(), actions in vec(action(), 1..6)) {
        let update = update_of(actions);
        let old = ItemRef::from(&item);
        let applied = update.apply(Some(&old), &Item::new());
        for old in [old.clone(), under_dictionary(&old)] {
            match (&applied, update.apply_encoded(&old, ["b"])) {
                (Ok(whole), Ok((parts, bytes, size))) => {
                    prop_assert_eq!(update.updated_new(&parts), update.updated_new(whole));
                    let whole = whole.item.as_ref().expect("exists");
                    prop_assert_eq!(parts.item.as_ref().and_then(|item| item.get("b")), whole.get("b"));
                    prop_assert_eq!((&bytes, size), (&encode_item(whole), item_size(whole)));
                }
                (Err(whole), Err(parts)) => prop_assert_eq!(whole.message(), parts.message()),
                (whole, parts) => prop_assert!(false, "{whole:?} {parts:?}"),
            }
        }
        match naive::apply(&item, &update) {
            Some(expected) => prop_assert_eq!(applied.expect("applies").item, Some(expected)),
            None => prop_assert!(applied.is_err()),
        }
        let printed = update.print();
        let mut scope = Scope::new(&printed.placeholders);
        prop_assert_eq!(UpdateExpression::parse(&printed.text, &mut scope).expect("parses"), update);
        prop_assert!(scope.finish().is_ok());
    }

    #[test]
    fn the_order_of_clauses_does_not_matter(
        item in common_item(), actions in vec(action(), 1..6), shuffled in any::<prop::sample::Index>()
    ) {
        let update = update_of(actions);
        let mut actions = update.actions().to_vec();
        let len = actions.len();
        actions.rotate_left(shuffled.index(len));
        actions.reverse();
        let other = UpdateExpression::from_actions(actions, false);
        let old = ItemRef::from(&item);
        let (one, two) = (update.apply(Some(&old), &Item::new()), other.apply(Some(&old), &Item::new()));
        match (one, two) {
            (Ok(one), Ok(two)) => {
                prop_assert_eq!(update.updated_new(&one), other.updated_new(&two));
                prop_assert_eq!(one.item, two.item);
            }
            (one, two) => prop_assert_eq!(one.is_ok(), two.is_ok()),
        }
    }

    #[test]
    fn projections_return_what_is_there(item in common_item(), paths in vec(path(), 1..5)) {
        let Ok(projection) = ProjectionExpression::of(paths) else { return Ok(()) };
        let result = projection.apply(&ItemRef::from(&item));
        // Without lists in the way, which close ranks, each path leads to the same value in both.
        for path in projection.paths() {
            if path.steps().iter().all(|step| matches!(step, Step::Name(_))) {
                prop_assert_eq!(path.find_in(&result), path.find_in(&item));
            }
        }
        prop_assert!(result.keys().all(|name| item.contains_key(name)));
        let printed = projection.print();
        let mut scope = Scope::new(&printed.placeholders);
        prop_assert_eq!(ProjectionExpression::parse(&printed.text, &mut scope).expect("parses"), projection);
    }

    #[test]
    fn noise_is_refused_or_stable(text in prop_oneof![4 => noise(), 1 => ".*"]) {
        check_stable(&text, |text, scope| Condition::parse(ExpressionKind::Filter, text, scope), Condition::print);
        check_stable(&text, KeyCondition::parse, KeyCondition::print);
        check_stable(&text, ProjectionExpression::parse, ProjectionExpression::print);
        for text in [format!("SET a = {text}"), format!("SET {text}"), text] {
            check_stable(&text, UpdateExpression::parse, UpdateExpression::print);
        }
    }
}
