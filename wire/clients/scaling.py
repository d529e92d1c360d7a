"""boto3's client for Application Auto Scaling against the port of DynamoDB: a target, a policy, and what they do."""

import os

import boto3
from botocore.exceptions import ClientError

endpoint = {"endpoint_url": os.environ["ENDPOINT"]}
tables, scaling = boto3.client("dynamodb", **endpoint), boto3.client("application-autoscaling", **endpoint)
tables.create_table(
    TableName="scaled",
    KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
)
reads = {
    "ServiceNamespace": "dynamodb",
    "ResourceId": "table/scaled",
    "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
}
units = lambda: tables.describe_table(TableName="scaled")["Table"]["ProvisionedThroughput"]["ReadCapacityUnits"]

registered = scaling.register_scalable_target(MinCapacity=10, MaxCapacity=100, **reads)
assert ":scalable-target/" in registered["ScalableTargetARN"], registered
assert units() == 10, "the throughput is brought inside the bounds at once"
put = scaling.put_scaling_policy(
    PolicyName="keep-70",
    PolicyType="TargetTrackingScaling",
    TargetTrackingScalingPolicyConfiguration={
        "TargetValue": 70.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBReadCapacityUtilization"},
        "ScaleInCooldown": 60,
    },
    **reads,
)
assert len(put["Alarms"]) == 4, put
[target] = scaling.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"]
assert (target["MinCapacity"], target["MaxCapacity"], target["ResourceId"]) == (10, 100, "table/scaled"), target
[policy] = scaling.get_paginator("describe_scaling_policies").paginate(ServiceNamespace="dynamodb").build_full_result()[
    "ScalingPolicies"
]
assert policy["TargetTrackingScalingPolicyConfiguration"]["ScaleInCooldown"] == 60, policy
[activity] = scaling.describe_scaling_activities(ServiceNamespace="dynamodb")["ScalingActivities"]
assert activity["StatusCode"] == "Successful" and activity["Description"] == "Setting read capacity units to 10.", activity
scaling.delete_scaling_policy(PolicyName="keep-70", **reads)
scaling.deregister_scalable_target(**reads)
try:
    scaling.deregister_scalable_target(**reads)
    raise AssertionError("the target was there twice")
except scaling.exceptions.ObjectNotFoundException as error:
    assert "No scalable target found" in str(error), error
try:
    scaling.register_scalable_target(**reads)
    raise AssertionError("a target without bounds")
except ClientError as error:
    assert error.response["Error"]["Code"] == "ValidationException", error
tables.delete_table(TableName="scaled")
print("boto3 scales tables")
