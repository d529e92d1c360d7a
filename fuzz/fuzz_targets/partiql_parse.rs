//! Any text as a statement: an error or a tree, and the tree prints as a text that is the same statement again.
#![no_main]

use hashrange::Database;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static DATABASE: LazyLock<Database> = LazyLock::new(|| Database::in_memory().expect("memory suffices"));

fuzz_target!(|text: &str| {
    let statement = DATABASE.statement(text);
    let Ok(tree) = statement.syntax() else { return };
    let printed = tree.to_string();
    if printed.chars().count() > hashrange::partiql::MAX_STATEMENT_LENGTH {
        return; // quotes and parentheses can make it too long
    }
    let again = DATABASE.statement(&printed);
    let again = again.syntax().unwrap_or_else(|error| panic!("{text}\n{printed}\n{error}"));
    assert_eq!(tree, again, "{text}\n{printed}");
    // Binding, planning and running end too, whatever the statement is.
    let _ = DATABASE.statement(text).bind(1).explain();
    let _ = DATABASE.statement(text).bind(1).send();
});
