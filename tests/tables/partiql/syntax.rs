//! What is no statement, no value, or no statement of DynamoDB, and in which words.

use super::*;

#[test]
fn malformed_statements() {
    let db = database();
    for (text, detail) in [
        ("SELECT * FROM Tee WHERE", "Unexpected term"),
        ("SELECT * FROM Tee WHERE pk = 'a' AND", "Missing right-hand side expression of infix operator"),
        ("SELECT * FROM Tee WHERE IS NULL", "Unexpected operator"),
        ("SELECT * FROM Tee WHERE ORDER BY pk", "Unexpected keyword"),
        ("SELECT * FROM Tee WHERE n BETWEEN 1 AND", "Expected expression after AND"),
        ("SELECT * FROM", "Unexpected term"),
        ("DELETE", "Expected FROM after DELETE"),
        ("DELETE FROM;", "Expected identifier for simple path"),
        ("SLECT * FROM Tee", "Expected data manipulation"),
        ("INSRT INTO Tee VALUE {}", "Unexpected token after expression"),
        ("SELECT * FROM Tee; foo", "Unexpected token after semicolon. (Only one query is allowed.)"),
        ("SELECT m.inner FROM Tee", "Invalid path dot component"),
        ("SELECT * FROM Tee WHERE a = X'00'", "Unexpected token after expression"),
        ("FROM Tee WHERE pk = 'a'", "Expected data manipulation"),
        ("FROM Tee SET c = 1 WHERE pk = 'a'", "Unexpected token after expression"),
        ("SELECT * FROM Tee # comment", ""),
        ("SELECT * FROM Tee\u{a0}", ""),
        ("SELECT * FROM \"Tee", ""),
    ] {
        assert_eq!(refusal(&db, text), format!("{MALFORMED}{detail}"), "{text}");
    }
    let list = "Expected identifier or an expression but found unexpected keyword 'from' in a select list.";
    assert_eq!(refusal(&db, "SELECT FROM Tee"), format!("{MALFORMED}{list}"));
}

#[test]
fn comments_and_one_semicolon_are_fine() {
    let db = database();
    for text in [
        "SELECT * FROM Tee;",
        "SELECT * /* c */ FROM Tee -- end",
        "select pk from Tee where x is not missing ;",
        "SELECT m.\"inner\" FROM Tee",
        "SELECT name, year, \"type\" FROM Tee",
    ] {
        assert!(!all(&db, text).is_empty(), "{text}");
    }
}

#[test]
fn statements_that_dynamodb_does_not_have() {
    let db = database();
    let exists = "EXISTS can only be used in ExecuteTransaction write requests.";
    let single = "Only select from a single table or index is supported.";
    for (text, expected) in [
        ("FOO", "Unsupported operation: Id"),
        ("FOO.BAR", "Unsupported operation: Path"),
        ("1", "Unsupported operation: Lit"),
        ("[1]", "Unsupported operation: List"),
        ("{'a': 1}", "Unsupported operation: Struct"),
        ("<<1>>", "Unsupported operation: Bag"),
        ("MISSING", "Unsupported operation: Missing"),
        ("?", "Unsupported operation: Parameter"),
        ("a IS NULL", "Unsupported operation: IsType"),
        ("CASE a WHEN 1 THEN 2 END", "Unsupported operation: SimpleCase"),
        ("CASE WHEN a THEN 2 END", "Unsupported operation: SearchedCase"),
        ("FOO(1)", exists),
        ("a = 1", exists),
        ("EXISTS(SELECT * FROM Tee WHERE pk = 's' AND x = 'a')", exists),
        ("SELECT COUNT(*) FROM Tee", "Unexpected path component at 1:8:5"),
        ("SELECT size(s) FROM \"NoTable\"", "Unexpected path component at 1:8:4"),
        ("SELECT pk FROM \"Things\" WHERE pk = 's0' AND foo(ss)", "Unrecognized function: foo at 1:45:3"),
        ("SELECT pk FROM \"Things\" WHERE set_add(ss, <<'a'>>)", "Unrecognized function: set_add at 1:31:7"),
        ("SELECT pk FROM Tee WHERE pk IN (SELECT * FROM Tee)", "Unsupported token in expression: SELECT at 1:33:6"),
        ("SELECT * FROM Tee t", "Aliasing is not supported"),
        ("UPDATE Tee t SET a = 1 WHERE pk = 'a'", "Aliasing is not supported"),
        ("SELECT * FROM a.b.c", "A path may contain at most 2 components in the FROM clause"),
        ("SELECT * FROM \"\"", "Path component cannot be an empty string"),
        ("SELECT * FROM Tee.\"\"", "Path component cannot be an empty string"),
        ("SELECT * FROM Tee, U", single),
        ("SET a = 1", single),
        ("UPDATE Tee.gix SET a = 1 WHERE pk = 'a'", "This operation is not supported on an index"),
        ("DELETE FROM Tee.gix WHERE pk = 'a'", "This operation is not supported on an index"),
        (
            "INSERT INTO Tee.gix VALUE {'pk': 'a'}",
            "FROM clause may only contain a single table name in data manipulation statements at 1:13:3",
        ),
        ("SELECT * FROM Tee LIMIT 5", "Unsupported clause: LIMIT at 1:25:1"),
        ("SELECT z, m.z FROM Tee", "Duplicate identifiers in select clause: z"),
        ("SELECT * FROM nowhere", "Requested resource not found"),
        ("SELECT * FROM Tee WHERE a = ?", "Number of parameters in request and statement don't match."),
    ] {
        assert_eq!(refusal(&db, text), expected, "{text}");
    }
    assert_eq!(db.statement("SELECT * FROM nowhere").send().unwrap_err().code(), "ResourceNotFoundException");
}

