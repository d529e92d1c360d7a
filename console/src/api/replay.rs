//! Requests that were recorded, on the design that they met and on others.

use crate::{
    answer::{self, Answer},
    context::Context,
    refusal::Refusal,
    request::Request,
};
use hashrange::{
    capacity::CapacityModel,
    trace::{DesignReport, Designs, HotKey, ResourceTotals, replay},
};
use http::Method;
use serde::Serialize;

/// Designs that are compared at once, at most.
const MAX_DESIGNS: usize = 8;

/// What is recorded.
#[derive(Debug, Serialize)]
pub(crate) struct Recording {
    /// Whether requests are recorded now.
    pub(crate) is_recording: bool,
    /// Accesses that were recorded.
    pub(crate) accesses: u64,
    /// Accesses that did not fit.
    pub(crate) dropped: u64,
}

/// A trace under several designs.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    /// Accesses of the trace.
    pub(crate) accesses: u64,
    /// From the first to the last one, in milliseconds.
    pub(crate) millis: u64,
    /// What each design came to.
    pub(crate) designs: Vec<Outcome>,
}

/// What a design came to.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    /// Its name.
    pub(crate) name: String,
    /// Accesses that it made.
    pub(crate) accesses: u64,
    /// Read units of all tables and indexes.
    pub(crate) read_units: f64,
    /// Write units of all tables and indexes.
    pub(crate) write_units: f64,
    /// Attempts that were throttled.
    pub(crate) throttled: u64,
    /// Accesses that were throttled at each attempt.
    pub(crate) failed: u64,
    /// Half of the accesses took at most so many milliseconds, by the model.
    pub(crate) p50_millis: u64,
    /// 99 of 100 took at most so many.
    pub(crate) p99_millis: u64,
    /// Virtual partitions at the end.
    pub(crate) partitions: usize,
    /// What the units cost on demand, in billionths of the currency; absent without prices.
    pub(crate) nanos: Option<u64>,
    /// The partition keys with the most units: the table, the key, the units.
    pub(crate) hot_keys: Vec<(String, String, f64)>,
}

impl Outcome {
    fn of(context: &Context, report: &DesignReport) -> Self {
        let prices = context.options.prices.as_ref();
        let hot = |key: &HotKey| (key.table.clone(), key.key.clone(), key.units);
        Self {
            name: report.name.clone(),
            accesses: report.accesses,
            read_units: report.read_units(),
            write_units: report.write_units(),
            throttled: report.throttled,
            failed: report.failed,
            p50_millis: report.p50_millis,
            p99_millis: report.p99_millis,
            partitions: report.resources.iter().map(|resource: &ResourceTotals| resource.partitions).sum(),
            nanos: prices.map(|prices| {
                let class = prices.of_class(false);
                class.on_demand_nanos(milliunits(report.read_units()), milliunits(report.write_units()))
            }),
            hot_keys: report.hot_keys.iter().take(3).map(hot).collect(),
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "units are counts, and not negative")]
fn milliunits(units: f64) -> u64 {
    (units * 1_000.0).max(0.0) as u64
}

/// What is recorded now; `None` if the database was opened without a tap.
pub(crate) fn recording(context: &Context) -> Option<Recording> {
    let tap = context.options.tap.as_ref()?;
    let (accesses, dropped) = tap.counts().unwrap_or_default();
    Some(Recording { is_recording: tap.is_recording(), accesses, dropped })
}

/// Starts or stops recording: parameter `do` is `start` or `stop`.
pub(crate) fn control(context: &Context, request: &Request) -> Result<Recording, Refusal> {
    let tap = context.options.tap.as_ref().ok_or_else(no_tap)?;
    match request.required("do")? {
        "start" => tap.start(context.db.clock().clone())?,
        "stop" => tap.stop()?,
        _ => return Err(Refusal::invalid("do: it is start or stop")),
    }
    recording(context).ok_or_else(no_tap)
}

fn no_tap() -> Refusal {
    Refusal::not_found("this database was opened without a recorder")
}

/// Replays what was recorded under designs, which are JSON as docs/replay.md describes it.
pub(crate) fn compare(context: &Context, designs: &str) -> Result<Comparison, Refusal> {
    let tap = context.options.tap.as_ref().ok_or_else(no_tap)?;
    let designs = Designs::from_json(designs)?;
    if designs.designs.is_empty() || designs.designs.len() > MAX_DESIGNS {
        return Err(Refusal::invalid(format!("designs: there are 1 to {MAX_DESIGNS}")));
    }
    if tap.is_recording() {
        return Err(Refusal::invalid("stop the recording first"));
    }
    let trace = tap.trace();
    if trace.is_empty() {
        return Err(Refusal::invalid("nothing is recorded; start a recording and send requests"));
    }
    let report = replay(&*trace, &designs, &CapacityModel::service())?;
    Ok(Comparison {
        accesses: report.accesses,
        millis: report.millis,
        designs: report.designs.iter().map(|design| Outcome::of(context, design)).collect(),
    })
}

/// Answers `/console/api/recording` and `/console/api/replay`.
pub(crate) fn respond(context: &Context, request: &Request, is_replay: bool) -> Result<Answer, Refusal> {
    match (request.method(), is_replay) {
        (&Method::GET, false) => Ok(answer::json(&recording(context).ok_or_else(no_tap)?)),
        (&Method::POST, false) => Ok(answer::json(&control(context, request)?)),
        (&Method::POST, true) => Ok(answer::json(&compare(context, request.text()?)?)),
        _ => Err(Refusal::method()),
    }
}
