//! Reads by key, in order, of indexes, page by page, and what comes back.

use super::*;
use hashrange::{ledger::LedgerOptions, partiql::Statement};

const OVERLAP: &str = "Overlapping conditions with range keys are not supported in where clause";

/// Keys that a condition on `Arr` selects.
#[track_caller]
fn read(db: &Database, condition: &str) -> String {
    keys(db, &format!("SELECT * FROM Arr WHERE {condition}")).join(" ")
}

#[track_caller]
fn refused(db: &Database, condition: &str) -> String {
    refusal(db, &format!("SELECT * FROM Arr WHERE {condition}"))
}

#[test]
fn order_by_has_its_quirks() {
    let db = database();
    for (condition, expected) in [
        ("pk='a' ORDER BY sk DESC", "a3 a2 a1"),
        ("pk='a' ORDER BY sk", "a1 a2 a3"),
        ("pk='a' ORDER BY pk", "a3 a2 a1"),
        ("pk='a' ORDER BY pk DESC, sk ASC", "a1 a2 a3"),
        ("pk='a' ORDER BY sk ASC NULLS LAST, sk DESC", "a1 a2 a3"),
        ("pk IN ['b','a'] ORDER BY pk DESC", "b2 b1 a3 a2 a1"),
        ("pk IN ['a','b'] ORDER BY sk, pk", "a1 a2 a3 b1 b2"),
        ("pk='a'", "a1 a2 a3"),
        ("pk='a' AND sk NOT BETWEEN 2 AND 2", "a1 a3"),
        ("pk='x' AND pk='y'", ""),
        ("pk='a' AND pk='a' AND sk IN [3, 1]", "a1 a3"),
        ("pk='a' AND (sk = 3 OR sk < 2)", "a1 a3"),
        ("pk='a' AND sk IN [3, 1, 2] ORDER BY sk", "a1 a2 a3"),
        ("pk='a' AND sk IN [1, 3, 2] ORDER BY sk DESC", "a3 a2 a1"),
        ("pk='a' AND (sk < 2 OR sk >= 2) ORDER BY sk DESC", "a3 a2 a1"),
        ("pk='a' AND (sk < 2 OR sk >= 2) ORDER BY pk", "a3 a2 a1"),
        ("pk='a' AND sk > 1 AND x < 30", "a2"),
        ("pk='a' AND 2 <= sk", "a2 a3"),
        ("pk='a' AND sk BETWEEN 1 AND 2 AND x > 10", "a2"),
        ("pk='a' AND (x = 10 OR x = 20)", "a1 a2"),
        ("pk='a' AND NOT sk = 2", "a1 a3"),
    ] {
        assert_eq!(read(&db, condition), expected, "{condition}");
    }
    for (condition, expected) in [
        (
            "pk IN ['a','b'] ORDER BY sk",
            "Must have hash key in ORDER BY clause when more than one hash key condition specified in WHERE clause.",
        ),
        ("pk='a' ORDER BY SK", "Attribute SK in ORDER BY clause must be part of the primary key"),
        ("pk='a' ORDER BY m.x", "Argument to ORDER BY must be of type VariableReference. Type: PATH at 1:41:1"),
        ("pk='a' OR pk='a' ORDER BY a", "Attribute a in ORDER BY clause must be part of the primary key"),
        (
            "x = 1 ORDER BY sk",
            "Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause.",
        ),
    ] {
        assert_eq!(refused(&db, condition), expected, "{condition}");
    }
    let expected = "Must have WHERE clause in the statement when using ORDER BY clause.";
    assert_eq!(refusal(&db, "SELECT * FROM Arr ORDER BY sk"), expected);
}

