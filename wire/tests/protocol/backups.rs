#![expect(
    clippy::disallowed_methods,
    reason = "a test that waits for a thread must end, whatever the clock of the database says"
)]
//! Backups and restores.

use crate::support::{Wire, key, merged};
use hashrange_wire::Timing;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const ARN: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/";

/// Waits until something is so; jobs are threads.
pub(crate) fn eventually(mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never was so");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// With the times of the service; the clock stands at a whole second.
pub(crate) fn service() -> Wire {
    let Wire { protocol, clock } = Wire::with_table();
    let wire = Wire { protocol: protocol.timing(Timing::Service), clock };
    wire.clock.advance(Duration::from_secs(60));
    wire
}

pub(crate) fn fill(wire: &Wire, items: usize) {
    for n in 0..items {
        let more = json!({"kind": {"S": "k"}, "rank": {"N": n.to_string()}, "n": {"N": n.to_string()}});
        wire.put(merged(key(&format!("p{n}"), 1), more));
    }
}

pub(crate) fn backup(wire: &Wire, table: &str, name: &str) -> String {
    let answer = wire.ok("CreateBackup", json!({"TableName": table, "BackupName": name}));
    let details = &answer["BackupDetails"];
    assert_eq!((details["BackupStatus"].as_str(), details["BackupType"].as_str()), (Some("CREATING"), Some("USER")));
    details["BackupArn"].as_str().unwrap().to_owned()
}

fn described(wire: &Wire, arn: &str) -> Value {
    wire.ok("DescribeBackup", json!({"BackupArn": arn}))["BackupDescription"].clone()
}

pub(crate) fn restore(wire: &Wire, arn: &str, target: &str, more: Value) -> Value {
    let request = merged(json!({"BackupArn": arn, "TargetTableName": target}), more);
    wire.ok("RestoreTableFromBackup", request)["TableDescription"].clone()
}

pub(crate) fn wait_active(wire: &Wire, table: &str) -> Value {
    let describe = || wire.ok("DescribeTable", json!({"TableName": table}))["Table"].clone();
    eventually(|| describe()["TableStatus"] == "ACTIVE");
    describe()
}

pub(crate) fn items(wire: &Wire, table: &str) -> Vec<Value> {
    let mut items = wire.ok("Scan", json!({"TableName": table}))["Items"].as_array().unwrap().clone();
    items.sort_by_key(Value::to_string);
    items
}

#[test]
fn a_backup_needs_a_table_that_is_old_enough() {
    let wire = service();
    let missing = wire.error("CreateBackup", json!({"TableName": "missing", "BackupName": "mine"}));
    assert_eq!(missing, ("TableNotFoundException".to_owned(), "Table not found: missing".to_owned()));
    let create = json!({
        "TableName": "young", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]});
    wire.ok("CreateTable", create);
    wire.clock.advance(Duration::from_secs(1));
    let (name, text) = wire.error("CreateBackup", json!({"TableName": "young", "BackupName": "mine"}));
    assert_eq!(name, "ContinuousBackupsUnavailableException");
    assert_eq!(text, "Backups are being enabled for the table: young. Please retry later");
    wire.clock.advance(Duration::from_secs(10));
    backup(&wire, "young", "mine");
    let short = wire.invalid("CreateBackup", json!({"TableName": "young", "BackupName": "m!"}));
    assert!(short.starts_with("2 validation errors detected: Value 'm!' at 'backupName'"), "{short}");
}

