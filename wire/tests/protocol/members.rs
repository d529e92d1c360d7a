//! Constraints on members, and parameters that do not go together.

use crate::support::{Wire, key, merged};
use serde_json::{Value, json};

fn put(more: Value) -> Value {
    merged(json!({"TableName": "things", "Item": key("a", 1)}), more)
}

#[test]
fn all_constraints_are_reported_together() {
    let wire = Wire::with_table().older();
    assert_eq!(
        wire.invalid("PutItem", json!({})),
        "2 validation errors detected: \
         Value null at 'tableName' failed to satisfy constraint: Member must not be null; \
         Value null at 'item' failed to satisfy constraint: Member must not be null"
    );
    let request = json!({
        "TableName": "ab;", "ReturnConsumedCapacity": "hi", "ReturnItemCollectionMetrics": "hi", "ReturnValues": "hi",
        "ReturnValuesOnConditionCheckFailure": "hi", "ConditionalOperator": "XOR",
    });
    assert_eq!(
        wire.invalid("DeleteItem", request),
        "7 validation errors detected: \
         Value 'hi' at 'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy enum value set: \
         [INDEXES, TOTAL, NONE]; \
         Value 'ab;' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: \
         [a-zA-Z0-9_.-]+; \
         Value 'hi' at 'returnItemCollectionMetrics' failed to satisfy constraint: Member must satisfy enum value set: \
         [SIZE, NONE]; \
         Value null at 'key' failed to satisfy constraint: Member must not be null; \
         Value 'XOR' at 'conditionalOperator' failed to satisfy constraint: Member must satisfy enum value set: \
         [OR, AND]; \
         Value 'hi' at 'returnValues' failed to satisfy constraint: Member must satisfy enum value set: \
         [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]; \
         Value 'hi' at 'returnValuesOnConditionCheckFailure' failed to satisfy constraint: Member must satisfy enum \
         value set: [ALL_OLD, NONE]"
    );
}

#[test]
fn names_of_attributes_have_an_end_wherever_they_stand() {
    let wire = Wire::with_table().older();
    let requests = |name: &str| {
        let target = json!({"TableName": "things", "Key": key("a", 1)});
        let alias = json!({"ExpressionAttributeNames": {"#n": name}});
        let value = json!({"ExpressionAttributeValues": {":v": {"N": "1"}}});
        let aliased = |base: &Value, expressions: Value| merged(merged(base.clone(), alias.clone()), expressions);
        let scan = json!({"TableName": "things"});
        let equal = json!({"ComparisonOperator": "NE", "AttributeValueList": [{"N": "1"}]});
        [
            ("PutItem", put(json!({"Item": merged(key("a", 1), json!({"m": {"M": {name: {"N": "1"}}}}))}))),
            ("GetItem", aliased(&target, json!({"ProjectionExpression": "#n"}))),
            ("GetItem", merged(target.clone(), json!({"AttributesToGet": [name]}))),
            ("UpdateItem", merged(aliased(&target, json!({"UpdateExpression": "SET #n = :v"})), value.clone())),
            ("DeleteItem", aliased(&target, json!({"ConditionExpression": "attribute_exists(#n)"}))),
            ("UpdateItem", merged(target.clone(), json!({"AttributeUpdates": {name: {"Action": "DELETE"}}}))),
            ("DeleteItem", merged(target.clone(), json!({"Expected": {name: {"Exists": false}}}))),
            ("Scan", merged(aliased(&scan, json!({"FilterExpression": "#n = :v"})), value)),
            ("Scan", merged(scan.clone(), json!({"ScanFilter": {name: equal}}))),
        ]
    };
    for (operation, request) in requests(&"n".repeat(65_535)) {
        wire.ok(operation, request);
    }
    for (operation, request) in requests(&"n".repeat(65_536)) {
        assert_eq!(
            wire.invalid(operation, request),
            "One or more parameter values were invalid: Attribute name is too large, must be less than 65536 bytes",
            "{operation}"
        );
    }
}

#[test]
fn names_of_tables() {
    let wire = Wire::with_table().older();
    let text = |name: &str| wire.invalid("GetItem", json!({"TableName": name, "Key": key("a", 1)}));
    assert_eq!(
        text(""),
        "1 validation error detected: Value '' at 'tableName' failed to satisfy constraint: Member must have length \
         greater than or equal to 1"
    );
    assert_eq!(
        text("a;"),
        "1 validation error detected: Value 'a;' at 'tableName' failed to satisfy constraint: Member must have length \
         greater than or equal to 3"
    );
    assert!(text(&"a".repeat(256)).ends_with("Member must have length less than or equal to 255"));
    assert_eq!(
        text("arn:aws:s3:::things"),
        "Invalid TableArn: Invalid ResourceArn provided as input arn:aws:s3:::things"
    );
    let (name, text) = wire.error("GetItem", json!({"TableName": "nothing", "Key": key("a", 1)}));
    assert_eq!((name.as_str(), text.as_str()), ("ResourceNotFoundException", "Requested resource not found"));
}

