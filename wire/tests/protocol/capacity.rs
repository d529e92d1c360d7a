//! Consumed capacity and item collection metrics.

use crate::support::{Wire, key, merged};
use serde_json::{Value, json};

fn units(wire: &Wire, operation: &str, request: Value) -> Value {
    wire.ok(operation, merged(request, json!({"ReturnConsumedCapacity": "INDEXES"})))["ConsumedCapacity"].clone()
}

#[test]
fn writes_are_broken_down_by_index() {
    let wire = Wire::with_table();
    let item = |kind: &str| merged(key("a", 1), json!({"kind": {"S": kind}, "rank": {"N": "1"}}));
    let put = |kind: &str| units(&wire, "PutItem", json!({"TableName": "things", "Item": item(kind)}));
    let first = put("x");
    assert_eq!(
        first,
        json!({
            "TableName": "things", "CapacityUnits": 3.0, "Table": {"CapacityUnits": 1.0},
            "LocalSecondaryIndexes": {"by_rank": {"CapacityUnits": 1.0}},
            "GlobalSecondaryIndexes": {"by_kind": {"CapacityUnits": 1.0}},
        })
    );
    let moved = put("y");
    assert_eq!(moved["GlobalSecondaryIndexes"]["by_kind"]["CapacityUnits"], 2.0);
    assert_eq!(moved["LocalSecondaryIndexes"], Value::Null);
    let same = put("y");
    assert_eq!(same, json!({"TableName": "things", "CapacityUnits": 1.0, "Table": {"CapacityUnits": 1.0}}));
}

/// The service: reads without `ConsistentRead` may be behind.
/// Here: every read sees what was acknowledged; what it costs follows what it asked for.
#[test]
fn reads_round_up() {
    let wire = Wire::with_table();
    wire.put(merged(key("a", 1), json!({"v": {"S": "x".repeat(4096)}})));
    let get = |sk, consistent: bool| {
        let request = json!({"TableName": "things", "Key": key("a", sk), "ConsistentRead": consistent});
        units(&wire, "GetItem", request)["CapacityUnits"].clone()
    };
    assert_eq!((get(1, false), get(1, true)), (json!(1.0), json!(2.0)));
    assert_eq!((get(2, false), get(2, true)), (json!(0.5), json!(1.0)));
}

#[test]
fn batches_and_transactions_report_by_table() {
    let wire = Wire::with_table();
    let batch = json!({"RequestItems": {"things": [
        {"PutRequest": {"Item": key("a", 1)}}, {"PutRequest": {"Item": key("a", 2)}}]}});
    let table = |units: f64| json!({"TableName": "things", "CapacityUnits": units, "Table": {"CapacityUnits": units}});
    assert_eq!(units(&wire, "BatchWriteItem", batch), json!([table(2.0)]));
    let batch = json!({"RequestItems": {"things": {"Keys": [key("a", 1), key("a", 2), key("a", 3)]}}});
    assert_eq!(units(&wire, "BatchGetItem", batch), json!([table(1.5)]));
    let write = json!({"TransactItems": [{"Put": {"TableName": "things", "Item": key("b", 1)}}]});
    let both = json!({"CapacityUnits": 2.0, "WriteCapacityUnits": 2.0});
    let expected = merged(json!({"TableName": "things", "Table": both}), both.clone());
    assert_eq!(units(&wire, "TransactWriteItems", write), json!([expected]));
    let read = json!({"TransactItems": [{"Get": {"TableName": "things", "Key": key("b", 1)}}]});
    assert_eq!(units(&wire, "TransactGetItems", read)[0]["ReadCapacityUnits"], 2.0);
}

#[test]
fn collections_have_metrics_where_there_are_local_indexes() {
    let wire = Wire::with_table();
    let put = json!({"TableName": "things", "Item": key("a", 1), "ReturnItemCollectionMetrics": "SIZE"});
    let metrics = json!({"ItemCollectionKey": {"pk": {"S": "a"}}, "SizeEstimateRangeGB": [0.0, 1.0]});
    assert_eq!(wire.ok("PutItem", put), json!({"ItemCollectionMetrics": metrics}));
    let batch = json!({"ReturnItemCollectionMetrics": "SIZE", "RequestItems": {"things": [
        {"PutRequest": {"Item": key("a", 1)}}, {"DeleteRequest": {"Key": key("a", 2)}}]}});
    assert_eq!(wire.ok("BatchWriteItem", batch)["ItemCollectionMetrics"], json!({"things": [metrics]}));
}

/// The service: item collections with local indexes end at 10 GB.
/// Here: where the database says so.
#[test]
fn collections_end_where_the_database_says() {
    let wire = Wire::with_options(|options| options.collection_limit_bytes(2_000));
    wire.create_things();
    let item = |sk, bytes: usize| merged(key("a", sk), json!({"rank": {"N": "1"}, "v": {"S": "x".repeat(bytes)}}));
    wire.put(item(1, 1_000));
    wire.put(merged(key("b", 1), json!({"v": {"S": "x".repeat(1_000)}})));
    let full = |operation: &str, request: Value| {
        assert_eq!(
            wire.error(operation, request),
            ("ItemCollectionSizeLimitExceededException".to_owned(), "Collection size exceeded.".to_owned()),
            "{operation}"
        );
    };
    full("PutItem", json!({"TableName": "things", "Item": item(2, 1_000)}));
    let grow = json!({":v": {"S": "x".repeat(2_000)}});
    let update = json!({"TableName": "things", "Key": key("a", 1), "UpdateExpression": "SET w = :v",
        "ExpressionAttributeValues": grow});
    full("UpdateItem", update);
    full("BatchWriteItem", json!({"RequestItems": {"things": [{"PutRequest": {"Item": item(2, 1_000)}}]}}));
    let put = json!({"Put": {"TableName": "things", "Item": item(2, 1_000)}});
    let (status, body) = wire.raw("TransactWriteItems", json!({"TransactItems": [put]}).to_string().as_bytes());
    assert_eq!(status, 400);
    assert_eq!(
        body["CancellationReasons"],
        json!([{"Code": "ItemCollectionSizeLimitExceeded", "Message": "Collection size exceeded."}])
    );
    // What does not grow is let through, and makes room.
    wire.put(item(1, 900));
    wire.ok("DeleteItem", json!({"TableName": "things", "Key": key("a", 1)}));
    wire.put(item(2, 1_000));
}
