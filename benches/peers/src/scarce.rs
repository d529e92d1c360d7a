//! Data that is larger than memory: each engine alone, in a process of its own whose memory a control group limits, pages
//! of files included.
//!
//! Another process, without a limit, has loaded everything before, and what the operating system kept of the files is
//! dropped: what is read again is charged to the group. Engines with a cache get half of the memory for it.

use crate::{
    data::Shape,
    engine::Features,
    engines, loading,
    report::Figures,
    workload::{self, Requests, Suite},
};
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// What a child is told.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// Items of the data set.
    pub items: usize,
    /// What the process may take, files' pages included, in MB.
    pub memory_mb: usize,
    /// How long each workload runs.
    pub time: Duration,
}

/// One row of a child.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    workload: String,
    ops_per_sec: f64,
    percentiles_micros: [f64; 4],
}

/// Where Linux has the groups that limit memory, and the name of the limit: its second version, or its first.
const GROUPS: [(&str, &str); 2] =
    [("/sys/fs/cgroup", "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")];

/// A control group, which goes when it is dropped.
struct Group(PathBuf);

impl Group {
    fn new(memory_mb: usize) -> Result<Self> {
        for (root, limit) in GROUPS {
            let group = Self(Path::new(root).join(format!("hashrange-peers-{}", std::process::id())));
            if fs::create_dir(&group.0).is_ok() && fs::write(group.0.join(limit), format!("{memory_mb}M")).is_ok() {
                return Ok(group);
            }
        }
        anyhow::bail!("--memory-mb wants Linux's control groups, and the right to make one (root)")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// The child: opens, works, and prints its rows.
pub fn run_step(name: &str, folder: &Path, conditions: &Conditions, group: &Path) -> Result<()> {
    fs::write(group.join("cgroup.procs"), std::process::id().to_string()).context("cannot enter the group")?;
    let shape = Shape { items: conditions.items, per_collection: 10, note_bytes: 96 };
    let cache_bytes = conditions.memory_mb * 500_000;
    let engine = engines::open(name, folder, Features::default(), cache_bytes)?;
    let suite = Suite { name: "little memory", shape, features: Features::default(), workloads: workload::scarce() };
    let requests = Requests::new(&suite);
    let mut rows = Vec::new();
    for workload in &suite.workloads {
        let slice = workload::run(*workload, engine.as_ref(), &requests, 0, conditions.time)?;
        let slice = slice.context("a workload that measures")?;
        let percentiles_micros = crate::micros(&slice.nanos);
        rows.push(Row { workload: workload.name.to_owned(), ops_per_sec: slice.ops_per_sec, percentiles_micros });
    }
    println!("{}", serde_json::to_string(&rows)?);
    std::process::exit(0); // what closing costs is not asked
}

/// Makes the operating system forget what it keeps of files.
fn drop_pages() -> Result<()> {
    ensure!(Command::new("sync").status()?.success(), "cannot sync");
    fs::write("/proc/sys/vm/drop_caches", "1").context("cannot drop pages")
}

/// The rows of an engine. None if it does not live with so little.
pub fn figures(name: &str, folder: &Path, conditions: &Conditions) -> Result<Vec<Figures>> {
    let group = Group::new(conditions.memory_mb)?;
    loading::load_apart(name, folder, conditions.items)?;
    drop_pages()?;
    let output = Command::new(std::env::current_exe()?)
        .args(["--engine", name, "--items", &conditions.items.to_string()])
        .args(["--memory-mb", &conditions.memory_mb.to_string()])
        .args(["--seconds", &conditions.time.as_secs_f64().to_string()])
        .arg("--group")
        .arg(&group.0)
        .arg("--folder")
        .arg(folder)
        .stderr(std::process::Stdio::inherit())
        .output()?;
    if output.status.code().is_none() {
        eprintln!("{name} was killed: it does not live with {} MB", conditions.memory_mb);
        return Ok(Vec::new());
    }
    ensure!(output.status.success(), "{name} failed");
    let rows: Vec<Row> = serde_json::from_slice(&output.stdout).context("rows")?;
    let figures = rows.into_iter().map(|row| Figures {
        workload: format!("{}, {} MB of memory", row.workload, conditions.memory_mb),
        engine: name.to_owned(),
        ops_per_sec: vec![row.ops_per_sec],
        percentiles_micros: Some(row.percentiles_micros),
        facts: Vec::new(),
    });
    Ok(figures.collect())
}
