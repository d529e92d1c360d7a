//! How well synced writes of many threads share their syncs: puts a second by threads, beside what the disk allows if
//! one thread writes and syncs as many records at a time as there are threads.
//!
//! `cargo bench -p hashrange --bench group_commit -- FOLDER` (default: a temporary folder).

use hashrange::{
    Database, Durability, Item, S,
    file::{Disk, FileName, RealDisk},
};
use std::{
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

const ROUND: Duration = Duration::from_millis(700);
const ROUNDS: usize = 5;
const VALUE_BYTES: usize = 200;
/// About what a put of such an item takes in the log.
const RECORD_BYTES: usize = VALUE_BYTES + 100;

/// Batches a second that the disk takes: one append of `batch` records and one sync each, into reserved space.
#[expect(clippy::disallowed_methods, reason = "measures time, and nothing but")]
fn batches_per_sec(folder: &Path, batch: usize) -> hashrange::Result<f64> {
    let disk = RealDisk::open(folder, true)?;
    let name = FileName::Log(1);
    let mut file = disk.create(name)?;
    file.reserve(16 << 20)?;
    file.sync()?;
    let (start, bytes, mut batches) = (Instant::now(), vec![7; RECORD_BYTES * batch], 0_u64);
    let mut offset = 0;
    while start.elapsed() < ROUND {
        file.write_at(offset, &bytes)?;
        file.sync()?;
        offset = (offset + bytes.len() as u64) % (15 << 20);
        batches += 1;
    }
    let rate = batches as f64 / start.elapsed().as_secs_f64();
    drop(file);
    disk.remove(name)?;
    Ok(rate)
}

/// Puts a second of so many threads.
#[expect(clippy::disallowed_methods, reason = "measures time, and nothing but")]
fn puts_per_sec(folder: &Path, threads: usize) -> hashrange::Result<f64> {
    let db = Database::options().durability(Durability::Sync).open(folder)?;
    let table = db.create_table("items").hash::<S>("id").open_or_create()?;
    let (stop, puts) = (AtomicBool::new(false), AtomicU64::new(0));
    let start = Instant::now();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                let (table, stop, puts) = (&table, &stop, &puts);
                scope.spawn(move || -> hashrange::Result<()> {
                    for number in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        let item = Item::new().with("id", format!("{worker} {}", number % 5000));
                        table.put(&item.with("value", "x".repeat(VALUE_BYTES)).with("number", number))?;
                        puts.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(())
                })
            })
            .collect();
        thread::sleep(ROUND);
        stop.store(true, Ordering::Relaxed);
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Ok(())))
    })?;
    Ok(puts.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[expect(clippy::print_stdout, reason = "a program that prints")]
fn main() -> hashrange::Result<()> {
    let temporary =
        tempfile::tempdir().map_err(|error| hashrange::Error::io("create", "a temporary folder", &error))?;
    let folder = std::env::args()
        .nth(1)
        .filter(|argument| !argument.starts_with("--"))
        .map_or_else(|| temporary.path().to_owned(), Into::into);
    let (raw, database) = (folder.join("raw"), folder.join("database"));
    println!("threads   puts/s   disk: batches/s x threads   ratio");
    for threads in [1, 2, 4, 8, 16, 32] {
        let (mut puts, mut allowed) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            allowed.push(batches_per_sec(&raw, threads)? * threads as f64);
            puts.push(puts_per_sec(&database, threads)?);
        }
        let (puts, allowed) = (median(puts), median(allowed));
        println!("{threads:7} {puts:8.0} {allowed:27.0} {:7.2}", puts / allowed);
    }
    Ok(())
}