#[test]
fn backups_are_listed_described_and_deleted() {
    let wire = Wire::with_table();
    fill(&wire, 3);
    let mut arns = Vec::new();
    for _ in 0..3 {
        arns.push(backup(&wire, "things", "same"));
        wire.clock.advance(Duration::from_secs(10));
    }
    let listed = wire.ok("ListBackups", json!({"TableName": "things"}));
    let found: Vec<&str> =
        listed["BackupSummaries"].as_array().unwrap().iter().map(|one| one["BackupArn"].as_str().unwrap()).collect();
    assert_eq!(found, arns);
    assert_eq!(listed["LastEvaluatedBackupArn"], Value::Null);
    let first = described(&wire, &arns[0]);
    let created = first["BackupDetails"]["BackupCreationDateTime"].as_f64().unwrap();
    assert_eq!(first["BackupDetails"]["BackupStatus"], "AVAILABLE");
    assert_eq!(first["SourceTableDetails"]["ItemCount"], 3);
    assert_eq!(first["SourceTableDetails"]["BillingMode"], "PAY_PER_REQUEST");
    let index = &first["SourceTableFeatureDetails"]["GlobalSecondaryIndexes"][0];
    assert_eq!((&index["IndexName"], &index["Projection"]["ProjectionType"]), (&json!("by_kind"), &json!("ALL")));
    let id = arns[0].rsplit('/').next().unwrap();
    assert_eq!(&id[..15], format!("{:014}-", (created * 1000.0).round() as u64));

    // The bounds are [lower, upper).
    let count = |request: Value| wire.ok("ListBackups", request)["BackupSummaries"].as_array().unwrap().len();
    assert_eq!(count(json!({"TimeRangeLowerBound": created, "TimeRangeUpperBound": created + 1.0})), 1);
    assert_eq!(count(json!({"TimeRangeUpperBound": created})), 0);
    let text = wire.invalid("ListBackups", json!({"TimeRangeLowerBound": 2, "TimeRangeUpperBound": 1}));
    assert!(text.ends_with("Time range lower bound must be less than or equal to upper bound"));
    assert_eq!(count(json!({"BackupType": "SYSTEM"})), 0);
    assert_eq!(wire.ok("ListBackups", json!({"Limit": 3}))["LastEvaluatedBackupArn"], Value::Null);
    let page = wire.ok("ListBackups", json!({"Limit": 2}));
    assert_eq!(page["LastEvaluatedBackupArn"], arns[1]);
    assert_eq!(count(json!({"ExclusiveStartBackupArn": arns[1]})), 1);
    assert!(wire.invalid("ListBackups", json!({"Limit": 101})).contains("less than or equal to 100"));

    let deleted = wire.ok("DeleteBackup", json!({"BackupArn": arns[0]}));
    assert_eq!(deleted["BackupDescription"]["BackupDetails"]["BackupStatus"], "DELETED");
    for operation in ["DeleteBackup", "DescribeBackup"] {
        let gone = wire.error(operation, json!({"BackupArn": arns[0]}));
        assert_eq!(gone, ("BackupNotFoundException".to_owned(), format!("Backup not found: {}", arns[0])));
    }
    let other = format!("{ARN}things");
    assert_eq!(wire.invalid("DescribeBackup", json!({"BackupArn": other})), "Invalid Backup ARN");
    let unknown = arns[1].replace("us-east-1", "mars-1");
    let text = wire.invalid("DescribeBackup", json!({"BackupArn": unknown}));
    assert_eq!(text, "Invalid Request: BackupArn is not valid");
    let foreign = arns[1].replace("us-east-1", "eu-west-1");
    assert_eq!(described(&wire, &foreign)["BackupDetails"]["BackupArn"], foreign);
    let account = arns[1].replace("000000000000", "000000000001");
    let (name, text) = wire.error("DescribeBackup", json!({"BackupArn": account}));
    assert_eq!((name.as_str(), text.as_str()), ("AccessDeniedException", "Access is denied"));
}

