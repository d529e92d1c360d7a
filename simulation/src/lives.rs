//! Many lives from many seeds, on all cores; and what is left of one that failed.

use crate::{
    event::Script,
    life::{Counts, live},
};
use std::{
    fmt,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

/// What kind of life a seed makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plot {
    /// The machine loses power again and again.
    Crashes,
    /// The disk fails, and sometimes the power too.
    Faults,
}

impl Plot {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::Crashes, Self::Faults];

    /// The word for it in commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crashes => "crashes",
            Self::Faults => "faults",
        }
    }

    fn script(self, seed: u64) -> Script {
        match self {
            Self::Crashes => Script::with_crashes(seed),
            Self::Faults => Script::with_faults(seed),
        }
    }
}

/// A database that broke a promise, and the way to it.
#[derive(Clone, Debug)]
pub struct Failure(pub(crate) String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

/// Lives one life for each seed. The first failure ends it, shrunk and with the command that repeats it.
pub fn live_seeds(plot: Plot, seeds: Range<u64>) -> Result<Counts, Failure> {
    try_seeds(plot, seeds).map_err(|(seed, reason)| explain(plot, seed, &reason))
}

/// Lives one life for each seed. The first failure ends it: its seed, and what went wrong.
pub fn try_seeds(plot: Plot, seeds: Range<u64>) -> Result<Counts, (u64, String)> {
    let total = Mutex::new(Counts::default());
    let failure = Mutex::new(None);
    let has_failed = AtomicBool::new(false);
    let threads = threads() as u64;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (seeds, total, failure, has_failed) = (seeds.clone(), &total, &failure, &has_failed);
            scope.spawn(move || {
                let mut counts = Counts::default();
                for seed in (seeds.start + thread..seeds.end).step_by(threads as usize) {
                    if has_failed.load(Ordering::Relaxed) {
                        break;
                    }
                    if let Err(reason) = attempt(&plot.script(seed), &mut counts) {
                        has_failed.store(true, Ordering::Relaxed);
                        *failure.lock().unwrap() = Some((seed, reason));
                    }
                }
                total.lock().unwrap().add(&counts);
            });
        }
    });
    match failure.into_inner().unwrap() {
        None => Ok(total.into_inner().unwrap()),
        Some(failure) => Err(failure),
    }
}

/// Lives the life of one seed; returns a hash of everything that its disks saw.
pub fn replay(plot: Plot, seed: u64) -> Result<u64, Failure> {
    attempt(&plot.script(seed), &mut Counts::default()).map_err(|reason| explain(plot, seed, &reason))
}

pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Lives a script; a panic counts as a failure like any other.
fn attempt(script: &Script, counts: &mut Counts) -> Result<u64, String> {
    caught(|| live(script, counts))
}

/// Turns a panic into an error.
pub(crate) fn caught<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("panic: {}", text.unwrap_or_default()))
    })
}

/// Leaves out events, many at a time at first, as long as the script still fails.
fn shrink(script: &Script) -> Script {
    let mut shrunk = script.clone();
    let mut chunk = shrunk.events.len() / 2;
    while chunk > 0 {
        let mut start = 0;
        while start < shrunk.events.len() {
            let mut candidate = shrunk.clone();
            candidate.events.drain(start..(start + chunk).min(shrunk.events.len()));
            if attempt(&candidate, &mut Counts::default()).is_err() {
                shrunk = candidate;
            } else {
                start += chunk;
            }
        }
        chunk /= 2;
    }
    shrunk
}

fn explain(plot: Plot, seed: u64, reason: &str) -> Failure {
    let shrunk = shrink(&plot.script(seed));
    let last = attempt(&shrunk, &mut Counts::default()).err().unwrap_or_else(|| reason.to_owned());
    let events: Vec<String> = shrunk.events.iter().map(|event| format!("  {event:?}")).collect();
    let plot = plot.name();
    Failure(format!(
        "{plot}, seed {seed}: {reason}\nshrunk to {} events: {last}\n{:?}\nfirst cut: {:?}\n{}\n\
         again: cargo run --release -p hashrange-simulation -- replay {plot} {seed}",
        shrunk.events.len(),
        shrunk.setup,
        shrunk.first_cut,
        events.join("\n"),
    ))
}
