//! Handles of principals: every way to an item is decided on, and what is refused leaves nothing behind.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, Error, ErrorKind, Item, RestrictedDatabase,
    access::{Action, ArnScope, Ask, Policy, Principal},
    admin::{TableSpec, TableUpdate, index},
    attr,
    key::{S, eq},
    schema::{ResourcePolicy, StreamView, TableSettings},
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

fn world() -> Database {
    let db = Database::in_memory().unwrap();
    let orders = db.create_table("orders").hash::<S>("pk").range::<S>("sk");
    let orders = orders.gsi(index("by_peer").hash::<S>("peer")).stream(StreamView::NewAndOld).create().unwrap();
    for (pk, other) in [("t1", "x"), ("t2", "y")] {
        orders.put(&item(pk).with("peer", other)).unwrap();
    }
    db
}

fn item(pk: &str) -> Item {
    Item::new().with("pk", pk).with("sk", "a")
}

fn policy(statements: &str) -> Policy {
    Policy::parse(&format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#)).unwrap()
}

/// Everything with items of `t1`, by every action that has partition keys; nothing else.
fn tenant(db: &Database) -> RestrictedDatabase {
    let own = policy(
        r#"{"Effect":"Allow","Action":"dynamodb:*","Resource":"arn:aws:dynamodb:*:*:table/orders",
            "Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":"t1"},"Null":{"dynamodb:LeadingKeys":"false"}}}"#,
    );
    db.as_principal(Principal::user("one").policy(own))
}

#[track_caller]
fn assert_denied<T: std::fmt::Debug>(result: Result<T, Error>) {
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Denied, "AccessDeniedException"), "{error}");
}

fn all(db: &Database) -> Vec<Item> {
    db.table::<(S, S)>("orders").unwrap().scan().items().map(|item| item.unwrap().to_item()).collect()
}

#[test]
fn a_tenant_does_what_it_may_by_every_way() {
    let db = world();
    let one = tenant(&db);
    let orders = one.table::<(S, S)>("orders").unwrap();
    orders.put(&item("t1").with("n", 1)).unwrap();
    assert!(orders.get(("t1", "a")).unwrap().is_some());
    assert!(orders.get_with(("t1", "a")).project("n").send().unwrap().item.is_some());
    orders.update(("t1", "a")).add("n", 1).send().unwrap();
    assert_eq!(orders.query("t1").range(eq("a")).items().count(), 1);
    one.batch_write().put(&orders, &item("t1")).send().unwrap();
    assert_eq!(one.batch_get().keys(&orders, [("t1", "a")]).send().unwrap().items.len(), 1);
    one.transact_write().put(&orders, &item("t1")).send().unwrap();
    one.transact_get().get(&orders, ("t1", "a")).send().unwrap();
    one.transaction(|tx| {
        tx.get(&orders, ("t1", "a"))?;
        tx.update(&orders, ("t1", "a"), |update| update.set("n", 7))
    })
    .unwrap();
    assert_eq!(one.statement("SELECT * FROM orders WHERE pk = 't1'").items().count(), 1);
    one.statement("UPDATE orders SET n = 8 WHERE pk = 't1' AND sk = 'a'").send().unwrap();
    let prepared = one.prepare("SELECT * FROM orders WHERE pk = ? AND sk = ?").unwrap();
    assert!(prepared.item(("t1", "a")).unwrap().is_some());
    orders.delete(("t1", "a")).unwrap();
}

