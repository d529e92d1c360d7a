//! The two wordings: what the newest validation layers say, and what the public suite recorded in May 2026.

use crate::support::{Wire, key, merged};
use serde_json::{Value, json};

const ENVELOPE: &str = "1 validation error detected: ";
const INVALID: &str = "One or more parameter values were invalid: ";

fn filled() -> Wire {
    let wire = Wire::with_table();
    wire.put(merged(key("a", 1), json!({"x": {"S": "y"}})));
    wire
}

/// The texts of one refusal in both wordings.
fn both(operation: &str, request: &Value) -> (String, String) {
    (filled().invalid(operation, request.clone()), filled().older().invalid(operation, request.clone()))
}

fn things(more: Value) -> Value {
    merged(json!({"TableName": "things"}), more)
}

/// A map of 31 or 32 levels around a string.
fn nested(levels: usize) -> Value {
    (0..levels).fold(json!({"S": "x"}), |inner, _| json!({"M": {"m": inner}}))
}

#[test]
fn bad_numbers_are_worded_by_operation() {
    let item = |value: Value| merged(key("a", 1), json!({"v": value}));
    let empty = "The parameter cannot be converted to a numeric value";
    let value = json!({"N": ""});
    let (latest, older) = both("PutItem", &things(json!({"Item": item(value.clone())})));
    assert_eq!((latest, older), (format!("{ENVELOPE}{empty}: "), empty.to_owned()));
    let (latest, older) = both("GetItem", &things(json!({"Key": {"pk": {"S": "a"}, "sk": value}})));
    assert_eq!((latest, older), (format!("{empty}: "), empty.to_owned()));
    let condition =
        json!({"Key": key("a", 1), "ConditionExpression": "x = :v", "ExpressionAttributeValues": {":v": value}});
    let (latest, older) = both("DeleteItem", &things(condition));
    let wrapped = format!("ExpressionAttributeValues contains invalid value: {empty} for key :v");
    assert_eq!((latest, older), (format!("{ENVELOPE}{empty}: "), wrapped.clone()));
    let filter = json!({"FilterExpression": "x = :v", "ExpressionAttributeValues": {":v": value}});
    assert_eq!(both("Scan", &things(filter)), (wrapped.clone(), wrapped));

    let large = json!({"N": "1e2147483647"});
    let overflow = "Number overflow. Attempting to store a number with magnitude larger than supported range";
    let underflow = "Number underflow. Attempting to store a number with magnitude smaller than supported range";
    let (latest, older) = both("PutItem", &things(json!({"Item": item(large.clone())})));
    assert_eq!((latest, older), (format!("{ENVELOPE}{overflow}"), overflow.to_owned()));
    let batch = json!({"RequestItems": {"things": [{"PutRequest": {"Item": item(large)}}]}});
    assert_eq!(both("BatchWriteItem", &batch), (underflow.to_owned(), overflow.to_owned()));
    // Where they are read as Java reads them, neither exponent nor scale may have more than 32 bits.
    for number in ["1e99999999999", "-1e99999999999", "1e-99999999999", "1e2147483648", "1e-2147483648"] {
        for value in [json!({"N": number}), json!({"L": [{"N": "1"}, {"N": number}]}), json!({"NS": ["1", number]})] {
            let statement =
                json!({"Statement": "SELECT * FROM things WHERE pk = 'a' AND n = ?", "Parameters": [value]});
            let (latest, _) = both("ExecuteStatement", &statement);
            assert_eq!(latest, format!("The parameter cannot be converted to a numeric value: {number}"));
        }
    }
}

#[test]
fn very_deep_requests_are_read_by_the_older_layer() {
    let deep = |levels: usize| (0..levels).fold(json!({"S": "leaf"}), |value, _| json!({"M": {"n": value}}));
    let delete = |levels: usize, returned: &str| {
        things(json!({"Key": key("a", 1), "ReturnValues": returned, "ConditionExpression": "d = :d",
            "ExpressionAttributeValues": {":d": deep(levels)}}))
    };
    let enumerated = format!(
        "{ENVELOPE}Value 'BOGUS' at 'returnValues' failed to satisfy constraint: Member must satisfy enum value set: \
         [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]"
    );
    assert_eq!(both("DeleteItem", &delete(63, "BOGUS")).0, enumerated);
    assert_ne!(both("DeleteItem", &delete(40, "BOGUS")).0, enumerated);
    assert_eq!(both("DeleteItem", &delete(100, "UPDATED_NEW")).0, "ReturnValues can only be ALL_OLD or NONE");
}

