//! Plans: what a statement would do, without doing it.

use super::*;
use hashrange::partiql::PlanKind;

#[test]
fn plans_say_how_items_are_found() {
    let db = database();
    for (text, expected) in [
        ("SELECT * FROM Eye WHERE pk = 'i'", PlanKind::Get),
        ("SELECT * FROM Eye WHERE pk = 'i' AND s = 'str'", PlanKind::Get),
        ("SELECT * FROM Arr WHERE pk = 'a' AND sk = 1", PlanKind::Get),
        ("SELECT * FROM Arr WHERE pk = 'a'", PlanKind::Query),
        ("SELECT * FROM Arr WHERE pk IN ['a', 'b']", PlanKind::Query),
        ("SELECT * FROM Arr WHERE pk = 'a' OR sk = 1", PlanKind::Scan),
        ("SELECT * FROM Arr WHERE NOT pk = 'a'", PlanKind::Scan),
        ("SELECT * FROM Arr", PlanKind::Scan),
        ("INSERT INTO Arr VALUE {'pk': 'new', 'sk': 1}", PlanKind::Put),
        ("UPDATE Arr SET x = 1 WHERE pk = 'a' AND sk = 1", PlanKind::Update),
        ("DELETE FROM Arr WHERE pk = 'a' AND sk = 1", PlanKind::Delete),
        ("EXISTS(SELECT * FROM Arr WHERE pk = 'a' AND sk = 1 AND x = 1)", PlanKind::Check),
    ] {
        assert_eq!(db.statement(text).explain().unwrap().kind, expected, "{text}");
    }
    assert!(db.table::<(S, N)>("Arr").unwrap().get(("new", 1)).unwrap().is_none());
}

#[test]
fn plans_can_be_read() {
    let db = database();
    let show = |text: &str| db.statement(text).explain().unwrap().to_string();
    let query = "SELECT pk, a FROM Gee.lix WHERE pk = 'a' AND lk BETWEEN 'k1' AND 'k2' AND NOT sk = 3 ORDER BY lk DESC";
    assert_eq!(
        show(query),
        "query   Gee by index lix\nkeys    pk = \"a\" AND lk BETWEEN \"k1\" AND \"k2\", descending\nfilter  NOT sk = 3\nreturns \
         pk, a\nunits   at least 0.5 for each page, at most 128"
    );
    assert_eq!(
        show("UPDATE Things SET a = 1 WHERE pk = 's0' AND s = 'str'"),
        "update  Things\nkeys    pk = \"s0\"\nwhen    attribute_exists(pk) AND s = \"str\"\nunits   at least 1"
    );
    assert_eq!(show("SELECT * FROM Arr"), "scan    Arr\nunits   at least 0.5 for each page, at most 128");
}

#[test]
fn scans_can_be_forbidden() {
    let db = database();
    let error = db.statement("SELECT * FROM Arr WHERE x = 1").no_scans().send().unwrap_err();
    assert!(error.message().contains("scans are forbidden"), "{error}");
    assert_eq!(db.statement("SELECT * FROM Arr WHERE pk = 'a'").no_scans().items().count(), 3);
}
