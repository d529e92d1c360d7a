//! The service's metrics, by their names and dimensions, as values.
//!
//! They are computed from a [`Ledger`]. A table's metrics are without its global indexes and with its local ones, as in the
//! service. Sums of consumed units are those of the ledger.

use super::{
    calls::Calls,
    metric_names::{
        CONDITION_FAILED, CONFLICT, EXPIRED, INDEX, LATENCY, OPERATION, READS, RETURNED_ITEMS, SYSTEM_ERRORS,
        SideNames, TABLE, THROTTLED_REQUESTS, USER_ERRORS, WRITES,
    },
    report::{Ledger, ResourceRow, UsageRow},
};
use std::collections::BTreeMap;

/// A metric of the service, with its values by minute.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MetricSeries {
    /// Its name, such as `ConsumedReadCapacityUnits`.
    pub name: &'static str,
    /// Names and values of its dimensions, in the order of their names.
    pub dimensions: Vec<(&'static str, String)>,
    /// CloudWatch's unit: `Count` or `Milliseconds`.
    pub unit: &'static str,
    /// Values by minute, in the order of time; minutes without a value are left out.
    pub points: Vec<MetricPoint>,
}

/// The values of a metric in one minute.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MetricPoint {
    /// When the minute began, in milliseconds since 1970.
    pub minute_millis: u64,
    /// How many values there were.
    pub sample_count: f64,
    /// All values together.
    pub sum: f64,
    /// The least.
    pub minimum: f64,
    /// The highest.
    pub maximum: f64,
    /// Upper ends of ranges of values and how many are in each, for percentiles; empty where there are none.
    pub distribution: Vec<(f64, u64)>,
}

