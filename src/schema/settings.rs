//! What a table was asked to be besides its keys and indexes: table class, encryption key, throughput limits, policies,
//! insights, Kinesis destinations and the like.
//!
//! The service describes each of these, and tools that compare what they find with what they want depend on it. So they are
//! kept with the table, are as durable as its keys, and go when the table goes. None of them changes how items are stored,
//! read or written. Of all of them, the engine acts on Kinesis destinations alone, which get a change stream.

use super::{BillingMode, KinesisDestination, TableDefinition};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A setting and when it was set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Since<T> {
    /// The setting.
    pub value: T,
    /// Milliseconds since 1970.
    pub at_millis: u64,
}

/// What storage and requests of a table cost in the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TableClass {
    /// For tables that are read and written often.
    #[default]
    Standard,
    /// For tables whose storage costs more than their requests.
    InfrequentAccess,
}

/// Two numbers of units a second, one for reads and one for writes; either may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitPair {
    /// Read units a second.
    pub read_units_per_sec: Option<u64>,
    /// Write units a second.
    pub write_units_per_sec: Option<u64>,
}

impl UnitPair {
    /// Whether neither number is there.
    pub fn is_empty(&self) -> bool {
        self.read_units_per_sec.is_none() && self.write_units_per_sec.is_none()
    }
    /// These numbers, in the place of others where they are there.
    #[must_use]
    pub fn over(self, other: Self) -> Self {
        Self {
            read_units_per_sec: self.read_units_per_sec.or(other.read_units_per_sec),
            write_units_per_sec: self.write_units_per_sec.or(other.write_units_per_sec),
        }
    }
}

/// When provisioned throughput was raised and lowered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThroughputChanges {
    /// The last increase, in milliseconds since 1970.
    pub last_increase_millis: Option<u64>,
    /// The last decrease, in milliseconds since 1970.
    pub last_decrease_millis: Option<u64>,
    /// Decreases on the UTC day of the last one.
    pub decreases_that_day: u32,
}

/// Milliseconds of a UTC day.
const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

impl ThroughputChanges {
    /// Decreases on the UTC day of a moment.
    pub fn decreases_on_day_of(&self, now_millis: u64) -> u32 {
        let is_today = self.last_decrease_millis.is_some_and(|last| last / DAY_MILLIS == now_millis / DAY_MILLIS);
        if is_today { self.decreases_that_day } else { 0 }
    }
    /// Notes a change from some units to others. A change that lowers one number and raises the other counts as both.
    pub(crate) fn note(
        &mut self,
        from: super::ProvisionedThroughput,
        to: super::ProvisionedThroughput,
        now_millis: u64,
    ) {
        let pairs =
            [(from.read_units_per_sec, to.read_units_per_sec), (from.write_units_per_sec, to.write_units_per_sec)];
        if pairs.iter().any(|(from, to)| to > from) {
            self.last_increase_millis = Some(now_millis);
        }
        if pairs.iter().any(|(from, to)| to < from) {
            self.decreases_that_day = self.decreases_on_day_of(now_millis).saturating_add(1);
            self.last_decrease_millis = Some(now_millis);
        }
    }
}

/// Point-in-time recovery of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointInTimeRecovery {
    /// When it was turned on, in milliseconds since 1970.
    pub enabled_millis: u64,
    /// Days that can be gone back, 1 to 35.
    pub period_days: u32,
}

/// Which keys contributor insights rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum InsightsMode {
    /// Those that are used most and those that are throttled most.
    #[default]
    AccessedAndThrottledKeys,
    /// Those that are throttled most.
    ThrottledKeys,
}

/// Contributor insights of a table or of one index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Insights {
    /// The global index; `None` for the table.
    pub index: Option<String>,
    /// Whether they are on. Once they were on, they are described for as long as the table exists.
    pub is_enabled: bool,
    /// What they rank.
    pub mode: InsightsMode,
    /// When they were turned on, in milliseconds since 1970; part of the names of their rules.
    pub enabled_millis: u64,
    /// When they were last changed, in milliseconds since 1970.
    pub changed_millis: u64,
    /// Whether they could not be turned on, since the account has too many rules.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_failed: bool,
}

/// A policy that is with a table or with its stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourcePolicy {
    /// The document, in the form in which it is read back.
    pub document: String,
    /// When it was put, in milliseconds since 1970; each change has another.
    pub revision_millis: u64,
}

