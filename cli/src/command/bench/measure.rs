//! What is measured: latencies by kind of operation, units, and how far it is.

use super::{
    client::Answer,
    spec::{Kind, Spec},
    workload::since,
};
use crate::{
    failure::Failure,
    output::{self, Output},
    prices::{amount, milliunits},
    stopwatch::{Elapsed, Stopwatch},
    text::grouped,
};
use hashrange::ledger::Prices;
use hdrhistogram::Histogram;
use serde_json::json;
use std::{
    collections::BTreeMap,
    io,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

/// Longest latency that the histogram counts, in microseconds: ten minutes. Longer ones count as this one.
const MOST_MICROS: u64 = 600_000_000;
/// Pause between two looks whether it has ended.
const LOOK: Duration = Duration::from_millis(50);

/// How far all threads are.
pub(super) struct Progress {
    watch: Stopwatch,
    most: Option<u64>,
    time: Duration,
    begun: AtomicU64,
    ended: AtomicU64,
    throttled: AtomicU64,
    has_failed: AtomicBool,
}

impl Progress {
    pub(super) fn new(most: Option<u64>, time: Duration) -> Self {
        let (begun, ended, throttled) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        let has_failed = AtomicBool::new(false);
        Self { watch: Stopwatch::start(), most, time, begun, ended, throttled, has_failed }
    }
    pub(super) fn elapsed(&self) -> Duration {
        since(&self.watch)
    }
    /// Whether no thread failed, and there is time, and one more operation, left.
    pub(super) fn may_begin(&self) -> bool {
        !self.has_failed.load(Ordering::Relaxed) && self.elapsed() < self.time && {
            let begun = self.begun.fetch_add(1, Ordering::Relaxed);
            self.most.is_none_or(|most| begun < most)
        }
    }
    /// Whether an operation that is planned for a time, counted from the beginning, is within the time of the run.
    pub(super) fn is_within(&self, planned: Duration) -> bool {
        planned < self.time
    }
    pub(super) fn ended(&self, is_throttled: bool) {
        self.ended.fetch_add(1, Ordering::Relaxed);
        self.throttled.fetch_add(u64::from(is_throttled), Ordering::Relaxed);
    }
    /// A thread failed: the others end too.
    pub(super) fn failed(&self) {
        self.has_failed.store(true, Ordering::Relaxed);
    }
    fn is_over(&self) -> bool {
        let ended = self.ended.load(Ordering::Relaxed);
        self.has_failed.load(Ordering::Relaxed)
            || self.elapsed() >= self.time
            || self.most.is_some_and(|most| ended >= most)
    }

    /// A line for each second, until it is over.
    pub(super) fn show_until_the_end(&self) {
        let (mut second, mut before) = (1, (0, 0));
        while !self.is_over() {
            thread::sleep(LOOK);
            if self.elapsed() < Duration::from_secs(second) {
                continue;
            }
            let now = (self.ended.load(Ordering::Relaxed), self.throttled.load(Ordering::Relaxed));
            let (ended, throttled) = (now.0 - before.0, now.1 - before.1);
            let (ended, throttled) = (grouped(ended), grouped(throttled));
            output::remark(format_args!("{second:>5} s  {ended:>12} operations  {throttled:>10} throttled"));
            (second, before) = (second + 1, now);
        }
    }
}

/// What one kind of operation did.
struct OfKind {
    micros: Histogram<u64>,
    throttled: u64,
}

/// What one thread measured.
pub(super) struct ThreadMeasure {
    kinds: BTreeMap<Kind, OfKind>,
    read_units: f64,
    write_units: f64,
    empty: Histogram<u64>,
}

fn histogram() -> Result<Histogram<u64>, Failure> {
    Histogram::new_with_bounds(1, MOST_MICROS, 3)
        .map_err(|error| Failure::io("cannot measure", io::Error::other(error.to_string())))
}

impl ThreadMeasure {
    pub(super) fn new() -> Result<Self, Failure> {
        Ok(Self { kinds: BTreeMap::new(), read_units: 0.0, write_units: 0.0, empty: histogram()? })
    }
    pub(super) fn note(&mut self, kind: Kind, answer: &Answer, took: Duration) {
        let empty = &self.empty;
        let of_kind = self.kinds.entry(kind).or_insert_with(|| OfKind { micros: empty.clone(), throttled: 0 });
        let micros = u64::try_from(took.as_micros()).unwrap_or(MOST_MICROS);
        of_kind.micros.saturating_record(micros.max(1));
        of_kind.throttled += u64::from(answer.throttled > 0);
        self.read_units += answer.read_units;
        self.write_units += answer.write_units;
    }
}

/// What all threads measured.
#[derive(Default)]
pub(super) struct Measured {
    kinds: BTreeMap<Kind, OfKind>,
    read_units: f64,
    write_units: f64,
    pub(super) took: Duration,
}

/// Percentiles that are shown.
const PERCENTILES: [f64; 4] = [50.0, 95.0, 99.0, 99.9];

impl Measured {
    /// Adds what a thread measured.
    pub(super) fn add(&mut self, of_thread: ThreadMeasure) -> Result<(), Failure> {
        self.read_units += of_thread.read_units;
        self.write_units += of_thread.write_units;
        for (kind, more) in of_thread.kinds {
            match self.kinds.get_mut(&kind) {
                None => drop(self.kinds.insert(kind, more)),
                Some(known) => {
                    let added = known.micros.add(&more.micros);
                    added.map_err(|error| Failure::io("cannot measure", io::Error::other(error.to_string())))?;
                    known.throttled += more.throttled;
                }
            }
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        self.kinds.values().map(|kind| kind.micros.len()).sum()
    }

    /// What the consumed units cost on demand in class Standard, in billionths of the currency.
    fn on_demand_nanos(&self, prices: &Prices) -> u64 {
        prices.standard.on_demand_nanos(milliunits(self.read_units), milliunits(self.write_units))
    }

    pub(super) fn show(
        &self,
        out: &mut Output,
        spec: &Spec,
        place: &str,
        threads: u32,
        prices: &Prices,
    ) -> Result<(), Failure> {
        let rate = grouped(Elapsed(self.took).per_second(self.operations()));
        let (operations, took) = (grouped(self.operations()), Elapsed(self.took));
        out.line(format_args!("{} on {place}, {threads} threads", spec.name))?;
        out.line(format_args!("{operations} operations in {took}: {rate} a second"))?;
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.add_row(["", "operations", "throttled", "mean", "p50", "p95", "p99", "p99.9", "max"]);
        for (kind, measured) in &self.kinds {
            let micros = &measured.micros;
            let shown = |micros: u64| Elapsed(Duration::from_micros(micros)).to_string();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a mean of durations")]
            let mean = micros.mean() as u64;
            let mut row = vec![kind.name().to_owned(), grouped(micros.len()), grouped(measured.throttled), shown(mean)];
            row.extend(PERCENTILES.map(|percentile| shown(micros.value_at_percentile(percentile))));
            row.push(shown(micros.max()));
            table.add_row(row);
        }
        out.line(table.trim_fmt())?;
        out.line(format_args!("{} read units, {} write units", whole(self.read_units), whole(self.write_units)))?;
        let nanos = self.on_demand_nanos(prices);
        let (currency, million) = (&prices.currency, nanos.saturating_mul(1_000_000) / self.operations().max(1));
        out.line(format_args!(
            "{} {currency} on demand, {} {currency} for a million operations; prices of {} as of {}",
            amount(nanos),
            amount(million),
            prices.region,
            prices.date
        ))
    }

    pub(super) fn to_json(&self, spec: &Spec, place: &str, threads: u32, prices: &Prices) -> serde_json::Value {
        let kinds = self.kinds.iter().map(|(kind, measured)| {
            let micros = &measured.micros;
            let percentile = |percentile: f64| micros.value_at_percentile(percentile);
            json!({
                "operation": kind.name(),
                "count": micros.len(),
                "throttled": measured.throttled,
                "mean_micros": micros.mean(),
                "p50_micros": percentile(50.0),
                "p95_micros": percentile(95.0),
                "p99_micros": percentile(99.0),
                "p999_micros": percentile(99.9),
                "max_micros": micros.max(),
            })
        });
        json!({
            "workload": spec.name,
            "place": place,
            "threads": threads,
            "seconds": self.took.as_secs_f64(),
            "operations": self.operations(),
            "read_units": self.read_units,
            "write_units": self.write_units,
            "on_demand_nanos": self.on_demand_nanos(prices),
            "prices": {"region": prices.region, "date": prices.date, "currency": prices.currency},
            "kinds": kinds.collect::<Vec<_>>(),
        })
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shown without its half")]
fn whole(units: f64) -> String {
    grouped(units.max(0.0) as u64)
}
