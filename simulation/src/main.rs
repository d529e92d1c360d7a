//! Simulated machines for hours, and the lives of single seeds again.

#![expect(clippy::print_stdout, reason = "it reports to whoever started it")]

use clap::{Parser, Subcommand};
use hashrange::Clock;
use hashrange_simulation::{Counts, Failure, Plot, live_seeds, replay, small_worlds};
use std::process::ExitCode;

/// Lives of each kind between two lines of the report.
const LIVES_PER_ROUND: u64 = 5_000;
/// Media that are looked at after each power cut in a small world.
const IMAGES: u64 = 8;
const MILLIS_PER_HOUR: f64 = 3_600_000.0;

/// Databases on simulated machines that lose power and fail, held against a model.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs random lives from fresh seeds, and all small worlds, until the time is over or something is wrong.
    Soak {
        /// Hours to go on for; what was begun is finished.
        #[arg(long, default_value_t = 1.0)]
        hours: f64,
        /// First seed; taken from the clock if absent.
        #[arg(long)]
        seed: Option<u64>,
        /// Longest sequence of operations in the small worlds, which are all lived whatever the time: by default 3 if
        /// there is an hour or more, else 2.
        #[arg(long)]
        length: Option<usize>,
    },
    /// Lives the life of one seed again; if it fails, shrinks it and prints what is left.
    Replay {
        /// Kind of life.
        #[arg(value_parser = plot)]
        plot: Plot,
        /// Its seed.
        seed: u64,
    },
}

fn plot(text: &str) -> Result<Plot, String> {
    let names: Vec<&str> = Plot::ALL.iter().map(|plot| plot.name()).collect();
    let found = Plot::ALL.into_iter().find(|plot| plot.name() == text);
    found.ok_or_else(|| format!("one of {} is expected", names.join(", ")))
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Soak { hours, seed, length } => soak(hours, seed, length.unwrap_or(if hours < 1.0 { 2 } else { 3 })),
        Command::Replay { plot, seed } => {
            replay(plot, seed).map(|trace| println!("seed {seed} lives to its end; trace {trace:016x}"))
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            println!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn soak(hours: f64, seed: Option<u64>, length: usize) -> Result<(), Failure> {
    let clock = Clock::system();
    let begin_millis = clock.now_millis();
    let millis = || clock.now_millis().saturating_sub(begin_millis);
    let mut seed = seed.unwrap_or(begin_millis);
    println!("random lives from seed {seed}");

    let (sequences, mut total) = small_worlds(length, IMAGES, 1, false)?;
    println!("{sequences} small worlds of up to {length} operations: {total}");
    let (encrypted, counts) = small_worlds(length.saturating_sub(1), IMAGES, 1, true)?;
    total.add(&counts);
    println!("{encrypted} encrypted ones: {counts}");
    let mut lives = 0;
    while (millis() as f64) < hours * MILLIS_PER_HOUR {
        for plot in Plot::ALL {
            total.add(&live_seeds(plot, seed..seed + LIVES_PER_ROUND)?);
            lives += LIVES_PER_ROUND;
        }
        seed += LIVES_PER_ROUND;
        println!("{} s, {lives} lives, {sequences} small worlds: {total}", millis() / 1000);
    }
    println!("no promise was broken: {}", rate(&total, millis()));
    Ok(())
}

fn rate(total: &Counts, millis: u64) -> String {
    let per_second = total.crash_points as f64 * 1000.0 / millis.max(1) as f64;
    format!("{total}, {per_second:.0} crash points a second")
}
