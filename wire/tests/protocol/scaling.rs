//! Application Auto Scaling on the same port.

use crate::support::Wire;
use serde_json::{Value, json};
use std::time::Duration;

fn ask(wire: &Wire, operation: &str, request: &Value) -> (u16, Value) {
    let target = format!("AnyScaleFrontendService.{operation}");
    let answer = wire.protocol.handle(&target, request.to_string().as_bytes());
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

fn ok(wire: &Wire, operation: &str, request: &Value) -> Value {
    let (status, body) = ask(wire, operation, request);
    assert_eq!(status, 200, "{operation}: {body}");
    body
}

fn reads(more: &Value) -> Value {
    let mut request = json!({
        "ServiceNamespace": "dynamodb", "ResourceId": "table/things", "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
    });
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request
}

fn create(wire: &Wire) {
    wire.ok(
        "CreateTable",
        json!({
            "TableName": "things", "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
        }),
    );
}

fn policy() -> Value {
    reads(&json!({
        "PolicyName": "keep 70", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 70.0, "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBReadCapacityUtilization"}},
    }))
}

#[test]
fn a_table_is_scaled_by_the_clock() {
    let wire = Wire::new();
    create(&wire);
    let arn = ok(&wire, "RegisterScalableTarget", &reads(&json!({"MinCapacity": 5, "MaxCapacity": 100})));
    assert!(arn["ScalableTargetARN"].as_str().unwrap().contains(":scalable-target/"), "{arn}");
    let put = ok(&wire, "PutScalingPolicy", &policy());
    assert_eq!(put["Alarms"].as_array().unwrap().len(), 4);
    assert!(put["PolicyARN"].as_str().unwrap().ends_with("policyName/keep 70"), "{put}");
    for _ in 0..2 {
        (0..600).for_each(|_| drop(wire.ok("GetItem", json!({"TableName": "things", "Key": {"pk": {"S": "a"}}}))));
        wire.clock.advance(Duration::from_secs(60));
    }
    wire.clock.advance(Duration::from_secs(10));
    let described = wire.ok("DescribeTable", json!({"TableName": "things"}));
    assert_eq!(described["Table"]["ProvisionedThroughput"]["ReadCapacityUnits"], 8);
    assert!(described["Table"]["ProvisionedThroughput"].get("LastIncreaseDateTime").is_some());
    let activities = ok(&wire, "DescribeScalingActivities", &json!({"ServiceNamespace": "dynamodb"}));
    let activity = &activities["ScalingActivities"][0];
    assert_eq!(
        (activity["StatusCode"].as_str(), activity["Description"].as_str()),
        (Some("Successful"), Some("Setting read capacity units to 8."))
    );
}

#[test]
fn targets_and_policies_are_described_and_removed() {
    let wire = Wire::new();
    create(&wire);
    ok(&wire, "RegisterScalableTarget", &reads(&json!({"MinCapacity": 10, "MaxCapacity": 100})));
    let described = wire.ok("DescribeTable", json!({"TableName": "things"}));
    assert_eq!(described["Table"]["ProvisionedThroughput"]["ReadCapacityUnits"], 10, "brought inside at once");
    ok(
        &wire,
        "RegisterScalableTarget",
        &reads(&json!({"MaxCapacity": 50, "SuspendedState": {"DynamicScalingInSuspended": true}})),
    );
    let targets = ok(&wire, "DescribeScalableTargets", &json!({"ServiceNamespace": "dynamodb"}));
    let target = &targets["ScalableTargets"][0];
    assert_eq!((&target["MinCapacity"], &target["MaxCapacity"]), (&json!(10), &json!(50)));
    assert_eq!(
        target["SuspendedState"],
        json!({
        "DynamicScalingInSuspended": true, "DynamicScalingOutSuspended": false, "ScheduledScalingSuspended": false})
    );
    ok(&wire, "PutScalingPolicy", &policy());
    let page = json!({"ServiceNamespace": "dynamodb", "ResourceId": "table/other"});
    assert_eq!(ok(&wire, "DescribeScalingPolicies", &page)["ScalingPolicies"], json!([]));
    let policies = ok(&wire, "DescribeScalingPolicies", &json!({"ServiceNamespace": "dynamodb"}));
    assert_eq!(policies["ScalingPolicies"][0]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"], 70.0);
    ok(&wire, "DeleteScalingPolicy", &reads(&json!({"PolicyName": "keep 70"})));
    ok(&wire, "DeregisterScalableTarget", &reads(&json!({})));
    let (status, body) = ask(&wire, "DeregisterScalableTarget", &reads(&json!({})));
    assert_eq!(
        (status, body["__type"].as_str().unwrap()),
        (400, "com.amazonaws.autoscaling.frontend#ObjectNotFoundException")
    );
    assert!(body["Message"].as_str().unwrap().starts_with("No scalable target found"), "{body}");
    let (status, body) = ask(&wire, "PutScalingPolicy", &policy());
    assert_eq!(
        (status, body["__type"].as_str().unwrap()),
        (400, "com.amazonaws.autoscaling.frontend#ObjectNotFoundException")
    );
}

#[test]
fn what_is_wrong_is_refused() {
    let wire = Wire::new();
    create(&wire);
    for (operation, request, text) in [
        ("RegisterScalableTarget", json!({"ServiceNamespace": "ecs"}), "'serviceNamespace'"),
        ("RegisterScalableTarget", json!({}), "Value null at 'serviceNamespace'"),
        ("RegisterScalableTarget", reads(&json!({"MinCapacity": 5})), "first time"),
        ("RegisterScalableTarget", reads(&json!({"MinCapacity": 5, "MaxCapacity": 4})), "less than minimum"),
        (
            "RegisterScalableTarget",
            reads(&json!({"ResourceId": "table/no", "MinCapacity": 5, "MaxCapacity": 6})),
            "table/no",
        ),
        (
            "RegisterScalableTarget",
            reads(&json!({"ScalableDimension": "dynamodb:index:ReadCapacityUnits"})),
            "Unsupported",
        ),
        (
            "PutScalingPolicy",
            reads(&json!({"PolicyName": "p", "PolicyType": "StepScaling"})),
            "TargetTrackingScaling only",
        ),
        ("DescribeScalableTargets", json!({"ServiceNamespace": "dynamodb", "MaxResults": 51}), "'maxResults'"),
    ] {
        let (status, body) = ask(&wire, operation, &request);
        assert_eq!(
            (status, body["__type"].as_str().unwrap()),
            (400, "com.amazonaws.autoscaling.frontend#ValidationException"),
            "{body}"
        );
        assert!(body["Message"].as_str().unwrap().contains(text), "{text}: {body}");
    }
    assert_eq!(
        ask(&wire, "PutScheduledAction", &json!({})).1["__type"],
        "com.amazon.coral.service#UnknownOperationException"
    );
}
