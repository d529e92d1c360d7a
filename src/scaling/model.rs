//! Targets, policies, alarms and activities, as values.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Read or write throughput of a table or global index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ScalableResource {
    /// The table.
    pub table: String,
    /// The global index; `None` for the table itself.
    pub index: Option<String>,
    /// Whether it is the write throughput; otherwise it is the read throughput.
    pub is_write: bool,
}

impl ScalableResource {
    /// Read throughput of a table.
    pub fn reads_of(table: impl Into<String>) -> Self {
        Self { table: table.into(), index: None, is_write: false }
    }
    /// Write throughput of a table.
    pub fn writes_of(table: impl Into<String>) -> Self {
        Self { table: table.into(), index: None, is_write: true }
    }
    /// The same of a global index of the table.
    #[must_use]
    pub fn index(mut self, index: impl Into<String>) -> Self {
        self.index = Some(index.into());
        self
    }
    /// The service's id: `table/orders` or `table/orders/index/by_day`.
    pub fn id(&self) -> String {
        match &self.index {
            None => format!("table/{}", self.table),
            Some(index) => format!("table/{}/index/{index}", self.table),
        }
    }
    /// The service's dimension, such as `dynamodb:table:ReadCapacityUnits`.
    pub fn dimension(&self) -> &'static str {
        match (self.index.is_some(), self.is_write) {
            (false, false) => "dynamodb:table:ReadCapacityUnits",
            (false, true) => "dynamodb:table:WriteCapacityUnits",
            (true, false) => "dynamodb:index:ReadCapacityUnits",
            (true, true) => "dynamodb:index:WriteCapacityUnits",
        }
    }
    /// What an id and a dimension name; `None` if they name nothing, or do not fit each other.
    pub fn parse(id: &str, dimension: &str) -> Option<Self> {
        let mut parts = id.split('/');
        let (kind, table) = (parts.next()?, parts.next()?);
        let index = match (parts.next(), parts.next(), parts.next()) {
            (None, ..) => None,
            (Some("index"), Some(index), None) => Some(index.to_owned()),
            _ => return None,
        };
        let named = |is_write| Self { table: table.to_owned(), index: index.clone(), is_write };
        let is_whole = kind == "table" && !table.is_empty() && index.as_deref() != Some("");
        [named(false), named(true)].into_iter().find(|resource| is_whole && resource.dimension() == dimension)
    }
    /// `read` or `write`.
    pub(super) fn direction(&self) -> &'static str {
        if self.is_write { "write" } else { "read" }
    }
}

impl fmt::Display for ScalableResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} units of {}", self.direction(), self.id())
    }
}

/// Scaling that is suspended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuspendedScaling {
    /// Policies lower nothing.
    pub scale_in: bool,
    /// Policies raise nothing.
    pub scale_out: bool,
    /// Scheduled actions do nothing.
    pub scheduled: bool,
}

/// Throughput that may be changed by policies, and its bounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ScalableTarget {
    /// What it is.
    pub resource: ScalableResource,
    /// Least units a second. At least 1.
    pub min_units: u64,
    /// Most units a second. At least `min_units`.
    pub max_units: u64,
    /// What is suspended.
    pub suspended: SuspendedScaling,
    /// The role that the service would act in; only described.
    pub role_arn: Option<String>,
    /// When it was registered, in milliseconds since 1970.
    pub created_millis: u64,
}

impl ScalableTarget {
    /// A target with bounds.
    pub fn new(resource: ScalableResource, min_units: u64, max_units: u64) -> Self {
        let suspended = SuspendedScaling::default();
        Self { resource, min_units, max_units, suspended, role_arn: None, created_millis: 0 }
    }
    pub(super) fn check(&self) -> Result<()> {
        if self.min_units == 0 {
            return Err(Error::validation("min_units: must be at least 1"));
        }
        if self.max_units < self.min_units {
            let (least, most) = (self.min_units, self.max_units);
            return Err(Error::validation(format!("max_units: must be at least min_units, {least}, not {most}")));
        }
        Ok(())
    }
}

/// Keeps consumption at a share of the throughput of a target (target tracking).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ScalingPolicy {
    /// Its name, unique for the resource. 1 to 256 characters.
    pub name: String,
    /// What it scales; there has to be a target.
    pub resource: ScalableResource,
    /// Consumed units as a share of provisioned ones, in percent. 20 to 90.
    pub target_percent: f64,
    /// Seconds after an increase in which there is no other one. Default 0.
    pub scale_out_cooldown_secs: u32,
    /// Seconds after a change in which nothing is lowered. Default 0.
    pub scale_in_cooldown_secs: u32,
    /// Whether it only raises. Default false.
    pub disable_scale_in: bool,
    /// When it was put first, in milliseconds since 1970.
    pub created_millis: u64,
}

