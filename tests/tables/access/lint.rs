//! Remarks on policies for a database: names that mean nothing to its tables.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{Database, Item, access::Policy, admin::index, key::S, schema::StreamView};

fn world() -> Database {
    let db = Database::in_memory().unwrap();
    let orders = db.create_table("orders").hash::<S>("tenant").range::<S>("order").stream(StreamView::KeysOnly);
    let orders = orders.gsi(index("by_status").hash::<S>("status")).lsi(index("by_date").range::<S>("date"));
    let orders = orders.create().unwrap();
    orders.put(&Item::new().with("tenant", "t1").with("order", "o1").with("total", 7)).unwrap();
    db
}

#[track_caller]
fn remarks(db: &Database, statement: &str) -> String {
    let policy = Policy::parse(&format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#)).unwrap();
    policy.lint(db).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn about(resource: &str, condition: &str) -> String {
    format!(
        r#"{{"Effect":"Allow","Action":["dynamodb:Query","dynamodb:GetItem"],"Resource":"{resource}","Condition":{{{condition}}}}}"#
    )
}

#[test]
fn resources_that_are_not_there() {
    let db = world();
    for (resource, remark) in [
        ("arn:aws:dynamodb:*:*:table/order", "names no table, index or stream of this database"),
        ("arn:aws:dynamodb:*:*:table/orders/index/by_name", "table orders has no index by_name"),
        ("arn:aws:dynamodb:*:*:table/orders/stream/2020*", "table orders has no stream 2020*"),
        ("arn:aws:dynamodb:us-east-1:000000000000:table/users-${aws:username}", "names no table"),
    ] {
        let found = remarks(&db, &about(resource, ""));
        assert!(found.starts_with("statement 1: ") && found.contains(remark), "{resource}: {found}");
    }
    for resource in [
        "*",
        "arn:aws:dynamodb:*:*:table/orders",
        "arn:aws:dynamodb:*:*:table/ord*",
        "arn:aws:dynamodb:*:*:table/orders/index/*",
        "arn:aws:dynamodb:*:*:table/orders/stream/*",
        "arn:aws:dynamodb:*:*:table/${aws:PrincipalTag/table}",
        "arn:aws:s3:::bucket",
    ] {
        assert_eq!(remarks(&db, &about(resource, "")), "", "{resource}");
    }
    let create = r#"{"Effect":"Allow","Action":"dynamodb:CreateTable","Resource":"arn:aws:dynamodb:*:*:table/new"}"#;
    assert_eq!(remarks(&db, create), "", "what is to be created need not be there");
}

#[test]
fn leading_keys_of_indexes() {
    let db = world();
    let own = r#""ForAllValues:StringEquals":{"dynamodb:LeadingKeys":"t1"},"Null":{"dynamodb:LeadingKeys":"false"}"#;
    let found = remarks(&db, &about("arn:aws:dynamodb:*:*:table/orders*", own));
    assert_eq!(
        found,
        "statement 1: dynamodb:LeadingKeys of index by_status of table orders are values of status, not of tenant"
    );
    assert_eq!(remarks(&db, &about("arn:aws:dynamodb:*:*:table/orders", own)), "");
    assert_eq!(remarks(&db, &about("arn:aws:dynamodb:*:*:table/orders/index/by_date", own)), "");
}

#[test]
fn attributes_that_are_not_there() {
    let db = world();
    let columns = |names: &str| {
        let select = r#""StringEquals":{"dynamodb:Select":"SPECIFIC_ATTRIBUTES"}"#;
        let condition = format!(r#""ForAllValues:StringEquals":{{"dynamodb:Attributes":{names}}},{select}"#);
        remarks(&db, &about("arn:aws:dynamodb:*:*:table/orders", &condition))
    };
    assert_eq!(columns(r#"["tenant","order","total","date"]"#), "");
    let found = columns(r#"["tenant","total"]"#);
    assert!(found.contains("dynamodb:Attributes lacks order, a key attribute of table orders"), "{found}");
    let found = columns(r#"["tenant","order","totl"]"#);
    assert!(found.contains(r#"no item that was looked at has an attribute "totl""#), "{found}");
    assert_eq!(columns(r#"["tenant","order","t*"]"#), "", "a pattern may mean attributes to come");
}

#[test]
fn the_general_remarks_are_among_them() {
    let scan = r#"{"Effect":"Allow","Action":"dynamodb:Scan","Resource":"*",
        "Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":"t1"}}}"#;
    assert!(remarks(&world(), scan).contains("does not limit Scan"));
    assert_eq!(Policy::tenant("orders", "t#7#").unwrap().lint(&world()).unwrap(), []);
}