#[test]
fn the_older_layer_says_how_long_an_expression_is() {
    let condition = format!("a = :v{}", " AND a = :v".repeat(373));
    let delete = json!({"TableName": "things", "Key": key("a", 1), "ConditionExpression": condition,
        "ExpressionAttributeValues": {":v": {"S": "x"}}});
    let size = "Invalid ConditionExpression: Expression size has exceeded the maximum allowed size;";
    let (latest, older) = both("TransactWriteItems", &json!({"TransactItems": [{"Delete": delete}]}));
    assert_eq!((latest, older), (format!("{size} expression size: 4109"), size.to_owned()));
    assert_eq!(both("DeleteItem", &delete).0, format!("{ENVELOPE}{size}"));
    let update = json!({"TableName": "things", "Key": key("a", 1), "ExpressionAttributeValues": {":v": {"S": "x"}},
        "UpdateExpression": format!("SET a = :v{}", ", a = :v".repeat(600))});
    let (latest, _) = both("TransactWriteItems", &json!({"TransactItems": [{"Update": update}]}));
    assert_eq!(latest, "Invalid UpdateExpression: Expression size has exceeded the maximum allowed size;");
}

#[test]
fn a_batch_with_a_malformed_table_name_is_repeated() {
    let batch = json!({"RequestItems": {"bad!name": [{"PutRequest": {"Item": {"pk": {"S": "x"}}}}]}});
    let (latest, _) = both("BatchWriteItem", &batch);
    let shown = "{bad!name=[WriteRequest(putRequest=PutRequest(item={pk=...}))]}";
    assert!(latest.starts_with(&format!("{ENVELOPE}Value '{shown}' at 'requestItems' ")), "{latest}");
}