#[test]
fn literals_that_are_no_values() {
    let db = database();
    let bag = "Unsupported data type in Bag. DynamoDB only supports either numbers or strings in bags";
    let overflow =
        "Number overflow. Attempting to store a number with magnitude larger than supported range under root";
    let prefix = "SELECT * FROM Tee WHERE a = ";
    for (literal, expected) in [
        ("`1`", "Ion Literals are not supported: INT under key root at 1:29:3".to_owned()),
        ("[`{{aGk=}}`]", "Ion Literals are not supported: BLOB under key root[0] at 1:30:10".to_owned()),
        ("<<>>", "Empty bags are not supported".to_owned()),
        ("<<'x', 1>>", format!("{bag} at 1:36:1")),
        ("<<1, 'x'>>", bag.to_owned()),
        ("<<true>>", format!("{bag} at 1:31:4")),
        ("<<?>>", format!("{bag} at 1:31:1")),
        ("<<'a', ?>>", "Unsupported data type: Parameter under key root at 1:36:1".to_owned()),
        (
            "<<1, null>>",
            "One or more parameter values were invalid: Numeric sets may not contain null under root".to_owned(),
        ),
        (
            "<<'x', 'x'>>",
            "One or more parameter values were invalid: Input collection [x, x] contains duplicates.".to_owned(),
        ),
        (
            "{'y': <<1, 1.0>>}",
            "One or more parameter values were invalid: Input collection [1, 1.0] contains duplicates! under root.y"
                .to_owned(),
        ),
        ("1e126", overflow.to_owned()),
        ("[1, 1e126]", format!("{overflow}[1]")),
        ("{'x': 1e126}", format!("{overflow}.x")),
        ("{'': 1}", "Path component cannot be an empty string".to_owned()),
        ("[MISSING]", "MISSING must be compared using IS operator".to_owned()),
        ("[f(1)]", "Unsupported data type: Call under key root[0] at 1:30:1".to_owned()),
        ("[b]", "Unsupported data type: Id under key root[0] at 1:30:1".to_owned()),
    ] {
        assert_eq!(refusal(&db, &format!("{prefix}{literal}")), expected, "{literal}");
    }
    let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    assert!(all(&db, &format!("{prefix}{}", nested(31))).is_empty());
    let expected = format!("Nesting Levels have exceeded supported limits under root{}", "[0]".repeat(31));
    assert_eq!(refusal(&db, &format!("{prefix}{}", nested(32))), expected);
    let lots = "(".repeat(8000);
    assert!(refusal(&db, &format!("SELECT * FROM Tee WHERE {lots}")).starts_with(MALFORMED));
}

#[test]
fn statements_have_a_length() {
    let db = database();
    let long = |letter: &str, count: usize| format!("SELECT * FROM Tee WHERE pk='{}'", letter.repeat(count));
    let text = refusal(&db, &long("a", 8193 - 29));
    assert!(text.ends_with(
        "' at 'statement' failed to satisfy constraint: Member must have length less than or equal to 8192"
    ));
    assert!(text.starts_with("1 validation error detected: Value 'SELECT * FROM Tee"), "{text}");
    let expected =
        "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes";
    assert_eq!(refusal(&db, &long("\u{e9}", 8192 - 29)), expected);
    assert!(
        refusal(&db, "").ends_with(
            "at 'statement' failed to satisfy constraint: Member must have length greater than or equal to 1"
        )
    );
}

#[test]
fn parameters_come_in_order() {
    let db = database();
    let select = || db.statement("SELECT * FROM Arr WHERE pk = ? AND sk = ?");
    assert_eq!(select().bind("a").bind(2).items().count(), 1);
    assert_eq!(
        select().bind("a").send().unwrap_err().message(),
        "Number of parameters in request and statement don't match."
    );
    assert_eq!(select().bind("a").bind(2).bind("more").items().count(), 1);
    assert_eq!(db.statement("SELECT '?' FROM Arr").send().unwrap_err().code(), "ValidationException");
    #[derive(serde::Serialize)]
    struct Inner {
        sub: &'static str,
        other: u8,
    }
    let found = db.statement("SELECT * FROM Eye WHERE m = ?").bind(Inner { sub: "x", other: 1 }).items().count();
    assert_eq!(found, 1);
    assert_eq!(db.statement("SELECT * FROM Eye WHERE ss = ?").bind_value(strings(["a", "b", "c"])).items().count(), 1);
}
