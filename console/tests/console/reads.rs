//! Items page by page, and the request that a form builds, for other clients.

use super::support::{get, get_with, watched};
use hashrange::{
    Database, Item,
    admin::index,
    key::{B, N, S},
};
use hashrange_console::Console;
use serde_json::Value;

/// Orders of three customers, with an index by status.
fn orders() -> (Database, Console) {
    let (db, console) = watched(|options| options);
    let by_status = index("by_status").hash::<S>("status").range::<N>("total");
    let table = db.create_table("orders").hash::<S>("customer").range::<S>("order").gsi(by_status).create().unwrap();
    for number in 0..30 {
        let item = Item::new()
            .with("customer", format!("c'{}", number % 3))
            .with("order", format!("o#{number:02}"))
            .with("status", if number % 2 == 0 { "OPEN" } else { "PAID" })
            .with("total", number * 10)
            .with("note", format!("it's \"{number}\" \\"));
        table.put(&item).unwrap();
    }
    (db, console)
}

const QUERY: [(&str, &str); 9] = [
    ("pk", "c'1"),
    ("op", "begins_with"),
    ("sk", "o#1"),
    ("filter_name", "total"),
    ("filter_op", "ge"),
    ("filter_type", "N"),
    ("filter_value", "120"),
    ("descending", "1"),
    ("limit", "10"),
];

