//! Loading everything, and opening again: each engine in a process of its own, so that its memory and the bytes that it
//! writes can be told from the others'.

use crate::{
    data::{Keys, Prepared, Shape, shuffled, uniform},
    engine::{Engine, Features},
    engines,
    report::Figures,
};
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::{
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Items of one batch of a load.
const BATCH: usize = 1_000;

/// Loads all items of a shape in random order; returns the time spent in the engine.
pub fn load(engine: &dyn Engine, shape: Shape, features: Features) -> Result<Duration> {
    let mut spent = Duration::ZERO;
    for batch in shuffled(shape.items, 42).chunks(BATCH) {
        let mut items: Vec<_> = batch.iter().map(|&index| Prepared::new(shape, index, features.ttl)).collect();
        let began = Instant::now();
        engine.load(&mut items)?;
        spent += began.elapsed();
    }
    let began = Instant::now();
    engine.settle()?;
    Ok(spent + began.elapsed())
}

/// What a process that loads or opens reports on its standard output.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Report {
    seconds: f64,
    disk_bytes: u64,
    written_bytes: u64,
    peak_memory_bytes: u64,
    item_bytes: u64,
}

/// A step that runs in a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Step {
    Load,
    Open,
    Kill,
}

fn shape_of(items: usize) -> Shape {
    Shape { items, per_collection: 10, note_bytes: 96 }
}

/// The step itself, in the process of its own.
pub fn run_step(step: Step, name: &str, folder: &Path, items: usize) -> Result<()> {
    let (shape, features) = (shape_of(items), Features::default());
    let mut report = Report::default();
    match step {
        Step::Load => {
            let engine = engines::open(name, folder, features, engines::CACHE_BYTES)?;
            let (base, written) = (resident_bytes(), written_bytes());
            let (peak, done) = (AtomicU64::new(0), AtomicBool::new(false));
            report.seconds = std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        peak.fetch_max(resident_bytes(), Ordering::Relaxed);
                        std::thread::sleep(Duration::from_millis(10));
                    }
                });
                let spent = load(engine.as_ref(), shape, features);
                done.store(true, Ordering::Relaxed);
                spent
            })?
            .as_secs_f64();
            report.peak_memory_bytes = peak.into_inner().saturating_sub(base);
            drop(engine);
            report.written_bytes = written_bytes() - written;
            report.disk_bytes = disk_bytes(folder)?;
            let sample = (0..1_000).map(|index| Prepared::new(shape, index, false));
            report.item_bytes = sample.map(|item| (item.encoded.len() + item.key().full().len()) as u64).sum();
        }
        Step::Open => {
            let key = Keys::of(shape, [items / 2].into_iter(), "");
            let began = Instant::now();
            let engine = engines::open(name, folder, features, engines::CACHE_BYTES)?;
            ensure!(engine.session(false)?.get(key.at(0))?, "the item is there again");
            report.seconds = began.elapsed().as_secs_f64();
            println!("{}", serde_json::to_string(&report)?);
            std::process::exit(0); // what closing costs is not asked
        }
        Step::Kill => {
            let engine = engines::open(name, folder, features, engines::CACHE_BYTES)?;
            let mut session = engine.session(false)?;
            for (version, index) in uniform(items, items / 10, 77).into_iter().enumerate() {
                session.put(&mut Prepared::new(shape, index, false), version as u64)?;
            }
            std::process::abort(); // as a kill would: nothing is closed
        }
    }
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

fn child(step: &str, name: &str, folder: &Path, items: usize) -> Result<Option<Report>> {
    let output = Command::new(std::env::current_exe()?)
        .args(["--step", step, "--engine", name, "--items", &items.to_string(), "--folder"])
        .arg(folder)
        .stderr(std::process::Stdio::inherit())
        .output()?;
    if step == "kill" {
        return Ok(None);
    }
    ensure!(output.status.success(), "{name} failed to {step}");
    Ok(Some(serde_json::from_slice(&output.stdout).context("a report")?))
}

/// Loads in a process of its own.
pub fn load_apart(name: &str, folder: &Path, items: usize) -> Result<()> {
    child("load", name, folder, items).map(drop)
}

/// Loads, opens cleanly and opens after a kill: three rows.
pub fn figures(name: &str, folder: &Path, items: usize) -> Result<Vec<Figures>> {
    let step = |step| child(step, name, folder, items);
    let report = |report: Option<Report>| report.context("a report");
    let loaded = report(step("load")?)?;
    let open = report(step("open")?)?;
    step("kill")?;
    let killed = report(step("open")?)?;
    let logical = loaded.item_bytes as f64 / 1_000.0 * items as f64;
    let row = |workload: &str, ops_per_sec: f64, facts: Vec<(&str, f64)>| Figures {
        workload: workload.to_owned(),
        engine: name.to_owned(),
        ops_per_sec: vec![ops_per_sec],
        percentiles_micros: None,
        facts: facts.into_iter().map(|(name, figure)| (name.to_owned(), figure)).collect(),
    };
    Ok(vec![
        row(
            "bulk load to rest, items",
            items as f64 / loaded.seconds,
            vec![
                ("disk bytes for a byte of items", loaded.disk_bytes as f64 / logical),
                ("bytes written for a byte of items", loaded.written_bytes as f64 / logical),
                ("peak memory in MB", loaded.peak_memory_bytes as f64 / 1e6),
            ],
        ),
        row("open and get", 1.0 / open.seconds, vec![("milliseconds", open.seconds * 1e3)]),
        row("open and get after a kill", 1.0 / killed.seconds, vec![("milliseconds", killed.seconds * 1e3)]),
    ])
}

/// A figure of this process from Linux's /proc; 0 elsewhere.
fn proc_figure(file: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/self/{file}")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or_default()
}

fn resident_bytes() -> u64 {
    proc_figure("status", "RssAnon:") * 1_024
}

fn written_bytes() -> u64 {
    proc_figure("io", "write_bytes:")
}

fn disk_bytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let facts = entry.metadata()?;
        bytes += if facts.is_dir() { disk_bytes(&entry.path())? } else { allocated_bytes(&facts) };
    }
    Ok(bytes)
}

#[cfg(unix)]
fn allocated_bytes(facts: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(facts) * 512
}

#[cfg(not(unix))]
fn allocated_bytes(facts: &std::fs::Metadata) -> u64 {
    facts.len()
}
