//! PartiQL statements from the arguments and from standard input.

use crate::place::Place;

fn with_orders() -> Place {
    let place = Place::new();
    place.ok(&["create", "orders", "--hash", "customer:S", "--range", "number:N"]);
    for (customer, number, total) in [("c#1", 1, 5), ("c#1", 2, 70), ("c#2", 1, 1)] {
        let insert =
            format!("INSERT INTO orders VALUE {{'customer': '{customer}', 'number': {number}, 'total': {total}}}");
        assert_eq!(place.ok(&["sql", &insert]), "");
    }
    place
}

#[test]
fn statements_read_and_write() {
    let place = with_orders();
    let found = place.ok(&["sql", "SELECT total FROM orders WHERE customer = 'c#1' ORDER BY number DESC"]);
    assert_eq!(found, "{\"total\":70}\n{\"total\":5}\n");
    let select =
        ["sql", "SELECT * FROM orders WHERE customer = ? AND number = ?", "--param", "\"c#1\"", "--param", "2"];
    assert_eq!(place.ok(&select), "{\"customer\":\"c#1\",\"number\":2,\"total\":70}\n");
    let update = "UPDATE orders SET total = total + 1 WHERE customer = 'c#1' AND number = 2 RETURNING MODIFIED NEW *";
    assert_eq!(place.ok(&["sql", update]), "{\"total\":71}\n");
    assert_eq!(place.ok(&["sql", "SELECT * FROM orders", "--limit", "2"]).lines().count(), 2);
    let table = place.ok(&["sql", "SELECT customer, total FROM orders WHERE customer = 'c#2'", "--table"]);
    assert!(table.contains("customer") && table.contains("c#2") && table.contains('│'), "{table}");
}

#[test]
fn plans_are_shown_and_scans_forbidden() {
    let place = with_orders();
    let plan = place.ok(&["sql", "SELECT * FROM orders WHERE customer = 'c#1'", "--explain"]);
    assert!(plan.starts_with("query   orders\nkeys    customer = \"c#1\"\n"), "{plan}");
    let refused = place.fails(1, &["sql", "SELECT * FROM orders", "--no-scans"]);
    assert!(refused.contains("scans are forbidden"), "{refused}");
    let refused = place.fails(1, &["sql", "SELECT * FROM orders WHERE"]);
    assert!(
        refused.contains("ValidationException: Statement wasn't well formed, can't be processed: Unexpected term"),
        "{refused}"
    );
    place.fails(2, &["sql", "SELECT * FROM orders WHERE customer = ?", "--param", "{"]);
}

#[test]
fn statements_come_from_a_pipe() {
    let place = with_orders();
    let script = b"SELECT total FROM orders WHERE customer = 'c#2';\n\nEXPLAIN DELETE FROM orders WHERE customer = 'c#2' AND number = 1\nDELETE FROM orders WHERE customer = 'c#2' AND number = 1\nSELECT * FROM orders WHERE customer = 'c#2'\n";
    let run = place.feed(script, &["sql"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.out.starts_with("{\"total\":1}\ndelete  orders\n"), "{run:?}");
    assert!(!run.out.contains("\"number\":1,"), "{run:?}");
    let run = place.feed(b"SELECT\nSELECT * FROM orders\n", &["sql"]);
    assert_eq!((run.code, run.out.as_str()), (1, ""), "{run:?}");
}
