//! Tables: creation, description, change, deletion, expiry, tags.

use crate::support::{Wire, key, merged};
use serde_json::{Value, json};

fn table(more: Value) -> Value {
    let base = json!({
        "TableName": "other", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    });
    merged(base, more)
}

#[test]
fn a_table_is_described() {
    let wire = Wire::with_table();
    let description = wire.ok("DescribeTable", json!({"TableName": "things"}))["Table"].clone();
    for (member, value) in [
        ("TableName", json!("things")),
        ("TableStatus", json!("ACTIVE")),
        ("CreationDateTime", json!(1_767_225_600.0)),
        (
            "BillingModeSummary",
            json!({"BillingMode": "PAY_PER_REQUEST", "LastUpdateToPayPerRequestDateTime": 1_767_225_600.0}),
        ),
        ("KeySchema", json!([{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}])),
        ("DeletionProtectionEnabled", json!(false)),
    ] {
        assert_eq!(description[member], value, "{member}");
    }
    assert_eq!(description["AttributeDefinitions"].as_array().unwrap().len(), 4);
    assert_eq!(description["TableId"].as_str().unwrap().len(), 36);
    let index = &description["GlobalSecondaryIndexes"][0];
    assert_eq!((&index["IndexName"], &index["IndexStatus"]), (&json!("by_kind"), &json!("ACTIVE")));
    assert_eq!(index["IndexArn"], "arn:aws:dynamodb:us-east-1:000000000000:table/things/index/by_kind");
}

#[test]
fn creation_answers_creating_and_deletion_deleting() {
    let wire = Wire::new();
    let created = wire.ok("CreateTable", table(json!({})));
    assert_eq!(created["TableDescription"]["TableStatus"], "CREATING");
    let (name, text) = wire.error("CreateTable", table(json!({})));
    assert_eq!((name.as_str(), text.as_str()), ("ResourceInUseException", "Table already exists: other"));
    let deleted = wire.ok("DeleteTable", json!({"TableName": "other"}));
    let gone = &deleted["TableDescription"];
    assert_eq!((&gone["TableStatus"], &gone["TableName"]), (&json!("DELETING"), &json!("other")));
    for member in ["AttributeDefinitions", "KeySchema", "CreationDateTime", "GlobalSecondaryIndexes"] {
        assert_eq!(gone[member], Value::Null, "{member}");
    }
    let (name, text) = wire.error("DescribeTable", json!({"TableName": "other"}));
    assert_eq!(name, "ResourceNotFoundException");
    assert_eq!(text, "Requested resource not found: Table: other not found");
}

#[test]
fn definitions_are_checked_in_dynamodbs_order_and_words() {
    let wire = Wire::new();
    let text = |more: Value| wire.invalid("CreateTable", table(more));
    let invalid = "One or more parameter values were invalid: ";
    let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
    let defined = |names: &[&str]| {
        let all: Vec<Value> = names.iter().map(|name| json!({"AttributeName": name, "AttributeType": "S"})).collect();
        json!(all)
    };
    assert_eq!(
        wire.invalid("CreateTable", json!({})),
        "The parameter 'TableName' is required but was not present in the request"
    );
    let bulk = text(json!({"BillingMode": "x", "KeySchema": null, "AttributeDefinitions": null, "TableClass": "y"}));
    assert!(bulk.starts_with("3 validation errors detected: Value 'x' at 'billingMode'"), "{bulk}");
    let throughput = json!({"ReadCapacityUnits": 1, "WriteCapacityUnits": 1});
    assert_eq!(
        text(json!({"ProvisionedThroughput": throughput})),
        format!(
            "{invalid}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
        )
    );
    assert_eq!(
        text(json!({"BillingMode": null})),
        format!(
            "{invalid}ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
        )
    );
    assert_eq!(
        text(json!({"KeySchema": [key("pk", "RANGE")]})),
        "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"
    );
    assert_eq!(
        text(json!({"AttributeDefinitions": defined(&["x"])})),
        format!(
            "{invalid}Some index key attributes are not defined in AttributeDefinitions. Keys: [pk], AttributeDefinitions: [x]"
        )
    );
    assert_eq!(
        text(json!({"AttributeDefinitions": defined(&["pk", "x"])})),
        format!(
            "{invalid}Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions"
        )
    );
    assert_eq!(
        text(json!({"GlobalSecondaryIndexes": []})),
        format!("{invalid}List of GlobalSecondaryIndexes is empty")
    );
    let index = |more: Value| {
        let base =
            json!({"IndexName": "idx", "KeySchema": [key("x", "HASH")], "Projection": {"ProjectionType": "ALL"}});
        json!({"AttributeDefinitions": defined(&["pk", "x"]), "GlobalSecondaryIndexes": [merged(base, more)]})
    };
    assert_eq!(text(index(json!({"Projection": {}}))), format!("{invalid}Unknown ProjectionType: null"));
    assert_eq!(
        text(index(json!({"Projection": {"ProjectionType": "ALL", "NonKeyAttributes": ["a"]}}))),
        format!("{invalid}ProjectionType is ALL, but NonKeyAttributes is specified")
    );
    let long = "a".repeat(256);
    assert!(
        text(index(json!({"Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": [long]}})))
            .contains("Member must have length less than or equal to 255")
    );
    assert_eq!(
        text(merged(index(json!({})), json!({"AttributeDefinitions": defined(&["pk", "x", "y"])}))),
        format!(
            "{invalid}Some AttributeDefinitions are not used. AttributeDefinitions: [pk, x, y], keys used: [pk, x]"
        )
    );
}

