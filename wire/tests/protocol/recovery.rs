#![expect(clippy::disallowed_methods, reason = "the test looks at the folder of objects from outside")]
//! Point-in-time recovery, and what survives the end of a process.

use crate::{
    backups::{eventually, fill, items, wait_active},
    support::{Wire, key, merged},
    transfers::with_bucket,
};
use hashrange::{
    Clock, Database,
    history::{ArchiveOptions, ArchivePlace},
};
use hashrange_wire::{
    Protocol, Timing,
    objects::{FolderStore, ObjectStore, ObjectWriter},
};
use serde_json::{Value, json};
use std::{
    fs,
    io::{self, Read, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

const ARN: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/things";

pub(crate) fn switch(wire: &Wire, on: bool) -> Value {
    let recovery = json!({"PointInTimeRecoveryEnabled": on});
    wire.ok("UpdateContinuousBackups", json!({"TableName": "things", "PointInTimeRecoverySpecification": recovery}))
}

fn window(wire: &Wire) -> (f64, f64) {
    let answer = wire.ok("DescribeContinuousBackups", json!({"TableName": "things"}));
    let recovery = &answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"];
    let time = |name: &str| recovery[name].as_f64().unwrap();
    (time("EarliestRestorableDateTime"), time("LatestRestorableDateTime"))
}

fn now(wire: &Wire) -> f64 {
    Duration::from_millis(wire.clock.now_millis()).as_secs_f64()
}

fn restore(wire: &Wire, target: &str, more: Value) -> Vec<Value> {
    let request = merged(json!({"SourceTableName": "things", "TargetTableName": target}), more);
    let answer = wire.ok("RestoreTableToPointInTime", request)["TableDescription"].clone();
    assert_eq!(
        (&answer["TableStatus"], &answer["RestoreSummary"]["SourceBackupArn"]),
        (&json!("CREATING"), &Value::Null)
    );
    wait_active(wire, target);
    items(wire, target)
}

fn pks(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["pk"]["S"].as_str().unwrap()).collect()
}

#[test]
fn the_window_moves_with_the_clock() {
    let Wire { protocol, clock } = Wire::with_table();
    let wire = Wire { protocol: protocol.timing(Timing::Service), clock };
    wire.clock.advance(Duration::from_secs(60));
    let begun = now(&wire);
    let answer = switch(&wire, true);
    let recovery = &answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"];
    assert_eq!(
        (&recovery["PointInTimeRecoveryStatus"], &recovery["RecoveryPeriodInDays"]),
        (&json!("ENABLED"), &json!(35))
    );
    assert_eq!(window(&wire), (begun, begun));
    wire.clock.advance(Duration::from_secs(299));
    assert_eq!(window(&wire), (begun, begun));
    wire.clock.advance(Duration::from_secs(301));
    assert_eq!(window(&wire), (begun, begun + 300.0));
    let (name, text) = wire.error(
        "RestoreTableToPointInTime",
        json!({"SourceTableName": "things", "TargetTableName": "new", "RestoreDateTime": begun + 301.0}),
    );
    assert_eq!(name, "InvalidRestoreTimeException");
    assert_eq!(
        text,
        "RestoreDateTime '2026-01-01T00:06:01.000Z' must be within EarliestRestorableDateTime \
        '2026-01-01T00:01:00.000Z' and LatestRestorableDateTime '2026-01-01T00:06:00.000Z'"
    );
}

#[test]
fn a_table_is_restored_to_the_moment_that_is_asked_for() {
    let wire = Wire::with_table();
    switch(&wire, true);
    let begun = wire.clock.now_millis() / 1000;
    wire.clock.advance(Duration::from_millis(10_200));
    wire.put(key("a", 1));
    assert!(window(&wire).1 >= now(&wire), "what is written can be restored at once");
    wire.clock.advance(Duration::from_millis(1_200));
    wire.put(key("b", 1));
    assert_eq!(pks(&restore(&wire, "at11", json!({"RestoreDateTime": begun + 11}))), ["a"]);
    assert_eq!(pks(&restore(&wire, "at12", json!({"RestoreDateTime": begun + 12}))), ["a", "b"]);
    assert_eq!(pks(&restore(&wire, "at10", json!({"RestoreDateTime": begun + 10}))), [] as [&str; 0]);
    wire.clock.advance(Duration::from_secs(5));
    wire.ok("DeleteItem", json!({"TableName": "things", "Key": key("a", 1)}));
    assert_eq!(pks(&restore(&wire, "latest", json!({"UseLatestRestorableTime": true}))), ["b"]);
    // Settings are the present ones, also where the moment is an earlier one.
    let index = json!({"Create": {"IndexName": "late", "KeySchema": [{"AttributeName": "late", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"}}});
    wire.ok(
        "UpdateTable",
        json!({"TableName": "things", "GlobalSecondaryIndexUpdates": [index],
        "AttributeDefinitions": [{"AttributeName": "late", "AttributeType": "S"}]}),
    );
    eventually(|| wire.ok("DescribeTable", json!({"TableName": "things"}))["Table"]["TableStatus"] == "ACTIVE");
    restore(&wire, "indexed", json!({"RestoreDateTime": begun + 11}));
    let table = wire.ok("DescribeTable", json!({"TableName": "indexed"}));
    assert_eq!(table["Table"]["GlobalSecondaryIndexes"].as_array().unwrap().len(), 2);
}

#[test]
fn what_a_restore_names_is_checked_in_order() {
    let wire = Wire::with_table();
    let operation = "RestoreTableToPointInTime";
    let request = |more: Value| merged(json!({"SourceTableName": "things", "TargetTableName": "new"}), more);
    let both = json!({"RestoreDateTime": 1, "UseLatestRestorableTime": true});
    assert!(wire.invalid(operation, request(both)).starts_with("Invalid Request: Both RestoreDateTime and "));
    let neither =
        "Invalid Request: Either one of RestoreDateTime or UseLatestRestorableTime must be specified, but not both";
    assert_eq!(wire.invalid(operation, request(json!({}))), neither);
    assert_eq!(wire.invalid(operation, request(json!({"UseLatestRestorableTime": false}))), neither);
    let (name, text) = wire.error(operation, request(json!({"RestoreDateTime": 1})));
    assert_eq!(name, "PointInTimeRecoveryUnavailableException");
    assert_eq!(text, "Point in time recovery is not enabled for table 'things'");
    switch(&wire, true);
    wire.clock.advance(Duration::from_secs(2));
    assert_eq!(wire.error(operation, request(json!({"RestoreDateTime": 1}))).0, "InvalidRestoreTimeException");
    let latest = json!({"UseLatestRestorableTime": true});
    let onto_itself = merged(request(latest.clone()), json!({"TargetTableName": "things"}));
    assert_eq!(wire.error(operation, onto_itself).0, "TableAlreadyExistsException");
    let missing = json!({"SourceTableName": "missing", "TargetTableName": "things"});
    assert_eq!(wire.error(operation, merged(missing, latest.clone())).0, "TableNotFoundException");
    let arn = json!({"SourceTableArn": "nonsense", "TargetTableName": "new"});
    assert_eq!(
        wire.invalid(operation, merged(arn, latest.clone())),
        "One or more parameter values were invalid: sourceTableArn is not a valid ARN"
    );
    let both = json!({"SourceTableArn": ARN});
    assert_eq!(
        wire.invalid(operation, merged(request(latest), both)),
        "Must provide exactly one of: sourceTableArn, sourceTableName"
    );
}

#[test]
fn a_clock_that_goes_back_reorders_nothing() {
    let clock = Clock::manual(1_767_225_600_000);
    let database = Database::options().clock(clock.clone()).in_memory().unwrap();
    let wire = Wire { protocol: Protocol::new(database), clock };
    wire.create_things();
    switch(&wire, true);
    wire.clock.advance(Duration::from_secs(100));
    wire.put(key("first", 1));
    wire.clock.set_millis(wire.clock.now_millis() - 60_000);
    wire.put(key("second", 1));
    wire.clock.set_millis(wire.clock.now_millis() + 120_000);
    let begun = wire.clock.now_millis() / 1000 - 160;
    for at in [10, 50, 99, 100, 150] {
        let found = restore(&wire, &format!("at{at}"), json!({"RestoreDateTime": begun + at}));
        let found = pks(&found);
        assert!(!found.contains(&"second") || found.contains(&"first"), "{at}: {found:?}");
    }
}

#[test]
fn a_fork_has_a_history_of_its_own() {
    let wire = Wire::with_table();
    switch(&wire, true);
    wire.clock.advance(Duration::from_secs(100));
    wire.put(key("a", 1));
    wire.clock.advance(Duration::from_secs(100));
    let clock = wire.clock.clone();
    let copy = Wire { protocol: Protocol::new(wire.protocol.database().fork().unwrap()), clock };
    copy.protocol.resume();
    let begun = copy.clock.now_millis() / 1000;
    let earliest = window(&copy).0;
    assert!(((begun - 100) as f64..=begun as f64).contains(&earliest), "{earliest}");
    copy.clock.advance(Duration::from_secs(10));
    copy.put(key("b", 1));
    assert_eq!(pks(&restore(&copy, "then", json!({"RestoreDateTime": begun + 5}))), ["a"]);
    assert_eq!(pks(&restore(&copy, "now", json!({"UseLatestRestorableTime": true}))), ["a", "b"]);
}

#[test]
fn a_deleted_table_with_recovery_leaves_a_backup() {
    let wire = Wire::with_table();
    fill(&wire, 5);
    switch(&wire, true);
    wire.ok("DeleteTable", json!({"TableName": "things"}));
    let list = |kind: &str| {
        wire.ok("ListBackups", json!({"TableName": "things", "BackupType": kind}))["BackupSummaries"].clone()
    };
    assert_eq!(list("USER"), json!([]));
    let system = list("SYSTEM")[0].clone();
    assert_eq!((&system["BackupName"], &system["BackupType"]), (&json!("things$DeletedTableBackup"), &json!("SYSTEM")));
    let (created, expiry) = (&system["BackupCreationDateTime"], &system["BackupExpiryDateTime"]);
    assert_eq!(expiry.as_f64().unwrap() - created.as_f64().unwrap(), 35.0 * 86_400.0);
    let arn = system["BackupArn"].as_str().unwrap().to_owned();
    assert!(arn.ends_with("-00000000"));
    assert_eq!(
        wire.ok("DescribeBackup", json!({"BackupArn": arn}))["BackupDescription"]["SourceTableFeatureDetails"],
        json!({})
    );
    let text = wire.invalid("DeleteBackup", json!({"BackupArn": arn}));
    assert!(
        text.starts_with(&format!("Invalid Request: User is not allowed to delete the system backup with arn {arn}."))
    );
    let (name, _) = wire.error(
        "RestoreTableToPointInTime",
        json!({"SourceTableName": "things", "TargetTableName": "new", "UseLatestRestorableTime": true}),
    );
    assert_eq!(name, "TableNotFoundException");
    wire.ok("RestoreTableFromBackup", json!({"BackupArn": arn, "TargetTableName": "things"}));
    wait_active(&wire, "things");
    assert_eq!(items(&wire, "things").len(), 5);
    wire.clock.advance(Duration::from_secs(35 * 86_400));
    assert_eq!(list("ALL"), json!([]));
}

#[test]
fn an_incremental_export_has_a_line_for_each_key_that_was_written() {
    let (wire, folder) = with_bucket(Wire::with_table());
    let value = |v: &str| json!({"v": {"S": v}});
    switch(&wire, true);
    wire.clock.advance(Duration::from_secs(100));
    for pk in ["c", "d", "e"] {
        wire.put(merged(key(pk, 1), value("old")));
    }
    wire.clock.advance(Duration::from_secs(100));
    let from = wire.clock.now_millis() / 1000;
    wire.clock.advance(Duration::from_secs(100));
    wire.put(merged(key("a", 1), value("new")));
    wire.put(merged(key("b", 1), value("new")));
    wire.ok("DeleteItem", json!({"TableName": "things", "Key": key("b", 1)}));
    wire.put(merged(key("c", 1), value("new")));
    let written = wire.clock.now_millis();
    wire.ok("DeleteItem", json!({"TableName": "things", "Key": key("d", 1)}));
    wire.clock.advance(Duration::from_secs(1_000));
    let to = wire.clock.now_millis() / 1000;
    wire.clock.advance(Duration::from_secs(10));
    wire.put(merged(key("late", 1), value("new")));
    let lines = |view: &str| -> Vec<Value> {
        let answer = wire.ok(
            "ExportTableToPointInTime",
            json!({"TableArn": ARN, "S3Bucket": "mine", "ExportType": "INCREMENTAL_EXPORT",
            "S3Prefix": view,
            "IncrementalExportSpecification": {"ExportFromTime": from, "ExportToTime": to, "ExportViewType": view}}),
        );
        let arn = answer["ExportDescription"]["ExportArn"].clone();
        let described = || wire.ok("DescribeExport", json!({"ExportArn": arn}))["ExportDescription"].clone();
        eventually(|| described()["ExportStatus"] != "IN_PROGRESS");
        let done = described();
        assert_eq!(
            (&done["ExportStatus"], &done["BilledSizeBytes"]),
            (&json!("COMPLETED"), &json!(10_000_000)),
            "{done}"
        );
        let summary = fs::read(folder.path().join("mine").join(done["ExportManifest"].as_str().unwrap())).unwrap();
        let summary: Value = serde_json::from_slice(&summary).unwrap();
        assert_eq!(
            (&summary["version"], &summary["outputView"], &summary["exportType"]),
            (&json!("2023-08-01"), &json!(view), &json!("INCREMENTAL_EXPORT"))
        );
        let mut lines = Vec::new();
        for file in fs::read_dir(folder.path().join("mine").join(view).join("AWSDynamoDB/data")).unwrap() {
            let mut text = String::new();
            let bytes = fs::read(file.unwrap().path()).unwrap();
            flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
            lines.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        }
        lines.sort_by_key(|line| line["Keys"].to_string());
        lines
    };
    let both = lines("NEW_AND_OLD_IMAGES");
    assert_eq!(both.iter().map(|line| line["Keys"]["pk"]["S"].as_str().unwrap()).collect::<Vec<_>>(), ["a", "c", "d"]);
    assert_eq!(both[0]["NewImage"]["v"], json!({"S": "new"}));
    assert_eq!(both[0]["OldImage"], Value::Null);
    assert_eq!((&both[1]["OldImage"]["v"], &both[1]["NewImage"]["v"]), (&json!({"S": "old"}), &json!({"S": "new"})));
    assert_eq!((&both[2]["OldImage"]["v"], &both[2]["NewImage"]), (&json!({"S": "old"}), &Value::Null));
    assert_eq!(both[1]["Metadata"]["WriteTimestampMicros"]["N"], (written * 1000).to_string());
    let new = lines("NEW_IMAGE");
    assert!(
        new.len() == 3 && new.iter().all(|line| line["OldImage"] == Value::Null) && new[2]["NewImage"] == Value::Null
    );
}

/// A protocol over a folder.
pub(crate) fn open(folder: &Path, clock: &Clock, timing: Timing) -> Wire {
    let database = Database::options().clock(clock.clone()).open(folder).unwrap();
    let protocol = Protocol::new(database).timing(timing);
    Wire { protocol, clock: clock.clone() }
}

/// Ends a protocol as the end of a server does.
pub(crate) fn end(wire: Wire) {
    wire.protocol.pause();
    wire.protocol.database().clone().close().unwrap();
}

#[test]
fn what_was_promised_is_kept_across_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(1_767_225_600_000);
    let wire = open(folder.path(), &clock, Timing::Instant);
    wire.create_things();
    fill(&wire, 40);
    let before = items(&wire, "things");
    let answer = wire.ok("CreateBackup", json!({"TableName": "things", "BackupName": "mine"}));
    let arn = answer["BackupDetails"]["BackupArn"].as_str().unwrap().to_owned();
    wire.ok("DeleteTable", json!({"TableName": "things"}));
    end(wire);

    // A restore that takes its time does not end before the process does.
    clock.advance(Duration::from_secs(10));
    let wire = open(folder.path(), &clock, Timing::Service);
    wire.ok("RestoreTableFromBackup", json!({"BackupArn": arn, "TargetTableName": "again"}));
    assert_eq!(wire.ok("DescribeTable", json!({"TableName": "again"}))["Table"]["TableStatus"], "CREATING");
    end(wire);

    let wire = open(folder.path(), &clock, Timing::Instant);
    wire.protocol.resume();
    wait_active(&wire, "again");
    assert_eq!(items(&wire, "again"), before);
    assert_eq!(
        wire.ok("DescribeBackup", json!({"BackupArn": arn}))["BackupDescription"]["BackupDetails"]["BackupStatus"],
        "AVAILABLE"
    );
    // A copy that no row speaks of is what a killed process left.
    let orphan = folder.path().join("backups/01767225600000-0badcafe");
    fs::create_dir(&orphan).unwrap();
    wire.ok("DeleteBackup", json!({"BackupArn": arn}));
    end(wire);
    let wire = open(folder.path(), &clock, Timing::Instant);
    wire.protocol.resume();
    assert_eq!(fs::read_dir(folder.path().join("backups")).unwrap().count(), 0);
    end(wire);
}

/// A store whose writes fail after so many.
#[derive(Debug)]
struct Failing {
    store: FolderStore,
    left: Arc<AtomicI64>,
}

struct FailingWriter {
    object: Box<dyn ObjectWriter>,
    left: Arc<AtomicI64>,
}

fn spend(left: &AtomicI64) -> io::Result<()> {
    if left.fetch_sub(1, Ordering::SeqCst) > 0 { Ok(()) } else { Err(io::Error::other("the store is gone")) }
}

impl ObjectStore for Failing {
    fn has_bucket(&self, bucket: &str) -> io::Result<bool> {
        self.store.has_bucket(bucket)
    }
    fn list(&self, bucket: &str, prefix: &str) -> io::Result<Vec<String>> {
        self.store.list(bucket, prefix)
    }
    fn read(&self, bucket: &str, key: &str) -> io::Result<Box<dyn Read + Send>> {
        self.store.read(bucket, key)
    }
    fn write(&self, bucket: &str, key: &str) -> io::Result<Box<dyn ObjectWriter>> {
        spend(&self.left)?;
        Ok(Box::new(FailingWriter { object: self.store.write(bucket, key)?, left: self.left.clone() }))
    }
    fn create(&self, bucket: &str, key: &str, bytes: &[u8]) -> io::Result<bool> {
        spend(&self.left)?;
        self.store.create(bucket, key, bytes)
    }
    fn remove(&self, bucket: &str, key: &str) -> io::Result<()> {
        self.store.remove(bucket, key)
    }
}

impl Write for FailingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        spend(&self.left)?;
        self.object.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.object.flush()
    }
}

impl ObjectWriter for FailingWriter {
    fn finish(self: Box<Self>) -> io::Result<()> {
        spend(&self.left)?;
        self.object.finish()
    }
}

#[test]
fn an_export_that_fails_at_any_write_is_not_taken_for_a_whole_one() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("mine")).unwrap();
    let left = Arc::new(AtomicI64::new(0));
    let store = Failing { store: FolderStore::open(folder.path()).unwrap(), left: left.clone() };
    let Wire { protocol, clock } = Wire::with_table();
    let wire = Wire { protocol: protocol.objects(Arc::new(store)), clock };
    fill(&wire, 8);
    switch(&wire, true);
    let mut failures = 0;
    loop {
        left.store(failures, Ordering::SeqCst);
        let answer = wire.ok("ExportTableToPointInTime", json!({"TableArn": ARN, "S3Bucket": "mine"}));
        let arn = answer["ExportDescription"]["ExportArn"].as_str().unwrap().to_owned();
        let described = || wire.ok("DescribeExport", json!({"ExportArn": arn}))["ExportDescription"].clone();
        eventually(|| described()["ExportStatus"] != "IN_PROGRESS");
        let root = folder.path().join("mine/AWSDynamoDB").join(arn.rsplit('/').next().unwrap());
        let is_marked = root.join("manifest-summary.md5").exists();
        assert_eq!(is_marked, described()["ExportStatus"] == "COMPLETED", "after {failures} writes");
        assert_eq!(described()["ExportManifest"] == Value::Null, !is_marked);
        if is_marked {
            break;
        }
        failures += 1;
    }
    assert!(failures > 15, "{failures}");
    assert_eq!(fs::read_dir(folder.path().join("mine/.hashrange-parts")).unwrap().count(), 0);
}

#[test]
fn a_rejected_deletion_leaves_no_backup() {
    let wire = Wire::with_options(|options| options.background(false));
    wire.create_things();
    switch(&wire, true);
    wire.put(key("a", 1));
    let create = json!([{"Create": {"IndexName": "late", "Projection": {"ProjectionType": "KEYS_ONLY"},
        "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}]}}]);
    wire.ok(
        "UpdateTable",
        json!({"TableName": "things", "GlobalSecondaryIndexUpdates": create,
        "AttributeDefinitions": [{"AttributeName": "kind", "AttributeType": "S"}]}),
    );
    let (name, text) = wire.error("DeleteTable", json!({"TableName": "things"}));
    assert_eq!(name, "ResourceInUseException", "{text}");
    assert_eq!(wire.ok("ListBackups", json!({"BackupType": "ALL"}))["BackupSummaries"], json!([]));
}

#[test]
fn an_archive_keeps_the_history_that_it_is_made_of() {
    let wire = Wire::with_table();
    let database = wire.protocol.database();
    let place = ArchivePlace::new(Arc::new(hashrange::file::MemoryStore::new()), "", "").unwrap();
    let archiving = database.archive_to(place, ArchiveOptions::default()).unwrap();
    for on in [true, false] {
        switch(&wire, on);
        assert!(database.history_options().is_some(), "{on}");
    }
    drop(archiving);
    switch(&wire, false);
    assert!(database.history_options().is_none(), "no table wants it any more");
}