impl ScalingPolicy {
    /// A policy that tracks a share.
    pub fn new(name: impl Into<String>, resource: ScalableResource, target_percent: f64) -> Self {
        Self {
            name: name.into(),
            resource,
            target_percent,
            scale_out_cooldown_secs: 0,
            scale_in_cooldown_secs: 0,
            disable_scale_in: false,
            created_millis: 0,
        }
    }
    pub(super) fn check(&self) -> Result<()> {
        const DAY_SECS: u32 = 86_400;
        if !(1..=256).contains(&self.name.chars().count()) {
            return Err(Error::validation("name: must have 1 to 256 characters"));
        }
        if !(20.0..=90.0).contains(&self.target_percent) {
            return Err(Error::validation(format!(
                "target_percent: must be from 20 to 90, not {}",
                self.target_percent
            )));
        }
        for (field, secs) in [
            ("scale_out_cooldown_secs", self.scale_out_cooldown_secs),
            ("scale_in_cooldown_secs", self.scale_in_cooldown_secs),
        ] {
            if secs > DAY_SECS {
                return Err(Error::validation(format!("{field}: must be at most {DAY_SECS}, not {secs}")));
            }
        }
        Ok(())
    }
    /// The four alarms of the policy at a throughput of so many units a second, in the service's order.
    pub fn alarms(&self, units: u64) -> [ScalingAlarm; 4] {
        let id = self.resource.id();
        let alarm = |kind: &'static str, threshold: f64, minutes: u32| ScalingAlarm {
            name: format!("TargetTracking-{id}-{kind}-{}-{}", self.resource.direction(), self.name),
            threshold,
            minutes,
        };
        #[expect(clippy::cast_precision_loss, reason = "units a second are far below 2^53")]
        let provisioned = units as f64;
        [
            alarm("AlarmHigh", high_threshold(units, self.target_percent), 2),
            alarm("AlarmLow", low_threshold(units, self.target_percent), 15),
            alarm("ProvisionedCapacityHigh", provisioned, 15),
            alarm("ProvisionedCapacityLow", provisioned, 15),
        ]
    }
}

/// Units of a minute above which throughput is raised.
#[expect(clippy::cast_precision_loss, reason = "units a second are far below 2^53")]
pub(super) fn high_threshold(units: u64, target_percent: f64) -> f64 {
    60.0 * units as f64 * target_percent / 100.0
}

/// Units of a minute below which throughput is lowered.
#[expect(clippy::cast_precision_loss, reason = "units a second are far below 2^53")]
pub(super) fn low_threshold(units: u64, target_percent: f64) -> f64 {
    60.0 * units as f64 * (target_percent - 20.0).max(0.0) / 100.0
}

/// An alarm of a policy.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ScalingAlarm {
    /// Its name.
    pub name: String,
    /// Units of one minute that it compares with; those of the last two compare provisioned units.
    pub threshold: f64,
    /// Minutes in a row that have to be beyond it.
    pub minutes: u32,
}

/// What became of a change of throughput.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivityStatus {
    /// It was made.
    Successful,
    /// It was rejected, and is attempted again as long as there is a reason for it.
    Failed,
}

/// A change of throughput that scaling made or attempted.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ScalingActivity {
    /// Its number since the database was opened, from 1.
    pub number: u64,
    /// What was changed.
    pub resource: ScalableResource,
    /// When it was due, in milliseconds since 1970.
    pub at_millis: u64,
    /// Why.
    pub cause: String,
    /// The units that were wanted; the least ones of a scheduled action.
    pub units: u64,
    /// The bounds that a scheduled action wanted; `None` for a change of throughput.
    pub bounds: Option<(u64, u64)>,
    /// What became of it.
    pub status: ActivityStatus,
    /// Why it was rejected.
    pub refusal: Option<String>,
}

impl ScalingActivity {
    /// The service's description: `Setting read capacity units to 10.`
    pub fn description(&self) -> String {
        match self.bounds {
            None => format!("Setting {}.", self.wanted()),
            Some(_) => format!("Setting {}", self.wanted()),
        }
    }
    /// What was to be set.
    fn wanted(&self) -> String {
        match self.bounds {
            None => format!("{} capacity units to {}", self.resource.direction(), self.units),
            Some((least, most)) => format!("min capacity to {least} and max capacity to {most}"),
        }
    }
    /// The service's words for what became of it.
    pub fn status_message(&self) -> String {
        let wanted = self.wanted();
        match (&self.refusal, self.bounds) {
            (None, None) => format!("Successfully set {wanted}. Change successfully fulfilled by dynamodb."),
            (None, Some(_)) => format!("Successfully set {wanted}"),
            (Some(why), _) => format!("Failed to set {wanted}. Reason: {why}"),
        }
    }
}
