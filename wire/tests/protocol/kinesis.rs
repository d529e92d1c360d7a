//! Kinesis destinations over the wire: their states and refusals, and the files that stand for data streams.

#![expect(clippy::disallowed_methods, reason = "the test looks at the folder of data streams from outside")]

use crate::support::{Wire, key, merged};
use hashrange::Database;
use hashrange_wire::{Protocol, Timing, kinesis::KinesisFolder};
use serde_json::{Value, json};
use std::time::Duration;

const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/changes";

fn of_things(more: Value) -> Value {
    merged(json!({"TableName": "things"}), more)
}

fn described(wire: &Wire) -> Value {
    wire.ok("DescribeKinesisStreamingDestination", of_things(json!({})))["KinesisDataStreamDestinations"].clone()
}

#[test]
fn a_kinesis_destination_is_enabled_changed_and_disabled() {
    let wire = Wire::with_table();
    let stream = "arn:aws:kinesis:us-east-1:000000000000:stream/changes";
    let send = |operation: &str, more: Value| wire.ok(operation, of_things(merged(json!({"StreamArn": stream}), more)));
    let state = || {
        wire.ok("DescribeKinesisStreamingDestination", of_things(json!({})))["KinesisDataStreamDestinations"].clone()
    };
    assert_eq!(state(), json!([]));
    let answer = send("EnableKinesisStreamingDestination", json!({}));
    assert_eq!((&answer["DestinationStatus"], &answer["StreamArn"]), (&json!("ENABLING"), &json!(stream)));
    assert_eq!(state(), json!([{"StreamArn": stream, "DestinationStatus": "ACTIVE"}]));
    let refused = wire.invalid("EnableKinesisStreamingDestination", of_things(json!({"StreamArn": stream})));
    assert!(refused.ends_with("must be DISABLED or ENABLE_FAILED to perform ENABLE operation."), "{refused}");
    let precision = json!({"ApproximateCreationDateTimePrecision": "MICROSECOND"});
    let update = json!({"UpdateKinesisStreamingConfiguration": precision});
    assert_eq!(send("UpdateKinesisStreamingDestination", update.clone())["DestinationStatus"], "UPDATING");
    assert_eq!(state()[0]["ApproximateCreationDateTimePrecision"], "MICROSECOND");
    let again = of_things(merged(json!({"StreamArn": stream}), update));
    assert!(wire.invalid("UpdateKinesisStreamingDestination", again).contains("Precision is already set"));
    assert_eq!(send("DisableKinesisStreamingDestination", json!({}))["DestinationStatus"], "DISABLING");
    assert_eq!(state()[0]["DestinationStatus"], "DISABLED");
    let refused = wire.invalid("DisableKinesisStreamingDestination", of_things(json!({"StreamArn": stream})));
    assert!(refused.ends_with("must be ACTIVE to perform DISABLE operation."), "{refused}");
}

#[test]
fn changes_of_a_destination_take_the_services_time_where_they_are_asked_to() {
    let Wire { protocol, clock } = Wire::with_table();
    let wire = Wire { protocol: protocol.timing(Timing::Service), clock };
    let request = of_things(json!({"StreamArn": STREAM}));
    let state = || described(&wire)[0]["DestinationStatus"].clone();
    wire.ok("EnableKinesisStreamingDestination", request.clone());
    assert_eq!(state(), "ENABLING");
    wire.clock.advance(Duration::from_secs(7));
    assert_eq!(state(), "ACTIVE");
    wire.ok("DisableKinesisStreamingDestination", request.clone());
    assert_eq!(state(), "DISABLING");
    wire.clock.advance(Duration::from_secs(2));
    assert_eq!(state(), "DISABLED");
    let foreign = "arn:aws:kinesis:us-east-1:111122223333:stream/changes";
    wire.ok("EnableKinesisStreamingDestination", of_things(json!({"StreamArn": foreign})));
    assert_eq!(described(&wire)[1]["DestinationStatus"], "ENABLING");
    assert_eq!(described(&wire)[1]["DestinationStatusDescription"], Value::Null);
    wire.clock.advance(Duration::from_secs(7));
    assert_eq!(described(&wire)[1]["DestinationStatus"], "ENABLE_FAILED");
    assert!(described(&wire)[1]["DestinationStatusDescription"].is_string());
}