#[test]
fn a_restored_table_has_what_the_backup_has_and_no_more() {
    let wire = Wire::with_table();
    fill(&wire, 20);
    let stream = json!({"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"});
    wire.ok("UpdateTable", json!({"TableName": "things", "StreamSpecification": stream}));
    wire.ok(
        "UpdateTimeToLive",
        json!({"TableName": "things",
        "TimeToLiveSpecification": {"Enabled": true, "AttributeName": "ends"}}),
    );
    wire.ok("TagResource", json!({"ResourceArn": format!("{ARN}things"), "Tags": [{"Key": "a", "Value": "b"}]}));
    let before = items(&wire, "things");
    let arn = backup(&wire, "things", "mine");
    let features = described(&wire, &arn)["SourceTableFeatureDetails"].clone();
    assert_eq!(features["StreamDescription"]["StreamViewType"], "KEYS_ONLY");
    assert_eq!(features["TimeToLiveDescription"]["AttributeName"], "ends");
    fill(&wire, 30);
    wire.ok("DeleteTable", json!({"TableName": "things"}));
    assert_eq!(described(&wire, &arn)["BackupDetails"]["BackupStatus"], "AVAILABLE");

    let answer = restore(&wire, &arn, "again", json!({}));
    assert_eq!(answer["TableStatus"], "CREATING");
    let summary = &answer["RestoreSummary"];
    assert_eq!((&summary["SourceBackupArn"], &summary["RestoreInProgress"]), (&json!(arn), &json!(true)));
    assert_eq!(summary["SourceTableArn"], format!("{ARN}things"));
    assert_eq!(answer["GlobalSecondaryIndexes"][0]["IndexStatus"], Value::Null);
    let table = wait_active(&wire, "again");
    assert_eq!(table["RestoreSummary"], Value::Null);
    assert_eq!(
        (&table["StreamSpecification"], &table["GlobalSecondaryIndexes"][0]["IndexName"]),
        (&Value::Null, &json!("by_kind"))
    );
    assert_eq!(items(&wire, "again"), before);
    let by_index = wire.ok("Scan", json!({"TableName": "again", "IndexName": "by_kind", "Select": "COUNT"}));
    assert_eq!(by_index["Count"], 20);
    let ttl = wire.ok("DescribeTimeToLive", json!({"TableName": "again"}));
    assert_eq!(ttl["TimeToLiveDescription"]["TimeToLiveStatus"], "DISABLED");
    assert_eq!(wire.ok("ListTagsOfResource", json!({"ResourceArn": format!("{ARN}again")}))["Tags"], json!([]));

    let (name, text) = wire.error("RestoreTableFromBackup", json!({"BackupArn": arn, "TargetTableName": "again"}));
    assert_eq!((name.as_str(), text.as_str()), ("TableAlreadyExistsException", "Table already exists: again"));
    wire.ok("DeleteBackup", json!({"BackupArn": arn}));
    let (name, _) = wire.error("RestoreTableFromBackup", json!({"BackupArn": arn, "TargetTableName": "third"}));
    assert_eq!(name, "BackupNotFoundException");
}