#[test]
fn ranges_must_not_overlap() {
    let db = database();
    for condition in [
        "pk='a' OR pk='a'",
        "pk='a' AND sk BETWEEN 1 AND 3 OR pk='a' AND sk = 2",
        "pk='a' AND (sk = 1 OR x = 10)",
        "pk='a' AND sk <= 2 OR pk='a' AND sk >= 2",
        "pk='a' AND sk IN [1, 1.0]",
        "pk IN ['a', 'a']",
    ] {
        assert_eq!(refused(&db, condition), OVERLAP, "{condition}");
    }
    for (condition, expected) in [
        ("pk='a' AND sk > 0 AND sk < 3 OR pk='a' AND sk = 2", "a1 a2"),
        ("pk='a' AND sk <> 1 OR pk='a' AND sk = 2", "a2 a3"),
        ("pk='a' AND (sk <> 1 OR x = 10) OR pk='a' AND sk = 2", "a1 a2 a3"),
        ("pk='a' AND (NOT sk = 1 OR x = 30) OR pk='a' AND sk = 2", "a2 a3"),
        ("pk='a' AND sk < 2 OR pk='a' AND sk >= 2", "a1 a2 a3"),
        ("pk='a' AND sk = 3 OR pk='b' AND sk = 1", "a3 b1"),
        ("(pk='a' OR pk='b') AND sk = 1", "a1 b1"),
        ("(pk='a' OR pk='b') AND (sk = 1 OR sk = 2)", "a1 a2 b1 b2"),
    ] {
        assert_eq!(read(&db, condition), expected, "{condition}");
    }
    let named =
        |condition: &str| format!("SELECT * FROM Que WHERE pk='a' AND begins_with(sk,'x') OR pk='a' AND {condition}");
    assert_eq!(refusal(&db, &named("sk <= 'x'")), OVERLAP);
    assert_eq!(refusal(&db, &named("begins_with(sk, 'xy')")), OVERLAP);
    assert_eq!(keys(&db, &named("sk < 'x'")), ["ax", "axy"]);
    assert_eq!(keys(&db, &named("sk = 'y'")), ["ax", "axy", "ay"]);
    // A branch without the partition key makes it a scan of everything.
    assert_eq!(all(&db, "SELECT * FROM Arr WHERE pk = 'a' OR x = 20").len(), 4);
}

#[test]
fn keys_have_types() {
    let db = database();
    let expected = "Key attribute's data type should match its data type in table's schema: Key ";
    assert_eq!(refused(&db, "pk = 5"), format!("{expected}pk"));
    assert_eq!(refused(&db, "pk = 'a' AND sk = 'x'"), format!("{expected}sk"));
    assert_eq!(refused(&db, "pk = 'a' AND begins_with(sk, 'x')"), format!("{expected}sk"));
    let map = "Key value must be of type S, N, or B. Key name: pk, Key type: M";
    assert_eq!(refused(&db, "pk = {'k': 1}"), map);
    // Behind a branch that names no key, nothing is checked.
    assert_eq!(all(&db, "SELECT * FROM Arr WHERE x = 10 OR pk = 5").len(), 2);
}