#[test]
fn refusals_have_the_services_words() {
    let wire = Wire::with_table();
    let precision = |name: &str| json!({"ApproximateCreationDateTimePrecision": name});
    let update =
        |name: &str| of_things(json!({"StreamArn": STREAM, "UpdateKinesisStreamingConfiguration": precision(name)}));
    assert_eq!(
        wire.invalid("UpdateKinesisStreamingDestination", update("MICROSECOND")),
        format!("No streaming destination with streamArn: {STREAM} found for table with tableName: things")
    );
    let empty = of_things(json!({"StreamArn": STREAM}));
    assert_eq!(
        wire.invalid("UpdateKinesisStreamingDestination", empty.clone()),
        "Streaming destination cannot be updated with given parameters: UpdateKinesisStreamingConfiguration cannot be null or \
         contain only null values"
    );
    wire.ok("EnableKinesisStreamingDestination", empty);
    let id = wire.ok("DescribeTable", of_things(json!({})))["Table"]["TableId"].as_str().unwrap().to_owned();
    assert_eq!(
        wire.invalid("UpdateKinesisStreamingDestination", update("MILLISECOND")),
        format!(
            "Invalid Request: Precision is already set to the desired value of MILLISECOND for tableId: {id}, kdsArn: {STREAM}"
        )
    );
    let (name, text) =
        wire.error("EnableKinesisStreamingDestination", json!({"TableName": "nothing", "StreamArn": STREAM}));
    assert_eq!(name, "ResourceNotFoundException");
    assert_eq!(text, "Requested resource not found: Table: nothing not found");
    wire.ok("DeleteTable", of_things(json!({})));
}

/// The service: a Kinesis destination is a data stream of Kinesis.
/// Here: it is a file of records (`serve --kinesis-dir`) or a function of the program.
#[test]
fn a_data_stream_is_a_file_of_records() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::options().background(false).in_memory().unwrap();
    database.deliver_to_kinesis(KinesisFolder::open(folder.path()).unwrap()).unwrap();
    let (clock, protocol) = (database.clock().clone(), Protocol::new(database.clone()));
    let wire = Wire { protocol, clock };
    wire.create_things();
    let request = of_things(json!({"StreamArn": STREAM}));
    wire.ok("EnableKinesisStreamingDestination", request.clone());
    assert_eq!(described(&wire)[0]["DestinationStatus"], "ENABLE_FAILED");
    let file = folder.path().join("changes.jsonl");
    // A crash cut the last line off.
    std::fs::write(&file, "{\"whole\": true}\n{\"eventID\": \"cut o").unwrap();
    wire.ok("EnableKinesisStreamingDestination", request);
    assert_eq!(described(&wire)[0]["DestinationStatus"], "ACTIVE");
    let settle = || while database.step().is_ok_and(|work| work != hashrange::inspect::Work::Idle) {};
    let lines = || -> Vec<Value> {
        let text = std::fs::read_to_string(&file).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    wire.put(key("a", 1));
    settle();
    // Its file is gone: records wait until it is there again.
    std::fs::rename(&file, folder.path().join("away")).unwrap();
    wire.put(key("a", 2));
    settle();
    assert!(!database.health().is_good());
    std::fs::rename(folder.path().join("away"), &file).unwrap();
    std::thread::sleep(Duration::from_millis(300)); // until the next attempt
    settle();
    // A record of more than 1 MB as JSON is dropped.
    let large = merged(key("b", 1), json!({"text": {"S": "\u{1}".repeat(300_000)}}));
    wire.put(large);
    wire.put(key("c", 1));
    settle();
    let lines = lines();
    let keys: Vec<_> = lines[1..].iter().map(|line| line["dynamodb"]["Keys"].clone()).collect();
    assert_eq!(keys, [key("a", 1), key("a", 2), key("c", 1)]);
    assert_eq!(lines[0], json!({"whole": true}));
    assert_eq!((&lines[1]["eventName"], &lines[1]["eventSource"]), (&json!("INSERT"), &json!("aws:dynamodb")));
    let delivery = database.kinesis("things").list().unwrap()[0].delivery;
    assert_eq!((delivery.records, delivery.dropped_records, delivery.failed_attempts), (3, 1, 1));
}
