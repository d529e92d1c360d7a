//! Application Auto Scaling's scheduled actions: bounds of a target that change at a time.

use super::scaling::{NAMESPACE, Request, absent, invalid, refused, scaling, seconds, violation};
use crate::{
    arn::identity,
    context::Context,
    error::{Failure, Outcome},
};
use hashrange::scaling::ScheduledAction;
use serde::Deserialize;
use serde_json::json;

/// Names of the one time zone that schedules are in.
const UTC: [&str; 5] = ["UTC", "Etc/UTC", "GMT", "Etc/GMT", "Etc/UCT"];

/// Members of requests that are about scheduled actions.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ScheduledMembers {
    schedule: Option<String>,
    timezone: Option<String>,
    scheduled_action_name: Option<String>,
    scheduled_action_names: Option<Vec<String>>,
    start_time: Option<f64>,
    end_time: Option<f64>,
    scalable_target_action: Option<Bounds>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Bounds {
    min_capacity: Option<i64>,
    max_capacity: Option<i64>,
}

impl ScheduledMembers {
    fn name(&self) -> Result<&str, Failure> {
        let missing = || violation("null", "scheduledActionName", "Member must not be null");
        self.scheduled_action_name.as_deref().ok_or_else(missing)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an absurd time becomes the nearest one")]
fn millis(seconds: f64) -> u64 {
    (seconds * 1_000.0) as u64
}

/// Units a second.
fn units(given: Option<i64>, member: &str) -> Result<Option<u64>, Failure> {
    let refusal =
        |given: i64| violation(&format!("'{given}'"), member, "Member must have value greater than or equal to 1");
    given.map(|given| u64::try_from(given).ok().filter(|units| *units > 0).ok_or_else(|| refusal(given))).transpose()
}

/// `PutScheduledAction`. Members that are left out stay as they are where the action is known.
pub(super) fn put(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request = Request::decode(body)?;
    let resource = request.resource()?;
    let members = &request.scheduled;
    let name = members.name()?;
    let scaling = scaling(context)?;
    let known = scaling.scheduled_actions().into_iter().find(|known| known.resource == resource && known.name == name);
    if let Some(zone) = members.timezone.as_deref().filter(|zone| !UTC.contains(zone)) {
        return Err(invalid(format!("Timezone {zone} is not supported here: schedules are in UTC")));
    }
    let Some(schedule) = members.schedule.clone().or_else(|| known.as_ref().map(|known| known.schedule.clone())) else {
        return Err(invalid("Schedule must be specified"));
    };
    let bounds = match members.scalable_target_action {
        Some(bounds) => (
            units(bounds.min_capacity, "scalableTargetAction.minCapacity")?,
            units(bounds.max_capacity, "scalableTargetAction.maxCapacity")?,
        ),
        None => known.as_ref().map_or((None, None), |known| (known.min_units, known.max_units)),
    };
    let mut action = ScheduledAction::new(name, resource, schedule, 1, 1);
    (action.min_units, action.max_units) = bounds;
    action.start_millis = members.start_time.map(millis).or(known.as_ref().and_then(|known| known.start_millis));
    action.end_millis = members.end_time.map(millis).or(known.as_ref().and_then(|known| known.end_millis));
    scaling.put_scheduled_action(action).map_err(refused)?;
    Ok(b"{}".to_vec())
}

/// `DeleteScheduledAction`.
pub(super) fn delete(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request = Request::decode(body)?;
    let (resource, name) = (request.resource()?, request.scheduled.name()?);
    let deleted = scaling(context)?.delete_scheduled_action(&resource, name);
    deleted.map_err(|error| absent(error, "scheduled action", &resource))?;
    Ok(b"{}".to_vec())
}

/// `DescribeScheduledActions`.
pub(super) fn describe(context: &Context<'_>, body: &[u8]) -> Outcome {
    let request = Request::decode(body)?;
    request.check_dimension()?;
    let names = request.scheduled.scheduled_action_names.as_ref();
    let actions = scaling(context)?.scheduled_actions();
    let is_wanted = |action: &&ScheduledAction| {
        request.names(&action.resource) && names.is_none_or(|names| names.contains(&action.name))
    };
    let described = actions.iter().filter(is_wanted).map(|action| {
        let mut shown = json!({
            "ScheduledActionName": action.name,
            "ScheduledActionARN": arn(context, action),
            "ServiceNamespace": NAMESPACE,
            "Schedule": action.schedule,
            "Timezone": "UTC",
            "ResourceId": action.resource.id(),
            "ScalableDimension": action.resource.dimension(),
            "CreationTime": seconds(action.created_millis),
            "ScalableTargetAction": {},
        });
        let bounds = [("MinCapacity", action.min_units), ("MaxCapacity", action.max_units)];
        for (member, units) in bounds.into_iter().filter_map(|(member, units)| Some((member, units?))) {
            shown["ScalableTargetAction"][member] = units.into();
        }
        let times = [("StartTime", action.start_millis), ("EndTime", action.end_millis)];
        for (member, at) in times.into_iter().filter_map(|(member, at)| Some((member, at?))) {
            shown[member] = seconds(at).into();
        }
        shown
    });
    request.page("ScheduledActions", described.collect())
}

fn arn(context: &Context<'_>, action: &ScheduledAction) -> String {
    let (resource, owner) = (&action.resource, context.owner);
    let id = identity(&[b"action", resource.id().as_bytes(), resource.dimension().as_bytes(), action.name.as_bytes()]);
    format!(
        "arn:aws:autoscaling:{}:{}:scheduledAction:{id}:resource/{NAMESPACE}/{}:scheduledActionName/{}",
        owner.region,
        owner.account,
        resource.id(),
        action.name
    )
}
