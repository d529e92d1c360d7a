//! Metrics and insights as CloudWatch's clients ask for them.

use crate::support::Wire;
use hashrange::{
    Clock, Database, capacity::CapacityModel, inspect::Work, ledger::LedgerOptions, regions::World,
    streams::KinesisRecord,
};
use hashrange_wire::Protocol;
use serde_json::{Value, json};
use std::time::Duration;

/// The beginning of 2026, at which the clock of a [`Wire`] stands, in seconds.
const BEGIN: u64 = 1_767_225_600;

fn wire() -> Wire {
    Wire::with_options(|options| options.capacity(CapacityModel::service()).ledger(LedgerOptions::new()))
}

fn cloudwatch(wire: &Wire, operation: &str, request: &Value) -> (u16, Value) {
    let target = format!("GraniteServiceVersion20100801.{operation}");
    let response = wire.protocol.handle(&target, request.to_string().as_bytes());
    (response.status, serde_json::from_slice(&response.body).unwrap())
}

fn ok(wire: &Wire, operation: &str, request: &Value) -> Value {
    let (status, body) = cloudwatch(wire, operation, request);
    assert_eq!(status, 200, "{operation} {request}: {body}");
    body
}

fn create(wire: &Wire) {
    wire.ok(
        "CreateTable",
        json!({
            "TableName": "orders", "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 2},
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "N"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        }),
    );
}

fn put(wire: &Wire, pk: &str, sk: u32) -> u16 {
    let request = json!({"TableName": "orders", "Item": {"pk": {"S": pk}, "sk": {"N": sk.to_string()}}});
    wire.raw("PutItem", request.to_string().as_bytes()).0
}

fn query(name: &str, period: u64, stat: &str, dimensions: &Value) -> Value {
    json!({"Id": "m1", "MetricStat": {"Period": period, "Stat": stat, "Metric": {
        "Namespace": "AWS/DynamoDB", "MetricName": name, "Dimensions": dimensions}}})
}

