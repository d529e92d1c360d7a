#![expect(clippy::disallowed_methods, reason = "the test looks at the folder of objects from outside")]
//! Exports to a folder and imports from it.

use crate::{
    backups::{eventually, fill, items, wait_active},
    support::{Wire, key, merged},
};
use flate2::read::GzDecoder;
use hashrange_wire::objects::FolderStore;
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, io::Read, path::Path, sync::Arc, time::Duration};

pub(crate) const ARN: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/things";

/// A protocol with a folder that has a bucket `mine`.
pub(crate) fn with_bucket(wire: Wire) -> (Wire, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("mine")).unwrap();
    let Wire { protocol, clock } = wire;
    let protocol = protocol.objects(Arc::new(FolderStore::open(folder.path()).unwrap()));
    (Wire { protocol, clock }, folder)
}

fn with_recovery() -> (Wire, tempfile::TempDir) {
    let (wire, folder) = with_bucket(Wire::with_table());
    let on = json!({"PointInTimeRecoveryEnabled": true});
    wire.ok("UpdateContinuousBackups", json!({"TableName": "things", "PointInTimeRecoverySpecification": on}));
    (wire, folder)
}

pub(crate) fn put(folder: &tempfile::TempDir, key: &str, bytes: impl AsRef<[u8]>) {
    let path = folder.path().join("mine").join(key);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

pub(crate) fn export(wire: &Wire, more: Value) -> Value {
    let request = merged(json!({"TableArn": ARN, "S3Bucket": "mine"}), more);
    let answer = wire.ok("ExportTableToPointInTime", request)["ExportDescription"].clone();
    assert_eq!(answer["ExportStatus"], "IN_PROGRESS");
    let described =
        || wire.ok("DescribeExport", json!({"ExportArn": answer["ExportArn"]}))["ExportDescription"].clone();
    eventually(|| described()["ExportStatus"] != "IN_PROGRESS");
    described()
}

pub(crate) fn import(wire: &Wire, table: &str, more: Value) -> Value {
    let creation = json!({
        "TableName": table, "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "N"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]});
    let base = json!({"InputFormat": "DYNAMODB_JSON", "TableCreationParameters": creation});
    let answer = wire.ok("ImportTable", merged(base, more))["ImportTableDescription"].clone();
    assert_eq!(answer["ImportStatus"], "IN_PROGRESS");
    finished(wire, &answer)
}

pub(crate) fn finished(wire: &Wire, import: &Value) -> Value {
    let described =
        || wire.ok("DescribeImport", json!({"ImportArn": import["ImportArn"]}))["ImportTableDescription"].clone();
    eventually(|| described()["ImportStatus"] != "IN_PROGRESS");
    described()
}

pub(crate) fn source(prefix: &str) -> Value {
    json!({"S3BucketSource": {"S3Bucket": "mine", "S3KeyPrefix": prefix}})
}

fn read(folder: &Path, key: &str) -> Vec<u8> {
    fs::read(folder.join("mine").join(key)).unwrap()
}

fn md5(bytes: &[u8]) -> String {
    use md5::Digest;
    hashrange::item::base64::encode(&md5::Md5::digest(bytes))
}

/// The service: exports and imports go to S3.
/// Here: to a folder (`--object-dir`), or with feature `object-store` to a bucket.
#[test]
fn a_full_export_is_written_as_the_service_writes_it() {
    let (wire, folder) = with_recovery();
    fill(&wire, 25);
    let done = export(&wire, json!({"S3Prefix": "foo/"}));
    assert_eq!(
        (&done["ExportStatus"], &done["ItemCount"], &done["BilledSizeBytes"]),
        (&json!("COMPLETED"), &json!(25), &json!(0))
    );
    assert_eq!((&done["ExportFormat"], &done["S3SseAlgorithm"]), (&json!("DYNAMODB_JSON"), &json!("AES256")));
    let arn = done["ExportArn"].as_str().unwrap();
    let base = format!("foo/AWSDynamoDB/{}/", arn.rsplit('/').next().unwrap());
    assert_eq!(done["ExportManifest"], format!("{base}manifest-summary.json"));
    assert_eq!(read(folder.path(), &format!("{base}_started")), b"");
    for name in ["manifest-summary", "manifest-files"] {
        let bytes = read(folder.path(), &format!("{base}{name}.json"));
        assert_eq!(read(folder.path(), &format!("{base}{name}.md5")), md5(&bytes).as_bytes());
        assert_eq!(md5(&bytes).len(), 24);
    }
    let text = String::from_utf8(read(folder.path(), &format!("{base}manifest-summary.json"))).unwrap();
    let start = format!(
        "{{\"version\":\"2020-06-30\",\"exportArn\":\"{arn}\",\"startTime\":\"2026-01-01T00:00:00.000Z\",\"endTime\":"
    );
    assert!(text.starts_with(&start) && !text.contains('\n') && !text.contains(": "), "{text}");
    let order: Vec<usize> = [
        "exportTime",
        "s3Bucket",
        "s3Prefix",
        "s3SseAlgorithm",
        "s3SseKmsKeyId\":null",
        "manifestFilesS3Key",
        "billedSizeBytes",
        "itemCount\":25",
        "outputFormat\":\"DYNAMODB_JSON\"}",
    ]
    .iter()
    .map(|name| text.find(name).unwrap())
    .collect();
    assert!(order.is_sorted(), "{text}");
    let lines = String::from_utf8(read(folder.path(), &format!("{base}manifest-files.json"))).unwrap();
    assert!(lines.ends_with('\n'));
    let (mut total, mut found) = (0, BTreeSet::new());
    for line in lines.lines() {
        let file: Value = serde_json::from_str(line).unwrap();
        let key = file["dataFileS3Key"].as_str().unwrap();
        assert!(key.starts_with(&format!("{base}data/")) && key.ends_with(".json.gz"));
        assert_eq!(key.rsplit('/').next().unwrap().len(), 26 + ".json.gz".len());
        let bytes = read(folder.path(), key);
        assert_eq!(file["md5Checksum"], md5(&bytes));
        let mut text = String::new();
        GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
        assert_eq!(file["itemCount"].as_u64().unwrap(), text.lines().count() as u64);
        total += text.lines().count();
        found.extend(text.lines().map(str::to_owned));
    }
    assert_eq!((total, lines.lines().count()), (25, 4));
    let first = r#"{"Item":{"pk":{"S":"p0"},"sk":{"N":"1"},"kind":{"S":"k"},"n":{"N":"0"},"rank":{"N":"0"}}}"#;
    assert!(found.contains(first), "{found:?}");
    let listed = wire.ok("ListExports", json!({"TableArn": ARN}))["ExportSummaries"].clone();
    assert_eq!(listed, json!([{"ExportArn": arn, "ExportStatus": "COMPLETED", "ExportType": "FULL_EXPORT"}]));
    wire.ok("DeleteTable", json!({"TableName": "things"}));
    assert_eq!(wire.ok("ListExports", json!({"TableArn": ARN}))["ExportSummaries"], json!([]));
    assert_eq!(wire.ok("DescribeExport", json!({"ExportArn": arn}))["ExportDescription"]["ItemCount"], 25);
}

#[test]
fn exports_are_refused_in_the_order_of_the_service() {
    let (wire, _folder) = with_bucket(Wire::with_table());
    let request = |more: Value| merged(json!({"TableArn": ARN, "S3Bucket": "none"}), more);
    let operation = "ExportTableToPointInTime";
    let bare = wire.invalid(operation, json!({"TableArn": "things", "S3Bucket": "b"}));
    assert!(bare.starts_with("1 validation error detected: Value 'b' at 's3Bucket'"), "{bare}");
    let bare = wire.invalid(operation, json!({"TableArn": "things", "S3Bucket": "bb"}));
    assert_eq!(bare, "One or more parameter values were invalid: tableArn is not a valid ARN");
    let index = wire.invalid(operation, json!({"TableArn": format!("{ARN}/index/x"), "S3Bucket": "bb"}));
    assert_eq!(index, "Invalid Request: Table ARN is invalid.");
    let missing = ARN.replace("things", "missing");
    let (name, text) = wire.error(operation, json!({"TableArn": missing, "S3Bucket": "bb"}));
    assert_eq!((name.as_str(), text), ("TableNotFoundException", format!("Table not found: {missing}")));
    let (name, text) = wire.error(operation, request(json!({})));
    assert_eq!(name, "PointInTimeRecoveryUnavailableException");
    assert_eq!(text, "Point in time recovery is not enabled for table 'things'");
    let span = json!({"ExportFromTime": 1});
    for (more, text) in [
        (
            json!({"IncrementalExportSpecification": span}),
            "Export Type expected to be Incremental Export when incremental export specification is provided",
        ),
        (
            json!({"ExportType": "FULL_EXPORT", "IncrementalExportSpecification": span}),
            "When Export Type is Full Export , Incremental Export Specification should not be provided",
        ),
        (
            json!({"ExportType": "INCREMENTAL_EXPORT"}),
            "Incremental Export Specification expected when export type is set as Incremental Export",
        ),
        (
            json!({"ExportType": "INCREMENTAL_EXPORT", "IncrementalExportSpecification": {"ExportToTime": 1}}),
            "ExportFromTime must be provided in IncrementalExportSpecification",
        ),
        (json!({"S3SseKmsKeyId": "k"}), "KMS Key Id is not supported for this encryption type"),
    ] {
        assert_eq!(wire.invalid(operation, request(more)), format!("Invalid Request: {text}"));
    }
    let view =
        json!({"ExportType": "INCREMENTAL_EXPORT", "IncrementalExportSpecification": {"ExportViewType": "NEW_IMAGES"}});
    assert!(wire.invalid(operation, request(view)).contains("at 'incrementalExportSpecification.exportViewType'"));
    let empty = wire.invalid(operation, request(json!({"FilterSpecification": {}})));
    assert_eq!(empty, "Invalid FilterSpecification: The specification can not be empty");
}

#[test]
fn a_filter_is_checked_against_the_table_before_the_export_begins() {
    let (wire, _folder) = with_recovery();
    let filtered = |filter: Value| json!({"TableArn": ARN, "S3Bucket": "mine", "FilterSpecification": filter});
    let values = json!({":x": {"S": "x"}, ":n": {"N": "1"}});
    for filter in [
        json!({"KeyConditionExpression": "foo = :x"}),
        json!({"KeyConditionExpression": "pk = :n"}),
        json!({"KeyConditionExpression": "pk = :x", "FilterExpression": "sk = :n"}),
    ] {
        let used: Value = values
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| filter.to_string().contains(*name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect::<serde_json::Map<_, _>>()
            .into();
        let filter = merged(filter, json!({"ExpressionAttributeValues": used}));
        wire.invalid("ExportTableToPointInTime", filtered(filter));
    }
    let values = json!({":x": {"S": "x"}});
    let done = export(
        &wire,
        json!({"FilterSpecification": {
        "KeyConditionExpression": "pk = :x", "ExpressionAttributeValues": values}}),
    );
    assert_eq!(done["ExportStatus"], "COMPLETED", "{done}");
}

#[test]
fn times_and_tokens_of_exports_are_checked() {
    let (wire, _folder) = with_bucket(Wire::with_table());
    let request = |more: Value| merged(json!({"TableArn": ARN, "S3Bucket": "none"}), more);
    let operation = "ExportTableToPointInTime";
    let on = json!({"PointInTimeRecoveryEnabled": true});
    wire.ok("UpdateContinuousBackups", json!({"TableName": "things", "PointInTimeRecoverySpecification": on}));
    wire.clock.advance(Duration::from_secs(3_600));
    let now = wire.clock.now_millis() / 1000;
    let exported = |more: Value| wire.error(operation, request(more));
    assert_eq!(
        exported(json!({"ExportTime": now + 100})),
        ("InvalidExportTimeException".into(), "Export Time is invalid".into())
    );
    let incremental = |from: u64, to: u64| {
        json!({"ExportType": "INCREMENTAL_EXPORT",
        "IncrementalExportSpecification": {"ExportFromTime": from, "ExportToTime": to}})
    };
    for (from, to, text) in [
        (now - 4_000, now, "Incremental export period from time cannot be less than the table creation time : "),
        (now - 600, now + 600, "Incremental export period to time cannot be greater than the current time : "),
        (
            now - 600,
            now,
            "Difference between export period from time and export period to time is less than 15 minutes",
        ),
    ] {
        let (name, found) = exported(incremental(from, to));
        assert!(name == "InvalidExportTimeException" && found.starts_with(text), "{found}");
    }
    let failed = export(&wire, json!({"S3Bucket": "none", "ClientToken": "t"}));
    assert_eq!((&failed["ExportStatus"], &failed["FailureCode"]), (&json!("FAILED"), &json!("S3NoSuchBucket")));
    assert!(
        failed["FailureMessage"]
            .as_str()
            .unwrap()
            .starts_with("The specified bucket does not exist (Service: Amazon S3; Status Code: 404; ")
    );
    let twin = wire.ok(operation, request(json!({"ClientToken": "t"})))["ExportDescription"].clone();
    assert_eq!(twin["ExportArn"], failed["ExportArn"]);
    let (name, text) = exported(json!({"ClientToken": "t", "S3Prefix": "other"}));
    assert_eq!(name, "ExportConflictException");
    assert_eq!(text, "Export conflict: Duplicate request detected with conflicting parameters");
}

#[test]
fn what_is_exported_can_be_imported() {
    let (wire, folder) = with_recovery();
    fill(&wire, 60);
    wire.put(merged(key("all types", 7), json!({
        "s": {"S": "line\n\"quote\" ü"}, "b": {"B": "AAEC"}, "ss": {"SS": ["a", "b"]}, "ns": {"NS": ["1", "2.5"]},
        "bs": {"BS": ["AA=="]}, "l": {"L": [{"NULL": true}, {"BOOL": false}, {"M": {}}]}, "odd name": {"N": "-0.5"},
        "large": {"N": "99999999999999999999999999999999999999000"}, "small": {"N": "0.00000000000000000001"}, "empty": {"S": ""}})));
    let before = items(&wire, "things");
    for (format, ending) in [("DYNAMODB_JSON", "json"), ("ION", "ion")] {
        let done = export(&wire, json!({"ExportFormat": format, "S3Prefix": ending}));
        let manifest = done["ExportManifest"].as_str().unwrap();
        let root = manifest.strip_suffix("manifest-summary.json").unwrap();
        let table = format!("from_{ending}");
        let compressed = json!({"InputFormat": format, "InputCompressionType": "GZIP"});
        let done = import(&wire, &table, merged(source(&format!("{root}data/")), compressed.clone()));
        assert_eq!((&done["ImportStatus"], &done["ImportedItemCount"]), (&json!("COMPLETED"), &json!(61)), "{done}");
        wait_active(&wire, &table);
        assert_eq!(items(&wire, &table), before);
        // Its root also has four manifest files, which are no items.
        let done = import(&wire, &format!("root_{ending}"), merged(source(root), compressed));
        assert_eq!((&done["ImportStatus"], &done["ErrorCount"]), (&json!("FAILED"), &json!(4)));
        assert_eq!((&done["FailureCode"], &done["ProcessedItemCount"]), (&json!("ItemValidationError"), &json!(65)));
    }
    assert!(folder.path().join("mine/json").is_dir());
}

#[test]
fn bad_records_are_counted_and_bytes_that_are_none_end_their_object() {
    let (wire, folder) = with_bucket(Wire::new());
    let line = |n: usize| format!("{{\"Item\":{{\"pk\":{{\"S\":\"p{n}\"}},\"sk\":{{\"N\":\"{n}\"}}}}}}\n");
    let ten = |bad: &str| (0..10).map(|n| if n == 5 { bad.to_owned() } else { line(n) }).collect::<String>();
    put(&folder, "garbage/a.json", ten("garbage\n"));
    put(&folder, "keyless/a.json", ten("{\"Item\":{\"pk\":{\"S\":\"x\"}}}\n"));
    put(&folder, "keyless2/b", line(3));
    let done = import(&wire, "garbage", source("garbage/"));
    assert_eq!(
        (&done["ImportStatus"], &done["ProcessedItemCount"], &done["ImportedItemCount"], &done["ErrorCount"]),
        (&json!("FAILED"), &json!(6), &json!(5), &json!(1))
    );
    assert_eq!(
        done["FailureMessage"],
        "Some of the items failed validation checks and were not imported. Please check \
        CloudWatch error logs for more details."
    );
    wait_active(&wire, "garbage");
    assert_eq!(items(&wire, "garbage").len(), 5);
    // The prefix is one of keys, not of folders.
    let done = import(&wire, "keyless", source("keyless"));
    assert_eq!(
        (&done["ProcessedItemCount"], &done["ImportedItemCount"], &done["ErrorCount"]),
        (&json!(11), &json!(10), &json!(1))
    );
    let done = import(&wire, "empty", source("nothing-here"));
    assert_eq!((&done["ImportStatus"], &done["ImportedItemCount"]), (&json!("COMPLETED"), &json!(0)));
    wait_active(&wire, "empty");
    let missing = json!({"S3BucketSource": {"S3Bucket": "none"}});
    let done = import(&wire, "nowhere", missing);
    assert_eq!((&done["ImportStatus"], &done["FailureCode"]), (&json!("FAILED"), &json!("S3NoSuchBucket")));
    assert_eq!(wire.error("DescribeTable", json!({"TableName": "nowhere"})).0, "ResourceNotFoundException");
    assert!(!folder.path().join("none").exists());
    let (name, text) = {
        let request = merged(
            source("garbage/"),
            json!({"InputFormat": "ION", "TableCreationParameters": {
            "TableName": "garbage", "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]}}),
        );
        wire.error("ImportTable", request)
    };
    assert_eq!((name.as_str(), text.as_str()), ("ResourceInUseException", "Table already exists: garbage"));
    let listed = wire.ok("ListImports", json!({"PageSize": 2}));
    assert_eq!(listed["ImportSummaryList"].as_array().unwrap().len(), 2);
    let rest = wire.ok("ListImports", json!({"NextToken": listed["NextToken"]}));
    assert_eq!(rest["ImportSummaryList"].as_array().unwrap().len(), 2);
}

#[test]
fn an_import_makes_a_plain_table() {
    let (wire, folder) = with_bucket(Wire::new());
    put(&folder, "in/a", r#"{"Item":{"pk":{"S":"a"},"sk":{"N":"1"}}}"#);
    let policy =
        r#"{"Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"dynamodb:*","Resource":"*"}]}"#;
    let creation = json!({
        "TableName": "plain", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "N"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "ResourcePolicy": policy, "Tags": [{"Key": "team", "Value": "red"}], "DeletionProtectionEnabled": true,
        "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"},
        "TableClass": "STANDARD_INFREQUENT_ACCESS",
        "LocalSecondaryIndexes": [{"IndexName": "by_sk", "Projection": {"ProjectionType": "ALL"},
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]}]});
    let request = merged(source("in/"), json!({"TableCreationParameters": creation}));
    assert_eq!(import(&wire, "plain", request)["ImportStatus"], "COMPLETED");
    wait_active(&wire, "plain");
    let table = wire.ok("DescribeTable", json!({"TableName": "plain"}))["Table"].clone();
    for member in ["LocalSecondaryIndexes", "StreamSpecification", "LatestStreamArn", "TableClassSummary"] {
        assert_eq!(table[member], Value::Null, "{table}");
    }
    assert_eq!(table["DeletionProtectionEnabled"], json!(false));
    let arn = table["TableArn"].clone();
    assert_eq!(wire.ok("ListTagsOfResource", json!({"ResourceArn": arn}))["Tags"], json!([]));
    assert_eq!(wire.error("GetResourcePolicy", json!({"ResourceArn": arn})).0, "PolicyNotFoundException");
}

#[test]
fn csv_has_typed_keys_and_strings() {
    let (wire, folder) = with_bucket(Wire::new());
    put(&folder, "csv/a", "sk;pk;note\n1;\"a;b\";\"say \"\"hi\"\"\"\n2;c;\nx;d;y\n3;e\n");
    let options =
        |csv: Value| merged(source("csv/a"), json!({"InputFormat": "CSV", "InputFormatOptions": {"Csv": csv}}));
    let done = import(&wire, "headed", options(json!({"Delimiter": ";"})));
    assert_eq!((&done["ImportedItemCount"], &done["ErrorCount"]), (&json!(2), &json!(2)), "{done}");
    assert_eq!(done["InputFormatOptions"], json!({"Csv": {"Delimiter": ";"}}));
    wait_active(&wire, "headed");
    assert_eq!(
        items(&wire, "headed"),
        [
            json!({"note": {"S": "say \"hi\""}, "pk": {"S": "a;b"}, "sk": {"N": "1"}}),
            json!({"pk": {"S": "c"}, "sk": {"N": "2"}})
        ]
    );
    // With names given, the first line is an item: here one whose number is none.
    let done = import(&wire, "named", options(json!({"Delimiter": ";", "HeaderList": ["sk", "pk", "note"]})));
    assert_eq!((&done["ImportedItemCount"], &done["ErrorCount"]), (&json!(2), &json!(3)));
    let refused = |more: Value| {
        wire.invalid(
            "ImportTable",
            merged(
                options(json!({"Delimiter": ";"})),
                merged(json!({"TableCreationParameters": {"TableName": "xyz"}}), more),
            ),
        )
    };
    assert_eq!(
        refused(json!({"InputFormat": "DYNAMODB_JSON"})),
        "Invalid Request: Unsupported InputFormatOptions for the given input format: DYNAMODB_JSON."
    );
    let text = refused(json!({"InputFormatOptions": {"Csv": {"Delimiter": ";;"}}}));
    assert!(text.starts_with("2 validation errors detected: ") && text.contains("[,;:|\\t ]"), "{text}");
    let text = refused(json!({"InputCompressionType": "LZ4"}));
    assert!(text.contains("satisfy enum value set: [ZSTD, NONE, GZIP]"), "{text}");
}

#[test]
fn a_token_stands_for_one_import() {
    let (wire, folder) = with_bucket(Wire::new());
    put(&folder, "x/a", "");
    let request = |table: &str, prefix: &str| {
        merged(
            source(prefix),
            json!({
        "InputFormat": "DYNAMODB_JSON", "ClientToken": "t", "TableCreationParameters": {
            "TableName": table, "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]}}),
        )
    };
    let first = wire.ok("ImportTable", request("one", "x/"))["ImportTableDescription"].clone();
    let (name, text) = wire.error("ImportTable", request("two", "x/"));
    assert_eq!(name, "ImportConflictException");
    assert_eq!(text, "Import conflict: Duplicate request detected with conflicting parameters");
    assert_eq!(finished(&wire, &first)["ImportStatus"], "COMPLETED");
    assert_eq!(wire.error("ImportTable", request("one", "other")).0, "ResourceInUseException");
    wire.ok("DeleteTable", json!({"TableName": "one"}));
    let again = wire.ok("ImportTable", request("one", "other"))["ImportTableDescription"].clone();
    assert_eq!(again["ImportArn"], first["ImportArn"]);
}