#[test]
fn a_tenant_does_nothing_else_by_any_way() {
    let db = world();
    let before = all(&db);
    let one = tenant(&db);
    let orders = one.table::<(S, S)>("orders").unwrap();
    assert_denied(orders.put(&item("t2").with("n", 1)));
    assert_denied(orders.get(("t2", "a")));
    assert_denied(orders.update(("t2", "a")).set("n", 1).send());
    assert_denied(orders.delete(("t2", "a")));
    assert_denied(orders.query("t2").page());
    assert_denied(orders.query("t1").index("by_peer").page());
    assert_denied(orders.scan().page());
    let both = one.batch_write();
    assert_denied(both.put(&orders, &item("t1")).delete(&orders, ("t2", "a")).send());
    assert_denied(one.batch_get().keys(&orders, [("t1", "a"), ("t2", "a")]).send());
    let both = one.transact_write().put(&orders, &item("t1").with("n", 1));
    assert_denied(both.check(&orders, ("t2", "a"), attr("pk").exists()).send());
    assert_denied(one.transact_get().get(&orders, ("t1", "a")).get(&orders, ("t2", "a")).send());
    assert_denied(one.transaction(|tx| tx.get(&orders, ("t2", "a"))));
    assert_denied(one.transaction(|tx| tx.query(&orders, "t2", |query| query)));
    assert_denied(one.transaction(|tx| tx.put(&orders, &item("t2").with("n", 1))));
    for statement in [
        "SELECT * FROM orders",
        "SELECT * FROM orders WHERE pk = 't2' AND sk = 'a'",
        "SELECT * FROM orders WHERE pk IN ['t1', 't2']",
        "SELECT * FROM orders.by_peer WHERE peer = 't1'",
        "INSERT INTO orders VALUE {'pk': 't2', 'sk': 'b'}",
        "UPDATE orders SET n = 1 WHERE pk = 't2' AND sk = 'a'",
        "DELETE FROM orders WHERE pk = 't2' AND sk = 'a'",
    ] {
        assert_denied(one.statement(statement).send());
        assert_denied(one.prepare(statement).unwrap().item(()));
    }
    let insert = |pk: &str| one.statement(format!("INSERT INTO orders VALUE {{'pk': '{pk}', 'sk': 'c'}}"));
    assert_denied(one.transact_statements(&[insert("t1"), insert("t2")], None));
    let members = one.batch_statements(&[insert("t2")]).unwrap();
    assert_eq!(members.responses[0].error.as_ref().map(Error::kind), Some(ErrorKind::Denied));
    assert_denied(orders.stream().map(drop));
    assert_denied(one.list_tables());
    assert_denied(one.describe_table("orders"));
    assert_denied(one.delete_table("orders"));
    assert_denied(one.list_streams(None));
    assert_eq!(all(&db), before, "what is refused changes nothing");
}

#[test]
fn existence_is_not_told() {
    let db = world();
    let get = |db: &RestrictedDatabase, table: &str| {
        db.execute(&hashrange::request::GetItem::new(table, item("t1"))).unwrap_err().kind()
    };
    let one = tenant(&db);
    assert_eq!(get(&one, "nowhere"), ErrorKind::Denied);
    assert_denied(one.statement("SELECT * FROM nowhere WHERE pk = 't1'").send());
    assert_denied(one.transact_statements(&[one.statement("INSERT INTO nowhere VALUE {'pk': 't1'}")], None));
    let anything = policy(r#"{"Effect":"Allow","Action":"dynamodb:*","Resource":"*"}"#);
    let all = db.as_principal(Principal::user("all").policy(anything));
    assert_eq!(get(&all, "nowhere"), ErrorKind::NotFound);
    assert_eq!(all.list_tables().unwrap(), ["orders"]);
    assert!(all.table::<(S, S)>("orders").unwrap().stream().is_ok());
}

#[test]
fn statements_are_limited_by_full_scans_and_enclosing_operations() {
    let db = world();
    let no_scans = policy(
        r#"{"Effect":"Allow","Action":"dynamodb:PartiQL*","Resource":"*"},
           {"Effect":"Deny","Action":"dynamodb:PartiQLSelect","Resource":"*","Condition":{"Bool":{"dynamodb:FullTableScan":"true"}}},
           {"Effect":"Deny","Action":"dynamodb:PartiQLInsert","Resource":"*",
            "Condition":{"StringNotEquals":{"dynamodb:EnclosingOperation":"ExecuteTransaction"}}}"#,
    );
    let one = db.as_principal(Principal::user("one").policy(no_scans));
    assert_denied(one.statement("SELECT * FROM orders").send());
    assert_eq!(one.statement("SELECT * FROM orders WHERE pk = 't2'").items().count(), 1);
    let insert = one.statement("INSERT INTO orders VALUE {'pk': 't3', 'sk': 'c'}");
    assert_denied(insert.send());
    one.transact_statements(&[insert], None).unwrap();
}

#[test]
fn columns_and_returned_values() {
    let db = world();
    let columns = policy(
        r#"{"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:UpdateItem","dynamodb:Query"],"Resource":"*",
            "Condition":{"ForAllValues:StringEquals":{"dynamodb:Attributes":["pk","sk","n"]},
                         "StringEqualsIfExists":{"dynamodb:Select":"SPECIFIC_ATTRIBUTES",
                                                 "dynamodb:ReturnValues":["NONE","UPDATED_NEW"]}}}"#,
    );
    let one = db.as_principal(Principal::user("one").policy(columns));
    let orders = one.table::<(S, S)>("orders").unwrap();
    assert!(orders.get_with(("t1", "a")).project("n").send().is_ok());
    assert_denied(orders.get(("t1", "a")));
    assert_denied(orders.get_with(("t1", "a")).project("n, peer").send());
    assert!(orders.update(("t1", "a")).set("n", 1).send().is_ok());
    assert_denied(orders.update(("t1", "a")).set("peer", 1).send());
    assert_denied(orders.update(("t1", "a")).set("n", 1).when(attr("peer").exists()).send());
    assert_denied(orders.update(("t1", "a")).set("n", 1).return_new().send());
    assert_denied(orders.query("t1").filter(attr("peer").exists()).project("n").page());
}

