//! Bounds of a target that change at a time.

use super::{
    model::ScalableResource,
    schedule::{LAST_MILLIS, Schedule},
};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Sets the bounds of a target at its times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ScheduledAction {
    /// Its name, unique for the resource. 1 to 256 characters.
    pub name: String,
    /// What it is about; there has to be a target.
    pub resource: ScalableResource,
    /// When it is due, in UTC: `at(2027-01-15T06:00:00)`, `rate(5 minutes)` or `cron(0 6 ? * MON-FRI *)`.
    pub schedule: String,
    /// Before this it does nothing, in milliseconds since 1970. Rates count from it.
    pub start_millis: Option<u64>,
    /// From this on it does nothing, in milliseconds since 1970.
    pub end_millis: Option<u64>,
    /// The least units a second that the target gets; `None` for those that it has.
    pub min_units: Option<u64>,
    /// The most units a second that the target gets; `None` for those that it has.
    pub max_units: Option<u64>,
    /// When it was put first, in milliseconds since 1970.
    pub created_millis: u64,
}

impl ScheduledAction {
    /// An action that sets both bounds.
    pub fn new(
        name: impl Into<String>,
        resource: ScalableResource,
        schedule: impl Into<String>,
        min_units: u64,
        max_units: u64,
    ) -> Self {
        Self {
            name: name.into(),
            resource,
            schedule: schedule.into(),
            start_millis: None,
            end_millis: None,
            min_units: Some(min_units),
            max_units: Some(max_units),
            created_millis: 0,
        }
    }

    /// Its times. Errors: a field out of range, by its name.
    pub(super) fn check(&self) -> Result<Schedule> {
        if !(1..=256).contains(&self.name.chars().count()) {
            return Err(Error::validation("name: must have 1 to 256 characters"));
        }
        for (field, units) in [("min_units", self.min_units), ("max_units", self.max_units)] {
            if units == Some(0) {
                return Err(Error::validation(format!("{field}: must be at least 1")));
            }
        }
        match (self.min_units, self.max_units) {
            (None, None) => return Err(Error::validation("min_units, max_units: one of them must be given")),
            (Some(least), Some(most)) if most < least => {
                return Err(Error::validation(format!("max_units: must be at least min_units, {least}, not {most}")));
            }
            _ => {}
        }
        for (field, millis) in [("start_millis", self.start_millis), ("end_millis", self.end_millis)] {
            if millis.is_some_and(|millis| millis > LAST_MILLIS) {
                return Err(Error::validation(format!("{field}: must be before the year 2200")));
            }
        }
        if self.start_millis.zip(self.end_millis).is_some_and(|(start, end)| end <= start) {
            return Err(Error::validation("end_millis: must be after start_millis"));
        }
        Schedule::parse(&self.schedule).map_err(|why| Error::validation(format!("schedule: {why}")))
    }
}

/// An action with its next time.
#[derive(Debug)]
pub struct Planned {
    pub action: ScheduledAction,
    schedule: Schedule,
    /// When it is due next; `None` if it is over.
    pub next_millis: Option<u64>,
}

/// Times of a repeated action that are longer ago than this when they are looked for are not made up for.
const MOST_LATE_MILLIS: u64 = 24 * 3_600_000;

impl Planned {
    /// From now on.
    pub fn new(action: ScheduledAction, schedule: Schedule, now_millis: u64) -> Self {
        let mut planned = Self { action, schedule, next_millis: None };
        planned.plan(now_millis);
        planned
    }
    /// Looks for the next time after a moment.
    fn plan(&mut self, after_millis: u64) {
        let action = &self.action;
        let from_millis = action.start_millis.map_or(after_millis, |start| after_millis.max(start.saturating_sub(1)));
        let anchor_millis = action.start_millis.unwrap_or(action.created_millis);
        let next = self.schedule.next_after(from_millis, anchor_millis);
        self.next_millis = next.filter(|next| action.end_millis.is_none_or(|end| *next < end));
    }
    /// When it was due, if that time has come; it is due again at its next time then.
    pub fn take_due(&mut self, now_millis: u64) -> Option<u64> {
        let earliest_millis = now_millis.saturating_sub(MOST_LATE_MILLIS);
        if self.schedule.repeats() && self.next_millis.is_some_and(|next| next < earliest_millis) {
            self.plan(earliest_millis);
        }
        let due_millis = self.next_millis.filter(|next| *next <= now_millis)?;
        self.plan(due_millis);
        Some(due_millis)
    }
}
