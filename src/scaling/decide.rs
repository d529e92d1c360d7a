//! What is to be changed at a moment: a pure function of targets, policies and consumption.

use super::{
    model::{ScalableResource, ScalableTarget, ScalingActivity, ScalingPolicy, high_threshold, low_threshold},
    scheduled_action::{Planned, ScheduledAction},
    series::MinuteSeries,
};
use std::collections::{BTreeMap, VecDeque};

pub const MINUTE_MILLIS: u64 = 60_000;
/// A minute is evaluated so long after its end.
const EVALUATION_MILLIS: u64 = 10_000;
/// Minutes that are evaluated after a long time in which nothing happened: more change nothing.
const MOST_MINUTES: u64 = 24 * 60;
/// Activities that are kept.
const MOST_ACTIVITIES: usize = 1_000;

/// Everything that scaling knows.
#[derive(Debug, Default)]
pub struct ScalingState {
    pub targets: BTreeMap<ScalableResource, Target>,
    pub policies: BTreeMap<(ScalableResource, String), ScalingPolicy>,
    pub actions: BTreeMap<(ScalableResource, String), Planned>,
    activities: VecDeque<ScalingActivity>,
    activity_count: u64,
    /// The next minute to be evaluated, since 1970.
    next_minute: u64,
}

/// A target, and what is known of it.
#[derive(Debug)]
pub struct Target {
    pub target: ScalableTarget,
    pub series: MinuteSeries,
    last_increase_millis: Option<u64>,
    last_change_millis: Option<u64>,
}

/// A change of throughput.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub resource: ScalableResource,
    pub units: u64,
    pub cause: String,
    pub at_millis: u64,
}

impl Target {
    pub fn new(target: ScalableTarget, now_millis: u64) -> Self {
        let series = MinuteSeries::since(now_millis / MINUTE_MILLIS);
        Self { target, series, last_increase_millis: None, last_change_millis: None }
    }

    /// What its bounds want, at a present rate.
    pub fn within_bounds(&self, units: u64, at_millis: u64) -> Option<Change> {
        let (least, most) = (self.target.min_units, self.target.max_units);
        let (wanted, cause) = match units {
            _ if units < least => (least, format!("minimum capacity was set to {least}")),
            _ if units > most => (most, format!("maximum capacity was set to {most}")),
            _ => return None,
        };
        Some(Change { resource: self.target.resource.clone(), units: wanted, cause, at_millis })
    }

    /// What a policy wants after a minute, at a present rate.
    fn wanted(&self, policy: &ScalingPolicy, minute: u64, units: u64, at_millis: u64) -> Option<(u64, &'static str)> {
        let (percent, series, target) = (policy.target_percent, &self.series, &self.target);
        let is_cooling = |since: Option<u64>, secs: u32| {
            since.is_some_and(|since| at_millis < since.saturating_add(u64::from(secs) * 1_000))
        };
        let needed = needed_units(series.of(minute)?, percent).clamp(target.min_units, target.max_units);
        let (high, low) = (high_threshold(units, percent), low_threshold(units, percent));
        if series.all(minute, 2, |consumed| consumed > high) {
            let may =
                !target.suspended.scale_out && !is_cooling(self.last_increase_millis, policy.scale_out_cooldown_secs);
            return (may && needed > units).then_some((needed, "AlarmHigh"));
        }
        if series.all(minute, 15, |consumed| consumed < low) {
            let may = !target.suspended.scale_in
                && !policy.disable_scale_in
                && !is_cooling(self.last_change_millis, policy.scale_in_cooldown_secs);
            return (may && needed < units).then_some((needed, "AlarmLow"));
        }
        None
    }
}

/// Units a second that a minute's consumption needs.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "units of a minute are neither negative nor beyond 2^53"
)]
fn needed_units(consumed: f64, target_percent: f64) -> u64 {
    // Rounded down a little, since shares of ten are not exact in binary.
    (consumed / 60.0 / (target_percent / 100.0) - 1e-9).ceil().max(0.0) as u64
}

