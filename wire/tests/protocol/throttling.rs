//! Throughput on the wire: refusals with their reasons, batches, transactions and statements, and how often and how far
//! throughput may be changed.

use crate::support::{Wire, merged};
use hashrange::capacity::CapacityModel;
use serde_json::{Value, json};
use std::time::Duration;

fn enforcing() -> Wire {
    Wire::with_options(|options| options.capacity(CapacityModel::service()))
}

fn units(read: i64, write: i64) -> Value {
    json!({"ReadCapacityUnits": read, "WriteCapacityUnits": write})
}

/// Creates a table with hash key `pk`, and a global index `by_k` on `k`.
fn create(wire: &Wire, name: &str, throughput: &Value) {
    let billing = if throughput.is_null() {
        json!({"BillingMode": "PAY_PER_REQUEST"})
    } else {
        json!({"ProvisionedThroughput": throughput})
    };
    let by_k = json!({
        "IndexName": "by_k", "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    });
    let by_k = if throughput.is_null() { by_k } else { merged(by_k, json!({"ProvisionedThroughput": units(1, 1)})) };
    let table = json!({
        "TableName": name,
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "k", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [by_k],
    });
    wire.ok("CreateTable", merged(table, billing));
}

fn put(table: &str, pk: &str) -> Value {
    json!({"TableName": table, "Item": {"pk": {"S": pk}}})
}

fn refused(wire: &Wire, operation: &str, request: &Value) -> Value {
    let (status, body) = wire.raw(operation, request.to_string().as_bytes());
    assert_eq!(status, 400, "{operation}: {body}");
    body
}

/// The service: throughput is limited.
/// Here: only with `--enforce-capacity`.
#[test]
fn refusals_name_their_reasons_and_resources() {
    let wire = enforcing();
    create(&wire, "things", &units(1, 2));
    wire.ok("PutItem", put("things", "a"));
    wire.ok("PutItem", put("things", "a"));
    let body = refused(&wire, "PutItem", &put("things", "a"));
    assert_eq!(body["__type"], "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException");
    let table = "arn:aws:dynamodb:us-east-1:000000000000:table/things";
    assert_eq!(
        body["ThrottlingReasons"],
        json!([{"reason": "TableWriteProvisionedThroughputExceeded", "resource": table}])
    );
    assert!(body["message"].as_str().unwrap().starts_with("The level of configured provisioned throughput"));

    // The index has three units by now, and the table four.
    wire.clock.advance(Duration::from_secs(2));
    let indexed = |pk: &str| json!({"TableName": "things", "Item": {"pk": {"S": pk}, "k": {"S": "x"}}});
    ["b", "c", "d"].into_iter().for_each(|pk| drop(wire.ok("PutItem", indexed(pk))));
    let body = refused(&wire, "PutItem", &indexed("e"));
    assert_eq!(
        body["ThrottlingReasons"],
        json!([{"reason": "IndexWriteProvisionedThroughputExceeded", "resource": format!("{table}/index/by_k")}])
    );

    create(&wire, "demand", &Value::Null);
    let large = json!({"TableName": "demand", "Item": {"pk": {"S": "hot"}, "v": {"S": "x".repeat(400_000)}}});
    for _ in 0..3 {
        wire.ok("PutItem", large.clone());
    }
    let body = refused(&wire, "PutItem", &put("demand", "hot"));
    assert_eq!(body["__type"], "com.amazonaws.dynamodb.v20120810#ThrottlingException");
    let table = "arn:aws:dynamodb:us-east-1:000000000000:table/demand";
    assert_eq!(
        body["throttlingReasons"],
        json!([{"reason": "TableWriteKeyRangeThroughputExceeded", "resource": table}])
    );
    assert_eq!(body["ThrottlingReasons"], Value::Null);
}

#[test]
fn batches_transactions_and_statements_say_what_was_refused() {
    let wire = enforcing();
    create(&wire, "things", &units(2, 4));
    let writes: Vec<Value> = (0..10).map(|at| json!({"PutRequest": {"Item": {"pk": {"S": at.to_string()}}}})).collect();
    let request = json!({"RequestItems": {"things": writes}, "ReturnConsumedCapacity": "TOTAL"});
    let body = wire.ok("BatchWriteItem", request.clone());
    assert_eq!(body["UnprocessedItems"]["things"].as_array().unwrap().len(), 6);
    assert_eq!(body["ConsumedCapacity"][0]["CapacityUnits"], 4.0);
    let (name, _) = wire.error("BatchWriteItem", request);
    assert_eq!(name, "ProvisionedThroughputExceededException");

    let action = json!({"Put": {"TableName": "things", "Item": {"pk": {"S": "y"}}}});
    let body = refused(&wire, "TransactWriteItems", &json!({"TransactItems": [action]}));
    assert_eq!(body["CancellationReasons"][0]["Code"], "ProvisionedThroughputExceeded");

    let insert = json!({"Statement": "INSERT INTO things VALUE {'pk': 'z'}"});
    let body = wire.ok("BatchExecuteStatement", json!({"Statements": [insert]}));
    assert_eq!(body["Responses"][0]["Error"]["Code"], "ProvisionedThroughputExceeded");
    let (name, _) = wire.error("ExecuteStatement", insert);
    assert_eq!(name, "ProvisionedThroughputExceededException");

    create(&wire, "other", &units(10, 10));
    let keys = |table: &str| json!({table: {"Keys": [{"pk": {"S": "1"}}], "ConsistentRead": true}});
    let both = merged(keys("things"), keys("other"));
    wire.ok("BatchGetItem", json!({"RequestItems": both}));
    wire.ok("BatchGetItem", json!({"RequestItems": both}));
    let body = wire.ok("BatchGetItem", json!({"RequestItems": both}));
    assert_eq!(body["UnprocessedKeys"], keys("things"));
}

#[test]
fn decreases_have_a_budget_with_and_without_enforcement() {
    for wire in [Wire::new(), enforcing()] {
        create(&wire, "things", &units(50, 50));
        let lower = |read: i64| json!({"TableName": "things", "ProvisionedThroughput": units(read, 50)});
        for read in (46..50).rev() {
            wire.ok("UpdateTable", lower(read));
        }
        let shown = |wire: &Wire| {
            let table = wire.ok("DescribeTable", json!({"TableName": "things"}));
            table["Table"]["ProvisionedThroughput"]["NumberOfDecreasesToday"].as_u64().unwrap()
        };
        assert_eq!(shown(&wire), 4);
        let (name, text) = wire.error("UpdateTable", lower(45));
        assert_eq!(name, "LimitExceededException");
        assert_eq!(
            text,
            "Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. After the \
             first 4 decreases, each subsequent decrease in the same UTC day can be performed at most once every 3600 \
             seconds. Number of decreases today: 4. Last decrease at Thursday, January 1, 2026 at 12:00:00 AM Coordinated \
             Universal Time. Next decrease can be made at Thursday, January 1, 2026 at 1:00:00 AM Coordinated Universal Time"
        );
        // An increase is none, and a call that lowers one resource that may not be lowered changes nothing.
        wire.ok("UpdateTable", lower(60));
        let index = json!([{"Update": {"IndexName": "by_k", "ProvisionedThroughput": units(2, 2)}}]);
        let both = json!({"GlobalSecondaryIndexUpdates": index});
        wire.error("UpdateTable", merged(lower(45), both));
        let table = wire.ok("DescribeTable", json!({"TableName": "things"}));
        let of_index = &table["Table"]["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"];
        assert_eq!(of_index["ReadCapacityUnits"], 1);
        wire.clock.advance(Duration::from_millis(3_599_999));
        wire.error("UpdateTable", lower(45));
        wire.clock.advance(Duration::from_millis(1));
        wire.ok("UpdateTable", lower(45));
        assert_eq!(shown(&wire), 5);
        wire.error("UpdateTable", lower(44));
        // 23:20, and the last decrease of the day: the next is at midnight.
        wire.clock.advance(Duration::from_secs(22 * 3_600 + 20 * 60));
        wire.ok("UpdateTable", lower(44));
        let (_, text) = wire.error("UpdateTable", lower(43));
        assert!(text.ends_with("Friday, January 2, 2026 at 12:00:00 AM Coordinated Universal Time"), "{text}");
        wire.clock.advance(Duration::from_secs(40 * 60));
        assert_eq!(shown(&wire), 0);
        // One that lowers reads and raises writes is one decrease.
        wire.ok("UpdateTable", json!({"TableName": "things", "ProvisionedThroughput": units(40, 51)}));
        assert_eq!(shown(&wire), 1);
    }
}

#[test]
fn quotas_of_tables_and_of_the_account() {
    let wire = Wire::new();
    let request = |read: i64| {
        json!({
            "TableName": "large", "ProvisionedThroughput": units(read, 1),
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        })
    };
    let (name, text) = wire.error("CreateTable", request(40_001));
    assert_eq!(name, "LimitExceededException");
    assert_eq!(
        text,
        "The requested ReadCapacityUnits, 40001, is above the per table maximum for the account in us-east-1. Per table \
         maximum: 40000. Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."
    );
    create(&wire, "first", &units(40_000, 1));
    create(&wire, "second", &units(39_000, 1));
    let (name, text) = wire.error("CreateTable", request(1_000));
    assert_eq!(name, "LimitExceededException");
    assert!(text.contains("Current ReadCapacityUnits reserved by the account: 79002. Limit: 80000."), "{text}");
    wire.ok("CreateTable", request(998));
    let limit = json!({"TableName": "demand", "OnDemandThroughput": {"MaxReadRequestUnits": 40_001}});
    create(&wire, "demand", &Value::Null);
    let (name, text) = wire.error("UpdateTable", limit);
    assert_eq!(name, "LimitExceededException");
    assert_eq!(
        text,
        "Subscriber limit exceeded: Requested MaxReadRequestUnits for OnDemandThroughput for table exceeds \
         TableMaxReadCapacityUnits of the account in region us-east-1"
    );
}

#[test]
fn billing_is_switched_to_on_demand_four_times_a_day() {
    let wire = Wire::new();
    create(&wire, "things", &units(5, 5));
    let to_provisioned = json!({
        "TableName": "things", "BillingMode": "PROVISIONED", "ProvisionedThroughput": units(5, 5),
        "GlobalSecondaryIndexUpdates": [{"Update": {"IndexName": "by_k", "ProvisionedThroughput": units(1, 1)}}],
    });
    let to_on_demand = json!({"TableName": "things", "BillingMode": "PAY_PER_REQUEST"});
    for _ in 0..4 {
        wire.ok("UpdateTable", to_on_demand.clone());
        wire.ok("UpdateTable", to_provisioned.clone());
        wire.clock.advance(Duration::from_secs(60));
    }
    let (name, text) = wire.error("UpdateTable", to_on_demand.clone());
    assert_eq!(name, "LimitExceededException");
    assert_eq!(
        text,
        "Subscriber limit exceeded: Update to PayPerRequest mode are limited to 4 times in 1 day(s). Last update at Thu \
         Jan 01 00:03:00 UTC 2026. Next update can be made at Fri Jan 02 00:00:00 UTC 2026"
    );
    wire.clock.advance(Duration::from_secs(24 * 3_600 - 240));
    wire.ok("UpdateTable", to_on_demand);
}

#[test]
fn the_answer_to_a_change_still_shows_what_was() {
    let wire = Wire::new();
    create(&wire, "things", &units(5, 5));
    let change = json!({"TableName": "things", "ProvisionedThroughput": units(4, 5)});
    let answer = wire.ok("UpdateTable", change)["TableDescription"].clone();
    let of_table = &answer["ProvisionedThroughput"];
    assert_eq!((&answer["TableStatus"], &of_table["ReadCapacityUnits"]), (&json!("UPDATING"), &json!(5)));
    assert_eq!(of_table["NumberOfDecreasesToday"], 0);
    assert!(of_table["LastDecreaseDateTime"].is_number());
    let table = wire.ok("DescribeTable", json!({"TableName": "things"}))["Table"].clone();
    assert_eq!(table["ProvisionedThroughput"]["ReadCapacityUnits"], 4);
}

#[test]
fn batches_and_transactions_on_demand_have_codes_of_their_own() {
    let wire = enforcing();
    create(&wire, "demand", &Value::Null);
    let large = json!({"TableName": "demand", "Item": {"pk": {"S": "hot"}, "v": {"S": "x".repeat(400_000)}}});
    (0..3).for_each(|_| drop(wire.ok("PutItem", large.clone())));
    let insert = |pk: &str| json!({"Statement": format!("INSERT INTO demand VALUE {{'pk': '{pk}'}}")});
    // Other keys are on other partitions; one that shares the hot one's is left out.
    let free = (0..20).map(|at| format!("free {at}")).find(|pk| {
        let request = json!({"Statements": [insert(pk)]});
        wire.ok("BatchExecuteStatement", request)["Responses"][0].get("Error").is_none()
    });
    let again = json!({"Statement": format!("UPDATE demand SET n = 1 WHERE pk = '{}'", free.unwrap())});
    let body = wire.ok("BatchExecuteStatement", json!({"Statements": [again, insert("hot")]}));
    assert_eq!(body["Responses"][0].get("Error"), None, "{body}");
    let error = &body["Responses"][1]["Error"];
    assert_eq!(error["Code"], "ThrottlingError");
    let text = error["Message"].as_str().unwrap();
    assert!(text.starts_with("Throughput exceeds the current capacity of your table or index."), "{text}");

    let action = json!({"Put": {"TableName": "demand", "Item": {"pk": {"S": "hot"}}}});
    let body = refused(&wire, "TransactWriteItems", &json!({"TransactItems": [action]}));
    let reason = &body["CancellationReasons"][0];
    assert_eq!((&reason["Code"], reason["Message"].as_str()), (&json!("ThrottlingError"), Some(text)));

    // An index that is short cancels the transaction too, and names itself.
    create(&wire, "things", &units(10, 10));
    let indexed = |pk: &str| json!({"Put": {"TableName": "things", "Item": {"pk": {"S": pk}, "k": {"S": "x"}}}});
    wire.ok("TransactWriteItems", json!({"TransactItems": [indexed("a")]}));
    let body = refused(&wire, "TransactWriteItems", &json!({"TransactItems": [indexed("b")]}));
    let reason = &body["CancellationReasons"][0];
    assert_eq!(reason["Code"], "ProvisionedThroughputExceeded");
    let text = reason["Message"].as_str().unwrap();
    assert!(text.contains("for one or more global secondary indexes of the table was exceeded"), "{text}");
}

#[test]
fn an_index_has_a_limit_on_demand_of_its_own() {
    let wire = enforcing();
    create(&wire, "demand", &Value::Null);
    let limit = json!([{"Update": {"IndexName": "by_k", "OnDemandThroughput": {"MaxWriteRequestUnits": 1}}}]);
    wire.ok("UpdateTable", json!({"TableName": "demand", "GlobalSecondaryIndexUpdates": limit}));
    let indexed = |pk: &str| json!({"TableName": "demand", "Item": {"pk": {"S": pk}, "k": {"S": "x"}}});
    wire.ok("PutItem", indexed("a"));
    let body = refused(&wire, "PutItem", &indexed("b"));
    assert!(body["__type"].as_str().unwrap().ends_with("#ThrottlingException"), "{body}");
    assert_eq!(body["message"], "Throughput exceeds the maximum OnDemandThroughput configured on table or index");
    let index = "arn:aws:dynamodb:us-east-1:000000000000:table/demand/index/by_k";
    let expected = json!([{"reason": "IndexWriteMaxOnDemandThroughputExceeded", "resource": index}]);
    assert_eq!(body["throttlingReasons"], expected);
}

#[test]
fn throughput_and_the_mode_of_billing_have_to_fit() {
    let wire = Wire::new();
    create(&wire, "demand", &Value::Null);
    create(&wire, "things", &units(5, 5));
    let invalid = "One or more parameter values were invalid: ";
    for (request, text) in [
        (
            json!({"TableName": "demand", "BillingMode": "PROVISIONED"}),
            "ProvisionedThroughput must be specified when BillingMode is PROVISIONED",
        ),
        (
            json!({"TableName": "things", "BillingMode": "PAY_PER_REQUEST", "ProvisionedThroughput": units(5, 5)}),
            "ProvisionedThroughput cannot be specified when BillingMode is PAY_PER_REQUEST",
        ),
        (
            json!({"TableName": "demand", "ProvisionedThroughput": units(5, 5)}),
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
        ),
    ] {
        assert_eq!(wire.invalid("UpdateTable", request), format!("{invalid}{text}"));
    }
}
