//! Timing: work on one or several threads for a while, with percentiles of single calls.

use anyhow::Result;
use hdrhistogram::Histogram;
use std::{
    sync::Barrier,
    time::{Duration, Instant},
};

/// Calls of which one is timed alone; timing each would cost the fast ones a tenth.
const SAMPLE_EVERY: usize = 16;

/// What a slice of time brought.
#[derive(Debug)]
pub struct Slice {
    /// Operations a second, of all threads together.
    pub ops_per_sec: f64,
    /// Times of single calls, in nanoseconds.
    pub nanos: Histogram<u64>,
}

/// A histogram of nanoseconds, up to a minute, to three digits.
pub fn histogram() -> Histogram<u64> {
    // The bounds are constants that the crate accepts; should it not, an automatic histogram does the same.
    Histogram::new_with_bounds(1, 60_000_000_000, 3)
        .unwrap_or_else(|_| Histogram::new(3).unwrap_or_else(|_| unreachable!()))
}

/// One thread's work: does call number `n` and says how many operations that was.
pub type Work<'a> = Box<dyn FnMut(usize) -> Result<usize> + Send + 'a>;

/// Runs the work of each thread for a time.
pub fn timed(workers: Vec<Work<'_>>, time: Duration) -> Result<Slice> {
    let start = Barrier::new(workers.len());
    let run = |mut work: Work<'_>| -> Result<(f64, Histogram<u64>)> {
        let mut nanos = histogram();
        let (mut calls, mut operations) = (0, 0);
        start.wait();
        let began = Instant::now();
        loop {
            let single = Instant::now();
            operations += work(calls)?;
            nanos.saturating_record(single.elapsed().as_nanos() as u64);
            calls += 1;
            for _ in 1..SAMPLE_EVERY {
                operations += work(calls)?;
                calls += 1;
                // Slow calls are few: no slice shall last much longer than asked for.
                if nanos.max() > 1_000_000 && began.elapsed() >= time {
                    break;
                }
            }
            let elapsed = began.elapsed();
            if elapsed >= time {
                return Ok((operations as f64 / elapsed.as_secs_f64(), nanos));
            }
        }
    };
    let run = &run;
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = workers.into_iter().map(|work| scope.spawn(move || run(work))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| anyhow::bail!("a thread panicked"))).collect()
    });
    let mut slice = Slice { ops_per_sec: 0.0, nanos: histogram() };
    for result in results {
        let (ops_per_sec, nanos) = result?;
        slice.ops_per_sec += ops_per_sec;
        slice.nanos.add(nanos)?;
    }
    Ok(slice)
}

/// Runs a piece of work once.
pub fn once(work: impl FnOnce() -> Result<usize>) -> Result<Slice> {
    let began = Instant::now();
    let operations = work()?;
    let elapsed = began.elapsed();
    let mut nanos = histogram();
    nanos.saturating_record(elapsed.as_nanos() as u64 / operations.max(1) as u64);
    Ok(Slice { ops_per_sec: operations as f64 / elapsed.as_secs_f64(), nanos })
}

/// The median of several figures; 0 of none.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
