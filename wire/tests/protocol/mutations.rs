//! Requests that are almost right: whatever is changed about them, there is an answer, and it is JSON.

use crate::support::{Wire, key, merged};
use serde_json::{Value, json};

/// A source of numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }
}

fn corpus() -> Vec<(&'static str, Value)> {
    [on_one_item(), on_several_items(), on_tables_and_streams()].concat()
}

fn things(more: Value) -> Value {
    merged(json!({"TableName": "things", "ReturnConsumedCapacity": "INDEXES"}), more)
}

fn item() -> Value {
    json!({
        "pk": {"S": "a"}, "sk": {"N": "1"}, "rank": {"N": "-1.5e3"}, "kind": {"S": "k"}, "b": {"B": "AAEC"},
        "l": {"L": [{"BOOL": true}, {"NULL": true}, {"M": {"x": {"SS": ["a", "b"]}}}]}, "n": {"NS": ["1", "2"]},
    })
}

fn on_one_item() -> Vec<(&'static str, Value)> {
    let (item, names) = (item(), json!({"#k": "kind"}));
    let values = json!({":v": {"S": "k"}, ":n": {"N": "1"}});
    vec![
        (
            "PutItem",
            things(json!({"Item": item, "ConditionExpression": "#k = :v OR size(l) > :n",
            "ExpressionAttributeNames": names, "ExpressionAttributeValues": values, "ReturnValues": "ALL_OLD"})),
        ),
        (
            "PutItem",
            things(json!({"Item": item, "Expected": {"kind": {"ComparisonOperator": "IN",
            "AttributeValueList": [{"S": "k"}]}, "x": {"Exists": false}}, "ConditionalOperator": "OR"})),
        ),
        (
            "UpdateItem",
            things(json!({"Key": key("a", 1), "ReturnValues": "UPDATED_NEW",
            "UpdateExpression": "SET l[0] = if_not_exists(#k, :v), rank = rank + :n REMOVE b ADD q :n",
            "ExpressionAttributeNames": names, "ExpressionAttributeValues": values})),
        ),
        (
            "UpdateItem",
            things(json!({"Key": key("a", 1), "AttributeUpdates": {"rank": {"Action": "ADD", "Value": {"N": "1"}}}})),
        ),
        (
            "GetItem",
            things(
                json!({"Key": key("a", 1), "ProjectionExpression": "l[2].x, #k", "ExpressionAttributeNames": names}),
            ),
        ),
        ("DeleteItem", things(json!({"Key": key("a", 1), "ReturnItemCollectionMetrics": "SIZE"}))),
    ]
}

fn on_several_items() -> Vec<(&'static str, Value)> {
    let (item, names) = (item(), json!({"#k": "kind"}));
    let values = json!({":v": {"S": "k"}, ":n": {"N": "1"}});
    vec![
        (
            "Query",
            things(json!({"IndexName": "by_kind", "KeyConditionExpression": "#k = :v AND rank BETWEEN :n AND :n",
            "FilterExpression": "contains(l, :v)", "ExpressionAttributeNames": names, "ExpressionAttributeValues": values,
            "ExclusiveStartKey": {"pk": {"S": "a"}, "sk": {"N": "1"}, "rank": {"N": "1"}, "kind": {"S": "k"}}, "Limit": 3})),
        ),
        (
            "Query",
            things(json!({"KeyConditions": {"pk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]},
            "sk": {"ComparisonOperator": "GE", "AttributeValueList": [{"N": "1"}]}}, "ScanIndexForward": false})),
        ),
        (
            "Scan",
            things(json!({"Segment": 0, "TotalSegments": 3, "ExclusiveStartKey": key("a", 1), "Select": "COUNT",
            "ScanFilter": {"kind": {"ComparisonOperator": "BEGINS_WITH", "AttributeValueList": [{"S": "k"}]}}})),
        ),
        (
            "BatchGetItem",
            json!({"RequestItems": {"things": {"Keys": [key("a", 1), key("a", 2)], "AttributesToGet": ["pk"]}}}),
        ),
        (
            "BatchWriteItem",
            json!({"RequestItems": {"things": [{"PutRequest": {"Item": item}}, {"DeleteRequest": {"Key": key("b", 1)}}]}}),
        ),
        (
            "TransactWriteItems",
            json!({"ClientRequestToken": "t", "TransactItems": [
            {"Put": {"TableName": "things", "Item": item}},
            {"Update": {"TableName": "things", "Key": key("a", 2), "UpdateExpression": "SET x = :n", "ExpressionAttributeValues": {":n": {"N": "1"}}}},
            {"ConditionCheck": {"TableName": "things", "Key": key("a", 3), "ConditionExpression": "attribute_not_exists(pk)"}},
            {"Delete": {"TableName": "things", "Key": key("a", 4)}}]}),
        ),
        (
            "TransactGetItems",
            json!({"TransactItems": [{"Get": {"TableName": "things", "Key": key("a", 1), "ProjectionExpression": "l"}}]}),
        ),
    ]
}

