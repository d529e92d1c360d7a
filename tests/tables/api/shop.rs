//! One small shop, from its table to its stream.

use hashrange::{
    Database, Durability, Item,
    admin::index,
    attr,
    expression::if_not_exists,
    key::{N, S, begins_with},
    schema::StreamView,
    values,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    cust: String,
    order: String,
    status: String,
    total: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
}

fn order(order: &str, status: &str, total: u32) -> Order {
    Order { cust: "c#1".into(), order: order.into(), status: status.into(), total, expires: None }
}

#[test]
fn a_shop() -> hashrange::Result<()> {
    let db = Database::options().durability(Durability::Sync).in_memory()?;
    let orders = db
        .create_table("orders")
        .hash::<S>("cust")
        .range::<S>("order")
        .lsi(index("by_total").range::<N>("total"))
        .gsi(index("by_status").hash::<S>("status").range::<N>("total").include(["cust"]))
        .stream(StreamView::NewAndOld)
        .ttl("expires")
        .open_or_create()?;
    orders.put(&order("o#7", "OPEN", 120))?;
    orders.put(&order("o#8", "PAID", 20))?;
    let found: Order = orders.get(("c#1", "o#7"))?.unwrap().de()?;
    assert_eq!(found, order("o#7", "OPEN", 120));

    let query = orders.query("c#1").range(begins_with("o#")).filter(attr("total").ge(100) & !attr("hold").exists());
    assert_eq!(query.descending().limit(50).items().count(), 1);
    let cheap = orders.query_expr(
        "cust = :c AND begins_with(#o, :p)",
        values! {
            ":c" => "c#1", ":p" => "o#", "#o" => "order",
        },
    );
    assert_eq!(cheap.page()?.count, 2);
    let by_total = values! {":c" => "c#1", ":a" => 0, ":b" => 99, "#t" => "total"};
    let by_total = orders.query_expr("cust = :c AND #t BETWEEN :a AND :b", by_total).index("by_total");
    assert_eq!(by_total.items().count(), 1);

    let update =
        || orders.update(("c#1", "o#7")).set("status", "PAID").add("version", 1).when(attr("status").eq("OPEN"));
    let out = update().return_new().send()?;
    assert_eq!(out.attributes().unwrap().get("version").unwrap().as_i64(), Some(1));
    assert_eq!(out.consumed().total(), 1.0 + 1.0 + 2.0);
    let error = update().return_old_on_failure().send().unwrap_err();
    assert!(error.is_condition_failed());
    assert_eq!(error.code(), "ConditionalCheckFailedException");
    assert_eq!(error.old_item().unwrap().get("status").unwrap().as_str(), Some("PAID"));

    orders.put(&Item::new().with("cust", "c#1").with("order", "credit").with("limit", 500))?;
    let ship = |limit: i32| {
        db.transact_write()
            .token(format!("pay-{limit}"))
            .update(&orders, ("c#1", "o#7"), |u| u.set("status", "SHIPPED").set("n", if_not_exists("n", 0) + 1))
            .check(&orders, ("c#1", "credit"), attr("limit").ge(limit))
            .send()
    };
    ship(500)?;
    assert!(ship(500)?.replayed);
    let error = ship(501).unwrap_err();
    let codes: Vec<&str> = error.cancellation_reasons().iter().map(|reason| reason.code()).collect();
    assert_eq!(codes, ["None", "ConditionalCheckFailed"]);
    let shipped = orders.get(("c#1", "o#7"))?.unwrap();
    assert_eq!(shipped.get("n").unwrap().as_i64(), Some(1));
    db.verify()?;
    Ok(())
}