#[test]
fn index_keys_may_have_several_attributes() {
    let wire = Wire::new();
    let names = ["pk", "a", "b", "c", "d"];
    let definitions: Vec<Value> =
        names.iter().map(|name| json!({"AttributeName": name, "AttributeType": "S"})).collect();
    let keys = |kinds: &[(&str, &str)]| {
        let all: Vec<Value> =
            kinds.iter().map(|(name, kind)| json!({"AttributeName": name, "KeyType": kind})).collect();
        json!({"AttributeDefinitions": definitions, "GlobalSecondaryIndexes": [
            {"IndexName": "many", "KeySchema": all, "Projection": {"ProjectionType": "ALL"}}]})
    };
    let late = [("a", "HASH"), ("b", "RANGE"), ("c", "HASH"), ("d", "RANGE")];
    assert_eq!(
        wire.invalid("CreateTable", table(keys(&late))),
        "One or more parameter values were invalid: All HASH key attributes must precede RANGE key attributes in the \
         KeySchema"
    );
    wire.ok("CreateTable", table(keys(&[("a", "HASH"), ("b", "HASH"), ("c", "RANGE"), ("d", "RANGE")])));
    let item = json!({"pk": {"S": "1"}, "a": {"S": "A"}, "b": {"S": "B"}, "c": {"S": "C"}, "d": {"S": "D"}});
    wire.ok("PutItem", json!({"TableName": "other", "Item": item}));
    let query = |condition: &str| {
        json!({
            "TableName": "other", "IndexName": "many", "KeyConditionExpression": condition,
            "ExpressionAttributeValues": {":a": {"S": "A"}, ":b": {"S": "B"}, ":c": {"S": "C"}},
        })
    };
    assert_eq!(wire.ok("Query", query("c = :c AND a = :a AND b = :b"))["Items"], json!([item]));
    let text = wire.invalid(
        "Query",
        json!({
        "TableName": "other", "IndexName": "many", "KeyConditionExpression": "a = :a",
        "ExpressionAttributeValues": {":a": {"S": "A"}}}),
    );
    assert_eq!(text, "HASH key attributes b must have equality conditions specified in the query");
}

#[test]
fn no_attribute_is_defined_twice() {
    let twice = json!([{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "pk", "AttributeType": "N"}]);
    assert_eq!(
        Wire::new().invalid("CreateTable", table(json!({"AttributeDefinitions": twice}))),
        "One or more parameter values were invalid: Duplicate AttributeName in AttributeDefinitions: pk"
    );
}

#[test]
fn tables_are_listed_in_pages() {
    let wire = Wire::new();
    for name in ["c.c", "a_a", "b-b"] {
        wire.ok("CreateTable", table(json!({"TableName": name})));
    }
    let page = wire.ok("ListTables", json!({"Limit": 2}));
    assert_eq!(page, json!({"TableNames": ["a_a", "b-b"], "LastEvaluatedTableName": "b-b"}));
    let page = wire.ok("ListTables", json!({"Limit": 2, "ExclusiveStartTableName": "b-a"}));
    assert_eq!(page, json!({"TableNames": ["b-b", "c.c"]}));
    assert!(wire.invalid("ListTables", json!({"Limit": 101})).contains("less than or equal to 100"));
}