fn on_tables_and_streams() -> Vec<(&'static str, Value)> {
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/things";
    vec![
        (
            "CreateTable",
            json!({"TableName": "new", "AttributeDefinitions": [
            {"AttributeName": "a", "AttributeType": "S"}, {"AttributeName": "b", "AttributeType": "N"}],
            "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST",
            "GlobalSecondaryIndexes": [{"IndexName": "idx", "KeySchema": [{"AttributeName": "b", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["c"]}}],
            "Tags": [{"Key": "k", "Value": "v"}], "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"}}),
        ),
        (
            "UpdateTable",
            json!({"TableName": "things", "AttributeDefinitions": [{"AttributeName": "q", "AttributeType": "B"}],
            "GlobalSecondaryIndexUpdates": [{"Create": {"IndexName": "by_q", "KeySchema": [{"AttributeName": "q", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"}}}], "DeletionProtectionEnabled": false}),
        ),
        ("DescribeTable", json!({"TableName": "things"})),
        ("ListTables", json!({"Limit": 1, "ExclusiveStartTableName": "aaa"})),
        (
            "UpdateTimeToLive",
            json!({"TableName": "things", "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": true}}),
        ),
        ("TagResource", json!({"ResourceArn": arn, "Tags": [{"Key": "k", "Value": "v"}]})),
        ("ListTagsOfResource", json!({"ResourceArn": arn, "NextToken": "1"})),
        ("ListStreams", json!({"TableName": "things", "Limit": 10})),
        ("DescribeStream", json!({"StreamArn": format!("{arn}/stream/2026-01-01T00:00:00.000"), "Limit": 1})),
        (
            "GetShardIterator",
            json!({"StreamArn": format!("{arn}/stream/2026-01-01T00:00:00.000"),
            "ShardId": "shardId-00000001795178096789-0000001f", "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1.5}),
        ),
        ("GetRecords", json!({"ShardIterator": "hr1-00", "Limit": 1})),
    ]
}

/// Bytes that mean something to a parser.
const TELLING: &[&[u8]] = &[
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"true",
    b"-",
    b"1e999",
    b"0",
    b"99999999999999999999",
    b"\xff",
    b"\x00",
    b" ",
    b"#",
    b":v",
    b"(",
    b")",
    b"{\"S\":\"\"}",
    b"{\"NS\":[]}",
    b"AND",
];

fn mutate(body: &mut Vec<u8>, numbers: &mut Numbers) {
    let at = numbers.below(body.len());
    let end = (at + 1 + numbers.below(12)).min(body.len());
    match numbers.below(5) {
        0 => body[at] = numbers.below(256) as u8,
        1 => drop(body.drain(at..end)),
        2 => {
            let telling = TELLING[numbers.below(TELLING.len())];
            body.splice(at..at, telling.iter().copied());
        }
        3 => {
            let copy = body[at..end].to_vec();
            let to = numbers.below(body.len());
            body.splice(to..to, copy);
        }
        _ => {
            let telling = TELLING[numbers.below(TELLING.len())];
            body.splice(at..end, telling.iter().copied());
        }
    }
}

#[test]
fn what_is_almost_right_gets_an_answer() {
    let corpus = corpus();
    let mut numbers = Numbers(1);
    for round in 0..12 {
        let wire = Wire::with_table();
        for (operation, request) in &corpus {
            let whole = request.to_string().into_bytes();
            for _ in 0..40 {
                let mut body = whole.clone();
                for _ in 0..=numbers.below(4) {
                    if !body.is_empty() {
                        mutate(&mut body, &mut numbers);
                    }
                }
                let (status, _) = wire.raw(operation, &body);
                let text = String::from_utf8_lossy(&body);
                assert!(matches!(status, 200 | 400), "round {round}: {operation} {text} answers {status}");
            }
        }
    }
}

#[test]
fn what_is_right_is_right() {
    let wire = Wire::with_table();
    wire.put(key("a", 1));
    for (operation, request) in corpus() {
        let (_, body) = wire.raw(operation, request.to_string().as_bytes());
        let name = body["__type"].as_str().unwrap_or_default();
        assert!(!name.contains("Serialization"), "{operation} {body}");
    }
}
