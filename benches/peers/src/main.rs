//! The same DynamoDB-shaped work on hashrange and on other embedded stores, interleaved in one run.
//!
//! Every round runs each workload on each engine for a short time, in an order that rotates, so that what the machine
//! does meanwhile falls on all alike. Reported are medians over the rounds. Absolute figures tell of the machine; the
//! ratios within one run tell of the engines.

mod data;
mod engine;
mod engines;
mod goals;
mod loading;
mod measure;
mod report;
mod scarce;
mod workload;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use engine::Engine;
use engines::nothing::{self, Nothing};
use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressStyle};
use report::Figures;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};
use workload::{Requests, Suite, Workload};

/// Compares hashrange with other embedded stores.
#[derive(Parser, Debug)]
#[command(version, about)]
struct Arguments {
    /// Ends within five minutes: 100,000 items, 3 rounds of 0.2 seconds.
    #[arg(long)]
    quick: bool,
    /// Only workloads (or suites) whose name contains this; may be given several times.
    #[arg(long, value_name = "TEXT")]
    workload: Vec<String>,
    /// Only these engines; may be given several times.
    #[arg(long, value_name = "NAME")]
    engine: Vec<String>,
    /// Items of the largest data set. Default 1,000,000, with --quick 100,000.
    #[arg(long)]
    items: Option<usize>,
    /// Rounds. Default 5, with --quick 3.
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds that a workload runs on an engine in a round. Default 0.6, with --quick 0.2.
    #[arg(long)]
    seconds: Option<f64>,
    /// Writes all rows to this file as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Puts the table into this Markdown file, between the lines `<!-- peers: begin -->` and `<!-- peers: end -->`.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Writes a chart to this file as SVG.
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    /// Where the data lies meanwhile. Default: a temporary folder beside this program, which is on a disk.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Instead of all else: works on data that is larger than memory, each engine in a control group that has so many MB for
    /// its process and the pages of its files. Linux, as root.
    #[arg(long)]
    memory_mb: Option<usize>,
    /// The control group of a step with little memory.
    #[arg(long, hide = true)]
    group: Option<PathBuf>,
    /// A step in a process of its own.
    #[arg(long, hide = true)]
    step: Option<loading::Step>,
}

struct Plan {
    engines: Vec<&'static str>,
    rounds: usize,
    time: Duration,
    filters: Vec<String>,
}

impl Plan {
    fn wants(&self, suite: &str, workload: &str) -> bool {
        let named = |filter: &String| suite.contains(filter.as_str()) || workload.contains(filter.as_str());
        self.filters.is_empty() || self.filters.iter().any(named)
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let items = arguments.items.unwrap_or(if arguments.quick { 100_000 } else { 1_000_000 });
    ensure!(items >= 1_000, "--items must be at least 1,000");
    let time = Duration::from_secs_f64(arguments.seconds.unwrap_or(if arguments.quick { 0.2 } else { 0.6 }));
    let scarce = arguments.memory_mb.map(|memory_mb| scarce::Conditions { items, memory_mb, time });
    if let (Some(name), Some(folder)) = (arguments.engine.first(), &arguments.folder) {
        if let (Some(conditions), Some(group)) = (&scarce, &arguments.group) {
            return scarce::run_step(name, folder, conditions, group);
        }
        if let Some(step) = arguments.step {
            return loading::run_step(step, name, folder, items);
        }
    }
    for name in &arguments.engine {
        let all = engines::NAMES.join(", ");
        ensure!(engines::NAMES.contains(&name.as_str()), "there is no engine {name:?} in this build; there are {all}");
    }
    let wanted = |name: &&&str| arguments.engine.is_empty() || arguments.engine.iter().any(|wanted| wanted == **name);
    let plan = Plan {
        engines: engines::NAMES.iter().filter(wanted).copied().collect(),
        rounds: arguments.rounds.unwrap_or(if arguments.quick { 3 } else { 5 }).max(1),
        time,
        filters: arguments.workload,
    };
    let beside = std::env::current_exe()?.parent().map(Path::to_path_buf).context("this program lies in a folder")?;
    let scratch = tempfile::Builder::new().prefix("peers-").tempdir_in(arguments.folder.unwrap_or(beside))?;
    let figures = match &scarce {
        Some(conditions) => {
            run_alone(&plan, scratch.path(), "little memory", |name, folder| scarce::figures(name, folder, conditions))?
        }
        None => run_all(&plan, scratch.path(), items, arguments.quick)?,
    };
    let rows = report::rows(figures);
    println!("{}", report::table(&rows));
    println!("ratio: hashrange by the fastest peer\n{}{}", report::harness(&rows), report::facts(&rows));
    if let Some(path) = &arguments.markdown {
        report::write_markdown(&rows, path)?;
    }
    if let Some(path) = &arguments.json {
        report::write_json(&rows, path)?;
    }
    if let Some(path) = &arguments.chart {
        report::write_chart(&rows, path)?;
    }
    Ok(())
}

fn run_all(plan: &Plan, scratch: &Path, items: usize, quick: bool) -> Result<Vec<Figures>> {
    let mut figures = Vec::new();
    for mut suite in workload::suites(items, quick) {
        let named = suite.name;
        suite.workloads.retain(|workload| workload.what == workload::What::Disturb || plan.wants(named, workload.name));
        if suite.workloads.iter().any(|workload| workload.what != workload::What::Disturb) {
            figures.extend(run_suite(&suite, plan, scratch)?);
        }
    }
    if ["bulk load to rest, items", "open and get"].iter().any(|name| plan.wants("loading", name)) {
        figures.extend(run_alone(plan, scratch, "loading", |name, folder| loading::figures(name, folder, items))?);
    }
    Ok(figures)
}

fn progress(steps: usize, name: &str) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template("{prefix:18} {bar:30} {pos}/{len} {msg}")?;
    Ok(ProgressBar::new(steps as u64).with_style(style).with_prefix(name.to_owned()))
}

