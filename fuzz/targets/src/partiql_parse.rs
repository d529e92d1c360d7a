//! Any text as a statement: an error or a tree, and the tree prints as a text that is the same statement again. What can be
//! planned is planned, and reads run.

use arbitrary::{Arbitrary, Unstructured};
use hashrange::{
    Database, Item,
    admin::index,
    key::{N, S},
    partiql::PlanKind,
};
use std::sync::LazyLock;

/// Parentheses that are printed add levels of nesting: with more than so many, a statement at the limit may exceed it.
const PARENTHESES: usize = 16;

static DATABASE: LazyLock<Database> = LazyLock::new(|| {
    let database = Database::in_memory().expect("memory suffices");
    let table = database
        .create_table("tab")
        .hash::<S>("a")
        .range::<N>("b")
        .gsi(index("gix").hash::<S>("c").keys_only())
        .lsi(index("lix").range::<S>("d").keys_only())
        .create()
        .expect("a new table");
    for (hash, range) in [("a", 1), ("a", 2), ("b", 1)] {
        let item = Item::new().with("a", hash).with("b", range).with("c", "a").with("d", "b");
        table.put(&item.with("e", vec![1, 2])).expect("a sound item");
    }
    database
});

pub fn partiql_parse(data: &[u8]) {
    let Ok(text) = <&str>::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let statement = DATABASE.statement(text);
    let Ok(tree) = statement.syntax() else { return };
    let printed = tree.to_string();
    if printed.chars().count() > hashrange::partiql::MAX_STATEMENT_LENGTH {
        return; // quotes and parentheses can make it too long
    }
    if printed.matches('(').count() > PARENTHESES {
        return; // each that is added is one more level of nesting
    }
    let again = DATABASE.statement(&printed);
    let again = again.syntax().unwrap_or_else(|error| panic!("{text}\n{printed}\n{error}"));
    assert_eq!(tree, again, "{text}\n{printed}");
    for limit in [None, Some(1)] {
        let bound = DATABASE.statement(text).bind("a").bind(1);
        let bound = if let Some(limit) = limit { bound.limit(limit) } else { bound };
        let Ok(plan) = bound.explain() else { return };
        let _ = plan.to_string();
        if matches!(plan.kind, PlanKind::Get | PlanKind::Query | PlanKind::Scan) {
            let _ = bound.items().take(10).last();
        }
    }
}
