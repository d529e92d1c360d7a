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
        ask(&wire, "GetPredictiveScalingForecast", &json!({})).1["__type"],
        "com.amazon.coral.service#UnknownOperationException"
    );
}

#[test]
fn scheduled_actions_are_put_described_and_removed() {
    let wire = Wire::new();
    create(&wire);
    let action = |more: Value| {
        let mut request = reads(&json!({"ScheduledActionName": "morning"}));
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    let (status, body) = ask(
        &wire,
        "PutScheduledAction",
        &action(json!({"Schedule": "rate(1 hour)", "ScalableTargetAction": {"MinCapacity": 1}})),
    );
    assert_eq!((status, body["__type"].as_str().unwrap().ends_with("#ObjectNotFoundException")), (400, true), "{body}");
    ok(&wire, "RegisterScalableTarget", &reads(&json!({"MinCapacity": 5, "MaxCapacity": 100})));
    let bounds = json!({"MinCapacity": 20});
    ok(
        &wire,
        "PutScheduledAction",
        &action(json!({"Schedule": "at(2026-01-01T06:00:00)", "Timezone": "UTC", "ScalableTargetAction": bounds,
            "StartTime": 1_767_225_600.0})),
    );
    let described = ok(&wire, "DescribeScheduledActions", &json!({"ServiceNamespace": "dynamodb"}));
    let shown = &described["ScheduledActions"][0];
    assert_eq!((&shown["Schedule"], &shown["ScalableTargetAction"]), (&json!("at(2026-01-01T06:00:00)"), &bounds));
    assert_eq!((&shown["StartTime"], &shown["EndTime"]), (&json!(1_767_225_600.0), &Value::Null));
    assert!(shown["ScheduledActionARN"].as_str().unwrap().ends_with("scheduledActionName/morning"), "{shown}");
    wire.clock.advance(Duration::from_secs(6 * 3_600));
    let table = wire.ok("DescribeTable", json!({"TableName": "things"}));
    assert_eq!(table["Table"]["ProvisionedThroughput"]["ReadCapacityUnits"], 20);
    let activities = ok(&wire, "DescribeScalingActivities", &json!({"ServiceNamespace": "dynamodb"}));
    assert_eq!(activities["ScalingActivities"][1]["Cause"], "scheduled action name morning was triggered");
    for (more, text) in [
        (json!({"Schedule": "at(tomorrow)"}), "schedule: tomorrow is no time"),
        (json!({"Timezone": "Europe/Paris"}), "schedules are in UTC"),
        (json!({"ScalableTargetAction": {"MinCapacity": 0}}), "'scalableTargetAction.minCapacity' failed"),
    ] {
        let (status, body) = ask(&wire, "PutScheduledAction", &action(more));
        assert!(status == 400 && body["Message"].as_str().unwrap().contains(text), "{body}");
    }
    ok(&wire, "DeleteScheduledAction", &action(json!({})));
    let (_, body) = ask(&wire, "DeleteScheduledAction", &action(json!({})));
    assert!(body["Message"].as_str().unwrap().starts_with("No scheduled action found"), "{body}");
}
