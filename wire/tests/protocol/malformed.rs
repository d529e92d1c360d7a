//! Requests that are not what the operation expects: refused, never a panic, never memory out of proportion.

use crate::support::Wire;
use serde_json::{Value, json};

const OPERATIONS: [&str; 26] = [
    "GetItem",
    "PutItem",
    "Query",
    "UpdateItem",
    "DeleteItem",
    "BatchGetItem",
    "BatchWriteItem",
    "Scan",
    "TransactWriteItems",
    "TransactGetItems",
    "DescribeTable",
    "ListTables",
    "CreateTable",
    "UpdateTable",
    "DeleteTable",
    "UpdateTimeToLive",
    "DescribeTimeToLive",
    "TagResource",
    "UntagResource",
    "ListTagsOfResource",
    "DescribeLimits",
    "DescribeEndpoints",
    "ListStreams",
    "DescribeStream",
    "GetShardIterator",
    "GetRecords",
];

fn serialization(wire: &Wire, operation: &str, body: &[u8]) -> Value {
    let (status, answer) = wire.raw(operation, body);
    assert_eq!(status, 400, "{operation} {:?}", String::from_utf8_lossy(&body[..body.len().min(200)]));
    assert_eq!(answer["__type"], "com.amazon.coral.service#SerializationException");
    answer["Message"].clone()
}

#[test]
fn what_is_no_json_is_refused_without_a_text() {
    let wire = Wire::with_table();
    let deep_array = "[".repeat(100_000);
    let deep_object = r#"{"a":"#.repeat(100_000);
    let hidden = format!(r#"{{"Unknown":{}}}"#, "[".repeat(100_000) + &"]".repeat(100_000));
    let broken = [
        "",
        " ",
        "{",
        "}",
        "[]",
        "null",
        "1",
        "\"x\"",
        "{]",
        "{}}",
        "{} x",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"TableName\":\"things\"",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":1e}",
        "{\"a\":-}",
        "{\"a\":tru}",
        "{a:1}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":[1,]}",
        "{\"a\":[1 2]}",
        "{\"a\":{\"b\":1]}",
        deep_array.as_str(),
        deep_object.as_str(),
        hidden.as_str(),
    ];
    for operation in OPERATIONS {
        for body in broken {
            assert_eq!(serialization(&wire, operation, body.as_bytes()), Value::Null, "{operation} {body:.40}");
        }
        assert_eq!(serialization(&wire, operation, b"{\"TableName\":\"\xff\"}"), Value::Null);
    }
}

