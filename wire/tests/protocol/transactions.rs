//! Batches and transactions.

use crate::support::{Wire, key, merged};
use serde_json::{Value, json};

fn write(actions: Value) -> Value {
    json!({"TransactItems": actions})
}

fn put(item: Value) -> Value {
    json!({"Put": {"TableName": "things", "Item": item}})
}

#[test]
fn a_cancelled_transaction_gives_a_reason_for_each_action() {
    let wire = Wire::with_table();
    wire.put(merged(key("a", 1), json!({"v": {"N": "1"}})));
    let check = json!({"ConditionCheck": {
        "TableName": "things", "Key": key("a", 1), "ConditionExpression": "v = :v",
        "ExpressionAttributeValues": {":v": {"N": "2"}}, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}});
    let request = write(json!([put(key("a", 2)), check]));
    let (status, body) = wire.raw("TransactWriteItems", request.to_string().as_bytes());
    assert_eq!(status, 400);
    let item = merged(key("a", 1), json!({"v": {"N": "1"}}));
    let expected = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons [None, \
                    ConditionalCheckFailed]",
        "CancellationReasons": [
            {"Code": "None"},
            {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed", "Item": item}],
    });
    assert_eq!(body, expected);
    assert_eq!(wire.get("a", 2), Value::Null);
}

#[test]
fn a_token_stands_for_one_request() {
    let wire = Wire::with_table();
    let request = |amount: &str| {
        json!({"ClientRequestToken": "t-1", "ReturnConsumedCapacity": "TOTAL", "TransactItems": [{"Update": {
            "TableName": "things", "Key": key("a", 1), "UpdateExpression": "ADD v :v",
            "ExpressionAttributeValues": {":v": {"N": amount}}}}]})
    };
    let first = wire.ok("TransactWriteItems", request("1"));
    assert_eq!(first["ConsumedCapacity"][0]["WriteCapacityUnits"], 2.0);
    let again = wire.ok("TransactWriteItems", request("1"));
    assert_eq!(again["ConsumedCapacity"][0]["ReadCapacityUnits"], 2.0);
    assert_eq!(wire.get("a", 1)["v"], json!({"N": "1"}));
    assert_eq!(wire.error("TransactWriteItems", request("2")).0, "IdempotentParameterMismatchException");
    wire.clock.advance(std::time::Duration::from_secs(11 * 60));
    wire.ok("TransactWriteItems", request("2"));
    assert_eq!(wire.get("a", 1)["v"], json!({"N": "3"}));
}

#[test]
fn the_shape_of_a_transaction_is_checked() {
    let wire = Wire::with_table();
    let text = |actions: Value| wire.invalid("TransactWriteItems", write(actions));
    assert_eq!(
        text(json!([])),
        "1 validation error detected: Value '[]' at 'transactItems' failed to satisfy constraint: Member must have \
         length greater than or equal to 1"
    );
    assert!(text(json!(vec![put(key("a", 1)); 101])).ends_with("Member must have length less than or equal to 100"));
    assert_eq!(
        text(json!([{}])),
        "Invalid Request: TransactWriteRequest should contain Delete or Put or Update request"
    );
    let both = merged(put(key("a", 1)), json!({"Delete": {"TableName": "things", "Key": key("a", 1)}}));
    assert_eq!(text(json!([both])), "TransactItems can only contain one of Check, Put, Update or Delete");
    assert_eq!(
        text(json!([put(key("a", 1)), {"Update": {"TableName": "things", "Key": key("a", 2)}}])),
        "1 validation error detected: Value null at 'transactItems.2.member.update.updateExpression' failed to satisfy \
         constraint: Member must not be null"
    );
    assert_eq!(
        text(json!([put(key("a", 1)), put(key("a", 1))])),
        "Transaction request cannot include multiple operations on one item"
    );
    let token = json!({"TransactItems": [put(key("a", 1))], "ClientRequestToken": "x".repeat(37)});
    assert!(wire.invalid("TransactWriteItems", token).contains("'clientRequestToken'"));
    assert_eq!(
        wire.invalid("TransactGetItems", json!({"TransactItems": [{}]})),
        "1 validation error detected: Value null at 'transactItems.1.member.get' failed to satisfy constraint: Member \
         must not be null"
    );
}

#[test]
fn keys_that_do_not_fit_cancel() {
    let wire = Wire::with_table();
    let get = json!({"TransactItems": [
        {"Get": {"TableName": "things", "Key": key("a", 1)}}, {"Get": {"TableName": "things", "Key": {}}}]});
    let (name, text) = wire.error("TransactGetItems", get);
    assert_eq!(name, "TransactionCanceledException");
    assert!(text.ends_with("[None, ValidationError]"), "{text}");
    let (name, _) = wire.error("TransactWriteItems", write(json!([put(json!({"pk": {"N": "1"}, "sk": {"N": "1"}}))])));
    assert_eq!(name, "TransactionCanceledException");
}

