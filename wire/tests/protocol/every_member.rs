//! Nothing is accepted and dropped: of every member of every request of the service's model it is shown that leaving it out
//! makes a difference, or that it is refused, or why it makes none.
//!
//! A request that has the member is sent twice to a fresh database, then the same request without the member to another one. If
//! answers and descriptions are the same for both, the member was dropped. `model/operations.txt` names the members.

mod requests;

use crate::support::{Wire, key, merged};
use requests::requests;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Every member of every request: operation, path, type, values.
const MODEL: &str = include_str!("../model/operations.txt");

/// Members that make no difference, and why.
const IGNORED: &[(&str, &str, &str)] = &[
    (
        "PutResourcePolicy",
        "ConfirmRemoveSelfResourceAccess",
        "policies are not enforced, so that none shuts anybody out",
    ),
    ("DescribeEndpoints", "", "has no members"),
    ("DescribeLimits", "", "has no members"),
];

/// Operations that succeed in no case: the feature is not here, or nothing that they could find exists.
const NEVER_ACCEPTED: &[&str] = &[
    "CreateGlobalTable",
    "DescribeGlobalTable",
    "DescribeGlobalTableSettings",
    "DescribeTableReplicaAutoScaling",
    "SearchVectors",
    "UpdateGlobalTable",
    "UpdateGlobalTableSettings",
    "UpdateTableReplicaAutoScaling",
];

/// Operations on jobs, whose answers have another id each time. The tests of `backups.rs`, `transfers.rs` and `bulk.rs` send
/// their members.
const OF_JOBS: &[&str] = &[
    "CancelBulkOperation",
    "CreateBackup",
    "DeleteBackup",
    "DescribeBackup",
    "DescribeBulkOperation",
    "DescribeExport",
    "DescribeImport",
    "ExportTableToPointInTime",
    "ImportTable",
    "ListBackups",
    "ListBulkOperations",
    "ListExports",
    "ListImports",
    "RestoreTableFromBackup",
    "RestoreTableToPointInTime",
    "StartBulkPutItems",
];

/// Lists that are empty whatever is asked for, since the feature is not here.
const ALWAYS_EMPTY: &[&str] = &["ListGlobalTables"];

/// Members that are refused with all that is in them, with a value.
fn refused() -> Vec<(&'static str, &'static str, Value)> {
    let replica = json!([{"Create": {"RegionName": "eu-west-1"}}]);
    let vector = json!([{"IndexName": "vec"}]);
    vec![
        ("CreateTable", "VectorIndexes", vector),
        ("CreateTable", "GlobalTableSourceArn", json!("arn:aws:dynamodb:us-east-1:000000000000:table/other")),
        ("CreateTable", "GlobalTableSettingsReplicationMode", json!("ENABLED")),
        ("UpdateTable", "ReplicaUpdates", replica.clone()),
        ("UpdateTable", "MultiRegionConsistency", json!("STRONG")),
        ("UpdateTable", "GlobalTableWitnessUpdates", replica),
        ("UpdateTable", "GlobalTableSettingsReplicationMode", json!("ENABLED")),
        ("UpdateTable", "DisassociationProtectionEnabled", json!(true)),
        ("UpdateTable", "VectorIndexUpdates", json!([{"Delete": {"IndexName": "vec"}}])),
    ]
}

const ARN: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/things";
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"dynamodb:Scan","Resource":"*"}]}"#;

fn units(read: i64, write: i64) -> Value {
    json!({"ReadCapacityUnits": read, "WriteCapacityUnits": write})
}