fn open_all(suite: &Suite, plan: &Plan, scratch: &Path, bar: &ProgressBar) -> Result<Vec<Box<dyn Engine>>> {
    let mut engines = Vec::new();
    for name in &plan.engines {
        bar.set_message(format!("load {name}"));
        let folder = scratch.join(format!("{}-{name}", suite.name));
        let engine = engines::open(name, &folder, suite.features, engines::CACHE_BYTES)
            .with_context(|| format!("cannot open {name}"))?;
        loading::load(engine.as_ref(), suite.shape, suite.features).with_context(|| format!("{name} cannot load"))?;
        engines.push(engine);
        bar.inc(1);
    }
    Ok(engines)
}

fn run_suite(suite: &Suite, plan: &Plan, scratch: &Path) -> Result<Vec<Figures>> {
    let once = suite.workloads.iter().all(|workload| workload.what.consumes_data());
    let rounds = if once { 1 } else { plan.rounds };
    let calls = rounds * suite.workloads.len();
    let bar = progress(plan.engines.len() + (plan.engines.len() + 1) * calls, suite.name)?;
    let mut engines = open_all(suite, plan, scratch, &bar)?;
    engines.push(Box::new(Nothing::new(suite.shape.items)));
    let requests = Requests::new(suite);
    let mut figures = Vec::new();
    for workload in &suite.workloads {
        figures.extend(run_workload(suite, *workload, plan, rounds, &engines, &requests, &bar)?);
    }
    bar.finish_and_clear();
    drop(engines);
    for name in &plan.engines {
        std::fs::remove_dir_all(scratch.join(format!("{}-{name}", suite.name)))?;
    }
    Ok(figures)
}

/// Median, 99 %, 99.9 % and the longest, in microseconds.
fn micros(nanos: &Histogram<u64>) -> [f64; 4] {
    let at = |quantile| nanos.value_at_quantile(quantile) as f64 / 1e3;
    [at(0.5), at(0.99), at(0.999), nanos.max() as f64 / 1e3]
}

/// All rounds of one workload: what reads data at rest comes before what writes, and so no round disturbs another row.
fn run_workload(
    suite: &Suite,
    workload: Workload,
    plan: &Plan,
    rounds: usize,
    engines: &[Box<dyn Engine>],
    requests: &Requests,
    bar: &ProgressBar,
) -> Result<Vec<Figures>> {
    let title = match suite.name {
        "orders" | "large collections" | "with an index" | "with a stream" | "with time to live" => {
            workload.name.to_owned()
        }
        sized => format!("{}, items of {sized}", workload.name),
    };
    let mut ops_per_sec: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    let mut nanos: BTreeMap<usize, Histogram<u64>> = BTreeMap::new();
    for round in 0..rounds {
        for turn in 0..engines.len() {
            let at = (turn + round) % engines.len();
            let name = name_of(plan, at);
            bar.set_message(format!("{title}: {name}"));
            let slice = workload::run(workload, engines[at].as_ref(), requests, round, plan.time)
                .with_context(|| format!("{title}, {name}"))?;
            if let Some(slice) = slice {
                ops_per_sec.entry(at).or_default().push(slice.ops_per_sec);
                nanos.entry(at).or_insert_with(measure::histogram).add(slice.nanos)?;
            }
            bar.inc(1);
        }
    }
    let figures = ops_per_sec.into_iter().map(|(at, ops_per_sec)| Figures {
        workload: title.clone(),
        engine: name_of(plan, at).to_owned(),
        ops_per_sec,
        percentiles_micros: nanos.get(&at).map(micros),
        facts: Vec::new(),
    });
    Ok(figures.collect())
}

/// The engine at a position; behind the last one is the one that does nothing.
fn name_of(plan: &Plan, at: usize) -> &'static str {
    plan.engines.get(at).copied().unwrap_or(nothing::NAME)
}

/// What each engine does in a process of its own.
fn run_alone(
    plan: &Plan,
    scratch: &Path,
    title: &str,
    figures_of: impl Fn(&str, &Path) -> Result<Vec<Figures>>,
) -> Result<Vec<Figures>> {
    let bar = progress(plan.engines.len(), title)?;
    let mut by_engine = Vec::new();
    for name in &plan.engines {
        bar.set_message((*name).to_owned());
        let folder = scratch.join(name);
        by_engine.push(figures_of(name, &folder).with_context(|| format!("{title}, {name}"))?);
        std::fs::remove_dir_all(folder)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    // The rows of one workload belong together.
    let mut figures = Vec::new();
    let most = by_engine.iter().map(Vec::len).max().unwrap_or_default();
    let mut by_engine: Vec<_> = by_engine.into_iter().map(Vec::into_iter).collect();
    for _ in 0..most {
        figures.extend(by_engine.iter_mut().filter_map(Iterator::next));
    }
    Ok(figures)
}