#[test]
fn wrong_types_are_named() {
    let wire = Wire::with_table();
    let cases = [
        ("GetItem", r#"{"TableName":1}"#, "NUMBER_VALUE cannot be converted to String"),
        ("GetItem", r#"{"TableName":1.5}"#, "DECIMAL_VALUE cannot be converted to String"),
        ("GetItem", r#"{"TableName":true}"#, "TRUE_VALUE cannot be converted to String"),
        ("GetItem", r#"{"TableName":[]}"#, "Unrecognized collection type class java.lang.String"),
        ("GetItem", r#"{"TableName":{}}"#, "Start of structure or map found where not expected"),
        ("GetItem", r#"{"ConsistentRead":"maybe"}"#, "Unexpected token received from parser"),
        ("GetItem", r#"{"ConsistentRead":1}"#, "NUMBER_VALUE cannot be converted to Boolean"),
        ("GetItem", r#"{"AttributesToGet":"a"}"#, "Unexpected field type"),
        ("GetItem", r#"{"AttributesToGet":{}}"#, "Start of structure or map found where not expected"),
        ("GetItem", r#"{"Key":"a"}"#, "Unexpected field type"),
        (
            "GetItem",
            r#"{"Key":[]}"#,
            "Unrecognized collection type java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.AttributeValue>",
        ),
        ("GetItem", r#"{"Key":{"pk":"a"}}"#, "Unexpected value type in payload"),
        (
            "GetItem",
            r#"{"Key":{"pk":[]}}"#,
            "Unrecognized collection type class com.amazonaws.dynamodb.v20120810.AttributeValue",
        ),
        ("GetItem", r#"{"Key":{"pk":{"N":1}}}"#, "NUMBER_VALUE cannot be converted to String"),
        (
            "GetItem",
            r#"{"Key":{"pk":{"B":"abc"}}}"#,
            "Base64 encoded length is expected a multiple of 4 bytes but found: 3",
        ),
        ("GetItem", r#"{"Key":{"pk":{"B":"ab=="}}}"#, "Invalid last non-pad Base64 character dectected"),
        ("Query", r#"{"Limit":"1"}"#, "STRING_VALUE cannot be converted to Integer"),
        ("Query", r#"{"Limit":[]}"#, "Unrecognized collection type class java.lang.Integer"),
        (
            "CreateTable",
            r#"{"ProvisionedThroughput":{"ReadCapacityUnits":"1"}}"#,
            "STRING_VALUE cannot be converted to Long",
        ),
    ];
    for (operation, body, text) in cases {
        assert_eq!(serialization(&wire, operation, body.as_bytes()), text, "{body}");
    }
}

#[test]
fn unknown_members_and_nulls_make_no_difference() {
    let wire = Wire::with_table();
    let request = json!({
        "TableName": "things", "Key": crate::support::key("a", 1), "ProjectionExpression": null, "Later": {"x": [1, {"y": 2}]},
        "ReturnConsumedCapacity": null,
    });
    assert_eq!(wire.ok("GetItem", request), json!({}));
}

#[test]
fn unknown_operations_are_unknown() {
    let wire = Wire::new();
    for target in ["", "GetItem", "DynamoDB_20120810.", "DynamoDB_20120810.Fly", "DynamoDB_20111205.GetItem"] {
        let response = wire.protocol.handle(target, b"{}");
        assert_eq!((response.status, response.operation), (400, "Unknown"), "{target}");
        let body: Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(body["__type"], "com.amazon.coral.service#UnknownOperationException");
        assert!(body["message"].as_str().unwrap().contains(if target.is_empty() { "X-Amz-Target" } else { target }));
    }
}

#[test]
fn integers_saturate() {
    let wire = Wire::with_table();
    let request = json!({"TableName": "things", "Limit": 4_294_967_296_i64});
    assert_eq!(wire.ok("Scan", request)["Count"], 0);
    assert_eq!(wire.ok("Scan", json!({"TableName": "things", "Limit": 1.9}))["Count"], 0);
    let text = wire.invalid("Scan", json!({"TableName": "things", "Limit": -1e300}));
    assert!(text.contains("greater than or equal to 1"), "{text}");
}

#[test]
fn lists_of_nothing_cost_nothing() {
    let wire = Wire::with_table();
    let empties = format!("[{}{{}}]", "{},".repeat(2_000_000));
    for (operation, member) in [
        ("TransactWriteItems", "TransactItems"),
        ("TransactGetItems", "TransactItems"),
        ("CreateTable", "KeySchema"),
        ("CreateTable", "GlobalSecondaryIndexes"),
        ("UpdateTable", "GlobalSecondaryIndexUpdates"),
        ("TagResource", "Tags"),
    ] {
        let (status, _) = wire.raw(operation, format!(r#"{{"TableName":"things","{member}":{empties}}}"#).as_bytes());
        assert_eq!(status, 400, "{operation}");
    }
    let (status, _) = wire.raw("BatchWriteItem", format!(r#"{{"RequestItems":{{"things":{empties}}}}}"#).as_bytes());
    assert_eq!(status, 400);
    let body = format!(r#"{{"RequestItems":{{"things":{{"Keys":{empties}}}}}}}"#);
    assert_eq!(wire.raw("BatchGetItem", body.as_bytes()).0, 400);
}

#[test]
fn repeated_members_take_no_quadratic_time() {
    let wire = Wire::with_table();
    let entries: String = (0..200_000).map(|n| format!(r#""a{}":{{}},"#, n % 50_000)).collect();
    for (operation, member) in [("Scan", "ScanFilter"), ("PutItem", "Expected"), ("UpdateItem", "AttributeUpdates")] {
        let body = format!(r#"{{"TableName":"things","{member}":{{{entries}"z":{{}}}}}}"#);
        assert_eq!(wire.raw(operation, body.as_bytes()).0, 400, "{operation}");
    }
}

#[test]
fn every_prefix_of_a_request_gets_an_answer() {
    let wire = Wire::with_table();
    let body = json!({
        "TableName": "things", "Item": {"pk": {"S": "ä\u{10ffff}"}, "sk": {"N": "1e2"}, "l": {"L": [{"B": "AA=="}]}},
        "Expected": {"x": {"Exists": false}}, "ReturnValues": "ALL_OLD",
    })
    .to_string();
    for end in 0..body.len() {
        for operation in ["PutItem", "Query", "BatchWriteItem"] {
            assert_eq!(wire.raw(operation, &body.as_bytes()[..end]).0, 400);
        }
    }
}

/// An element that is null is no element less: it is refused, wherever a list is.
#[test]
fn elements_that_are_null_are_refused() {
    let wire = Wire::with_table();
    let key = json!({"id": {"S": "a"}});
    let schema = json!({"AttributeName": "id", "KeyType": "HASH"});
    let definition = json!({"AttributeName": "id", "AttributeType": "S"});
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/things";
    for (operation, request, path) in [
        ("GetItem", json!({"TableName": "things", "Key": key, "AttributesToGet": ["a", null]}), "attributesToGet.2"),
        ("Query", json!({"TableName": "things", "AttributesToGet": [null]}), "attributesToGet.1"),
        ("Scan", json!({"TableName": "things", "AttributesToGet": [null]}), "attributesToGet.1"),
        ("BatchGetItem", json!({"RequestItems": {"things": {"Keys": [key, null]}}}), "requestItems.member.keys.2"),
        ("BatchWriteItem", json!({"RequestItems": {"things": [null]}}), "requestItems.things.member.1"),
        ("TagResource", json!({"ResourceArn": arn, "Tags": [{"Key": "a", "Value": "b"}, null]}), "tags.2"),
        ("UntagResource", json!({"ResourceArn": arn, "TagKeys": ["a", null]}), "tagKeys.2"),
        ("UpdateTable", json!({"TableName": "things", "AttributeDefinitions": [null]}), "attributeDefinitions.1"),
        (
            "UpdateTable",
            json!({"TableName": "things", "GlobalSecondaryIndexUpdates": [null]}),
            "globalSecondaryIndexUpdates.1",
        ),
        (
            "CreateTable",
            json!({"TableName": "more", "KeySchema": [schema, null], "AttributeDefinitions": [definition]}),
            "keySchema.2",
        ),
    ] {
        let (name, text) = wire.error(operation, request);
        assert_eq!(name, "ValidationException", "{operation}");
        let expected = format!(
            "1 validation error detected: Value null at '{path}.member' failed to satisfy constraint: Member must not be null"
        );
        assert_eq!(text, expected, "{operation}");
    }
}