#[test]
fn while_a_table_is_restored_it_is_in_use() {
    let wire = service();
    fill(&wire, 3);
    let arn = backup(&wire, "things", "mine");
    wire.clock.advance(Duration::from_secs(1));
    restore(&wire, &arn, "target", json!({}));
    let table = wire.ok("DescribeTable", json!({"TableName": "target"}))["Table"].clone();
    assert_eq!((&table["TableStatus"], &table["RestoreSummary"]["SourceBackupArn"]), (&json!("CREATING"), &json!(arn)));
    let is = |error: (String, String), name: &str, text: &str| assert_eq!(error, (name.to_owned(), text.to_owned()));
    is(
        wire.error("RestoreTableFromBackup", json!({"BackupArn": arn, "TargetTableName": "target"})),
        "TableInUseException",
        &format!("Table: target is already being restored from backup: {arn}"),
    );
    is(
        wire.error("RestoreTableFromBackup", json!({"BackupArn": arn, "TargetTableName": "other"})),
        "BackupInUseException",
        &format!("Backup is being used to restore another table: {arn}"),
    );
    is(
        wire.error("DeleteBackup", json!({"BackupArn": arn})),
        "BackupInUseException",
        &format!("Backup is being used to restore table: {arn}"),
    );
    let create = json!({
        "TableName": "target", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]});
    is(wire.error("CreateTable", create), "ResourceInUseException", "Table is being used: target");
    for (operation, request, name) in [
        ("GetItem", json!({"TableName": "target", "Key": key("a", 1)}), "ResourceNotFoundException"),
        ("PutItem", json!({"TableName": "target", "Item": key("a", 1)}), "ResourceNotFoundException"),
        (
            "TagResource",
            json!({"ResourceArn": format!("{ARN}target"), "Tags": [{"Key": "a", "Value": "b"}]}),
            "ResourceNotFoundException",
        ),
        ("UpdateTable", json!({"TableName": "target", "DeletionProtectionEnabled": true}), "ResourceNotFoundException"),
        (
            "UpdateContinuousBackups",
            json!({"TableName": "target",
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": true}}),
            "TableNotFoundException",
        ),
        ("CreateBackup", json!({"TableName": "target", "BackupName": "mine"}), "TableNotFoundException"),
        ("DeleteTable", json!({"TableName": "target"}), "ResourceInUseException"),
    ] {
        assert_eq!(wire.error(operation, request).0, name, "{operation}");
    }
    wire.clock.advance(Duration::from_secs(120));
    let table = wait_active(&wire, "target");
    assert_eq!(table["RestoreSummary"], Value::Null);
    assert_eq!(items(&wire, "target").len(), 3);
}

#[test]
fn overrides_go_with_billing_and_recorded_indexes() {
    let wire = Wire::with_table();
    fill(&wire, 2);
    let arn = backup(&wire, "things", "mine");
    let units = json!({"ReadCapacityUnits": 5, "WriteCapacityUnits": 6});
    let refused = |more: Value| {
        wire.invalid("RestoreTableFromBackup", merged(json!({"BackupArn": arn, "TargetTableName": "new"}), more))
    };
    let ir = |text: &str| format!("Invalid Request: {text}");
    assert_eq!(
        refused(json!({"BillingModeOverride": "PROVISIONED"})),
        ir("Must override ProvisionedThroughput if BillingMode is overridden to PROVISIONED")
    );
    assert_eq!(
        refused(json!({"ProvisionedThroughputOverride": units})),
        ir("Cannot override ProvisionedThroughput unless BillingMode is PROVISIONED")
    );
    assert_eq!(
        refused(json!({"BillingModeOverride": "PAY_PER_REQUEST", "ProvisionedThroughputOverride": units})),
        ir("Cannot override ProvisionedThroughput if BillingMode is overridden to PAY_PER_REQUEST")
    );
    let provisioned = json!({"BillingModeOverride": "PROVISIONED", "ProvisionedThroughputOverride": units});
    assert_eq!(refused(provisioned.clone()), ir("Must specify provisioned throughput for index by_kind"));
    let index = |name: &str, kind: &str| {
        json!([{
        "IndexName": name, "Projection": {"ProjectionType": kind},
        "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}, {"AttributeName": "rank", "KeyType": "RANGE"}]}])
    };
    assert_eq!(
        refused(json!({"GlobalSecondaryIndexOverride": index("by_kind", "KEYS_ONLY")})),
        ir(
            "Index by_kind does not match a secondary index that existed in the source table and cannot be created during the \
            restore operation"
        )
    );
    assert_eq!(
        refused(json!({"OnDemandThroughputOverride": {"MaxReadRequestUnits": 0}})),
        ir("Requested MaxReadRequestUnits for OnDemandThroughput is outside of valid range")
    );

    restore(&wire, &arn, "none", json!({"GlobalSecondaryIndexOverride": [], "LocalSecondaryIndexOverride": []}));
    let table = wait_active(&wire, "none");
    assert_eq!((&table["GlobalSecondaryIndexes"], &table["LocalSecondaryIndexes"]), (&Value::Null, &Value::Null));
    restore(&wire, &arn, "renamed", json!({"GlobalSecondaryIndexOverride": index("another", "ALL")}));
    let table = wait_active(&wire, "renamed");
    assert_eq!(table["GlobalSecondaryIndexes"][0]["IndexName"], "another");
    assert_eq!(wire.ok("Scan", json!({"TableName": "renamed", "IndexName": "another"}))["Count"], 2);
    restore(&wire, &arn, "paid", merged(provisioned, json!({"GlobalSecondaryIndexOverride": []})));
    let table = wait_active(&wire, "paid");
    assert_eq!(table["ProvisionedThroughput"]["WriteCapacityUnits"], 6);
}
