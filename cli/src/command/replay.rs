//! `replay`: a recorded trace on other designs, side by side.

use crate::{
    failure::Failure,
    outcome::Outcome,
    output::Output,
    prices::{self, amount, milliunits},
    stopwatch::Stopwatch,
    text::grouped,
};
use clap::Args;
use hashrange::{
    capacity::CapacityModel,
    ledger::Prices,
    trace::{DesignReport, Designs, ReplayReport, ResourceTotals, replay},
};
use serde_json::json;
use std::{fs, io::BufReader, path::PathBuf};

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// A trace that `serve --record` or a program wrote
    trace: PathBuf,
    /// File of designs, as docs/replay.md describes it
    #[arg(long, value_name = "FILE")]
    design: PathBuf,
    /// Price file; without it, prices of us-east-1 that come with the program
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Print the answer as one JSON object
    #[arg(long)]
    json: bool,
}

impl Replay {
    /// Replays, and prints what each design came to.
    pub(crate) fn run(&self) -> Result<Outcome, Failure> {
        let cannot = |path: &PathBuf, error| Failure::io(format!("cannot read {}", path.display()), error);
        let text = fs::read_to_string(&self.design).map_err(|error| cannot(&self.design, error))?;
        let designs = Designs::from_json(&text)
            .map_err(|error| Failure::Usage(format!("{}: {}", self.design.display(), error.message())))?;
        if designs.designs.is_empty() {
            return Err(Failure::Usage(format!("{}: designs: there is none", self.design.display())));
        }
        let prices = prices::read(self.prices.as_deref())?;
        let file = open(&self.trace).map_err(|error| cannot(&self.trace, error))?;
        let watch = Stopwatch::start();
        let report = replay(BufReader::with_capacity(1 << 20, file), &designs, &CapacityModel::service())?;
        let took = watch.elapsed();
        let mut out = Output::new();
        if self.json {
            out.line(to_json(&report, &prices))?;
        } else {
            let secs = report.millis / 1_000;
            out.line(format_args!("{} accesses of {} s, replayed in {took}", grouped(report.accesses), grouped(secs)))?;
            if report.is_cut_off {
                out.line("The end of the trace is missing.")?;
            }
            table(&mut out, &report, &prices)?;
        }
        out.finish()?;
        Ok(Outcome::Done)
    }
}

#[expect(clippy::disallowed_methods, reason = "a trace is no file of a database")]
fn open(path: &PathBuf) -> std::io::Result<fs::File> {
    fs::File::open(path)
}

