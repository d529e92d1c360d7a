//! Change streams.

use crate::support::{Wire, key, merged};
use serde_json::{Value, json};
use std::time::Duration;

/// The table of [`Wire::with_table`], with a stream of both images; and the stream's ARN.
fn with_stream() -> (Wire, String) {
    let wire = Wire::with_table();
    let specification = json!({"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"});
    let updated = wire.ok("UpdateTable", json!({"TableName": "things", "StreamSpecification": specification}));
    let arn = updated["TableDescription"]["LatestStreamArn"].as_str().unwrap().to_owned();
    assert_eq!(arn, "arn:aws:dynamodb:us-east-1:000000000000:table/things/stream/2026-01-01T00:00:00.000");
    (wire, arn)
}

fn shards(wire: &Wire, arn: &str) -> Vec<String> {
    let description = wire.ok("DescribeStream", json!({"StreamArn": arn}))["StreamDescription"].clone();
    let shards = description["Shards"].as_array().unwrap();
    shards.iter().map(|shard| shard["ShardId"].as_str().unwrap().to_owned()).collect()
}

/// All records that are left, shard by shard.
fn records(wire: &Wire, arn: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for shard in shards(wire, arn) {
        let start = json!({"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
        let iterator = wire.ok("GetShardIterator", start)["ShardIterator"].clone();
        let page = wire.ok("GetRecords", json!({"ShardIterator": iterator}));
        all.extend(page["Records"].as_array().unwrap().clone());
    }
    all
}

#[test]
fn changes_become_records() {
    let (wire, arn) = with_stream();
    let item = |v: &str| merged(key("a", 1), json!({"v": {"S": v}}));
    wire.put(item("1"));
    wire.put(item("2"));
    wire.put(item("2"));
    wire.ok("DeleteItem", json!({"TableName": "things", "Key": key("a", 1)}));
    let records = records(&wire, &arn);
    let names: Vec<&str> = records.iter().map(|record| record["eventName"].as_str().unwrap()).collect();
    assert_eq!(names, ["INSERT", "MODIFY", "REMOVE"]);
    let modify = &records[1];
    assert_eq!(modify["eventVersion"], "1.1");
    assert_eq!(modify["eventSource"], "aws:dynamodb");
    assert_eq!(modify["awsRegion"], "us-east-1");
    assert_eq!(modify["eventID"].as_str().unwrap().len(), 32);
    let change = &modify["dynamodb"];
    assert_eq!(change["Keys"], key("a", 1));
    assert_eq!((&change["OldImage"], &change["NewImage"]), (&item("1"), &item("2")));
    assert_eq!(change["ApproximateCreationDateTime"], 1_767_225_600);
    assert_eq!(change["StreamViewType"], "NEW_AND_OLD_IMAGES");
    assert!((21..=40).contains(&change["SequenceNumber"].as_str().unwrap().len()));
    assert!(change["SizeBytes"].as_u64().unwrap() > 20);
    assert_eq!(records[0]["dynamodb"]["OldImage"], Value::Null);
    assert_eq!(records[2]["dynamodb"]["NewImage"], Value::Null);
}

#[test]
fn iterators_stand_where_they_were_put() {
    let (wire, arn) = with_stream();
    for v in ["1", "2", "3"] {
        wire.put(merged(key("a", 1), json!({"v": {"S": v}})));
        wire.clock.advance(Duration::from_secs(10));
    }
    let all = records(&wire, &arn);
    let second = all[1]["dynamodb"]["SequenceNumber"].clone();
    let count = |more: Value| {
        let mut found = 0;
        for shard in shards(&wire, &arn) {
            let start = merged(json!({"StreamArn": arn, "ShardId": shard}), more.clone());
            let (status, answer) = wire.raw("GetShardIterator", start.to_string().as_bytes());
            if status == 200 {
                let page = wire.ok("GetRecords", json!({"ShardIterator": answer["ShardIterator"]}));
                found += page["Records"].as_array().unwrap().len();
            }
        }
        found
    };
    assert_eq!(count(json!({"ShardIteratorType": "LATEST"})), 0);
    assert_eq!(count(json!({"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1_767_225_605.5})), 2);
    for (kind, left) in [("AT_SEQUENCE_NUMBER", 2), ("AFTER_SEQUENCE_NUMBER", 1)] {
        let start = json!({"ShardIteratorType": kind, "SequenceNumber": second});
        assert!(count(start) >= left, "{kind}");
    }
}

#[test]
fn iterators_are_checked_and_grow_old() {
    let (wire, arn) = with_stream();
    let shard = shards(&wire, &arn).remove(0);
    let text =
        |more: Value| wire.invalid("GetShardIterator", merged(json!({"StreamArn": arn, "ShardId": shard}), more));
    let invalid = "One or more parameter values were invalid: ";
    assert_eq!(
        text(json!({"ShardIteratorType": "AT_SEQUENCE_NUMBER"})),
        format!("{invalid}SequenceNumber cannot be null")
    );
    assert_eq!(
        text(json!({"ShardIteratorType": "LATEST", "SequenceNumber": "1".repeat(21)})),
        format!("{invalid}SequenceNumber should not be passed for this iterator type")
    );
    assert_eq!(
        text(json!({"ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": "1"})),
        "1 validation error detected: Value at 'sequenceNumber' failed to satisfy constraint: Member must have length \
         greater than or equal to 21"
    );
    assert!(text(json!({"ShardIteratorType": "SOON"})).contains("'shardIteratorType'"));
    assert!(text(json!({"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1e300})).contains("future"));
    wire.invalid("GetRecords", json!({"ShardIterator": "made up"}));
    assert!(wire.invalid("GetRecords", json!({"ShardIterator": "x", "Limit": 1001})).contains("'limit'"));
    let start = json!({"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "LATEST"});
    let iterator = wire.ok("GetShardIterator", start)["ShardIterator"].clone();
    wire.clock.advance(Duration::from_secs(16 * 60));
    assert_eq!(wire.error("GetRecords", json!({"ShardIterator": iterator})).0, "ExpiredIteratorException");
}

#[test]
fn streams_are_listed_and_described() {
    let (wire, arn) = with_stream();
    let listed = json!({"Streams": [
        {"StreamArn": arn, "TableName": "things", "StreamLabel": "2026-01-01T00:00:00.000"}]});
    assert_eq!(wire.ok("ListStreams", json!({})), listed);
    assert_eq!(wire.ok("ListStreams", json!({"TableName": "things", "Limit": 1})), listed);
    assert_eq!(wire.ok("ListStreams", json!({"ExclusiveStartStreamArn": arn})), json!({"Streams": []}));
    let (name, text) = wire.error("ListStreams", json!({"TableName": "nothing"}));
    assert_eq!(name, "ResourceNotFoundException");
    assert_eq!(text, "Requested resource not found: Table: nothing not found");
    let page = wire.ok("DescribeStream", json!({"StreamArn": arn, "Limit": 1}))["StreamDescription"].clone();
    assert_eq!(page["StreamStatus"], "ENABLED");
    assert_eq!(page["KeySchema"].as_array().unwrap().len(), 2);
    if let Some(last) = page["LastEvaluatedShardId"].as_str() {
        let rest = wire.ok("DescribeStream", json!({"StreamArn": arn, "ExclusiveStartShardId": last}));
        assert_eq!(rest["StreamDescription"]["Shards"].as_array().unwrap().len(), shards(&wire, &arn).len() - 1);
    }
    let other = arn.replace("2026", "2025");
    let (name, text) = wire.error("DescribeStream", json!({"StreamArn": other}));
    assert_eq!(name, "ResourceNotFoundException");
    assert_eq!(text, format!("Requested resource not found: Stream: {other} not found"));
    let unknown = json!({"StreamArn": arn, "ExclusiveStartShardId": "z".repeat(30)});
    assert_eq!(wire.ok("DescribeStream", unknown)["StreamDescription"]["Shards"], json!([]));
    for (filter, path) in [(json!({"Type": "CHILD_SHARDS"}), "shardId"), (json!({"ShardId": "z".repeat(30)}), "type")] {
        let text = wire.invalid("DescribeStream", json!({"StreamArn": arn, "ShardFilter": filter}));
        assert!(text.contains(&format!("Value null at 'shardFilter.{path}'")), "{text}");
    }
    let malformed = json!({"ExclusiveStartStreamArn": "x".repeat(40)});
    assert!(wire.invalid("ListStreams", malformed).starts_with("Invalid StreamArn"));
    assert!(wire.invalid("DescribeStream", json!({"StreamArn": "x"})).contains("'streamArn'"));
    wire.invalid("DescribeStream", json!({"StreamArn": "x".repeat(40)}));
}

#[test]
fn a_disabled_stream_stays_readable() {
    let (wire, arn) = with_stream();
    wire.put(key("a", 1));
    let disable = json!({"TableName": "things", "StreamSpecification": {"StreamEnabled": false}});
    let answer = wire.ok("UpdateTable", disable.clone());
    assert_eq!(answer["TableDescription"]["StreamSpecification"], Value::Null);
    wire.invalid("UpdateTable", disable);
    wire.put(key("a", 2));
    let description = wire.ok("DescribeStream", json!({"StreamArn": arn}))["StreamDescription"].clone();
    assert_eq!(description["StreamStatus"], "DISABLED");
    assert!(description["Shards"][0]["SequenceNumberRange"]["EndingSequenceNumber"].is_string());
    assert_eq!(records(&wire, &arn).len(), 1);
}

#[test]
fn expiry_says_who_deleted() {
    let (wire, arn) = with_stream();
    let specification = json!({"AttributeName": "ends", "Enabled": true});
    wire.ok("UpdateTimeToLive", json!({"TableName": "things", "TimeToLiveSpecification": specification}));
    let definitions = wire.ok("DescribeTable", json!({"TableName": "things"}))["Table"]["AttributeDefinitions"].clone();
    assert_eq!(definitions.as_array().unwrap().len(), 4, "what expiry keeps for itself is not shown");
    wire.put(merged(key("a", 1), json!({"ends": {"N": "1767225601"}})));
    wire.clock.advance(Duration::from_secs(5));
    wire.protocol.database().sweep_now().unwrap();
    let records = records(&wire, &arn);
    let removal = records.iter().find(|record| record["eventName"] == "REMOVE").expect("the item has expired");
    assert_eq!(removal["userIdentity"], json!({"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}));
}
