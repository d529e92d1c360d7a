//! Requests that have every member of the model between them.

use super::{ARN, POLICY, create, units};
use crate::support::{Wire, key, merged};
use serde_json::{Value, json};

/// A Kinesis data stream.
const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/changes";

/// Requests that have every member between them; some of them are refused, and say so otherwise without a member.
pub(super) fn requests(wire: &Wire) -> Vec<(&'static str, Value)> {
    let mut all = table_requests();
    all.extend(settings_requests());
    all.extend(write_requests());
    all.extend(read_requests());
    all.extend(stream_requests(wire));
    all.extend(statement_requests(wire));
    all
}

/// Projection, limits, warm throughput and encryption, as several requests have them.
fn parts() -> [Value; 4] {
    let key_id = "arn:aws:kms:us-east-1:000000000000:key/mine";
    [
        json!({"ProjectionType": "INCLUDE", "NonKeyAttributes": ["x", "w"]}),
        json!({"MaxReadRequestUnits": 5, "MaxWriteRequestUnits": 6}),
        json!({"ReadUnitsPerSecond": 13_000, "WriteUnitsPerSecond": 5_000}),
        json!({"Enabled": true, "SSEType": "KMS", "KMSMasterKeyId": key_id}),
    ]
}

fn keys(hash: &str, range: &str) -> Value {
    json!([{"AttributeName": hash, "KeyType": "HASH"}, {"AttributeName": range, "KeyType": "RANGE"}])
}

fn defined(names: &[&str]) -> Value {
    names.iter().map(|name| json!({"AttributeName": name, "AttributeType": "S"})).collect()
}

fn table_requests() -> Vec<(&'static str, Value)> {
    let [projection, on_demand, warm, sse] = parts();
    let index = json!({
        "IndexName": "by_g", "KeySchema": keys("g", "sk"), "Projection": projection,
        "OnDemandThroughput": on_demand, "WarmThroughput": warm});
    let create_all = json!({
        "TableName": "new", "BillingMode": "PAY_PER_REQUEST", "AttributeDefinitions": defined(&["pk", "sk", "g"]),
        "KeySchema": keys("pk", "sk"), "GlobalSecondaryIndexes": [index],
        "LocalSecondaryIndexes": [{"IndexName": "by_l", "KeySchema": keys("pk", "g"), "Projection": projection}],
        "OnDemandThroughput": on_demand, "WarmThroughput": warm, "ResourcePolicy": POLICY,
        "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"}, "SSESpecification": sse,
        "Tags": [{"Key": "k", "Value": "v"}], "TableClass": "STANDARD_INFREQUENT_ACCESS", "DeletionProtectionEnabled": true,
    });
    let mut all = vec![
        ("CreateTable", create_all),
        ("CreateTable", create("new")),
        ("CreateTable", merged(create("new"), json!({"SSESpecification": {"Enabled": true}}))),
        ("DeleteTable", json!({"TableName": "paid"})),
        ("DescribeTable", json!({"TableName": "paid"})),
        ("ListTables", json!({"ExclusiveStartTableName": "paid", "Limit": 1})),
        ("ListTables", json!({"Limit": 1})),
    ];
    all.extend(table_changes());
    all.extend(index_changes());
    all
}

fn table_changes() -> Vec<(&'static str, Value)> {
    let [_, on_demand, warm, sse] = parts();
    let provisioned = json!({"BillingMode": "PROVISIONED", "ProvisionedThroughput": units(7, 8), "GlobalSecondaryIndexUpdates": [
        {"Update": {"IndexName": "by_kind", "ProvisionedThroughput": units(7, 8)}}]});
    let of_things = [
        provisioned,
        json!({"StreamSpecification": {"StreamEnabled": false}}),
        json!({"SSESpecification": sse}),
        json!({"SSESpecification": {"Enabled": true}}),
        json!({"TableClass": "STANDARD_INFREQUENT_ACCESS"}),
        json!({"DeletionProtectionEnabled": true}),
        json!({"OnDemandThroughput": on_demand}),
        json!({"WarmThroughput": warm}),
    ];
    let change = |more: Value| ("UpdateTable", merged(json!({"TableName": "things"}), more));
    let mut all: Vec<_> = of_things.into_iter().map(change).collect();
    let stream = json!({"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"});
    all.push(("UpdateTable", json!({"TableName": "paid", "StreamSpecification": stream})));
    all
}

