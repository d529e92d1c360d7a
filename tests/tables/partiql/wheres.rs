//! `WHERE`: tests, functions, types, and what is refused before anything is read.

use super::*;

/// Keys of the items of `Tee` that meet a condition, without spaces between.
#[track_caller]
fn found(db: &Database, condition: &str) -> String {
    let mut names = keys(db, &format!("SELECT pk FROM Tee WHERE {condition}"));
    names.sort();
    names.join(" ")
}

/// Whether the item of `Eye` meets a condition.
#[track_caller]
fn holds(db: &Database, condition: &str) -> bool {
    !all(db, &format!("SELECT pk FROM Eye WHERE pk = 'i' AND {condition}")).is_empty()
}

#[track_caller]
fn fault(db: &Database, condition: &str) -> String {
    refusal(db, &format!("SELECT pk FROM Eye WHERE pk = 'i' AND {condition}"))
}

#[test]
fn is_tells_types_apart() {
    let db = database();
    for (condition, expected) in [
        ("x IS NULL", "null"),
        ("x IS MISSING", "missing"),
        ("x IS NUMERIC", "n nd"),
        ("x IS TUPLE", "m"),
        ("x IS STRUCT", "m"),
        ("x IS BOOL", "bool"),
        ("x IS BOOLEAN", "bool"),
        ("x IS BLOB", "b"),
        ("x IS STRING", "es s"),
        ("x is list", "l"),
        ("x IS NOT LIST", "b bool bs es m missing n nd ns null s ss"),
        ("NOT x IS NOT MISSING", "missing"),
    ] {
        assert_eq!(found(&db, condition), expected, "{condition}");
    }
    let expected = "Unsupported data type for IS operator: CharacterVaryingType. Supported data types are [MISSING, NULL, \
                    BOOLEAN, BLOB, STRING, NUMERIC, STRUCT, TUPLE, LIST] at 1:26:1";
    assert_eq!(refusal(&db, "SELECT pk FROM Tee WHERE x IS VARCHAR(10)"), expected);
    for (name, shown) in [
        ("INT", "IntegerType"),
        ("SMALLINT", "SmallintType"),
        ("INT8", "Integer8Type"),
        ("BIGINT", "Integer8Type"),
        ("DOUBLE PRECISION", "DoublePrecisionType"),
        ("ANY", "AnyType"),
        ("BAG", "BagType"),
    ] {
        let text = refusal(&db, &format!("SELECT pk FROM Tee WHERE x IS {name}"));
        assert!(text.starts_with(&format!("Unsupported data type for IS operator: {shown}. ")), "{text}");
    }
    assert_eq!(refusal(&db, "SELECT pk FROM Tee WHERE x IS MAP"), format!("{MALFORMED}Expected type name"));
    let left = "The left hand side argument to IS must be a Variable Reference, Literal, or Path";
    assert_eq!(fault(&db, "size(nope) IS MISSING"), left);
}

#[test]
fn sizes_count_units_of_utf16() {
    let db = database();
    for (condition, expected) in [
        ("size(u) = 5", true),
        ("size(e) = 2", true),
        ("size(s) = '3'", false),
        ("size('abc') = 3", true),
        ("size(n) = 1", false),
        ("size(n) <> 1", true),
        ("NOT size(nope) = 0", true),
        ("size(s) NOT IN [3]", false),
        ("3 = size(s)", true),
    ] {
        assert_eq!(holds(&db, condition), expected, "{condition}");
    }
    let wrong = |operator: &str, kind: &str| {
        format!(
            "Incorrect operand type for operator or function; operator or function: {operator}, operand type: {kind}"
        )
    };
    let count =
        "Incorrect number of operands for operator or function; operator or function: size, number of operands: 2";
    assert_eq!(fault(&db, "size(s, ss) = 3"), count);
    assert_eq!(fault(&db, "size(s)"), wrong("AND", "N"));
    let whole = "WHERE clause must contain an expression that resolves to a boolean";
    assert_eq!(refusal(&db, "SELECT pk FROM Eye WHERE size(s)"), whole);
    assert_eq!(refusal(&db, "SELECT pk FROM Eye WHERE s"), whole);
    assert_eq!(fault(&db, "NOT size(s)"), wrong("NOT", "N"));
    assert_eq!(fault(&db, "size(s) + 1 = 4"), "Unsupported operator in Condition Expression. Operator: +");
}

