//! `INSERT`, `UPDATE` and `DELETE`.

use super::*;

/// Updates the thing `s0` and returns what it is then.
#[track_caller]
fn updated(db: &Database, changes: &str) -> Item {
    let text = format!("UPDATE \"Things\" {changes} WHERE pk = 's0'");
    if let Err(error) = db.statement(&text).send() {
        panic!("{text}: {error}");
    }
    stored(db, "Things", "s0").unwrap()
}

#[track_caller]
fn update_refusal(db: &Database, changes: &str) -> String {
    refusal(db, &format!("UPDATE \"Things\" {changes} WHERE pk = 's0'"))
}

#[test]
fn inserts_are_of_new_items() {
    let db = database();
    let text = "INSERT INTO \"Things\" VALUE {'pk':'p','a':1E3,'b':-1.5e-3,'c':2.50,'q':'it''s'}";
    let output = db.statement(text).send().unwrap();
    assert!(output.items.is_empty());
    assert_eq!(stored(&db, "Things", "p").unwrap().to_json(), r#"{"a":1000,"b":-0.0015,"c":2.5,"pk":"p","q":"it's"}"#);
    let error = db.statement(text).send().unwrap_err();
    assert_eq!((error.code(), error.message()), ("DuplicateItemException", "Duplicate primary key exists in table"));
    db.statement("DELETE FROM Things WHERE pk = 'p'").send().unwrap();
    db.statement(text).send().unwrap();
    db.statement("INSERT INTO Things VALUE {'pk': ?, 'data': ?}").bind("v").bind(vec![1, 2]).send().unwrap();
    assert_eq!(stored(&db, "Things", "v").unwrap().to_json(), r#"{"data":[1,2],"pk":"v"}"#);
    let whole = map([("pk", "w".into()), ("data", binary(b"x"))]);
    db.statement("INSERT INTO Things VALUE ?").bind_value(whole).send().unwrap();
    assert!(stored(&db, "Things", "w").is_some());
    let expected = "Unsupported data type: set_delete under key root at 1:47:10";
    assert_eq!(refusal(&db, "INSERT INTO \"Things\" VALUE {'pk': 'e2', 'ss': set_delete(<<'a'>>,<<'b'>>)}"), expected);
    let missing = "One or more parameter values were invalid: Missing the key pk in the item";
    assert_eq!(refusal(&db, "INSERT INTO Things VALUE {'a': 1}"), missing);
    let wrong = "Key attribute's data type should match its data type in table's schema: Key pk";
    assert_eq!(refusal(&db, "INSERT INTO Things VALUE {'pk': 1}"), wrong);
}

#[test]
fn sets_grow_and_shrink() {
    let db = database();
    assert_eq!(updated(&db, "SET ss = set_add(ss, <<'0','z'>>)").get("ss"), Some(&strings(["0", "a", "b", "c", "z"])));
    assert_eq!(updated(&db, "SET ns = SET_ADD(ns, <<4.0, 1>>)").get("ns"), Some(&numbers([1, 2, 3, 4])));
    assert_eq!(updated(&db, "SET ss = set_delete(ss, <<'0','z','a','b','c'>>)").get("ss"), None);
    assert_eq!(updated(&db, "SET ss = set_delete(ss, <<'a'>>)").get("ss"), None);
    assert_eq!(updated(&db, "SET ss = set_add(ss, <<'a'>>)").get("ss"), Some(&strings(["a"])));
    for (changes, expected) in [
        ("SET t = set_add(ss, <<'x'>>)", "The first argument to SET_ADD must equal the assignment value at 1:25:7"),
        ("SET ss = set_add(ss, 'x')", "The second argument to SET_ADD must be a value with type SET at 1:34:2"),
        ("SET ss = set_add(ss)", "SET_ADD must have exactly two arguments at 1:26:7"),
        ("SET ss = set_add(ss, <<1>>)", "An operand in the update expression has an incorrect data type"),
        ("SET s = foo(s)", "Unrecognized function: foo at 1:25:3"),
        ("SET s = if_not_exists(s, 1)", "Unrecognized function: if_not_exists at 1:25:13"),
    ] {
        assert_eq!(update_refusal(&db, changes), expected, "{changes}");
    }
    let text = "UPDATE Things SET ss = set_add(ss, ?) WHERE pk = ?";
    db.statement(text).bind_value(strings(["k"])).bind("s0").send().unwrap();
    assert_eq!(stored(&db, "Things", "s0").unwrap().get("ss"), Some(&strings(["a", "k"])));
}

#[test]
fn updates_read_the_item_as_it_was() {
    let db = database();
    updated(&db, "SET n = 1");
    let item = updated(&db, "SET n = 7, k = n + 1");
    assert_eq!((item.get("n"), item.get("k")), (Some(&7.into()), Some(&2.into())));
    let absent = "The provided expression refers to an attribute that does not exist in the item";
    assert_eq!(update_refusal(&db, "SET k = zz + 1"), absent);
    let wrong = "Incorrect operand type for operator or function; operator or function: +, operand type: S";
    assert_eq!(update_refusal(&db, "SET k = n + 'x'"), wrong);
    // Of two operands that are wrong the one that is written first is named.
    assert_eq!(refusal(&db, "UPDATE Things SET k = 'x' + 1 WHERE pk = 's0' AND l < [1]"), wrong);
    let compared = "Incorrect operand type for operator or function; operator or function: <, operand type: L";
    assert_eq!(refusal(&db, "FROM Things WHERE pk = 's0' AND l < [1] SET k = 'x' + 1"), compared);
    assert_eq!(refusal(&db, "UPDATE Things SET k = 1 WHERE pk = 's0' AND l < [1]"), compared);
    assert_eq!(update_refusal(&db, "SET k = s + 1"), "An operand in the update expression has an incorrect data type");
    updated(&db, "SET l = [1, 2, 3]");
    assert_eq!(
        updated(&db, "SET l[10] = 7 REMOVE l[3]").get("l"),
        Some(&list([1.into(), 2.into(), 3.into(), 7.into()]))
    );
    updated(&db, "SET l = ['a', 'b', 'c']");
    assert_eq!(updated(&db, "REMOVE l[0] REMOVE l[1]").get("l"), Some(&list(["c".into()])));
    updated(&db, "SET l = [1]");
    assert_eq!(updated(&db, "SET l = list_append(l, [2010])").get("l"), Some(&list([1.into(), 2010.into()])));
    let both = list([2020.into(), 1.into(), 2010.into()]);
    assert_eq!(updated(&db, "SET l = list_append([2020], l)").get("l"), Some(&both));
    assert_eq!(updated(&db, "REMOVE s SET t = ?".replace('?', "5 - n").as_str()).get("t"), Some(&(-2).into()));
    db.statement("FROM Things WHERE pk = 's0' SET t = 1 REMOVE n").send().unwrap();
    let item = stored(&db, "Things", "s0").unwrap();
    assert_eq!((item.get("t"), item.get("n")), (Some(&1.into()), None));
    assert_eq!(update_refusal(&db, "REMOVE a, b"), format!("{MALFORMED}Unexpected token after expression"));
}

#[test]
fn updates_that_are_refused() {
    let db = database();
    let overlap = "Two document paths overlap with each other; must remove or rewrite one of these paths; ";
    assert_eq!(update_refusal(&db, "SET m = {} SET m.x = 1"), format!("{overlap}path one: [m, x], path two: [m]"));
    let key =
        "One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key";
    assert_eq!(update_refusal(&db, "SET pk = 'z'"), key);
    let mandatory = "Where clause does not contain a mandatory equality on all key attributes";
    for condition in ["", "WHERE NOT (NOT pk='a')", "WHERE pk IN ['a']", "WHERE pk='a' OR pk='b'", "WHERE pk > 'a'"] {
        assert_eq!(refusal(&db, &format!("UPDATE \"Things\" SET c = 1 {condition}")), mandatory, "{condition}");
    }
    let several = "Multiple conditions on same key pk. Only single item Update/Insert/Delete are supported";
    assert_eq!(refusal(&db, "UPDATE Things SET c = 1 WHERE pk='a' AND pk='b'"), several);
    updated(&db, "SET c = 1");
    db.statement("UPDATE Things SET c = 2 WHERE pk='s0' AND 's0' = pk").send().unwrap();
    let wrong = "Key attribute's data type should match its data type in table's schema: Key pk";
    assert_eq!(refusal(&db, "UPDATE Things SET c = 1 WHERE pk = 1"), wrong);
    let too_large = "UPDATE Things SET big = ? WHERE pk = 's0'";
    let error = db.statement(too_large).bind("x".repeat(410_000)).send().unwrap_err();
    assert_eq!(error.message(), "Item size to update has exceeded the maximum allowed size");
}

#[test]
fn conditions_decide_about_what_is_there() {
    let db = database();
    let send = |text: &str| db.statement(text).return_old_on_failure().send();
    let failed = "The conditional request failed";
    let update = send("UPDATE Things SET a = 1 WHERE pk = 'nope'").unwrap_err();
    assert_eq!((update.code(), update.message()), ("ConditionalCheckFailedException", failed));
    assert!(update.old_item().is_none());
    assert!(send("UPDATE Things SET a = 1 WHERE pk = 'nope' AND attribute_not_exists(pk)").is_err());
    assert!(stored(&db, "Things", "nope").is_none());
    send("DELETE FROM Things WHERE pk = 'nope'").unwrap();
    send("DELETE FROM Things WHERE pk = 'nope' AND a = 1").unwrap();
    let delete = send("DELETE FROM Things WHERE pk = 's0' AND s = 'other'").unwrap_err();
    assert_eq!(
        delete.old_item().and_then(|item| item.get("s").and_then(|s| s.as_str().map(str::to_owned))).as_deref(),
        Some("str")
    );
    let update = send("UPDATE Things SET a = 1 WHERE pk = 's0' AND s = 'other'").unwrap_err();
    assert!(update.old_item().is_some());
    send("DELETE FROM Things WHERE pk = 's0' AND s = 'str'").unwrap();
    assert!(stored(&db, "Things", "s0").is_none());
}

#[test]
fn returning_shows_what_changed() {
    let db = database();
    let shown = |text: &str| -> Vec<String> {
        db.statement(text).send().unwrap().items.iter().map(|item| item.to_item().to_json()).collect()
    };
    db.statement("INSERT INTO Things VALUE {'pk': 'r', 'a': 1, 'm': {'k': 1, 'o': 2}, 'l': [1, 2]}").send().unwrap();
    let modified =
        |changes: &str, what: &str| shown(&format!("UPDATE Things {changes} WHERE pk = 'r' RETURNING {what} *"));
    assert_eq!(modified("SET m.k = 5", "MODIFIED NEW"), [r#"{"m":{"k":5}}"#]);
    assert_eq!(modified("SET m.k = 6", "MODIFIED OLD"), [r#"{"m":{"k":5}}"#]);
    assert_eq!(modified("SET nope = 6", "MODIFIED OLD"), [""; 0]);
    assert_eq!(modified("REMOVE l[0]", "MODIFIED NEW"), [r#"{"l":[2]}"#]);
    assert_eq!(modified("REMOVE nope REMOVE l", "ALL OLD"), [r#"{"a":1,"l":[2],"m":{"k":6,"o":2},"nope":6,"pk":"r"}"#]);
    assert_eq!(modified("SET a = 2", "ALL NEW"), [r#"{"a":2,"m":{"k":6,"o":2},"pk":"r"}"#]);
    for what in ["MODIFIED OLD", "MODIFIED NEW", "ALL NEW"] {
        let expected = format!(
            "Invalid returning clause: RETURNING {what} *. Only RETURNING ALL OLD * is allowed in DELETE statements."
        );
        assert_eq!(refusal(&db, &format!("DELETE FROM Things WHERE pk = 'r' RETURNING {what} *")), expected);
    }
    let delete = "DELETE FROM Things WHERE pk = 'r' RETURNING ALL OLD *";
    assert_eq!(shown(delete), [r#"{"a":2,"m":{"k":6,"o":2},"pk":"r"}"#]);
    assert_eq!(shown(delete), [""; 0]);
}