#[test]
fn results_are_flat() {
    let db = database();
    db.statement("INSERT INTO Things VALUE {'pk': 'f', 'a.b': 1, 'a': {'b': 2, 'l': [7, 8]}, 'l': [9]}")
        .send()
        .unwrap();
    let one = |items: &str| all(&db, &format!("SELECT {items} FROM Things WHERE pk = 'f'"))[0].to_item().to_json();
    assert_eq!(one("a.b"), r#"{"b":2}"#);
    assert_eq!(one("\"a.b\", a.b"), r#"{"a.b":1,"b":2}"#);
    assert_eq!(one("l[0]"), r#"{"l[0]":9}"#);
    assert_eq!(one("a.l[1], nope"), r#"{"l[1]":8}"#);
    assert_eq!(one("nope"), "{}");
}

#[test]
fn indexes_are_read_by_name() {
    let db = database();
    let invalid = "One or more parameter values were invalid: ";
    assert_eq!(all(&db, "SELECT * FROM Gee.gix WHERE gk = 'x'").len(), 3);
    assert_eq!(all(&db, "SELECT * FROM Gee.lix WHERE pk = 'a' AND lk > 'k1'").len(), 2);
    assert!(all(&db, "SELECT * FROM Gee.lix WHERE pk = 'a'")[0].get("a").is_none());
    let fetched: Vec<_> =
        all(&db, "SELECT a FROM Gee.lix WHERE pk = 'a'").iter().map(|item| item.to_item().to_json()).collect();
    assert_eq!(fetched, [r#"{"a":1}"#, r#"{"a":2}"#, r#"{"a":3}"#]);
    assert_eq!(keys(&db, "SELECT pk, sk FROM Gee.lix WHERE pk = 'a' ORDER BY lk DESC"), ["a3", "a2", "a1"]);
    let listed = "SELECT pk, sk FROM Gee.lix WHERE pk = 'a' AND lk IN ['k2', 'k3', 'k1'] ORDER BY lk";
    assert_eq!(keys(&db, listed), ["a1", "a2", "a3"]);
    let expected = format!("{invalid}Global secondary index gix does not project [a]");
    assert_eq!(refusal(&db, "SELECT a FROM Gee.gix WHERE gk='x'"), expected);
    let expected = format!("{invalid}Secondary index lix does not project one or more filter attributes: [a]");
    assert_eq!(refusal(&db, "SELECT * FROM Gee.lix WHERE pk='a' AND a = 1"), expected);
    assert_eq!(all(&db, "SELECT * FROM Gee.gix WHERE NOT a = 1").len(), 3);
    for index in ["nope", "Gee"] {
        let text = format!("SELECT * FROM Gee.\"{index}\"");
        assert_eq!(refusal(&db, &text), "The table does not have the specified index");
    }
    let consistent = db.statement("SELECT * FROM Gee.gix").consistent(true).send().unwrap_err();
    assert_eq!(consistent.message(), "Strongly consistent read is not supported on Global Secondary Indexes");
    assert_eq!(db.statement("SELECT * FROM Gee.lix").consistent(true).items().count(), 3);
}

/// Keys of one page after the other, with these limits.
fn pages(db: &Database, text: &str, limit: usize) -> Vec<String> {
    let mut pages = Vec::new();
    let mut statement = db.statement(text).limit(limit);
    loop {
        let page = statement.page().unwrap();
        pages.push(page.items.iter().map(key).collect::<Vec<_>>().join(" "));
        match page.next {
            Some(next) => statement = db.statement(text).limit(limit).resume(next),
            None => return pages,
        }
    }
}

#[test]
fn pages_go_over_partitions() {
    let db = database();
    let descending = "SELECT * FROM Arr WHERE pk IN ['b','a'] ORDER BY pk DESC";
    assert_eq!(pages(&db, descending, 2), ["b2 b1", "a3 a2", "a1"]);
    assert_eq!(pages(&db, "SELECT * FROM Arr WHERE pk = 'a'", 3), ["a1 a2 a3", ""]);
    assert_eq!(pages(&db, "SELECT * FROM Arr WHERE pk = 'a' AND x = 30", 2), ["", "a3"]);
    assert_eq!(pages(&db, "SELECT * FROM Arr WHERE pk = 'a' AND sk IN [3, 1]", 1), ["a1", "a3", ""]);
    let scanned: usize = pages(&db, "SELECT * FROM Arr", 2).iter().map(|page| page.split_whitespace().count()).sum();
    assert_eq!(scanned, 5);
    let by_index: Vec<_> = pages(&db, "SELECT * FROM Gee.gix WHERE gk = 'x'", 1);
    assert_eq!(by_index.iter().filter(|page| !page.is_empty()).count(), 3);
    assert_eq!(db.statement("SELECT * FROM Arr WHERE x > 0").limit(2).items().count(), 2);
}

#[test]
fn absent_items_fill_no_page() {
    let db = database();
    let things = db.table::<(S, N)>("Arr").unwrap();
    for sk in 0..100 {
        things.put(&Item::new().with("pk", "many").with("sk", sk)).unwrap();
    }
    let partitions: Vec<String> = (0..20).map(|number| format!("'absent{number}'")).collect();
    let sorts: Vec<String> = (0..100).map(|sk| sk.to_string()).collect();
    let (partitions, sorts) = (partitions.join(", "), sorts.join(", "));
    let text = format!("SELECT * FROM Arr WHERE pk IN ['many', {partitions}] AND sk IN [{sorts}]");
    let page = db.statement(&text).page().unwrap();
    assert!(page.items.len() == 10 && page.next.is_some(), "a page of several partition keys: {}", page.items.len());
    assert_eq!(db.statement(&text).items().count(), 100);
    let absent_too: Vec<String> = (50..150).map(|sk| sk.to_string()).collect();
    let text = format!("SELECT * FROM Arr WHERE pk = 'many' AND sk IN [{}]", absent_too.join(", "));
    let page = db.statement(&text).page().unwrap();
    assert_eq!((page.items.len(), page.next, page.consumed.total()), (50, None, 50.0));
    let large = "x".repeat(300_000);
    for pk in ["l1", "l2", "l3", "l4", "l5"] {
        things.put(&Item::new().with("pk", pk).with("sk", 1).with("x", large.as_str())).unwrap();
    }
    for sort in ["AND sk = 1", "AND sk > 0", ""] {
        let text = format!("SELECT * FROM Arr WHERE pk IN ['l1', 'l2', 'l3', 'l4', 'l5'] {sort}");
        let page = db.statement(&text).page().unwrap();
        assert!(page.items.len() == 4 && page.next.is_some(), "{sort}: {}", page.items.len());
        assert_eq!(all(&db, &text).len(), 5);
    }
}

#[test]
fn a_page_has_a_megabyte_over_all_its_ranges() {
    let db = database();
    let arr = db.table::<(S, N)>("Arr").unwrap();
    let put = |pk: &str, sk: i64, bytes: usize| {
        arr.put(&Item::new().with("pk", pk).with("sk", sk).with("x", "x".repeat(bytes))).unwrap();
    };
    (0..3).for_each(|sk| put("l1", sk, 300_000));
    (0..4).for_each(|sk| put("l2", sk, 300_000));
    for text in [
        "SELECT * FROM Arr WHERE pk IN ['l1', 'l2']",
        "SELECT * FROM Arr WHERE pk IN ['l1', 'l2'] AND sk >= 0",
        "SELECT * FROM Arr WHERE pk = 'l1' OR pk = 'l2' AND (sk < 1 OR sk > 1)",
    ] {
        let page = db.statement(text).page().unwrap();
        assert!(page.items.len() == 4 && page.next.is_some(), "{text}: {}", page.items.len());
        let rest = db.statement(text).resume(page.next.unwrap()).page().unwrap();
        assert_eq!(page.items.len() + rest.items.len(), all(&db, text).len(), "{text}");
    }
    // Each range has a few bytes more than a unit: the bytes count, and not the units, of which there are twice as many.
    (0..145).for_each(|at| put("m", 2 * at, 4_096));
    let ranges: Vec<String> = (0..145).map(|at| format!("sk BETWEEN {} AND {}", 2 * at, 2 * at)).collect();
    let text = format!("SELECT sk FROM Arr WHERE pk = 'm' AND ({})", ranges.join(" OR "));
    let page = db.statement(&text).page().unwrap();
    assert_eq!((page.items.len(), page.next), (145, None), "145 items of 4 KB have less than a megabyte");
}

#[test]
fn a_key_that_is_too_long_is_not_there_where_several_are_read() {
    let db = database();
    let long = "a".repeat(2_049);
    let text = format!("SELECT pk FROM Eye WHERE pk IN ['{long}', 'i']");
    assert_eq!(keys(&db, &text), ["i"]);
    let page = db.statement(&text).page().unwrap();
    assert_eq!((page.items.len(), page.consumed.total()), (1, 1.0));
    let sort = "x".repeat(1_025);
    assert_eq!(keys(&db, &format!("SELECT * FROM Que WHERE pk = 'a' AND sk IN ['x', '{sort}']")), ["ax"]);
    let size = "Size of hashkey has exceeded the maximum size limit of2048 bytes";
    assert!(refusal(&db, &format!("SELECT pk FROM Eye WHERE pk = '{long}'")).ends_with(size));
}

#[test]
fn partition_keys_are_counted_once_and_bounded() {
    let db = database();
    let sorts: Vec<String> = (1..=26).map(|sk| format!("sk = {sk}")).collect();
    let (sorts, hashes) = (sorts.join(" OR "), "pk = 'a' OR pk = 'b'");
    let alternating = keys(&db, &format!("SELECT * FROM Arr WHERE ({sorts}) AND ({hashes})"));
    assert_eq!(alternating.len(), 5);
    assert_eq!(keys(&db, &format!("SELECT * FROM Arr WHERE ({hashes}) AND ({sorts})")).len(), 5);
    let many: Vec<String> = (0..51).map(|at| format!("pk = 'p{at}'")).collect();
    let expected = "The IN operator is provided with too many operands; number of operands: 51";
    assert_eq!(refused(&db, &many.join(" OR ")), expected);
    assert_eq!(read(&db, &many[1..].join(" OR ")), "");

    // 15,000 ranges are too many to be read one by one.
    db.table::<(S, N)>("Arr").unwrap().put(&Item::new().with("pk", "a").with("sk", 500)).unwrap();
    let pks: Vec<AttributeValue> = (0..49).map(|at| format!("p{at}").into()).chain(["a".into()]).collect();
    let branch = "pk IN ? AND sk IN ?";
    let mut statement = db.statement(format!("SELECT * FROM Arr WHERE {branch} OR {branch} OR {branch}"));
    for at in 0..3 {
        let sks: Vec<AttributeValue> = (100 * at..100 * (at + 1)).map(|sk| sk.into()).collect();
        statement = statement.bind_value(AttributeValue::L(pks.clone())).bind_value(AttributeValue::L(sks));
    }
    assert_eq!(statement.explain().unwrap().keys.len(), 50);
    let found: Vec<String> = statement.items().map(|item| key(&item.unwrap())).collect();
    assert_eq!(found, ["a1", "a2", "a3"]);
}

#[test]
fn a_page_belongs_to_its_statement() {
    let db = database();
    let text = "SELECT * FROM Arr WHERE pk = ?";
    let next = db.statement(text).bind("a").limit(1).page().unwrap().next.unwrap();
    let resumed = db.statement(text).bind("a").limit(2).resume(next.clone()).page().unwrap();
    assert_eq!(resumed.items.iter().map(key).collect::<Vec<_>>(), ["a2", "a3"]);
    for other in [
        db.statement("SELECT * FROM Arr WHERE pk = ? ").bind("a"),
        db.statement("select * FROM Arr WHERE pk = ?").bind("a"),
        db.statement("SELECT * FROM Arr WHERE pk = ?;").bind("a"),
        db.statement(text).bind("b"),
    ] {
        let error = other.resume(next.clone()).page().unwrap_err();
        assert_eq!(error.message(), "NextToken does not match request");
    }
    let write = db.statement("DELETE FROM Arr WHERE pk = 'a' AND sk = 1").resume(next).send().unwrap_err();
    assert_eq!(write.message(), "NextToken is only valid on a SELECT statement");
}

/// Thousandths of a unit of reading that `read` consumes.
fn read_units(db: &Database, read: impl FnOnce() -> usize) -> (usize, u64) {
    let before = db.ledger().unwrap().total(|_| true).read_milliunits;
    let items = read();
    (items, db.ledger().unwrap().total(|_| true).read_milliunits - before)
}

#[test]
fn a_limit_without_a_filter_is_a_limit_of_what_is_read() {
    let db = Database::options().ledger(LedgerOptions::new()).background(false).in_memory().unwrap();
    let jobs = db.create_table("jobs").hash::<S>("queue").range::<N>("due").create().unwrap();
    for at in 0..200 {
        let item =
            Item::new().with("queue", "q").with("due", at).with("even", at % 2 == 0).with("text", "x".repeat(1000));
        jobs.put(&item).unwrap();
    }
    let select = |text: &str| db.statement(text).bind("q");
    let count = |statement: Statement| read_units(&db, || statement.items().map(Result::unwrap).count());
    let of_key = "SELECT * FROM jobs WHERE queue = ?";
    assert_eq!(count(select(of_key).limit(1)), (1, 500));
    assert_eq!(count(select("SELECT * FROM jobs WHERE queue = ? AND due > 50 ORDER BY due DESC").limit(3)), (3, 500));
    assert_eq!(count(select("SELECT * FROM jobs WHERE queue = ? AND due = 7").limit(1)), (1, 500));
    let (all, units) = count(select(of_key));
    assert_eq!((all, units > 20_000), (200, true));
    // What is tested besides the key has no bound on what is read, only on what is returned.
    let (odd, units) = count(select("SELECT * FROM jobs WHERE queue = ? AND even = false").limit(10));
    assert_eq!((odd, units > 20_000), (10, true));
    assert_eq!(select(of_key).limit(0).items().count(), 0);
}
