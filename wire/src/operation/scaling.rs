//! Application Auto Scaling's operations on the throughput of tables and global indexes: targets, policies of target tracking, and
//! activities. Scheduled actions are beside. Other services' resources and step scaling are not here.

use super::scheduled_actions::ScheduledMembers;
use crate::{
    arn::identity,
    context::Context,
    error::{Failure, Outcome},
};
use hashrange::{
    Error, ErrorKind,
    scaling::{ActivityStatus, AutoScaling, ScalableResource, ScalableTarget, ScalingPolicy, SuspendedScaling},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) const NAMESPACE: &str = "dynamodb";
/// Elements of one page of a description.
const PAGE: usize = 50;
/// Dimensions that DynamoDB's resources have.
const DIMENSIONS: [&str; 4] = [
    "dynamodb:table:ReadCapacityUnits",
    "dynamodb:table:WriteCapacityUnits",
    "dynamodb:index:ReadCapacityUnits",
    "dynamodb:index:WriteCapacityUnits",
];

/// The members of all requests.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Request {
    service_namespace: Option<String>,
    resource_id: Option<String>,
    scalable_dimension: Option<String>,
    min_capacity: Option<i64>,
    max_capacity: Option<i64>,
    #[serde(rename = "RoleARN")]
    role_arn: Option<String>,
    suspended_state: Option<Suspended>,
    policy_name: Option<String>,
    policy_type: Option<String>,
    policy_names: Option<Vec<String>>,
    target_tracking_scaling_policy_configuration: Option<Tracking>,
    resource_ids: Option<Vec<String>>,
    max_results: Option<i64>,
    next_token: Option<String>,
    #[serde(flatten)]
    pub(super) scheduled: ScheduledMembers,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Suspended {
    dynamic_scaling_in_suspended: Option<bool>,
    dynamic_scaling_out_suspended: Option<bool>,
    scheduled_scaling_suspended: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Tracking {
    target_value: Option<f64>,
    predefined_metric_specification: Option<Metric>,
    customized_metric_specification: Option<Value>,
    scale_out_cooldown: Option<i64>,
    scale_in_cooldown: Option<i64>,
    disable_scale_in: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Metric {
    predefined_metric_type: Option<String>,
}

/// An error as Application Auto Scaling says it.
fn failure(name: &'static str, message: impl Into<String>) -> Failure {
    let mut failure = Failure::service(name, message);
    failure.0.namespace = "com.amazonaws.autoscaling.frontend";
    failure.0.message_member = "Message";
    failure
}

pub(super) fn invalid(message: impl Into<String>) -> Failure {
    failure("ValidationException", message)
}

/// An error of the engine: what it does not find is an object, or a table that a target cannot be.
pub(super) fn refused(error: Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound if error.code() == "ObjectNotFoundException" => {
            failure("ObjectNotFoundException", error.message().to_owned())
        }
        ErrorKind::Validation | ErrorKind::NotFound => invalid(error.message().to_owned()),
        _ => error.into(),
    }
}

/// One constraint that a member breaks.
pub(super) fn violation(value: &str, member: &str, constraint: &str) -> Failure {
    invalid(format!(
        "1 validation error detected: Value {value} at '{member}' failed to satisfy constraint: {constraint}"
    ))
}

impl Request {
    pub(super) fn decode(body: &[u8]) -> Result<Self, Failure> {
        let request: Self = serde_json::from_slice(body).map_err(|error| Failure::serialization(error.to_string()))?;
        match request.service_namespace.as_deref() {
            Some(NAMESPACE) => Ok(request),
            None => Err(violation("null", "serviceNamespace", "Member must not be null")),
            Some(other) => {
                let constraint = "Member must satisfy enum value set: [dynamodb]";
                Err(violation(&format!("'{other}'"), "serviceNamespace", constraint))
            }
        }
    }

    /// The resource, which has to be named.
    pub(super) fn resource(&self) -> Result<ScalableResource, Failure> {
        let Some(id) = &self.resource_id else {
            return Err(violation("null", "resourceId", "Member must not be null"));
        };
        let Some(dimension) = &self.scalable_dimension else {
            return Err(violation("null", "scalableDimension", "Member must not be null"));
        };
        self.check_dimension()?;
        ScalableResource::parse(id, dimension).ok_or_else(|| {
            invalid(format!("Unsupported service namespace, resource type or scalable dimension: {id}, {dimension}"))
        })
    }

    pub(super) fn check_dimension(&self) -> Result<(), Failure> {
        match self.scalable_dimension.as_deref() {
            Some(dimension) if !DIMENSIONS.contains(&dimension) => {
                let constraint = format!("Member must satisfy enum value set: [{}]", DIMENSIONS.join(", "));
                Err(violation(&format!("'{dimension}'"), "scalableDimension", &constraint))
            }
            _ => Ok(()),
        }
    }

    fn policy_name(&self) -> Result<&str, Failure> {
        self.policy_name.as_deref().ok_or_else(|| violation("null", "policyName", "Member must not be null"))
    }

    /// Whether something is described, by its resource.
    pub(super) fn names(&self, resource: &ScalableResource) -> bool {
        let is_id = |id: &String| *id == resource.id();
        self.resource_id.as_ref().is_none_or(is_id)
            && self.resource_ids.as_ref().is_none_or(|ids| ids.iter().any(is_id))
            && self.scalable_dimension.as_deref().is_none_or(|dimension| dimension == resource.dimension())
    }

    /// A page of what was found, under a name.
    pub(super) fn page(&self, name: &str, found: Vec<Value>) -> Outcome {
        let most = match self.max_results {
            None => PAGE,
            Some(most) if (1..=50).contains(&most) => usize::try_from(most).unwrap_or(PAGE),
            Some(most) => {
                let constraint = "Member must have value between 1 and 50";
                return Err(violation(&format!("'{most}'"), "maxResults", constraint));
            }
        };
        let first = match &self.next_token {
            None => 0,
            Some(token) => {
                let token = token.parse::<usize>().ok().filter(|at| *at <= found.len());
                token.ok_or_else(|| failure("InvalidNextTokenException", "The next token is invalid."))?
            }
        };
        let mut answer = Map::new();
        if found.len() > first + most {
            answer.insert("NextToken".to_owned(), Value::String((first + most).to_string()));
        }
        answer.insert(name.to_owned(), found.into_iter().skip(first).take(most).collect());
        Ok(Value::Object(answer).to_string().into_bytes())
    }
}

pub(super) fn scaling(context: &Context<'_>) -> Result<AutoScaling, Failure> {
    let scaling = context.database.auto_scaling()?;
    scaling.step()?;
    Ok(scaling)
}

fn capacity(given: Option<i64>, known: Option<u64>, member: &str) -> Result<u64, Failure> {
    match given {
        Some(units) => {
            u64::try_from(units).map_err(|_| violation(&format!("'{units}'"), member, "Member must be at least 1"))
        }
        None => known.ok_or_else(|| {
            invalid("A minimum and a maximum capacity must be specified when registering a scalable target for the first time.")
        }),
    }
}

pub(super) fn register_target(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request = Request::decode(body)?;
    let resource = request.resource()?;
    let scaling = scaling(context)?;
    let known = scaling.targets().into_iter().find(|target| target.resource == resource);
    let least = capacity(request.min_capacity, known.as_ref().map(|known| known.min_units), "minCapacity")?;
    let most = capacity(request.max_capacity, known.as_ref().map(|known| known.max_units), "maxCapacity")?;
    if least == 0 || most < least {
        let text = "Maximum capacity cannot be less than minimum capacity, and minimum capacity cannot be less than 1";
        return Err(invalid(text));
    }
    let mut target = ScalableTarget::new(resource, least, most);
    target.role_arn = request.role_arn.or(known.as_ref().and_then(|known| known.role_arn.clone()));
    let before = known.map(|known| known.suspended).unwrap_or_default();
    let given = request.suspended_state.unwrap_or_default();
    target.suspended = SuspendedScaling {
        scale_in: given.dynamic_scaling_in_suspended.unwrap_or(before.scale_in),
        scale_out: given.dynamic_scaling_out_suspended.unwrap_or(before.scale_out),
        scheduled: given.scheduled_scaling_suspended.unwrap_or(before.scheduled),
    };
    let arn = target_arn(context, &target.resource);
    scaling.register_target(target).map_err(refused)?;
    Ok(json!({ "ScalableTargetARN": arn }).to_string().into_bytes())
}

pub(super) fn deregister_target(context: &Context<'_>, body: &[u8]) -> Outcome {
    let resource = Request::decode(body)?.resource()?;
    scaling(context)?.deregister_target(&resource).map_err(|error| absent(error, "scalable target", &resource))?;
    Ok(b"{}".to_vec())
}

pub(super) fn describe_targets(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request = Request::decode(body)?;
    request.check_dimension()?;
    let targets = scaling(context)?.targets();
    let described = targets.iter().filter(|target| request.names(&target.resource)).map(|target| {
        let role = || format!("arn:aws:iam::{}:role/aws-service-role/dynamodb.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_DynamoDBTable", context.owner.account);
        json!({
            "ServiceNamespace": NAMESPACE,
            "ResourceId": target.resource.id(),
            "ScalableDimension": target.resource.dimension(),
            "MinCapacity": target.min_units,
            "MaxCapacity": target.max_units,
            "RoleARN": target.role_arn.clone().unwrap_or_else(role),
            "CreationTime": seconds(target.created_millis),
            "SuspendedState": {
                "DynamicScalingInSuspended": target.suspended.scale_in,
                "DynamicScalingOutSuspended": target.suspended.scale_out,
                "ScheduledScalingSuspended": target.suspended.scheduled,
            },
            "ScalableTargetARN": target_arn(context, &target.resource),
        })
    });
    request.page("ScalableTargets", described.collect())
}

pub(super) fn put_policy(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request = Request::decode(body)?;
    let resource = request.resource()?;
    let scaling = scaling(context)?;
    let name = request.policy_name()?;
    let known = scaling.policies().into_iter().find(|policy| policy.resource == resource && policy.name == name);
    match request.policy_type.as_deref() {
        Some("TargetTrackingScaling") => {}
        None if known.is_some() => {}
        Some("StepScaling") | None => {
            return Err(invalid("DynamoDB supports policies of type TargetTrackingScaling only"));
        }
        Some(other) => {
            let constraint = "Member must satisfy enum value set: [StepScaling, TargetTrackingScaling]";
            return Err(violation(&format!("'{other}'"), "policyType", constraint));
        }
    }
    let policy = match &request.target_tracking_scaling_policy_configuration {
        Some(tracking) => tracking.policy(name, resource)?,
        None => known.ok_or_else(|| invalid("TargetTrackingScalingPolicyConfiguration must be specified"))?,
    };
    scaling.put_policy(policy.clone()).map_err(refused)?;
    let answer = json!({ "PolicyARN": policy_arn(context, &policy), "Alarms": alarms(context, &scaling, &policy) });
    Ok(answer.to_string().into_bytes())
}

impl Tracking {
    fn policy(&self, name: &str, resource: ScalableResource) -> Result<ScalingPolicy, Failure> {
        const PATH: &str = "targetTrackingScalingPolicyConfiguration";
        let missing = |member: &str| violation("null", &format!("{PATH}.{member}"), "Member must not be null");
        let target = self.target_value.ok_or_else(|| missing("targetValue"))?;
        if self.customized_metric_specification.is_some() {
            return Err(invalid("CustomizedMetricSpecification is not supported here; use a predefined metric"));
        }
        let metric =
            self.predefined_metric_specification.as_ref().and_then(|metric| metric.predefined_metric_type.as_deref());
        let expected = metric_of(&resource);
        match metric {
            None => return Err(missing("predefinedMetricSpecification.predefinedMetricType")),
            Some(metric) if metric != expected => {
                let text =
                    format!("Unsupported metric {metric} for {}: it is scaled by {expected}", resource.dimension());
                return Err(invalid(text));
            }
            Some(_) => {}
        }
        let secs = |given: Option<i64>, member: &str| match u32::try_from(given.unwrap_or(0)) {
            Ok(secs) => Ok(secs),
            Err(_) => Err(invalid(format!("{PATH}.{member}: must be at least 0"))),
        };
        let mut policy = ScalingPolicy::new(name, resource, target);
        policy.scale_out_cooldown_secs = secs(self.scale_out_cooldown, "scaleOutCooldown")?;
        policy.scale_in_cooldown_secs = secs(self.scale_in_cooldown, "scaleInCooldown")?;
        policy.disable_scale_in = self.disable_scale_in.unwrap_or(false);
        Ok(policy)
    }
}

fn metric_of(resource: &ScalableResource) -> &'static str {
    if resource.is_write { "DynamoDBWriteCapacityUtilization" } else { "DynamoDBReadCapacityUtilization" }
}

