//! Jobs beside other requests, beside each other, and across the end of a process.

use crate::{
    backups::{backup, eventually, fill, items, service, wait_active},
    bulk::{bulk, finished as bulk_finished},
    recovery::{end, open, switch},
    support::{Wire, key, merged},
    transfers::{ARN, export, import, put, source, with_bucket},
};
use hashrange::{Clock, Database, accelerator::AcceleratorOptions};
use hashrange_wire::{
    Protocol, Timing,
    objects::{FolderStore, ObjectStore, ObjectWriter},
};
use serde_json::{Value, json};
use std::{
    io::{self, Read},
    path::Path,
    sync::Arc,
    thread,
    time::Duration,
};

#[test]
fn the_second_in_which_recovery_began_can_be_exported() {
    let (wire, _folder) = with_bucket(Wire::new());
    let second = wire.clock.now_millis() / 1000;
    wire.clock.advance(Duration::from_millis(200));
    wire.create_things();
    wire.put(key("before", 1));
    wire.clock.advance(Duration::from_millis(100));
    switch(&wire, true);
    wire.clock.advance(Duration::from_millis(100));
    wire.put(key("after", 1));
    wire.clock.advance(Duration::from_secs(5));
    let done = export(&wire, json!({"ExportTime": second}));
    assert_eq!((&done["ExportStatus"], &done["ItemCount"]), (&json!("COMPLETED"), &json!(1)), "{done}");
    assert_eq!(done["ExportTime"].as_f64(), Some(Duration::from_secs(second).as_secs_f64()));
    // The same from the side of changes: history has nothing of before its first moment.
    wire.clock.advance(Duration::from_secs(3_600));
    let span = json!({"ExportFromTime": second, "ExportToTime": second + 1_800});
    let done = export(&wire, json!({"ExportType": "INCREMENTAL_EXPORT", "IncrementalExportSpecification": span}));
    assert_eq!((&done["ExportStatus"], &done["ItemCount"]), (&json!("COMPLETED"), &json!(1)), "{done}");
}

#[test]
fn recovery_that_is_on_has_history() {
    let wire = Wire::with_table();
    wire.ok(
        "CreateTable",
        json!({"TableName": "others", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]}),
    );
    let set = |table: &str, on: bool| {
        let recovery = json!({"PointInTimeRecoveryEnabled": on});
        wire.ok("UpdateContinuousBackups", json!({"TableName": table, "PointInTimeRecoverySpecification": recovery}));
    };
    for _ in 0..100 {
        set("things", true);
        thread::scope(|scope| {
            scope.spawn(|| set("things", false));
            scope.spawn(|| set("others", true));
        });
        assert!(wire.protocol.database().history_options().is_some(), "a table has point-in-time recovery");
        set("others", false);
        assert!(wire.protocol.database().history_options().is_none(), "no table wants it any more");
    }
}

#[test]
fn an_export_gives_up_the_history_that_only_it_needed() {
    let (wire, _folder) = with_bucket(service());
    wire.clock.advance(Duration::from_secs(3_600));
    switch(&wire, true);
    wire.clock.advance(Duration::from_secs(3_600));
    let begun = wire.ok("ExportTableToPointInTime", json!({"TableArn": ARN, "S3Bucket": "mine"}));
    switch(&wire, false);
    let keeps_history = || wire.protocol.database().history_options().is_some();
    assert!(keeps_history(), "the export needs it");
    wire.clock.advance(Duration::from_secs(24 * 3_600));
    let arn = json!({"ExportArn": begun["ExportDescription"]["ExportArn"]});
    let described = || wire.ok("DescribeExport", arn.clone())["ExportDescription"].clone();
    eventually(|| described()["ExportStatus"] != "IN_PROGRESS");
    assert_eq!(described()["ExportStatus"], "COMPLETED");
    eventually(|| !keeps_history());
}

