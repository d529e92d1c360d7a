//! Attribute values: what is read, what comes back, what is refused and in which words.

use crate::support::{Wire, key, merged};
use serde_json::{Value, json};

const INVALID: &str = "One or more parameter values were invalid: ";

fn round_trip(value: Value) -> Value {
    let wire = Wire::with_table();
    wire.put(merged(key("a", 1), json!({"v": value})));
    wire.get("a", 1)["v"].clone()
}

fn refusal(wire: &Wire, value: Value) -> String {
    let item = merged(key("a", 1), json!({"v": value}));
    wire.invalid("PutItem", json!({"TableName": "things", "Item": item}))
}

#[test]
fn all_types_come_back() {
    for value in [
        json!({"S": "text with \"quotes\", \u{1}, \t, é and 💎"}),
        json!({"S": ""}),
        json!({"N": "-12.5"}),
        json!({"B": "AAEC/w=="}),
        json!({"B": ""}),
        json!({"BOOL": false}),
        json!({"NULL": true}),
        json!({"SS": ["a", "b"]}),
        json!({"NS": ["-1", "2", "10"]}),
        json!({"BS": ["", "AA==", "AAA="]}),
        json!({"L": [{"N": "1"}, {"L": []}, {"M": {}}]}),
        json!({"M": {"x": {"M": {"y": {"BOOL": true}}}}}),
    ] {
        assert_eq!(round_trip(value.clone()), value);
    }
}

#[test]
fn numbers_come_back_in_canonical_form() {
    for (given, kept) in [("0042.1200", "42.12"), ("1e3", "1000"), ("-0", "0"), (".5", "0.5"), ("5.", "5"), ("+5", "5")]
    {
        assert_eq!(round_trip(json!({"N": given})), json!({"N": kept}), "{given}");
    }
    assert_eq!(round_trip(json!({"NS": ["3", "1e0"]})), json!({"NS": ["1", "3"]}));
}

#[test]
fn truth_values_may_be_spelt() {
    assert_eq!(round_trip(json!({"BOOL": "Yes"})), json!({"BOOL": true}));
    assert_eq!(round_trip(json!({"BOOL": "0"})), json!({"BOOL": false}));
    assert_eq!(round_trip(json!({"NULL": "true"})), json!({"NULL": true}));
}

#[test]
fn rules_of_values_have_dynamodbs_words() {
    let wire = Wire::with_table().older();
    let cases = [
        (json!({}), "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes".to_owned()),
        (json!({"S": null}), "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes".into()),
        (
            json!({"S": "a", "N": "1"}),
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
                .into(),
        ),
        (json!({"SS": []}), format!("{INVALID}An string set  may not be empty")),
        (json!({"NS": []}), format!("{INVALID}An number set  may not be empty")),
        (json!({"BS": []}), format!("{INVALID}Binary sets should not be empty")),
        (json!({"SS": ["b", "a", "b"]}), format!("{INVALID}Input collection [b, a, b] contains duplicates.")),
        (json!({"NS": ["1", "1.0"]}), "Input collection contains duplicates".into()),
        (
            json!({"BS": ["AA==", "AA=="]}),
            format!("{INVALID}Input collection [AA==, AA==]of type BS contains duplicates."),
        ),
        (json!({"NULL": false}), format!("{INVALID}Null attribute value types must have the value of true")),
        (json!({"N": ""}), "The parameter cannot be converted to a numeric value".into()),
        (json!({"N": "1_0"}), "The parameter cannot be converted to a numeric value: 1_0".into()),
        (json!({"N": "1".repeat(39)}), "Attempting to store more than 38 significant digits in a Number".into()),
        (
            json!({"N": "1e126"}),
            "Number overflow. Attempting to store a number with magnitude larger than supported range".into(),
        ),
        (
            json!({"N": "1e-131"}),
            "Number underflow. Attempting to store a number with magnitude smaller than supported range".into(),
        ),
        (json!({"M": {"": {"S": "x"}}}), "Empty attribute name".into()),
        (json!({"L": [{"SS": []}]}), format!("{INVALID}An string set  may not be empty")),
        // Several faults in one value have an order of their own.
        (json!({"NULL": false, "N": "x", "SS": []}), format!("{INVALID}An string set  may not be empty")),
    ];
    for (value, text) in cases {
        assert_eq!(refusal(&wire, value.clone()), text, "{value}");
    }
}

#[test]
fn the_newer_words_are_one_switch_away() {
    let wire = Wire::new();
    wire.create_things();
    let wrapped = "1 validation error detected: One or more parameter values were invalid: ";
    assert_eq!(
        refusal(&wire, json!({"SS": ["a", "b", "b"]})),
        format!("{wrapped}Input collection [\"a\", \"b\", \"b\"] contains duplicates.")
    );
    assert_eq!(refusal(&wire, json!({"NS": ["1", "1"]})), format!("{wrapped}Input collection contains duplicates."));
    assert_eq!(
        wire.invalid("GetItem", json!({"TableName": "", "Key": {}})),
        "1 validation error detected: Value at 'TableName' failed to satisfy constraint: Member must have length greater \
         than or equal to 1"
    );
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(
        json!({"S": "x"}),
        |inner, level| {
            if level % 2 == 0 { json!({"L": [inner]}) } else { json!({"M": {"m": inner}}) }
        },
    )
}