pub(super) fn delete_policy(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request = Request::decode(body)?;
    let (resource, name) = (request.resource()?, request.policy_name()?);
    let deleted = scaling(context)?.delete_policy(&resource, name);
    deleted.map_err(|error| absent(error, "scaling policy", &resource))?;
    Ok(b"{}".to_vec())
}

pub(super) fn describe_policies(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request = Request::decode(body)?;
    request.check_dimension()?;
    let scaling = scaling(context)?;
    let is_named =
        |policy: &ScalingPolicy| request.policy_names.as_ref().is_none_or(|names| names.contains(&policy.name));
    let policies = scaling.policies();
    let found = policies.iter().filter(|policy| request.names(&policy.resource) && is_named(policy));
    let described = found.map(|policy| {
        json!({
            "PolicyARN": policy_arn(context, policy),
            "PolicyName": policy.name,
            "ServiceNamespace": NAMESPACE,
            "ResourceId": policy.resource.id(),
            "ScalableDimension": policy.resource.dimension(),
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": policy.target_percent,
                "PredefinedMetricSpecification": { "PredefinedMetricType": metric_of(&policy.resource) },
                "ScaleOutCooldown": policy.scale_out_cooldown_secs,
                "ScaleInCooldown": policy.scale_in_cooldown_secs,
                "DisableScaleIn": policy.disable_scale_in,
            },
            "Alarms": alarms(context, &scaling, policy),
            "CreationTime": seconds(policy.created_millis),
        })
    });
    request.page("ScalingPolicies", described.collect())
}

