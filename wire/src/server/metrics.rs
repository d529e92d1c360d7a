//! Counters of the server and of its database, in OpenMetrics' text format.

use super::service_metrics::ServiceMetrics;
use crate::http::{budget::Budget, connections::Connections};
use hashrange::Database;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text::encode},
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::ConstGauge,
        histogram::Histogram,
    },
    registry::Registry,
};
use std::{fmt, sync::Arc, time::Duration};

/// Upper bounds of the latency buckets, in seconds.
const LATENCY_BOUNDS: [f64; 9] = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 1.0, 10.0];

/// What the server has counted since it started.
pub(super) struct Metrics {
    registry: Registry,
    accepted: Counter,
    received_bytes: Counter,
    sent_bytes: Counter,
    requests: Family<Outcome, Counter>,
    seconds: Family<Operation, Histogram>,
}

/// How a request ended; the error is empty if it succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    operation: &'static str,
    error: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    operation: &'static str,
}

impl Metrics {
    /// No counts yet.
    pub(super) fn new(database: &Database, connections: &Arc<Connections>, budgets: [&Arc<Budget>; 2]) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("hashrange"),
            accepted: Counter::default(),
            received_bytes: Counter::default(),
            sent_bytes: Counter::default(),
            requests: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(LATENCY_BOUNDS)),
        };
        let registry = &mut metrics.registry;
        registry.register("connections", "Connections accepted", metrics.accepted.clone());
        registry.register("received_bytes", "Bytes of request bodies", metrics.received_bytes.clone());
        registry.register("sent_bytes", "Bytes of response bodies", metrics.sent_bytes.clone());
        registry.register("requests", "Requests by operation and error", metrics.requests.clone());
        let help = "Time from the end of a request to its answer";
        registry.register("request_seconds", help, metrics.seconds.clone());
        let budgets = budgets.map(Arc::clone);
        registry.register_collector(Box::new(Holdings { connections: Arc::clone(connections), budgets }));
        registry.register_collector(Box::new(Engine(database.clone())));
        registry.register_collector(Box::new(ServiceMetrics(database.clone())));
        metrics
    }

    /// A connection was accepted.
    pub(super) fn accepted(&self) {
        self.accepted.inc();
    }

    /// A request was answered; `error` is empty if it succeeded.
    pub(super) fn request(
        &self,
        operation: &'static str,
        error: &'static str,
        received: usize,
        sent: usize,
        took: Duration,
    ) {
        self.received_bytes.inc_by(received as u64);
        self.sent_bytes.inc_by(sent as u64);
        self.requests.get_or_create(&Outcome { operation, error }).inc();
        self.seconds.get_or_create(&Operation { operation }).observe(took.as_secs_f64());
    }

    /// All counters as text.
    pub(super) fn render(&self) -> String {
        let mut out = String::new();
        match encode(&mut out, &self.registry) {
            Ok(()) => out,
            Err(fmt::Error) => String::new(), // a String takes everything
        }
    }
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
}

fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let counter = ConstCounter::new(value);
    counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
}

/// What the server holds at the moment.
#[derive(Debug)]
struct Holdings {
    connections: Arc<Connections>,
    budgets: [Arc<Budget>; 2],
}

impl Collector for Holdings {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        gauge(encoder, "connections_open", "Connections open now", self.connections.count() as u64)?;
        let evicted = self.connections.evicted();
        counter(encoder, "connections_evicted", "Connections closed for others", evicted)?;
        let borrowed: usize = self.budgets.iter().map(|budget| budget.used()).sum();
        gauge(encoder, "borrowed_bytes", "Memory borrowed for bodies and answers now", borrowed as u64)
    }
}

/// What the database has counted since it was opened.
#[derive(Debug)]
struct Engine(Database);

impl Collector for Engine {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        let health = self.0.health();
        gauge(encoder, "writable", "1 if the database takes writes", u64::from(health.is_writable()))?;
        let failing = health.failures.len() + health.unlisted_failures;
        gauge(encoder, "background_failures_now", "Background work that fails and is attempted again", failing as u64)?;
        let counts = self.0.statistics();
        gauge(encoder, "memtable_bytes", "Bytes of memtables and surplus tails of streams", counts.memtable_bytes)?;
        gauge(encoder, "log_bytes", "Bytes of the log segments that exist", counts.log_bytes)?;
        let text = "Bytes of former log segments that are kept to be written over";
        gauge(encoder, "log_spare_bytes", text, counts.log_spare_bytes)?;
        for (name, help, count) in [
            ("log_syncs", "Syncs of the log", counts.log_syncs),
            ("log_written_bytes", "Bytes of records written to the log", counts.log_bytes_written),
            ("flushes", "Memtables that became runs", counts.flushes),
            ("flushed_bytes", "Bytes of runs that flushes wrote", counts.flushed_bytes),
            ("compactions", "Merges of runs", counts.compactions),
            ("compaction_read_bytes", "Bytes of runs that were merged", counts.compaction_bytes_read),
            ("compaction_written_bytes", "Bytes of runs that merges wrote", counts.compaction_bytes_written),
            ("splits", "Partitions cut into two", counts.splits),
            ("backfill_steps", "Steps that filled a new index", counts.backfill_steps),
            ("items_expired", "Items deleted by their time to live", counts.items_expired),
            ("stream_segments", "Segments of change streams written", counts.stream_segments),
            ("tombstones_skipped", "Deleted entries that reads stepped over", counts.tombstones_skipped),
            ("background_failures", "Attempts at background work that failed", counts.background_failures),
        ] {
            counter(encoder, name, help, count)?;
        }
        Ok(())
    }
}