fn index_changes() -> Vec<(&'static str, Value)> {
    let [projection, on_demand, warm, _] = parts();
    let update = json!({"IndexName": "by_kind", "OnDemandThroughput": on_demand, "WarmThroughput": warm});
    let new = json!({
        "IndexName": "new", "KeySchema": keys("x", "w"), "Projection": projection, "OnDemandThroughput": on_demand,
        "WarmThroughput": warm});
    let provisioned = json!({
        "IndexName": "new", "KeySchema": [{"AttributeName": "x", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"}, "ProvisionedThroughput": units(3, 4)});
    let change = |table: &str, kind: &str, index: Value, names: &[&str]| {
        let mut request = json!({"TableName": table, "GlobalSecondaryIndexUpdates": [{kind: index}]});
        if !names.is_empty() {
            request["AttributeDefinitions"] = defined(names);
        }
        ("UpdateTable", request)
    };
    vec![
        change("things", "Update", update, &[]),
        change("paid", "Delete", json!({"IndexName": "by_g"}), &[]),
        change("things", "Create", new, &["x", "w"]),
        change("paid", "Create", provisioned, &["x"]),
    ]
}

fn settings_requests() -> Vec<(&'static str, Value)> {
    let specification = json!({"Enabled": true, "AttributeName": "ends"});
    let precision = json!({"ApproximateCreationDateTimePrecision": "MICROSECOND"});
    let recovery = json!({"PointInTimeRecoveryEnabled": true, "RecoveryPeriodInDays": 7});
    let of_things = |more: Value| merged(json!({"TableName": "things"}), more);
    let many: Vec<Value> = (0..12).map(|n| json!({"Key": format!("k{n}"), "Value": "v"})).collect();
    let insights = json!({
        "IndexName": "by_kind", "ContributorInsightsAction": "ENABLE", "ContributorInsightsMode": "THROTTLED_KEYS"});
    vec![
        ("UpdateTimeToLive", of_things(json!({"TimeToLiveSpecification": specification}))),
        ("DescribeTimeToLive", of_things(json!({}))),
        ("TagResource", json!({"ResourceArn": ARN, "Tags": many})),
        ("UntagResource", json!({"ResourceArn": ARN, "TagKeys": ["k"]})),
        ("ListTagsOfResource", json!({"ResourceArn": ARN, "NextToken": "77"})),
        ("PutResourcePolicy", json!({"ResourceArn": ARN, "Policy": POLICY, "ExpectedRevisionId": "7"})),
        ("PutResourcePolicy", json!({"ResourceArn": ARN, "Policy": POLICY})),
        ("GetResourcePolicy", json!({"ResourceArn": ARN})),
        ("DeleteResourcePolicy", json!({"ResourceArn": ARN, "ExpectedRevisionId": "7"})),
        ("UpdateContributorInsights", of_things(insights)),
        ("DescribeContributorInsights", of_things(json!({"IndexName": "by_kind"}))),
        ("ListContributorInsights", of_things(json!({"MaxResults": 101}))),
        ("ListContributorInsights", json!({"TableName": "nothing"})),
        ("ListContributorInsights", of_things(json!({"NextToken": "77"}))),
        (
            "EnableKinesisStreamingDestination",
            of_things(json!({
            "StreamArn": STREAM, "EnableKinesisStreamingConfiguration": precision})),
        ),
        // What is wrong with it is told, though disabling needs none of it.
        (
            "DisableKinesisStreamingDestination",
            of_things(json!({
            "StreamArn": STREAM, "EnableKinesisStreamingConfiguration": {"ApproximateCreationDateTimePrecision": "x"}})),
        ),
        (
            "UpdateKinesisStreamingDestination",
            of_things(json!({
            "StreamArn": STREAM, "UpdateKinesisStreamingConfiguration": precision})),
        ),
        ("DescribeKinesisStreamingDestination", of_things(json!({}))),
        ("UpdateContinuousBackups", of_things(json!({"PointInTimeRecoverySpecification": recovery}))),
        ("DescribeContinuousBackups", of_things(json!({}))),
    ]
}

/// What all writes of one item have.
fn condition(more: Value) -> Value {
    let base = json!({
        "TableName": "things", "ConditionExpression": "#x = :y", "ExpressionAttributeNames": {"#x": "x"},
        "ExpressionAttributeValues": {":y": {"S": "y"}}, "ReturnConsumedCapacity": "INDEXES",
        "ReturnItemCollectionMetrics": "SIZE", "ReturnValues": "ALL_OLD"});
    merged(base, more)
}

fn write_requests() -> Vec<(&'static str, Value)> {
    let item = merged(key("a", 1), json!({"new": {"S": "n"}}));
    let expected = json!({"x": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "y"}]},
        "w": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "no"}]}});
    let older = json!({"Expected": expected, "ConditionalOperator": "OR"});
    let exists = json!({"Expected": {"x": {"Exists": true, "Value": {"S": "y"}}}});
    let absent = json!({"Expected": {"nothing": {"Exists": false}}});
    let fails = json!({
        "ConditionExpression": "x = :n", "ExpressionAttributeValues": {":n": {"S": "no"}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD"});
    let mut all = Vec::new();
    for (operation, main) in [
        ("PutItem", json!({"Item": item})),
        ("DeleteItem", json!({"Key": key("a", 1)})),
        ("UpdateItem", json!({"Key": key("a", 1)})),
    ] {
        let table = json!({"TableName": "things"});
        all.push((operation, condition(main.clone())));
        for more in [&older, &exists, &absent, &fails] {
            all.push((operation, merged(merged(table.clone(), main.clone()), more.clone())));
        }
    }
    let set = json!({"Key": key("a", 1), "UpdateExpression": "SET n = :y"});
    all.push(("UpdateItem", condition(set)));
    let updates = json!({"n": {"Action": "ADD", "Value": {"N": "1"}}, "x": {"Action": "PUT", "Value": {"S": "p"}}});
    all.push(("UpdateItem", json!({"TableName": "things", "Key": key("a", 1), "AttributeUpdates": updates})));
    all.push((
        "BatchWriteItem",
        json!({
        "RequestItems": {"things": [{"PutRequest": {"Item": item}}, {"DeleteRequest": {"Key": key("a", 2)}}]},
        "ReturnConsumedCapacity": "INDEXES", "ReturnItemCollectionMetrics": "SIZE"}),
    ));
    all.extend(transactions(&item));
    all
}

fn transactions(item: &Value) -> Vec<(&'static str, Value)> {
    let names = json!({"#x": "x"});
    let values = json!({":y": {"S": "y"}});
    let action = |main: &str, value: Value, more: Value| {
        let mut action = json!({"TableName": "things", "ConditionExpression": "#x = :y",
            "ExpressionAttributeNames": names, "ExpressionAttributeValues": values});
        action[main] = value;
        merged(action, more)
    };
    let transaction = |ends: &str| {
        let failing = json!({"ExpressionAttributeValues": {":y": {"S": ends}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD"});
        json!({
            "TransactItems": [
                {"Put": action("Item", item.clone(), failing.clone())},
                {"Delete": action("Key", key("a", 2), failing.clone())},
                {"ConditionCheck": action("Key", key("b", 1), failing.clone())},
                {"Update": action("Key", key("a", 3), merged(failing, json!({"UpdateExpression": "SET n = :y"})))}],
            "ClientRequestToken": "token", "ReturnConsumedCapacity": "TOTAL", "ReturnItemCollectionMetrics": "SIZE"})
    };
    vec![("TransactWriteItems", transaction("y")), ("TransactWriteItems", transaction("no"))]
}

fn read_requests() -> Vec<(&'static str, Value)> {
    let projected = json!({
        "TableName": "things", "ProjectionExpression": "#x", "ExpressionAttributeNames": {"#x": "x"},
        "ReturnConsumedCapacity": "TOTAL", "ConsistentRead": true});
    let names = json!({"#x": "x"});
    let filtered = json!({
        "TableName": "things", "FilterExpression": "#r > :seven", "ProjectionExpression": "sk", "ConsistentRead": true,
        "ExpressionAttributeNames": {"#r": "rank"}, "ExpressionAttributeValues": {":seven": {"N": "7"}}, "Limit": 1,
        "ReturnConsumedCapacity": "TOTAL"});
    let older = |member: &str| {
        json!({
            "TableName": "things", "AttributesToGet": ["sk"], "ConditionalOperator": "OR", member: {
                "x": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "y"}]},
                "w": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "no"}]}}})
    };
    let of_index = json!({"TableName": "things", "IndexName": "by_kind", "Select": "COUNT"});
    let hash = json!({"pk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]}});
    let by_kind = json!({"KeyConditionExpression": "kind = :k", "ExpressionAttributeValues": {":k": {"S": "k"}}});
    let query = json!({"KeyConditionExpression": "pk = :a", "ScanIndexForward": false, "ExclusiveStartKey": key("a", 3),
        "ExpressionAttributeValues": {":seven": {"N": "7"}, ":a": {"S": "a"}}});
    vec![
        ("GetItem", merged(projected, json!({"Key": key("a", 1)}))),
        ("GetItem", json!({"TableName": "things", "Key": key("a", 1), "AttributesToGet": ["x"]})),
        (
            "BatchGetItem",
            json!({"ReturnConsumedCapacity": "TOTAL", "RequestItems": {"things": {
            "Keys": [key("a", 1), key("a", 2)], "ConsistentRead": true, "ProjectionExpression": "#x",
            "ExpressionAttributeNames": names}}}),
        ),
        ("BatchGetItem", json!({"RequestItems": {"things": {"Keys": [key("a", 1)], "AttributesToGet": ["x"]}}})),
        (
            "TransactGetItems",
            json!({"ReturnConsumedCapacity": "TOTAL", "TransactItems": [{"Get": {
            "TableName": "things", "Key": key("a", 1), "ProjectionExpression": "#x", "ExpressionAttributeNames": names}}]}),
        ),
        ("Query", merged(filtered.clone(), query)),
        ("Query", merged(older("QueryFilter"), json!({"KeyConditions": hash}))),
        ("Query", merged(of_index.clone(), by_kind)),
        ("Scan", merged(filtered, json!({"ExclusiveStartKey": key("a", 1)}))),
        ("Scan", older("ScanFilter")),
        ("Scan", of_index),
        ("Scan", json!({"TableName": "things", "IndexName": "by_rank"})),
        ("Scan", json!({"TableName": "things", "Segment": 1, "TotalSegments": 2})),
    ]
}

fn stream_requests(wire: &Wire) -> Vec<(&'static str, Value)> {
    let arn = wire.ok("DescribeTable", json!({"TableName": "things"}))["Table"]["LatestStreamArn"].clone();
    let shards = wire.ok("DescribeStream", json!({"StreamArn": arn}))["StreamDescription"]["Shards"].clone();
    let ids: Vec<&str> = shards.as_array().unwrap().iter().filter_map(|shard| shard["ShardId"].as_str()).collect();
    let start = |shard: &str| json!({"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
    let records = |shard: &str| {
        let iterator = wire.ok("GetShardIterator", start(shard))["ShardIterator"].clone();
        (wire.ok("GetRecords", json!({"ShardIterator": iterator}))["Records"].clone(), iterator)
    };
    let busiest = ids.iter().max_by_key(|shard| records(shard).0.as_array().unwrap().len()).unwrap();
    let (found, iterator) = records(busiest);
    let last = found.as_array().unwrap().last().unwrap()["dynamodb"]["SequenceNumber"].clone();
    let at = json!({
        "StreamArn": arn, "ShardId": busiest, "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": last});
    let children = json!({"Type": "CHILD_SHARDS", "ShardId": busiest});
    vec![
        ("ListStreams", json!({"TableName": "paid", "Limit": 1})),
        ("ListStreams", json!({"Limit": 0})),
        ("ListStreams", json!({"ExclusiveStartStreamArn": arn})),
        ("DescribeStream", json!({"StreamArn": arn, "Limit": 1, "ExclusiveStartShardId": ids[0]})),
        ("DescribeStream", json!({"StreamArn": arn, "ShardFilter": children})),
        ("GetShardIterator", at),
        (
            "GetShardIterator",
            json!({"StreamArn": arn, "ShardId": busiest, "ShardIteratorType": "AT_TIMESTAMP",
            "Timestamp": 1_767_225_700.0}),
        ),
        ("GetRecords", json!({"ShardIterator": iterator, "Limit": 1})),
    ]
}

fn statement_requests(wire: &Wire) -> Vec<(&'static str, Value)> {
    let read = "SELECT * FROM things WHERE pk = ? AND sk = 1";
    let write = "UPDATE things SET x = 'new' WHERE pk = ? AND sk = 1 AND x = 'none'";
    let failing =
        json!({"Statement": write, "Parameters": [{"S": "a"}], "ReturnValuesOnConditionCheckFailure": "ALL_OLD"});
    let reading = json!({"Statement": read, "Parameters": [{"S": "a"}], "ConsistentRead": true});
    let select = "SELECT * FROM things WHERE pk = 'a'";
    let first = wire.ok("ExecuteStatement", json!({"Statement": select, "Limit": 1}));
    let insert = json!({"Statement": "INSERT INTO things VALUE {'pk': ?, 'sk': 1}", "Parameters": [{"S": "new"}]});
    vec![
        ("ExecuteStatement", merged(reading.clone(), json!({"ReturnConsumedCapacity": "TOTAL"}))),
        ("ExecuteStatement", json!({"Statement": select, "Limit": 1, "NextToken": first["NextToken"]})),
        ("ExecuteStatement", failing.clone()),
        ("BatchExecuteStatement", json!({"Statements": [reading], "ReturnConsumedCapacity": "TOTAL"})),
        ("BatchExecuteStatement", json!({"Statements": [failing]})),
        ("ExecuteTransaction", json!({"TransactStatements": [failing]})),
        (
            "ExecuteTransaction",
            json!({
            "TransactStatements": [insert], "ClientRequestToken": "token", "ReturnConsumedCapacity": "TOTAL"}),
        ),
    ]
}
