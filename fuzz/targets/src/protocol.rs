//! Requests of the wire protocol, one a line: the name of an operation, then a body of any bytes. Each gets an answer
//! that is JSON and no internal error.

use hashrange::{Clock, Database};
use hashrange_wire::Protocol;

/// A table with indexes for requests to act on.
const CREATE: &[u8] = br#"{
    "TableName": "things", "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "N"},
        {"AttributeName": "rank", "AttributeType": "N"}, {"AttributeName": "kind", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "LocalSecondaryIndexes": [{"IndexName": "by_rank", "Projection": {"ProjectionType": "KEYS_ONLY"}, "KeySchema": [
        {"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "rank", "KeyType": "RANGE"}]}],
    "GlobalSecondaryIndexes": [{"IndexName": "by_kind", "Projection": {"ProjectionType": "ALL"}, "KeySchema": [
        {"AttributeName": "kind", "KeyType": "HASH"}, {"AttributeName": "rank", "KeyType": "RANGE"}]}]}"#;
const PUT: &[u8] = br#"{"TableName": "things", "Item": {
    "pk": {"S": "p"}, "sk": {"N": "1"}, "rank": {"N": "5"}, "kind": {"S": "k"}, "tags": {"SS": ["x", "y"]},
    "m": {"M": {"n": {"L": [{"N": "1"}, {"B": "AAE="}, {"BOOL": true}, {"NULL": true}]}}}}}"#;

fn ask(protocol: &Protocol, operation: &str, body: &[u8]) -> u16 {
    let response = protocol.handle(&format!("DynamoDB_20120810.{operation}"), body);
    assert!(response.status == 200 || response.status == 400, "{operation}: {response:?}");
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&response.body).is_ok();
    assert!(is_json, "{operation}: {}", String::from_utf8_lossy(&response.body));
    response.status
}

pub fn protocol(data: &[u8]) {
    let options = Database::options().background(false).clock(Clock::manual(1_767_225_600_000)).seed(7);
    let database = options.initial_partitions(1).in_memory().expect("a database in memory opens");
    let protocol = Protocol::new(database);
    assert_eq!((ask(&protocol, "CreateTable", CREATE), ask(&protocol, "PutItem", PUT)), (200, 200));
    for line in data.split(|byte| *byte == b'\n').take(16) {
        let at = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        let (operation, body) = line.split_at(at);
        if let Ok(operation) = std::str::from_utf8(operation) {
            ask(&protocol, operation, body);
        }
    }
    protocol.database().verify().expect("whatever was asked, table and indexes agree");
}