#[test]
fn comparisons_have_two_values() {
    let db = database();
    for (condition, expected) in [
        ("nope <> 'x'", true),
        ("nope != 'x'", true),
        ("NOT nope = 'x'", true),
        ("attribute_exists(s) = flag", true),
        ("attribute_exists(nope) = flag", false),
        ("attribute_exists(nope) <> flag", true),
        ("attribute_exists(nope) <> 1", true),
        ("attribute_exists(s) = attribute_exists(n)", true),
        ("attribute_exists(s) = attribute_exists(nope)", false),
        ("contains(s, 'x') = false", true),
        ("attribute_exists(s) IN [false, true]", true),
        ("flag IN [attribute_exists(nope), attribute_exists(s)]", true),
        ("'it' BETWEEN 'a' AND 'z'", true),
        ("s IN ('str')", true),
        ("s IN ['other', 'str']", true),
        ("m.sub = 'x' AND l[1] = 'y' AND \"m\".\"other\" = 1", true),
        ("begins_with(s, 'st') AND CONTAINS(ss, 'b') AND attribute_type(l, 'L')", true),
        ("attribute_not_exists(nope) OR s = 'never'", true),
        ("n >= 5 AND n <= 5.0 AND NOT n > 5", true),
        ("n = +5 AND n = - -5 AND n < 1E1", true),
        ("flag = true AND nul = null", true),
        ("ss = <<'c', 'b', 'a'>> AND ns = <<3, 2.0, 1>>", true),
        ("m = {'other': 1, 'sub': 'x'} AND l = ['x', 'y']", true),
    ] {
        assert_eq!(holds(&db, condition), expected, "{condition}");
    }
    assert_eq!(all(&db, "SELECT * FROM Eye WHERE 'i' = pk").len(), 1);
    let distinct = "The first operand must be distinct from the remaining operands for this operator or function; operator: \
                    =, first operand: [s]";
    assert_eq!(fault(&db, "s = s"), distinct);
    let wrong = "Incorrect operand type for operator or function; operator or function: >, operand type: BOOL";
    assert_eq!(fault(&db, "attribute_exists(s) > true"), wrong);
    assert_eq!(fault(&db, "s = missing"), "MISSING must be compared using IS operator");
    let text = fault(&db, "attribute_type(s, 'X')");
    assert!(text.starts_with("Invalid attribute type name found; type: X, valid types: {"), "{text}");
    let any = "Incorrect operand type for operator or function; operator or function: attribute_type, operand type: \
               {S,HDS,N,FS,BS,NULL,DOUBLE,NS,DECIMAL,SS,DECIMALSET,BOOL,HD,DICT,INTSET,M,L,B,FLOAT,INT,DOUBLESET}";
    assert_eq!(fault(&db, "attribute_type(s, n)"), any);
    let bounds = "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: \
                  AttributeValue: {N:3}, upper bound operand: AttributeValue: {N:1}";
    assert_eq!(fault(&db, "n BETWEEN 3 AND 1"), bounds);
    let bytes = |byte: u8| hashrange::AttributeValue::B(vec![byte].into());
    let statement = db.statement("SELECT * FROM Eye WHERE b BETWEEN ? AND ?");
    let error = statement.bind(bytes(b'2')).bind(bytes(b'1')).page().unwrap_err();
    assert!(error.message().ends_with("{B:[Mg==]}, upper bound operand: AttributeValue: {B:[MQ==]}"), "{error}");
}

#[test]
fn not_between_is_the_opposite() {
    let db = Database::in_memory().unwrap();
    let table = db.create_table("Tee").hash::<S>("pk").create().unwrap();
    for number in 1..5 {
        table.put(&Item::new().with("pk", number.to_string()).with("x", number)).unwrap();
    }
    table.put(&Item::new().with("pk", "absent")).unwrap();
    table.put(&Item::new().with("pk", "text").with("x", "2")).unwrap();
    table.put(&Item::new().with("pk", "null").with("x", AttributeValue::Null)).unwrap();
    assert_eq!(found(&db, "x NOT BETWEEN 1 AND 3"), "4 absent null text");
    assert_eq!(found(&db, "NOT x NOT BETWEEN 1 AND 3"), "1 2 3");
    assert_eq!(found(&db, "x BETWEEN 2 AND 3"), "2 3");
}

#[test]
fn operators_are_bounded() {
    let db = database();
    let too_many = "The expression contains too many operators; operator count: 301";
    assert_eq!(fault(&db, &format!("{}n = 5", "NOT ".repeat(1020))), too_many);
    assert!(holds(&db, &format!("{}n = 5", "NOT ".repeat(200))));
    let either = vec!["(n = 5 OR n = 6)"; 40].join(" AND ");
    assert!(holds(&db, &either));
    let members = vec!["1"; 101].join(", ");
    let expected = "The IN operator is provided with too many operands; number of operands: 101";
    assert_eq!(fault(&db, &format!("n IN [{members}]")), expected);
    let members = vec!["1"; 100].join(", ");
    assert!(!holds(&db, &format!("n IN [{members}]")));
}