impl MetricPoint {
    /// A minute in which `count` values came that have this sum.
    pub(crate) fn new(minute_millis: u64, count: f64, sum: f64, minimum: f64, maximum: f64) -> Self {
        Self { minute_millis, sample_count: count, sum, minimum, maximum, distribution: Vec::new() }
    }
    /// A time without any value.
    pub fn none() -> Self {
        Self::new(0, 0.0, 0.0, 0.0, 0.0)
    }
    /// A minute in which an event came so many times.
    fn events(minute_millis: u64, events: u64) -> Self {
        let events = float(events);
        Self::new(minute_millis, events, events, 1.0, 1.0)
    }
    /// Adds other values: those of another minute, or of another series.
    pub fn merge(&mut self, other: &Self) {
        if other.sample_count > 0.0 {
            let is_first = self.sample_count <= 0.0;
            self.minimum = if is_first { other.minimum } else { self.minimum.min(other.minimum) };
            self.maximum = if is_first { other.maximum } else { self.maximum.max(other.maximum) };
        }
        self.sample_count += other.sample_count;
        self.sum += other.sum;
        for (end, count) in &other.distribution {
            match self.distribution.iter_mut().find(|(known, _)| known == end) {
                Some((_, sum)) => *sum += count,
                None => self.distribution.push((*end, *count)),
            }
        }
        self.distribution.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    /// A statistic by CloudWatch's name: `Sum`, `Average`, `Minimum`, `Maximum`, `SampleCount`, or a percentile such as `p99`
    /// or `p99.9`. `None` for another name, and for a percentile of a metric that has none.
    pub fn statistic(&self, name: &str) -> Option<f64> {
        match name {
            "Sum" => Some(self.sum),
            "SampleCount" => Some(self.sample_count),
            "Minimum" => Some(self.minimum),
            "Maximum" => Some(self.maximum),
            "Average" => Some(if self.sample_count > 0.0 { self.sum / self.sample_count } else { 0.0 }),
            percentile => {
                let percent: f64 = percentile.strip_prefix('p')?.parse().ok()?;
                self.percentile(percent)
            }
        }
    }
    fn percentile(&self, percent: f64) -> Option<f64> {
        if !(0.0..=100.0).contains(&percent) || self.distribution.is_empty() {
            return None;
        }
        let total: u64 = self.distribution.iter().map(|(_, count)| count).sum();
        let wanted = (float(total) * percent / 100.0).ceil().max(1.0);
        let mut seen = 0;
        let found = self.distribution.iter().find(|(_, count)| {
            seen += count;
            float(seen) >= wanted
        });
        found.map(|(end, _)| end.min(self.maximum))
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests stay far below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}

fn units(milliunits: u64) -> f64 {
    float(milliunits) / 1_000.0
}

/// Series by name and dimensions.
type Series = BTreeMap<(&'static str, Vec<(&'static str, String)>), BTreeMap<u64, MetricPoint>>;

struct Collected(Series);

impl Collected {
    fn add(&mut self, name: &'static str, dimensions: &[(&'static str, &str)], point: MetricPoint) {
        let mut dimensions: Vec<_> = dimensions.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        dimensions.sort();
        let points = self.0.entry((name, dimensions)).or_default();
        match points.get_mut(&point.minute_millis) {
            Some(known) => known.merge(&point),
            None => drop(points.insert(point.minute_millis, point)),
        }
    }

    fn add_usage(&mut self, minute_millis: u64, row: &UsageRow, is_local: bool) {
        // What a local index consumes is its table's.
        let index = row.index.as_deref().filter(|_| !is_local);
        let mut dimensions = vec![(TABLE, row.table.as_str())];
        dimensions.extend(index.map(|index| (INDEX, index)));
        let usage = &row.usage;
        let sides = [
            (&READS, usage.read_milliunits, &usage.throttled_reads),
            (&WRITES, usage.write_milliunits, &usage.throttled_writes),
        ];
        for (names, milliunits, throttled) in sides {
            if milliunits > 0 {
                let (least, most) = (units(usage.least_milliunits), units(usage.most_milliunits));
                let point = MetricPoint::new(minute_millis, float(usage.accesses), units(milliunits), least, most);
                self.add(names.consumed, &dimensions, point);
            }
            for (at, count) in throttled.iter().enumerate().filter(|(_, count)| **count > 0) {
                self.add(names.throttled, &dimensions, MetricPoint::events(minute_millis, *count));
                self.add(names.throttled_by[at], &dimensions, MetricPoint::events(minute_millis, *count));
            }
        }
    }

    fn add_calls(&mut self, minute_millis: u64, table: Option<&str>, operation: &str, calls: &Calls) {
        if calls.user_errors > 0 {
            self.add(USER_ERRORS, &[], MetricPoint::events(minute_millis, calls.user_errors));
        }
        let Some(table) = table else { return };
        let of_operation = [(TABLE, table), (OPERATION, operation)];
        let mut add = |name: &'static str, dimensions: &[(&'static str, &str)], count: u64| {
            if count > 0 {
                self.add(name, dimensions, MetricPoint::events(minute_millis, count));
            }
        };
        add(THROTTLED_REQUESTS, &of_operation, calls.throttled);
        add(SYSTEM_ERRORS, &of_operation, calls.system_errors);
        add(CONDITION_FAILED, &[(TABLE, table)], calls.conditions_failed);
        add(EXPIRED, &[(TABLE, table)], calls.items_expired);
        if calls.conflicts > 0 {
            let (count, items) = (float(calls.conflicts), float(calls.conflicting_items));
            let point = MetricPoint::new(minute_millis, count, items, 1.0, items);
            self.add(CONFLICT, &[(TABLE, table)], point);
        }
        if calls.succeeded == 0 {
            return;
        }
        let millis = |micros: u64| float(micros) / 1_000.0;
        let (count, sum) = (float(calls.succeeded), millis(calls.latency_micros));
        let (least, most) = (millis(calls.least_micros), millis(calls.most_micros));
        let mut latency = MetricPoint::new(minute_millis, count, sum, least, most);
        latency.distribution = calls.distribution().map(|(micros, count)| (millis(micros), count)).collect();
        self.add(LATENCY, &of_operation, latency);
        if matches!(operation, "Query" | "Scan" | "ExecuteStatement") {
            let (least, most) = (float(calls.least_items), float(calls.most_items));
            let point = MetricPoint::new(minute_millis, count, float(calls.items_returned), least, most);
            self.add(RETURNED_ITEMS, &of_operation, point);
        }
    }

    /// What a resource is provisioned with or limited to, as of the end of the ledger.
    fn add_settings(&mut self, resource: &ResourceRow, minute_millis: u64) {
        if resource.is_local || resource.is_deleted {
            return;
        }
        let mut dimensions = vec![(TABLE, resource.table.as_str())];
        dimensions.extend(resource.index.as_deref().map(|index| (INDEX, index)));
        let sides: [(&SideNames, u64, Option<u64>); 2] = [
            (&READS, resource.read_units_per_sec, resource.max_read_units_per_sec),
            (&WRITES, resource.write_units_per_sec, resource.max_write_units_per_sec),
        ];
        for (names, provisioned, most) in sides {
            let mut add = |name: &'static str, value: u64| {
                let value = float(value);
                self.add(name, &dimensions, MetricPoint::new(minute_millis, 1.0, value, value, value));
            };
            match (resource.is_on_demand, most) {
                (false, _) => add(names.provisioned, provisioned),
                (true, Some(most)) => add(names.on_demand_max, most),
                (true, None) => {}
            }
        }
    }
}

/// Milliseconds of a minute.
const MINUTE_MILLIS: u64 = 60_000;

impl Ledger {
    /// The service's metrics, by name and dimensions. Minutes that were added up are in none.
    pub fn metrics(&self) -> Vec<MetricSeries> {
        let mut collected = Collected(Series::new());
        let is_local = |row: &UsageRow| {
            let same = |other: &&ResourceRow| other.table == row.table && other.index == row.index;
            row.index.is_some() && self.resources.iter().find(same).is_some_and(|resource| resource.is_local)
        };
        for row in &self.usage {
            if let Some(minute_millis) = row.minute_millis {
                collected.add_usage(minute_millis, row, is_local(row));
            }
        }
        for row in &self.calls {
            if let Some(minute_millis) = row.minute_millis {
                collected.add_calls(minute_millis, row.table.as_deref(), &row.operation, &row.calls);
            }
        }
        let now = self.ended_millis / MINUTE_MILLIS * MINUTE_MILLIS;
        self.resources.iter().for_each(|resource| collected.add_settings(resource, now));
        let series = collected.0.into_iter().map(|((name, dimensions), points)| {
            let unit = if name == LATENCY { "Milliseconds" } else { "Count" };
            MetricSeries { name, dimensions, unit, points: points.into_values().collect() }
        });
        series.collect()
    }
}