impl ScalingState {
    /// Begins at a moment: minutes that ended before are not evaluated.
    pub fn at(now_millis: u64) -> Self {
        Self { next_minute: now_millis / MINUTE_MILLIS, ..Self::default() }
    }
    /// Notices in which minute a request is answered. If the clock was set back, alarms begin anew; `true` if it was. A thread may
    /// have read the clock just before a minute ended and was evaluated.
    pub fn heed(&mut self, minute: u64) -> bool {
        if minute.saturating_add(1) >= self.next_minute {
            return false;
        }
        self.next_minute = minute;
        for target in self.targets.values_mut() {
            target.series = MinuteSeries::since(minute);
            let most_millis = minute.saturating_mul(MINUTE_MILLIS);
            for millis in [&mut target.last_increase_millis, &mut target.last_change_millis].into_iter().flatten() {
                *millis = most_millis.min(*millis);
            }
        }
        true
    }
    /// When the next minute is evaluated. At the end of time that is never over.
    fn evaluation_millis(&self) -> u64 {
        (self.next_minute + 1).saturating_mul(MINUTE_MILLIS).saturating_add(EVALUATION_MILLIS)
    }
    /// When the next evaluation is due.
    pub fn next_millis(&self) -> u64 {
        if self.targets.is_empty() {
            return u64::MAX;
        }
        let evaluation = self.evaluation_millis();
        self.actions.values().filter_map(|planned| planned.next_millis).fold(evaluation, u64::min)
    }
    /// The scheduled action that is due first, if its time has come before that of the next evaluation, and the time.
    pub fn take_due_action(&mut self, now_millis: u64) -> Option<(ScheduledAction, u64)> {
        let evaluation = self.evaluation_millis();
        let next = self.actions.values_mut().filter(|planned| planned.next_millis.is_some());
        let first = next.min_by_key(|planned| planned.next_millis)?;
        let due_millis = first.next_millis.filter(|due| *due <= now_millis)?;
        // An evaluation that is due before it comes first.
        if evaluation < due_millis && evaluation <= now_millis {
            return None;
        }
        first.take_due(now_millis).map(|due_millis| (first.action.clone(), due_millis))
    }
    /// The minute to be evaluated next, if its time has come.
    pub fn take_due(&mut self, now_millis: u64) -> Option<(u64, u64)> {
        let first = (now_millis / MINUTE_MILLIS).saturating_sub(MOST_MINUTES);
        self.next_minute = self.next_minute.max(first);
        let (minute, at_millis) = (self.next_minute, self.evaluation_millis());
        (at_millis <= now_millis).then(|| {
            self.next_minute += 1;
            (minute, at_millis)
        })
    }
    /// What is to be changed after a minute; `units_of` knows what resources are provisioned with.
    pub fn evaluate(
        &self,
        (minute, at_millis): (u64, u64),
        units_of: impl Fn(&ScalableResource) -> Option<u64>,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        for (resource, target) in &self.targets {
            let Some(units) = units_of(resource) else { continue };
            let policies = self.policies.iter().filter(|((of, _), _)| of == resource);
            let wants: Vec<_> =
                policies.map(|((_, name), policy)| (name, target.wanted(policy, minute, units, at_millis))).collect();
            // The largest wins, and nothing is lowered while a policy does not want to.
            let all_want = wants.iter().all(|(_, wanted)| wanted.is_some());
            let largest = wants.iter().filter_map(|(name, wanted)| wanted.map(|(units, alarm)| (units, alarm, name)));
            let Some((wanted, alarm, name)) = largest.max_by_key(|(units, ..)| *units) else { continue };
            if wanted < units && !all_want {
                continue;
            }
            let id = resource.id();
            let cause = format!("monitor alarm TargetTracking-{id}-{alarm} in state ALARM triggered policy {name}");
            changes.push(Change { resource: resource.clone(), units: wanted, cause, at_millis });
        }
        changes
    }
    /// The bounds that a scheduled action wants for its target, unless such actions are suspended. Errors: what is wrong with
    /// them.
    pub fn bounds_of(&self, action: &ScheduledAction) -> Option<Result<ScalableTarget, String>> {
        let mut target = self.targets.get(&action.resource)?.target.clone();
        if target.suspended.scheduled {
            return None;
        }
        target.min_units = action.min_units.unwrap_or(target.min_units);
        target.max_units = action.max_units.unwrap_or(target.max_units);
        Some(target.check().map(|()| target).map_err(|error| error.message().to_owned()))
    }
    /// A scheduled action set bounds, or did not.
    pub fn note_action(
        &mut self,
        action: &ScheduledAction,
        at_millis: u64,
        bounds: (u64, u64),
        refusal: Option<String>,
    ) {
        let cause = format!("scheduled action name {} was triggered", action.name);
        let change = Change { resource: action.resource.clone(), units: bounds.0, cause, at_millis };
        self.add_activity(change, Some(bounds), refusal);
    }
    /// A change was made or rejected, from the rate that there was.
    pub fn note(&mut self, change: Change, before: u64, refusal: Option<String>) {
        let target = self.targets.get_mut(&change.resource).filter(|_| refusal.is_none());
        if let Some(target) = target {
            target.last_change_millis = Some(change.at_millis);
            if change.units > before {
                target.last_increase_millis = Some(change.at_millis);
            }
        }
        self.add_activity(change, None, refusal);
    }
    fn add_activity(&mut self, change: Change, bounds: Option<(u64, u64)>, refusal: Option<String>) {
        self.activity_count += 1;
        let status = if refusal.is_none() { super::ActivityStatus::Successful } else { super::ActivityStatus::Failed };
        let Change { resource, units, cause, at_millis } = change;
        let number = self.activity_count;
        let activity = ScalingActivity { number, resource, at_millis, cause, units, bounds, status, refusal };
        self.activities.push_front(activity);
        self.activities.truncate(MOST_ACTIVITIES);
    }
    /// The last activities, the latest first.
    pub fn activities(&self) -> Vec<ScalingActivity> {
        self.activities.iter().cloned().collect()
    }
}
