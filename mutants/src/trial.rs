//! A mutant is tried by the test programs that reach it, the quickest one first, until one of them fails.
//!
//! Which ones reach it, and how long each takes, is learned from a rehearsal without any mutant. A run that takes several
//! times as long hangs, and counts as failed. The machine may have become slow since the rehearsal, so before that is
//! believed the program is run without the mutant once more.

use crate::{Result, results::Outcome};
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use wait_timeout::ChildExt;

/// Rooms whose unit tests are run, besides those of the mutants.
pub const ROOMS: [&str; 6] = ["format", "wal", "manifest", "admission", "service", "engine"];
/// Integration tests that are run: programs, with their modules. Left out are those that kill processes, and those that take the better part of a
/// minute: what only they catch is missed here.
const TESTS: [(&str, &[&str]); 3] = [
    (
        "tables",
        &[
            "api",
            "batch_get",
            "conflicts",
            "consumer",
            "fork",
            "indexes",
            "inspect",
            "memory",
            "model",
            "schema",
            "smoke",
            "splits",
            "stream",
            "stream_views",
            "transaction",
            "ttl",
        ],
    ),
    ("crashes", &["publishing", "regressions", "schema_crashes"]),
    ("threads", &["concurrency", "waiting"]),
];
/// Lives of simulated machines that are lived.
const LIVES: [&str; 3] = ["random_lives", "a_token_outlives", "an_end_that_is_moved"];
const LIFE_COUNTS: [(&str, &str); 3] =
    [("HASHRANGE_LIVES", "300"), ("HASHRANGE_FAULTS", "300"), ("HASHRANGE_ROUNDS", "40")];

/// A run hangs that takes so many times as long as it did without a mutant,
const SLOW: u32 = 5;
/// and at least so long.
const HANGS: Duration = Duration::from_secs(15);
/// Longest rehearsal.
const REHEARSAL: Duration = Duration::from_secs(300);
/// A mutant may ask for any amount of memory: what a run gets, in KiB.
const MEMORY_KIB: &str = "6000000";

/// Arguments of `cargo test` that name what is built.
pub fn arguments() -> Vec<String> {
    let fixed = ["-p", "hashrange", "-p", "hashrange-simulation", "--lib", "--test", "lives"];
    let tests = TESTS.iter().flat_map(|(test, _)| ["--test", test]);
    fixed.into_iter().chain(tests).map(str::to_owned).collect()
}

/// A test program, with the part of its tests that is run.
#[derive(Debug)]
pub struct Program {
    name: String,
    path: PathBuf,
    filters: Vec<String>,
    took: Duration,
    reaches: BTreeSet<usize>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Passed,
    Failed,
    Hung,
}

/// Runs each program once without a mutant. The quickest comes first.
pub fn rehearse(built: &BTreeMap<String, PathBuf>, rooms: &BTreeSet<String>, folder: &Path) -> Result<Vec<Program>> {
    let program = |kind: &str, target: &str, name: String, filters: Vec<String>| {
        let key = format!("{kind} {target}");
        let path = built.get(&key).ok_or_else(|| format!("cargo built no {key}"))?.clone();
        Ok(Program { name, path, filters, took: Duration::ZERO, reaches: BTreeSet::new() })
    };
    let units = rooms.iter().map(|room| program("lib", "hashrange", format!("{room}::"), vec![format!("{room}::")]));
    let modules =
        TESTS.iter().flat_map(|(test, modules)| modules.iter().map(move |module| (*test, format!("{module}::"))));
    let tests = modules.map(|(test, module)| program("test", test, module.clone(), vec![module]));
    let lives = LIVES.iter().map(|life| program("test", "lives", (*life).to_owned(), vec![(*life).to_owned()]));
    let mut programs = units.chain(tests).chain(lives).collect::<Result<Vec<Program>>>()?;
    let reached = folder.join("reached");
    for program in &mut programs {
        _ = fs::remove_file(&reached);
        program.took = program.rehearse(folder, "rehearsal", &reached)?;
        let noted = fs::read_to_string(&reached).unwrap_or_default();
        program.reaches = noted.lines().filter_map(|line| line.parse().ok()).collect();
    }
    programs.sort_by_key(|program| program.took);
    Ok(programs)
}

/// Tries a mutant.
pub fn try_out(id: usize, programs: &[Program], folder: &Path) -> Result<Outcome> {
    let mut is_reached = false;
    for program in programs.iter().filter(|program| program.reaches.contains(&id)) {
        is_reached = true;
        match program.attempt(folder, id)? {
            End::Passed => {}
            End::Failed => return Ok(Outcome::Caught(program.name.clone())),
            End::Hung => return Ok(Outcome::Caught(format!("{}, which hangs", program.name))),
        }
    }
    Ok(Outcome::Missed(if is_reached { "by all that reach it" } else { "reached by none" }.to_owned()))
}

impl Program {
    /// Runs it without a mutant, and says how long that takes.
    fn rehearse(&self, folder: &Path, name: &str, reached: &Path) -> Result<Duration> {
        let begin = Instant::now();
        match self.run(folder, name, ("HASHRANGE_MUTANT_REACHED", reached.into()), REHEARSAL)? {
            End::Passed => Ok(begin.elapsed()),
            _ => Err(format!("{} fails without any mutant", self.name).into()),
        }
    }

    /// Runs it as a mutant.
    fn attempt(&self, folder: &Path, id: usize) -> Result<End> {
        let (name, limit) = (id.to_string(), |took: Duration| HANGS.max(took * SLOW));
        let run = |limit| self.run(folder, &name, ("HASHRANGE_MUTANT", id.to_string().into()), limit);
        let end = run(limit(self.took))?;
        if end != End::Hung {
            return Ok(end);
        }
        let took = self.rehearse(folder, &name, &folder.join("reached again"))?;
        if took < self.took * 2 { Ok(end) } else { run(limit(took) * 2) }
    }

    /// Runs it with a variable of its environment, in a folder for temporary files that goes away with it.
    fn run(&self, folder: &Path, name: &str, variable: (&str, OsString), limit: Duration) -> Result<End> {
        let scratch = folder.join("scratch").join(name);
        fs::create_dir_all(&scratch)?;
        let mut command = Command::new("sh");
        let script = format!("ulimit -v {MEMORY_KIB} 2>/dev/null; exec \"$@\"");
        command.args(["-c", &script, "sh"]).arg(&self.path).args(&self.filters);
        command.current_dir(folder.join("tree")).envs(LIFE_COUNTS).env(variable.0, variable.1);
        command.env("TMPDIR", &scratch).env("PROPTEST_MAX_SHRINK_ITERS", "0").env("RUST_BACKTRACE", "0");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        let end = match child.wait_timeout(limit)? {
            Some(status) if status.success() => End::Passed,
            Some(_) => End::Failed,
            None => End::Hung,
        };
        // What it started goes with it, also when it is gone itself.
        kill(&mut child);
        _ = child.wait();
        fs::remove_dir_all(&scratch)?;
        Ok(end)
    }
}

/// Ends a test and all that it started.
#[cfg(unix)]
fn kill(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process_group};
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        _ = kill_process_group(group, Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill(child: &mut Child) {
    _ = child.kill();
}
