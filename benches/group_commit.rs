//! How well synced writes of many threads share their syncs: puts a second by threads, beside what a bare log allows
//! that writes records of the same size into the same folder and does nothing else.
//!
//! `cargo bench -p hashrange --bench group_commit -- FOLDER` (default: a temporary folder).

use hashrange::{
    Database, Durability, Item,
    file::{Disk, FileName, RealDisk, WritableFile},
    key::S,
};
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::{
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

const ROUND: Duration = Duration::from_millis(700);
const ROUNDS: usize = 5;
const VALUE_BYTES: usize = 200;
/// How long the leader of the bare log waits for others.
const GATHER: Duration = Duration::from_micros(100);
/// About what a put of such an item takes in the log.
const RECORD_BYTES: usize = VALUE_BYTES + 100;

/// How often a second so many threads do something, which is told the number of the thread and that of the turn.
#[expect(clippy::disallowed_methods, reason = "measures time, and nothing but")]
fn per_sec(threads: usize, work: impl Fn(usize, u64) -> hashrange::Result<()> + Sync) -> hashrange::Result<f64> {
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let start = Instant::now();
    thread::scope(|scope| {
        let (work, stop, done) = (&work, &stop, &done);
        let worker = |thread| {
            scope.spawn(move || -> hashrange::Result<()> {
                let mut turn = 0;
                while !stop.load(Ordering::Relaxed) {
                    work(thread, turn)?;
                    turn += 1;
                }
                done.fetch_add(turn, Ordering::Relaxed);
                Ok(())
            })
        };
        let workers: Vec<_> = (0..threads).map(worker).collect();
        thread::sleep(ROUND);
        stop.store(true, Ordering::Relaxed);
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Ok(())))
    })?;
    Ok(done.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64())
}

/// Records a second of so many threads into a bare file, which is as a log that does nothing but to share its syncs: no
/// database, no items, the simplest leader, who lets others gather for at most 100 us.
fn records_per_sec(folder: &Path, threads: usize) -> hashrange::Result<f64> {
    let disk = RealDisk::open(folder, true)?;
    let name = FileName::Log(1);
    let mut file = disk.create(name)?;
    file.reserve(64 << 20)?;
    file.sync()?;
    let log = BareLog { state: Mutex::default(), done: Condvar::new(), file: Mutex::new((file, 0)) };
    let rate = per_sec(threads, |_, _| log.commit(&[7; RECORD_BYTES]))?;
    drop(log);
    disk.remove(name)?;
    Ok(rate)
}

#[derive(Default)]
struct BareState {
    pending: Vec<u8>,
    next: u64,
    durable: u64,
    is_led: bool,
    last_group: u64,
}

struct BareLog {
    state: Mutex<BareState>,
    done: Condvar,
    file: Mutex<(Box<dyn WritableFile>, u64)>,
}

impl BareLog {
    #[expect(clippy::disallowed_methods, reason = "measures time, and nothing but")]
    fn commit(&self, record: &[u8]) -> hashrange::Result<()> {
        let mut state = self.state.lock();
        state.pending.extend_from_slice(record);
        state.next += 1;
        let own = state.next;
        loop {
            if state.durable >= own {
                return Ok(());
            }
            if state.is_led {
                self.done.wait(&mut state);
                continue;
            }
            state.is_led = true;
            let begin = Instant::now();
            while state.next - state.durable < state.last_group && begin.elapsed() < GATHER {
                MutexGuard::unlocked(&mut state, thread::yield_now);
            }
            let (mut records, next, before) = (std::mem::take(&mut state.pending), state.next, state.durable);
            MutexGuard::unlocked(&mut state, || {
                let mut file = self.file.lock();
                let offset = file.1;
                file.1 = (offset + records.len() as u64) % (63 << 20);
                file.0.write_at(offset, &records)?;
                file.0.sync()
            })?;
            (state.last_group, state.durable, state.is_led) = (next - before, next, false);
            records.clear();
            if state.pending.is_empty() {
                state.pending = records;
            }
            self.done.notify_all();
            return Ok(());
        }
    }
}

/// Puts a second of so many threads.
fn puts_per_sec(folder: &Path, threads: usize) -> hashrange::Result<f64> {
    let db = Database::options().durability(Durability::Sync).open(folder)?;
    let table = db.create_table("items").hash::<S>("id").open_or_create()?;
    per_sec(threads, |thread, turn| {
        let item = Item::new().with("id", format!("{thread} {}", turn % 5000));
        table.put(&item.with("value", "x".repeat(VALUE_BYTES)).with("number", turn)).map(|_| ())
    })
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
    println!("threads   puts/s   bare log, records/s   ratio");
    for threads in [1, 2, 4, 8, 16, 32] {
        let (mut puts, mut allowed) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            allowed.push(records_per_sec(&raw, threads)?);
            puts.push(puts_per_sec(&database, threads)?);
        }
        let (puts, allowed) = (median(puts), median(allowed));
        println!("{threads:7} {puts:8.0} {allowed:21.0} {:7.2}", puts / allowed);
    }
    Ok(())
}