/// A row: its name, and what it says of a design.
type Row = (&'static str, fn(&DesignReport) -> String);

const ROWS: [Row; 8] = [
    ("accesses", |design| grouped(design.accesses)),
    ("read units", |design| units(design.read_units())),
    ("write units", |design| units(design.write_units())),
    ("throttled attempts", |design| grouped(design.throttled)),
    ("failed", |design| grouped(design.failed)),
    ("p50", |design| format!("{} ms", design.p50_millis)),
    ("p99", |design| format!("{} ms", design.p99_millis)),
    ("partitions", |design| {
        let partitions: usize = design.resources.iter().map(|resource| resource.partitions).sum();
        grouped(partitions as u64)
    }),
];
/// Hot keys that the table shows.
const HOT_KEYS: usize = 3;
/// Characters of a key that are shown.
const KEY_CHARS: usize = 28;

fn units(units: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shown without its half")]
    let whole = units.max(0.0) as u64;
    grouped(whole)
}

/// One column for each design.
fn table(out: &mut Output, report: &ReplayReport, prices: &Prices) -> Result<(), Failure> {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    let head = std::iter::once(String::new()).chain(report.designs.iter().map(|design| design.name.clone()));
    table.add_row(head.collect::<Vec<_>>());
    for (name, value) in ROWS {
        let cells = std::iter::once(name.to_owned()).chain(report.designs.iter().map(value));
        table.add_row(cells.collect::<Vec<_>>());
    }
    let nanos = |design: &DesignReport| throughput_nanos(design, report.millis, prices);
    let month = |design: &DesignReport| month_nanos(design, report.millis, prices);
    type Cell<'c> = &'c dyn Fn(&DesignReport) -> String;
    let money: [(String, Cell<'_>); 2] = [
        (format!("{} of the trace", prices.currency), &|design| amount(nanos(design))),
        ("a month like it".to_owned(), &|design| month(design).map_or_else(|| "-".to_owned(), amount)),
    ];
    for (name, value) in money {
        let cells = std::iter::once(name).chain(report.designs.iter().map(value));
        table.add_row(cells.collect::<Vec<_>>());
    }
    for (at, name) in ["hottest keys", "", ""].into_iter().enumerate().take(HOT_KEYS) {
        let cells = report.designs.iter().map(|design| {
            design.hot_keys.get(at).map_or_else(String::new, |hot| {
                let key: String = hot.key.chars().take(KEY_CHARS).collect();
                format!("{key} ({})", units(hot.units))
            })
        });
        table.add_row(std::iter::once(name.to_owned()).chain(cells).collect::<Vec<_>>());
    }
    out.line(table.trim_fmt())?;
    for design in &report.designs {
        for resource in design.resources.iter().filter(|resource| resource.throttled > 0) {
            let (name, throttled) = (name_of(resource), grouped(resource.throttled));
            out.line(format_args!("{}: {name} throttled {throttled} attempts", design.name))?;
        }
    }
    out.line(format_args!(
        "Throughput of class Standard, at prices of {} as of {}; storage is not in it.",
        prices.region, prices.date
    ))
}

fn name_of(resource: &ResourceTotals) -> String {
    match &resource.index {
        None => resource.table.clone(),
        Some(index) => format!("{}/{index}", resource.table),
    }
}

/// What the throughput of a design cost for the time of the trace: units on demand as they were consumed, provisioned ones by
/// the hour that has begun.
fn throughput_nanos(design: &DesignReport, millis: u64, prices: &Prices) -> u64 {
    let of_resource = |resource: &ResourceTotals| match resource.provisioned {
        None => on_demand_nanos(resource, prices),
        Some((read, write)) => prices.standard.provisioned_nanos(read, write, millis.div_ceil(3_600_000).max(1)),
    };
    design.resources.iter().map(of_resource).fold(0, u64::saturating_add)
}

/// What the throughput of a design costs for a month like the trace: provisioned units by the month's hours, others by the time of
/// the trace. `None` where no time passed, or the amount is too large.
fn month_nanos(design: &DesignReport, millis: u64, prices: &Prices) -> Option<u64> {
    let hours = prices.hours_per_month;
    let of_resource = |resource: &ResourceTotals| match resource.provisioned {
        None => prices::of_month(on_demand_nanos(resource, prices), millis, hours),
        Some((read, write)) => Some(prices.standard.provisioned_nanos(read, write, hours)),
    };
    let mut months = design.resources.iter().map(of_resource);
    months.try_fold(0u64, |total, month| total.checked_add(month?)).filter(|_| millis > 0)
}

fn on_demand_nanos(resource: &ResourceTotals, prices: &Prices) -> u64 {
    prices.standard.on_demand_nanos(milliunits(resource.read_units), milliunits(resource.write_units))
}

fn to_json(report: &ReplayReport, prices: &Prices) -> serde_json::Value {
    let designs = report.designs.iter().map(|design| {
        let resources = design.resources.iter().map(|resource| {
            json!({
                "table": resource.table,
                "index": resource.index,
                "provisioned": resource.provisioned.map(|(read, write)| json!({"read": read, "write": write})),
                "read_units": resource.read_units,
                "write_units": resource.write_units,
                "throttled": resource.throttled,
                "partitions": resource.partitions,
            })
        });
        let hot = design
            .hot_keys
            .iter()
            .map(|hot| json!({"table": hot.table, "key": hot.key, "units": hot.units, "error": hot.error}));
        json!({
            "name": design.name,
            "accesses": design.accesses,
            "read_units": design.read_units(),
            "write_units": design.write_units(),
            "throttled": design.throttled,
            "failed": design.failed,
            "p50_millis": design.p50_millis,
            "p99_millis": design.p99_millis,
            "throughput_nanos": throughput_nanos(design, report.millis, prices),
            "resources": resources.collect::<Vec<_>>(),
            "hot_keys": hot.collect::<Vec<_>>(),
        })
    });
    json!({
        "accesses": report.accesses,
        "millis": report.millis,
        "is_cut_off": report.is_cut_off,
        "prices": {"region": prices.region, "date": prices.date, "currency": prices.currency},
        "designs": designs.collect::<Vec<_>>(),
    })
}