pub(super) fn describe_activities(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request = Request::decode(body)?;
    request.check_dimension()?;
    let activities = scaling(context)?.activities();
    let found = activities.iter().filter(|activity| request.names(&activity.resource));
    let described = found.map(|activity| {
        let status = match activity.status {
            ActivityStatus::Successful => "Successful",
            ActivityStatus::Failed => "Failed",
        };
        json!({
            "ActivityId": identity(&[b"activity", &activity.number.to_be_bytes(), &activity.at_millis.to_be_bytes()]),
            "ServiceNamespace": NAMESPACE,
            "ResourceId": activity.resource.id(),
            "ScalableDimension": activity.resource.dimension(),
            "Description": activity.description(),
            "Cause": activity.cause,
            "StartTime": seconds(activity.at_millis),
            "EndTime": seconds(activity.at_millis),
            "StatusCode": status,
            "StatusMessage": activity.status_message(),
        })
    });
    request.page("ScalingActivities", described.collect())
}

/// What is not there, in the service's words.
pub(super) fn absent(error: Error, what: &str, resource: &ScalableResource) -> Failure {
    if error.kind() != ErrorKind::NotFound {
        return refused(error);
    }
    let (id, dimension) = (resource.id(), resource.dimension());
    let text = format!(
        "No {what} found for service namespace: {NAMESPACE}, resource ID: {id}, scalable dimension: {dimension}"
    );
    failure("ObjectNotFoundException", text)
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit a float for a long time")]
pub(super) fn seconds(millis: u64) -> f64 {
    millis as f64 / 1_000.0
}

fn target_arn(context: &Context<'_>, resource: &ScalableResource) -> String {
    let id = identity(&[b"target", resource.id().as_bytes(), resource.dimension().as_bytes()]).replace('-', "");
    let owner = context.owner;
    format!("arn:aws:application-autoscaling:{}:{}:scalable-target/{id}", owner.region, owner.account)
}

fn policy_arn(context: &Context<'_>, policy: &ScalingPolicy) -> String {
    let resource = &policy.resource;
    let id = identity(&[b"policy", resource.id().as_bytes(), resource.dimension().as_bytes(), policy.name.as_bytes()]);
    let (owner, of, name) = (context.owner, resource.id(), &policy.name);
    format!(
        "arn:aws:autoscaling:{}:{}:scalingPolicy:{id}:resource/{NAMESPACE}/{of}:policyName/{name}",
        owner.region, owner.account
    )
}

fn alarms(context: &Context<'_>, scaling: &AutoScaling, policy: &ScalingPolicy) -> Vec<Value> {
    let units = scaling.units(&policy.resource).unwrap_or(0);
    let owner = context.owner;
    let alarms = policy.alarms(units).into_iter().map(|alarm| {
        let arn = format!("arn:aws:cloudwatch:{}:{}:alarm:{}", owner.region, owner.account, alarm.name);
        json!({ "AlarmName": alarm.name, "AlarmARN": arn })
    });
    alarms.collect()
}