#[test]
fn policies_of_tables_decide_and_change() {
    let db = world();
    let put = |document: &str, revision_millis: u64| {
        let policy = Some(ResourcePolicy { document: document.to_owned(), revision_millis });
        let settings = Some(Box::new(TableSettings { policy, ..TableSettings::default() }));
        db.update_table("orders", TableUpdate { settings, ..Default::default() }).unwrap();
    };
    let alice = db.as_principal(Principal::user("alice"));
    let orders = alice.table::<(S, S)>("orders").unwrap();
    assert_denied(orders.get(("t1", "a")));
    let grant = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:user/alice"},"Action":"dynamodb:GetItem","Resource":"*"}]}"#;
    put(grant, 1);
    assert!(orders.get(("t1", "a")).unwrap().is_some());
    assert_denied(orders.put(&item("t1")));
    put(&grant.replace("Allow", "Deny"), 2);
    let error = orders.get(("t1", "a")).unwrap_err();
    assert!(error.message().ends_with("with an explicit deny in a resource-based policy"), "{error}");
    // One that was deleted and put again within a millisecond has the revision of the one before.
    put(grant, 2);
    assert!(orders.get(("t1", "a")).unwrap().is_some());
    put("{}", 3);
    assert_denied(orders.get(("t1", "a")));
    let root = db.as_principal(Principal::root());
    assert_denied(root.table::<(S, S)>("orders").unwrap().get(("t1", "a")));
}

#[test]
fn time_is_the_databases() {
    let clock = Clock::manual(1_795_953_599_000);
    let db = Database::options().clock(clock.clone()).in_memory().unwrap();
    let stock = db.create_table("stock").hash::<S>("sku").create().unwrap();
    stock.put(&Item::new().with("sku", "bolt")).unwrap();
    let until = policy(
        r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"2026-11-29T12:00:00Z"}}}"#,
    );
    let one = db.as_principal(Principal::user("one").policy(until)).table::<S>("stock").unwrap();
    assert!(one.get("bolt").is_ok());
    clock.advance(Duration::from_secs(1));
    assert_denied(one.get("bolt"));
}