#[test]
fn nesting_ends_at_32_levels() {
    assert_eq!(round_trip(nested(31)), nested(31));
    let wire = Wire::with_table().older();
    let text = "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond \
                supported limit";
    for levels in [32, 33, 120] {
        assert_eq!(refusal(&wire, nested(levels)), text, "{levels}");
    }
    let condition = |levels| {
        json!({
            "TableName": "things", "Key": key("a", 1), "ConditionExpression": "v <> :v",
            "ExpressionAttributeValues": {":v": nested(levels)},
        })
    };
    wire.ok("DeleteItem", condition(32));
    assert_eq!(
        wire.invalid("DeleteItem", condition(33)),
        format!("ExpressionAttributeValues contains invalid value: {text} for key :v")
    );
}

#[test]
fn values_of_placeholders_are_named() {
    let wire = Wire::with_table().older();
    let request = json!({
        "TableName": "things", "Key": key("a", 1), "ConditionExpression": "v = :v",
        "ExpressionAttributeValues": {":v": {"NS": []}},
    });
    assert_eq!(
        wire.invalid("DeleteItem", request),
        format!(
            "ExpressionAttributeValues contains invalid value: {INVALID}An number set  may not be empty for key :v"
        )
    );
}

#[test]
fn items_end_at_400_kilobytes() {
    let wire = Wire::with_table();
    // pk 2+1, sk 2+2, v 1
    let room = 409_600 - 8;
    wire.put(merged(key("a", 1), json!({"v": {"S": "x".repeat(room)}})));
    assert_eq!(refusal(&wire, json!({"S": "x".repeat(room + 1)})), "Item size has exceeded the maximum allowed size");
}

#[test]
fn the_older_layer_reads_requests_with_values_of_its_forms() {
    let wire = Wire::with_table();
    let several =
        "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes";
    let (twice, set) = (json!({"S": "a", "N": "1"}), json!({"SS": []}));
    let put = |value: &Value| json!({"TableName": "things", "Item": merged(key("a", 1), json!({"v": value}))});
    assert_eq!(wire.invalid("PutItem", put(&twice)), several);
    let in_key = json!({"TableName": "things", "Key": {"pk": twice, "sk": {"N": "1"}}});
    assert_eq!(wire.invalid("UpdateItem", in_key.clone()), several);
    assert_eq!(wire.invalid("DeleteItem", in_key), several);
    // So is all else that is wrong with such a request.
    let empty = "One or more parameter values were invalid: An string set  may not be empty";
    assert_eq!(wire.invalid("PutItem", put(&set)), format!("1 validation error detected: {empty}"));
    assert_eq!(wire.invalid("PutItem", put(&json!({"L": [{"BOOL": "true"}, set]}))), empty);
    let condition = json!({"TableName": "things", "Item": key("a", 1), "ConditionExpression": "a,",
                           "ExpressionAttributeValues": {":v": {"NULL": "true"}}});
    let text = wire.invalid("PutItem", condition);
    assert!(text.starts_with("Invalid ConditionExpression: "), "{text}");
}

#[test]
fn an_item_and_its_entries_in_local_indexes_have_the_bytes_of_one_item() {
    let wire = Wire::new();
    let of_local = |name: &str, projection: &str| {
        json!({
            "TableName": name, "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "N"},
                {"AttributeName": "rank", "AttributeType": "N"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            "LocalSecondaryIndexes": [{
                "IndexName": "by_rank", "Projection": {"ProjectionType": projection},
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "rank", "KeyType": "RANGE"}]}],
        })
    };
    wire.ok("CreateTable", of_local("whole", "ALL"));
    wire.ok("CreateTable", of_local("keys", "KEYS_ONLY"));
    let large = merged(key("a", 1), json!({"v": {"S": "x".repeat(250_000)}}));
    let ranked = merged(large.clone(), json!({"rank": {"N": "1"}}));
    let put = |table: &str, item: &Value| json!({"TableName": table, "Item": item});
    wire.ok("PutItem", put("keys", &ranked));
    wire.ok("PutItem", put("whole", &large));
    assert_eq!(wire.invalid("PutItem", put("whole", &ranked)), "Item size has exceeded the maximum allowed size");
    let rank = json!({"TableName": "whole", "Key": key("a", 1), "UpdateExpression": "SET #r = :r",
                      "ExpressionAttributeNames": {"#r": "rank"}, "ExpressionAttributeValues": {":r": {"N": "1"}}});
    assert_eq!(wire.invalid("UpdateItem", rank), "Item size to update has exceeded the maximum allowed size");
}

#[test]
fn the_statement_of_an_update_is_measured_behind_its_table_and_key() {
    let wire = Wire::with_table();
    let update = |table: &str, set: &str| {
        json!({"TableName": table, "Key": key("a", 1), "UpdateExpression": format!("SET {set} = :v"),
               "ExpressionAttributeValues": {":v": {"S": "x".repeat(409_600)}}})
    };
    assert_eq!(wire.error("UpdateItem", update("missing", "v")).0, "ResourceNotFoundException");
    let text = wire.invalid("UpdateItem", update("things", "pk"));
    assert!(text.starts_with("One or more parameter values were invalid: Cannot update attribute pk"), "{text}");
    let text = wire.invalid("UpdateItem", update("things", "v"));
    assert_eq!(text, "Item size to update has exceeded the maximum allowed size");
}