#[test]
fn keys_that_are_too_long_cancel() {
    let wire = Wire::with_table();
    let long = "k".repeat(2_049);
    let size =
        "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes";
    let of_index = "One or more parameter values were invalid: Size limit exceeded for Index Key kind Actual Size: 2049 bytes \
                    Max Size: 2048 bytes IndexName: by_kind";
    let reasons = |operation: &str, second: Value| {
        let first = if operation == "TransactGetItems" {
            json!({"Get": {"TableName": "things", "Key": key("a", 1)}})
        } else {
            put(key("a", 1))
        };
        let (status, body) = wire.raw(operation, write(json!([first, second])).to_string().as_bytes());
        assert_eq!(status, 400, "{body}");
        body["CancellationReasons"].clone()
    };
    let expected = |text: &str| json!([{"Code": "None"}, {"Code": "ValidationError", "Message": text}]);
    let at = json!({"TableName": "things", "Key": key(&long, 1)});
    assert_eq!(reasons("TransactWriteItems", put(key(&long, 1))), expected(size));
    assert_eq!(reasons("TransactWriteItems", json!({"Delete": at})), expected(size));
    assert_eq!(reasons("TransactGetItems", json!({"Get": at})), expected(size));
    let indexed = merged(key("a", 2), json!({"kind": {"S": long}}));
    assert_eq!(reasons("TransactWriteItems", put(indexed)), expected(of_index));
    let update = json!({"Update": {"TableName": "things", "Key": key("a", 2), "UpdateExpression": "SET kind = :k",
        "ExpressionAttributeValues": {":k": {"S": long}}}});
    let updated = "The update expression attempted to update the secondary index key beyond allowed size limits";
    assert_eq!(reasons("TransactWriteItems", update), expected(updated));
    assert_eq!(wire.get("a", 1), Value::Null);
}

#[test]
fn a_value_that_is_too_deep_to_be_stored_may_be_compared() {
    let deep = |levels: usize| (0..levels).fold(json!({"S": "x"}), |inner, _| json!({"M": {"m": inner}}));
    let check = |levels: usize| {
        json!({"ConditionCheck": {"TableName": "things", "Key": key("a", 1), "ConditionExpression": "d = :deep",
            "ExpressionAttributeValues": {":deep": deep(levels)}}})
    };
    let update = json!({"Update": {"TableName": "things", "Key": key("a", 1), "UpdateExpression": "SET d = :deep",
        "ExpressionAttributeValues": {":deep": deep(32)}}});
    let nesting = "Nesting Levels have exceeded supported limits";
    for wire in [Wire::with_table(), Wire::with_table().older()] {
        wire.put(key("a", 1));
        let reasons = |action: &Value| {
            wire.raw("TransactWriteItems", write(json!([action])).to_string().as_bytes()).1["CancellationReasons"]
                .clone()
        };
        assert_eq!(reasons(&check(32))[0]["Code"], "ConditionalCheckFailed");
        assert_eq!(reasons(&update), json!([{"Code": "ValidationError", "Message": nesting}]));
        let text = wire.invalid("TransactWriteItems", write(json!([check(33)])));
        assert!(text.starts_with("ExpressionAttributeValues contains invalid value: Nesting Levels"), "{text}");
        assert!(text.ends_with("for key :deep"), "{text}");
    }
}

#[test]
fn transactional_reads_are_parallel_to_the_request() {
    let wire = Wire::with_table();
    wire.put(merged(key("a", 1), json!({"v": {"N": "1"}})));
    let get = |sk| json!({"Get": {"TableName": "things", "Key": key("a", sk), "ProjectionExpression": "v"}});
    let answer = wire.ok("TransactGetItems", json!({"TransactItems": [get(2), get(1)]}));
    assert_eq!(answer["Responses"], json!([{}, {"Item": {"v": {"N": "1"}}}]));
}

#[test]
fn batches_write_and_read() {
    let wire = Wire::with_table();
    let writes: Vec<Value> = (1..=25).map(|sk| json!({"PutRequest": {"Item": key("a", sk)}})).collect();
    let answer = wire.ok("BatchWriteItem", json!({"RequestItems": {"things": writes}}));
    assert_eq!(answer, json!({"UnprocessedItems": {}}));
    wire.ok("BatchWriteItem", json!({"RequestItems": {"things": [{"DeleteRequest": {"Key": key("a", 25)}}]}}));
    let keys: Vec<Value> = (1..=30).map(|sk| key("a", sk)).collect();
    let request = json!({"RequestItems": {"things": {"Keys": keys, "ProjectionExpression": "sk"}}});
    let answer = wire.ok("BatchGetItem", request);
    assert_eq!(answer["Responses"]["things"].as_array().unwrap().len(), 24);
    assert_eq!(answer["UnprocessedKeys"], json!({}));
}

