//! Counters of the server, in the text format of Prometheus.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Upper bounds of the latency buckets, in seconds.
const LATENCY_BOUNDS: [f64; 9] = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 1.0, 10.0];

/// What the server has counted since it started.
#[derive(Default)]
pub(super) struct Metrics {
    open_connections: AtomicU64,
    accepted_connections: AtomicU64,
    received_bytes: AtomicU64,
    sent_bytes: AtomicU64,
    operations: Mutex<BTreeMap<&'static str, Operation>>,
}

#[derive(Default)]
struct Operation {
    /// Requests by error name; the empty name counts successes.
    outcomes: BTreeMap<&'static str, u64>,
    /// Requests by the first latency bound that they keep; the last counts those beyond all bounds.
    latencies: [u64; LATENCY_BOUNDS.len() + 1],
    seconds: f64,
}

impl Metrics {
    /// A connection was accepted; it counts as open until the guard is dropped.
    pub(super) fn connection(&self) -> OpenConnection<'_> {
        self.accepted_connections.fetch_add(1, Ordering::Relaxed);
        self.open_connections.fetch_add(1, Ordering::Relaxed);
        OpenConnection(self)
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
        self.received_bytes.fetch_add(received as u64, Ordering::Relaxed);
        self.sent_bytes.fetch_add(sent as u64, Ordering::Relaxed);
        let seconds = took.as_secs_f64();
        let bucket = LATENCY_BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(LATENCY_BOUNDS.len());
        let mut operations = self.operations();
        let counters = operations.entry(operation).or_default();
        *counters.outcomes.entry(error).or_default() += 1;
        counters.latencies[bucket] += 1;
        counters.seconds += seconds;
    }

    fn operations(&self) -> MutexGuard<'_, BTreeMap<&'static str, Operation>> {
        self.operations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All counters as text.
    pub(super) fn render(&self) -> String {
        let mut out = String::new();
        let single = |out: &mut String, name: &str, kind: &str, help: &str, value: &AtomicU64| {
            let value = value.load(Ordering::Relaxed);
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        };
        single(&mut out, "hashrange_connections_open", "gauge", "Connections open now.", &self.open_connections);
        let accepted = &self.accepted_connections;
        single(&mut out, "hashrange_connections_total", "counter", "Connections accepted.", accepted);
        let received = &self.received_bytes;
        single(&mut out, "hashrange_received_bytes_total", "counter", "Bytes of request bodies.", received);
        single(&mut out, "hashrange_sent_bytes_total", "counter", "Bytes of response bodies.", &self.sent_bytes);
        let operations = self.operations();
        let _ = writeln!(out, "# HELP hashrange_requests_total Requests by operation and error.");
        let _ = writeln!(out, "# TYPE hashrange_requests_total counter");
        for (operation, counters) in operations.iter() {
            for (error, count) in &counters.outcomes {
                let labels = format!("operation=\"{operation}\",error=\"{error}\"");
                let _ = writeln!(out, "hashrange_requests_total{{{labels}}} {count}");
            }
        }
        let _ = writeln!(out, "# HELP hashrange_request_seconds Time from the end of the request to its answer.");
        let _ = writeln!(out, "# TYPE hashrange_request_seconds histogram");
        for (operation, counters) in operations.iter() {
            render_latencies(&mut out, operation, counters);
        }
        out
    }
}

fn render_latencies(out: &mut String, operation: &str, counters: &Operation) {
    let name = "hashrange_request_seconds";
    let mut sum = 0;
    for (bound, count) in LATENCY_BOUNDS.iter().zip(counters.latencies) {
        sum += count;
        let _ = writeln!(out, "{name}_bucket{{operation=\"{operation}\",le=\"{bound}\"}} {sum}");
    }
    let count: u64 = counters.latencies.iter().sum();
    let _ = writeln!(out, "{name}_bucket{{operation=\"{operation}\",le=\"+Inf\"}} {count}");
    let _ = writeln!(out, "{name}_sum{{operation=\"{operation}\"}} {}", counters.seconds);
    let _ = writeln!(out, "{name}_count{{operation=\"{operation}\"}} {count}");
}

/// A connection that is open.
pub(super) struct OpenConnection<'m>(&'m Metrics);

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.open_connections.fetch_sub(1, Ordering::Relaxed);
    }
}