fn data(wire: &Wire, query: &Value) -> (Vec<u64>, Vec<f64>) {
    let request = json!({
        "StartTime": BEGIN, "EndTime": BEGIN + 600, "ScanBy": "TimestampAscending", "MetricDataQueries": [query],
    });
    let answer = ok(wire, "GetMetricData", &request);
    let result = &answer["MetricDataResults"][0];
    assert_eq!((&result["Id"], &result["StatusCode"]), (&json!("m1"), &json!("Complete")));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole seconds")]
    let times = result["Timestamps"].as_array().unwrap().iter().map(|time| time.as_f64().unwrap() as u64 - BEGIN);
    let values = result["Values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap());
    (times.collect(), values.collect())
}

#[test]
fn metric_data_comes_by_period_and_statistic() {
    let wire = wire();
    create(&wire);
    assert_eq!([put(&wire, "a", 1), put(&wire, "a", 1), put(&wire, "a", 2)], [200, 200, 400]);
    wire.clock.advance(Duration::from_secs(120));
    assert_eq!(put(&wire, "b", 1), 200);
    let table = json!([{"Name": "TableName", "Value": "orders"}]);
    let consumed = |period, stat| data(&wire, &query("ConsumedWriteCapacityUnits", period, stat, &table));
    assert_eq!(consumed(60, "Sum"), (vec![0, 60, 120], vec![2.0, 0.0, 1.0]), "idle minutes are zero");
    assert_eq!(consumed(300, "Sum"), (vec![0], vec![3.0]));
    assert_eq!(consumed(300, "SampleCount"), (vec![0], vec![3.0]));
    assert_eq!(consumed(60, "Average").1, [1.0, 0.0, 1.0]);
    let throttled = query("WriteProvisionedThroughputThrottleEvents", 60, "Sum", &table);
    assert_eq!(data(&wire, &throttled), (vec![0], vec![1.0]));
    let of_puts = json!([{"Name": "Operation", "Value": "PutItem"}, {"Name": "TableName", "Value": "orders"}]);
    assert_eq!(data(&wire, &query("ThrottledRequests", 60, "Sum", &of_puts)), (vec![0], vec![1.0]));
    assert_eq!(data(&wire, &query("SuccessfulRequestLatency", 60, "p99", &of_puts)).0, [0, 120]);
    // Another set of dimensions is another metric.
    assert_eq!(data(&wire, &query("ConsumedWriteCapacityUnits", 60, "Sum", &of_puts)).0, [0u64; 0]);
    assert_eq!(data(&wire, &query("NoSuchMetric", 60, "Sum", &table)).0, [0u64; 0]);
}

#[test]
fn malformed_requests_are_user_errors() {
    let wire = wire();
    create(&wire);
    wire.error("PutItem", json!({"TableName": "orders", "Item": {"pk": {"S": "a"}}}));
    wire.error("PutItem", json!({"TableName": "orders", "Item": {"pk": {"Q": "a"}}}));
    wire.error("GetItem", json!({"TableName": "absent", "Key": {"pk": {"S": "a"}}}));
    assert_eq!(data(&wire, &query("UserErrors", 60, "Sum", &json!([]))), (vec![0], vec![3.0]));
}

#[test]
fn metrics_are_listed_by_name_and_dimension() {
    let wire = wire();
    create(&wire);
    put(&wire, "a", 1);
    let all = ok(&wire, "ListMetrics", &json!({"Namespace": "AWS/DynamoDB"}));
    let names: Vec<&str> =
        all["Metrics"].as_array().unwrap().iter().map(|metric| metric["MetricName"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "ConsumedWriteCapacityUnits",
            "ProvisionedReadCapacityUnits",
            "ProvisionedWriteCapacityUnits",
            "SuccessfulRequestLatency"
        ]
    );
    let request = json!({"Dimensions": [{"Name": "Operation", "Value": "PutItem"}]});
    assert_eq!(ok(&wire, "ListMetrics", &request)["Metrics"].as_array().unwrap().len(), 1);
    let elsewhere = ok(&wire, "ListMetrics", &json!({"Namespace": "AWS/EC2"}));
    assert_eq!(elsewhere, json!({"Metrics": []}));
}

#[test]
fn rules_of_insights_rank_keys() {
    let wire = wire();
    create(&wire);
    wire.ok("UpdateContributorInsights", json!({"TableName": "orders", "ContributorInsightsAction": "ENABLE"}));
    let described = wire.ok("DescribeContributorInsights", json!({"TableName": "orders"}));
    let rules: Vec<String> = serde_json::from_value(described["ContributorInsightsRuleList"].clone()).unwrap();
    let rule = |kind: &str| rules.iter().find(|rule| rule.contains(&format!("-{kind}-"))).unwrap().clone();
    for (pk, sk, status) in [("hot", 1, 200), ("hot", 2, 200), ("cold", 1, 400), ("hot", 7, 400), ("hot", 7, 400)] {
        assert_eq!(put(&wire, pk, sk), status);
    }
    let report = |kind: &str| ok(&wire, "GetInsightRuleReport", &json!({"RuleName": rule(kind)}));
    let accessed = report("PKC");
    assert_eq!(accessed["KeyLabels"], json!(["pk"]));
    assert_eq!(accessed["AggregateValue"], json!(6.0), "two write units weigh three each");
    assert_eq!(accessed["Contributors"][0]["Keys"], json!(["hot"]));
    assert_eq!(report("SKC")["Contributors"].as_array().unwrap().len(), 2);
    let throttled = report("SKT");
    assert_eq!(throttled["KeyLabels"], json!(["pk", "sk"]));
    let hottest = &throttled["Contributors"][0];
    assert_eq!((&hottest["Keys"], &hottest["ApproximateAggregateValue"]), (&json!(["hot", "7"]), &json!(2.0)));
    let (status, error) = cloudwatch(&wire, "GetInsightRuleReport", &json!({"RuleName": "no such rule"}));
    assert_eq!(status, 400, "{error}");
}

#[test]
fn what_cannot_be_answered_is_refused() {
    let wire = wire();
    let refused = |wire: &Wire, request: Value| {
        let (status, body) = cloudwatch(wire, "GetMetricData", &request);
        assert_eq!(status, 400, "{request}: {body}");
        body["message"].as_str().unwrap_or_default().to_owned()
    };
    let table = json!([{"Name": "TableName", "Value": "orders"}]);
    let with = |query: Value| json!({"StartTime": 1, "EndTime": 2, "MetricDataQueries": [query]});
    assert!(refused(&wire, with(query("X", 59, "Sum", &table))).contains("multiple of 60"));
    assert!(refused(&wire, with(query("X", 60, "Mode", &table))).contains("Mode"));
    assert!(refused(&wire, with(json!({"Id": "e", "Expression": "m1 / 2"}))).contains("expressions"));
    assert!(
        refused(&wire, json!({"StartTime": 2, "EndTime": 1, "MetricDataQueries": [{"Id": "e"}]})).contains("StartTime")
    );
    refused(&wire, json!({"StartTime": "x", "EndTime": 1, "MetricDataQueries": []}));
    let without = Wire::new();
    assert!(refused(&without, with(query("X", 60, "Sum", &table))).contains("--metrics"));
}

/// What is not noted by requests: how long changes take to other regions, and what becomes of records for Kinesis.
#[test]
fn metrics_of_replicas_and_destinations_are_listed_and_read() {
    let clock = Clock::manual(BEGIN * 1_000);
    let database = Database::options().background(false).ledger(LedgerOptions::new());
    let options = World::options().clock(clock.clone()).database(database).region("us-east-1").region("eu-west-1");
    let world = options.open().unwrap();
    let database = world.database("us-east-1").unwrap();
    database.deliver_to_kinesis(|_: &[KinesisRecord]| Ok::<_, hashrange::Error>(())).unwrap();
    let wire = Wire { protocol: Protocol::new(database.clone()).world(world.clone()), clock };
    wire.create_things();
    let replica = json!([{"Create": {"RegionName": "eu-west-1"}}]);
    wire.ok("UpdateTable", json!({"TableName": "things", "ReplicaUpdates": replica}));
    let stream = "arn:aws:kinesis:us-east-1:000000000000:stream/changes";
    wire.ok("EnableKinesisStreamingDestination", json!({"TableName": "things", "StreamArn": stream}));
    wire.put(crate::support::key("a", 1));
    world.settle().unwrap();
    while database.step().unwrap() != Work::Idle {}
    let of = |name: &str| {
        let found = ok(&wire, "ListMetrics", &json!({"Namespace": "AWS/DynamoDB", "MetricName": name}));
        assert_eq!(found["Metrics"].as_array().unwrap().len(), 1, "{name}: {found}");
        let dimensions = found["Metrics"][0]["Dimensions"].clone();
        data(&wire, &query(name, 60, "Sum", &dimensions)).1
    };
    assert_eq!(of("ReplicationLatency"), [800.0]);
    assert_eq!(of("ConsumedChangeDataCaptureUnits"), [1.0]);
    assert_eq!(of("AgeOfOldestUnreplicatedRecord"), [800.0]);
}
