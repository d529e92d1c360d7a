//! What CloudWatch shows of destinations, by table and minute.

use super::KinesisRecord;
use crate::{
    capacity::write_units,
    item::ItemRef,
    ledger::{MetricPoint, MetricSeries},
};
use std::collections::{BTreeMap, VecDeque};

/// Minutes that are kept.
const MINUTES_KEPT: usize = 180;
const MINUTE_MILLIS: u64 = 60_000;
/// Age of the oldest record that was not delivered yet.
const AGE: &str = "AgeOfOldestUnreplicatedRecord";
/// Units of change data capture.
const UNITS: &str = "ConsumedChangeDataCaptureUnits";
/// Records that were dropped.
const FAILED: &str = "FailedToReplicateRecordCount";
/// The second dimension of all of them.
const OPERATION: (&str, &str) = ("DelegatedOperation", "Change data capture for Kinesis Data Streams");

/// The values of destinations.
#[derive(Default)]
pub(super) struct Metrics(BTreeMap<(&'static str, String), VecDeque<MetricPoint>>);

impl Metrics {
    /// A batch was delivered, or could not be, by an attempt at this time.
    pub fn note_attempt(&mut self, table: &str, records: &[KinesisRecord], now_millis: u64) {
        if let Some(oldest) = records.iter().map(|record| record.change.at_millis).min() {
            let age = float(now_millis.saturating_sub(oldest));
            self.add(AGE, table, MetricPoint::new(now_millis, 1.0, age, age, age));
        }
    }
    /// The sink took a batch, and dropped so many of its records.
    pub fn note_taken(&mut self, table: &str, records: &[KinesisRecord], dropped: u64, now_millis: u64) {
        let bytes = |image: &Option<ItemRef>| image.as_ref().map_or(0, ItemRef::size_bytes);
        for record in records {
            let units = write_units(bytes(&record.change.old), bytes(&record.change.new));
            self.add(UNITS, table, MetricPoint::new(now_millis, 1.0, units, units, units));
        }
        if dropped > 0 {
            let count = float(dropped);
            self.add(FAILED, table, MetricPoint::new(now_millis, count, count, 1.0, 1.0));
        }
    }

    fn add(&mut self, name: &'static str, table: &str, point: MetricPoint) {
        let minute_millis = point.minute_millis - point.minute_millis % MINUTE_MILLIS;
        let points = self.0.entry((name, table.to_owned())).or_default();
        match points.back_mut() {
            Some(last) if last.minute_millis == minute_millis => last.merge(&point),
            _ => points.push_back(MetricPoint { minute_millis, ..point }),
        }
        if points.len() > MINUTES_KEPT {
            points.pop_front();
        }
    }

    /// As CloudWatch has them.
    pub fn series(&self) -> Vec<MetricSeries> {
        let one = |((name, table), points): (&(&'static str, String), &VecDeque<MetricPoint>)| MetricSeries {
            name,
            dimensions: vec![(OPERATION.0, OPERATION.1.to_owned()), ("TableName", table.clone())],
            unit: if *name == AGE { "Milliseconds" } else { "Count" },
            points: points.iter().cloned().collect(),
        };
        self.0.iter().map(one).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds and counts stay far below 2^53")]
fn float(number: u64) -> f64 {
    number as f64
}