#[test]
fn tables_change() {
    let wire = Wire::new().older();
    wire.ok("CreateTable", table(json!({})));
    let change = |more: Value| merged(json!({"TableName": "other"}), more);
    assert_eq!(
        wire.invalid("UpdateTable", change(json!({}))),
        "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or \
         SSESpecification or ReplicaUpdates is required"
    );
    let units = json!({"ReadCapacityUnits": 5, "WriteCapacityUnits": 6});
    wire.ok("UpdateTable", change(json!({"BillingMode": "PROVISIONED", "ProvisionedThroughput": units})));
    let text = wire.invalid("UpdateTable", change(json!({"ProvisionedThroughput": units})));
    assert!(text.starts_with("The provisioned throughput for the table will not change."), "{text}");
    wire.ok("UpdateTable", change(json!({"DeletionProtectionEnabled": true})));
    assert_eq!(
        wire.invalid("DeleteTable", json!({"TableName": "other"})),
        "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first."
    );
    let described = wire.ok("DescribeTable", json!({"TableName": "other"}));
    assert_eq!(described["Table"]["ProvisionedThroughput"]["WriteCapacityUnits"], 6);
}

#[test]
fn global_indexes_come_and_go() {
    let wire = Wire::new().older();
    wire.ok("CreateTable", table(json!({})));
    wire.ok("PutItem", json!({"TableName": "other", "Item": {"pk": {"S": "a"}, "g": {"S": "x"}}}));
    let create = json!({
        "TableName": "other", "AttributeDefinitions": [{"AttributeName": "g", "AttributeType": "S"}],
        "GlobalSecondaryIndexUpdates": [{"Create": {
            "IndexName": "by_g", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"}}}],
    });
    let undefined = merged(create.clone(), json!({"AttributeDefinitions": null}));
    assert!(wire.invalid("UpdateTable", undefined).ends_with("Keys: [g], AttributeDefinitions: []"));
    let retyped = json!([
        {"AttributeName": "g", "AttributeType": "S"}, {"AttributeName": "pk", "AttributeType": "N"}]);
    assert_eq!(
        wire.invalid("UpdateTable", merged(create.clone(), json!({"AttributeDefinitions": retyped}))),
        "One or more parameter values were invalid: Attributes cannot be redefined. Please check that your attribute has \
         the same type as previously defined. Existing schema: Schema:[SchemaElement: key{pk:S:HASH}] New schema: \
         Schema:[SchemaElement: key{pk:N:HASH}]"
    );
    let mut both = create.clone();
    both["GlobalSecondaryIndexUpdates"][0]["Delete"] = json!({"IndexName": "by_g"});
    assert!(wire.invalid("UpdateTable", both).contains("Only one of GlobalSecondaryIndexUpdate.Update"));
    wire.ok("UpdateTable", create.clone());
    let query = json!({
        "TableName": "other", "IndexName": "by_g", "KeyConditionExpression": "g = :g",
        "ExpressionAttributeValues": {":g": {"S": "x"}},
    });
    let mut left = 10_000;
    while wire.raw("Query", query.to_string().as_bytes()).0 != 200 && left > 0 {
        left -= 1;
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert_eq!(wire.ok("Query", query)["Count"], 1);
    assert_eq!(wire.invalid("UpdateTable", create), "Attempting to create an index which already exists");
    let delete =
        |name: &str| json!({"TableName": "other", "GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": name}}]});
    wire.ok("UpdateTable", delete("by_g"));
    assert_eq!(wire.error("UpdateTable", delete("by_g")).0, "ResourceNotFoundException");
}

/// The service: time to live changes once in half an hour.
/// Here: at any time, unless `--timing service`.
#[test]
fn expiry_is_switched() {
    let wire = Wire::with_table();
    let set = |attribute: &str, enabled: bool| {
        let specification = json!({"AttributeName": attribute, "Enabled": enabled});
        json!({"TableName": "things", "TimeToLiveSpecification": specification})
    };
    let state = || wire.ok("DescribeTimeToLive", json!({"TableName": "things"}))["TimeToLiveDescription"].clone();
    assert_eq!(state(), json!({"TimeToLiveStatus": "DISABLED"}));
    assert_eq!(wire.invalid("UpdateTimeToLive", set("ttl", false)), "TimeToLive is already disabled");
    assert_eq!(wire.ok("UpdateTimeToLive", set("ttl", true))["TimeToLiveSpecification"]["Enabled"], true);
    // Looking at the items that are there already ends with the first sweep.
    wire.protocol.database().sweep_now().unwrap();
    assert_eq!(state(), json!({"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}));
    assert_eq!(wire.invalid("UpdateTimeToLive", set("ttl", true)), "TimeToLive is already enabled");
    assert!(wire.invalid("UpdateTimeToLive", set("", true)).contains("'timeToLiveSpecification.attributeName'"));
    wire.ok("UpdateTimeToLive", set("ttl", false));
    assert_eq!(state(), json!({"TimeToLiveStatus": "DISABLED"}));
}

#[test]
fn tags_belong_to_arns() {
    let wire = Wire::with_table();
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/things";
    let tags: Vec<Value> = (0..12).map(|n| json!({"Key": format!("k{n:02}"), "Value": ""})).collect();
    wire.ok("TagResource", json!({"ResourceArn": arn, "Tags": tags}));
    wire.ok("UntagResource", json!({"ResourceArn": arn, "TagKeys": ["k00", "none"]}));
    let first = wire.ok("ListTagsOfResource", json!({"ResourceArn": arn}));
    assert_eq!(first["Tags"].as_array().unwrap().len(), 10);
    let second = wire.ok("ListTagsOfResource", json!({"ResourceArn": arn, "NextToken": first["NextToken"]}));
    assert_eq!(second, json!({"Tags": [{"Key": "k11", "Value": ""}]}));
    assert_eq!(
        wire.invalid("TagResource", json!({"ResourceArn": arn, "Tags": []})),
        "Atleast one Tag needs to be provided as Input."
    );
    let reserved = json!({"ResourceArn": arn, "Tags": [{"Key": "aws:mine", "Value": ""}]});
    assert_eq!(wire.invalid("TagResource", reserved), "Tag Key cannot be prefixed with aws:, Key: aws:mine");
    for (key, value) in [("k$", ""), ("k", "v\n*")] {
        let refused = json!({"ResourceArn": arn, "Tags": [{"Key": key, "Value": value}]});
        assert!(wire.invalid("TagResource", refused).starts_with("One or more parameter values were invalid: Tag"));
    }
    let many: Vec<Value> = (0..40).map(|n| json!({"Key": format!("many {n}"), "Value": "é +-=._:/@"})).collect();
    let text = "Number of Tags exceed the current limit for the provided ResourceArn";
    assert_eq!(wire.invalid("TagResource", json!({"ResourceArn": arn, "Tags": many})), text);
    let foreign = "arn:aws:dynamodb:us-east-1:000000000000:table/nothing";
    let (name, text) = wire.error("TagResource", json!({"ResourceArn": foreign, "Tags": tags}));
    assert_eq!(name, "ResourceNotFoundException");
    assert_eq!(text, format!("Requested resource not found: ResourcArn: {foreign} not found"));
    assert_eq!(wire.error("ListTagsOfResource", json!({"ResourceArn": foreign})).0, "AccessDeniedException");
    assert_eq!(wire.get("a", 1), Value::Null);
    wire.put(key("a", 1));
}

#[test]
fn tags_that_change_at_the_same_time_do_not_undo_each_other() {
    let wire = Wire::with_table();
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/things";
    std::thread::scope(|scope| {
        for name in ["a", "b"] {
            let wire = &wire;
            scope.spawn(move || {
                for round in 0..100 {
                    let is_there = || {
                        let listed = wire.ok("ListTagsOfResource", json!({"ResourceArn": arn}));
                        listed["Tags"].as_array().unwrap().iter().any(|tag| tag["Key"] == name)
                    };
                    let tags = json!([{"Key": name, "Value": round.to_string()}]);
                    assert_eq!(wire.ok("TagResource", json!({"ResourceArn": arn, "Tags": tags})), Value::Null);
                    assert!(is_there(), "{name} {round}");
                    assert_eq!(wire.ok("UntagResource", json!({"ResourceArn": arn, "TagKeys": [name]})), Value::Null);
                    assert!(!is_there(), "{name} {round}");
                }
            });
        }
    });
}
