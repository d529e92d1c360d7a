//! How statements are read: names, keywords, numbers, and what each unfinished statement lacks.

use super::*;

/// PartiQL's keywords, which need quotes behind a dot.
const KEYWORDS: &str = "absolute action add all allocate alter and any are as asc assertion at authorization avg bag begin between \
    bigint bit bit_length blob bool boolean by can_cast can_lossless_cast cascade cascaded case cast catalog char char_length \
    character character_length check clob close coalesce collate collation column commit conflict connect connection constraint \
    constraints continue convert corresponding count create cross current current_date current_time current_timestamp \
    current_user cursor date date_add date_diff deallocate dec decimal declare default deferrable deferred delete desc describe \
    descriptor diagnostics disconnect distinct do domain double drop else end escape except exception exec execute exists external \
    extract false fetch first float for foreign found from full get global go goto grant group having identity immediate in index \
    indicator initially inner input insensitive insert int integer integer2 integer4 integer8 intersect interval into is isolation \
    join key language last left let level like limit list local lower match max min missing modified module names national natural \
    nchar new next no not nothing null nullif nulls numeric octet_length of offset old on only open option or order outer output \
    overlaps pad partial pivot position precision prepare preserve primary prior privileges procedure public read real references \
    relative remove restrict returning revoke right rollback rows schema scroll section select session session_user set sexp size \
    smallint some space sql sqlcode sqlerror sqlstate string struct substring sum symbol system_user table temporary then time \
    timestamp to transaction translate trim true tuple union unique unknown unpivot update upper usage user using value values \
    varchar varying view when whenever where with work write zone";

#[test]
fn keywords_need_quotes_behind_a_dot() {
    let db = database();
    let keywords: Vec<&str> = KEYWORDS.split_whitespace().collect();
    assert_eq!(keywords.len(), 249);
    for keyword in keywords {
        for written in [keyword.to_owned(), keyword.to_uppercase()] {
            let text = format!("SELECT * FROM Tee WHERE x.{written} = 1");
            assert_eq!(refusal(&db, &text), format!("{MALFORMED}Invalid path dot component"), "{text}");
        }
        assert!(all(&db, &format!("SELECT * FROM Tee WHERE x.\"{keyword}\" = 1")).is_empty(), "{keyword}");
    }
    for name in "name year status type data day hour minute month second partition row both every".split(' ') {
        assert!(all(&db, &format!("SELECT pk FROM Tee WHERE {name} = 1 OR x.{name} = 1")).is_empty(), "{name}");
    }
}

#[test]
fn words_are_of_any_case_and_names_are_not() {
    let db = database();
    assert_eq!(
        all(&db, "sElEcT * fRoM Eye wHeRe pk = 'i' aNd BEGINS_WITH(s, 'st') AnD flag = tRuE aNd nul = NuLL").len(),
        1
    );
    assert_eq!(refusal(&db, "SELECT * FROM eye"), "Requested resource not found");
    assert!(all(&db, "SELECT * FROM Eye WHERE S = 'str'").is_empty());
    let item = Item::new().with("pk", "q").with("a.b", 1).with("a[0]", 2).with("we\"ird", 3).with("back\\slash", "\\n");
    db.table::<S>("Things").unwrap().put(&item).unwrap();
    let found = |condition: &str| !all(&db, &format!("SELECT * FROM Things WHERE pk = 'q' AND {condition}")).is_empty();
    assert!(found("\"a.b\" = 1 AND \"a[0]\" = 2 AND \"we\"\"ird\" = 3"));
    assert!(found("\"back\\slash\" = '\\n'"));
    assert!(found("a.b IS MISSING AND a[0] IS MISSING"));
    assert!(!found("\"a\".\"b\" = 1 OR \"a\"[0] = 2"));
}

