//! Plans of requests: they say what the request then consumes, and change nothing.

use super::{World, order};
use hashrange::{
    Database, ErrorKind, Item,
    access::{Policy, Principal},
    admin::index,
    attr,
    capacity::{CapacityModel, Consumed},
    expression::{BoundKey, ExpressionKind, RangeCondition},
    key::S,
    request::{
        BatchGetItem, BatchWriteItem, DeleteItem, GetItem, KeysAndAttributes, PutItem, Query, Request, RequestPlan,
        Response, Scan, TransactGetItem, TransactGetItems, TransactWriteItem, TransactWriteItems, UpdateItem,
        WriteRequest,
    },
    schema::{TableClass, TableSettings},
};

fn key(customer: &str, order: i64) -> Item {
    Item::new().with("customer", customer).with("order", order)
}

fn total(consumed: &[(usize, Consumed)]) -> f64 {
    consumed.iter().map(|(_, consumed)| consumed.total()).sum()
}

/// Plans a request, carries it out, and compares; the plan.
#[track_caller]
fn plan<R: Request>(world: &World, request: &R) -> RequestPlan {
    let before = world.db.ledger().unwrap();
    let left = world.db.throughput("orders").unwrap();
    let plan = world.db.explain(request).unwrap();
    assert_eq!(world.db.ledger().unwrap(), before, "a plan is noted nowhere");
    if let (Some(left), Some(now)) = (left, world.db.throughput("orders").unwrap()) {
        assert_eq!(left.resources[0].writes.units_left, now.resources[0].writes.units_left, "a plan pays nothing");
    }
    let done = world.db.execute(request).unwrap();
    assert_eq!(plan.units(), total(&done.consumed_by_table()), "{plan}");
    assert!(plan.refusal.is_none(), "{plan}");
    plan
}

#[test]
fn plans_cost_what_the_requests_do() {
    for model in [None, Some(CapacityModel::service())] {
        let world = World::new(model);
        let table = world.orders();
        for at in 0..20 {
            let item = order(&format!("c{}", at % 3), at).with("state", "open").with("text", "x".repeat(900));
            table.put(&item).unwrap();
        }
        let big = order("c0", 0).with("state", "done").with("city", "Bern").with("text", "y".repeat(3_000));
        let put = plan(&world, &PutItem::new("orders", big));
        assert_eq!((put.operation, put.items), ("PutItem", 1));
        let names: Vec<_> = put.resources.iter().map(|resource| resource.index.as_deref().unwrap_or("-")).collect();
        assert_eq!(names, ["-", "by_total", "by_state", "by_city"]);
        let update = hashrange::expression::UpdateBuilder::new().set("state", "lost").build().unwrap();
        plan(&world, &UpdateItem::new("orders", key("c1", 1), update));
        plan(&world, &DeleteItem::new("orders", key("c1", 4)));
        plan(&world, &GetItem::new("orders", key("c0", 0)));
        let bound =
            |hash: &str, last: Option<RangeCondition>| BoundKey { hash: vec![hash.into()], range: Vec::new(), last };
        let query = plan(&world, &Query::new("orders", bound("c0", Some(RangeCondition::GreaterOrEqual(9.into())))));
        assert_eq!((query.items, query.has_more), (4, false));
        assert_eq!(query.accesses[0].keys, "customer = \"c0\" AND order >= 9");
        assert_eq!((query.accesses[0].partitions.len(), query.accesses[0].of_partitions), (1, 4));
        let mut by_state = Query::new("orders", bound("open", None));
        by_state.options.index = Some("by_state".into());
        by_state.options.limit = Some(2);
        let by_state = plan(&world, &by_state);
        assert_eq!(
            (by_state.items, by_state.has_more, by_state.accesses[0].index.as_deref()),
            (2, true, Some("by_state"))
        );
        let mut scan = Scan::new("orders");
        scan.segment = Some((0, 2));
        let scan = plan(&world, &scan);
        assert_eq!((scan.accesses[0].keys.as_str(), scan.accesses[0].partitions.len()), ("segment 0 of 2", 2));
        let keys = KeysAndAttributes::new("orders", [key("c0", 0), key("c9", 9)]);
        plan(&world, &BatchGetItem::new([keys]));
        let writes = [
            ("orders".into(), WriteRequest::Put(order("c7", 1).into())),
            ("orders".into(), WriteRequest::Delete(key("c0", 3).into())),
        ];
        assert_eq!(plan(&world, &BatchWriteItem::new(writes)).items, 2);
        plan(&world, &TransactGetItems::new([TransactGetItem::new("orders", key("c0", 0))]));
        let put = TransactWriteItem::Put(PutItem::new("orders", order("c8", 1).with("state", "open")));
        plan(&world, &TransactWriteItems::new([put]));
    }
}

