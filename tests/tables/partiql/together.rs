//! Batches and transactions of statements.

use super::*;
use hashrange::{Error, Result, ledger::LedgerOptions, partiql::TransactStatementsOutput};

fn batch(db: &Database, texts: &[&str]) -> Result<hashrange::partiql::BatchStatementsOutput> {
    let statements: Vec<_> = texts.iter().map(|text| db.statement(text)).collect();
    db.batch_statements(&statements)
}

fn transact(db: &Database, texts: &[&str]) -> Result<TransactStatementsOutput> {
    let statements: Vec<_> = texts.iter().map(|text| db.statement(text)).collect();
    db.transact_statements(&statements, None)
}

fn codes(error: &Error) -> Vec<&'static str> {
    error.cancellation_reasons().iter().map(|reason| reason.code()).collect()
}

#[test]
fn members_of_a_batch_fail_alone() {
    let db = database();
    let select = "Select statements within BatchExecuteStatement must specify the primary key in the where clause.";
    let read = batch(&db, &["SELECT * FROM Eye WHERE pk = 'i'", "INSERT INTO Things VALUE {'pk': 'n'}"]).unwrap_err();
    assert_eq!(read.message(), "Read and write requests together in the same batch is not supported.");
    let same = batch(&db, &["SELECT * FROM Eye WHERE pk = 'i'", "SELECT s FROM Eye WHERE 'i' = pk"]).unwrap_err();
    assert_eq!(same.message(), "Provided list of item keys contains duplicates");
    let output = batch(
        &db,
        &[
            "SELECT s FROM Eye WHERE pk = 'i'",
            "SELECT * FROM nowhere WHERE pk = 'a'",
            "SELECT * FROM Arr WHERE pk = 'a' AND sk = 1 AND sk = 1",
            "SELECT * FROM Arr WHERE pk IN ['b'] AND sk = 1",
            "SELECT * FROM Arr WHERE pk = 'a' AND sk IN [1, 2]",
            "SELECT * FROM Arr WHERE pk = 'a' AND sk = 3 AND x = 30",
            "SELECT * FROM Arr WHERE pk IN ['a', 'a']",
            "SELECT * FROM Arr WHERE",
            "SELECT * FROM Eye WHERE pk = 'nope'",
        ],
    )
    .unwrap();
    let errors: Vec<_> =
        output.responses.iter().map(|one| one.error.as_ref().map_or("", |error| error.message())).collect();
    let overlap = "Overlapping conditions with range keys are not supported in where clause";
    let malformed = format!("{MALFORMED}Unexpected term");
    let expected = ["", "Requested resource not found", "", "", select, select, overlap, malformed.as_str(), ""];
    assert_eq!(errors, expected);
    let tables: Vec<_> = output.responses.iter().map(|one| one.table.as_deref().unwrap_or("-")).collect();
    assert_eq!(tables, ["Eye", "nowhere", "Arr", "Arr", "-", "-", "-", "-", "Eye"]);
    assert_eq!(output.responses[0].item.as_ref().unwrap().to_item().to_json(), r#"{"s":"str"}"#);
    assert!(output.responses[8].item.is_none());
}

#[test]
fn a_batch_writes_what_it_can() {
    let db = database();
    let texts = [
        "INSERT INTO Things VALUE {'pk': 's0'}",
        "INSERT INTO Things VALUE {'pk': 'n1'}",
        "UPDATE Eye SET s = 'new' WHERE pk = 'i' RETURNING ALL OLD *",
        "DELETE FROM Arr WHERE pk = 'a' AND sk = 1 AND x = 11",
        "UPDATE Arr SET x = ? WHERE pk = 'a' AND sk = 2",
        "UPDATE Tee SET pk = 'b' WHERE pk = 's'",
    ];
    let output = batch(&db, &texts).unwrap();
    let errors: Vec<_> =
        output.responses.iter().map(|one| one.error.as_ref().map_or("", |error| error.code())).collect();
    let expected = [
        "DuplicateItemException",
        "",
        "",
        "ConditionalCheckFailedException",
        "ValidationException",
        "ValidationException",
    ];
    assert_eq!(errors, expected);
    assert!(stored(&db, "Things", "n1").is_some());
    assert_eq!(output.responses[2].item.as_ref().unwrap().get("s").unwrap().as_str(), Some("str"));
    let tables: Vec<_> = output.responses.iter().map(|one| one.table.as_deref().unwrap_or("-")).collect();
    assert_eq!(tables, ["Things", "Things", "Eye", "Arr", "-", "Tee"]);
    // A failed write adds to the units of its table, and a table of failures only has none.
    let consumed: Vec<_> =
        output.consumed.iter().map(|(table, units, failed)| (table.as_str(), units.total(), *failed)).collect();
    assert_eq!(consumed, [("Things", 1.0, 1.0), ("Eye", 1.0, 0.0)]);
}

/// What is consumed is what responses say, also where a condition failed, and a write that fails reads nothing.
#[test]
fn a_failed_write_costs_the_larger_item_and_no_reads() {
    let db = Database::options().ledger(LedgerOptions::new()).in_memory().unwrap();
    let table = db.create_table("Things").hash::<S>("pk").create().unwrap();
    for pk in ["small", "other"] {
        table.put(&Item::new().with("pk", pk)).unwrap();
    }
    table.put(&Item::new().with("pk", "large").with("x", "x".repeat(5_000))).unwrap();
    let noted = || db.ledger().unwrap().total(|row| row.table == "Things");
    let large = "x".repeat(7_000);
    for (text, failed) in [
        (format!("INSERT INTO Things VALUE {{'pk': 'small', 'x': '{large}'}}"), 7.0),
        ("INSERT INTO Things VALUE {'pk': 'large'}".to_owned(), 5.0),
        ("UPDATE Things SET x = 1 WHERE pk = 'large' AND x = 1".to_owned(), 5.0),
        ("UPDATE Things SET x = 1 WHERE pk = 'absent'".to_owned(), 1.0),
        ("DELETE FROM Things WHERE pk = 'large' AND x = 1".to_owned(), 5.0),
    ] {
        let before = noted();
        let output = batch(&db, &[&text, "UPDATE Things SET y = 1 WHERE pk = 'other'"]).unwrap();
        assert!(output.responses[0].error.is_some() && output.responses[1].error.is_none(), "{text}");
        let units: Vec<_> = output.consumed.iter().map(|(_, units, failed)| (units.total(), *failed)).collect();
        assert_eq!(units, [(1.0, failed)], "{text}");
        let after = noted();
        #[expect(clippy::cast_precision_loss, reason = "some units")]
        let written = (after.write_milliunits - before.write_milliunits) as f64 / 1_000.0;
        assert_eq!(written, 1.0 + failed, "{text}");
        assert_eq!(after.read_milliunits, 0, "{text}");
    }
    let gone = "DELETE FROM Things WHERE pk = 'gone' AND a = 1";
    let error = transact(&db, &[gone, "INSERT INTO Things VALUE {'pk': 'small'}"]).unwrap_err();
    assert_eq!(codes(&error), ["ConditionalCheckFailed", "DuplicateItem"]);
    let deep = (0..32).fold(AttributeValue::Null, |inner, _| list([inner]));
    let insert = db.statement("INSERT INTO Things VALUE {'pk': 'small', 'x': ?}").bind_value(deep);
    assert_eq!(insert.send().unwrap_err().code(), "DuplicateItemException");
    assert_eq!(noted().read_milliunits, 0);
}

#[test]
fn transactions_are_all_or_nothing() {
    let db = database();
    let output = transact(
        &db,
        &[
            "INSERT INTO Things VALUE {'pk': 't1'}",
            "UPDATE Eye SET n = n + 1 WHERE pk = 'i' AND n = 5",
            "DELETE FROM Arr WHERE pk = 'b' AND sk = 1",
            "EXISTS(SELECT * FROM Tee WHERE pk = 's' AND x = 'a')",
        ],
    )
    .unwrap();
    assert!(output.items.is_empty() && !output.is_read);
    assert_eq!(stored(&db, "Eye", "i").unwrap().get("n"), Some(&6.into()));
    let error =
        transact(&db, &["INSERT INTO Things VALUE {'pk': 't1'}", "INSERT INTO Things VALUE {'pk': 't2'}"]).unwrap_err();
    assert_eq!((error.code(), codes(&error)), ("TransactionCanceledException", vec!["DuplicateItem", "None"]));
    assert!(stored(&db, "Things", "t2").is_none());
    let check = "EXISTS(SELECT * FROM Tee WHERE pk = 's' AND x = 'b')";
    let error = transact(&db, &[check, "INSERT INTO Things VALUE {'pk': 't2'}"]).unwrap_err();
    assert_eq!(codes(&error), ["ConditionalCheckFailed", "None"]);
    let gone = "DELETE FROM Things WHERE pk = 'gone' AND a = 1";
    transact(&db, &[gone, "INSERT INTO Things VALUE {'pk': 't3'}"]).unwrap();
    let error = transact(&db, &[gone, "INSERT INTO Things VALUE {'pk': 't3'}"]).unwrap_err();
    assert_eq!(codes(&error), ["ConditionalCheckFailed", "DuplicateItem"]);
    let error =
        transact(&db, &["DELETE FROM nowhere WHERE pk = 'a'", "INSERT INTO Things VALUE {'pk': 't4'}"]).unwrap_err();
    assert_eq!(codes(&error), ["ResourceNotFound", "None"]);
    let error =
        transact(&db, &["UPDATE Things SET a = 1 WHERE pk = 5", "INSERT INTO Things VALUE {'pk': 't4'}"]).unwrap_err();
    assert_eq!(codes(&error), ["ValidationError", "None"]);
    assert_eq!(error.cancellation_reasons()[0].message(), Some("The provided key element does not match the schema"));
}

#[test]
fn transactions_read_at_one_moment() {
    let db = database();
    let output =
        transact(&db, &["SELECT s FROM Eye WHERE pk = 'i'", "SELECT * FROM Things WHERE pk = 'nope'"]).unwrap();
    assert!(output.is_read);
    let items: Vec<_> = output.items.iter().map(|item| item.as_ref().map(|item| item.to_item().to_json())).collect();
    assert_eq!(items, [Some(r#"{"s":"str"}"#.to_owned()), None]);
}

#[test]
fn statements_that_no_transaction_has() {
    let db = database();
    let read = "SELECT * FROM Eye WHERE pk = 'i'";
    let update = "UPDATE Things SET a = 1 WHERE pk = 's0'";
    let at = |position: usize, text: &str| format!("Validation failed in TransactStatements[{position}]: {text}");
    let exists = "EXISTS() must contain a single item read with additional condition";
    for (texts, expected) in [
        (vec![read, "SELECT * FROM Eye WHERE"], at(1, &format!("{MALFORMED}Unexpected term"))),
        (
            vec!["DELETE FROM Eye WHERE pk = 'i' RETURNING ALL OLD *"],
            at(0, "RETURNING clause is not supported in ExecuteTransaction."),
        ),
        (
            vec![read, update],
            "ExecuteTransaction API does not support both read and write operations in the same request.".to_owned(),
        ),
        (
            vec![update, "DELETE FROM Things WHERE pk = 's0'"],
            "Transaction request cannot include multiple operations on one item".to_owned(),
        ),
        (
            vec!["SELECT * FROM Gee.gix WHERE gk = 'x'"],
            at(0, "Reads on indices are not supported within transactions."),
        ),
        (
            vec!["SELECT * FROM Arr WHERE pk = 'a'"],
            at(0, "Select statements within ExecuteTransaction must specify the primary key in the where clause."),
        ),
        (vec![update, "EXISTS(SELECT * FROM Tee WHERE pk = 's')"], at(1, exists)),
        (vec!["EXISTS(SELECT * FROM Tee WHERE x = 's')"], at(0, exists)),
        (
            vec!["UPDATE Things SET a = 1 WHERE pk = {'k': 1}"],
            at(0, "Key value must be of type S, N, or B. Key name: pk, Key type: M"),
        ),
    ] {
        assert_eq!(transact(&db, &texts).unwrap_err().message(), expected, "{texts:?}");
    }
}

#[test]
fn a_token_stands_for_one_transaction() {
    let db = database();
    let insert = |pk: &str| vec![db.statement("INSERT INTO Things VALUE {'pk': ?}").bind(pk)];
    let run = |statements: Vec<_>| db.transact_statements(&statements, Some("token"));
    assert!(!run(insert("k")).unwrap().replayed);
    assert!(run(insert("k")).unwrap().replayed);
    let same = db.statement("INSERT INTO Things VALUE {'pk': 'k'}");
    let with_mode = insert("k").into_iter().map(|statement| statement.return_old_on_failure()).collect();
    for other in [insert("other"), vec![same], with_mode] {
        assert_eq!(run(other).unwrap_err().code(), "IdempotentParameterMismatchException");
    }
}