#[test]
fn statements_that_are_cut_short() {
    let db = database();
    for (text, detail) in [
        ("SELECT * FROM Tee WHERE pk = 'a')", "Unexpected token after expression"),
        ("SELECT * FROM Tee WHERE pk = 1.2.3", "Unexpected token after expression"),
        ("SELECT * FROM Tee ORDER BY pk WHERE pk = 'a'", "Unexpected token after expression"),
        ("DELETE FROM Tee WHERE pk = 'a' ORDER BY pk", "Unexpected token after expression"),
        ("UPDATE Tee REMOVE a, b WHERE pk = 'a'", "Unexpected token after expression"),
        ("SELECT * FROM Tee WHERE x NOT foo", "Unexpected token after expression"),
        ("SELECT * FROM Tee WHERE NOT", "Unexpected term"),
        ("SELECT * FROM Tee WHERE (", "Unexpected term"),
        ("SELECT", "Unexpected term"),
        (";", "Unexpected term"),
        ("SELECT * FROM Tee WHERE x = [1,]", "Unexpected term"),
        ("SELECT * FROM Tee WHERE .", "Unexpected term"),
        ("SELECT * FROM Tee WHERE ..5", "Unexpected term"),
        ("SELECT * FROM Tee WHERE x OR", "Missing right-hand side expression of infix operator"),
        ("SELECT * FROM Tee WHERE x =", "Missing right-hand side expression of infix operator"),
        ("SELECT * FROM Tee WHERE x <", "Missing right-hand side expression of infix operator"),
        ("SLECT *", "Missing right-hand side expression of infix operator"),
        ("SELECT * FROM Tee WHERE LIKE 'a'", "Unexpected operator"),
        ("SELECT * FROM Tee WHERE IN [1]", "Unexpected operator"),
        ("SELECT * FROM Tee WHERE AND x = 1", "Unexpected operator"),
        ("SELECT * FROM Tee WHERE BETWEEN 1 AND 2", "Unexpected operator"),
        ("SELECT * FROM WHERE pk = 'a'", "Unexpected keyword"),
        ("WHERE", "Unexpected keyword"),
        ("LIMIT", "Unexpected keyword"),
        ("VALUE", "Unexpected keyword"),
        ("EXISTS", "Unexpected keyword"),
        ("INSERT Tee VALUE {'pk': 'a'}", "Unexpected keyword"),
        ("DELETE FROM", "Expected identifier for simple path"),
        ("DELETE FROM WHERE pk = 'a'", "Expected identifier for simple path"),
        ("UPDATE", "Expected identifier for simple path"),
        ("SET", "Expected identifier for simple path"),
        ("REMOVE", "Expected identifier for simple path"),
        ("INSERT INTO", "Expected identifier for simple path"),
        ("FROM Tee", "Expected data manipulation"),
        ("SELECT * FROM Tee WHERE x IS FOO", "Expected type name"),
        ("SELECT * FROM Tee WHERE x IS DOUBLE", "Expected type name"),
        ("SELECT * FROM Tee WHERE x BETWEEN 1", "Expected AND keyword"),
        ("UPDATE Tee SET a 1 WHERE pk = 'a'", "Expected '='"),
        ("SELECT * FROM Tee WHERE (x = 1", "Expected RIGHT_PAREN"),
        ("SELECT * FROM Tee WHERE x = [1", "Expected RIGHT_BRACKET"),
        ("SELECT * FROM Tee WHERE x = {'a': 1", "Expected RIGHT_CURLY"),
        ("SELECT * FROM Tee WHERE x = <<1", "Expected RIGHT_DOUBLE_ANGLE_BRACKET"),
        ("SELECT * FROM Tee WHERE x = {'a' 1}", "Expected COLON"),
        ("SELECT * FROM Tee WHERE x = [X'00']", "Expected RIGHT_BRACKET"),
        ("SELECT * FROM Tee WHERE CASE WHEN x", "Expected THEN keyword"),
        ("SELECT * FROM Tee WHERE CASE WHEN x THEN 1", "Expected END keyword"),
        ("SELECT * FROM Tee WHERE CASE x END", "Expected a WHEN clause in CASE"),
        ("SELECT * FROM Tee;;", "Unexpected token after semicolon. (Only one query is allowed.)"),
        ("SELECT * FROM Tee WHERE x = 5e", ""),
        ("SELECT * FROM Tee WHERE x = 1e99999999999", ""),
        ("SELECT * FROM Tee WHERE x = 'a", ""),
        ("SELECT * FROM Tee /* open", ""),
        ("SELECT * FROM Tee WHERE x = `", ""),
        ("SELECT * FROM \u{ff34}ee", ""),
    ] {
        assert_eq!(refusal(&db, text), format!("{MALFORMED}{detail}"), "{text}");
    }
}

#[test]
fn numbers_have_many_forms() {
    let db = database();
    let things = db.table::<S>("Things").unwrap();
    things.put(&Item::new().with("pk", "n").with("n", 5)).unwrap();
    for form in ["5", "5.", "+5", "- -5", "5.0", "0.5e1", "50E-1", ".5e+1", "00005", "5e0"] {
        assert_eq!(all(&db, &format!("SELECT * FROM Things WHERE pk = 'n' AND n = {form}")).len(), 1, "{form}");
    }
    for form in ["-5", "- 5", "-.5e1", "'5'"] {
        assert!(all(&db, &format!("SELECT * FROM Things WHERE pk = 'n' AND n = {form}")).is_empty(), "{form}");
    }
    let overflow =
        "Number overflow. Attempting to store a number with magnitude larger than supported range under root";
    let underflow =
        "Number underflow. Attempting to store a number with magnitude smaller than supported range under root";
    let digits = "Attempting to store more than 38 significant digits in a Number under root";
    for (condition, expected) in [
        ("n = 1e-131", underflow.to_owned()),
        ("n = 123456789012345678901234567890123456789", digits.to_owned()),
        ("n IN [1, 1e126]", overflow.to_owned()),
        ("n BETWEEN 1e126 AND 2", overflow.to_owned()),
        ("m = {'a': [0, 1e126]}", format!("{overflow}.a[1]")),
        ("ns = <<1, 1e126>>", overflow.to_owned()),
        ("m = {'s': <<1e126>>}", format!("{overflow}.s")),
    ] {
        assert_eq!(refusal(&db, &format!("SELECT * FROM Things WHERE {condition}")), expected, "{condition}");
    }
    let insert = "INSERT INTO Things VALUE {'pk': 'big', 'x': [1, 1e126]}";
    assert_eq!(refusal(&db, insert), format!("{overflow}[1]"));
}

#[test]
fn question_marks_are_parameters_and_nothing_else_is() {
    let db = database();
    for text in ["SELECT * FROM Tee WHERE pk = :p", "SELECT * FROM Tee WHERE pk = $1 2", "SELECT * FROM ?"] {
        let error = db.statement(text).bind("a").send().unwrap_err();
        assert_eq!(error.code(), "ValidationException", "{text}");
    }
    let nested = db.statement("INSERT INTO Things VALUE {'pk': ?, 'm': {'l': [?, 'x', ?]}}");
    nested.bind("nested").bind(1).bind(true).send().unwrap();
    let expected = r#"{"m":{"l":[1,"x",true]},"pk":"nested"}"#;
    assert_eq!(stored(&db, "Things", "nested").unwrap().to_json(), expected);
    let found = db.statement("SELECT pk FROM Eye WHERE pk = 'i' AND s = '?' OR pk = ?").bind("i").items().count();
    assert_eq!(found, 1);
}