/// Settings of a global index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IndexSettings {
    /// Most units a second of an index that is paid for by request.
    pub on_demand_limit: UnitPair,
    /// Units a second that it was asked to be ready for.
    pub warm_throughput: UnitPair,
    /// What it was ready for before that was raised last, and when it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_before: Option<Since<UnitPair>>,
    /// When its provisioned throughput changed.
    pub throughput_changes: ThroughputChanges,
}

/// Settings of a table that the engine keeps and does not act on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TableSettings {
    /// The table class, if one was asked for. Replicas share it.
    pub table_class: Option<Since<TableClass>>,
    /// The class that this replica has in the place of the one that it shares with the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table_class_override: Option<Since<TableClass>>,
    /// When its table class was set by a change, in milliseconds since 1970: the last two times.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub table_class_changes_millis: Vec<u64>,
    /// ARN of the KMS key that the table was asked to be encrypted with; `None` for the service's own.
    pub encryption_key: Option<Since<String>>,
    /// The key that it had before, if its key was changed: it is shown while the change goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_encryption_key: Option<String>,
    /// When its key was changed, in milliseconds since 1970: the changes of one window of 24 hours, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub encryption_changes_millis: Vec<u64>,
    /// Most units a second of a table that is paid for by request.
    pub on_demand_limit: UnitPair,
    /// Units a second that it was asked to be ready for.
    pub warm_throughput: UnitPair,
    /// What it was ready for before that was raised last, and when it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_before: Option<Since<UnitPair>>,
    /// When its provisioned throughput changed.
    pub throughput_changes: ThroughputChanges,
    /// When it last became [`BillingMode::PayPerRequest`] by a change, in milliseconds since 1970.
    pub last_on_demand_millis: Option<u64>,
    /// When it was switched from [`BillingMode::Provisioned`] to [`BillingMode::PayPerRequest`], in milliseconds since 1970: the
    /// last four times.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on_demand_switches_millis: Vec<u64>,
    /// When it was last switched to [`BillingMode::Provisioned`], in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_provisioned_millis: Option<u64>,
    /// When its last stream was enabled, in milliseconds since 1970, if that one is disabled by now.
    pub last_stream_label_millis: Option<u64>,
    /// When time to live was last turned on or off, in milliseconds since 1970.
    pub ttl_changed_millis: Option<u64>,
    /// Point-in-time recovery, if it is on.
    pub point_in_time_recovery: Option<PointInTimeRecovery>,
    /// Contributor insights of the table and of its indexes, where they are or were on.
    pub insights: Vec<Insights>,
    /// The policy of the table.
    pub policy: Option<ResourcePolicy>,
    /// The policy of its stream.
    pub stream_policy: Option<ResourcePolicy>,
    /// Kinesis data streams, in the order in which they were first enabled.
    pub kinesis_destinations: Vec<KinesisDestination>,
    /// Settings of global indexes, by name.
    pub indexes: BTreeMap<String, IndexSettings>,
}

impl TableSettings {
    /// Whether there is nothing to record.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
    /// The class that the table has: its own before the one that it shares with other replicas.
    pub fn class(&self) -> Option<Since<TableClass>> {
        self.table_class_override.or(self.table_class)
    }
    /// Settings of an index.
    pub fn index(&self, name: &str) -> IndexSettings {
        self.indexes.get(name).copied().unwrap_or_default()
    }
    /// Forgets an index that is gone.
    pub(crate) fn forget_index(&mut self, name: &str) {
        self.indexes.remove(name);
        self.insights.retain(|insights| insights.index.as_deref() != Some(name));
    }
}

impl TableDefinition {
    /// When the table last became [`BillingMode::PayPerRequest`], in milliseconds since 1970; `None` if it never was.
    pub fn last_on_demand_millis(&self) -> Option<u64> {
        let created = (self.billing == BillingMode::PayPerRequest).then_some(self.created_millis);
        self.settings.last_on_demand_millis.or(created)
    }
    /// When the table's stream was enabled, in milliseconds since 1970: the present one, or the last one if it was disabled.
    pub fn latest_stream_millis(&self) -> Option<u64> {
        self.stream.as_ref().map(|stream| stream.label_millis).or(self.settings.last_stream_label_millis)
    }
}