#[test]
fn explanations_and_hooks() {
    #[derive(Default)]
    struct Counting(AtomicUsize);
    impl hashrange::request::Hook for Counting {
        fn after(&self, _: &hashrange::request::Call<'_>, _: &hashrange::request::Completion<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let hook = Arc::new(Counting::default());
    let db = Database::options().hook(hook.clone()).in_memory().unwrap();
    let stock = db.create_table("stock").hash::<S>("sku").create().unwrap();
    let one = db.as_principal(Principal::user("one").policy(Policy::tenant("stock", "b").unwrap()));
    let mine = one.table::<S>("stock").unwrap();
    mine.put(&Item::new().with("sku", "bolt")).unwrap();
    assert_denied(mine.put(&Item::new().with("sku", "nut")));
    assert_eq!(hook.0.load(Ordering::Relaxed), 1, "a refused request reaches no hook");
    let get = hashrange::request::GetItem::new(&stock, Item::new().with("sku", "nut"));
    let explanation = &one.explain(&get)[0];
    assert!(!explanation.decision.is_allowed());
    assert!(explanation.to_string().contains(r#"the request has ["nut"]"#), "{explanation}");
    assert!(db.as_principal(Principal::root()).explain(&get)[0].decision.is_allowed());
    let scope = ArnScope { region: "eu-west-1".to_owned(), ..ArnScope::default() };
    let elsewhere = one.clone().arns(scope.clone());
    let error = elsewhere.authorize(&Ask::new(Action::Scan, scope.table("stock"))).unwrap_err();
    assert!(error.message().contains("arn:aws:dynamodb:eu-west-1:000000000000:table/stock"), "{error}");
}

#[test]
fn what_is_only_reported_is_carried_out() {
    let db = world();
    let refusals: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = refusals.clone();
    let tried = tenant(&db).report_only(move |refused| {
        assert_eq!(refused.kind(), ErrorKind::Denied);
        seen.lock().unwrap().push(refused.message().to_owned());
    });
    let orders = tried.table::<(S, S)>("orders").unwrap();
    orders.put(&item("t1")).unwrap();
    assert_eq!(refusals.lock().unwrap().len(), 0);
    orders.put(&item("t2").with("n", 1)).unwrap();
    assert_eq!(tried.statement("SELECT * FROM orders WHERE pk = 't2'").items().count(), 1);
    tried.describe_table("orders").unwrap();
    let refusals = refusals.lock().unwrap();
    assert!(refusals.len() == 3 && refusals[0].contains("dynamodb:PutItem"), "{refusals:?}");
}

#[test]
fn tags_of_tables_decide() {
    let db = world();
    let tags = vec![("stage".to_owned(), "test".to_owned())];
    db.update_table("orders", TableUpdate { put_tags: tags, ..Default::default() }).unwrap();
    let staged = |stage: &str| {
        let statement = format!(
            r#"{{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{{"StringEquals":{{"aws:ResourceTag/Stage":"{stage}"}}}}}}"#
        );
        db.as_principal(Principal::new("one").policy(policy(&statement)))
    };
    let one = staged("test");
    let orders = one.table::<(S, S)>("orders").unwrap();
    orders.put(&item("t1")).unwrap();
    orders.query("x").index("by_peer").page().unwrap();
    one.describe_table("orders").unwrap();
    one.statement("SELECT * FROM orders WHERE pk = 't1'").send().unwrap();
    orders.stream().unwrap();
    assert_denied(staged("live").table::<(S, S)>("orders").unwrap().get(("t1", "a")));
    assert_denied(one.clone().abac(false).table::<(S, S)>("orders").unwrap().get(("t1", "a")));
    assert_denied(one.list_tables());
    let explained = &staged("live").explain(&hashrange::request::GetItem::new("orders", item("t1")))[0];
    assert!(
        explained.to_string().contains(r#"aws:ResourceTag/Stage ["live"] does not hold: the request has ["test"]"#)
    );
}

#[test]
fn to_hold_an_item_is_to_write_it() {
    let db = world();
    let one = tenant(&db).table::<(S, S)>("orders").unwrap();
    assert_denied(one.simulate_conflict(("t2", "a")).map(drop));
    let held = one.simulate_conflict(("t1", "a")).unwrap();
    assert_eq!(one.put(&item("t1")).unwrap_err().code(), "TransactionConflictException");
    drop(held);
    one.put(&item("t1")).unwrap();
    let reader = policy(r#"{"Effect":"Allow","Action":"dynamodb:GetItem","Resource":"*"}"#);
    let reader = db.as_principal(Principal::new("reader").policy(reader)).table::<(S, S)>("orders").unwrap();
    assert_denied(reader.simulate_conflict(("t1", "a")).map(drop));
}

/// Hooks are called in the order in which they were added; what one rejects, those behind it do not see before.
#[test]
fn several_hooks() {
    struct Named(&'static str, Arc<Mutex<Vec<String>>>, bool);
    impl hashrange::request::Hook for Named {
        fn before(&self, _: &hashrange::request::Call<'_>) -> Result<(), Error> {
            self.1.lock().unwrap().push(format!("before {}", self.0));
            if self.2 { Err(Error::validation("no")) } else { Ok(()) }
        }
        fn after(&self, _: &hashrange::request::Call<'_>, _: &hashrange::request::Completion<'_>) {
            self.1.lock().unwrap().push(format!("after {}", self.0));
        }
    }
    for (rejects, expected) in
        [(false, "before one, before two, after one, after two"), (true, "before one, after one, after two")]
    {
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let hook = |name, rejects| Arc::new(Named(name, log.clone(), rejects));
        let db = Database::options().hook(hook("one", rejects)).hook(hook("two", false)).in_memory().unwrap();
        let stock = db.create_table("stock").hash::<S>("sku").create().unwrap();
        assert_eq!(stock.put(&Item::new().with("sku", "bolt")).is_err(), rejects);
        assert_eq!(log.lock().unwrap().join(", "), expected);
    }
}

#[test]
fn settings_with_operations_of_their_own_need_their_actions() {
    let db = world();
    let as_one = |more: &str| {
        let own = format!(
            r#"{{"Effect":"Allow","Action":["dynamodb:UpdateTable","dynamodb:CreateTable"{more}],"Resource":"*"}}"#
        );
        db.as_principal(Principal::user("one").policy(policy(&own)))
    };
    let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:user/one"},"Action":"dynamodb:GetItem","Resource":"*"}]}"#;
    let resource_policy = Some(ResourcePolicy { document: document.into(), revision_millis: 1 });
    let guarded = TableSettings { policy: resource_policy.clone(), ..TableSettings::default() };
    let streamed = TableSettings { stream_policy: resource_policy, ..TableSettings::default() };
    let update = TableUpdate::default;
    for (change, action) in [
        (TableUpdate { put_tags: vec![("team".into(), "a".into())], ..update() }, "TagResource"),
        (TableUpdate { remove_tags: vec!["team".into()], ..update() }, "UntagResource"),
        (TableUpdate { ttl_attribute: Some(Some("ends".into())), ..update() }, "UpdateTimeToLive"),
        (TableUpdate { settings: Some(Box::new(guarded.clone())), ..update() }, "PutResourcePolicy"),
        (TableUpdate { settings: Some(Box::default()), ..update() }, "DeleteResourcePolicy"),
        (TableUpdate { settings: Some(Box::new(streamed)), ..update() }, "PutResourcePolicy"),
    ] {
        let error = as_one("").update_table("orders", change.clone()).unwrap_err();
        assert!(error.message().contains(&format!("perform: dynamodb:{action} on")), "{error}");
        as_one(&format!(r#","dynamodb:{action}""#)).update_table("orders", change).unwrap();
        if action == "DeleteResourcePolicy" {
            assert_eq!(db.describe_table("orders").unwrap().definition.settings.policy, None);
        }
    }
    let key = db.describe_table("orders").unwrap().definition.key.clone();
    let mut tagged = TableSpec::new("tagged", key.clone());
    tagged.tags.push(("team".into(), "a".into()));
    let mut shared = TableSpec::new("shared", key);
    shared.settings = guarded;
    for (spec, action) in [(tagged, "TagResource"), (shared, "PutResourcePolicy")] {
        assert_denied(as_one("").create_table_from(spec.clone()));
        as_one(&format!(r#","dynamodb:{action}""#)).create_table_from(spec).unwrap();
    }
}