fn orders_of(value: &Value) -> Vec<String> {
    let items = value["items"].as_array().unwrap();
    items.iter().map(|item| item["order"]["S"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_query_is_read_and_spelled_for_other_clients() {
    let (db, console) = orders();
    let found = get_with(&console, "api/tables/orders/items", &QUERY).good().json();
    assert_eq!(orders_of(&found), ["o#19", "o#16", "o#13"]);
    assert_eq!((found["operation"].as_str(), found["scanned"].as_u64()), (Some("Query"), Some(4)));
    let spelled = |language: &str| found["spelled"][language].as_str().unwrap().to_owned();

    // The statement is run: it finds the same items in the same order.
    let by_statement: Vec<String> = db
        .statement(spelled("partiql"))
        .items()
        .map(|item| item.unwrap().get("order").unwrap().as_str().unwrap().to_owned())
        .collect();
    assert_eq!(by_statement, orders_of(&found));

    let rust = "let table = db.table::<(S, S)>(\"orders\")?;\nlet page = table\n    .query(\"c'1\")\n    .range(begins_with(\"o#1\"))\n    \
                .filter(attr_named(\"total\").ge(120))\n    .descending()\n    .limit(10)\n    .page()?;";
    assert_eq!(spelled("rust"), rust);
    let python = "Key(\"customer\").eq(\"c'1\") & Key(\"order\").begins_with(\"o#1\"),\n    FilterExpression=Attr(\"total\").gte(120),\n    \
                  ScanIndexForward=False,\n    Limit=10,\n)";
    assert!(spelled("python").ends_with(python), "{}", spelled("python"));
    let cli = spelled("cli");
    assert!(cli.contains("--key-condition-expression '#n0 = :v0 AND begins_with(#n1, :v1)'"), "{cli}");
    assert!(cli.contains(r#"":v0":{"S":"c'\''1"}"#), "a quote is closed, escaped and opened again: {cli}");
}

/// What the console shows as Rust compiles and finds the same: this is that text for [`QUERY`].
#[test]
fn the_rust_that_is_shown_is_rust() -> hashrange::Result<()> {
    use hashrange::{expression::attr_named, key::begins_with};
    let (db, _) = orders();
    let table = db.table::<(S, S)>("orders")?;
    let page = table
        .query("c'1")
        .range(begins_with("o#1"))
        .filter(attr_named("total").ge(120))
        .descending()
        .limit(10)
        .page()?;
    assert_eq!(page.items.len(), 3);
    Ok(())
}

#[test]
fn an_index_is_read_with_its_own_keys() {
    let (db, console) = orders();
    let query = [
        ("index", "by_status"),
        ("pk", "OPEN"),
        ("op", "between"),
        ("sk", "100"),
        ("sk2", "160"),
        ("attributes", "order, total"),
    ];
    let found = get_with(&console, "api/tables/orders/items", &query).good().json();
    assert_eq!(orders_of(&found), ["o#10", "o#12", "o#14", "o#16"]);
    let statement = found["spelled"]["partiql"].as_str().unwrap();
    assert_eq!(db.statement(statement).items().count(), 4, "{statement}");
    assert!(found["spelled"]["rust"].as_str().unwrap().contains(".query_index(\"by_status\", [\"OPEN\"])"));
    let page = get_with(&console, "tables/orders/items", &query).good().text;
    assert!(page.contains("Partition key status (S)") && page.contains("Sort key total (N)"));
    assert!(
        page.contains("item?key=%7B%22customer%22") && !page.contains("item?key=%7B%7D"),
        "rows lead to items: {page}"
    );
    assert!(!page.contains("(empty)"), "{page}");
}

#[test]
fn values_are_spelled_so_that_other_clients_take_them() {
    let (db, console) = watched(|options| options);
    db.create_table("blobs").hash::<B>("id").range::<N>("at").create().unwrap();
    let read = [
        ("pk", "AAE="),
        ("op", "ge"),
        ("sk", "1767225600000"),
        ("filter_name", "parts"),
        ("filter_op", "eq"),
        ("filter_type", "L"),
        ("filter_value", r#"[{"BS":["AAE="]},{"NS":["1","2.5"]},{"M":{"a":{"SS":["x"]}}}]"#),
    ];
    let found = get_with(&console, "api/tables/blobs/items", &read).good().json();
    let (rust, python) = (found["spelled"]["rust"].as_str().unwrap(), found["spelled"]["python"].as_str().unwrap());
    assert!(rust.contains(".range(ge(1767225600000i64))"), "an i32 would be too small: {rust}");
    assert!(
        python.contains("from base64 import b64decode") && python.contains("from decimal import Decimal"),
        "{python}"
    );
    assert!(python.contains("Key(\"id\").eq(b64decode(\"AAE=\")) & Key(\"at\").gte(1767225600000)"), "{python}");
    let parts = "Attr(\"parts\").eq([{b64decode(\"AAE=\")}, {1, Decimal(\"2.5\")}, {\"a\": {\"x\"}}])";
    assert!(python.contains(parts), "{python}");
}

#[test]
fn a_filter_that_is_sent_is_in_the_form() {
    let (_, console) = orders();
    let read = [
        ("filter_name", ""),
        ("filter_name", ""),
        ("filter_name", "total"),
        ("filter_op", "eq"),
        ("filter_op", "eq"),
        ("filter_op", "exists"),
    ];
    let page = get_with(&console, "tables/orders/items", &read).good().text;
    assert!(page.contains("name=\"filter_name\" value=\"total\""), "{page}");
    assert_eq!(page.matches("name=\"filter_name\"").count(), 4, "and an empty one");
}

#[test]
fn pages_follow_each_other_to_the_end() {
    let (_, console) = orders();
    let mut seen = Vec::new();
    let mut start: Option<String> = None;
    for _ in 0..10 {
        let mut parameters = vec![("limit", "7")];
        parameters.extend(start.as_deref().map(|start| ("start", start)));
        let page = get_with(&console, "api/tables/orders/items", &parameters).good().json();
        seen.extend(orders_of(&page));
        start = page["next"].as_str().map(str::to_owned);
        if start.is_none() {
            break;
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..30).map(|number| format!("o#{number:02}")).collect::<Vec<_>>());
    let page = get_with(&console, "tables/orders/items", &[("limit", "7")]).good().text;
    assert!(page.contains("rel=\"next\"") && page.contains("limit=7&amp;start="), "the next page keeps the limit");
}

#[test]
fn what_is_wrong_with_a_read_is_said_beside_the_form() {
    let (_, console) = orders();
    for (parameters, says) in [
        (vec![("index", "by_status"), ("pk", "OPEN"), ("sk", "ten")], "total: "),
        (vec![("filter_name", "total"), ("filter_type", "N"), ("filter_value", "x")], "numeric value"),
        (vec![("pk", "c"), ("op", "near"), ("sk", "x")], "is not a comparison"),
        (vec![("limit", "0x")], "is not a whole number"),
        (vec![("start", "{}")], "starting key is invalid"),
        (vec![("index", "by_status"), ("consistent", "1")], "onsistent"),
    ] {
        let answer = get_with(&console, "tables/orders/items", &parameters);
        assert!((400..500).contains(&answer.status), "{parameters:?}: {}", answer.status);
        let text = answer.text.to_lowercase();
        assert!(text.contains(&says.to_lowercase()) && text.contains("id=\"builder\""), "{parameters:?}: {text}");
    }
    assert_eq!(get(&console, "api/tables/none/items").json()["code"], "ResourceNotFoundException");
    assert_eq!(get(&console, "api/nothing").status, 404);
}

#[test]
fn a_read_is_explained_and_not_carried_out() {
    let (db, console) = orders();
    let before = db.ledger().unwrap().total(|_| true).accesses;
    let plan = get_with(&console, "api/tables/orders/explain", &QUERY).good().json();
    assert_eq!((plan["operation"].as_str(), plan["items"].as_u64()), (Some("Query"), Some(4)));
    assert_eq!((&plan["accesses"][0]["partitions"], &plan["accesses"][0]["of_partitions"]), (&1.into(), &4.into()));
    let text = get_with(&console, "tables/orders/explain", &QUERY).good().text;
    assert!(text.contains("What the request touches"));
    assert_eq!(db.ledger().unwrap().total(|_| true).accesses, before);

    let body = r#"{"TableName":"orders","Item":{"customer":{"S":"x"},"order":{"S":"y"}}}"#;
    let explain = |operation: &str, body: &str| {
        super::support::post(&console, "api/explain", &[("operation", operation), ("body", body)])
    };
    let plans = explain("PutItem", body).good().json();
    assert_eq!((plans[0]["operation"].as_str(), plans[0]["units"].as_f64()), (Some("PutItem"), Some(1.0)));
    let refused = explain("PutItem", r#"{"TableName":"orders","Item":{}}"#).good().json();
    assert!(refused[0]["refusal"].as_str().unwrap().contains("Missing the key"), "{refused}");
    let refused = explain("PutItem", r#"{"TableName":"orders"}"#);
    assert_eq!(
        (refused.status, refused.json()["code"].as_str()),
        (400, Some("ValidationException")),
        "{}",
        refused.text
    );
    assert_eq!(explain("DeleteTable", r#"{"TableName":"orders"}"#).status, 400);
    let table = db.table::<(S, S)>("orders").unwrap();
    assert!(table.get(("x", "y")).unwrap().is_none());
    assert_eq!(table.scan().items().count(), 30);
}
