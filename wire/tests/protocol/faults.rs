//! Faults on the wire: their shapes, operations that are no requests for items, and states that take time.

use crate::support::Wire;
use hashrange::service::FaultModel;
use serde_json::{Value, json};
use std::time::Duration;

fn faulty(model: &Value) -> Wire {
    Wire::with_options(|options| options.faults(FaultModel::from_json(&model.to_string()).unwrap()))
}

fn create(wire: &Wire) {
    let hash = json!([{"AttributeName": "pk", "KeyType": "HASH"}]);
    let types = json!([{"AttributeName": "pk", "AttributeType": "S"}]);
    let units = json!({"ReadCapacityUnits": 5, "WriteCapacityUnits": 5});
    let table = json!({"TableName": "things", "KeySchema": hash, "AttributeDefinitions": types, "ProvisionedThroughput": units});
    wire.ok("CreateTable", table);
}

#[test]
fn errors_have_the_shapes_that_clients_attempt_again() {
    let put = json!({"TableName": "things", "Item": {"pk": {"S": "a"}}}).to_string();
    for (fault, status, name, reasons) in [
        ("InternalServerError", 500, "InternalServerError", None),
        ("ServiceUnavailable", 503, "ServiceUnavailable", None),
        (
            "ProvisionedThroughputExceededException",
            400,
            "ProvisionedThroughputExceededException",
            Some("ThrottlingReasons"),
        ),
        ("ThrottlingException", 400, "ThrottlingException", Some("throttlingReasons")),
        ("RequestLimitExceeded", 400, "RequestLimitExceeded", Some("ThrottlingReasons")),
    ] {
        let wire = faulty(&json!({"rules": [{"operations": ["PutItem"], "fault": fault}]}));
        create(&wire);
        let (answered, body) = wire.raw("PutItem", put.as_bytes());
        assert_eq!(
            (answered, body["__type"].as_str().unwrap()),
            (status, &*format!("com.amazonaws.dynamodb.v20120810#{name}"))
        );
        if let Some(member) = reasons {
            assert_eq!(body[member][0]["resource"], "arn:aws:dynamodb:us-east-1:000000000000:table/things", "{body}");
        }
    }
}

#[test]
fn a_lost_answer_is_no_answer() {
    for (fault, is_done) in [("ConnectionClosed", false), ("AnswerLost", true)] {
        let wire = faulty(&json!({"rules": [{"operations": ["PutItem"], "times": 1, "fault": fault}]}));
        create(&wire);
        let put = json!({"TableName": "things", "Item": {"pk": {"S": "a"}}}).to_string();
        let answer = wire.protocol.handle("DynamoDB_20120810.PutItem", put.as_bytes());
        assert!(answer.is_lost, "{answer:?}");
        let found = wire.ok("GetItem", json!({"TableName": "things", "Key": {"pk": {"S": "a"}}}));
        assert_eq!(found.get("Item").is_some(), is_done);
    }
}

#[test]
fn operations_on_tables_and_statements_meet_faults_too() {
    let wire = faulty(&json!({"rules": [
        {"operations": ["DescribeTable"], "tables": ["things"], "times": 1, "fault": "InternalServerError"},
        {"operations": ["ExecuteStatement"], "times": 1, "fault": "ThrottlingException"},
        {"operations": ["UpdateTimeToLive"], "times": 1, "fault": "AnswerLost"},
    ]}));
    create(&wire);
    let describe = br#"{"TableName": "arn:aws:dynamodb:us-east-1:000000000000:table/things"}"#;
    assert_eq!(wire.raw("DescribeTable", describe).0, 500);
    assert_eq!(wire.raw("DescribeTable", describe).0, 200);
    let select = br#"{"Statement": "select * from things"}"#;
    assert_eq!(wire.raw("ExecuteStatement", select).1["message"].as_str().map(|text| &text[..10]), Some("Throughput"));
    assert_eq!(wire.raw("ExecuteStatement", select).0, 200);
    let ttl = json!({"TableName": "things", "TimeToLiveSpecification": {"AttributeName": "ends", "Enabled": true}});
    assert!(wire.protocol.handle("DynamoDB_20120810.UpdateTimeToLive", ttl.to_string().as_bytes()).is_lost);
    let described = wire.ok("DescribeTimeToLive", json!({"TableName": "things"}));
    assert_eq!(described["TimeToLiveDescription"]["AttributeName"], "ends", "it was carried out");
}

#[test]
fn states_take_their_time() {
    let wire = faulty(&json!({"states": [{"tables": ["things"], "creating_millis": 3000, "updating_millis": 7000}]}));
    create(&wire);
    let status = || wire.ok("DescribeTable", json!({"TableName": "things"}))["Table"]["TableStatus"].clone();
    assert_eq!(status(), "CREATING");
    wire.clock.advance(Duration::from_secs(3));
    assert_eq!(status(), "ACTIVE");
    let units = json!({"ReadCapacityUnits": 9, "WriteCapacityUnits": 5});
    wire.ok("UpdateTable", json!({"TableName": "things", "ProvisionedThroughput": units}));
    wire.clock.advance(Duration::from_millis(6_999));
    assert_eq!(status(), "UPDATING");
    wire.clock.advance(Duration::from_millis(1));
    assert_eq!(status(), "ACTIVE");
}

#[test]
fn what_the_database_keeps_for_itself_meets_no_faults() {
    let model = json!({"rules": [{"name": "once", "operations": ["PutItem", "GetItem", "Query"], "times": 1,
        "fault": "AnswerLost"}]});
    let wire = faulty(&model);
    create(&wire);
    wire.ok("CreateBackup", json!({"TableName": "things", "BackupName": "mine"}));
    assert_eq!(wire.ok("ListBackups", json!({}))["BackupSummaries"].as_array().unwrap().len(), 1);
    // The first request of the client is the first that the rule is about.
    let put = json!({"TableName": "things", "Item": {"pk": {"S": "a"}}}).to_string();
    assert!(wire.protocol.handle("DynamoDB_20120810.PutItem", put.as_bytes()).is_lost);
}
