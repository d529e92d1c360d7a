//! Writing and reading single items.

use crate::support::{Wire, key, merged};
use serde_json::{Value, json};

fn update(more: Value) -> Value {
    merged(json!({"TableName": "things", "Key": key("a", 1)}), more)
}

#[test]
fn writes_return_what_was_asked_for() {
    let wire = Wire::with_table().older();
    let old = merged(key("a", 1), json!({"v": {"N": "1"}}));
    let new = merged(key("a", 1), json!({"v": {"N": "2"}}));
    let put = |item: &Value| json!({"TableName": "things", "Item": item, "ReturnValues": "ALL_OLD"});
    assert_eq!(wire.ok("PutItem", put(&old)), json!({}));
    assert_eq!(wire.ok("PutItem", put(&new)), json!({"Attributes": old}));
    let add = |values: &str| {
        update(json!({
            "UpdateExpression": "ADD v :one", "ExpressionAttributeValues": {":one": {"N": "1"}}, "ReturnValues": values,
        }))
    };
    assert_eq!(wire.ok("UpdateItem", add("UPDATED_OLD")), json!({"Attributes": {"v": {"N": "2"}}}));
    assert_eq!(wire.ok("UpdateItem", add("UPDATED_NEW")), json!({"Attributes": {"v": {"N": "4"}}}));
    let all = merged(key("a", 1), json!({"v": {"N": "5"}}));
    assert_eq!(wire.ok("UpdateItem", add("ALL_NEW")), json!({"Attributes": all}));
    assert_eq!(wire.ok("UpdateItem", add("ALL_OLD")), json!({"Attributes": all}));
    assert_eq!(wire.ok("UpdateItem", add("NONE")), json!({}));
    let delete = update(json!({"ReturnValues": "ALL_OLD"}));
    assert_eq!(wire.ok("DeleteItem", delete.clone())["Attributes"]["v"], json!({"N": "7"}));
    assert_eq!(wire.ok("DeleteItem", delete), json!({}));
    let text = wire.invalid("PutItem", json!({"TableName": "things", "Item": old, "ReturnValues": "ALL_NEW"}));
    assert_eq!(text, "ReturnValues can only be ALL_OLD or NONE");
}

#[test]
fn a_failed_condition_shows_the_item() {
    let wire = Wire::with_table();
    let item = merged(key("a", 1), json!({"v": {"S": "kept"}}));
    wire.put(item.clone());
    let request = json!({
        "TableName": "things", "Item": key("a", 1), "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    });
    let (status, body) = wire.raw("PutItem", request.to_string().as_bytes());
    assert_eq!(status, 400);
    assert_eq!(
        body,
        json!({
            "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
            "message": "The conditional request failed", "Item": item,
        })
    );
    assert_eq!(wire.get("a", 1), item);
}

#[test]
fn keys_have_to_fit_the_table() {
    let wire = Wire::with_table();
    let get = |key: Value| wire.invalid("GetItem", json!({"TableName": "things", "Key": key}));
    let mismatch = "The provided key element does not match the schema";
    for wrong in [
        json!({}),
        json!({"pk": {"S": "a"}}),
        json!({"pk": {"S": "a"}, "sk": {"S": "1"}}),
        json!({"pk": {"S": "a"}, "sk": {"N": "1"}, "x": {"N": "1"}}),
    ] {
        assert_eq!(get(wrong.clone()), mismatch, "{wrong}");
    }
    let put = |item: Value| wire.invalid("PutItem", json!({"TableName": "things", "Item": item}));
    assert_eq!(
        put(json!({"pk": {"S": "a"}})),
        "One or more parameter values were invalid: Missing the key sk in the item"
    );
    assert_eq!(
        put(json!({"pk": {"N": "1"}, "sk": {"N": "1"}})),
        "One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N"
    );
    assert_eq!(
        put(json!({"pk": {"S": ""}, "sk": {"N": "1"}})),
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty \
         string value. Key: pk"
    );
    assert_eq!(
        put(merged(key("a", 1), json!({"kind": {"N": "1"}, "rank": {"N": "1"}}))),
        "One or more parameter values were invalid: Type mismatch for Index Key kind Expected: S Actual: N IndexName: \
         by_kind"
    );
}

#[test]
fn updates_create_items() {
    let wire = Wire::with_table();
    assert_eq!(wire.ok("UpdateItem", update(json!({}))), json!({}));
    assert_eq!(wire.get("a", 1), key("a", 1));
    let request = json!({"TableName": "things", "Key": key("b", 1), "UpdateExpression": "REMOVE x"});
    wire.ok("UpdateItem", request);
    assert_eq!(wire.get("b", 1), Value::Null);
    assert_eq!(
        wire.invalid("UpdateItem", update(json!({"UpdateExpression": "SET pk = pk"}))),
        "One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key"
    );
}

#[test]
fn older_parameters_still_work() {
    let wire = Wire::with_table().older();
    let updates = json!({
        "n": {"Action": "ADD", "Value": {"N": "2"}}, "s": {"Value": {"S": "x"}}, "gone": {"Action": "DELETE"},
    });
    wire.ok("UpdateItem", update(json!({"AttributeUpdates": updates})));
    assert_eq!(wire.get("a", 1), merged(key("a", 1), json!({"n": {"N": "2"}, "s": {"S": "x"}})));
    let expected = json!({
        "n": {"ComparisonOperator": "GT", "AttributeValueList": [{"N": "1"}]}, "s": {"Value": {"S": "y"}},
    });
    let put = |operator: &str| json!({"TableName": "things", "Item": key("a", 1), "Expected": expected, "ConditionalOperator": operator});
    assert_eq!(wire.error("PutItem", put("AND")).0, "ConditionalCheckFailedException");
    wire.ok("PutItem", put("OR"));
    let text = wire.invalid("UpdateItem", update(json!({"AttributeUpdates": {"x": {"Action": "FLY"}}})));
    assert_eq!(text, "1 validation error detected: Member must satisfy enum value set: [ADD, DELETE, PUT]' for Action");
    let text = wire.invalid("UpdateItem", update(json!({"ConditionalOperator": "OR", "UpdateExpression": "REMOVE x"})));
    assert!(text.starts_with("Can not use both expression and non-expression parameters"), "{text}");
    let request = json!({"TableName": "things", "Key": key("a", 1), "AttributesToGet": ["pk", "none", "pk"]});
    assert_eq!(
        wire.invalid("GetItem", request),
        "One or more parameter values were invalid: Duplicate value in attribute name: pk"
    );
}

#[test]
fn projections_keep_the_structure() {
    let wire = Wire::with_table();
    wire.put(merged(
        key("a", 1),
        json!({"m": {"M": {"x": {"N": "1"}, "y": {"N": "2"}}}, "l": {"L": [{"S": "0"}, {"S": "1"}]}}),
    ));
    let get = |projection: &str| {
        let request = json!({
            "TableName": "things", "Key": key("a", 1), "ProjectionExpression": projection, "ConsistentRead": true,
        });
        wire.ok("GetItem", request)["Item"].clone()
    };
    assert_eq!(get("m.y, l[1]"), json!({"m": {"M": {"y": {"N": "2"}}}, "l": {"L": [{"S": "1"}]}}));
    assert_eq!(get("nothing"), json!({}));
    let request = json!({"TableName": "things", "Key": key("b", 1), "ProjectionExpression": "m"});
    assert_eq!(wire.ok("GetItem", request), json!({}));
}
