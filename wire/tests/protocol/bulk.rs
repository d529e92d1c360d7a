//! Bulk writes into a table that is in use.

use crate::{
    backups::eventually,
    support::{Wire, key, merged},
    transfers::{put, with_bucket},
};
use serde_json::{Value, json};
use std::fs;

pub(crate) fn bulk(wire: &Wire, more: Value) -> Value {
    let request = json!({
        "TableName": "things", "InputS3Configuration": {"S3Bucket": "mine", "S3KeyPrefix": "in/", "InputFormat": "DYNAMODB_JSON"},
        "OutputS3Configuration": {"OutputType": ["ERROR", "CONDITION_CHECK_FAILURE"], "S3KeyPrefix": "out"}});
    wire.ok("StartBulkPutItems", merged(request, more))["BulkOperationDescription"].clone()
}

pub(crate) fn finished(wire: &Wire, bulk: &Value) -> Value {
    let arn = json!({"BulkOperationArn": bulk["BulkOperationArn"]});
    let described = || wire.ok("DescribeBulkOperation", arn.clone())["BulkOperationDescription"].clone();
    eventually(|| !["IN_PROGRESS", "CANCELLING"].contains(&described()["BulkOperationStatus"].as_str().unwrap()));
    described()
}

#[test]
fn items_are_put_and_what_is_not_is_told() {
    let (wire, folder) = with_bucket(Wire::with_table());
    wire.put(merged(key("old", 1), json!({"v": {"N": "1"}})));
    let line =
        |pk: &str, more: &str| format!("{{\"Item\":{{\"pk\":{{\"S\":\"{pk}\"}},\"sk\":{{\"N\":\"1\"}}}}{more}}}\n");
    let text = [
        line("new", ""),
        line("old", ",\"ConditionExpression\":\"attribute_not_exists(pk)\""),
        line("old", ",\"ConditionExpression\":\"v = :v\",\"ExpressionAttributeValues\":{\":v\":{\"N\":\"1\"}}"),
        "{\"Item\":{\"pk\":{\"S\":\"x\"}}}\n".to_owned(),
    ];
    put(&folder, "in/a", text.concat());
    let begun = bulk(&wire, json!({"ClientToken": "t", "MaxWriteRequestUnits": 2_000}));
    assert_eq!((&begun["BulkOperationStatus"], &begun["PerformanceTier"]), (&json!("IN_PROGRESS"), &json!("STANDARD")));
    let done = finished(&wire, &begun);
    assert_eq!(done["BulkOperationStatus"], "COMPLETED_WITH_ERRORS");
    assert_eq!((&done["ProcessedItemCount"], &done["FailedItemCount"]), (&json!(4), &json!(1)));
    assert!(done["BulkOperationUsage"][0]["BulkPutBytes"].as_u64().unwrap() > 0);
    assert_eq!(wire.get("old", 1)["v"], Value::Null);
    assert_ne!(wire.get("new", 1), Value::Null);
    let id = begun["BulkOperationArn"].as_str().unwrap().rsplit('/').next().unwrap();
    let lines =
        |name: &str| fs::read_to_string(folder.path().join(format!("mine/out/AWSDynamoDB/{id}/{name}"))).unwrap();
    let error: Value = serde_json::from_str(lines("error.json").trim_end()).unwrap();
    assert_eq!(error["itemS3Pointer"], json!({"bucket": "mine", "key": "in/a", "itemIndex": 3}));
    assert_eq!(lines("condition-check-failure.json").lines().count(), 1);

    assert_eq!(
        bulk(&wire, json!({"ClientToken": "t", "MaxWriteRequestUnits": 2_000}))["BulkOperationArn"],
        begun["BulkOperationArn"]
    );
    let other = json!({"TableName": "things", "ClientToken": "t", "OutputS3Configuration": {"OutputType": []},
        "InputS3Configuration": {"S3Bucket": "mine", "InputFormat": "ION"}});
    assert_eq!(wire.error("StartBulkPutItems", other).0, "IdempotentParameterMismatchException");
    let listed = wire.ok("ListBulkOperations", json!({}))["BulkOperationsSummaryList"].clone();
    assert_eq!(listed[0]["BulkOperationStatus"], "COMPLETED_WITH_ERRORS");
}

#[test]
fn a_bulk_write_fails_without_its_bucket_and_is_cancelled() {
    let (wire, folder) = with_bucket(Wire::with_table());
    let nowhere = bulk(&wire, json!({"InputS3Configuration": {"S3Bucket": "none", "InputFormat": "ION"}}));
    let failed = finished(&wire, &nowhere);
    assert_eq!((&failed["BulkOperationStatus"], &failed["FailureCode"]), (&json!("FAILED"), &json!("S3NoSuchBucket")));
    // Slower than the clock, which stands: it ends by being cancelled alone.
    let item = |n: usize| {
        format!(
            "{{\"Item\":{{\"pk\":{{\"S\":\"p{n}\"}},\"sk\":{{\"N\":\"1\"}},\"x\":{{\"S\":\"{}\"}}}}}}\n",
            "x".repeat(200_000)
        )
    };
    put(&folder, "in/large", (0..8).map(item).collect::<String>());
    let slow = bulk(&wire, json!({"MaxWriteRequestUnits": 1_024}));
    eventually(|| wire.get("p5", 1) != Value::Null);
    let arn = json!({"BulkOperationArn": slow["BulkOperationArn"]});
    assert_eq!(wire.ok("CancelBulkOperation", arn.clone())["BulkOperationStatus"], "CANCELLING");
    let cancelled = finished(&wire, &slow);
    assert_eq!(cancelled["BulkOperationStatus"], "CANCELLED");
    // What it has written is told.
    let (items, usage) = (&cancelled["ProcessedItemCount"], &cancelled["BulkOperationUsage"][0]["BulkPutBytes"]);
    assert!(items.as_u64().unwrap() >= 6 && usage.as_u64().unwrap() >= 6 * 200_000, "{cancelled}");
    assert_eq!(wire.get("p7", 1), Value::Null);
    assert_eq!(wire.ok("CancelBulkOperation", arn)["BulkOperationStatus"], "CANCELLED");
    let arn = format!("{}x", slow["BulkOperationArn"].as_str().unwrap());
    assert_eq!(wire.error("DescribeBulkOperation", json!({"BulkOperationArn": arn})).0, "ResourceNotFoundException");
    let few = json!({"TableName": "things", "MaxWriteRequestUnits": 1, "PerformanceTier": "FAST",
        "InputS3Configuration": {"S3Bucket": "mine", "InputFormat": "CSV"}, "OutputS3Configuration": {}});
    let text = wire.invalid("StartBulkPutItems", few);
    assert!(text.starts_with("4 validation errors detected: "), "{text}");
}
