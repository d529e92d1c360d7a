//! Query and Scan.

use crate::support::{Wire, key, merged};
use serde_json::{Value, json};

fn filled() -> Wire {
    let wire = Wire::with_table();
    for sk in 1..=5 {
        let kind = if sk % 2 == 0 { "even" } else { "odd" };
        wire.put(merged(key("a", sk), json!({"kind": {"S": kind}, "rank": {"N": (10 - sk).to_string()}})));
    }
    wire.put(key("b", 1));
    wire
}

fn query(more: Value) -> Value {
    let base = json!({
        "TableName": "things", "KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "a"}},
    });
    merged(base, more)
}

fn sort_keys(answer: &Value) -> Vec<&str> {
    answer["Items"].as_array().unwrap().iter().map(|item| item["sk"]["N"].as_str().unwrap()).collect()
}

#[test]
fn queries_page_in_both_directions() {
    let wire = filled();
    assert_eq!(sort_keys(&wire.ok("Query", query(json!({})))), ["1", "2", "3", "4", "5"]);
    let first = wire.ok("Query", query(json!({"ScanIndexForward": false, "Limit": 2})));
    assert_eq!(sort_keys(&first), ["5", "4"]);
    assert_eq!((&first["Count"], &first["ScannedCount"]), (&json!(2), &json!(2)));
    assert_eq!(first["LastEvaluatedKey"], key("a", 4));
    let more = json!({"ScanIndexForward": false, "Limit": 9, "ExclusiveStartKey": first["LastEvaluatedKey"]});
    let second = wire.ok("Query", query(more));
    assert_eq!(sort_keys(&second), ["3", "2", "1"]);
    assert_eq!(second["LastEvaluatedKey"], Value::Null);
}

#[test]
fn indexes_are_read_by_their_own_keys() {
    let wire = filled();
    let request = json!({
        "TableName": "things", "IndexName": "by_kind", "Limit": 2, "ReturnConsumedCapacity": "INDEXES",
        "KeyConditionExpression": "kind = :k AND #r > :r", "ExpressionAttributeNames": {"#r": "rank"},
        "ExpressionAttributeValues": {":k": {"S": "odd"}, ":r": {"N": "5"}},
    });
    let answer = wire.ok("Query", request.clone());
    assert_eq!(sort_keys(&answer), ["3", "1"]);
    let last = merged(key("a", 1), json!({"kind": {"S": "odd"}, "rank": {"N": "9"}}));
    assert_eq!(answer["LastEvaluatedKey"], last);
    assert_eq!(
        answer["ConsumedCapacity"],
        json!({
            "TableName": "things", "CapacityUnits": 0.5, "Table": {"CapacityUnits": 0.0},
            "GlobalSecondaryIndexes": {"by_kind": {"CapacityUnits": 0.5}},
        })
    );
    assert_eq!(
        wire.invalid("Query", merged(request, json!({"ConsistentRead": true}))),
        "Consistent reads are not supported on global secondary indexes"
    );
    let local = wire.ok("Query", query(json!({"IndexName": "by_rank"})));
    assert_eq!(sort_keys(&local), ["5", "4", "3", "2", "1"]);
    assert_eq!(local["Items"][0], merged(key("a", 5), json!({"rank": {"N": "5"}})));
    let whole = wire.ok("Query", query(json!({"IndexName": "by_rank", "Select": "ALL_ATTRIBUTES"})));
    assert_eq!(whole["Items"][0]["kind"], json!({"S": "odd"}));
    assert_eq!(
        wire.invalid("Query", query(json!({"IndexName": "nothing"}))),
        "The table does not have the specified index: nothing"
    );
}