#[test]
fn an_arn_names_a_table() {
    let wire = Wire::with_table();
    wire.put(key("a", 1));
    let arn = wire.ok("DescribeTable", json!({"TableName": "things"}))["Table"]["TableArn"].clone();
    assert_eq!(arn, "arn:aws:dynamodb:us-east-1:000000000000:table/things");
    let request = json!({"TableName": arn, "Key": key("a", 1), "ReturnConsumedCapacity": "TOTAL"});
    let answer = wire.ok("GetItem", request);
    assert_eq!(answer["Item"], key("a", 1));
    assert_eq!(answer["ConsumedCapacity"], json!({"TableName": arn, "CapacityUnits": 0.5}));
    let answer = wire.ok("BatchGetItem", json!({"RequestItems": {arn.as_str().unwrap(): {"Keys": [key("a", 1)]}}}));
    assert_eq!(answer["Responses"], json!({arn.as_str().unwrap(): [key("a", 1)]}));
}

/// The answer has one list for each table.
#[test]
fn a_batch_names_each_table_once() {
    let wire = Wire::with_table();
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/things";
    let keys = |pk: &str| json!({"Keys": [key(pk, 1)]});
    let put = |pk: &str| json!([{"PutRequest": {"Item": key(pk, 1)}}]);
    for (operation, request) in [
        ("BatchGetItem", json!({"RequestItems": {"things": keys("a"), arn: keys("b")}})),
        ("BatchWriteItem", json!({"RequestItems": {"things": put("a"), arn: put("b")}})),
    ] {
        let text = wire.invalid(operation, request);
        assert!(text.ends_with("RequestItems names a table more than once: things"), "{text}");
    }
}

#[test]
fn expressions_do_not_mix_with_older_parameters() {
    let wire = Wire::with_table().older();
    let mixed = "Can not use both expression and non-expression parameters in the same request: ";
    let request = json!({
        "TableName": "things", "Key": key("a", 1), "AttributeUpdates": {}, "Expected": {},
        "UpdateExpression": "REMOVE x", "ConditionExpression": "",
    });
    assert_eq!(
        wire.invalid("UpdateItem", request),
        format!(
            "{mixed}Non-expression parameters: {{AttributeUpdates, Expected}} \
             Expression parameters: {{UpdateExpression, ConditionExpression}}"
        )
    );
    let request = json!({
        "TableName": "things", "KeyConditions": {}, "QueryFilter": {}, "KeyConditionExpression": "a", "Limit": 1,
    });
    assert_eq!(
        wire.invalid("Query", request),
        format!(
            "{mixed}Non-expression parameters: {{QueryFilter, KeyConditions}} \
             Expression parameters: {{KeyConditionExpression}}"
        )
    );
    let alone = "can only be specified when using expressions";
    assert_eq!(
        wire.invalid("PutItem", put(json!({"ExpressionAttributeNames": {"#a": "a"}}))),
        format!("ExpressionAttributeNames {alone}")
    );
    let request = json!({
        "TableName": "things", "Key": key("a", 1), "ExpressionAttributeValues": {":a": {"S": "a"}},
    });
    assert_eq!(
        wire.invalid("UpdateItem", request),
        format!("ExpressionAttributeValues {alone}: UpdateExpression and ConditionExpression are null")
    );
}

#[test]
fn placeholders_have_to_be_right_and_used() {
    let wire = Wire::with_table().older();
    let condition = |more: Value| wire.invalid("PutItem", put(merged(json!({"ConditionExpression": "#a = :a"}), more)));
    assert_eq!(condition(json!({"ExpressionAttributeNames": {}})), "ExpressionAttributeNames must not be empty");
    assert_eq!(
        condition(json!({"ExpressionAttributeNames": {"a": "a"}})),
        "ExpressionAttributeNames contains invalid key: Syntax error; key: \"a\""
    );
    assert_eq!(
        condition(json!({"ExpressionAttributeNames": {"#a": "a"}})),
        "Invalid ConditionExpression: An expression attribute value used in expression is not defined; attribute \
         value: :a"
    );
    let more = json!({
        "ExpressionAttributeNames": {"#a": "a", "#b": "b"}, "ExpressionAttributeValues": {":a": {"S": "x"}},
    });
    assert_eq!(condition(more), "Value provided in ExpressionAttributeNames unused in expressions: keys: {#b}");
}

#[test]
fn recent_words_wrap_what_is_wrong_with_a_write() {
    let wire = Wire::new();
    wire.create_things();
    assert_eq!(
        wire.invalid("PutItem", put(json!({"ConditionExpression": ""}))),
        "1 validation error detected: Invalid ConditionExpression: The expression can not be empty;"
    );
    assert_eq!(
        wire.invalid("PutItem", put(json!({"ReturnValues": "hi"}))),
        "1 validation error detected: Failed to satisfy constraint: Member must satisfy enum value set: \
         [ALL_OLD, UPDATED_OLD, ALL_NEW, UPDATE_NEW, NONE]"
    );
    let request = json!({"TableName": "things", "Key": key("a", 1), "ProjectionExpression": ""});
    assert_eq!(wire.invalid("GetItem", request), "Invalid ProjectionExpression: The expression can not be empty;");
    assert_eq!(
        wire.invalid("PutItem", json!({"TableName": "things", "Item": {"pk": {"S": "a"}}})),
        "One or more parameter values were invalid: Missing the key sk in the item"
    );
}