/// A database with items, a table `things` that is paid for by request and has a stream, and one `paid` that is provisioned.
fn database() -> Wire {
    let wire = Wire::with_options(|options| options.background(false));
    wire.create_things();
    let stream = json!({"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"});
    wire.ok("UpdateTable", json!({"TableName": "things", "StreamSpecification": stream}));
    for (pk, sk, rank) in [("a", 1, "7"), ("a", 2, "8"), ("a", 3, "9"), ("b", 1, "7")] {
        let more = json!({"rank": {"N": rank}, "kind": {"S": "k"}, "x": {"S": "y"}, "w": {"S": "z"}});
        wire.put(merged(key(pk, sk), more));
    }
    wire.ok("CreateTable", create("paid"));
    wire
}

/// A provisioned table with an index.
fn create(name: &str) -> Value {
    json!({
        "TableName": name, "BillingMode": "PROVISIONED", "ProvisionedThroughput": units(5, 6),
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "g", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [{
            "IndexName": "by_g", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"}, "ProvisionedThroughput": units(5, 6)}],
    })
}

/// Everything that can be seen of a database.
fn everything(wire: &Wire) -> Vec<Value> {
    let mut seen = Vec::new();
    let names = wire.ok("ListTables", json!({}))["TableNames"].clone();
    for name in names.as_array().unwrap() {
        let table = json!({"TableName": name});
        let arn = format!("arn:aws:dynamodb:us-east-1:000000000000:table/{}", name.as_str().unwrap());
        for (operation, request) in [
            ("DescribeTable", table.clone()),
            ("DescribeTimeToLive", table.clone()),
            ("DescribeKinesisStreamingDestination", table.clone()),
            ("DescribeContinuousBackups", table.clone()),
            ("ListContributorInsights", table.clone()),
            ("ListTagsOfResource", json!({"ResourceArn": arn})),
            ("GetResourcePolicy", json!({"ResourceArn": arn})),
            ("Scan", table),
        ] {
            seen.push(wire.raw(operation, request.to_string().as_bytes()).1);
        }
    }
    seen
}

/// What a request, sent twice, leads to in a fresh database.
fn effect(wire: &Wire, operation: &str, request: &Value) -> Vec<Value> {
    let body = request.to_string();
    let mut seen: Vec<Value> = (0..2).map(|_| wire.raw(operation, body.as_bytes()).1).collect();
    for answer in &mut seen {
        // An iterator is another one each time.
        if let Some(answer) = answer.as_object_mut() {
            answer.remove("NextShardIterator");
        }
    }
    seen.extend(everything(wire));
    seen
}

/// Takes the member at a path out of a request; false if it is not there.
fn take(request: &mut Value, path: &[String]) -> bool {
    match (path, request) {
        ([], _) => false,
        ([step], Value::Array(elements)) if step == "[]" => elements.pop().is_some(),
        ([step], Value::Object(members)) if step == "{}" => {
            let last = members.keys().next_back().cloned();
            last.is_some_and(|name| members.remove(&name).is_some())
        }
        ([step], Value::Object(members)) => members.remove(step).is_some(),
        ([step, rest @ ..], Value::Array(elements)) if step == "[]" => elements.iter_mut().any(|one| take(one, rest)),
        ([step, rest @ ..], Value::Object(members)) if step == "{}" => members.values_mut().any(|one| take(one, rest)),
        ([step, rest @ ..], Value::Object(members)) => members.get_mut(step).is_some_and(|one| take(one, rest)),
        _ => false,
    }
}

/// `a[].b{}` as `a`, `[]`, `b`, `{}`.
fn steps(path: &str) -> Vec<String> {
    let spread = path.replace("[]", ".[]").replace("{}", ".{}");
    spread.split('.').map(str::to_owned).collect()
}

fn model() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut operations: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in MODEL.lines() {
        let mut words = line.split(' ');
        let members = operations.entry(words.next().unwrap()).or_default();
        members.extend(words.next());
    }
    operations
}

#[test]
fn every_member_makes_a_difference_or_is_refused_or_has_a_reason() {
    let all = requests(&database());
    let refused = refused();
    let mut dropped = Vec::new();
    let mut met = BTreeSet::new();
    for (operation, members) in model() {
        if [NEVER_ACCEPTED, OF_JOBS, ALWAYS_EMPTY].iter().any(|kind| kind.contains(&operation)) {
            continue;
        }
        let mine: Vec<&Value> = all.iter().filter(|(name, _)| *name == operation).map(|(_, request)| request).collect();
        let whole: Vec<Vec<Value>> = mine.iter().map(|request| effect(&database(), operation, request)).collect();
        for member in members {
            let has_reason = IGNORED.iter().any(|(name, path, _)| (*name, *path) == (operation, member));
            let is_refused = refused.iter().any(|(name, path, _)| *name == operation && member.starts_with(path));
            if has_reason || is_refused {
                continue;
            }
            let path = steps(member);
            let mut is_noticed = false;
            for (request, whole) in mine.iter().zip(&whole) {
                let mut less = (*request).clone();
                if !is_noticed && take(&mut less, &path) {
                    met.insert((operation, member));
                    is_noticed = effect(&database(), operation, &less) != *whole;
                }
            }
            if !is_noticed {
                let how = if met.contains(&(operation, member)) { "is dropped" } else { "is not sent" };
                dropped.push(format!("{operation} {member} {how}"));
            }
        }
    }
    assert!(dropped.is_empty(), "\n{}", dropped.join("\n"));
}

#[test]
fn members_of_features_that_are_not_here_are_refused() {
    for (operation, member, value) in refused() {
        let wire = database();
        let mut request = if operation == "CreateTable" { create("new") } else { json!({"TableName": "paid"}) };
        request[member] = value;
        let (name, text) = wire.error(operation, request);
        let is_clear = name == "UnsupportedOperationException" || text.contains("not supported");
        assert!(is_clear, "{operation} {member}: {name} {text}");
    }
}

/// Requests to operations whose feature is not here, with what they need.
fn without_a_feature() -> Vec<(&'static str, Value)> {
    vec![
        ("CreateGlobalTable", json!({"GlobalTableName": "things", "ReplicationGroup": [{"RegionName": "eu-west-1"}]})),
        ("DescribeGlobalTable", json!({"GlobalTableName": "things"})),
        ("DescribeGlobalTableSettings", json!({"GlobalTableName": "things"})),
        ("DescribeTableReplicaAutoScaling", json!({"TableName": "things"})),
        ("SearchVectors", json!({"TableName": "things", "IndexName": "by_kind", "SearchVector": [1.0], "TopK": 1})),
        ("UpdateGlobalTable", json!({"GlobalTableName": "things", "ReplicaUpdates": []})),
        ("UpdateGlobalTableSettings", json!({"GlobalTableName": "things"})),
        ("UpdateTableReplicaAutoScaling", json!({"TableName": "things"})),
    ]
}

/// The service: has vector indexes and `SearchVectors`.
/// Here: both are rejected with `UnsupportedOperationException` or `ValidationException`.
#[test]
fn operations_without_a_feature_succeed_in_no_case_and_no_operation_is_unknown() {
    let wire = database();
    for (operation, request) in without_a_feature() {
        let (name, text) = wire.error(operation, request);
        assert!(name.contains("NotFound") || text.contains("ot supported"), "{operation}: {name} {text}");
    }
    let named: Vec<&str> = without_a_feature().iter().map(|(operation, _)| *operation).collect();
    assert_eq!(named, NEVER_ACCEPTED);
    for operation in ALWAYS_EMPTY {
        let answer = wire.ok(operation, json!({}));
        let lists: Vec<&Value> = answer.as_object().unwrap().values().collect();
        assert_eq!(lists, [&json!([])], "{operation}");
    }
    for (operation, _) in model() {
        let (_, answer) = wire.raw(operation, b"{}");
        let kind = answer["__type"].as_str().unwrap_or_default();
        assert!(!kind.ends_with("UnknownOperationException"), "{operation}");
    }
}
