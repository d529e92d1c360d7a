//! The service's metrics in OpenMetrics' text format: those of [`hashrange::ledger::Ledger::metrics`] as counters since the
//! database was opened, and the gauges of what tables are provisioned with.

use hashrange::{
    Database,
    ledger::{CallRow, Ledger, Usage},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};
use std::{collections::BTreeMap, fmt};

/// A number of requests.
type Count = fn(&CallRow) -> u64;
/// Labels of a value: names and values.
type Labels = Vec<(&'static str, String)>;

/// What the database's ledger has, if it keeps one.
#[derive(Debug)]
pub(super) struct ServiceMetrics(pub(super) Database);

/// Limits, in the order of [`Usage::throttled_reads`].
const LIMITS: [&str; 4] = ["ProvisionedThroughput", "KeyRangeThroughput", "MaxOnDemandThroughput", "AccountLimit"];

impl Collector for ServiceMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Ok(ledger) = self.0.ledger() else { return Ok(()) };
        let encoder = &mut encoder;
        let usage = by_resource(&ledger);
        let units = |milliunits: fn(&Usage) -> u64| {
            usage.iter().map(move |(labels, usage)| (labels.clone(), thousandth(milliunits(usage)))).collect()
        };
        let help = "Read units consumed, by table and index";
        counters(encoder, "consumed_read_capacity_units", help, units(|usage| usage.read_milliunits))?;
        let help = "Write units consumed, by table and index";
        counters(encoder, "consumed_write_capacity_units", help, units(|usage| usage.write_milliunits))?;
        let help = "Reads that were throttled, by table, index and limit";
        counters(encoder, "read_throttle_events", help, throttled(&usage, |usage| &usage.throttled_reads))?;
        let help = "Writes that were throttled, by table, index and limit";
        counters(encoder, "write_throttle_events", help, throttled(&usage, |usage| &usage.throttled_writes))?;
        let calls: [(&str, &str, Count); 6] = [
            ("successful_requests", "Requests carried out, by table and operation", CallRow::succeeded),
            ("throttled_requests", "Requests throttled, by table and operation", CallRow::throttled),
            ("conditional_check_failed_requests", "Items whose condition was false", CallRow::conditions_failed),
            ("transaction_conflicts", "Requests rejected because of a transaction", CallRow::conflicts),
            ("user_errors", "Requests rejected for what they ask for", CallRow::user_errors),
            ("system_errors", "Requests that failed because the database did", CallRow::system_errors),
        ];
        for (name, help, count) in calls {
            counters(encoder, name, help, by_operation(&ledger, count))?;
        }
        provisioned(encoder, &ledger)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn thousandth(milliunits: u64) -> f64 {
    milliunits as f64 / 1_000.0
}

fn labels(table: &str, index: Option<&str>) -> Labels {
    let table = ("table", table.to_owned());
    std::iter::once(table).chain(index.map(|index| ("index", index.to_owned()))).collect()
}

fn by_resource(ledger: &Ledger) -> BTreeMap<Labels, Usage> {
    let mut sums: BTreeMap<Labels, Usage> = BTreeMap::new();
    for row in &ledger.usage {
        sums.entry(labels(&row.table, row.index.as_deref())).or_default().add(&row.usage);
    }
    sums
}

fn throttled(usage: &BTreeMap<Labels, Usage>, counts: fn(&Usage) -> &[u64; 4]) -> Vec<(Labels, f64)> {
    let each = usage.iter().flat_map(|(labels, usage)| {
        LIMITS.iter().zip(counts(usage)).map(move |(limit, count)| {
            let mut labels = labels.clone();
            labels.push(("limit", (*limit).to_owned()));
            (labels, thousandth(count * 1_000))
        })
    });
    each.filter(|(_, count)| *count > 0.0).collect()
}

fn by_operation(ledger: &Ledger, count: Count) -> Vec<(Labels, f64)> {
    let mut sums: BTreeMap<Labels, u64> = BTreeMap::new();
    for row in ledger.calls.iter().filter(|row| count(row) > 0) {
        let mut labels: Labels = row.table.iter().map(|table| ("table", table.clone())).collect();
        labels.push(("operation", row.operation.clone()));
        *sums.entry(labels).or_default() += count(row);
    }
    sums.into_iter().map(|(labels, count)| (labels, thousandth(count * 1_000))).collect()
}

fn counters(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, values: Vec<(Labels, f64)>) -> fmt::Result {
    let mut descriptor = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, value) in values {
        ConstCounter::new(value).encode(descriptor.encode_family(&labels)?)?;
    }
    Ok(())
}

fn provisioned(encoder: &mut DescriptorEncoder<'_>, ledger: &Ledger) -> fmt::Result {
    for (name, help, is_write) in [
        ("provisioned_read_capacity_units", "Read units a second that a table or index is provisioned with", false),
        ("provisioned_write_capacity_units", "Write units a second that a table or index is provisioned with", true),
    ] {
        let mut descriptor = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        let provisioned = ledger.resources.iter().filter(|row| !row.is_deleted && !row.is_on_demand && !row.is_local);
        for row in provisioned {
            let units = if is_write { row.write_units_per_sec } else { row.read_units_per_sec };
            let gauge = ConstGauge::new(i64::try_from(units).unwrap_or(i64::MAX));
            gauge.encode(descriptor.encode_family(&labels(&row.table, row.index.as_deref()))?)?;
        }
    }
    Ok(())
}