#[test]
fn all_older_parameters_beside_an_expression_are_named() {
    let pk = json!({"pk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]}});
    let query = things(json!({"KeyConditions": pk, "ProjectionExpression": "x"}));
    filled().ok("Query", query.clone());
    let filter = json!({"QueryFilter": {"x": {"ComparisonOperator": "NULL"}}});
    let (latest, _) = both("Query", &merged(query, filter));
    assert!(latest.contains("Non-expression parameters: {QueryFilter, KeyConditions} Expression"), "{latest}");
}

#[test]
fn two_actions_on_one_item_are_told_before_an_empty_key() {
    let put = |pk: &str| json!({"Put": {"TableName": "things", "Item": key(pk, 1)}});
    let (latest, _) = both("TransactWriteItems", &json!({"TransactItems": [put(""), put("a"), put("a")]}));
    assert_eq!(latest, "Transaction request cannot include multiple operations on one item");
    let (latest, _) = both("TransactWriteItems", &json!({"TransactItems": [put(""), put("a")]}));
    assert!(latest.contains("empty string value"), "{latest}");
}

#[test]
fn duplicates_are_printed_in_order_and_in_quotes() {
    let put = |value: Value| things(json!({"Item": merged(key("a", 1), json!({"v": value}))}));
    let (latest, older) = both("PutItem", &put(json!({"SS": ["b", "a", "b"]})));
    assert_eq!(latest, format!("{ENVELOPE}{INVALID}Input collection [\"a\", \"b\", \"b\"] contains duplicates."));
    assert_eq!(older, format!("{INVALID}Input collection [b, a, b] contains duplicates."));
    let (latest, _) = both("PutItem", &put(json!({"BS": ["AA==", "/w==", "AA=="]})));
    let shown = "Input collection [\"AA==\",\"/w==\",\"AA==\"]of type BS contains duplicates.";
    assert_eq!(latest, format!("{ENVELOPE}{INVALID}{shown}"));
    // Up to the first repeat they are in order, and then as they were sent.
    let (latest, _) = both("PutItem", &put(json!({"BS": ["/w==", "AA==", "AA=="]})));
    assert_eq!(latest, format!("{ENVELOPE}{INVALID}{shown}"));
    let (latest, _) = both("PutItem", &put(json!({"SS": ["c", "a", "c", "b"]})));
    assert!(latest.ends_with("Input collection [\"a\", \"c\", \"c\", \"b\"] contains duplicates."), "{latest}");
    let query = json!({"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": {"S": "a"}},
        "ExclusiveStartKey": {"pk": {"SS": ["b", "a", "b"]}}});
    let (latest, _) = both("Query", &things(query));
    assert_eq!(latest, format!("{INVALID}Input collection [\"a\", \"b\", \"b\"] contains duplicates."));
    let (latest, older) = both("PutItem", &put(json!({"NS": ["1", "1.0"]})));
    let plain = "Input collection contains duplicates";
    assert_eq!((latest, older), (format!("{ENVELOPE}{INVALID}{plain}."), plain.to_owned()));
}

#[test]
fn faults_of_a_write_come_in_an_envelope() {
    let values = json!({"ExpressionAttributeValues": {":v": {"S": "x"}}});
    for (operation, main) in [("PutItem", json!({"Item": key("a", 1)})), ("DeleteItem", json!({"Key": key("a", 1)}))] {
        let unused = "ExpressionAttributeValues can only be specified when using expressions";
        let (latest, older) = both(operation, &things(merged(main.clone(), values.clone())));
        assert_eq!((latest, older), (format!("{ENVELOPE}{unused}"), format!("{unused}: ConditionExpression is null")));
        for (more, text) in [
            (
                json!({"ExpressionAttributeNames": {"#v": "x"}}),
                "ExpressionAttributeNames can only be specified when using expressions",
            ),
            (json!({"ReturnValues": "ALL_NEW"}), "ReturnValues can only be ALL_OLD or NONE"),
            (json!({"ConditionExpression": ""}), "Invalid ConditionExpression: The expression can not be empty;"),
        ] {
            let (latest, older) = both(operation, &things(merged(main.clone(), more)));
            assert_eq!((latest, older), (format!("{ENVELOPE}{text}"), text.to_owned()));
        }
    }
}

#[test]
fn scan_and_query_word_their_parameters_alike() {
    let (latest, older) = both("Scan", &things(json!({"Limit": 0})));
    let at_least = "failed to satisfy constraint: Member must have value greater than or equal to 1";
    assert_eq!(latest, format!("{ENVELOPE}Value at 'Limit' {at_least}"));
    assert_eq!(older, format!("{ENVELOPE}Value '0' at 'limit' {at_least}"));
    let (latest, older) = both("Scan", &things(json!({"Segment": 2, "TotalSegments": 2})));
    assert!(older.starts_with(&latest) && older.len() > latest.len(), "{latest}; {older}");
    let count = json!({"Select": "COUNT", "ProjectionExpression": "x"});
    let (latest, older) = both("Scan", &things(count));
    assert!(latest.ends_with("when choosing to get only the Count"), "{latest}");
    assert!(older.ends_with("when choosing to get COUNT"), "{older}");
    let (latest, older) = both("Scan", &things(json!({"Select": "ALL_PROJECTED_ATTRIBUTES"})));
    assert!(latest.ends_with("only when Querying using an IndexName"), "{latest}");
    assert!(older.ends_with("only when Scanning using an IndexName"), "{older}");
    let condition = json!({"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "x"}]});
    let filter = json!({"x": condition, "w": condition});
    let unknown = things(json!({"ConditionalOperator": "XOR", "QueryFilter": filter, "Select": "x",
        "KeyConditions": {"pk": condition}}));
    let (latest, older) = both("Query", &unknown);
    assert_eq!(latest, "Failed to satisfy constraint: Member must satisfy enum value set: [ALL, OR]");
    assert!(older.starts_with("2 validation errors detected: "), "{older}");
}

#[test]
fn an_update_without_a_key_is_told_everything() {
    let (latest, older) = both(
        "UpdateItem",
        &json!({
        "TableName": "", "ReturnConsumedCapacity": "x", "ReturnItemCollectionMetrics": "x"}),
    );
    assert!(latest.starts_with("4 validation errors detected: "), "{latest}");
    let places: Vec<usize> = ["'returnConsumedCapacity'", "'tableName'", "'returnItemCollectionMetrics'", "'key'"]
        .iter()
        .map(|path| latest.find(path).unwrap())
        .collect();
    assert!(places.is_sorted(), "{latest}");
    assert!(older.starts_with(ENVELOPE), "{older}");
    let (latest, _) = both(
        "UpdateItem",
        &json!({"TableName": "", "UpdateExpression": "SET a = :a", "ExpressionAttributeValues": {":a": {"S": "x"}},
            "ReturnConsumedCapacity": "INVALID", "ReturnValues": "INVALID"}),
    );
    let constraint = "failed to satisfy constraint: Member must";
    assert_eq!(
        latest,
        format!(
            "4 validation errors detected: \
             Value 'INVALID' at 'returnConsumedCapacity' {constraint} satisfy enum value set: [INDEXES, TOTAL, NONE]; \
             Value '' at 'tableName' {constraint} have length greater than or equal to 1; \
             Value 'INVALID' at 'returnValues' {constraint} satisfy enum value set: \
             [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]; Value null at 'key' {constraint} not be null"
        )
    );
    let exists = json!({"Value": {"S": "x"}});
    let expected = json!({"ConditionalOperator": "XOR", "Expected": {"x": exists, "w": exists}});
    let (latest, older) = both("UpdateItem", &things(expected));
    let position = |text: &str, path: &str| text.find(path).unwrap();
    assert!(position(&latest, "'conditionalOperator'") < position(&latest, "'key'"), "{latest}");
    assert!(position(&older, "'conditionalOperator'") > position(&older, "'key'"), "{older}");
}

/// The service: rejections have the wording of today.
/// Here: the newest, or that of May 2026 by `--wording 2026-05`.
#[test]
fn outcomes_differ_in_a_few_cases() {
    let get = json!({"TransactItems": [{"Get": {
        "TableName": "things", "Key": key("a", 1), "ProjectionExpression": "nothing"}}]});
    assert_eq!(filled().ok("TransactGetItems", get.clone())["Responses"], json!([{}]));
    assert_eq!(filled().older().ok("TransactGetItems", get)["Responses"], json!([{"Item": {}}]));

    let wire = filled();
    let other = json!({
        "TableName": "other", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]});
    wire.ok("CreateTable", other);
    let mixed = json!({"RequestItems": {
        "things": {"Keys": [key("a", 1)], "ProjectionExpression": "x"},
        "other": {"Keys": [{"pk": {"S": "a"}}], "AttributesToGet": ["x"]}}});
    assert!(wire.invalid("BatchGetItem", mixed.clone()).starts_with("Can not use both expression and non-expression"));
    wire.older().ok("BatchGetItem", mixed);

    let condition = |levels: usize| {
        things(json!({"Key": key("a", 1), "UpdateExpression": "SET y = :y",
        "ConditionExpression": "x = :v", "ExpressionAttributeValues": {":v": nested(levels), ":y": {"S": "x"}}}))
    };
    assert!(filled().invalid("UpdateItem", condition(32)).contains("Nesting Levels have exceeded supported limits"));
    assert_eq!(filled().older().error("UpdateItem", condition(32)).0, "ConditionalCheckFailedException");
    assert_eq!(filled().error("UpdateItem", condition(31)).0, "ConditionalCheckFailedException");

    // 409,600 bytes with the key; the statement counts 19 and 3 more than what it writes.
    let long = "v".repeat(409_600 - "pkask".len() - 3 - "v".len());
    let set = things(
        json!({"Key": key("a", 9), "UpdateExpression": "SET v = :v", "ExpressionAttributeValues": {":v": {"S": long}}}),
    );
    assert_eq!(
        filled().invalid("UpdateItem", set.clone()),
        "Item size to update has exceeded the maximum allowed size"
    );
    filled().older().ok("UpdateItem", set);
}

#[test]
fn a_transaction_is_checked_action_by_action() {
    let deep = |levels: usize| merged(json!({"sk": {"N": "1"}}), json!({"pk": nested(levels)}));
    let put = |item: Value, more: Value| json!({"Put": merged(json!({"TableName": "things", "Item": item}), more)});
    let delete =
        |item: Value, more: Value| json!({"Delete": merged(json!({"TableName": "things", "Key": item}), more)});
    let malformed = json!({"ConditionExpression": "a ="});
    let empty_name = merged(key("b", 1), json!({"": {"S": "x"}}));
    let (nesting, syntax, name) = ("Nesting Levels", "Syntax error", "Empty attribute name");
    for (actions, latest, older) in [
        (json!([put(key("a", 1), malformed.clone()), delete(deep(100), json!({}))]), syntax, nesting),
        (json!([delete(deep(100), malformed)]), syntax, nesting),
        (json!([delete(deep(40), json!({})), put(empty_name.clone(), json!({}))]), nesting, nesting),
        (
            json!([put(merged(json!({"": {"S": "x"}}), merged(key("a", 1), json!({"A": nested(100)}))), json!({}))]),
            name,
            name,
        ),
    ] {
        let wire = filled();
        let request = json!({"TransactItems": actions});
        let text = wire.invalid("TransactWriteItems", request.clone());
        assert!(text.contains(latest), "{request:.200}: {text}");
        let text = filled().older().invalid("TransactWriteItems", request);
        assert!(text.contains(older), "{text}");
    }
    let value = json!({"ConditionExpression": "x = :v", "ExpressionAttributeValues": {":v": nested(40)}});
    let check = json!({"ConditionCheck": merged(json!({"TableName": "things", "Key": key("a", 1)}), value)});
    let request = json!({"TransactItems": [check, put(empty_name, json!({}))]});
    assert!(filled().invalid("TransactWriteItems", request.clone()).contains(nesting));
    assert!(filled().older().invalid("TransactWriteItems", request).contains(name));
}

#[test]
fn what_cannot_be_stored_as_it_was_sent_is_refused() {
    let wire = filled();
    let (status, body) = wire.raw("PutItem", br#"{"TableName":"things","Item":{"pk":{"S":"\ud800"},"sk":{"N":"1"}}}"#);
    assert_eq!((status, &body["__type"]), (400, &json!("com.amazon.coral.service#SerializationException")));
    for half in ["\\udc00", "\\ud800\\ud800", "x\\ud83dy"] {
        let request = format!(r#"{{"TableName":"things","Key":{{"pk":{{"S":"{half}"}},"sk":{{"N":"1"}}}}}}"#);
        assert_eq!(wire.raw("GetItem", request.as_bytes()).0, 400, "{half}");
    }
    let whole = br#"{"TableName":"things","Item":{"pk":{"S":"\ud83d\ude00"},"sk":{"N":"1"}}}"#;
    assert_eq!(wire.raw("PutItem", whole).0, 200);
    assert_eq!(wire.get("\u{1f600}", 1)["pk"]["S"], "\u{1f600}");
    for value in [
        json!({"L": [{"S": "a"}, null]}),
        json!({"M": {"m": null}}),
        json!({"SS": ["a", null]}),
        json!({"NS": ["1", null]}),
        json!({"BS": ["AA==", null]}),
        json!({"L": [{"M": {"m": {"SS": [null, "a"]}}}]}),
        Value::Null,
    ] {
        let item = merged(key("a", 7), json!({"v": value}));
        wire.invalid("PutItem", things(json!({"Item": item})));
        assert_eq!(wire.get("a", 7), Value::Null, "{item}");
    }
    let null = json!({"ConditionExpression": "x = :v", "ExpressionAttributeValues": {":v": null}});
    wire.invalid("DeleteItem", things(merged(json!({"Key": key("a", 1)}), null)));
}

#[test]
fn a_filter_of_a_query_reads_what_its_index_carries() {
    let wire = filled();
    wire.put(merged(key("a", 2), json!({"rank": {"N": "7"}, "x": {"S": "y"}})));
    let query = |filter: &str, value: Value| {
        things(json!({
        "IndexName": "by_rank", "KeyConditionExpression": "pk = :a", "FilterExpression": filter,
        "ExpressionAttributeValues": {":a": {"S": "a"}, ":v": value}}))
    };
    let text = wire.invalid("Query", query("x = :v", json!({"S": "y"})));
    assert_eq!(text, format!("{INVALID}Secondary index by_rank does not project one or more filter attributes: [x]"));
    assert_eq!(wire.ok("Query", query("sk = :v", json!({"N": "2"})))["Count"], 1);
    let scan =
        json!({"IndexName": "by_rank", "FilterExpression": "x = :v", "ExpressionAttributeValues": {":v": {"S": "y"}}});
    wire.ok("Scan", things(scan));
}

#[test]
fn of_two_indexes_with_one_key_the_first_by_name_is_named() {
    let wire = filled();
    // `rank` keys by_rank, a local index, and by_kind.
    let item = merged(key("a", 1), json!({"rank": {"S": "x"}, "kind": {"S": "k"}}));
    let text = wire.invalid("PutItem", things(json!({"Item": item})));
    assert!(text.ends_with("IndexName: by_kind"), "{text}");
    let update = json!({"Update": {
        "TableName": "things", "Key": key("a", 1), "UpdateExpression": "SET kind = :v",
        "ExpressionAttributeValues": {":v": {"S": ""}}}});
    let text = wire.invalid("TransactWriteItems", json!({"TransactItems": [update]}));
    assert!(text.contains("cannot contain an empty string value"), "{text}");
}

#[test]
fn the_key_of_an_index_that_is_too_long_is_named() {
    let wire = filled();
    let long = json!({"S": "k".repeat(2_049)});
    let put = json!({"Item": merged(key("a", 2), json!({"kind": long}))});
    let text = format!(
        "{INVALID}Size limit exceeded for Index Key kind Actual Size: 2049 bytes Max Size: 2048 bytes IndexName: by_kind"
    );
    assert_eq!(wire.invalid("PutItem", things(put.clone())), text);
    let batch = json!({"RequestItems": {"things": [{"PutRequest": put}]}});
    assert_eq!(wire.invalid("BatchWriteItem", batch), text);
    let insert = json!({"Statement": "INSERT INTO things VALUE {'pk': 'a', 'sk': 2, 'kind': ?}", "Parameters": [long]});
    assert_eq!(wire.invalid("ExecuteStatement", insert), text);
    let update =
        json!({"Key": key("a", 1), "UpdateExpression": "SET kind = :k", "ExpressionAttributeValues": {":k": long}});
    let updated = "The update expression attempted to update the secondary index key beyond allowed size limits";
    assert_eq!(wire.invalid("UpdateItem", things(update)), updated);
    let update = json!({"Statement": "UPDATE things SET kind = ? WHERE pk = 'a' AND sk = 1", "Parameters": [long]});
    assert_eq!(wire.invalid("ExecuteStatement", update), updated);
    assert_eq!((wire.get("a", 1)["kind"].clone(), wire.get("a", 2)), (Value::Null, Value::Null));
}

#[test]
fn older_key_conditions_are_as_many_as_the_key_has_attributes() {
    let wire = Wire::new();
    let defined: Vec<Value> =
        ["pk", "g", "a", "b"].iter().map(|name| json!({"AttributeName": name, "AttributeType": "S"})).collect();
    let keys = json!([{"AttributeName": "g", "KeyType": "HASH"}, {"AttributeName": "a", "KeyType": "RANGE"},
        {"AttributeName": "b", "KeyType": "RANGE"}]);
    wire.ok(
        "CreateTable",
        json!({
        "TableName": "many", "BillingMode": "PAY_PER_REQUEST", "AttributeDefinitions": defined,
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [{"IndexName": "by_g", "KeySchema": keys, "Projection": {"ProjectionType": "ALL"}}]}),
    );
    let item = json!({"pk": {"S": "1"}, "g": {"S": "g"}, "a": {"S": "a"}, "b": {"S": "b"}});
    wire.ok("PutItem", json!({"TableName": "many", "Item": item}));
    let is = |value: &str| json!({"ComparisonOperator": "EQ", "AttributeValueList": [{"S": value}]});
    let conditions = json!({"g": is("g"), "a": is("a"), "b": is("b")});
    let query = json!({"TableName": "many", "IndexName": "by_g", "KeyConditions": conditions});
    assert_eq!(wire.ok("Query", query)["Items"], json!([item]));
    let text = wire.invalid("Query", json!({"TableName": "many", "KeyConditions": conditions}));
    assert_eq!(text, "Conditions can be of length 1 or 2 only");
}

#[test]
fn an_empty_expression_is_noticed_first() {
    let wire = filled();
    let request = things(json!({"KeyConditionExpression": "pk = sth", "FilterExpression": ""}));
    assert_eq!(wire.invalid("Query", request), "Invalid FilterExpression: The expression can not be empty;");
}

#[test]
fn a_batch_of_reads_repeats_its_tables_as_json() {
    let request = json!({"RequestItems": {"bad!name": {"Keys": [key("a", 1)], "ConsistentRead": true}}});
    let (latest, older) = both("BatchGetItem", &request);
    let echo =
        r#"Value '{"bad!name":{"Keys":[{"pk":{"S":"a"},"sk":{"N":"1"}}],"ConsistentRead":true}}' at 'requestItems' "#;
    assert!(latest.starts_with(&format!("{ENVELOPE}{echo}failed to satisfy constraint: Map keys must")), "{latest}");
    assert!(older.starts_with(&format!("{ENVELOPE}Value '{{bad!name=...}}' at 'requestItems' ")), "{older}");
}