#[test]
fn nothing_is_written_and_refusals_are_told() {
    let world = World::new(None);
    let table = world.orders();
    let put = PutItem::new("orders", order("a", 1));
    world.db.explain(&put).unwrap();
    assert!(table.get(("a", 1)).unwrap().is_none());
    let mut conditional = PutItem::new("orders", order("a", 1));
    conditional.condition = Some(attr("customer").exists().build(ExpressionKind::Condition).unwrap());
    let refused = world.db.explain(&conditional).unwrap();
    assert!(refused.refusal.as_ref().unwrap().is_condition_failed());
    assert!(refused.to_string().contains("rejected"));
    assert!(world.db.explain(&PutItem::new("absent", order("a", 1))).is_err());
    // A whole program can be planned: a transaction as a closure, and statements.
    let dry = world.db.dry_run();
    let orders = dry.database().table::<(hashrange::key::S, hashrange::key::N)>("orders").unwrap();
    let done: Result<(), hashrange::Error> = dry.database().transaction(|tx| {
        tx.get(&orders, ("a", 1))?;
        tx.put(&orders, &order("a", 1))
    });
    done.unwrap();
    assert_eq!(dry.plans().iter().map(|plan| plan.operation).collect::<Vec<_>>(), ["GetItem", "TransactWriteItems"]);
    let plans = world.db.statement("INSERT INTO orders VALUE {'customer': 'a', 'order': 1}").dry_run().unwrap();
    assert_eq!((plans.len(), plans[0].units()), (1, 1.0));
    assert!(table.get(("a", 1)).unwrap().is_none());
    assert!(world.db.statement("SELECT * FROM absent").dry_run().is_err());
}

#[test]
fn limits_are_those_of_the_table_the_index_and_the_partition() {
    let world = World::new(Some(CapacityModel::service()));
    let index = index("by_kind").hash::<S>("kind").provisioned(1, 3);
    world.db.create_table("stock").hash::<S>("sku").provisioned(4_000, 2_000).gsi(index).create().unwrap();
    let put = |item: Item| world.db.explain(&PutItem::new("stock", item)).unwrap();
    let plain = put(Item::new().with("sku", "bolt"));
    assert_eq!(plain.most_per_sec(), Some(1_000), "one partition does a thousand");
    assert_eq!(plain.throttles_at(1_001)[0].name(), "TableWriteKeyRangeThroughputExceeded");
    assert_eq!(plain.throttles_at(3_000)[0].name(), "TableWriteProvisionedThroughputExceeded");
    let indexed = put(Item::new().with("sku", "bolt").with("kind", "k"));
    assert_eq!(indexed.most_per_sec(), Some(3));
    let reasons = indexed.throttles_at(4);
    assert_eq!((reasons.len(), reasons[0].name()), (1, "IndexWriteProvisionedThroughputExceeded"));
    let get = world.db.explain(&GetItem::new("stock", Item::new().with("sku", "bolt"))).unwrap();
    assert_eq!(get.most_per_sec(), Some(6_000), "eventually consistent reads cost half");

    let locals = world.db.create_table("locals").hash::<S>("sku").range::<S>("bin").provisioned(10, 10);
    locals.lsi(hashrange::admin::index("by_kind").range::<S>("kind")).create().unwrap();
    let item = Item::new().with("sku", "bolt").with("bin", "b").with("kind", "k");
    let both = world.db.explain(&PutItem::new("locals", item)).unwrap();
    assert_eq!((both.units(), both.most_per_sec()), (2.0, Some(5)), "a local index draws on its table");
    let names: Vec<_> = both.throttles_at(8).iter().map(|reason| reason.name()).collect();
    assert_eq!(names, ["TableWriteProvisionedThroughputExceeded"]);

    world.db.create_table("free").hash::<S>("sku").create().unwrap();
    let prices = hashrange::ledger::Prices::from_json(include_str!("../../../cli/data/prices.json")).unwrap();
    let put = PutItem::new("free", Item::new().with("sku", "bolt"));
    assert_eq!(world.db.explain(&put).unwrap().on_demand_nanos(&prices), 625);
    let rare = TableSettings {
        table_class: Some(hashrange::schema::Since { value: TableClass::InfrequentAccess, at_millis: 0 }),
        ..TableSettings::default()
    };
    let update = hashrange::admin::TableUpdate { settings: Some(Box::new(rare)), ..Default::default() };
    world.db.update_table("free", update).unwrap();
    assert_eq!(world.db.explain(&put).unwrap().on_demand_nanos(&prices), 780);
}

#[test]
fn a_plan_shows_no_more_than_the_request_may() {
    let db = Database::in_memory().unwrap();
    db.create_table("orders").hash::<S>("tenant").create().unwrap();
    let seven = db.as_principal(Principal::user("seven").policy(Policy::tenant("orders", "t#7#").unwrap()));
    let other = GetItem::new("orders", Item::new().with("tenant", "t#8#a"));
    assert_eq!(seven.database().explain(&other).unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(seven.database().dry_run().database().execute(&other).unwrap_err().kind(), ErrorKind::Denied);
}