#[test]
fn filters_and_counts() {
    let wire = filled();
    let filter = json!({"FilterExpression": "kind = :k", "ExpressionAttributeValues": {":k": {"S": "even"}}});
    let scan = merged(json!({"TableName": "things", "Select": "COUNT"}), filter);
    assert_eq!(wire.ok("Scan", scan), json!({"Count": 2, "ScannedCount": 6}));
    let request = json!({
        "TableName": "things",
        "KeyConditions": {"pk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]}},
        "QueryFilter": {"kind": {"ComparisonOperator": "NE", "AttributeValueList": [{"S": "even"}]}},
        "AttributesToGet": ["sk"],
    });
    assert_eq!(sort_keys(&wire.ok("Query", request)), ["1", "3", "5"]);
    let values = json!({":pk": {"S": "a"}, ":s": {"N": "1"}});
    assert_eq!(
        wire.invalid("Query", query(json!({"FilterExpression": "sk = :s", "ExpressionAttributeValues": values}))),
        "Filter Expression can only contain non-primary key attributes: Primary key attribute: sk"
    );
}

#[test]
fn select_has_to_go_with_the_rest() {
    let wire = filled().older();
    let text = |more: Value| wire.invalid("Query", query(more));
    assert_eq!(
        text(json!({"Select": "SPECIFIC_ATTRIBUTES"})),
        "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
    );
    assert_eq!(
        text(json!({"Select": "COUNT", "ProjectionExpression": "sk"})),
        "Cannot specify the ProjectionExpression when choosing to get COUNT"
    );
    assert_eq!(
        text(json!({"Select": "ALL_PROJECTED_ATTRIBUTES"})),
        "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"
    );
    let projected = wire.ok("Query", query(json!({"Select": "SPECIFIC_ATTRIBUTES", "ProjectionExpression": "sk"})));
    assert_eq!(projected["Items"][0], json!({"sk": {"N": "1"}}));
}

#[test]
fn limits_and_conditions_are_checked() {
    let wire = filled().older();
    assert_eq!(
        wire.invalid("Query", query(json!({"Limit": 0}))),
        "1 validation error detected: Value at 'Limit' failed to satisfy constraint: Member must have value greater than \
         or equal to 1"
    );
    assert_eq!(
        wire.invalid("Scan", json!({"TableName": "things", "Limit": 0})),
        "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater \
         than or equal to 1"
    );
    assert_eq!(
        wire.invalid("Query", json!({"TableName": "things"})),
        "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
    );
    let filter = json!({"TableName": "things", "ScanFilter": {"x": {"AttributeValueList": []}}});
    assert_eq!(
        wire.invalid("Scan", filter),
        "1 validation error detected: Value null at 'scanFilter.x.member.comparisonOperator' failed to satisfy \
         constraint: Member must not be null"
    );
}

#[test]
fn start_keys_are_not_trusted() {
    let wire = filled();
    let text = |start: Value| wire.invalid("Query", query(json!({"ExclusiveStartKey": start})));
    assert!(text(json!({})).starts_with("The provided starting key is invalid"));
    assert!(text(merged(key("a", 1), json!({"x": {"S": "y"}}))).starts_with("The provided starting key is invalid"));
    assert_eq!(text(key("b", 1)), "The provided starting key is outside query boundaries based on provided conditions");
    assert!(text(json!({"pk": {"S": ""}, "sk": {"N": "1"}})).starts_with("The provided starting key is invalid: "));
    let scan = json!({"TableName": "things", "ExclusiveStartKey": {"pk": {"M": {}}, "sk": {"N": "1"}}});
    assert!(wire.invalid("Scan", scan).starts_with("The provided starting key is invalid"));
}

#[test]
fn segments_are_disjoint_and_complete() {
    let wire = filled().older();
    for total in [1, 2, 7, 4096] {
        let mut count = 0;
        for segment in 0..total.min(64) {
            let request = json!({"TableName": "things", "Segment": segment, "TotalSegments": total});
            count += wire.ok("Scan", request)["Count"].as_u64().unwrap();
        }
        assert!(if total <= 64 { count == 6 } else { count <= 6 }, "{total}: {count}");
    }
    assert_eq!(
        wire.invalid("Scan", json!({"TableName": "things", "Segment": 2, "TotalSegments": 2})),
        "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 2 is not less than \
         TotalSegments: 2"
    );
}

#[test]
fn a_query_is_checked_in_the_services_order() {
    let wire = filled();
    let create = json!([{"Create": {"IndexName": "by_few", "Projection": {"ProjectionType": "KEYS_ONLY"},
        "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}]}}]);
    wire.ok(
        "UpdateTable",
        json!({"TableName": "things", "GlobalSecondaryIndexUpdates": create,
        "AttributeDefinitions": [{"AttributeName": "kind", "AttributeType": "S"}]}),
    );
    crate::backups::eventually(|| {
        let table = wire.ok("DescribeTable", json!({"TableName": "things"}))["Table"].clone();
        table["GlobalSecondaryIndexes"].as_array().unwrap().iter().all(|index| index["IndexStatus"] == "ACTIVE")
    });
    let other = |more: Value| {
        let condition = json!({"TableName": "things", "KeyConditionExpression": "elsewhere = :v",
                               "ExpressionAttributeValues": {":v": {"S": "a"}}});
        wire.invalid("Query", merged(condition, more))
    };
    let text = other(json!({"IndexName": "by_few", "Select": "ALL_ATTRIBUTES"}));
    assert!(text.contains("Select type ALL_ATTRIBUTES is not supported"), "{text}");
    let text = other(json!({"ExclusiveStartKey": {"x": {"S": "a"}}}));
    assert!(text.starts_with("The provided starting key is invalid"), "{text}");
    assert!(other(json!({})).contains("missed key schema element"));
    let behind = json!({"TableName": "things", "KeyConditionExpression": "pk = :v", "FilterExpression": "pk = :v",
        "ExpressionAttributeValues": {":v": {"S": "a"}}, "ExclusiveStartKey": key("b", 1)});
    let outside = "The provided starting key is outside query boundaries based on provided conditions";
    assert_eq!(wire.invalid("Query", behind), outside);
}