#[test]
fn batches_are_checked_before_anything_is_done() {
    let wire = Wire::with_table();
    let text = |request: Value| wire.invalid("BatchWriteItem", json!({"RequestItems": request}));
    assert_eq!(text(json!({})), "The requestItems parameter is required for BatchWriteItem");
    let put = |sk| json!({"PutRequest": {"Item": key("a", sk)}});
    let many: Vec<Value> = (1..=26).map(put).collect();
    assert!(text(json!({"things": many})).starts_with("1 validation error detected: Value '{things=[WriteRequest("));
    let (some, other): (Vec<Value>, Vec<Value>) = ((1..=20).map(put).collect(), (21..=40).map(put).collect());
    assert_eq!(text(json!({"things": some, "others": other})), "Too many items requested for the BatchWriteItem call");
    assert_eq!(text(json!({"things": [put(1), put(1)]})), "Provided list of item keys contains duplicates");
    assert_eq!(
        text(json!({"things": [put(1), {"PutRequest": {"Item": {"pk": {"S": "a"}}}}]})),
        "The provided key element does not match the schema"
    );
    assert_eq!(wire.get("a", 1), Value::Null);
    let text = |request: Value| wire.invalid("BatchGetItem", json!({"RequestItems": request}));
    let keys: Vec<Value> = (1..=101).map(|sk| key("a", sk)).collect();
    assert_eq!(
        text(json!({"things": {"Keys": keys}})),
        "1 validation error detected: Value at 'RequestItems.things.member.Keys' failed to satisfy constraint: Member \
         must have length less than or equal to 100"
    );
    assert_eq!(
        text(json!({"things": {"Keys": [key("a", 1), key("a", 1)]}})),
        "Provided list of item keys contains duplicates"
    );
}

#[test]
fn a_replayed_token_is_charged_for_what_the_first_call_was_sized_on() {
    let wire = Wire::with_table();
    let units = |request: &Value| {
        let consumed = wire.ok("TransactWriteItems", request.clone())["ConsumedCapacity"][0].clone();
        (consumed["WriteCapacityUnits"].clone(), consumed["ReadCapacityUnits"].clone())
    };
    let with_token = |token: &str, action: Value| json!({"ClientRequestToken": token, "ReturnConsumedCapacity": "TOTAL", "TransactItems": [action]});
    let large = merged(key("a", 1), json!({"v": {"S": "x".repeat(9_200)}}));
    wire.put(large);
    let delete = with_token("t-1", json!({"Delete": {"TableName": "things", "Key": key("a", 1)}}));
    assert_eq!(units(&delete), (json!(18.0), Value::Null));
    assert_eq!(units(&delete), (Value::Null, json!(6.0)));
    // What became of the item meanwhile makes no difference.
    let small = with_token("t-2", put(key("a", 1)));
    assert_eq!(units(&small), (json!(2.0), Value::Null));
    wire.put(merged(key("a", 1), json!({"v": {"S": "x".repeat(9_200)}})));
    assert_eq!(units(&small), (Value::Null, json!(2.0)));
}

#[test]
fn the_items_of_a_transaction_have_four_megabytes_together() {
    let wire = Wire::with_table();
    // Names and keys have eight bytes.
    let item = |pk: &str, n: i64, bytes: usize| merged(key(pk, n), json!({"v": {"S": "x".repeat(bytes - 8)}}));
    let puts = |bytes: usize| {
        let puts = ["a", "b"].iter().flat_map(|pk| (10..60).map(|n| put(item(pk, n, bytes))));
        let puts: Vec<Value> = puts.collect();
        write(json!(puts))
    };
    wire.ok("TransactWriteItems", puts(41_943));
    let text = wire.invalid("TransactWriteItems", puts(41_944));
    assert!(text.starts_with("Collection size of items exceeded"), "{text}");
    // What updates make of items counts as what is put.
    for n in 10..21 {
        wire.put(item("a", n, 400_000));
    }
    let updates = |count: i64| {
        let updates: Vec<Value> = (10..10 + count)
            .map(|n| {
                json!({"Update": {"TableName": "things", "Key": key("a", n), "UpdateExpression": "SET w = :w",
                                  "ExpressionAttributeValues": {":w": {"BOOL": true}}}})
            })
            .collect();
        write(json!(updates))
    };
    wire.ok("TransactWriteItems", updates(10));
    let text = wire.invalid("TransactWriteItems", updates(11));
    assert!(text.starts_with("Collection size of items exceeded"), "{text}");
    assert_eq!(wire.get("a", 20)["w"], Value::Null, "nothing was written");
}
