//! Prepared statements, and reads by key that are not planned: they answer and refuse as planned ones do.

use super::*;
use hashrange::Number;

#[test]
fn prepared_statements_run_with_borrowed_parameters() {
    let db = database();
    let insert = db.prepare("INSERT INTO Arr VALUE {'pk': ?, 'sk': ?, 'x': ?, 'on': ?}").unwrap();
    for sk in 1..4_u8 {
        assert!(insert.item(("p", sk, &format!("x{sk}"), true)).unwrap().is_none());
    }
    assert_eq!(insert.item(("p", 1, "again", true)).unwrap_err().code(), "DuplicateItemException");
    let by_key = db.prepare("SELECT * FROM Arr WHERE sk = ? AND ? = pk").unwrap();
    let item = by_key.item((2, "p")).unwrap().unwrap();
    assert_eq!(item.to_item().to_json(), r#"{"on":true,"pk":"p","sk":2,"x":"x2"}"#);
    assert!(by_key.item((9, "p")).unwrap().is_none());
    assert_eq!(
        by_key.item(("p", 2)).unwrap_err().message(),
        "Key attribute's data type should match its data type in table's \
         schema: Key pk"
    );
    let update = db.prepare("UPDATE Arr SET x = ? WHERE pk = ? AND sk = ? RETURNING MODIFIED NEW *").unwrap();
    let changed = update.item((AttributeValue::Null, "p", 3)).unwrap().unwrap();
    assert_eq!(changed.to_item().to_json(), r#"{"x":null}"#);
    let of_one = db.prepare("SELECT sk FROM Arr WHERE pk = ? AND sk > ?").unwrap();
    assert_eq!(of_one.bind("p").bind(1).items().count(), 2);
    assert_eq!(of_one.item(("p", 1)).unwrap().unwrap().to_item().to_json(), r#"{"sk":2}"#);
    assert_eq!(
        of_one.statement().send().unwrap_err().message(),
        "Number of parameters in request and statement don't match."
    );
    let error = db.prepare("SELECT * FROM").unwrap_err();
    assert_eq!(error.message(), format!("{MALFORMED}Unexpected term"));
    let all = db.prepare("SELECT * FROM Eye").unwrap();
    assert!(all.item(()).unwrap().is_some());
    let one = db.prepare("SELECT * FROM Que WHERE pk = 'a' AND sk = ?").unwrap();
    for sk in ["x", "xy", "y"] {
        assert_eq!(key(&one.item([sk]).unwrap().unwrap()), format!("a{sk}"));
    }
}

#[test]
fn a_prepared_statement_outlives_its_table() {
    let db = Database::in_memory().unwrap();
    let by_key = db.prepare("SELECT * FROM Late WHERE pk = ?").unwrap();
    assert_eq!(by_key.item(["a"]).unwrap_err().code(), "ResourceNotFoundException");
    let create = || db.create_table("Late").hash::<S>("pk").create().unwrap();
    let late = create();
    late.put(&Item::new().with("pk", "a").with("n", 1)).unwrap();
    assert!(by_key.item(["a"]).unwrap().is_some());
    let again = db.prepare("SELECT * FROM Late WHERE pk = ?").unwrap();
    assert!(again.item(["a"]).unwrap().is_some());
    db.delete_table("Late").unwrap();
    assert_eq!(again.item(["a"]).unwrap_err().code(), "ResourceNotFoundException");
    db.create_table("Late").hash::<N>("pk").create().unwrap();
    let expected = "Key attribute's data type should match its data type in table's schema: Key pk";
    assert_eq!(again.item(["a"]).unwrap_err().message(), expected);
    assert!(again.item([1]).unwrap().is_none());
    db.close().unwrap();
    assert!(again.item(["a"]).is_err());
}

/// A read by key, and the same statement written so that it has to be planned.
#[track_caller]
fn both(db: &Database, table: &str, names: [&str; 2], values: [AttributeValue; 2]) {
    let run = |text: String| {
        let [one, two] = values.clone();
        let output = db.statement(text).bind_value(one).bind_value(two).send();
        output
            .map(|output| {
                let items: Vec<_> = output.items.iter().map(|item| item.to_item().to_json()).collect();
                (items, output.next, output.table, output.consumed.total())
            })
            .map_err(|error| (error.code(), error.message().to_owned()))
    };
    let [one, two] = names;
    let short = run(format!("SELECT * FROM {table} WHERE {one} = ? AND {two} = ?"));
    let planned = run(format!("SELECT * FROM {table} WHERE ({one} = ? AND {two} = ?) AND size('a') = 1"));
    assert_eq!(short.as_ref().err(), planned.as_ref().err(), "{table} {names:?} {values:?}");
    if let (Ok(short), Ok(planned)) = (short, planned) {
        assert_eq!(short, planned, "{table} {names:?} {values:?}");
    }
}

#[test]
fn reads_by_key_are_what_planned_ones_are() {
    let db = database();
    let values = || -> Vec<AttributeValue> {
        vec![
            "a".into(),
            "".into(),
            "nobody".into(),
            "k".repeat(2048).into(),
            "k".repeat(2049).into(),
            1.into(),
            9.into(),
            AttributeValue::N("1.0".parse::<Number>().unwrap()),
            true.into(),
            AttributeValue::Null,
            binary(b"a"),
            list(["a".into()]),
            strings(["a"]),
        ]
    };
    for table in ["Arr", "Que", "Things", "Gee", "nowhere"] {
        for names in [["pk", "sk"], ["sk", "pk"], ["pk", "pk"], ["pk", "x"], ["x", "y"]] {
            for one in values() {
                for two in values() {
                    both(&db, table, names, [one.clone(), two]);
                }
            }
        }
    }
    for text in ["SELECT * FROM Arr WHERE pk = 'a' AND sk = ?", "SELECT * FROM Arr WHERE sk = ? AND 'a' = pk"] {
        assert_eq!(keys(&db, &text.replace('?', "2")), ["a2"]);
        let one = db.statement(text).bind(2).consistent(true).send().unwrap();
        assert_eq!((one.items.len(), one.consumed.total()), (1, 1.0));
        assert_eq!(db.statement(text).bind(7).send().unwrap().consumed.total(), 0.5);
        let paged = db.statement(text).bind(2).limit(1).send().unwrap();
        assert!(paged.items.len() == 1 && paged.next.is_some());
        assert_eq!(db.statement(text).bind(2).limit(0).send().unwrap_err().code(), "ValidationException");
        assert_eq!(db.statement(text).reject(hashrange::Error::validation("no")).send().unwrap_err().message(), "no");
        let error = db.statement(text).send().unwrap_err();
        assert_eq!(error.message(), "Number of parameters in request and statement don't match.");
    }
}