#[test]
fn a_backup_holds_its_table_only_whatever_the_others_are_doing() {
    let folder = tempfile::tempdir().unwrap();
    // Without background work the index of the other table is never filled.
    let clock = Clock::manual(1_767_225_600_000);
    let database = Database::options().clock(clock.clone()).background(false).open(folder.path()).unwrap();
    let wire = Wire { protocol: Protocol::new(database), clock };
    wire.create_things();
    fill(&wire, 3);
    let attributes = json!([{"AttributeName": "pk", "AttributeType": "S"}]);
    wire.ok(
        "CreateTable",
        json!({"TableName": "others", "BillingMode": "PAY_PER_REQUEST", "AttributeDefinitions": attributes,
        "DeletionProtectionEnabled": true, "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]}),
    );
    wire.ok("PutItem", json!({"TableName": "others", "Item": {"pk": {"S": "a"}}}));
    let create = json!([{"Create": {"IndexName": "late", "Projection": {"ProjectionType": "KEYS_ONLY"},
        "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}]}}]);
    wire.ok(
        "UpdateTable",
        json!({"TableName": "others", "GlobalSecondaryIndexUpdates": create,
        "AttributeDefinitions": [{"AttributeName": "kind", "AttributeType": "S"}]}),
    );
    let arn = backup(&wire, "things", "mine");
    // A restore begins when the backup was counted.
    wire.ok("RestoreTableFromBackup", json!({"BackupArn": arn, "TargetTableName": "again"}));
    wait_active(&wire, "again");
    assert_eq!(items(&wire, "again").len(), 3);
    end(wire);
    let copy = Database::open(folder.path().join("backups").join(arn.rsplit('/').next().unwrap())).unwrap();
    assert_eq!(copy.list_tables(), ["things"]);
}

/// A store whose objects cannot be read to their end.
#[derive(Debug)]
struct Cut(FolderStore);

struct CutObject(io::Take<Box<dyn Read + Send>>);

impl Read for CutObject {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self.0.read(bytes)? {
            0 => Err(io::Error::new(io::ErrorKind::ConnectionReset, "the connection is lost")),
            read => Ok(read),
        }
    }
}

impl ObjectStore for Cut {
    fn has_bucket(&self, bucket: &str) -> io::Result<bool> {
        self.0.has_bucket(bucket)
    }
    fn list(&self, bucket: &str, prefix: &str) -> io::Result<Vec<String>> {
        self.0.list(bucket, prefix)
    }
    fn read(&self, bucket: &str, key: &str) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(CutObject(self.0.read(bucket, key)?.take(150))))
    }
    fn write(&self, bucket: &str, key: &str) -> io::Result<Box<dyn ObjectWriter>> {
        self.0.write(bucket, key)
    }
    fn create(&self, bucket: &str, key: &str, bytes: &[u8]) -> io::Result<bool> {
        self.0.create(bucket, key, bytes)
    }
    fn remove(&self, bucket: &str, key: &str) -> io::Result<()> {
        self.0.remove(bucket, key)
    }
}

fn line(pk: &str, more: &str) -> String {
    format!("{{\"Item\":{{\"pk\":{{\"S\":\"{pk}\"}},\"sk\":{{\"N\":\"1\"}}{more}}}}}\n")
}

#[test]
fn a_lost_connection_is_no_bad_item() {
    let (wire, folder) = with_bucket(Wire::new());
    put(&folder, "in/a", (0..9).map(|n| line(&format!("p{n}"), "")).collect::<String>());
    let Wire { protocol, clock } = wire;
    let store = Cut(FolderStore::open(folder.path()).unwrap());
    let wire = Wire { protocol: protocol.objects(Arc::new(store)), clock };
    let failed = import(&wire, "cut", source("in/"));
    assert_eq!((&failed["ImportStatus"], &failed["FailureCode"]), (&json!("FAILED"), &json!("InternalServerError")));
    assert!(failed["FailureMessage"].as_str().unwrap().contains("the connection is lost"), "{failed}");
    let (name, _) = wire.error("DescribeTable", json!({"TableName": "cut"}));
    assert_eq!(name, "ResourceNotFoundException", "a table that is not whole is none");
}

/// A protocol over a folder, with the buckets of another one.
fn open_with(folder: &Path, buckets: &Path, clock: &Clock) -> Wire {
    let Wire { protocol, clock } = open(folder, clock, Timing::Instant);
    Wire { protocol: protocol.objects(Arc::new(FolderStore::open(buckets).unwrap())), clock }
}

#[test]
fn a_bulk_write_goes_on_where_it_was_and_overwrites_nothing_newer() {
    let (Wire { clock, .. }, buckets) = with_bucket(Wire::new());
    let folder = tempfile::tempdir().unwrap();
    let long = format!(",\"x\":{{\"S\":\"{}\"}}", "x".repeat(200_000));
    let bad = "{\"Item\":{\"pk\":{\"S\":\"x\"}}}\n".to_owned();
    put(&buckets, "in/a", [bad, (0..4).map(|n| line(&format!("p{n}"), &long)).collect()].concat());
    put(&buckets, "in/b", (4..8).map(|n| line(&format!("p{n}"), &long)).collect::<String>());
    let wire = open_with(folder.path(), buckets.path(), &clock);
    wire.create_things();
    // Slower than the clock, which stands.
    let slow = bulk(&wire, json!({"MaxWriteRequestUnits": 1_024}));
    eventually(|| wire.get("p5", 1) != Value::Null);
    wire.put(merged(key("p0", 1), json!({"newer": {"BOOL": true}})));
    end(wire);

    clock.advance(Duration::from_secs(3_600));
    let wire = open_with(folder.path(), buckets.path(), &clock);
    wire.protocol.resume();
    let done = bulk_finished(&wire, &slow);
    assert_eq!(done["BulkOperationStatus"], "COMPLETED_WITH_ERRORS", "{done}");
    assert_eq!((&done["ProcessedItemCount"], &done["FailedItemCount"]), (&json!(9), &json!(1)), "{done}");
    assert_ne!(wire.get("p7", 1), Value::Null);
    assert_eq!(wire.get("p0", 1)["newer"], json!({"BOOL": true}), "a put that was done is not done again");
    let id = slow["BulkOperationArn"].as_str().unwrap().rsplit('/').next().unwrap();
    let told = std::fs::read_to_string(buckets.path().join(format!("mine/out/AWSDynamoDB/{id}/error.json"))).unwrap();
    assert_eq!(told.lines().count(), 1, "{told}");
    end(wire);

    // It is listed for 90 days.
    let listed = |days: u64| {
        clock.advance(Duration::from_secs(days * 24 * 3_600));
        let wire = open_with(folder.path(), buckets.path(), &clock);
        let answer = wire.ok("ListBulkOperations", json!({}));
        end(wire);
        answer["BulkOperationsSummaryList"].as_array().unwrap().len()
    };
    assert_eq!((listed(89), listed(2)), (1, 0));
}

#[test]
fn a_bulk_write_puts_nothing_into_another_table_of_the_name() {
    let (Wire { clock, .. }, buckets) = with_bucket(Wire::new());
    let folder = tempfile::tempdir().unwrap();
    let long = format!(",\"x\":{{\"S\":\"{}\"}}", "x".repeat(200_000));
    put(&buckets, "in/a", (0..9).map(|n| line(&format!("p{n}"), &long)).collect::<String>());
    for is_stopped_meanwhile in [false, true] {
        let wire = open_with(folder.path(), buckets.path(), &clock);
        wire.create_things();
        let slow = bulk(&wire, json!({"MaxWriteRequestUnits": 1_024}));
        eventually(|| wire.get("p4", 1) != Value::Null);
        let wire = match is_stopped_meanwhile {
            false => {
                wire.ok("DeleteTable", json!({"TableName": "things"}));
                wire
            }
            true => {
                end(wire);
                // Nothing is taken up again before the table is another one.
                let database = Database::options().clock(clock.clone()).open(folder.path()).unwrap();
                database.delete_table("things").unwrap();
                database.close().unwrap();
                open_with(folder.path(), buckets.path(), &clock)
            }
        };
        wire.create_things();
        clock.advance(Duration::from_secs(3_600));
        wire.protocol.resume();
        assert_eq!(bulk_finished(&wire, &slow)["BulkOperationStatus"], "FAILED");
        assert_eq!(wire.ok("Scan", json!({"TableName": "things"}))["Count"], 0);
        wire.ok("DeleteTable", json!({"TableName": "things"}));
        end(wire);
    }
}

/// All is written, and the time that the service takes is waited for.
#[test]
fn a_bulk_write_that_only_waits_writes_nothing_once_more() {
    let (Wire { clock, .. }, buckets) = with_bucket(Wire::new());
    let folder = tempfile::tempdir().unwrap();
    put(&buckets, "in/a", (0..3).map(|n| line(&format!("p{n}"), "")).collect::<String>());
    let begin = || {
        let Wire { protocol, clock } = open(folder.path(), &clock, Timing::Service);
        Wire { protocol: protocol.objects(Arc::new(FolderStore::open(buckets.path()).unwrap())), clock }
    };
    let wire = begin();
    wire.create_things();
    clock.advance(Duration::from_secs(3_600));
    let request = bulk(&wire, json!({}));
    eventually(|| wire.get("p2", 1) != Value::Null);
    wire.put(merged(key("p0", 1), json!({"newer": {"BOOL": true}})));
    end(wire);

    let wire = begin();
    wire.protocol.resume();
    clock.advance(Duration::from_secs(3_600));
    let done = bulk_finished(&wire, &request);
    assert_eq!((&done["BulkOperationStatus"], &done["ProcessedItemCount"]), (&json!("COMPLETED"), &json!(3)), "{done}");
    assert_eq!(wire.get("p0", 1)["newer"], json!({"BOOL": true}), "a put that was done is not done again");
    end(wire);
}

#[test]
fn tables_that_are_deleted_in_one_moment_leave_a_backup_each() {
    let folder = tempfile::tempdir().unwrap();
    for is_in_memory in [true, false] {
        let options = Database::options().clock(Clock::manual(1_800_000_000_000)).background(false);
        let database = if is_in_memory { options.in_memory() } else { options.open(folder.path()) };
        let protocol = Protocol::new(database.unwrap());
        let wire = Wire { clock: protocol.database().clock().clone(), protocol };
        let names: Vec<String> = (0..6).map(|n| format!("table{n}")).collect();
        for name in &names {
            let keys = json!({"TableName": name, "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]});
            wire.ok("CreateTable", keys);
            wire.ok(
                "UpdateContinuousBackups",
                json!({"TableName": name,
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": true}}),
            );
            wire.ok("PutItem", json!({"TableName": name, "Item": {"pk": {"S": name}}}));
        }
        std::thread::scope(|scope| {
            for name in &names {
                let wire = &wire;
                scope.spawn(move || wire.ok("DeleteTable", json!({"TableName": name})));
            }
        });
        for name in &names {
            let listed = wire.ok("ListBackups", json!({"TableName": name, "BackupType": "SYSTEM"}));
            let [backup] = listed["BackupSummaries"].as_array().unwrap().as_slice() else { panic!("{name}: {listed}") };
            wire.ok("RestoreTableFromBackup", json!({"BackupArn": backup["BackupArn"], "TargetTableName": name}));
            wait_active(&wire, name);
            assert_eq!(items(&wire, name), [json!({"pk": {"S": name}})]);
        }
    }
}

#[test]
fn a_cache_knows_nothing_of_jobs() {
    let (wire, folder) = with_bucket(Wire::with_table());
    switch(&wire, true);
    export(&wire, json!({}));
    let accelerator = wire.protocol.database().accelerator(AcceleratorOptions::default()).unwrap();
    let protocol = Protocol::new(accelerator.node(0).unwrap());
    let protocol = protocol.objects(Arc::new(FolderStore::open(folder.path()).unwrap()));
    let cached = Wire { protocol, clock: wire.clock.clone() };
    assert_eq!(cached.ok("ListExports", json!({}))["ExportSummaries"].as_array().unwrap().len(), 1);
    let request = json!({"TableArn": ARN, "S3Bucket": "mine", "ClientToken": "t"});
    let arn = || cached.ok("ExportTableToPointInTime", request.clone())["ExportDescription"]["ExportArn"].clone();
    assert_eq!(arn(), arn(), "the token stands for one export");
    assert_eq!(cached.ok("ListExports", json!({}))["ExportSummaries"].as_array().unwrap().len(), 2);
}

#[test]
fn a_name_can_be_restored_to_again_at_once() {
    let wire = Wire::with_table();
    fill(&wire, 2);
    let arn = backup(&wire, "things", "mine");
    for _ in 0..30 {
        wire.ok("RestoreTableFromBackup", json!({"BackupArn": arn, "TargetTableName": "again"}));
        wait_active(&wire, "again");
        wire.ok("DeleteTable", json!({"TableName": "again"}));
    }
}
