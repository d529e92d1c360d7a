//! Examples of backups, restores and imports that need more than one request at a time, or look at more than answers.

use crate::{
    backups::{backup, eventually, fill, items, restore, wait_active},
    support::{Wire, key, merged},
    transfers::{ARN, export, finished, import, put, source, with_bucket},
};
use hashrange::{Clock, Database};
use hashrange_wire::{Protocol, objects::FolderStore};
use serde_json::{Value, json};
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

#[test]
fn a_transaction_is_in_a_backup_as_a_whole_or_not_at_all() {
    let wire = Wire::with_table();
    wire.clock.advance(std::time::Duration::from_secs(60));
    let put = |pk: &str, n: u64| {
        let item = merged(key(pk, 1), json!({"n": {"N": n.to_string()}}));
        json!({"Put": {"TableName": "things", "Item": item}})
    };
    let ends = AtomicBool::new(false);
    let (wire, ends) = (&wire, &ends);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut n = 0;
            while !ends.load(Ordering::Relaxed) {
                n += 1;
                wire.ok("TransactWriteItems", json!({"TransactItems": [put("a", n), put("b", n)]}));
            }
        });
        for round in 0..6 {
            eventually(|| wire.get("b", 1) != Value::Null);
            // What was acknowledged before the request is in it, and of the others either all or nothing.
            let before: u64 = wire.get("b", 1)["n"]["N"].as_str().unwrap().parse().unwrap();
            let arn = backup(wire, "things", "cut");
            let target = format!("cut{round}");
            restore(wire, &arn, &target, json!({}));
            wait_active(wire, &target);
            let found = items(wire, &target);
            assert_eq!((found.len(), &found[0]["n"]), (2, &found[1]["n"]), "{found:?}");
            assert!(found[0]["n"]["N"].as_str().unwrap().parse::<u64>().unwrap() >= before);
        }
        ends.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_restore_is_in_no_stream_and_has_the_digest_of_the_source() {
    let wire = Wire::with_table();
    let stream = json!({"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"});
    wire.ok("UpdateTable", json!({"TableName": "things", "StreamSpecification": stream}));
    wire.clock.advance(std::time::Duration::from_secs(60));
    fill(&wire, 20);
    let records = || {
        let streams = wire.protocol.database().list_streams(None);
        let mut count = 0;
        for shard in streams.iter().flat_map(|stream| stream.shards.iter().map(move |shard| (stream, shard))) {
            let start = hashrange::streams::IteratorStart::TrimHorizon;
            let (table, label) = (&shard.0.table_name, &shard.0.label);
            let start = wire.protocol.database().shard_iterator(table, label, &shard.1.id, &start).unwrap();
            count += wire.protocol.database().stream_records(&start, None).unwrap().records.len();
        }
        count
    };
    let before = records();
    assert_eq!(before, 20);
    let arn = backup(&wire, "things", "one");
    let digest = wire.protocol.database().digest("things").unwrap();
    wire.put(key("later", 1));
    restore(&wire, &arn, "again", json!({}));
    wait_active(&wire, "again");
    assert_eq!(wire.protocol.database().digest("again").unwrap(), digest);
    assert_eq!(records(), before + 1, "the later put alone");
}

#[test]
fn of_three_imports_of_one_name_one_is_completed() {
    let (wire, folder) = with_bucket(Wire::new());
    put(&folder, "in/a", "{\"Item\":{\"pk\":{\"S\":\"a\"}}}\n");
    let request = merged(
        source("in/"),
        json!({"InputFormat": "DYNAMODB_JSON", "TableCreationParameters": {
            "TableName": "same", "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]}}),
    );
    // With the service's pace, none is done before the last one is asked for.
    let Wire { protocol, clock } = wire;
    let wire = Wire { protocol: protocol.timing(hashrange_wire::Timing::Service), clock };
    let begun: Vec<Value> =
        (0..3).map(|_| wire.ok("ImportTable", request.clone())["ImportTableDescription"].clone()).collect();
    wire.clock.advance(std::time::Duration::from_secs(600));
    let done: Vec<Value> = begun.iter().map(|import| finished(&wire, import)).collect();
    let ended = |status: &str| done.iter().filter(|import| import["ImportStatus"] == status).count();
    assert_eq!((ended("COMPLETED"), ended("FAILED")), (1, 2), "{done:?}");
    let codes: Vec<&Value> = done.iter().map(|import| &import["FailureCode"]).filter(|code| !code.is_null()).collect();
    assert_eq!(codes, ["TableAlreadyExists", "TableAlreadyExists"]);
    assert_eq!(items(&wire, "same").len(), 1);
}

#[test]
fn what_an_import_leaves_out_is_told_beside_the_database() {
    let (data, objects) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::create_dir(objects.path().join("mine")).unwrap();
    let clock = Clock::manual(1_767_225_600_000);
    let database = Database::options().clock(clock.clone()).open(data.path()).unwrap();
    let protocol = Protocol::new(database).objects(Arc::new(FolderStore::open(objects.path()).unwrap()));
    let wire = Wire { protocol, clock };
    let good = "{\"Item\":{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"1\"}}}\n";
    put(&objects, "in/a", [good, "{\"Item\":{\"pk\":{\"S\":\"b\"}}}\n"].concat());
    let done = import(&wire, "filled", source("in/"));
    assert_eq!((&done["ImportStatus"], &done["ErrorCount"]), (&json!("FAILED"), &json!(1)));
    let arn = done["ImportArn"].as_str().unwrap();
    let id = arn.rsplit('/').next().unwrap();
    let lines = fs::read_to_string(data.path().join("imports").join(id).join("error")).unwrap();
    let line: Value = serde_json::from_str(lines.trim_end()).unwrap();
    assert_eq!(line["itemS3Pointer"], json!({"bucket": "mine", "key": "in/a", "itemIndex": 1}));
    assert_eq!(line["importArn"], arn);
    assert!(line["errorMessages"][0].as_str().unwrap().contains("sk"), "{line}");
}

#[test]
fn an_export_that_is_imported_has_the_digest_of_the_table() {
    let (wire, _folder) = with_bucket(Wire::with_table());
    let on = json!({"PointInTimeRecoveryEnabled": true});
    wire.ok("UpdateContinuousBackups", json!({"TableName": "things", "PointInTimeRecoverySpecification": on}));
    fill(&wire, 30);
    let digest = wire.protocol.database().digest("things").unwrap();
    for format in ["DYNAMODB_JSON", "ION"] {
        let done = export(&wire, json!({"TableArn": ARN, "ExportFormat": format, "S3Prefix": format}));
        let manifest = done["ExportManifest"].as_str().unwrap();
        let data = format!("{}data/", manifest.strip_suffix("manifest-summary.json").unwrap());
        let table = format!("from_{format}");
        import(&wire, &table, merged(source(&data), json!({"InputFormat": format, "InputCompressionType": "GZIP"})));
        wait_active(&wire, &table);
        assert_eq!(wire.protocol.database().digest(&table).unwrap(), digest, "{format}");
    }
}
