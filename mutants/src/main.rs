//! Mutation testing in hours rather than days: all mutants are compiled into one program, which is told which one to be.
//!
//! `cargo mutants` names small changes of the code that tests should notice, and builds the tests anew for each. Here,
//! a copy of the repository under `target/mutants` has all of them, each behind a switch that a variable of the environment
//! turns. A rehearsal without any shows which test program reaches which; then each mutant is tried by those that reach it.
//! Operands keep the grouping that they have in the code, whatever operator stands between them.
//!
//! `HASHRANGE_MUTANT=7` makes a test program under `target/mutants/build` mutant 7 of the last run's list, for a look at why
//! it passes.

#![expect(clippy::print_stdout, reason = "it reports to whoever started it")]
#![expect(clippy::disallowed_methods, reason = "it copies sources and times tests, and has no database")]

mod mutant;
mod results;
mod rewrite;
mod site;
mod tree;
mod trial;

use clap::Parser;
use results::{Outcome, Results};
use site::Form;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};
use tree::Tree;

/// What went wrong, for whoever reads it.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Tries each mutant of some files against the tests. Fails if one is missed.
#[derive(Debug, Parser)]
struct Arguments {
    /// Files or globs; by default the rooms of the log, the manifest and the commits.
    #[arg(default_values_t = trial::ROOMS.map(|room| format!("src/{room}/**")))]
    files: Vec<String>,
    /// Mutants that are tried at once; half the processors by default.
    #[arg(long)]
    jobs: Option<usize>,
    /// Tries those again that were missed.
    #[arg(long)]
    again: bool,
    /// Forgets what earlier runs found out.
    #[arg(long)]
    fresh: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            println!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Says how many mutants are missed.
fn run(arguments: &Arguments) -> Result<usize> {
    let output = Command::new("git").args(["rev-parse", "--show-toplevel"]).output()?;
    let root = PathBuf::from(String::from_utf8(output.stdout)?.trim_end());
    let folder = root.join("target/mutants");
    fs::create_dir_all(&folder)?;
    let results = folder.join("results");
    if arguments.fresh {
        _ = fs::remove_file(&results);
    }
    let mutants = mutant::list(&root, &arguments.files)?;
    let results = Results::open(&root, &results, &mutants)?;
    let is_wanted = |id: &usize| match results.get(*id) {
        None => true,
        Some(Outcome::Missed(_)) => arguments.again,
        Some(_) => false,
    };
    let wanted: Vec<usize> = (0..mutants.len()).filter(is_wanted).collect();
    if !wanted.is_empty() {
        let mut tree = Tree::new(&root, &folder, &mutants);
        for id in 0..mutants.len() {
            if results.get(id) == Some(Outcome::DoesNotCompile) {
                tree.forms[id] = Form::Out;
            }
        }
        println!("{} of {} mutants are to be tried", wanted.len(), mutants.len());
        let built = tree.build(&trial::arguments())?;
        let rooms = mutants.iter().filter_map(|mutant| mutant.file.strip_prefix("src/")?.split(['/', '.']).next());
        let rooms: BTreeSet<String> = rooms.chain(trial::ROOMS).map(str::to_owned).collect();
        println!("a rehearsal without any");
        let programs = trial::rehearse(&built, &rooms, &folder)?;
        let processors = thread::available_parallelism()?.get();
        try_all(&wanted, &tree, &programs, &results, &folder, arguments.jobs.unwrap_or(processors / 2).max(1))?;
    }
    let (report, missed) = results.report();
    println!("{report}");
    Ok(missed)
}

/// Tries mutants, several at a time.
fn try_all(
    wanted: &[usize],
    tree: &Tree<'_>,
    programs: &[trial::Program],
    results: &Results<'_>,
    folder: &Path,
    jobs: usize,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<()> {
        while let Some(id) = wanted.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
            let outcome = match (tree.is_placed[id], tree.forms[id]) {
                (false, _) => Outcome::NotTried,
                (true, Form::Out) => Outcome::DoesNotCompile,
                (true, _) => trial::try_out(id, programs, folder)?,
            };
            println!("{id}: {outcome}: {}", tree.mutants[id].name);
            results.note(id, outcome)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Err("a worker panicked".into())));
        ended.collect::<Result<Vec<()>>>().map(|_| ())
    })
}
